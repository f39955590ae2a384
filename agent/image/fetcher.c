#include "agent/image/fetcher.h"

#include "agent/image/gateway.h"
#include "agent/image/registries.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/disk.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define LINE_MAX_BYTES 65536

struct fetcher {
    struct loop *loop;
    pid_t pid;
    int out_fd;
    struct loop_io *io;
    struct loop_child *child;
    struct buf line;
    struct value *result; /* the last line */
    fetcher_done_fn *done;
    image_progress_fn *progress;
    void *ctx;
};

/* Where to ask, and as whom. It is read for each pull, so that a change needs no restart and no
 * password of the node's stays in memory. */
static int find_endpoints(const struct images_spec *spec, const struct fetcher_job *job,
                          struct value **ret, struct err *err)
{
    static const struct credentials none;
    cleanup(value_free) struct value *registries = NULL;
    cleanup(buf_done) struct buf text;
    struct reference ref;
    struct disk *disk = disk_posix();
    buf_init(&text, REGISTRIES_MAX_BYTES);
    int rc = spec->registries_file
                 ? disk->read(disk, spec->registries_file, REGISTRIES_MAX_BYTES, &text, err)
                 : -ENOENT;
    if (rc == 0)
        rc = registries_parse(spec->registries_file, buf_str(&text), text.len, &registries, err);
    if (text.len > 0)
        explicit_bzero(text.data, text.len);
    if (rc < 0 && rc != -ENOENT)
        return rc;
    rc = reference_parse(job->reference, &ref, err);
    if (rc == 0)
        *ret = registries_endpoints(registries, &ref, job->credentials ? job->credentials : &none);
    if (rc == 0)
        rc = gateway_endpoints(spec->gateway, &ref, *ret, err);
    return rc;
}

/* Takes endpoints. */
static struct value *job_of(const struct images_spec *spec, const struct fetcher_job *job,
                            struct value *endpoints)
{
    struct value *doc = value_new_map();
    value_set_str(doc, "verb", job->file ? "load" : "pull");
    value_set_str(doc, "root", spec->root);
    value_set_str(doc, "reference", job->reference);
    value_set_str(doc, "file", job->file);
    value_set_str(doc, "caDir", spec->ca_dir);
    if (endpoints)
        value_set(doc, "endpoints", endpoints);
    if (spec->rate > 0 && !job->file) /* all share the line; who is alone does not take it all */
        value_set_int(doc, "rate", spec->rate / (spec->pulls_max ? spec->pulls_max : 1) + 1);
    struct value *list = value_set(doc, "insecure", value_new_list());
    for (size_t i = 0; spec->insecure_registries && spec->insecure_registries[i]; i++)
        value_append(list, value_new_str(spec->insecure_registries[i]));
    return doc;
}

/* The job as a descriptor to read from. */
static int write_job(const struct images_spec *spec, const struct fetcher_job *job, struct err *err)
{
    struct value *endpoints = NULL;
    int rc = job->file ? 0 : find_endpoints(spec, job, &endpoints, err);
    if (rc < 0)
        return rc;
    cleanup(value_free) struct value *doc = job_of(spec, job, endpoints);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(doc, &text);
    autoclose int fd = memfd_create("limpet-fetch-job", MFD_CLOEXEC);
    bool written = fd >= 0 && pwrite(fd, buf_str(&text), text.len, 0) == (ssize_t)text.len;
    int error = errno;
    explicit_bzero(text.data, text.len);
    return written ? steal_fd(&fd) : err_errno(err, error, "cannot hand the job to limpet-fetch");
}

static void take_line(struct fetcher *f, const char *line, size_t len)
{
    struct value *value = NULL;
    if (json_parse(line, len, &value, NULL) < 0)
        return;
    if (value_get(value, "total")) {
        if (f->progress)
            f->progress(f->ctx, value_get_int(value, "done", 0), value_get_int(value, "total", 0));
        value_free(value);
        return;
    }
    value_free(f->result);
    f->result = value;
}

