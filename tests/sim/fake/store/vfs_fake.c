#include "tests/sim/fake/store/vfs_fake.h"

#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#define PATH_MAX_LEN 512
#define JOURNALS                                                                                   \
    (SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_WAL | SQLITE_OPEN_SUBJOURNAL |                         \
     SQLITE_OPEN_SUPER_JOURNAL)

struct vfs_fake {
    sqlite3_vfs vfs;
    struct disk_fake *disk;
    char name[40];
};

struct vfs_file {
    sqlite3_file base;
    struct disk_fake *disk;
    struct disk_fake_file *file;
    char *folder; /* to be synced with the first sync; NULL: has been, or need not be */
};

static struct vfs_file *of(sqlite3_file *file)
{
    return (struct vfs_file *)file;
}

static struct disk_fake *disk_of(const sqlite3_vfs *vfs)
{
    return ((const struct vfs_fake *)vfs)->disk;
}

static char *folder_of(const char *path)
{
    return xstrndup(path, (size_t)(strrchr(path, '/') - path));
}

static int write_rc(int r, int otherwise)
{
    return r == 0 ? SQLITE_OK : r == -ENOSPC ? SQLITE_FULL : otherwise;
}

static int f_close(sqlite3_file *f)
{
    disk_fake_close(of(f)->file);
    free(of(f)->folder);
    return SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *data, int len, sqlite3_int64 at)
{
    int64_t got = disk_fake_file_read(of(f)->file, at, data, (size_t)len);
    if (got < 0)
        return SQLITE_IOERR_READ;
    memset((char *)data + got, 0, (size_t)(len - got));
    return got < len ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int f_write(sqlite3_file *f, const void *data, int len, sqlite3_int64 at)
{
    return write_rc(disk_fake_file_write(of(f)->file, at, data, (size_t)len), SQLITE_IOERR_WRITE);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return write_rc(disk_fake_file_truncate(of(f)->file, size), SQLITE_IOERR_TRUNCATE);
}

static int f_sync(sqlite3_file *f, int flags)
{
    struct vfs_file *file = of(f);
    (void)flags;
    if (disk_fake_file_sync(file->file) < 0)
        return SQLITE_IOERR_FSYNC;
    if (file->folder && disk_fake_sync_dir(file->disk, file->folder) < 0)
        return SQLITE_IOERR_DIR_FSYNC;
    free(file->folder);
    file->folder = NULL;
    return SQLITE_OK;
}

static int f_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    *ret = disk_fake_file_size(of(f)->file);
    return SQLITE_OK;
}

/* One process, one connection. */
static int f_lock(sqlite3_file *f, int lock)
{
    (void)f, (void)lock;
    return SQLITE_OK;
}

static int f_reserved(sqlite3_file *f, int *ret)
{
    (void)f;
    *ret = 0;
    return SQLITE_OK;
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    (void)f, (void)op, (void)arg;
    return SQLITE_NOTFOUND;
}

static int f_sector(sqlite3_file *f)
{
    (void)f;
    return 4096;
}

static int f_device(sqlite3_file *f)
{
    (void)f;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = f_close,
    .xRead = f_read,
    .xWrite = f_write,
    .xTruncate = f_truncate,
    .xSync = f_sync,
    .xFileSize = f_size,
    .xLock = f_lock,
    .xUnlock = f_lock,
    .xCheckReservedLock = f_reserved,
    .xFileControl = f_control,
    .xSectorSize = f_sector,
    .xDeviceCharacteristics = f_device,
};

static int v_open(sqlite3_vfs *vfs, sqlite3_filename name, sqlite3_file *f, int flags, int *ret)
{
    struct vfs_file *file = of(f);
    memset(file, 0, sizeof(*file));
    if (!name) /* a temporary one: the store keeps those in memory */
        return SQLITE_CANTOPEN;
    file->disk = disk_of(vfs);
    if (disk_fake_open(file->disk, name, flags & SQLITE_OPEN_CREATE, &file->file) < 0)
        return SQLITE_CANTOPEN;
    if (flags & JOURNALS && disk_fake_file_size(file->file) == 0)
        file->folder = folder_of(name);
    file->base.pMethods = &methods;
    if (ret)
        *ret = flags;
    return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    struct disk *disk = disk_fake_disk(disk_of(vfs));
    struct disk_stat st;
    (void)sync_dir; /* remove always does */
    if (disk->stat(disk, name, &st, NULL) == -ENOENT)
        return SQLITE_IOERR_DELETE_NOENT;
    return disk->remove(disk, name, NULL) == 0 ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

static int v_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    struct disk *disk = disk_fake_disk(disk_of(vfs));
    struct disk_stat st = {0};
    int r = disk->stat(disk, name, &st, NULL);
    *ret = r == 0 && (flags != SQLITE_ACCESS_EXISTS || st.size > 0);
    return SQLITE_OK;
}

static int v_path(sqlite3_vfs *vfs, const char *name, int size, char *ret)
{
    (void)vfs;
    sqlite3_snprintf(size, ret, "%s", name);
    return SQLITE_OK;
}

static int v_random(sqlite3_vfs *vfs, int len, char *ret)
{
    (void)vfs;
    struct rng_seeded rng;
    rng_seeded_init(&rng, 1);
    rng_fill(&rng.rng, ret, (size_t)len);
    return len;
}

static int v_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

static int v_time(sqlite3_vfs *vfs, double *ret)
{
    (void)vfs;
    *ret = 2460676.5; /* 2025-01-01 */
    return SQLITE_OK;
}

struct vfs_fake *vfs_fake_new(struct disk_fake *disk)
{
    struct vfs_fake *fake = xcalloc(1, sizeof(*fake));
    snprintf(fake->name, sizeof(fake->name), "fake-%p", (void *)fake);
    fake->disk = disk;
    fake->vfs = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)sizeof(struct vfs_file),
        .mxPathname = PATH_MAX_LEN,
        .zName = fake->name,
        .xOpen = v_open,
        .xDelete = v_delete,
        .xAccess = v_access,
        .xFullPathname = v_path,
        .xRandomness = v_random,
        .xSleep = v_sleep,
        .xCurrentTime = v_time,
    };
    if (sqlite3_vfs_register(&fake->vfs, 0) != SQLITE_OK)
        abort();
    return fake;
}

void vfs_fake_free(struct vfs_fake *vfs)
{
    if (!vfs)
        return;
    sqlite3_vfs_unregister(&vfs->vfs);
    free(vfs);
}

const char *vfs_fake_name(const struct vfs_fake *vfs)
{
    return vfs->name;
}
