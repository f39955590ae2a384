#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/limits.h"
#include "common/fs/disk.h"
#include "tools/cli/manifests.h"

#include <errno.h>
#include <stdio.h>

struct reader {
    struct manifests *to;
    const char *ns, *dir;
    struct buf *mistakes;
    size_t found;
    int rc;
};

static void say(struct reader *r, const char *file, int rc, const char *what)
{
    (void)buf_addf(r->mistakes, "%s: %s\n", file, what);
    r->rc = rc;
}

static int read_stdin(struct buf *text)
{
    char piece[16384];
    size_t len;
    while ((len = fread(piece, 1, sizeof(piece), stdin)) > 0)
        if (buf_add(text, piece, len) < 0)
            return -E2BIG;
    return ferror(stdin) ? -EIO : 0;
}

static void read_one(struct reader *r, const char *file, const char *path)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, DATA_MAX_STREAM_BYTES);
    struct err err = {0};
    struct disk *disk = disk_posix();
    int rc = path ? disk->read(disk, path, DATA_MAX_STREAM_BYTES, &text, &err) : read_stdin(&text);
    if (rc < 0) {
        say(r, file, rc, path ? err.msg : rc == -E2BIG ? "too large" : "cannot be read");
        return;
    }
    rc = manifests_add(r->to, file, buf_str(&text), text.len, r->ns, r->mistakes);
    r->rc = rc < 0 && !WEAKENED(CLI_ALL_OR_NOTHING) ? rc : r->rc;
}

static int read_entry(void *ctx, const char *name, enum disk_type type)
{
    struct reader *r = ctx;
    if (type != DISK_FILE || name[0] == '.' ||
        !(str_has_suffix(name, ".yaml") || str_has_suffix(name, ".yml") ||
          str_has_suffix(name, ".json")))
        return 0;
    r->found++;
    autofree char *path = xasprintf("%s/%s", r->dir, name);
    read_one(r, path, path);
    return 0;
}

static void read_path(struct reader *r, const char *file)
{
    autofree char *here = *file == '/' ? NULL : getcwd(NULL, 0);
    autofree char *path = here ? xasprintf("%s/%s", here, file) : xstrdup(file);
    struct disk *disk = disk_posix();
    struct disk_stat stat;
    struct err err = {0};
    int rc = disk->stat(disk, path, &stat, &err);
    if (rc < 0) {
        say(r, file, rc, rc == -ENOENT ? "no such file" : err.msg);
        return;
    }
    if (stat.type != DISK_DIR) {
        read_one(r, file, path);
        return;
    }
    r->dir = path;
    r->found = 0;
    rc = disk->list(disk, path, read_entry, r, &err);
    if (rc < 0)
        say(r, file, rc, err.msg);
    else if (r->found == 0)
        say(r, file, -ENOENT, "no *.yaml, *.yml or *.json in this folder");
    r->dir = NULL;
}

int manifests_read(struct manifests *manifests, const struct arg_list *files, const char *ns,
                   struct buf *mistakes)
{
    struct reader r = {.to = manifests, .ns = ns, .mistakes = mistakes};
    for (size_t i = 0; i < files->count; i++) {
        if (str_eq(files->items[i], "-"))
            read_one(&r, "-", NULL);
        else
            read_path(&r, files->items[i]);
    }
    return r.rc;
}
