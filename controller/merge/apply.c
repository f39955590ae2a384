#include "controller/merge/apply.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "controller/merge/keyed.h"
#include "controller/merge/shape.h"

static struct value *merge(struct shape shape, const struct value *stored, const struct value *last,
                           const struct value *declared);

static const struct value *find_item(const struct keyed *places, const struct value *list,
                                     const struct value *like)
{
    size_t i = keyed_find(places, like);
    return i == KEYED_NONE ? NULL : value_at(list, i);
}

/* The declared items in their order, each over its stored one; then stored ones that nobody
 * declared. */
static struct value *merge_keyed(const struct schema_field *field, const struct value *stored,
                                 const struct value *last, const struct value *declared)
{
    cleanup(keyed_free) struct keyed *in_stored = keyed_new(stored, field->merge_key);
    cleanup(keyed_free) struct keyed *in_last = keyed_new(last, field->merge_key);
    cleanup(keyed_free) struct keyed *in_declared = keyed_new(declared, field->merge_key);
    struct value *out = value_new_list();
    for (size_t i = 0; i < value_len(declared); i++) {
        const struct value *item = value_at(declared, i);
        value_append(out, merge(shape_of_item(field), find_item(in_stored, stored, item),
                                find_item(in_last, last, item), item));
    }
    for (size_t i = 0; i < value_len(stored); i++) {
        const struct value *item = value_at(stored, i);
        if (!find_item(in_declared, declared, item) && !find_item(in_last, last, item))
            value_append(out, value_copy(item));
    }
    return out;
}

static struct value *merge_set(const struct value *stored, const struct value *last,
                               const struct value *declared)
{
    cleanup(keyed_free) struct keyed *in_last = keyed_new(last, NULL);
    cleanup(keyed_free) struct keyed *in_declared = keyed_new(declared, NULL);
    struct value *out = value_copy(declared);
    for (size_t i = 0; i < value_len(stored); i++) {
        const struct value *item = value_at(stored, i);
        if (!find_item(in_declared, declared, item) && !find_item(in_last, last, item))
            value_append(out, value_copy(item));
    }
    return out;
}

static struct value *merge_list(const struct schema_field *field, const struct value *stored,
                                const struct value *last, const struct value *declared)
{
    if (shape_merge_key(field))
        return merge_keyed(field, stored, last, declared);
    if (shape_is_set(field))
        return merge_set(stored, last, declared);
    return value_copy(declared);
}

static struct value *merge_map(struct shape shape, const struct value *stored,
                               const struct value *last, const struct value *declared)
{
    bool have = value_type(stored) == VALUE_MAP;
    struct value *out = have ? value_copy(stored) : value_new_map();
    value_set_line(out, value_line(declared));
    for (size_t i = 0; i < value_len(last); i++)
        if (!value_get(declared, value_key_at(last, i)))
            value_del(out, value_key_at(last, i));
    for (size_t i = 0; i < value_len(declared); i++) {
        const char *key = value_key_at(declared, i);
        const struct value *item = value_at(declared, i);
        if (value_type(item) == VALUE_NULL)
            value_del(out, key);
        else
            value_set(out, key,
                      merge(shape_of_key(shape, key), value_get(stored, key), value_get(last, key),
                            item));
    }
    return out;
}

/* Depth is bounded by that of `declared`, a parsed document. */
static struct value *merge(struct shape shape, const struct value *stored, const struct value *last,
                           const struct value *declared)
{
    if (value_type(declared) == VALUE_MAP && !shape_is_whole(shape))
        return merge_map(shape, stored, last, declared);
    if (value_type(declared) == VALUE_LIST)
        return merge_list(shape.field, stored, last, declared);
    return value_copy(declared);
}

/* Only keys are ever read from the annotation, so secrets need not stand in it. */
static void blank_secrets(const struct schema_type *type, struct value *object)
{
    for (size_t i = 0; i < value_len(object); i++) {
        const struct schema_field *field = schema_field_find(type, value_key_at(object, i));
        struct value *item = value_at(object, i);
        if (!field || !(field->flags & SCHEMA_SECRET))
            continue;
        if (value_type(item) != VALUE_MAP) {
            value_set_str(object, value_key_at(object, i), "");
            continue;
        }
        for (size_t j = 0; j < value_len(item); j++)
            value_set_str(item, value_key_at(item, j), "");
    }
}

static void annotate(const struct schema_kind *kind, struct value *object,
                     const struct value *declared)
{
    cleanup(value_free) struct value *plain = value_copy(declared);
    value_del(value_path(plain, "metadata", "annotations", NULL), APPLY_ANNOTATION);
    value_del(plain, "status");
    blank_secrets(kind->type, plain);
    cleanup(buf_done) struct buf text;
    buf_init(&text, DATA_MAX_BYTES);
    if (json_write(plain, &text) != 0 || buf_addc(&text, '\n') != 0)
        return; /* too big to remember: the write is refused for its size anyway */
    struct value *annotations = value_make_map(object, "metadata", "annotations", NULL);
    if (annotations)
        value_set_str(annotations, APPLY_ANNOTATION, buf_str(&text));
}

struct value *apply_merge(const struct schema_kind *kind, const struct value *stored,
                          const struct value *declared)
{
    cleanup(value_free) struct value *wanted = value_copy(declared);
    value_del(wanted, "status");
    value_del(value_path(wanted, "metadata", "annotations", NULL), APPLY_ANNOTATION);
    if (!stored) {
        annotate(kind, wanted, wanted);
        return steal(wanted);
    }
    cleanup(value_free) struct value *last = NULL;
    const char *text =
        value_get_str(value_path(stored, "metadata", "annotations", NULL), APPLY_ANNOTATION);
    struct err err = {0};
    if (text && json_parse(text, strlen(text), &last, &err) != 0)
        last = NULL; /* someone else's writing: nothing is known to have been declared */
    struct value *merged = merge((struct shape){kind->type, NULL}, stored, last, wanted);
    annotate(kind, merged, wanted);
    /* A precondition only if the document itself carries it. */
    if (!value_get(value_get(wanted, "metadata"), "resourceVersion"))
        value_del(value_get(merged, "metadata"), "resourceVersion");
    return merged;
}

struct value *apply_lay(const struct schema_kind *kind, const struct value *stored,
                        const struct value *declared)
{
    struct value *merged = merge((struct shape){kind->type, NULL}, stored, NULL, declared);
    if (!value_get(value_get(declared, "metadata"), "resourceVersion"))
        value_del(value_get(merged, "metadata"), "resourceVersion");
    return merged;
}
