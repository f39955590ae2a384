/* limpet get */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "tools/cli/grid.h"
#include "tools/cli/order.h"
#include "tools/cli/text.h"
#include "tools/cli/verbs.h"
#include "tools/cli/watch.h"

#include <errno.h>
#include <stdio.h>

#define TABLE_ACCEPT "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"
#define CHUNK "500" /* objects of a list in one answer */
#define NOT_FOUND 404

struct get_options {
    const char *output, *selector, *fields;
    bool all, watch, no_headers, labels, ignore_missing;
};

struct getter {
    struct cli *cli;
    const struct get_options *options;
    const struct target *target;
    bool table, failed;
    struct grid *grid;
    size_t shown;
    char *seen; /* revision that a watch need not show again */
};

static const char *namespace_of(const struct getter *g)
{
    return g->options->all && !g->target->name ? NULL : cli_namespace(g->cli);
}

/* What lists of the kind are sorted by; NULL: nothing. */
static const char *const *times_of(const struct getter *g)
{
    const struct schema_kind *known = g->target->resource->known;
    return known && !g->target->name ? known->sorted_by : NULL;
}

static char *path_of(const struct getter *g, const char *continued)
{
    autofree char *plain = resource_path(g->target->resource, namespace_of(g), g->target->name);
    struct buf path;
    buf_init(&path, 0);
    (void)buf_addstr(&path, plain);
    if (!g->target->name) {
        query_add(&path, "limit", CHUNK);
        query_add(&path, "continue", continued);
        query_add(&path, "labelSelector", g->options->selector);
        query_add(&path, "fieldSelector", g->options->fields);
        query_add(&path, "includeObject", g->table && times_of(g) ? "Object" : NULL);
    }
    return buf_steal(&path, NULL);
}

/* Caller frees; NULL if it is not there. */
static char *value_take_str(struct value *map, const char *key)
{
    cleanup(value_free) struct value *taken = value_take(map, key);
    return value_str(taken) ? xstrdup(value_str(taken)) : NULL;
}

/* Of a list with more to come: the items of the next answers are moved into the first. */
static void append_items(struct value *to, struct value *from, const char *key)
{
    struct value *list = value_get(to, key), *more = value_get(from, key);
    for (size_t i = 0; list && i < value_len(more); i++)
        value_append(list, value_copy(value_at(more, i)));
}

/* One answer. NULL after having said why; *ret_missing: it is not there, and that is fine. */
static struct value *fetch_some(const struct getter *g, const char *continued, bool *ret_missing)
{
    autofree char *path = path_of(g, continued);
    const struct client_request request = {
        .method = "GET", .path = path, .accept = g->table ? TABLE_ACCEPT : NULL};
    cleanup(value_free) struct value *answer = NULL;
    int code = cli_call(g->cli, &request, &answer);
    *ret_missing = code == NOT_FOUND && g->options->ignore_missing;
    if (*ret_missing || cli_check(code, answer) < 0)
        return NULL;
    return steal(answer);
}

/* The object, or the whole list or Table. NULL as fetch_some. */
static struct value *fetch(const struct getter *g, bool *ret_missing)
{
    struct value *all = fetch_some(g, NULL, ret_missing);
    if (!all || g->target->name)
        return all;
    autofree char *continued = value_take_str(value_get(all, "metadata"), "continue");
    while (!str_empty(continued)) {
        struct value *more = fetch_some(g, continued, ret_missing);
        if (!more) {
            value_free(all);
            return NULL;
        }
        append_items(all, more, "items");
        append_items(all, more, "rows");
        free(continued);
        continued = value_take_str(value_get(more, "metadata"), "continue");
        value_free(more);
    }
    value_del(value_get(all, "metadata"), "remainingItemCount");
    if (times_of(g))
        order_by_time(all, times_of(g));
    return all;
}

/* Items of a list may leave out what the list says for all. */
static void name_items(const struct resource *r, struct value *list)
{
    struct value *items = value_get(list, "items");
    autofree char *api_version =
        *r->group ? xasprintf("%s/%s", r->group, r->version) : xstrdup(r->version);
    for (size_t i = 0; i < value_len(items); i++) {
        struct value *item = value_at(items, i);
        if (value_get(item, "kind"))
            continue;
        value_set_str(item, "apiVersion", api_version);
        value_set_str(item, "kind", r->kind);
    }
}

static void flush(struct buf *text)
{
    fputs(buf_str(text), stdout);
    fflush(stdout);
    buf_done(text);
}

