/* configMap and secret: each key a file. */

#include "agent/volume/type.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

/* What of an object's maps becomes files. */
struct key_source {
    const char *kind, *noun, *name_field;
    const char *text, *base64; /* names of the maps; NULL: none */
};

/* -ENOENT: no such key. */
static int add_key(const struct key_source *type, const struct value *object, const char *key,
                   struct file *file, struct file_set *ret, struct err *err)
{
    const char *text = type->text ? value_get_str(value_get(object, type->text), key) : NULL;
    const char *coded = type->base64 ? value_get_str(value_get(object, type->base64), key) : NULL;
    autofree uint8_t *bytes = NULL;
    if (!text && !coded)
        return err_set(err, -ENOENT, "%s references non-existent %s key: %s", type->noun,
                       str_eq(type->kind, "Secret") ? "secret" : "config", key);
    file->data = text;
    file->len = text ? strlen(text) : 0;
    if (!text && base64_decode(coded, strlen(coded), &bytes, &file->len) < 0)
        return err_set(err, -EINVAL, "key \"%s\" is not base64", key);
    if (!text)
        file->data = bytes;
    return file_set_add(ret, file, err);
}

/* Only what `items` names, under the paths given there. */
static int add_items(const struct key_source *type, const struct value *object,
                     const struct value *source, mode_t mode, struct file_set *ret, struct err *err)
{
    const struct value *items = value_get(source, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        const char *key = value_get_str(item, "key"), *path = value_get_str(item, "path");
        struct file file = {.path = path ? path : "",
                            .mode = (mode_t)value_get_int(item, "mode", (int64_t)mode),
                            .owner = -1,
                            .named = true};
        int rc = add_key(type, object, key ? key : "", &file, ret, err);
        if (rc == -ENOENT && value_get_bool(source, "optional", false))
            rc = 0;
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int add_all(const struct key_source *type, const struct value *object, mode_t mode,
                   struct file_set *ret, struct err *err)
{
    const char *const maps[] = {type->text, type->base64};
    for (size_t m = 0; m < ARRAY_LEN(maps); m++) {
        const struct value *map = maps[m] ? value_get(object, maps[m]) : NULL;
        for (size_t i = 0; i < value_len(map); i++) {
            const char *key = value_key_at(map, i);
            int rc = add_key(type, object, key,
                             &(struct file){.path = key, .mode = mode, .owner = -1}, ret, err);
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

static int collect(const struct key_source *type, const struct volume_spec *spec,
                   const struct value *source, mode_t mode, struct file_set *ret, struct err *err)
{
    const char *name = value_get_str(source, type->name_field);
    const struct value *object =
        spec->source->find(spec->source->ctx, type->kind, spec->pod_ns, name ? name : "");
    if (!object && value_get_bool(source, "optional", false))
        return 0;
    if (!object)
        return err_set(err, -ENOENT, "%s \"%s\" not found", type->noun, name ? name : "");
    if (value_len(value_get(source, "items")) > 0)
        return add_items(type, object, source, mode, ret, err);
    return add_all(type, object, mode, ret, err);
}

#define CONFIG_MAP "ConfigMap", "configmap"
#define SECRET "Secret", "secret"

int key_files_project_config_map(const struct volume_spec *spec, const struct value *source,
                                 mode_t mode, struct file_set *ret, struct err *err)
{
    static const struct key_source type = {CONFIG_MAP, "name", "data", "binaryData"};
    return collect(&type, spec, source, mode, ret, err);
}

int key_files_project_secret(const struct volume_spec *spec, const struct value *source,
                             mode_t mode, struct file_set *ret, struct err *err)
{
    static const struct key_source type = {SECRET, "name", NULL, "data"};
    return collect(&type, spec, source, mode, ret, err);
}

/* A volume of its own names its Secret in another field than a projected one. */
static int collect_secret(const struct volume_spec *spec, const struct value *source, mode_t mode,
                          struct file_set *ret, struct err *err)
{
    static const struct key_source type = {SECRET, "secretName", NULL, "data"};
    return collect(&type, spec, source, mode, ret, err);
}

const struct volume_type volume_config_map = {.field = "configMap",
                                              .collect = key_files_project_config_map};
const struct volume_type volume_secret = {.field = "secret", .collect = collect_secret};
