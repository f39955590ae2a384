#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/sim/fake/disk_fake_private.h"

#include <errno.h>
#include <stdlib.h>

#define TEMP_PREFIX ".limpet-tmp-"

struct inode *fake_inode_ref(struct inode *inode)
{
    if (inode)
        inode->refs++;
    return inode;
}

void fake_inode_unref(void *p)
{
    struct inode *inode = p;
    if (!inode || --inode->refs > 0)
        return;
    free(inode->data);
    free(inode->old);
    free(inode->dirty);
    free(inode);
}

struct inode *fake_inode_new(const struct disk_fake *fake, enum disk_type type, const void *data,
                             size_t len)
{
    struct inode *inode = xcalloc(1, sizeof(*inode));
    inode->refs = 1;
    inode->type = type;
    inode->data = xmemdup(data, len);
    inode->len = len;
    inode->mtime_ns = fake->clock ? clock_wall(fake->clock) : 0;
    inode->durable = type == DISK_DIR; /* an entry is all there is of a directory */
    return inode;
}

/* Points a path at an inode (NULL: at nothing). */
void fake_set(struct map *map, const char *path, struct inode *inode)
{
    fake_inode_ref(inode);
    fake_inode_unref(inode ? map_put(map, path, inode) : map_del(map, path));
}

static struct disk_fake *fake_of(struct disk *disk)
{
    return (struct disk_fake *)disk; /* its first member */
}

/* Without doubled and trailing slashes. Caller frees; NULL if it is not absolute or has "." or
 * "..". */
char *fake_path_clean(const char *path)
{
    if (path[0] != '/')
        return NULL;
    char *copy = xmalloc(strlen(path) + 2), *to = copy;
    for (const char *from = path; *from;) {
        from += strspn(from, "/");
        size_t len = strcspn(from, "/");
        if ((len == 1 && from[0] == '.') || (len == 2 && from[0] == '.' && from[1] == '.')) {
            free(copy);
            return NULL;
        }
        if (len > 0) {
            *to++ = '/';
            to = mempcpy(to, from, len);
        }
        from += len;
    }
    if (to == copy)
        *to++ = '/';
    *to = '\0';
    return copy;
}

/* The directory a clean path stands in. Caller frees. */
char *fake_path_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

static bool in_dir(const char *path, const char *dir)
{
    if (str_eq(path, "/"))
        return false;
    autofree char *parent = fake_path_parent(path);
    return str_eq(parent, dir);
}

/* 0 when the path is a directory. */
int fake_need_dir(const struct map *map, const char *path)
{
    if (str_eq(path, "/"))
        return 0;
    const struct inode *inode = map_get(map, path);
    return !inode ? -ENOENT : inode->type == DISK_DIR ? 0 : -ENOTDIR;
}

/* Whether an operation may go on; every one asks first. */
int fake_enter(struct disk_fake *fake, unsigned op)
{
    if (fake->cut_planned && fake->steps >= fake->cut_at)
        fake->cut = true;
    if (fake->cut)
        return -EIO;
    if (!(fake->fail_ops & op))
        return 0;
    if (fake->fail_after > 0) {
        fake->fail_after--;
        return 0;
    }
    if (fake->fail_times == 0)
        return 0;
    if (fake->fail_times > 0)
        fake->fail_times--;
    return fake->fail_error;
}

/* As enter, and counts a step if it may. */
int fake_enter_step(struct disk_fake *fake, unsigned op)
{
    int r = fake_enter(fake, op);
    if (r == 0)
        fake->steps++;
    return r;
}

int64_t fake_used(const struct disk_fake *fake)
{
    int64_t total = 0;
    void *value;
    for (size_t i = 0; map_next(fake->seen, &i, NULL, &value);)
        total += (int64_t)((struct inode *)value)->len;
    return total;
}

static int step_write(struct disk_fake *fake, const char *temp, const void *data, size_t len)
{
    int r = fake_enter_step(fake, DISK_FAKE_WRITE);
    size_t fits = r == 0 ? len : 0;
    if (r == 0 && fake->size >= 0) {
        fake_set(fake->seen, temp, NULL);
        int64_t room = fake->size - fake_used(fake);
        if (room < 0)
            room = 0;
        if ((uint64_t)len > (uint64_t)room) {
            fits = (size_t)room;
            r = -ENOSPC;
        }
    }
    if (fake->cut || r == -EROFS)
        return r;
    struct inode *inode = fake_inode_new(fake, DISK_FILE, data, fits);
    fake_set(fake->seen, temp, inode);
    fake_inode_unref(inode);
    fake->bytes += fits;
    return r;
}