static void print_names(const struct resource *r, const struct value *object)
{
    struct buf text;
    buf_init(&text, 0);
    const struct value *items = value_get(object, "items");
    bool list = value_type(items) == VALUE_LIST;
    for (size_t i = 0; i < (list ? value_len(items) : 1); i++) {
        const struct value *one = list ? value_at(items, i) : object;
        const char *name = value_get_str(value_get(one, "metadata"), "name");
        resource_add_name(r, name ? name : "", &text);
        (void)buf_addc(&text, '\n');
    }
    flush(&text);
}

static void print_document(const char *format, const struct value *object, bool separate)
{
    struct buf text;
    buf_init(&text, 0);
    if (str_eq(format, "json")) {
        (void)json_write_pretty(object, &text);
    } else {
        if (separate)
            (void)buf_addstr(&text, "---\n");
        (void)yaml_write(object, &text);
    }
    flush(&text);
}

static bool is_document(const char *format)
{
    return str_eq(format, "json") || str_eq(format, "yaml");
}

static void print_table(struct getter *g, const struct value *answer)
{
    cleanup(value_free) struct value *own = NULL;
    if (!str_eq(value_get_str(answer, "kind"), "Table"))
        answer = own = grid_table(g->target->resource->known, answer, clock_wall(clock_system()));
    struct buf text;
    buf_init(&text, 0);
    grid_print(g->grid, answer, &text);
    flush(&text);
}

static struct grid *new_grid(const struct getter *g, bool many)
{
    const struct get_options *o = g->options;
    const struct grid_style style = {
        .wide = str_eq(o->output, "wide"),
        .namespace = o->all && g->target->resource->namespaced,
        .no_headers = o->no_headers,
        .labels = o->labels,
        .colours = text_colours(stdout),
        .prefix = many ? g->target->resource->singular : NULL,
    };
    return grid_new(&style);
}

/* What each target is, one after the other, in g->target; the exit code. fn may change answer. */
typedef void answer_fn(struct getter *g, struct value *answer, void *ctx);
static int each_answer(struct getter *g, const struct targets *targets, answer_fn *fn, void *ctx)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < targets->count; i++) {
        bool missing = false;
        g->target = &targets->items[i];
        cleanup(value_free) struct value *answer = fetch(g, &missing);
        if (answer)
            fn(g, answer, ctx);
        else if (!missing)
            code = EXIT_FAILED;
    }
    return code;
}

/* Rows of the same kind stand in one table. */
static void add_rows(struct getter *g, struct value *answer, void *ctx)
{
    const struct targets *targets = ctx;
    bool empty = value_len(value_get(answer, "rows")) == 0 &&
                 value_len(value_get(answer, "items")) == 0 && !g->target->name;
    if (empty)
        return;
    bool same =
        g->grid && g->target > targets->items && g->target[-1].resource == g->target->resource;
    if (!same) {
        if (g->grid)
            putchar('\n');
        grid_free(g->grid);
        g->grid = new_grid(g, targets->resource_count > 1);
    }
    print_table(g, answer);
    g->shown++;
}

static int get_rows(struct getter *g, const struct targets *targets)
{
    int code = each_answer(g, targets, add_rows, (void *)targets);
    if (g->shown > 0 || code != EXIT_DONE || g->options->ignore_missing)
        return code;
    if (namespace_of(g) && g->target->resource->namespaced)
        fprintf(stderr, "No resources found in %s namespace.\n", cli_namespace(g->cli));
    else
        fprintf(stderr, "No resources found\n");
    return code;
}

/* -o json and yaml: the object itself, or a List of all. */
struct documents {
    bool single;
    struct value *items;
};

static void add_document(struct getter *g, struct value *answer, void *ctx)
{
    const struct documents *documents = ctx;
    name_items(g->target->resource, answer);
    if (str_eq(g->options->output, "name"))
        print_names(g->target->resource, answer);
    else if (documents->single)
        print_document(g->options->output, answer, false);
    else if (g->target->name)
        value_append(documents->items, value_copy(answer));
    else
        for (size_t i = 0; i < value_len(value_get(answer, "items")); i++)
            value_append(documents->items, value_copy(value_at(value_get(answer, "items"), i)));
}

static int get_documents(struct getter *g, const struct targets *targets)
{
    cleanup(value_free) struct value *list = value_new_map();
    value_set_str(list, "apiVersion", "v1");
    value_set_str(list, "kind", "List");
    value_set_str(value_make_map(list, "metadata", NULL), "resourceVersion", "");
    struct documents documents = {.single = targets->count == 1 && targets->items[0].name,
                                  .items = value_set(list, "items", value_new_list())};
    int code = each_answer(g, targets, add_document, &documents);
    if (!documents.single && is_document(g->options->output) &&
        (code == EXIT_DONE || value_len(documents.items)))
        print_document(g->options->output, list, false);
    return code;
}