/* 1: there may be more, 0: the end. */
static int read_some(struct fetcher *f)
{
    char block[4096];
    ssize_t n = read(f->out_fd, block, sizeof(block));
    if (n < 0)
        return errno == EINTR;
    if (n == 0 || buf_add(&f->line, block, (size_t)n) < 0)
        return 0;
    for (const char *end; f->line.len && (end = memchr(f->line.data, '\n', f->line.len));) {
        size_t len = (size_t)(end - f->line.data);
        take_line(f, f->line.data, len);
        buf_drop(&f->line, len + 1);
    }
    return 1;
}

static void on_output(void *ctx, int fd, uint32_t events)
{
    struct fetcher *f = ctx;
    (void)fd;
    (void)events;
    if (read_some(f) == 0)
        loop_io_events(f->io, 0); /* the end of the program is what counts */
}

static void tell_success(struct fetcher *f)
{
    const struct value *list = value_get(f->result, "images");
    autofree const char **images = xcalloc(value_len(list) + 1, sizeof(*images));
    for (size_t i = 0; i < value_len(list); i++) {
        const char *text = value_str(value_at(list, i));
        images[i] = text ? text : "";
    }
    f->done(f->ctx, 0, images, NULL, NULL);
}

static void on_end(void *ctx, pid_t pid, int status)
{
    struct fetcher *f = ctx;
    (void)pid;
    f->pid = -1;
    (void)fcntl(f->out_fd, F_SETFL, O_NONBLOCK);
    while (read_some(f) > 0) {
        /* what it said last */
    }
    const char *error = value_get_str(f->result, "error");
    const char *reason = value_get_str(f->result, "reason");
    if (status == 0 && value_get(f->result, "images")) {
        tell_success(f);
        return;
    }
    autofree char *text =
        error ? xstrdup(error) : xasprintf("limpet-fetch %s", proc_status_text(status));
    autofree char *why = xstrdup(reason ? reason : "ErrImagePull");
    f->done(f->ctx, -EIO, NULL, why, text);
}

static int start(struct fetcher *f, const struct images_spec *spec, const struct fetcher_job *job,
                 struct err *err)
{
    autoclose int in = write_job(spec, job, err);
    int out[2];
    if (in < 0)
        return in;
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_errno(err, errno, "pipe");
    f->out_fd = out[0];
    const char *const argv[] = {"limpet-fetch", NULL};
    const struct proc_spec proc = {.path = spec->fetch_path,
                                   .argv = argv,
                                   .fd_in = in,
                                   .fd_out = out[1],
                                   .fd_err = STDERR_FILENO,
                                   .new_session = true,
                                   .death_signal = SIGKILL};
    int rc = proc_spawn(&proc, &f->pid, err);
    close(out[1]);
    return rc;
}

int fetcher_new(struct loop *loop, const struct images_spec *spec, const struct fetcher_job *job,
                fetcher_done_fn *done, image_progress_fn *progress, void *ctx, struct fetcher **ret,
                struct err *err)
{
    struct fetcher *f = xcalloc(1, sizeof(*f));
    *f = (struct fetcher){
        .loop = loop, .pid = -1, .out_fd = -1, .done = done, .progress = progress, .ctx = ctx};
    buf_init(&f->line, LINE_MAX_BYTES);
    int rc = start(f, spec, job, err);
    if (rc == 0)
        rc = loop_io_new(loop, f->out_fd, EPOLLIN, on_output, f, &f->io, err);
    if (rc == 0)
        rc = loop_child_new(loop, f->pid, on_end, f, &f->child, err);
    if (rc < 0) {
        fetcher_free(f);
        return rc;
    }
    *ret = f;
    return 0;
}

void fetcher_free(struct fetcher *f)
{
    if (!f)
        return;
    if (f->pid > 0) {
        kill(-f->pid, SIGKILL);
        kill(f->pid, SIGKILL);
    }
    /* Waiting for it here would be waiting for the medium: syncfs takes no signal. */
    if (f->pid > 0 && f->child)
        loop_child_abandon(f->child);
    else
        loop_child_free(f->child);
    loop_io_free(f->io);
    if (f->out_fd >= 0)
        close(f->out_fd);
    buf_done(&f->line);
    value_free(f->result);
    free(f);
}
