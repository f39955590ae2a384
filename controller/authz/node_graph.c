#include "controller/authz/node_graph.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/pod_claims.h"

#include <stdlib.h>

/* ---- what a pod refers to ---- */

struct refs {
    node_graph_ref_fn *fn;
    void *ctx;
};

static void tell(const struct refs *refs, const char *resource, const struct value *at,
                 const char *key)
{
    const char *name = value_get_str(at, key);
    if (!str_empty(name))
        refs->fn(refs->ctx, resource, name);
}

/* The same field of each item of a list. */
static void tell_each(const struct refs *refs, const char *resource, const struct value *list,
                      const char *within, const char *key)
{
    for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        tell(refs, resource, within ? value_get(item, within) : item, key);
    }
}

static void see_volume(const struct refs *refs, const struct value *volume)
{
    static const char *const secret_refs[] = {"secretRef", "nodePublishSecretRef"};
    const struct value *sources = value_get(value_get(volume, "projected"), "sources");
    tell(refs, "secrets", value_get(volume, "secret"), "secretName");
    tell(refs, "secrets", value_get(volume, "azureFile"), "secretName");
    tell(refs, "configmaps", value_get(volume, "configMap"), "name");
    tell_each(refs, "secrets", sources, "secret", "name");
    tell_each(refs, "configmaps", sources, "configMap", "name");
    for (size_t i = 0; value_type(volume) == VALUE_MAP && i < value_len(volume); i++)
        for (size_t n = 0; n < ARRAY_LEN(secret_refs); n++)
            tell(refs, "secrets", value_get(value_at(volume, i), secret_refs[n]), "name");
}

static void see_claim(void *ctx, const char *claim, const struct value *volume, bool own)
{
    const struct refs *refs = ctx;
    (void)volume;
    (void)own;
    refs->fn(refs->ctx, "persistentvolumeclaims", claim);
}

static void see_container(const struct refs *refs, const struct value *container)
{
    const struct value *env = value_get(container, "env");
    const struct value *from = value_get(container, "envFrom");
    for (size_t i = 0; value_type(env) == VALUE_LIST && i < value_len(env); i++) {
        const struct value *source = value_get(value_at(env, i), "valueFrom");
        tell(refs, "secrets", value_get(source, "secretKeyRef"), "name");
        tell(refs, "configmaps", value_get(source, "configMapKeyRef"), "name");
    }
    tell_each(refs, "secrets", from, "secretRef", "name");
    tell_each(refs, "configmaps", from, "configMapRef", "name");
}

void node_graph_refs(const struct value *pod, node_graph_ref_fn *fn, void *ctx)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    const struct refs refs = {fn, ctx};
    const struct value *spec = value_get(pod, "spec"), *volumes = value_get(spec, "volumes");
    tell(&refs, "serviceaccounts", spec, "serviceAccountName");
    tell_each(&refs, "secrets", value_get(spec, "imagePullSecrets"), NULL, "name");
    for (size_t i = 0; value_type(volumes) == VALUE_LIST && i < value_len(volumes); i++)
        see_volume(&refs, value_at(volumes, i));
    pod_claims_each(pod, see_claim, (void *)(uintptr_t)&refs);
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *list = value_get(spec, lists[l]);
        for (size_t i = 0; value_type(list) == VALUE_LIST && i < value_len(list); i++)
            see_container(&refs, value_at(list, i));
    }
}

/* ---- the graph ---- */

/* The edges of one pod or claim. */
struct vertex {
    char **keys;
    size_t count;
    char *ns, *node;
};

struct edge {
    size_t count; /* of pods */
};

struct node_graph {
    struct map *edges;   /* "<node>/<resource>/<ns>/<name>" -> struct edge */
    struct map *pods;    /* "<ns>/<name>" -> struct vertex */
    struct map *volumes; /* name of a volume -> "<ns>/<name>" of its claim */
    struct map *claims;  /* "<ns>/<name>" of a claim -> name of its volume */
};

