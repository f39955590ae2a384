#include "controller/server/usage_metrics.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/pod_at_node.h"
#include "controller/api/status.h"

#include <stdio.h>
#include <stdlib.h>

/* Who may read what is used need not be let see nodes and pods. */
static const struct api_user self = {.name = "system:limpet:usage"};

/* A node or a pod that is asked about. */
struct subject {
    char *name, *ns, *uid, *node;
    struct value *labels; /* NULL: none */
    struct value *item;   /* its metrics; NULL: none */
};

struct round {
    const struct node_usage_source *source;
    const struct schema_kind *kind; /* of the metrics */
    char *ns, *name;                /* name "": a list */
    struct subject *subjects;
    size_t count;
    api_done_fn *done;
    void *ctx;
};

static void round_free(struct round *round)
{
    for (size_t i = 0; i < round->count; i++) {
        struct subject *subject = &round->subjects[i];
        free(subject->name);
        free(subject->ns);
        free(subject->uid);
        free(subject->node);
        value_free(subject->labels);
        value_free(subject->item);
    }
    free(round->subjects);
    free(round->ns);
    free(round->name);
    free(round);
}

/* Takes answer. */
static void finish(struct round *round, int code, struct value *answer)
{
    const struct api_answer told = {.code = code, .object = answer};
    round->done(round->ctx, &told);
    value_free(answer);
    round_free(round);
}

static struct value *no_metrics(const struct round *round)
{
    return status_of(404, round->kind, round->name, "%s.%s \"%s%s%s\" not found",
                     round->kind->singular, round->kind->group, round->ns, *round->ns ? "/" : "",
                     round->name);
}

/* ---- who is asked about ---- */

static bool is_over(const struct value *pod)
{
    const char *phase = value_str(value_path(pod, "status", "phase", NULL));
    return str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
}

/* Of pods those that are on a node and may run. */
static void add_subject(struct round *round, const struct value *object)
{
    bool pod = round->kind == &kind_pod_metrics;
    const char *ns = object_namespace(object),
               *uid = pod ? pod_uid_at_node(object) : object_uid(object);
    const char *node =
        pod ? value_str(value_path(object, "spec", "nodeName", NULL)) : object_name(object);
    if (str_empty(node) || (pod && is_over(object)))
        return;
    if ((round->count & (round->count - 1)) == 0)
        round->subjects = xrealloc(round->subjects, (round->count ? 2 * round->count : 1) *
                                                        sizeof(*round->subjects));
    const struct value *labels = value_path(object, "metadata", "labels", NULL);
    round->subjects[round->count++] = (struct subject){
        .name = xstrdup(object_name(object)),
        .ns = xstrdup(ns ? ns : ""),
        .uid = xstrdup(uid ? uid : ""),
        .node = xstrdup(node),
        .labels = labels ? value_copy(labels) : NULL,
    };
}

/* NULL, or the Status of what cannot be listed. */
static struct value *gather_list(struct round *round, const struct computed_ask *ask,
                                 const struct api_ref *ref)
{
    const struct api_list_query query = {.label_selector = ask->label_selector,
                                         .field_selector = ask->field_selector};
    struct api_listing *listing = NULL;
    struct value *status = NULL;
    if (api_listing_new(ask->api, &self, ref, &query, &listing, &status) != 0)
        return status;
    enum api_listed listed;
    do {
        struct value *object = NULL;
        listed = api_listing_object(listing, &object);
        if (listed == API_LISTED_ONE)
            add_subject(round, object);
        value_free(object);
    } while (listed == API_LISTED_ONE || listed == API_LISTED_NOTHING);
    api_listing_free(listing);
    return NULL;
}

static struct value *gather(struct round *round, const struct computed_ask *ask)
{
    const struct schema_kind *of = round->kind == &kind_pod_metrics ? &kind_pod : &kind_node;
    const struct api_ref ref = {of, ask->ref.ns, ask->ref.name};
    const struct value *object = NULL;
    if (!*round->name)
        return gather_list(round, ask, &ref);
    if (api_see(ask->api, &self, &ref, &object) != 0)
        return no_metrics(round);
    add_subject(round, object);
    return round->count ? NULL : no_metrics(round);
}

static int by_node(const void *a, const void *b)
{
    return strcmp(((const struct subject *)a)->node, ((const struct subject *)b)->node);
}

static int by_name(const void *a, const void *b)
{
    const struct subject *left = a, *right = b;
    int order = strcmp(left->ns, right->ns);
    return order ? order : strcmp(left->name, right->name);
}

/* Each once; the subjects are in the order of their nodes. */
static struct value *nodes_of(const struct round *round)
{
    struct value *nodes = value_new_list();
    for (size_t i = 0; i < round->count; i++)
        if (i == 0 || !str_eq(round->subjects[i].node, round->subjects[i - 1].node))
            value_append(nodes, value_new_str(round->subjects[i].node));
    return nodes;
}

/* ---- what they use ---- */

/* Kubernetes' form of the figures that are known; NULL: of the CPU's nothing is. */
static struct value *usage_of(const struct value *figures)
{
    int64_t cpu = value_get_int(figures, "cpu", -1);
    int64_t memory = value_get_int(figures, "memory", -1);
    char text[32];
    if (cpu < 0)
        return NULL;
    struct value *usage = value_new_map();
    snprintf(text, sizeof(text), "%lldn", (long long)cpu);
    value_set_str(usage, "cpu", cpu ? text : "0");
    snprintf(text, sizeof(text), "%lldKi", (long long)memory / 1024);
    if (memory >= 0)
        value_set_str(usage, "memory", memory >= 1024 ? text : "0");
    return usage;
}

