#include "controller/monitor/trail.h"

#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STACK_BYTES (128 * 1024)

struct trail {
    char *file;
    size_t bytes;
    int files;
    pthread_t thread;
    bool started;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* Under the lock. */
    struct buf batch;
    bool busy; /* there is a batch to be written */
    bool stop;
    uint64_t lost;
    int error;
    /* Of the thread alone. */
    int fd; /* -1: to be opened */
    size_t size;
};

/* ---- the file ---- */

static int open_file(struct trail *trail)
{
    struct stat st;
    char last = '\n';
    trail->fd = open(trail->file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (trail->fd < 0 || fstat(trail->fd, &st) < 0)
        return -errno;
    trail->size = (size_t)st.st_size;
    /* A torn line stays by itself. */
    if (st.st_size > 0 && pread(trail->fd, &last, 1, st.st_size - 1) == 1 && last != '\n')
        return write(trail->fd, "\n", 1) < 0 ? -errno : 0;
    return 0;
}

static void close_file(struct trail *trail)
{
    if (trail->fd >= 0)
        close(trail->fd);
    trail->fd = -1;
}

/* FILE becomes FILE.1, and so on; the oldest goes. */
static void turn_over(struct trail *trail)
{
    close_file(trail);
    for (int i = trail->files - 1; i > 0; i--) {
        autofree char *to = xasprintf("%s.%d", trail->file, i);
        autofree char *from = i > 1 ? xasprintf("%s.%d", trail->file, i - 1) : xstrdup(trail->file);
        (void)rename(from, to);
    }
    /* Where nothing can be renamed, it begins anew all the same. */
    (void)unlink(trail->file);
}

static int append(struct trail *trail, const struct buf *text)
{
    int r = trail->fd < 0 ? open_file(trail) : 0;
    bool over = trail->size > 0 && trail->size + text->len > trail->bytes / (size_t)trail->files;
    if (r == 0 && over && !WEAKENED(AUDIT_BOUND)) {
        turn_over(trail);
        r = open_file(trail);
    }
    if (r < 0)
        return r;
    ssize_t n = write(trail->fd, text->data, text->len);
    if (n < 0)
        return -errno;
    trail->size += (size_t)n;
    if ((size_t)n < text->len)
        return -ENOSPC;
    /* A pipe, say, cannot be synced. */
    return fdatasync(trail->fd) < 0 && errno != EINVAL && errno != EROFS ? -errno : 0;
}

static uint64_t count_lines(const struct buf *text)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text->len; i++)
        count += text->data[i] == '\n';
    return count;
}

/* ---- the thread ---- */

/* Under the lock, which is let go of meanwhile. */
static void write_batch(struct trail *trail)
{
    struct buf batch = trail->batch;
    pthread_mutex_unlock(&trail->lock);
    int r = append(trail, &batch);
    if (r < 0)
        close_file(trail);
    pthread_mutex_lock(&trail->lock);
    trail->lost += r < 0 ? count_lines(&batch) : 0;
    trail->error = -r;
    trail->busy = false;
    trail->batch = (struct buf){0};
    buf_done(&batch);
    pthread_cond_broadcast(&trail->changed);
}

static void *trail_main(void *arg)
{
    struct trail *trail = arg;
    pthread_mutex_lock(&trail->lock);
    while (trail->busy || !trail->stop) {
        if (trail->busy)
            write_batch(trail);
        else
            pthread_cond_wait(&trail->changed, &trail->lock);
    }
    pthread_mutex_unlock(&trail->lock);
    return NULL;
}

/* All signals stay with the loop's thread. */
static bool start_thread(struct trail *trail)
{
    sigset_t all, before;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&trail->thread, &attr, trail_main, trail);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return r == 0;
}

/* Under the lock. Without a thread it is written here and now. */
static void hand_over(struct trail *trail, struct buf *lines)
{
    trail->batch = *lines;
    *lines = (struct buf){0};
    trail->busy = true;
    trail->started = trail->started || (!WEAKENED(AUDIT_THREAD) && start_thread(trail));
    if (!trail->started)
        write_batch(trail);
    pthread_cond_broadcast(&trail->changed);
}

/* ---- the trail ---- */

struct trail *trail_new(const char *file, size_t bytes, int files)
{
    struct trail *trail = xcalloc(1, sizeof(*trail));
    trail->file = xstrdup(file);
    trail->bytes = bytes;
    trail->files = files;
    trail->fd = -1;
    pthread_mutex_init(&trail->lock, NULL);
    pthread_cond_init(&trail->changed, NULL);
    return trail;
}

bool trail_write(struct trail *trail, struct buf *lines)
{
    pthread_mutex_lock(&trail->lock);
    bool taken = !trail->busy;
    if (taken)
        hand_over(trail, lines);
    pthread_mutex_unlock(&trail->lock);
    return taken;
}

bool trail_is_busy(struct trail *trail)
{
    pthread_mutex_lock(&trail->lock);
    bool busy = trail->busy;
    pthread_mutex_unlock(&trail->lock);
    return busy;
}

uint64_t trail_lost(struct trail *trail, int *ret_error)
{
    pthread_mutex_lock(&trail->lock);
    uint64_t lost = trail->lost;
    *ret_error = trail->error;
    pthread_mutex_unlock(&trail->lock);
    return lost;
}

void trail_free(struct trail *trail, struct buf *lines)
{
    if (!trail)
        return;
    pthread_mutex_lock(&trail->lock);
    while (trail->busy)
        pthread_cond_wait(&trail->changed, &trail->lock);
    if (lines->len > 0)
        hand_over(trail, lines);
    trail->stop = true;
    pthread_cond_broadcast(&trail->changed);
    pthread_mutex_unlock(&trail->lock);
    if (trail->started)
        pthread_join(trail->thread, NULL);
    close_file(trail);
    pthread_mutex_destroy(&trail->lock);
    pthread_cond_destroy(&trail->changed);
    free(trail->file);
    free(trail);
}
