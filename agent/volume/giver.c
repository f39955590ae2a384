#include "agent/volume/giver.h"

#include "agent/runtime/sys.h"
#include "common/base/cleanup.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPORT_FD 3
#define NICE 10
#define TELL_NS (60 * NS_PER_S) /* as often as a kubelet does */

struct job {
    struct list link;
    struct giver *giver;
    struct gift gift; /* its own copy */
    char *ns;         /* of the pod for which it was begun */
    struct map *pods; /* uids of those that wait for it, or may still ask how it ended */
    pid_t pid;        /* 0: it is over */
    struct loop_child *child;
    size_t *left; /* shared with it: counted down from SIZE_MAX */
    size_t told;  /* so many files are done, as it was last looked at */
    int64_t told_at;
    int report;     /* by which it says why it fails; -1: it is over */
    struct err err; /* of one that has failed */
};

struct giver {
    struct loop *loop;
    giver_give_fn *give;
    giver_done_fn *done;
    void *ctx;
    struct list jobs;
};

struct giver *giver_new(struct loop *loop, giver_give_fn *give, giver_done_fn *done, void *ctx)
{
    struct giver *giver = xcalloc(1, sizeof(*giver));
    giver->loop = loop;
    giver->give = give;
    giver->done = done;
    giver->ctx = ctx;
    list_init(&giver->jobs);
    return giver;
}

static void job_free(struct job *job)
{
    if (job->pid > 0)
        kill(job->pid, SIGKILL); /* not reaped yet: the number is its own */
    if (job->child)
        loop_child_abandon(job->child);
    if (job->report >= 0)
        close(job->report);
    if (job->left)
        munmap(job->left, sizeof(*job->left));
    list_remove(&job->link);
    map_free(job->pods, NULL);
    free((char *)job->gift.path);
    free((char *)job->gift.label);
    free(job->ns);
    free(job);
}

void giver_free(struct giver *giver)
{
    struct list *it, *tmp;
    if (!giver)
        return;
    list_each(it, tmp, &giver->jobs) job_free(container_of(it, struct job, link));
    free(giver);
}

/* ---- the process ---- */

/* None of the agent's files stays open in it: locks, connections, keepers. */
static int keep_only(int report)
{
    if (dup2(report, REPORT_FD) < 0)
        return -errno;
    if (sys_close_range(REPORT_FD + 1, ~0U, 0) < 0)
        for (int fd = REPORT_FD + 1; fd < 4096; fd++) /* kernels before 5.9 */
            close(fd);
    return 0;
}

_Noreturn static void run(const struct job *job, int report, pid_t parent)
{
    const struct gift *gift = &job->gift;
    struct err err = {0};
    if (!WEAKENED(GIVER_ORPHAN) && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        _exit(1);
    (void)!nice(NICE);
    int rc = keep_only(report);
    rc = rc < 0 ? err_errno(&err, -rc, "%s", gift->path) : job->giver->give(gift, job->left, &err);
    if (rc < 0 && write(REPORT_FD, &err, sizeof(err)) < 0)
        _exit(2);
    _exit(rc < 0);
}

/* ---- its end ---- */

/* -EAGAIN and -EINPROGRESS are what nothing is wrong with, to volumes_prepare; fork and file
 * systems have them too. */
static int plain(struct err *err)
{
    if (err->code >= 0 || err->code == -EINPROGRESS || err->code == -EAGAIN)
        err->code = WEAKENED(GIVER_PLAIN) ? err->code : -EIO;
    return err->code;
}

/* Who did not wait is not told: it may come days later. */
static void free_heard(struct job *job)
{
    if (job->pid == 0 && map_len(job->pods) == 0)
        job_free(job);
}

static void ended(void *ctx, pid_t pid, int status)
{
    struct job *job = ctx;
    struct giver *giver = job->giver;
    (void)pid;
    job->pid = 0;
    loop_child_free(steal(job->child));
    if (status != 0 && read(job->report, &job->err, sizeof(job->err)) != (ssize_t)sizeof(job->err))
        (void)err_set(&job->err, -EINTR, "%s: the process that gives it to the pod was ended",
                      job->gift.path);
    if (status != 0)
        (void)plain(&job->err);
    close(job->report);
    job->report = -1;
    free_heard(job);
    giver->done(giver->ctx);
}

/* ---- its beginning ---- */

static struct job *job_new(struct giver *giver, const struct giver_pod *pod,
                           const struct gift *gift)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->giver = giver;
    job->gift = *gift;
    job->gift.path = xstrdup(gift->path);
    job->gift.label = gift->label ? xstrdup(gift->label) : NULL;
    job->ns = xstrdup(pod->ns);
    job->pods = map_new();
    (void)map_put(job->pods, pod->uid, job);
    job->told_at = clock_boot(loop_clock(giver->loop));
    list_append(&giver->jobs, &job->link);
    return job;
}

