#include "common/kinds/manifest.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <stdio.h>

struct loaded {
    const struct schema_kind *kind;
    struct value *object;
    int document;
};

struct loader {
    struct loaded *items;
    size_t count;
    const char *ns;
    struct diags *diags;
};

static void loader_done(struct loader *loader)
{
    for (size_t i = 0; i < loader->count; i++)
        value_free(loader->items[i].object);
    free(loader->items);
}
CLEANUP_DEFINE_VALUE(struct loader, loader_done);

static void prepare(struct loader *loader, const struct schema_kind *kind, struct value *object)
{
    value_del(object, "status"); /* a person's word on it does not count */
    schema_default(kind, object);
    struct value *meta = value_get(object, "metadata");
    if (kind->namespaced && str_empty(value_get_str(meta, "namespace")))
        value_set_str(meta, "namespace", loader->ns);
}

static int check_object(struct loader *loader, const struct schema_kind *kind,
                        const struct value *object)
{
    const char *name = object_name(object);
    autofree char *text = xasprintf("%s/%s", kind->singular, name ? name : "");
    loader->diags->object = text;
    int r = schema_check(kind, object, 0, loader->diags);
    loader->diags->object = NULL;
    return r;
}

/* Takes object. `prefix` is its path within the document. */
static void load_object(struct loader *loader, struct value *object, const char *prefix)
{
    size_t before = loader->diags->count;
    const struct schema_kind *kind = NULL;
    if (value_type(object) != VALUE_MAP)
        diags_add(loader->diags, value_line(object), "", CAUSE_TYPE,
                  "an object must be a map, not a %s", value_type_name(value_type(object)));
    else
        kind = kinds_of(NULL, object, loader->diags);
    int r = kind ? check_object(loader, kind, object) : -EINVAL;
    for (size_t i = before; *prefix && i < loader->diags->count; i++) {
        struct diag *diag = &loader->diags->items[i];
        char *path = xasprintf("%s%s%s", prefix, *diag->path ? "." : "", diag->path);
        free(diag->path);
        diag->path = path;
    }
    if (r < 0) {
        value_free(object);
        return;
    }
    prepare(loader, kind, object);
    loader->items = xreallocarray(loader->items, loader->count + 1, sizeof(*loader->items));
    loader->items[loader->count++] = (struct loaded){kind, object, loader->diags->document};
}

/* "List" of v1, or the list of a kind: PodList. NULL for anything else; "" for the former. */
static const char *list_of(const struct value *object)
{
    const char *kind = value_get_str(object, "kind"), *api = value_get_str(object, "apiVersion");
    if (!kind || !str_has_suffix(kind, "List"))
        return NULL;
    if (strcmp(kind, "List") == 0)
        return str_eq(api, "v1") ? "" : NULL;
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)(strlen(kind) - 4), kind);
    const struct schema_kind *known = kinds_find(NULL, api, name);
    return known ? known->kind : NULL;
}

/* Items of a PodList need not say that they are pods. */
static void name_item(struct value *item, const struct value *list, const char *kind)
{
    if (!*kind || value_type(item) != VALUE_MAP)
        return;
    if (!value_get(item, "apiVersion"))
        value_set_str(item, "apiVersion", value_get_str(list, "apiVersion"));
    if (!value_get(item, "kind"))
        value_set_str(item, "kind", kind);
}

/* Takes list. */
static void load_list(struct loader *loader, struct value *list, const char *kind)
{
    struct value *items = value_take(list, "items");
    if (value_type(items) != VALUE_LIST)
        diags_add(loader->diags, value_line(items ? items : list), "items", CAUSE_TYPE,
                  "must be a list");
    for (size_t i = 0; value_type(items) == VALUE_LIST && i < value_len(items); i++) {
        char prefix[32];
        snprintf(prefix, sizeof(prefix), "items[%zu]", i);
        struct value *item = value_copy(value_at(items, i));
        name_item(item, list, kind);
        load_object(loader, item, prefix);
    }
    value_free(items);
    value_free(list);
}

static int load_document(void *ctx, int document, struct value *doc)
{
    (void)document;
    struct loader *loader = ctx;
    const char *kind = list_of(doc);
    if (kind)
        load_list(loader, doc, kind);
    else
        load_object(loader, doc, "");
    return 0;
}

static bool begins_as_json(const char *text, size_t len)
{
    size_t i = 0;
    while (i < len && strchr(" \t\r\n", text[i]) && text[i])
        i++;
    return i < len && text[i] == '{';
}

/* "line 3: what" -> line and what. */
static void add_json_error(struct diags *diags, const struct err *err)
{
    int line = 0, at = 0;
    if (sscanf(err->msg, "line %d: %n", &line, &at) < 1)
        at = 0;
    diags_add(diags, line, "", CAUSE_INVALID, "not JSON: %s", err->msg + at);
}

static int parse(struct loader *loader, const char *text, size_t len, const char *file)
{
    struct diags *diags = loader->diags;
    bool strict = file && str_has_suffix(file, ".json");
    if (!strict && !begins_as_json(text, len))
        return yaml_parse_all(text, len, load_document, loader, diags);
    struct err err = {0};
    struct value *doc;
    int r = json_parse(text, len, &doc, &err);
    if (r == 0) {
        diags->document = 1;
        return load_document(loader, 1, doc);
    }
    if (!strict && r == -EINVAL) { /* {a: b} is YAML */
        cleanup(diags_done) struct diags silent = {0};
        struct loader trial = {.ns = loader->ns, .diags = &silent};
        int as_yaml = yaml_parse_all(text, len, load_document, &trial, &silent);
        loader_done(&trial);
        if (as_yaml == 0)
            return yaml_parse_all(text, len, load_document, loader, diags);
    }
    add_json_error(diags, &err);
    return r;
}

int manifest_load_into(const char *text, size_t len, const char *file, const char *ns,
                       manifest_fn *fn, void *ctx, struct diags *diags)
{
    size_t before = diags->count + diags->dropped;
    cleanup(loader_done) struct loader loader = {.ns = ns, .diags = diags};
    int r = parse(&loader, text, len, file);
    bool mistakes = diags->count + diags->dropped > before;
    if (r == 0 && loader.count == 0 && !mistakes) {
        diags->document = 0;
        diags_add(diags, 0, "", CAUSE_REQUIRED, "no object in it");
        mistakes = true;
    }
    if (r == 0 && mistakes && !WEAKENED(MANIFEST_ALL_OR_NOTHING))
        r = -EINVAL;
    diags_sort(diags);
    for (size_t i = 0; i < loader.count && r == 0; i++) {
        diags->document = loader.items[i].document;
        r = fn(ctx, loader.items[i].kind, steal(loader.items[i].object));
    }
    return r;
}

int manifest_load(const char *text, size_t len, const char *file, manifest_fn *fn, void *ctx,
                  struct diags *diags)
{
    return manifest_load_into(text, len, file, "default", fn, ctx, diags);
}
