#include "agent/pod/user_ids.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define FILE_MAX 32

/* -ENOENT: that pod has none. */
static int read_ids(struct disk *disk, const char *pods_dir, const char *uid, uint32_t *ret,
                    struct err *err)
{
    autofree char *path = xasprintf("%s/%s/" USER_IDS_FILE, pods_dir, uid);
    cleanup(buf_done) struct buf text;
    buf_init(&text, FILE_MAX);
    int rc = disk->read(disk, path, FILE_MAX - 1, &text, err);
    if (rc < 0)
        return rc;
    char *end;
    unsigned long first = strtoul(buf_str(&text), &end, 10);
    if (!str_eq(end, "\n") || first < USER_IDS_FIRST || first % USER_IDS_POD != 0 ||
        (first - USER_IDS_FIRST) / USER_IDS_POD >= USER_IDS_PODS)
        return err_set(err, -EINVAL, "%s: not the ids of a pod", path);
    *ret = (uint32_t)first;
    return 0;
}

struct search {
    struct disk *disk;
    const char *pods_dir, *uid;
    bool taken[USER_IDS_PODS];
    struct err *err;
};

static int look_at(void *ctx, const char *name, enum disk_type type)
{
    struct search *search = ctx;
    uint32_t first;
    if (type != DISK_DIR || str_eq(name, search->uid))
        return 0;
    int rc = read_ids(search->disk, search->pods_dir, name, &first, search->err);
    if (rc == 0 && !WEAKENED(USER_IDS_APART))
        search->taken[(first - USER_IDS_FIRST) / USER_IDS_POD] = true;
    return rc == -ENOENT ? 0 : rc;
}

int user_ids_take(struct disk *disk, const char *pods_dir, const char *uid, uint32_t *ret_first,
                  struct err *err)
{
    struct err none = {0};
    if (read_ids(disk, pods_dir, uid, ret_first, &none) == 0)
        return 0;
    struct search search = {.disk = disk, .pods_dir = pods_dir, .uid = uid, .err = err};
    autofree char *dir = xasprintf("%s/%s", pods_dir, uid);
    autofree char *path = xasprintf("%s/" USER_IDS_FILE, dir);
    int rc = disk->mkdirs(disk, dir, 0700, err);
    if (rc == 0)
        rc = disk->list(disk, pods_dir, look_at, &search, err);
    if (rc < 0)
        return err_wrap(err, "user ids"), rc;
    size_t i = 0;
    while (i < USER_IDS_PODS && search.taken[i])
        i++;
    if (i == USER_IDS_PODS)
        return err_set(err, -ENOSPC, "no user ids are left on this node");
    uint32_t first = USER_IDS_FIRST + (uint32_t)i * USER_IDS_POD;
    char text[FILE_MAX];
    int len = snprintf(text, sizeof(text), "%u\n", first);
    rc = disk->replace(disk, path, text, (size_t)len, 0600, err);
    if (rc == 0)
        *ret_first = first;
    return rc;
}
