#include "agent/pod/mount.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>

/* Of one container: a status that is too large for the bus would tell nothing at all. */
#define STATUS_MAX_MOUNTS 64
#define STATUS_MAX_BYTES 4096

static int number_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(name, names[i]))
            return (int)i;
    return 0;
}

static int find_propagation(const struct value *item, bool privileged, enum launch_propagation *ret,
                            struct err *err)
{
    static const char *const names[] = {
        [LAUNCH_PROPAGATION_PRIVATE] = "None",
        [LAUNCH_PROPAGATION_SLAVE] = "HostToContainer",
        [LAUNCH_PROPAGATION_SHARED] = "Bidirectional",
    };
    const char *name = value_get_str(item, "mountPropagation");
    enum launch_propagation found =
        (enum launch_propagation)number_of(name, names, ARRAY_LEN(names));
    if (found == LAUNCH_PROPAGATION_SHARED && !privileged && !WEAKENED(MOUNT_BIDIRECTIONAL))
        return err_set(
            err, -EINVAL,
            "Bidirectional mount propagation is available only to privileged containers");
    *ret = found;
    return 0;
}

static bool has_dot_dot(const char *path)
{
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += len + (p[len] == '/');
    }
    return false;
}

/* subPath, or what subPathExpr comes to; NULL: the whole volume. */
static int find_sub_path(const struct value *item, const struct strings *env, struct strings *texts,
                         const char **ret, struct err *err)
{
    const char *path = value_get_str(item, "subPath");
    const char *expr = value_get_str(item, "subPathExpr");
    if (!str_empty(expr)) {
        char *text = env_expand_known(env, expr, err);
        if (!text)
            return err->code;
        strings_add(texts, text);
        path = text;
    }
    if (str_empty(path))
        return 0;
    if (path[0] == '/')
        return err_set(err, -EINVAL, "error SubPath `%s` must not be an absolute path", path);
    if (has_dot_dot(path))
        return err_set(err, -EINVAL, "unable to provision SubPath `%s`: must not contain '..'",
                       path);
    *ret = path;
    return 0;
}

static enum launch_read_only_below read_only_below(const struct value *item)
{
    static const char *const names[] = {
        [LAUNCH_READ_ONLY_TOP] = "Disabled",
        [LAUNCH_READ_ONLY_IF_POSSIBLE] = "IfPossible",
        [LAUNCH_READ_ONLY_BELOW] = "Enabled",
    };
    const char *name = value_get_str(item, "recursiveReadOnly");
    return (enum launch_read_only_below)number_of(name, names, ARRAY_LEN(names));
}

int mount_compile(const struct value *item, const struct volume *volume, const struct strings *env,
                  bool privileged, struct strings *texts, struct launch_mount *ret, struct err *err)
{
    struct launch_mount mount = {
        .type = LAUNCH_MOUNT_BIND,
        .source = volume->host_path,
        .target = value_get_str(item, "mountPath"),
        .make_sub_path = !volume->read_only, /* a key that is missing is no empty directory */
        .read_only = volume->read_only || value_get_bool(item, "readOnly", false),
        .recursive = true,
        .read_only_below = read_only_below(item),
    };
    int rc = find_sub_path(item, env, texts, &mount.sub_path, err);
    if (rc == 0)
        rc = find_propagation(item, privileged, &mount.propagation, err);
    if (rc == 0)
        *ret = mount;
    return rc;
}

static size_t text_of(const struct value *list)
{
    size_t bytes = 0;
    for (size_t i = 0; i < value_len(list); i++) {
        const char *path = value_get_str(value_at(list, i), "mountPath");
        bytes += path ? strlen(path) : 0;
    }
    return bytes;
}

struct value *mount_status(const struct value *container)
{
    const struct value *list = value_get(container, "volumeMounts");
    if (value_len(list) > STATUS_MAX_MOUNTS || text_of(list) > STATUS_MAX_BYTES)
        return NULL;
    struct value *out = value_len(list) > 0 ? value_new_list() : NULL;
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        bool read_only = value_get_bool(item, "readOnly", false);
        struct value *status = value_new_map();
        value_set_str(status, "name", value_get_str(item, "name"));
        value_set_str(status, "mountPath", value_get_str(item, "mountPath"));
        if (read_only) {
            value_set_bool(status, "readOnly", true);
            value_set_str(status, "recursiveReadOnly",
                          read_only_below(item) == LAUNCH_READ_ONLY_TOP ? "Disabled" : "Enabled");
        }
        value_append(out, status);
    }
    return out;
}
