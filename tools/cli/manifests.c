#include "tools/cli/manifests.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "common/kinds/manifest.h"
#include "tools/cli/mistake.h"

#include <errno.h>

void manifests_init(struct manifests *manifests)
{
    *manifests = (struct manifests){0};
}

void manifests_done(struct manifests *manifests)
{
    for (size_t i = 0; i < manifests->count; i++)
        value_free(manifests->items[i].object);
    for (size_t i = 0; i < manifests->file_count; i++)
        free(manifests->files[i]);
    free(manifests->items);
    free(manifests->files);
    manifests_init(manifests);
}

static void add(struct manifests *to, const struct document *document)
{
    to->items = xreallocarray(to->items, to->count + 1, sizeof(*to->items));
    to->items[to->count++] = *document;
}

struct checking {
    struct manifests checked;
    struct diags diags;
};

/* manifest_load gives objects with their defaults in; what is applied is what was written. */
static int take_checked(void *ctx, const struct schema_kind *kind, struct value *object)
{
    struct checking *checking = ctx;
    const struct document document = {kind, NULL, checking->diags.document, object};
    add(&checking->checked, &document);
    return 0;
}

static int take_written(void *ctx, int document, struct value *doc)
{
    (void)document;
    struct value *list = ctx;
    const char *kind = value_get_str(doc, "kind");
    struct value *items = value_get(doc, "items");
    if (value_type(items) == VALUE_LIST && str_has_suffix(kind ? kind : "", "List")) {
        for (size_t i = 0; i < value_len(items); i++)
            value_append(list, value_copy(value_at(items, i)));
        value_free(doc);
        return 0;
    }
    value_append(list, doc);
    return 0;
}

static struct value *written_objects(const char *text, size_t len)
{
    struct value *list = value_new_list();
    struct value *doc;
    struct err err = {0};
    cleanup(diags_done) struct diags silent;
    diags_init(&silent);
    if (json_parse(text, len, &doc, &err) == 0)
        (void)take_written(list, 1, doc);
    else if (yaml_parse_all(text, len, take_written, list, &silent) < 0)
        (void)0; /* it was read before: the counts differ, and the checked objects serve */
    return list;
}

/* Fields that the schema folds into others (a Secret's stringData) must be folded for a later apply
 * to know what was declared. */
static bool has_folded(const struct schema_kind *kind, const struct value *object)
{
    for (size_t i = 0; i < value_len(object); i++) {
        const struct schema_field *field = schema_field_find(kind->type, value_key_at(object, i));
        if (field && (field->flags & SCHEMA_WRITE_ONLY))
            return true;
    }
    return false;
}

/* What belongs to the server, and what the kind's scope says of the namespace. */
static struct value *as_written(const struct document *checked, const struct value *written)
{
    if (value_type(written) != VALUE_MAP || has_folded(checked->kind, written))
        return value_copy(checked->object);
    struct value *object = value_copy(written);
    char api_version[128];
    value_set_str(object, "apiVersion", schema_api_version(checked->kind, api_version));
    value_set_str(object, "kind", checked->kind->kind);
    value_del(object, "status");
    struct value *meta = value_make_map(object, "metadata", NULL);
    value_del(meta, "creationTimestamp");
    value_set_str(meta, "namespace", object_namespace(checked->object));
    return object;
}

static void take_all(struct manifests *manifests, const char *file, const struct manifests *checked,
                     const char *text, size_t len)
{
    cleanup(value_free) struct value *written = written_objects(text, len);
    bool paired = value_len(written) == checked->count;
    manifests->files =
        xreallocarray(manifests->files, manifests->file_count + 1, sizeof(*manifests->files));
    const char *kept = manifests->files[manifests->file_count++] = xstrdup(file);
    for (size_t i = 0; i < checked->count; i++) {
        const struct document *one = &checked->items[i];
        const struct document document = {one->kind, kept, one->number,
                                          as_written(one, paired ? value_at(written, i) : NULL)};
        add(manifests, &document);
    }
}

int manifests_add(struct manifests *manifests, const char *file, const char *text, size_t len,
                  const char *ns, struct buf *mistakes)
{
    struct checking checking;
    manifests_init(&checking.checked);
    diags_init(&checking.diags);
    int rc = manifest_load_into(text, len, file, ns, take_checked, &checking, &checking.diags);
    if (rc < 0)
        mistake_add_diags(mistakes, file, &checking.diags);
    else
        take_all(manifests, file, &checking.checked, text, len);
    diags_done(&checking.diags);
    manifests_done(&checking.checked);
    return rc;
}

void manifests_sort(struct manifests *manifests)
{
    size_t to = 0;
    for (size_t i = 0; i < manifests->count; i++) {
        if (manifests->items[i].kind != &kind_namespace)
            continue;
        struct document found = manifests->items[i];
        memmove(&manifests->items[to + 1], &manifests->items[to],
                (i - to) * sizeof(*manifests->items));
        manifests->items[to++] = found;
    }
}