struct node_graph *node_graph_new(void)
{
    struct node_graph *graph = xcalloc(1, sizeof(*graph));
    graph->edges = map_new();
    graph->pods = map_new();
    graph->volumes = map_new();
    graph->claims = map_new();
    return graph;
}

static void drop(struct node_graph *graph, struct vertex *vertex)
{
    if (!vertex)
        return;
    for (size_t i = 0; i < vertex->count; i++) {
        struct edge *edge = map_get(graph->edges, vertex->keys[i]);
        if (edge && --edge->count == 0)
            free(map_del(graph->edges, vertex->keys[i]));
        free(vertex->keys[i]);
    }
    free(vertex->keys);
    free(vertex->ns);
    free(vertex->node);
    free(vertex);
}

void node_graph_free(struct node_graph *graph)
{
    void *vertex;
    if (!graph)
        return;
    for (size_t i = 0; map_next(graph->pods, &i, NULL, &vertex);)
        drop(graph, vertex);
    map_free(graph->pods, NULL);
    map_free(graph->edges, free);
    map_free(graph->volumes, free);
    map_free(graph->claims, free);
    free(graph);
}

struct adding {
    struct node_graph *graph;
    struct vertex *vertex;
};

static void add_edge(void *ctx, const char *resource, const char *name)
{
    const struct adding *adding = ctx;
    struct vertex *vertex = adding->vertex;
    char *key = xasprintf("%s/%s/%s/%s", vertex->node, resource, vertex->ns, name);
    struct edge *edge = map_get(adding->graph->edges, key);
    if (!edge) {
        edge = xcalloc(1, sizeof(*edge));
        map_put(adding->graph->edges, key, edge);
    }
    edge->count++;
    if ((vertex->count & (vertex->count - 1)) == 0) /* full at powers of two */
        vertex->keys = xreallocarray(vertex->keys, vertex->count ? vertex->count * 2 : 1,
                                     sizeof(*vertex->keys));
    vertex->keys[vertex->count++] = key;
}

void node_graph_put_pod(struct node_graph *graph, const char *ns, const char *name,
                        const struct value *pod)
{
    autofree char *key = xasprintf("%s/%s", ns, name);
    const char *node = value_get_str(value_get(pod, "spec"), "nodeName");
    drop(graph, map_del(graph->pods, key));
    if (str_empty(node))
        return;
    struct vertex *vertex = xcalloc(1, sizeof(*vertex));
    struct adding adding = {graph, vertex};
    vertex->ns = xstrdup(ns);
    vertex->node = xstrdup(node);
    add_edge(&adding, "pods", name);
    node_graph_refs(pod, add_edge, &adding);
    map_put(graph->pods, key, vertex);
}

void node_graph_put_claim(struct node_graph *graph, const char *ns, const char *name,
                          const struct value *claim)
{
    autofree char *key = xasprintf("%s/%s", ns, name);
    const char *volume = value_get_str(value_get(claim, "spec"), "volumeName");
    autofree char *before = map_del(graph->claims, key);
    if (before && str_eq(map_get(graph->volumes, before), key))
        free(map_del(graph->volumes, before));
    if (str_empty(volume))
        return;
    map_put(graph->claims, key, xstrdup(volume));
    free(map_put(graph->volumes, volume, xstrdup(key)));
}

static bool has_edge(const struct node_graph *graph, const char *node, const char *resource,
                     const char *what)
{
    autofree char *key = xasprintf("%s/%s/%s", node, resource, what);
    return map_get(graph->edges, key);
}

bool node_graph_has(const struct node_graph *graph, const char *node, const char *resource,
                    const char *ns, const char *name)
{
    if (str_eq(resource, "persistentvolumes")) {
        const char *claim = map_get(graph->volumes, name);
        return claim && has_edge(graph, node, "persistentvolumeclaims", claim);
    }
    autofree char *what = xasprintf("%s/%s", ns, name);
    return has_edge(graph, node, resource, what);
}
