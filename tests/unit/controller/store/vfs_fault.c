#include "vfs_fault.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What undoes one write that no sync has covered yet. */
struct undo {
    struct undo *next; /* the write before it */
    sqlite3_int64 offset, size_before;
    int len, old_len;
    unsigned char *old;
};

struct fault_file {
    sqlite3_file base;
    struct fault_file *next_open;
    struct undo *undo;
    sqlite3_file *real; /* behind this struct */
};

/* The one state of a test program: SQLite's VFS is one of the process. */
static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    pthread_mutex_t lock;
    struct fault_file *open;
    enum vfs_fault_mode mode;
    long n, count;
    unsigned seed;
} fault = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct fault_file *of(sqlite3_file *file)
{
    return (struct fault_file *)file;
}

static void forget(struct fault_file *file)
{
    while (file->undo) {
        struct undo *undo = file->undo;
        file->undo = undo->next;
        free(undo->old);
        free(undo);
    }
}

/* Newest first. A seeded half of the cuts keeps some of the writes, as a card's cache does. */
static void lose(struct fault_file *file)
{
    sqlite3_file *real = file->real;
    for (struct undo *undo = file->undo; undo; undo = undo->next) {
        if (fault.seed % 2 && rand_r(&fault.seed) % 2)
            continue;
        if (undo->old_len)
            real->pMethods->xWrite(real, undo->old, undo->old_len, undo->offset);
        if (undo->size_before < undo->offset + undo->len && undo->size_before >= 0)
            real->pMethods->xTruncate(real, undo->size_before);
    }
}

static void cut(void)
{
    for (struct fault_file *file = fault.open; file; file = file->next_open)
        lose(file);
    _exit(77);
}

/* Counts one call; true if it is the one that fails. */
static bool strikes(bool sync)
{
    fault.count++;
    switch (fault.mode) {
    case VFS_PASS:
        return false;
    case VFS_FULL:
        return !sync && fault.count >= fault.n;
    case VFS_EIO:
        if (!sync || --fault.n > 0)
            return false;
        fault.mode = VFS_PASS;
        return true;
    case VFS_CUT:
        return fault.count >= fault.n;
    }
    return false;
}

static void remember(struct fault_file *file, int len, sqlite3_int64 offset)
{
    struct undo *undo = calloc(1, sizeof(*undo));
    undo->offset = offset;
    undo->len = len;
    file->real->pMethods->xFileSize(file->real, &undo->size_before);
    if (undo->size_before > offset) {
        sqlite3_int64 there = undo->size_before - offset;
        undo->old_len = there < len ? (int)there : len;
        undo->old = malloc((size_t)undo->old_len);
        file->real->pMethods->xRead(file->real, undo->old, undo->old_len, offset);
    }
    undo->next = file->undo;
    file->undo = undo;
}

static int f_close(sqlite3_file *f)
{
    struct fault_file **at = &fault.open;
    pthread_mutex_lock(&fault.lock);
    while (*at && *at != of(f))
        at = &(*at)->next_open;
    if (*at)
        *at = of(f)->next_open;
    forget(of(f));
    pthread_mutex_unlock(&fault.lock);
    return of(f)->real->pMethods->xClose(of(f)->real);
}

static int f_read(sqlite3_file *f, void *data, int len, sqlite3_int64 offset)
{
    return of(f)->real->pMethods->xRead(of(f)->real, data, len, offset);
}

static int f_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 offset)
{
    int rc;
    pthread_mutex_lock(&fault.lock);
    if (strikes(false)) {
        if (fault.mode == VFS_CUT)
            cut();
        rc = SQLITE_FULL;
    } else {
        remember(of(f), len, offset);
        rc = of(f)->real->pMethods->xWrite(of(f)->real, data, len, offset);
    }
    pthread_mutex_unlock(&fault.lock);
    return rc;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return of(f)->real->pMethods->xTruncate(of(f)->real, size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    int rc = SQLITE_IOERR_FSYNC;
    pthread_mutex_lock(&fault.lock);
    if (!strikes(true)) {
        rc = of(f)->real->pMethods->xSync(of(f)->real, flags);
        forget(of(f));
    } else if (fault.mode == VFS_CUT) {
        cut();
    }
    pthread_mutex_unlock(&fault.lock);
    return rc;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    return of(f)->real->pMethods->xFileSize(of(f)->real, ret);
}

static int f_lock(sqlite3_file *f, int lock)
{
    return of(f)->real->pMethods->xLock(of(f)->real, lock);
}

static int f_unlock(sqlite3_file *f, int lock)
{
    return of(f)->real->pMethods->xUnlock(of(f)->real, lock);
}

static int f_reserved(sqlite3_file *f, int *ret)
{
    return of(f)->real->pMethods->xCheckReservedLock(of(f)->real, ret);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return of(f)->real->pMethods->xFileControl(of(f)->real, op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return of(f)->real->pMethods->xSectorSize(of(f)->real);
}

static int f_device(sqlite3_file *f)
{
    (void)f;
    return 0; /* promises nothing: no safe append, no atomic write */
}

/* Version 1: no shared memory, which the store's exclusive mode does without. */
static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_unlock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
};

static int v_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *ret)
{
    (void)vfs;
    struct fault_file *file = of(f);
    memset(file, 0, sizeof(*file));
    file->real = (sqlite3_file *)(file + 1);
    int rc = fault.real->xOpen(fault.real, name, file->real, flags, ret);
    if (rc != SQLITE_OK)
        return rc;
    file->base.pMethods = &methods;
    pthread_mutex_lock(&fault.lock);
    file->next_open = fault.open;
    fault.open = file;
    pthread_mutex_unlock(&fault.lock);
    return rc;
}

void vfs_fault_register(void)
{
    if (fault.real)
        return;
    fault.real = sqlite3_vfs_find(NULL);
    fault.vfs = *fault.real;
    fault.vfs.szOsFile = (int)sizeof(struct fault_file) + fault.real->szOsFile;
    fault.vfs.zName = "fault";
    fault.vfs.pNext = NULL;
    fault.vfs.xOpen = v_open;
    sqlite3_vfs_register(&fault.vfs, 1);
}

void vfs_fault_set(enum vfs_fault_mode mode, long n, unsigned seed)
{
    pthread_mutex_lock(&fault.lock);
    fault.mode = mode;
    fault.n = n;
    fault.seed = seed;
    fault.count = 0;
    pthread_mutex_unlock(&fault.lock);
}

long vfs_fault_count(void)
{
    pthread_mutex_lock(&fault.lock);
    long count = fault.count;
    pthread_mutex_unlock(&fault.lock);
    return count;
}