int fake_step_fsync(struct disk_fake *fake, struct inode *inode)
{
    int r = fake_enter_step(fake, DISK_FAKE_FSYNC);
    if (inode->old)
        fake_inode_synced(inode, r == 0);
    else if (r < 0)
        inode->lost = true;
    else if (!inode->lost)
        inode->durable = true;
    return r;
}

static int step_rename(struct disk_fake *fake, const char *from, const char *to)
{
    const struct inode *target = map_get(fake->seen, to);
    int r = fake_enter_step(fake, DISK_FAKE_RENAME);
    if (r == 0 && target && target->type == DISK_DIR)
        r = -EISDIR;
    if (r < 0)
        return r;
    fake_set(fake->seen, to, map_get(fake->seen, from));
    fake_set(fake->seen, from, NULL);
    fake_set(fake->lost, to, NULL); /* a new change, to be synced anew */
    return 0;
}

/* Carries the entries of one directory to the medium, or marks them lost. */
static void sync_entries(struct disk_fake *fake, const struct map *names, const char *dir,
                         bool fails)
{
    const char *path;
    for (size_t i = 0; map_next(names, &i, &path, NULL);) {
        struct inode *inode = map_get(fake->seen, path);
        if (!in_dir(path, dir) || inode == map_get(fake->medium, path))
            continue;
        autofree char *copy = xstrdup(path); /* the entry it belongs to may go */
        if (fails)
            fake_set(fake->lost, copy, inode ? inode : map_get(fake->medium, copy));
        else if (!map_get(fake->lost, copy))
            fake_set(fake->medium, copy, inode);
    }
}

int fake_step_dir_fsync(struct disk_fake *fake, const char *dir)
{
    int r = fake_enter_step(fake, DISK_FAKE_DIR_FSYNC);
    if (fake->cut)
        return r;
    sync_entries(fake, fake->seen, dir, r < 0);
    sync_entries(fake, fake->medium, dir, r < 0); /* what was removed */
    return r < 0 ? -EIO : 0;
}

static int step_unlink(struct disk_fake *fake, const char *path)
{
    int r = fake_enter_step(fake, DISK_FAKE_UNLINK);
    if (r < 0)
        return r;
    fake_set(fake->seen, path, NULL);
    fake_set(fake->lost, path, NULL);
    return 0;
}

static int fake_read(struct disk *disk, const char *path, size_t max, struct buf *ret,
                     struct err *err)
{
    struct disk_fake *fake = fake_of(disk);
    autofree char *name = fake_path_clean(path);
    int r = name ? fake_enter(fake, DISK_FAKE_READ) : -EINVAL;
    if (r < 0)
        return err_errno(err, -r, "cannot read %s", path);
    const struct inode *inode = map_get(fake->seen, name);
    if (!inode)
        return err_errno(err, ENOENT, "cannot read %s", path);
    if (inode->type != DISK_FILE)
        return err_errno(err, EISDIR, "cannot read %s", path);
    if (inode->len > max || buf_add(ret, inode->data, inode->len) < 0)
        return err_set(err, -EFBIG, "cannot read %s: it has more than %zu bytes", path, max);
    return 0;
}

static int fake_replace(struct disk *disk, const char *path, const void *data, size_t len,
                        mode_t mode, struct err *err)
{
    (void)mode;
    struct disk_fake *fake = fake_of(disk);
    autofree char *name = fake_path_clean(path);
    if (!name || str_eq(name, "/"))
        return err_set(err, -EINVAL, "%s: names no file", path);
    autofree char *dir = fake_path_parent(name);
    int r = fake->cut ? -EIO : fake_need_dir(fake->seen, dir);
    if (r < 0)
        return err_errno(err, -r, "cannot write %s", path);
    autofree char *temp =
        xasprintf("%s/" TEMP_PREFIX "%s", str_eq(dir, "/") ? "" : dir, strrchr(name, '/') + 1);
    r = step_write(fake, temp, data, len);
    if (r == 0)
        r = fake_step_fsync(fake, map_get(fake->seen, temp));
    if (r == 0)
        r = step_rename(fake, temp, name);
    if (r < 0) {
        (void)step_unlink(fake, temp); /* as far as the disk still lets us */
        return err_errno(err, -r, "cannot write %s", path);
    }
    r = fake_step_dir_fsync(fake, dir);
    return r < 0 ? err_errno(err, -r, "%s: cannot sync the directory", dir) : 0;
}

