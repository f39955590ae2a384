/* configMap and secret: each key a file, in a folder on tmpfs. */

#include "agent/volume/type.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

/* What of an object's maps becomes files. */
struct key_source {
    const char *kind, *name_field;
    const char *text, *base64; /* names of the maps; NULL: none */
};

static int write_all(int fd, const void *data, size_t len)
{
    for (const char *p = data; len > 0;) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        p += n;
        len -= (size_t)n;
    }
    return 0;
}

/* A relative path without ".." among its parts. */
static bool is_inside(const char *path)
{
    if (path[0] == '\0' || path[0] == '/')
        return false;
    for (const char *part = path; part; part = strchr(part, '/')) {
        part += *part == '/';
        if (strcspn(part, "/") == 2 && part[0] == '.' && part[1] == '.')
            return false;
    }
    return true;
}

/* `path` is relative and stays inside: "..", absolute paths and links lead nowhere else. */
static int write_file(int dir, const char *path, const void *data, size_t len, mode_t mode)
{
    if (!is_inside(path) && !WEAKENED(VOLUME_KEY_PATH))
        return -EINVAL;
    const char *slash = strrchr(path, '/');
    autofree char *parent = slash ? xstrndup(path, (size_t)(slash - path)) : xstrdup(".");
    autoclose int parent_fd = path_mkdirs_in(dir, parent, 0755);
    if (parent_fd < 0)
        return parent_fd;
    const char *base = slash ? slash + 1 : path;
    autoclose int fd =
        openat(parent_fd, base, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = write_all(fd, data, len);
    return rc < 0 ? rc : fchmod(fd, mode) < 0 ? -errno : 0;
}

static int write_key(const struct key_source *type, int dir, const struct value *object,
                     const char *key, const char *path, mode_t mode, struct err *err)
{
    const char *text = type->text ? value_get_str(value_get(object, type->text), key) : NULL;
    const char *coded = type->base64 ? value_get_str(value_get(object, type->base64), key) : NULL;
    autofree uint8_t *bytes = NULL;
    size_t len = text ? strlen(text) : 0;
    if (!text && !coded)
        return err_set(err, -ENOENT, "%s %s: key \"%s\" not found", type->kind,
                       value_str(value_path(object, "metadata", "name", NULL)), key);
    if (!text && base64_decode(coded, strlen(coded), &bytes, &len) < 0)
        return err_set(err, -EINVAL, "key \"%s\" is not base64", key);
    int rc = write_file(dir, path, text ? (const void *)text : bytes, len, mode);
    return rc < 0 ? err_errno(err, -rc, "file %s", path) : 0;
}

/* Only what `items` names, under the paths given there. */
static int write_items(const struct key_source *type, int dir, const struct value *object,
                       const struct value *source, mode_t mode, struct err *err)
{
    const struct value *items = value_get(source, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        mode_t own = (mode_t)value_get_int(item, "mode", (int64_t)mode);
        int rc = write_key(type, dir, object, value_get_str(item, "key"),
                           value_get_str(item, "path"), own, err);
        if (rc == -ENOENT && value_get_bool(source, "optional", false))
            rc = 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int write_all_keys(const struct key_source *type, int dir, const struct value *object,
                          mode_t mode, struct err *err)
{
    const char *const maps[] = {type->text, type->base64};
    for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
        const struct value *map = maps[m] ? value_get(object, maps[m]) : NULL;
        for (size_t i = 0; i < value_len(map); i++) {
            const char *key = value_key_at(map, i);
            int rc = write_key(type, dir, object, key, key, mode, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int prepare_keys(const struct key_source *type, const struct volume_spec *spec,
                        const char *name, const struct value *source, struct volume *ret,
                        struct err *err)
{
    ret->read_only = true;
    ret->host_path = volume_make_dir(spec->tmp_dir, name, 0755, true, err);
    if (!ret->host_path)
        return err->code;
    const char *object_name = value_get_str(source, type->name_field);
    const struct value *object =
        spec->source->find(spec->source->ctx, type->kind, spec->pod_ns, object_name);
    if (!object && value_get_bool(source, "optional", false))
        return 0;
    if (!object)
        return err_set(err, -ENOENT, "%s %s/%s not found", type->kind, spec->pod_ns, object_name);
    autoclose int dir = open(ret->host_path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return err_errno(err, errno, "%s", ret->host_path);
    mode_t mode = (mode_t)value_get_int(source, "defaultMode", 0644);
    if (value_get(source, "items"))
        return write_items(type, dir, object, source, mode, err);
    return write_all_keys(type, dir, object, mode, err);
}

static int prepare_config_map(const struct volume_spec *spec, const char *name,
                              const struct value *source, struct volume *ret, struct err *err)
{
    static const struct key_source type = {"ConfigMap", "name", "data", "binaryData"};
    return prepare_keys(&type, spec, name, source, ret, err);
}

static int prepare_secret(const struct volume_spec *spec, const char *name,
                          const struct value *source, struct volume *ret, struct err *err)
{
    static const struct key_source type = {"Secret", "secretName", NULL, "data"};
    return prepare_keys(&type, spec, name, source, ret, err);
}

const struct volume_type volume_config_map = {"configMap", prepare_config_map, FS_GROUP_TREE};
const struct volume_type volume_secret = {"secret", prepare_secret, FS_GROUP_TREE};
