#include "controller/store/fill.h"

#include "common/base/mem.h"
#include "common/fs/disk.h"
#include "controller/store/sqlite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BATCH 1000 /* items of a transaction */

struct store_fill {
    struct sqlite *db;
    char *path;
    int64_t rows;
};

int store_fill_new(const char *path, struct store_fill **ret, struct err *err)
{
    const struct store_medium medium = {.disk = disk_posix()};
    struct sqlite *db = NULL;
    if (access(path, F_OK) == 0)
        return err_set(err, -EEXIST, "store %s: it is there already", path);
    int r = sqlite_open(&medium, path, &db, err);
    if (r < 0)
        return r;
    *ret = xcalloc(1, sizeof(**ret));
    (*ret)->db = db;
    (*ret)->path = xstrdup(path);
    return 0;
}

void store_fill_free(struct store_fill *fill)
{
    if (!fill)
        return;
    sqlite_close(fill->db);
    free(fill->path);
    free(fill);
}

static int refused(const struct store_fill *fill, int code, struct err *err)
{
    return code < 0
               ? err_set(err, code, "store %s: cannot be written: %s", fill->path, strerror(-code))
               : 0;
}

int store_fill_put(struct store_fill *fill, const struct store_item *item, struct err *err)
{
    if (strlen(item->key) > STORE_MAX_KEY || !*item->key || item->len > STORE_MAX_VALUE)
        return err_set(err, -EMSGSIZE, "store %s: %.80s: too long", fill->path, item->key);
    int code = fill->rows % BATCH == 0 ? sqlite_begin(fill->db) : 0;
    struct item *row = item_new(item->key, item->len ? item->value : "", item->len);
    row->create_revision = item->create_revision;
    row->mod_revision = item->mod_revision;
    row->row = ++fill->rows;
    if (code == 0)
        code = sqlite_put(fill->db, row);
    item_unref(row);
    if (code == 0 && fill->rows % BATCH == 0)
        code = sqlite_commit(fill->db);
    if (code == 0 && fill->rows % BATCH == 0)
        code = sqlite_checkpoint(fill->db);
    return refused(fill, code, err);
}

int store_fill_end(struct store_fill *fill, int64_t revision, struct err *err)
{
    int code = fill->rows % BATCH == 0 ? sqlite_begin(fill->db) : 0;
    if (code == 0)
        code = sqlite_reserve(fill->db, revision);
    if (code == 0)
        code = sqlite_commit(fill->db);
    if (code == 0)
        code = sqlite_checkpoint(fill->db);
    return refused(fill, code, err);
}