/* The content of an inode changes under whoever has it; what a power cut leaves of it is open. */
static int fill(struct disk_fake *fake, struct inode *inode, const void *data, size_t len)
{
    int64_t room = fake->size < 0 ? INT64_MAX : fake->size - fake_used(fake) + (int64_t)inode->len;
    size_t fits = room < 0 ? 0 : (int64_t)len > room ? (size_t)room : len;
    free(inode->data);
    inode->data = xmemdup(data, fits);
    inode->len = fits;
    inode->mtime_ns = fake->clock ? clock_wall(fake->clock) : 0;
    inode->durable = false;
    fake->bytes += fits;
    return fits < len ? -ENOSPC : 0;
}

static int step_overwrite(struct disk_fake *fake, const char *path, const void *data, size_t len)
{
    struct inode *inode = map_get(fake->seen, path);
    if (inode && inode->type != DISK_FILE)
        return -EISDIR;
    int r = fake_enter_step(fake, DISK_FAKE_WRITE);
    if (r < 0)
        return r;
    if (!inode) {
        inode = fake_inode_new(fake, DISK_FILE, "", 0);
        fake_set(fake->seen, path, inode);
        fake_inode_unref(inode);
    }
    return fill(fake, inode, data, len);
}

static int fake_overwrite(struct disk *disk, const char *path, const void *data, size_t len,
                          mode_t mode, struct err *err)
{
    (void)mode;
    struct disk_fake *fake = fake_of(disk);
    autofree char *name = fake_path_clean(path);
    if (!name || str_eq(name, "/"))
        return err_set(err, -EINVAL, "%s: names no file", path);
    autofree char *dir = fake_path_parent(name);
    int r = fake_enter(fake, 0);
    if (r == 0)
        r = fake_need_dir(fake->seen, dir);
    if (r == 0)
        r = step_overwrite(fake, name, data, len);
    return r < 0 ? err_errno(err, -r, "cannot write %s", path) : 0;
}

static bool is_empty_dir(const struct map *map, const char *dir)
{
    const char *path;
    for (size_t i = 0; map_next(map, &i, &path, NULL);)
        if (in_dir(path, dir))
            return false;
    return true;
}

static int fake_remove(struct disk *disk, const char *path, struct err *err)
{
    struct disk_fake *fake = fake_of(disk);
    autofree char *name = fake_path_clean(path);
    if (!name || str_eq(name, "/"))
        return err_set(err, -EINVAL, "%s: names no file", path);
    autofree char *dir = fake_path_parent(name);
    int r = fake_enter(fake, 0);
    if (r == 0 && fake_need_dir(fake->seen, dir) == -ENOENT)
        return 0;
    if (r == 0)
        r = fake_need_dir(fake->seen, dir);
    const struct inode *inode = map_get(fake->seen, name);
    if (r == 0 && inode && inode->type == DISK_DIR && !is_empty_dir(fake->seen, name))
        r = -ENOTEMPTY;
    if (r == 0 && inode)
        r = step_unlink(fake, name);
    if (r == 0)
        r = fake_step_dir_fsync(fake, dir);
    return r < 0 ? err_errno(err, -r, "cannot remove %s", path) : 0;
}

/* The last path below or at `top` in the order of what programs see; children come after their
 * directories, so that removing from the end empties a directory before it goes. Caller frees. */
static char *last_below(const struct disk_fake *fake, const char *top)
{
    const char *path, *last = NULL;
    size_t len = strlen(top);
    for (size_t i = 0; map_next(fake->seen, &i, &path, NULL);)
        if (strncmp(path, top, len) == 0 && (path[len] == '\0' || path[len] == '/') &&
            (!last || strcmp(path, last) > 0))
            last = path;
    return last ? xstrdup(last) : NULL;
}

/* Nothing is synced: a power cut may bring parts of it back. */
static int fake_remove_tree(struct disk *disk, const char *path, struct err *err)
{
    struct disk_fake *fake = fake_of(disk);
    autofree char *top = fake_path_clean(path);
    if (!top || str_eq(top, "/"))
        return err_set(err, -EINVAL, "%s: names no directory", path);
    int r = fake_enter(fake, 0);
    for (;;) {
        autofree char *last = r == 0 ? last_below(fake, top) : NULL;
        if (!last)
            break;
        r = step_unlink(fake, last);
    }
    return r < 0 ? err_errno(err, -r, "cannot remove %s", path) : 0;
}

