#include "agent/volume/file_set.h"

#include "common/base/buf.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

struct file_set {
    struct map *files;   /* path -> struct file, all of it owned */
    struct map *folders; /* path -> the set */
    size_t bytes;
};

static void file_free(void *p)
{
    struct file *file = p;
    free((char *)(uintptr_t)file->path);
    free((void *)(uintptr_t)file->data);
    free(file);
}

struct file_set *file_set_new(void)
{
    struct file_set *set = xcalloc(1, sizeof(*set));
    set->files = map_new();
    set->folders = map_new();
    return set;
}

void file_set_free(struct file_set *set)
{
    if (!set)
        return;
    map_free(set->files, file_free);
    map_free(set->folders, NULL);
    free(set);
}

/* One name of a path: "" and "." say nothing. */
static int add_name(struct buf *clean, const char *name, size_t len, size_t *depth,
                    const char *path, struct err *err)
{
    if (len == 0 || (len == 1 && name[0] == '.'))
        return 0;
    bool dots = len >= 2 && name[0] == '.' && name[1] == '.';
    if (dots && len == 2 && !WEAKENED(VOLUME_KEY_PATH))
        return err_set(err, -EINVAL, "invalid path: must not contain '..': %s", path);
    /* These are the volume's own: its data, and the link to it. */
    if (dots && *depth == 0 && !WEAKENED(VOLUME_KEY_PATH))
        return err_set(err, -EINVAL, "invalid path: must not start with '..': %s", path);
    if (len > NAME_MAX || ++*depth > FILE_SET_MAX_DEPTH)
        return err_set(err, -ENAMETOOLONG, "invalid path: too long: %.80s", path);
    if (*depth > 1)
        (void)buf_addc(clean, '/');
    return buf_add(clean, name, len) < 0 ? err_set(err, -ENAMETOOLONG, "invalid path: too long")
                                         : 0;
}

/* As a kubelet's atomic writer looks at them, but of the names that are left when those that say
 * nothing are: "./..data" is "..data". */
static int clean_path(const char *path, struct buf *ret, struct err *err)
{
    size_t depth = 0;
    if (path[0] == '/')
        return err_set(err, -EINVAL, "invalid path: must be relative path: %s", path);
    for (const char *name = path; *name;) {
        size_t len = strcspn(name, "/");
        int rc = add_name(ret, name, len, &depth, path, err);
        if (rc < 0)
            return rc;
        name += len + (name[len] == '/');
    }
    return depth == 0 ? err_set(err, -EINVAL, "invalid path: must not be empty: %s", path) : 0;
}

/* The folders that a file stands in; none of them may be a file. */
static int add_folders(struct file_set *set, const char *path, struct err *err)
{
    for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
        autofree char *folder = xstrndup(path, (size_t)(slash - path));
        if (map_get(set->files, folder))
            return err_set(err, -EINVAL, "conflicting paths: %s is a file, %s is below it", folder,
                           path);
        (void)map_put(set->folders, folder, set);
    }
    return 0;
}

static struct file *copy_file(const struct file *file, const char *path)
{
    struct file *copy = xmemdup(file, sizeof(*file));
    copy->path = xstrdup(path);
    copy->data = file->len ? xmemdup(file->data, file->len) : NULL;
    return copy;
}

int file_set_add(struct file_set *set, const struct file *file, struct err *err)
{
    cleanup(buf_done) struct buf path;
    buf_init(&path, PATH_MAX - 1);
    int rc = clean_path(file->path, &path, err);
    if (rc < 0)
        return rc;
    const struct file *old = map_get(set->files, buf_str(&path));
    if (old && old->named && file->named)
        return err_set(err, -EINVAL, "conflicting duplicate paths: %s", buf_str(&path));
    if (map_get(set->folders, buf_str(&path)))
        return err_set(err, -EINVAL, "conflicting paths: %s is a file and a folder",
                       buf_str(&path));
    size_t bytes = set->bytes - (old ? old->len : 0);
    if ((file->len > FILE_SET_MAX_BYTES - bytes || map_len(set->files) >= FILE_SET_MAX_FILES) &&
        !WEAKENED(VOLUME_FILES_MAX))
        return err_set(err, -EFBIG, "the volume is larger than %zu bytes or %d files",
                       FILE_SET_MAX_BYTES, FILE_SET_MAX_FILES);
    rc = add_folders(set, buf_str(&path), err);
    if (rc < 0)
        return rc;
    set->bytes = bytes + file->len;
    old = map_put(set->files, buf_str(&path), copy_file(file, buf_str(&path)));
    if (old)
        file_free((void *)(uintptr_t)old);
    return 0;
}

size_t file_set_len(const struct file_set *set)
{
    return map_len(set->files);
}

const struct file *file_set_next(const struct file_set *set, size_t *cursor)
{
    void *p;
    return map_next(set->files, cursor, NULL, &p) ? p : NULL;
}

const struct file *file_set_get(const struct file_set *set, const char *path)
{
    return map_get(set->files, path);
}

void file_set_resolve(struct file_set *set, const char *path, const void *data, size_t len)
{
    struct file *file = map_get(set->files, path);
    if (!data) {
        file_free(map_del(set->files, path));
        return;
    }
    file->data = len ? xmemdup(data, len) : NULL;
    file->len = len;
    file->keep = false;
    set->bytes += len;
}