static bool show(struct getter *g, const struct value *object)
{
    if (g->table)
        print_table(g, object);
    else if (str_eq(g->options->output, "name"))
        print_names(g->target->resource, object);
    else
        print_document(g->options->output, object, g->shown++ > 0);
    return !ferror(stdout);
}

static const char *revision_of(const struct value *object)
{
    const struct value *row = value_at(value_get(object, "rows"), 0);
    return value_get_str(value_get(row ? value_get(row, "object") : object, "metadata"),
                         "resourceVersion");
}

static bool show_event(void *ctx, const char *type, const struct value *object)
{
    struct getter *g = ctx;
    bool again = g->seen && str_eq(type, "ADDED") && str_eq(g->seen, revision_of(object));
    free(steal(g->seen));
    return again || show(g, object);
}

static void show_first(struct getter *g, struct value *answer)
{
    const struct value *items = value_get(answer, "items");
    name_items(g->target->resource, answer);
    if (value_type(items) != VALUE_LIST || !is_document(g->options->output))
        show(g, answer);
    else
        for (size_t i = 0; i < value_len(items); i++)
            show(g, value_at(items, i));
}

/* First what there is, then each change, until interrupted. Of one object the watch begins with
 * what it is (its own revision may be long forgotten), which is not shown twice. */
static int watch_target(struct getter *g)
{
    if (g->table)
        g->grid = new_grid(g, false);
    autofree char *path = resource_path(g->target->resource, namespace_of(g), NULL);
    for (;;) {
        bool missing = false;
        cleanup(value_free) struct value *answer = fetch(g, &missing);
        if (!answer)
            return missing ? EXIT_DONE : EXIT_FAILED;
        show_first(g, answer);
        const char *revision = value_get_str(value_get(answer, "metadata"), "resourceVersion");
        if (g->target->name && revision)
            g->seen = xstrdup(revision);
        const struct watch_query query = {.path = path,
                                          .accept = g->table ? TABLE_ACCEPT : NULL,
                                          .label_selector = g->options->selector,
                                          .field_selector = g->options->fields,
                                          .name = g->target->name,
                                          .revision = g->target->name ? "0" : revision};
        const struct watch_sink sink = {.event = show_event, .ctx = g};
        struct err err = {0};
        int rc = watch_run(g->cli, &query, &sink, &err);
        free(steal(g->seen));
        if (rc != -ESTALE)
            return rc == -ECANCELED ? EXIT_DONE : cli_fail("%s", err.msg);
    }
}

static int run_get(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct get_options *o = options;
    cleanup(targets_done) struct targets targets;
    int code = targets_connect(cli, &verb_get, words, count, &targets);
    if (code != 0)
        return code;
    if (o->all && targets.items[0].name)
        return cli_usage(&verb_get, "a name and all namespaces do not go together");
    struct getter g = {.cli = cli, .options = o, .target = targets.items};
    g.table = !o->output || str_eq(o->output, "wide");
    if (o->watch && targets.count > 1)
        return cli_usage(&verb_get, "watch one kind, or one object, at a time");
    if (o->watch)
        code = watch_target(&g);
    else
        code = g.table ? get_rows(&g, &targets) : get_documents(&g, &targets);
    grid_free(g.grid);
    return code;
}

const struct verb verb_get = {
    .name = "get",
    .usage = "KIND[,KIND] [NAME...] | KIND/NAME...",
    .summary = "show objects: pods, nodes, namespaces, configmaps, secrets...",
    .options =
        (const struct arg_option[]){
            {"output", 'o', ARG_STRING, offsetof(struct get_options, output), "FORMAT",
             "wide, yaml, json or name", "wide|yaml|json|name"},
            {"all-namespaces", 'A', ARG_FLAG, offsetof(struct get_options, all), NULL,
             "of all namespaces", NULL},
            {"selector", 'l', ARG_STRING, offsetof(struct get_options, selector), "LABELS",
             "only those with these labels: app=web,tier!=db", NULL},
            {"field-selector", 0, ARG_STRING, offsetof(struct get_options, fields), "FIELDS",
             "only those with these fields: spec.nodeName=pi-01", NULL},
            {"watch", 'w', ARG_FLAG, offsetof(struct get_options, watch), NULL,
             "go on with each change", NULL},
            {"show-labels", 0, ARG_FLAG, offsetof(struct get_options, labels), NULL,
             "labels as the last column", NULL},
            {"no-headers", 0, ARG_FLAG, offsetof(struct get_options, no_headers), NULL, "rows only",
             NULL},
            {"ignore-not-found", 0, ARG_FLAG, offsetof(struct get_options, ignore_missing), NULL,
             "what is not there is no error", NULL},
            {0},
        },
    .size = sizeof(struct get_options),
    .run = run_get,
};
