#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/sim/fake/disk_fake_private.h"

#include <errno.h>
#include <stdlib.h>

struct disk_fake_file {
    struct disk_fake *fake;
    struct inode *inode;
};

int disk_fake_open(struct disk_fake *fake, const char *path, bool create,
                   struct disk_fake_file **ret)
{
    autofree char *name = fake_path_clean(path);
    autofree char *dir = name ? fake_path_parent(name) : NULL;
    int r = name ? fake_enter(fake, DISK_FAKE_LOOK) : -EINVAL;
    if (r == 0)
        r = fake_need_dir(fake->seen, dir);
    if (r < 0)
        return r;
    struct inode *inode = map_get(fake->seen, name);
    if (inode && inode->type != DISK_FILE)
        return -EISDIR;
    if (!inode && !create)
        return -ENOENT;
    if (!inode) {
        r = fake_enter_step(fake, DISK_FAKE_WRITE);
        if (r < 0)
            return r;
        inode = fake_inode_new(fake, DISK_FILE, "", 0);
        fake_set(fake->seen, name, inode);
        fake_inode_unref(inode);
    }
    *ret = xcalloc(1, sizeof(**ret));
    (*ret)->fake = fake;
    (*ret)->inode = fake_inode_ref(inode);
    return 0;
}

void disk_fake_close(struct disk_fake_file *file)
{
    if (!file)
        return;
    fake_inode_unref(file->inode);
    free(file);
}

int64_t disk_fake_file_read(struct disk_fake_file *file, int64_t at, void *data, size_t len)
{
    const struct inode *inode = file->inode;
    int r = fake_enter(file->fake, DISK_FAKE_READ);
    if (r < 0)
        return r;
    size_t there = at < (int64_t)inode->len ? inode->len - (size_t)at : 0;
    size_t take = there < len ? there : len;
    if (take)
        memcpy(data, inode->data + at, take);
    return (int64_t)take;
}

static size_t sectors(size_t len)
{
    return (len + FAKE_SECTOR - 1) / FAKE_SECTOR;
}

/* Before the first change since a sync: what the medium holds. */
static void keep_old(struct inode *inode)
{
    if (inode->old)
        return;
    inode->old_len = inode->durable ? inode->len : 0;
    inode->old = xcalloc(1, inode->old_len + 1);
    if (inode->old_len)
        memcpy(inode->old, inode->data, inode->old_len);
    inode->dirty = xcalloc(sectors(inode->len) + 1, sizeof(*inode->dirty));
    inode->durable = false;
}

void fake_inode_synced(struct inode *inode, bool well)
{
    size_t count = sectors(inode->len), most = count * FAKE_SECTOR;
    bool lost = false;
    if (well) {
        char *fresh = xcalloc(1, most + 1);
        memcpy(fresh, inode->old, inode->old_len < most ? inode->old_len : most);
        for (size_t i = 0; i < count; i++) {
            size_t at = i * FAKE_SECTOR, left = inode->len - at;
            size_t len = left < FAKE_SECTOR ? left : FAKE_SECTOR;
            if (inode->dirty[i])
                memcpy(fresh + at, inode->data + at, len);
            lost |= memcmp(fresh + at, inode->data + at, len) != 0;
        }
        free(inode->old);
        inode->old = fresh;
        inode->old_len = inode->len;
        inode->durable = !lost;
    }
    memset(inode->dirty, 0, count * sizeof(*inode->dirty));
    if (!inode->durable)
        return;
    free(inode->old);
    free(inode->dirty);
    inode->old = NULL;
    inode->dirty = NULL;
}

static void touch(struct inode *inode, size_t from, size_t to)
{
    for (size_t i = from / FAKE_SECTOR; i < sectors(to); i++)
        inode->dirty[i] = true;
}

static void resize(struct inode *inode, size_t len)
{
    size_t was = inode->len;
    inode->data = xreallocarray(inode->data, len + 1, 1);
    inode->dirty = xreallocarray(inode->dirty, sectors(len) + 1, sizeof(*inode->dirty));
    inode->len = len;
    if (len <= was)
        return;
    memset(inode->data + was, 0, len - was);
    for (size_t i = sectors(was); i < sectors(len); i++)
        inode->dirty[i] = false;
    touch(inode, was, len);
}

int disk_fake_file_write(struct disk_fake_file *file, int64_t at, const void *data, size_t len)
{
    struct disk_fake *fake = file->fake;
    struct inode *inode = file->inode;
    int r = fake_enter_step(fake, DISK_FAKE_WRITE);
    if (r < 0)
        return r;
    size_t end = (size_t)at + len;
    int64_t room = fake->size < 0 ? INT64_MAX : fake->size - fake_used(fake) + (int64_t)inode->len;
    if (end > inode->len && (int64_t)end > room) {
        end = room < at ? (size_t)at : (size_t)room;
        len = end - (size_t)at;
        r = -ENOSPC;
    }
    if (len == 0)
        return r;
    keep_old(inode);
    if (end > inode->len)
        resize(inode, end);
    memcpy(inode->data + at, data, len);
    touch(inode, (size_t)at, end);
    fake->bytes += len;
    return r;
}

int disk_fake_file_truncate(struct disk_fake_file *file, int64_t len)
{
    int r = fake_enter_step(file->fake, DISK_FAKE_WRITE);
    if (r < 0)
        return r;
    keep_old(file->inode);
    resize(file->inode, (size_t)len);
    return 0;
}

int disk_fake_file_sync(struct disk_fake_file *file)
{
    return fake_step_fsync(file->fake, file->inode);
}

int64_t disk_fake_file_size(const struct disk_fake_file *file)
{
    return (int64_t)file->inode->len;
}

int disk_fake_sync_dir(struct disk_fake *fake, const char *path)
{
    autofree char *name = fake_path_clean(path);
    return name ? fake_step_dir_fsync(fake, name) : -EINVAL;
}
