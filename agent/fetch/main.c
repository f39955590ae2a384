#include "agent/fetch/pull.h"

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

static int read_job(struct job **ret, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, JOB_MAX);
    for (;;) {
        char block[4096];
        ssize_t n = read(STDIN_FILENO, block, sizeof(block));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot read the job");
        if (n == 0)
            return job_parse(buf_str(&text), text.len, ret, err);
        if (buf_add(&text, block, (size_t)n) < 0)
            return err_set(err, -E2BIG, "the job is longer than %d bytes", JOB_MAX);
    }
}

/* When memory is short a download goes first: the agent's protection is not for it. */
static void give_way(void)
{
    static const char score[] = "500";
    autoclose int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, score, sizeof(score) - 1); /* no /proc: it stays as it is */
}

static const char usage[] =
    "limpet-fetch pulls and loads images for limpetd.\n\n"
    "Usage: limpet-fetch < JOB\n\n"
    "JOB is JSON: {\"verb\":\"pull\",\"root\":\"/var/lib/limpet/images\",\"reference\":\"host/name:tag\"}\n"
    "or {\"verb\":\"load\",\"root\":\"...\",\"file\":\"/x.tar\"}. Progress and result are lines of JSON.\n"
    "For people: limpetd image.\n";

int main(int argc, char **argv)
{
    if (argc > 1) {
        bool version = str_eq(argv[1], "--version");
        if (version)
            puts("limpet-fetch " LIMPET_VERSION);
        else
            fputs(usage, str_eq(argv[1], "--help") ? stdout : stderr);
        return version || str_eq(argv[1], "--help") ? 0 : 2;
    }
    /* libarchive hands names out in the locale's encoding: file names are UTF-8. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        (void)setlocale(LC_CTYPE, "en_US.UTF-8");
    signal(SIGPIPE, SIG_IGN);
    umask(022);
    give_way();
    struct err err = {0};
    cleanup(job_free) struct job *job = NULL;
    char **images = NULL;
    char reason[32] = "ErrImagePull";
    int rc = read_job(&job, &err);
    if (rc == 0)
        rc = pull_job(job, &images, reason, &err);
    if (rc < 0) {
        job_tell_error(reason, err.msg);
        return 1;
    }
    job_tell_images(images);
    for (size_t i = 0; images[i]; i++)
        free(images[i]);
    free(images);
    return 0;
}