static int make_dir(struct disk_fake *fake, const char *path, bool last)
{
    const struct inode *inode = map_get(fake->seen, path);
    if (inode && inode->type != DISK_DIR)
        return -ENOTDIR;
    if (inode && !last)
        return 0;
    int r = inode ? 0 : fake_enter_step(fake, DISK_FAKE_MKDIR);
    if (r < 0)
        return r;
    if (!inode) {
        struct inode *made = fake_inode_new(fake, DISK_DIR, "", 0);
        fake_set(fake->seen, path, made);
        fake_set(fake->lost, path, NULL);
        fake_inode_unref(made);
    }
    autofree char *parent = fake_path_parent(path);
    return fake_step_dir_fsync(fake, parent);
}

static int fake_mkdirs(struct disk *disk, const char *path, mode_t mode, struct err *err)
{
    (void)mode;
    struct disk_fake *fake = fake_of(disk);
    autofree char *name = fake_path_clean(path);
    int r = name ? fake_enter(fake, 0) : -EINVAL;
    for (char *c = name; r == 0 && c && !str_eq(name, "/"); c++) {
        c += 1 + strcspn(c + 1, "/");
        bool last = *c == '\0';
        *c = '\0';
        r = make_dir(fake, name, last);
        if (last)
            break;
        *c-- = '/';
    }
    return r < 0 ? err_errno(err, -r, "cannot make the directory %s", path) : 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The paths of a map in byte order: parents come before what is in them. Caller frees the array;
 * the strings are the map's. */
static const char **sorted(const struct map *map)
{
    const char **paths = xcalloc(map_len(map) + 1, sizeof(*paths));
    size_t len = 0;
    for (size_t i = 0; map_next(map, &i, &paths[len], NULL);)
        len++;
    paths[len] = NULL;
    if (len > 1)
        qsort(paths, len, sizeof(*paths), compare_paths);
    return paths;
}

static int fake_list(struct disk *disk, const char *path, disk_list_fn *fn, void *ctx,
                     struct err *err)
{
    struct disk_fake *fake = fake_of(disk);
    autofree char *dir = fake_path_clean(path);
    int r = dir ? fake_enter(fake, DISK_FAKE_LOOK) : -EINVAL;
    if (r == 0)
        r = fake_need_dir(fake->seen, dir);
    if (r < 0)
        return err_errno(err, -r, "cannot list %s", path);
    struct map *found = map_new(); /* fn may change the disk */
    const char *at;
    void *inode;
    for (size_t i = 0; map_next(fake->seen, &i, &at, &inode);)
        if (in_dir(at, dir) && !str_has_prefix(strrchr(at, '/') + 1, TEMP_PREFIX))
            fake_set(found, at, inode);
    autofree const char **paths = sorted(found);
    for (size_t i = 0; paths[i] && r == 0; i++)
        r = fn(ctx, strrchr(paths[i], '/') + 1, ((struct inode *)map_get(found, paths[i]))->type);
    map_free(found, fake_inode_unref);
    return r;
}

static int fake_stat(struct disk *disk, const char *path, struct disk_stat *ret, struct err *err)
{
    struct disk_fake *fake = fake_of(disk);
    autofree char *name = fake_path_clean(path);
    int r = name ? fake_enter(fake, DISK_FAKE_LOOK) : -EINVAL;
    if (r < 0)
        return err_errno(err, -r, "%s", path);
    const struct inode *inode = map_get(fake->seen, name);
    if (!inode && !str_eq(name, "/"))
        return err_errno(err, ENOENT, "%s", path);
    *ret = inode ? (struct disk_stat){inode->type, (int64_t)inode->len, inode->mtime_ns}
                 : (struct disk_stat){.type = DISK_DIR};
    return 0;
}

static int fake_space(struct disk *disk, const char *path, int64_t *ret_free, struct err *err)
{
    struct disk_fake *fake = fake_of(disk);
    int r = fake_enter(fake, DISK_FAKE_LOOK);
    if (r < 0)
        return err_errno(err, -r, "cannot see how much is free at %s", path);
    int64_t room = fake->size < 0 ? INT64_MAX : fake->size - fake_used(fake);
    *ret_free = room < 0 ? 0 : room;
    return 0;
}

struct disk_fake *disk_fake_new(uint64_t seed, const struct clock *clock)
{
    struct disk_fake *fake = xcalloc(1, sizeof(*fake));
    *fake = (struct disk_fake){
        .disk =
            {
                .read = fake_read,
                .replace = fake_replace,
                .overwrite = fake_overwrite,
                .remove = fake_remove,
                .remove_tree = fake_remove_tree,
                .mkdirs = fake_mkdirs,
                .list = fake_list,
                .stat = fake_stat,
                .space = fake_space,
            },
        .clock = clock,
        .seen = map_new(),
        .medium = map_new(),
        .lost = map_new(),
        .size = -1,
    };
    rng_seeded_init(&fake->rng, seed);
    return fake;
}

void disk_fake_free(struct disk_fake *fake)
{
    if (!fake)
        return;
    map_free(fake->seen, fake_inode_unref);
    map_free(fake->medium, fake_inode_unref);
    map_free(fake->lost, fake_inode_unref);
    free(fake);
}

struct disk *disk_fake_disk(struct disk_fake *fake)
{
    return &fake->disk;
}

uint64_t disk_fake_steps(const struct disk_fake *fake)
{
    return fake->steps;
}

uint64_t disk_fake_bytes(const struct disk_fake *fake)
{
    return fake->bytes;
}

void disk_fake_cut_after(struct disk_fake *fake, uint64_t steps)
{
    fake->cut_planned = true;
    fake->cut_at = fake->steps + steps;
}

bool disk_fake_is_cut(const struct disk_fake *fake)
{
    return fake->cut || (fake->cut_planned && fake->steps >= fake->cut_at);
}

void disk_fake_fail(struct disk_fake *fake, unsigned ops, int error, int after, int times)
{
    fake->fail_ops = ops;
    fake->fail_error = error;
    fake->fail_after = after;
    fake->fail_times = times;
}

void disk_fake_heal(struct disk_fake *fake)
{
    fake->fail_ops = 0;
}

void disk_fake_set_size(struct disk_fake *fake, int64_t bytes)
{
    fake->size = bytes;
}

/* What a file that was not synced looks like afterwards: whole, empty, cut short, or cut short and
 * filled up with zeros. A copy, since the inode may be held under its old content elsewhere. */
static struct inode *torn(struct disk_fake *fake, const struct inode *inode,
                          enum disk_fake_loss loss)
{
    enum { WHOLE, EMPTY, SHORT, ZEROS, FATES };
    uint64_t fate = loss == DISK_FAKE_LOSE_ALL ? EMPTY : rng_below(&fake->rng.rng, FATES);
    struct inode *copy = fake_inode_new(fake, DISK_FILE, inode->data, inode->len);
    copy->mtime_ns = inode->mtime_ns;
    size_t keep = fate == WHOLE || inode->len == 0 ? inode->len
                  : fate == EMPTY                  ? 0
                                                   : (size_t)rng_below(&fake->rng.rng, inode->len);
    memset(copy->data + keep, 0, copy->len - keep);
    if (fate != ZEROS)
        copy->len = keep;
    copy->durable = true;
    return copy;
}

/* What is left of a file that was changed in place since its last sync: of each sector the new
 * bytes or the old ones, and the new length or the old one. */
static struct inode *mixed(struct disk_fake *fake, const struct inode *inode,
                           enum disk_fake_loss loss)
{
    bool lose_all = loss == DISK_FAKE_LOSE_ALL;
    size_t most = inode->len > inode->old_len ? inode->len : inode->old_len, at = 0;
    struct inode *copy = fake_inode_new(fake, DISK_FILE, "", 0);
    free(copy->data);
    copy->data = xcalloc(1, most + 1);
    for (; at < most; at += FAKE_SECTOR) {
        bool is_new = !lose_all && at < inode->len && inode->dirty[at / FAKE_SECTOR] &&
                      rng_below(&fake->rng.rng, 2) == 0;
        const char *from = is_new ? inode->data : inode->old;
        size_t len = is_new ? inode->len : inode->old_len;
        if (at < len)
            memcpy(copy->data + at, from + at, len - at < FAKE_SECTOR ? len - at : FAKE_SECTOR);
    }
    bool new_len = !lose_all && rng_below(&fake->rng.rng, 2) == 0;
    copy->len = new_len ? inode->len : inode->old_len;
    copy->mtime_ns = inode->mtime_ns;
    copy->durable = true;
    return copy;
}

/* Whether the entry as seen is the one that is there afterwards. */
static bool keeps_entry(struct disk_fake *fake, enum disk_fake_loss loss)
{
    return loss == DISK_FAKE_CHANCE && rng_below(&fake->rng.rng, 2) == 0;
}

static void lose_power(struct disk_fake *fake, enum disk_fake_loss loss)
{
    struct map *all = map_new(), *after = map_new();
    const char *path;
    void *inode;
    for (size_t i = 0; map_next(fake->seen, &i, &path, &inode);)
        fake_set(all, path, inode);
    for (size_t i = 0; map_next(fake->medium, &i, &path, &inode);)
        if (!map_get(all, path))
            fake_set(all, path, inode);
    autofree const char **paths = sorted(all);
    for (size_t i = 0; paths[i]; i++) {
        struct inode *was = map_get(fake->medium, paths[i]), *is = map_get(fake->seen, paths[i]);
        struct inode *left = was == is || keeps_entry(fake, loss) ? is : was;
        autofree char *dir = fake_path_parent(paths[i]);
        if (!left || fake_need_dir(after, dir) < 0)
            continue;
        struct inode *result = left->durable ? fake_inode_ref(left)
                               : left->old   ? mixed(fake, left, loss)
                                             : torn(fake, left, loss);
        fake_set(after, paths[i], result);
        fake_inode_unref(result);
    }
    map_free(all, fake_inode_unref);
    map_free(fake->seen, fake_inode_unref);
    map_free(fake->medium, fake_inode_unref);
    fake->seen = after;
    fake->medium = map_new();
    for (size_t i = 0; map_next(after, &i, &path, &inode);)
        fake_set(fake->medium, path, inode);
}

void disk_fake_reboot(struct disk_fake *fake, enum disk_fake_loss loss)
{
    fake->cut = fake->cut_planned = false;
    fake->fail_ops = 0;
    if (loss == DISK_FAKE_KEEP_ALL)
        return; /* and what was not synced is still to be lost by a later cut */
    lose_power(fake, loss);
    map_free(fake->lost, fake_inode_unref);
    fake->lost = map_new();
}

int disk_fake_flip(struct disk_fake *fake, const char *path, uint64_t bit)
{
    autofree char *name = fake_path_clean(path);
    struct inode *images[] = {name ? map_get(fake->seen, name) : NULL,
                              name ? map_get(fake->medium, name) : NULL};
    int r = -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(images); i++) {
        struct inode *inode = images[i];
        if (!inode || inode->len == 0 || (i == 1 && inode == images[0]))
            continue;
        uint64_t at = bit % (8 * (uint64_t)inode->len);
        inode->data[at / 8] = (char)(inode->data[at / 8] ^ (1 << at % 8));
        r = 0;
    }
    return r;
}

