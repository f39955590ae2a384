#include "controller/store/writer.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* In pages of the log: copied into the database when idle, and at once when it has grown this far
 * (4 KiB a page). */
#define WAL_IDLE 1000
#define WAL_HARD 8000
#define IDLE_S 1
#define STACK_BYTES (512 * 1024)

struct chain {
    struct writer_op *first, *last;
};

struct writer {
    struct sqlite *db;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int event;
    /* Under the lock. */
    struct chain waiting, done;
    bool stop;
    struct histogram commits;
    bool full;
    /* Of the thread alone. */
    uint32_t failed_epoch; /* ops of this epoch or an earlier one fail; 0: none */
    int failed_code;
};

static void chain_append(struct chain *chain, struct writer_op *first, struct writer_op *last)
{
    if (chain->last)
        chain->last->next = first;
    else
        chain->first = first;
    chain->last = last;
}

static int write_op(struct sqlite *db, const struct writer_op *op)
{
    switch (op->kind) {
    case WRITER_PUT:
        return sqlite_put(db, op->item);
    case WRITER_DELETE:
        return sqlite_delete(db, op->number);
    case WRITER_RESERVE:
        return sqlite_reserve(db, op->number);
    }
    return -EIO;
}

static int write_all(struct sqlite *db, const struct writer_op *first)
{
    int code = sqlite_begin(db);
    for (const struct writer_op *op = first; op && code == 0; op = op->next)
        code = write_op(db, op);
    if (code == 0)
        code = sqlite_commit(db);
    if (code < 0)
        sqlite_rollback(db);
    return code;
}

/* One transaction for everything of a living epoch; sets the codes. */
static void write_batch(struct writer *writer, struct writer_op *first)
{
    struct writer_op *op = first;
    for (; op && op->epoch <= writer->failed_epoch; op = op->next)
        op->code = writer->failed_code;
    if (!op)
        return;
    int code = write_all(writer->db, op);
    for (; op; op = op->next) {
        op->code = code;
        if (code < 0)
            writer->failed_epoch = op->epoch;
    }
    if (code < 0)
        writer->failed_code = code;
    if (code < 0 && code != -ENOSPC && !WEAKENED(STORE_FENCE))
        writer->failed_epoch = UINT32_MAX;
}

/* idle: there is time to give back room too. */
static void checkpoint(struct writer *writer, bool idle)
{
    int code = idle && sqlite_has_slack(writer->db) ? sqlite_trim(writer->db) : 0;
    if (code != -EIO)
        code = sqlite_checkpoint(writer->db);
    if (code == -EIO) {
        writer->failed_epoch = UINT32_MAX;
        writer->failed_code = -EIO;
    }
}

static bool wants_rest(const struct writer *writer)
{
    return writer->failed_epoch != UINT32_MAX &&
           (sqlite_wal_pages(writer->db) >= WAL_IDLE || sqlite_has_slack(writer->db));
}

/* Under the lock: until there is work or nothing more will come. True: the log is big enough, or
 * there is room to be given back, and nobody asked for a while. */
static bool wait_for_work(struct writer *writer)
{
    bool timed = wants_rest(writer);
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_S;
    while (!writer->waiting.first && !writer->stop) {
        if (!timed)
            pthread_cond_wait(&writer->wake, &writer->lock);
        else if (pthread_cond_timedwait(&writer->wake, &writer->lock, &until) == ETIMEDOUT)
            return !writer->waiting.first && !writer->stop;
    }
    return false;
}

static void announce(const struct writer *writer)
{
    uint64_t one = 1;
    while (write(writer->event, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void *writer_main(void *arg)
{
    struct writer *writer = arg;
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        bool idle = wait_for_work(writer);
        struct chain batch = writer->waiting;
        writer->waiting = (struct chain){0};
        if (!batch.first && !idle)
            break;
        pthread_mutex_unlock(&writer->lock);

        int64_t began = clock_boot(clock_system());
        if (batch.first)
            write_batch(writer, batch.first);
        int64_t took = clock_boot(clock_system()) - began;

        pthread_mutex_lock(&writer->lock);
        if (batch.first) {
            histogram_add(&writer->commits, took);
            writer->full = batch.last->code == -ENOSPC;
            chain_append(&writer->done, batch.first, batch.last);
            announce(writer);
        }
        if (idle || sqlite_wal_pages(writer->db) >= WAL_HARD) {
            pthread_mutex_unlock(&writer->lock);
            checkpoint(writer, idle);
            pthread_mutex_lock(&writer->lock);
        }
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* All signals stay with the loop's thread. */
static int start_thread(struct writer *writer)
{
    sigset_t all, before;
    pthread_attr_t attr;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_BYTES);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&writer->thread, &attr, writer_main, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return r;
}

static void destroy(struct writer *writer)
{
    pthread_mutex_destroy(&writer->lock);
    pthread_cond_destroy(&writer->wake);
    if (writer->event >= 0)
        close(writer->event);
    free(writer);
}

int writer_new(struct sqlite *db, struct writer **ret, struct err *err)
{
    struct writer *writer = xcalloc(1, sizeof(*writer));
    pthread_condattr_t attr;
    writer->db = db;
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->wake, &attr);
    pthread_condattr_destroy(&attr);

    writer->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = writer->event < 0 ? errno : start_thread(writer);
    if (r != 0) {
        destroy(writer);
        return err_errno(err, r, "store: start the writer");
    }
    *ret = writer;
    return 0;
}

struct writer_op *writer_free(struct writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    writer->stop = true;
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    struct writer_op *left = writer->done.first;
    destroy(writer);
    return left;
}

int writer_fd(const struct writer *writer)
{
    return writer->event;
}

void writer_push(struct writer *writer, struct writer_op *first, struct writer_op *last)
{
    last->next = NULL;
    pthread_mutex_lock(&writer->lock);
    chain_append(&writer->waiting, first, last);
    pthread_cond_signal(&writer->wake);
    pthread_mutex_unlock(&writer->lock);
}

struct writer_op *writer_take(struct writer *writer)
{
    uint64_t count;
    while (read(writer->event, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
    pthread_mutex_lock(&writer->lock);
    struct writer_op *first = writer->done.first;
    writer->done = (struct chain){0};
    pthread_mutex_unlock(&writer->lock);
    return first;
}

void writer_stats(struct writer *writer, struct histogram *ret, bool *ret_full)
{
    pthread_mutex_lock(&writer->lock);
    *ret = writer->commits;
    *ret_full = writer->full;
    pthread_mutex_unlock(&writer->lock);
}
