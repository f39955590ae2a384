#include "controller/openapi/openapi_paths.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/openapi/openapi_schema.h"
#include "controller/api/subresource.h"

/* A parameter of queries. */
struct parameter {
    const char *name, *type, *doc;
};

static const struct parameter writes[] = {
    {"dryRun", "string", "All: answer as if it were done, and do nothing."},
    {"fieldManager", "string", "Who makes the change."},
    {"fieldValidation", "string",
     "What becomes of fields that are unknown or come twice: Ignore, Warn or Strict."},
    {0},
};
static const struct parameter patches[] = {
    {"dryRun", "string", "All: answer as if it were done, and do nothing."},
    {"fieldManager", "string", "Who makes the change."},
    {"fieldValidation", "string",
     "What becomes of fields that are unknown or come twice: Ignore, Warn or Strict."},
    {"force", "boolean", "Of an apply: take over the fields that others own."},
    {0},
};
static const struct parameter deletions[] = {
    {"dryRun", "string", "All: answer as if it were done, and do nothing."},
    {"gracePeriodSeconds", "integer", "The time to end by itself."},
    {"propagationPolicy", "string", "Orphan, Background or Foreground."},
    {0},
};
static const struct parameter lists[] = {
    {"labelSelector", "string", "Only objects whose labels fit."},
    {"fieldSelector", "string", "Only objects whose fields fit."},
    {"limit", "integer", "At most so many; metadata.continue tells where the rest begins."},
    {"continue", "string", "Goes on with a list that was cut off by limit."},
    {"resourceVersion", "string", "What state of the objects."},
    {"resourceVersionMatch", "string", "How resourceVersion is meant."},
    {"timeoutSeconds", "integer", "The end of a watch."},
    {"watch", "boolean", "Changes as they happen, instead of a list."},
    {"allowWatchBookmarks", "boolean", "A watch tells from time to time how far it is."},
    {"sendInitialEvents", "boolean", "A watch begins with what is there."},
    {0},
};
static const struct parameter none[] = {{0}};

/* What the verbs are over HTTP. */
static const struct verb {
    const char *verb, *method, *action;
    const struct parameter *parameters;
    const char *body; /* media type of what is sent; NULL: nothing */
    bool collection;
} verbs[] = {
    {"list", "get", "list", lists, NULL, true},
    {"create", "post", "post", writes, "application/json", true},
    {"deletecollection", "delete", "deletecollection", deletions, NULL, true},
    {"get", "get", "get", none, NULL, false},
    {"update", "put", "put", writes, "application/json", false},
    {"patch", "patch", "patch", patches, "application/strategic-merge-patch+json", false},
    {"delete", "delete", "delete", deletions, NULL, false},
};

char *openapi_path_of(const struct schema_kind *kind, bool in_namespace, const char *rest)
{
    bool core = str_empty(kind->group);
    return xasprintf("/%s%s%s/%s/%s%s%s", core ? "api" : "apis", core ? "" : "/", kind->group,
                     kind->version, in_namespace ? "namespaces/{namespace}/" : "", kind->plural,
                     rest);
}

static struct value *parameter(const char *name, const char *in, const char *type, const char *doc)
{
    struct value *out = value_new_map();
    value_set_str(out, "name", name);
    value_set_str(out, "in", in);
    value_set_str(out, "description", doc);
    if (str_eq(in, "path"))
        value_set_bool(out, "required", true);
    value_set_str(value_set(out, "schema", value_new_map()), "type", type);
    return out;
}

/* {media: {"schema": {"$ref": definition}}}; of anything where definition is NULL. */
static struct value *content(const char *media, const char *definition)
{
    struct value *out = value_new_map();
    struct value *schema =
        value_set(value_set(out, media, value_new_map()), "schema", value_new_map());
    if (definition) {
        autofree char *path = xasprintf("#/components/schemas/%s", definition);
        value_set_str(schema, "$ref", path);
    }
    return out;
}

static struct value *operation(const struct schema_kind *kind, const struct verb *verb,
                               const char *definition)
{
    bool one = !str_eq(verb->verb, "list") && !str_eq(verb->verb, "deletecollection");
    struct value *out = value_new_map();
    value_set_str(out, "x-kubernetes-action", verb->action);
    value_set(out, "x-kubernetes-group-version-kind", openapi_kind(kind));
    struct value *parameters = value_set(out, "parameters", value_new_list());
    for (const struct parameter *at = verb->parameters; at->name; at++)
        value_append(parameters, parameter(at->name, "query", at->type, at->doc));
    if (verb->body)
        value_set(value_set(out, "requestBody", value_new_map()), "content",
                  content(verb->body, str_eq(verb->verb, "patch") ? NULL : definition));
    struct value *responses = value_set(out, "responses", value_new_map());
    struct value *response =
        value_set(responses, str_eq(verb->verb, "create") ? "201" : "200", value_new_map());
    value_set_str(response, "description", "OK");
    value_set(response, "content", content("application/json", one ? definition : NULL));
    return out;
}

static void add_path_parameters(struct value *path, bool in_namespace, bool one)
{
    struct value *parameters = value_new_list();
    if (one)
        value_append(parameters, parameter("name", "path", "string", "The object's name."));
    if (in_namespace)
        value_append(parameters,
                     parameter("namespace", "path", "string", "The object's namespace."));
    if (value_len(parameters) > 0)
        value_set(path, "parameters", parameters);
    else
        value_free(parameters);
}

/* What of the verbs is done at that path; allowed NULL: all. */
static void add_path(struct value *paths, const struct schema_kind *kind, const char *rest,
                     const char *const *allowed, const char *definition)
{
    autofree char *name = openapi_path_of(kind, kind->namespaced, rest);
    struct value *path = value_new_map();
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        bool fits =
            !allowed && verbs[i].collection == !*rest && schema_has_verb(kind, verbs[i].verb);
        for (const char *const *verb = allowed; verb && *verb; verb++)
            fits |= str_eq(*verb, verbs[i].verb);
        if (fits)
            value_set(path, verbs[i].method, operation(kind, &verbs[i], definition));
    }
    add_path_parameters(path, kind->namespaced, *rest);
    value_set(paths, name, path);
}

struct value *openapi_paths(const struct schema_kind *kind, const char *definition)
{
    struct value *paths = value_new_map();
    const struct subresource *sub;
    add_path(paths, kind, "", NULL, definition);
    if (schema_has_verb(kind, "get"))
        add_path(paths, kind, "/{name}", NULL, definition);
    for (size_t i = 0; (sub = subresource_at(kind, i)); i++) {
        const char *allowed[SUBRESOURCE_VERBS + 1];
        autofree char *rest = xasprintf("/{name}/%s", sub->name);
        subresource_verb_names(sub, allowed);
        if (!sub->own)
            add_path(paths, kind, rest, allowed, sub->kind ? NULL : definition);
    }
    if (!kind->namespaced || !schema_has_verb(kind, "list"))
        return paths;
    autofree char *everywhere = openapi_path_of(kind, false, "");
    struct value *path = value_set(paths, everywhere, value_new_map());
    value_set(path, "get", operation(kind, &verbs[0], definition));
    return paths;
}