void disk_fake_plant(struct disk_fake *fake, const char *path, const void *data, size_t len)
{
    autofree char *name = fake_path_clean(path);
    if (!name)
        abort(); /* a mistake of the test */
    for (char *c = name + strcspn(name + 1, "/") + 1; *c; c += 1 + strcspn(c + 1, "/")) {
        *c = '\0';
        struct inode *dir = fake_inode_new(fake, DISK_DIR, "", 0);
        if (!map_get(fake->seen, name)) {
            fake_set(fake->seen, name, dir);
            fake_set(fake->medium, name, dir);
        }
        fake_inode_unref(dir);
        *c = '/';
    }
    struct inode *inode = fake_inode_new(fake, DISK_FILE, data, len);
    inode->durable = true;
    fake_set(fake->seen, name, inode);
    fake_set(fake->medium, name, inode);
    fake_inode_unref(inode);
}

void disk_fake_wipe(struct disk_fake *fake)
{
    struct map **maps[] = {&fake->seen, &fake->medium, &fake->lost};
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        map_free(*maps[i], fake_inode_unref);
        *maps[i] = map_new();
    }
}

size_t disk_fake_files(const struct disk_fake *fake)
{
    size_t count = 0;
    void *inode;
    for (size_t i = 0; map_next(fake->seen, &i, NULL, &inode);)
        count += ((struct inode *)inode)->type == DISK_FILE;
    return count;
}