static int share_left(struct job *job, struct err *err)
{
    void *page =
        mmap(NULL, sizeof(*job->left), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return err_errno(err, errno, "cannot share memory with a process");
    job->left = page;
    *job->left = SIZE_MAX;
    return 0;
}

static int start(struct giver *giver, const struct giver_pod *pod, const struct gift *gift,
                 struct err *err)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
        return err_errno(err, errno, "cannot make a pipe");
    struct job *job = job_new(giver, pod, gift);
    job->report = fds[0];
    pid_t parent = getpid();
    int rc = share_left(job, err);
    if (rc == 0 && (job->pid = fork()) == 0)
        run(job, fds[1], parent);
    if (job->pid < 0)
        rc = err_errno(err, errno, "cannot start a process");
    close(fds[1]);
    if (rc == 0)
        rc = loop_child_new(giver->loop, job->pid, ended, job, &job->child, err);
    if (rc < 0) {
        pid_t pid = job->pid;
        job_free(job);
        if (pid > 0 && waitpid(pid, NULL, 0) < 0)
            log_warn("a process that was ended is not reaped: pid=%d", (int)pid);
    }
    return rc;
}

static bool is_same(const struct gift *a, const struct gift *b)
{
    return str_eq(a->path, b->path) && str_eq(a->label, b->label) && a->group == b->group &&
           a->write == b->write && a->part == b->part;
}

/* One that is over, of which this pod has not heard. */
static struct job *find_over(const struct giver *giver, const char *uid, const struct gift *gift)
{
    struct list *it, *tmp;
    list_each(it, tmp, &giver->jobs)
    {
        struct job *job = container_of(it, struct job, link);
        if (job->pid == 0 && is_same(&job->gift, gift) && map_get(job->pods, uid))
            return job;
    }
    return NULL;
}

bool giver_has_given(const struct giver *giver, const char *uid, const struct gift *gift)
{
    const struct job *job = find_over(giver, uid, gift);
    return job && job->err.code == 0 && !WEAKENED(GIVER_GIVEN);
}

static void leave(struct job *job, const char *uid)
{
    (void)map_del(job->pods, uid);
    free_heard(job);
}

void giver_forget(struct giver *giver, const char *uid)
{
    struct list *it, *tmp;
    if (!giver)
        return;
    list_each(it, tmp, &giver->jobs) leave(container_of(it, struct job, link), uid);
}

/* Joins what runs, if it is the same that is wanted. True: nothing may begin now. */
static bool must_wait(const struct giver *giver, const struct giver_pod *pod,
                      const struct gift *gift)
{
    struct list *it, *tmp;
    size_t running = 0, of_ns = 0;
    bool here = false;
    list_each(it, tmp, &giver->jobs)
    {
        struct job *job = container_of(it, struct job, link);
        if (job->pid == 0)
            continue;
        running++;
        of_ns += str_eq(job->ns, pod->ns);
        here |= str_eq(job->gift.path, gift->path);
        if (is_same(&job->gift, gift))
            (void)map_put(job->pods, pod->uid, job);
    }
    size_t room = of_ns > 0 && !WEAKENED(GIVER_LAST) ? GIVER_MAX - 1 : GIVER_MAX;
    return here || running >= room || (of_ns >= GIVER_OF_NS && !WEAKENED(GIVER_OF_NS));
}

/* In the words of a kubelet. */
static int under_way(const struct giver *giver, const struct gift *gift, struct err *err)
{
    struct list *it, *tmp;
    int64_t now = clock_boot(loop_clock(giver->loop));
    list_each(it, tmp, &giver->jobs)
    {
        struct job *job = container_of(it, struct job, link);
        if (job->pid == 0 || !is_same(&job->gift, gift))
            continue;
        if (now - job->told_at >= TELL_NS) {
            job->told = SIZE_MAX - *(volatile size_t *)job->left;
            job->told_at = now;
        }
        if (job->told > 0)
            return err_set(err, -EINPROGRESS,
                           "Setting volume ownership for %s, processed %zu files", gift->path,
                           job->told);
    }
    return err_set(err, -EINPROGRESS, "setting the ownership of the files in %s takes a while",
                   gift->path);
}

int giver_give(struct giver *giver, const struct giver_pod *pod, const struct gift *gift,
               struct err *err)
{
    struct job *over = find_over(giver, pod->uid, gift);
    int failure = over ? over->err.code : 0;
    if (failure < 0)
        *err = over->err;
    if (over)
        leave(over, pod->uid);
    if (failure < 0)
        return failure;
    if (!must_wait(giver, pod, gift) && start(giver, pod, gift, err) < 0)
        return plain(err);
    return under_way(giver, gift, err);
}
