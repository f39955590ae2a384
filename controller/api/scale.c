#include "controller/api/scale.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <errno.h>

struct walk {
    struct value *at, *parent;
    char key[128];
    bool make; /* maps on the way that are missing */
};

static int step(void *ctx, const char *piece, size_t len)
{
    struct walk *walk = ctx;
    if (len >= sizeof(walk->key))
        return -EINVAL;
    memcpy(walk->key, piece, len);
    walk->key[len] = '\0';
    if (walk->parent && !walk->at && walk->make)
        return -EINVAL;
    walk->parent = walk->at;
    walk->at = value_get(walk->parent, walk->key);
    if (!walk->at && walk->make && value_type(walk->parent) == VALUE_MAP)
        walk->at = value_set(walk->parent, walk->key, value_new_map());
    return 0;
}

static const struct value *find(const struct value *object, const char *path)
{
    struct walk walk = {.at = (struct value *)(uintptr_t)object};
    return path && str_split(path, '.', step, &walk) == 0 ? walk.at : NULL;
}

static void add_term(struct buf *text, const char *fmt, const char *key, const char *value)
{
    if (text->len > 0)
        (void)buf_addc(text, ',');
    (void)buf_addf(text, fmt, key, value);
}

static void add_expression(struct buf *text, const struct value *requirement)
{
    static const struct {
        const char *op, *fmt;
    } forms[] = {{"In", "%s in (%s)"},
                 {"NotIn", "%s notin (%s)"},
                 {"Exists", "%s%s"},
                 {"DoesNotExist", "!%s%s"}};
    cleanup(buf_done) struct buf values = {0};
    const struct value *list = value_get(requirement, "values");
    const char *key = value_get_str(requirement, "key");
    for (size_t i = 0; i < value_len(list); i++) {
        const char *value = value_str(value_at(list, i));
        (void)buf_addf(&values, "%s%s", i ? "," : "", value ? value : "");
    }
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (key && str_eq(value_get_str(requirement, "operator"), forms[i].op))
            add_term(text, forms[i].fmt, key, buf_str(&values));
}

/* A LabelSelector, or a map of labels, as labelSelector spells it. */
static char *selector_text(const struct value *selector)
{
    cleanup(buf_done) struct buf text = {0};
    const struct value *labels = value_get(selector, "matchLabels");
    const struct value *expressions = value_get(selector, "matchExpressions");
    if (value_type(labels) != VALUE_MAP && value_type(expressions) != VALUE_LIST)
        labels = selector;
    for (size_t i = 0; i < value_len(labels); i++)
        if (value_str(value_at(labels, i)))
            add_term(&text, "%s=%s", value_key_at(labels, i), value_str(value_at(labels, i)));
    for (size_t i = 0; i < value_len(expressions); i++)
        add_expression(&text, value_at(expressions, i));
    return buf_steal(&text, NULL);
}

static void copy_meta(const struct value *object, struct value *scale)
{
    static const char *const keys[] = {"name", "namespace", "uid", "resourceVersion",
                                       "creationTimestamp"};
    struct value *meta = value_set(scale, "metadata", value_new_map());
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const struct value *item = value_get(value_get(object, "metadata"), keys[i]);
        if (item)
            value_set(meta, keys[i], value_copy(item));
    }
}

struct value *scale_of(const struct schema_kind *kind, const struct value *object)
{
    const struct schema_scale *at = kind->scale;
    char version[128];
    struct value *scale = value_new_map();
    value_set_str(scale, "kind", kind_scale.kind);
    value_set_str(scale, "apiVersion", schema_api_version(&kind_scale, version));
    copy_meta(object, scale);
    struct value *spec = value_set(scale, "spec", value_new_map());
    value_set_int(spec, "replicas", value_int(find(object, at->spec_replicas), 0));
    struct value *status = value_set(scale, "status", value_new_map());
    value_set_int(status, "replicas", value_int(find(object, at->status_replicas), 0));
    const struct value *selector = find(object, at->selector);
    if (value_type(selector) == VALUE_STRING) {
        value_set_str(status, "selector", value_str(selector));
    } else if (value_type(selector) == VALUE_MAP) {
        autofree char *text = selector_text(selector);
        value_set_str(status, "selector", text);
    }
    return scale;
}

int scale_put(const struct schema_kind *kind, struct value *object, const struct value *scale)
{
    struct walk walk = {.at = object, .make = true};
    int64_t replicas = value_get_int(value_get(scale, "spec"), "replicas", 0);
    if (str_split(kind->scale->spec_replicas, '.', step, &walk) != 0 ||
        value_type(walk.parent) != VALUE_MAP)
        return -EINVAL;
    value_set_int(walk.parent, walk.key, replicas);
    return 0;
}