static struct value *containers_of(const struct value *pod)
{
    const struct value *told = value_get(pod, "containers");
    struct value *containers = value_new_list();
    for (size_t i = 0; i < value_len(told); i++) {
        const char *name = value_get_str(value_at(told, i), "name");
        struct value *usage = name ? usage_of(value_at(told, i)) : NULL;
        if (!usage)
            continue;
        struct value *container = value_new_map();
        value_set_str(container, "name", name);
        value_set(container, "usage", usage);
        value_append(containers, container);
    }
    if (value_len(containers) > 0)
        return containers;
    value_free(containers);
    return NULL;
}

/* Takes used, which may be NULL. */
static void set_item(struct round *round, struct subject *subject,
                     const struct node_usage_answer *answer, const char *name, struct value *used)
{
    char when[CLOCK_RFC3339_LEN], version[128], window[64];
    if (!used)
        return;
    struct value *item = value_new_map(), *meta = value_new_map();
    value_set_str(item, "kind", round->kind->kind);
    value_set_str(item, "apiVersion", schema_api_version(round->kind, version));
    value_set_str(meta, "name", subject->name);
    if (*subject->ns)
        value_set_str(meta, "namespace", subject->ns);
    clock_format(answer->time_ns, 0, when);
    value_set_str(meta, "creationTimestamp", when);
    if (subject->labels)
        value_set(meta, "labels", steal(subject->labels));
    value_set(item, "metadata", meta);
    value_set_str(item, "timestamp", when);
    snprintf(window, sizeof(window), "%.3fs", (double)answer->window_ns / NS_PER_S);
    value_set_str(item, "window", window);
    value_set(item, name, used);
    value_free(subject->item);
    subject->item = item;
}

/* A node tells of its own pods: of the very ones that are bound to it. */
static void fill_pods(struct round *round, struct subject *subjects, size_t count,
                      const struct node_usage_answer *answer)
{
    const struct value *pods = value_get(answer->all, "pods");
    struct map *by_uid = map_new();
    for (size_t i = 0; i < count; i++)
        (void)map_put(by_uid, subjects[i].uid, &subjects[i]);
    for (size_t i = 0; i < value_len(pods); i++) {
        const struct value *pod = value_at(pods, i);
        const char *uid = value_get_str(pod, "uid");
        struct subject *subject = uid ? map_get(by_uid, uid) : NULL;
        if (subject && !subject->item)
            set_item(round, subject, answer, "containers", containers_of(pod));
    }
    map_free(by_uid, NULL);
}

/* Of one node: the subjects that stand together. */
static void fill(struct round *round, struct subject *subjects, size_t count)
{
    struct node_usage_answer answer;
    if (round->source->find(round->source->ctx, subjects->node, &answer) < 0)
        return;
    if (round->kind == &kind_pod_metrics)
        fill_pods(round, subjects, count, &answer);
    else
        set_item(round, subjects, &answer, "usage", usage_of(value_get(answer.all, "node")));
    node_usage_answer_done(&answer);
}

static struct value *list_of(struct round *round)
{
    char version[128], kind[128];
    struct value *list = value_new_map(), *items = value_new_list();
    snprintf(kind, sizeof(kind), "%sList", round->kind->kind);
    value_set_str(list, "kind", kind);
    value_set_str(list, "apiVersion", schema_api_version(round->kind, version));
    value_set(list, "metadata", value_new_map());
    for (size_t i = 0; i < round->count; i++)
        if (round->subjects[i].item)
            value_append(items, steal(round->subjects[i].item));
    value_set(list, "items", items);
    return list;
}

static void on_answered(void *ctx, bool answered)
{
    struct round *round = ctx;
    if (!answered) {
        round_free(round);
        return;
    }
    for (size_t i = 0, count; i < round->count; i += count) {
        for (count = 1; i + count < round->count; count++)
            if (!str_eq(round->subjects[i].node, round->subjects[i + count].node))
                break;
        fill(round, &round->subjects[i], count);
    }
    if (*round->name && !round->subjects->item) {
        finish(round, 404, no_metrics(round));
        return;
    }
    if (round->count)
        qsort(round->subjects, round->count, sizeof(*round->subjects), by_name);
    finish(round, 200, *round->name ? steal(round->subjects->item) : list_of(round));
}

void usage_metrics_answer(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    struct round *round = xcalloc(1, sizeof(*round));
    *round = (struct round){.source = ask->hooks ? ask->hooks->usage : NULL,
                            .kind = ask->ref.kind,
                            .ns = xstrdup(ask->ref.ns),
                            .name = xstrdup(ask->ref.name),
                            .done = done,
                            .ctx = ctx};
    struct value *status = round->source
                               ? gather(round, ask)
                               : status_failure(503, "this gateway cannot reach its nodes");
    if (status) {
        finish(round, status_code(status), status);
        return;
    }
    if (round->count)
        qsort(round->subjects, round->count, sizeof(*round->subjects), by_node);
    cleanup(value_free) struct value *nodes = nodes_of(round);
    if (round->source->ask(round->source->ctx, nodes, on_answered, round) < 0)
        finish(round, 429, status_failure(429, "too many ask what nodes use, please try again"));
}
