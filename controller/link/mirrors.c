#include "controller/link/mirrors.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_mirror.h"
#include "controller/api/pod_at_node.h"
#include "controller/link/mirrors_impl.h"
#include "controller/reconcile/reconciler.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what happens ---- */

static void note(struct mirrors *mirrors, const struct value *pod, const char *key, bool there)
{
    const char *node = value_str(value_path(pod, "spec", "nodeName", NULL));
    struct map *pods = node ? map_get(mirrors->shown, node) : NULL;
    if (!node || (!pods && !there))
        return;
    if (!pods) {
        pods = map_new();
        (void)map_put(mirrors->shown, node, pods);
    }
    if (there)
        (void)map_put(pods, key, mirrors);
    else
        (void)map_del(pods, key);
    if (map_len(pods) == 0)
        map_free(map_del(mirrors->shown, node), NULL);
}

/* A name is free again: a mirror was deleted, or a pod that had it before. */
static void on_pod(void *ctx, enum api_event_type type, const struct value *object)
{
    struct mirrors *mirrors = ctx;
    autofree char *key = reconciler_key_of(object);
    note(mirrors, object, key, type != API_DELETED && object_annotation(object, POD_MIRROR));
    if (type != API_DELETED)
        return;
    for (struct entry *entry = map_get(mirrors->names, key); entry; entry = entry->next) {
        entry->news |= entry->state == MIRROR_MAKING;
        mirrors_look(entry);
    }
    mirrors_pump(mirrors);
}

/* As it is now: what the watch has told may be older. */
static void drop_unreported(struct mirrors *mirrors, const char *node, const struct tally *tally,
                            const char *key)
{
    autofree char *ns = NULL;
    const char *name = reconciler_split(key, &ns);
    const struct api_ref ref = {&kind_pod, ns, name};
    cleanup(value_free) struct value *pod = NULL;
    if (api_get(mirrors->spec.api, &mirrors_user, &ref, &pod) != 0 ||
        !object_annotation(pod, POD_MIRROR))
        return;
    const char *uid = pod_uid_at_node(pod);
    if (!pod_is_of_node(pod, node, uid) || (tally_has(tally, uid) && !WEAKENED(MIRRORS_REPORTED)))
        return;
    struct entry *entry = mirrors_find(mirrors, node, uid);
    if (entry)
        mirrors_drop(entry); /* known from an earlier life: the node is not asked for it again */
    log_info("mirror of a pod that its node does not have is removed: node=%s pod=%s", node, key);
    mirrors_delete_pod(mirrors, pod);
}

void mirrors_settled(struct mirrors *mirrors, const char *node, const struct tally *tally)
{
    const struct map *pods = map_get(mirrors->shown, node);
    const char *key;
    for (size_t i = 0; pods && map_next(pods, &i, &key, NULL);)
        drop_unreported(mirrors, node, tally, key);
}

#define PODS_USUAL 110 /* it has not said it yet */

static size_t room_of(const struct mirrors *mirrors, const char *name)
{
    const struct api_ref ref = {&kind_node, "", name};
    const struct value *node = NULL;
    if (api_see(mirrors->spec.api, &mirrors_user, &ref, &node) != 0)
        return 0;
    const struct value *pods = value_path(node, "status", "capacity", "pods", NULL);
    int64_t room =
        value_str(pods) ? strtoll(value_str(pods), NULL, 10) : value_int(pods, PODS_USUAL);
    if (room <= 0)
        return 0;
    return room < MIRRORS_NODE_MAX ? (size_t)room : MIRRORS_NODE_MAX;
}

static void add(struct mirrors *mirrors, const char *name, const struct value *meta)
{
    struct node *node = mirrors_node(mirrors, name);
    if (node->count >= room_of(mirrors, name) && !WEAKENED(MIRRORS_COUNT)) {
        log_debug("static pod not shown, the node has too many: node=%s", name);
        return;
    }
    mirrors_look(mirrors_entry_new(node, meta));
}

/* Pods of the API that are bound to the node are reported, too. */
static bool is_ordinary(const struct mirrors *mirrors, const struct value *meta)
{
    const struct api_ref ref = {&kind_pod, value_get_str(meta, "namespace"),
                                value_get_str(meta, "name")};
    const struct value *pod = NULL;
    return api_see(mirrors->spec.api, &mirrors_user, &ref, &pod) == 0 &&
           str_eq(object_uid(pod), value_get_str(meta, "uid"));
}

void mirrors_report(struct mirrors *mirrors, const char *node, const struct report *report)
{
    const struct value *meta = value_get(report->pod, "metadata");
    const char *ns = value_get_str(meta, "namespace"), *name = value_get_str(meta, "name");
    const char *uid = value_get_str(meta, "uid");
    autofree char *suffix = xasprintf("-%s", node);
    if (!ns || !name || !uid || !str_has_suffix(name, suffix))
        return;
    struct entry *entry = mirrors_find(mirrors, node, uid);
    bool same = entry && str_eq(entry->ns, ns) && str_eq(entry->name, name);
    if (entry && (report->gone || !same))
        mirrors_drop(steal(entry));
    if (!entry && !report->gone && !is_ordinary(mirrors, meta))
        add(mirrors, node, meta);
    else if (!entry)
        ;
    else if (entry->state == MIRROR_ASKING || entry->state == MIRROR_MAKING)
        entry->news = true;
    else
        mirrors_look(entry);
    mirrors_pump(mirrors);
}

void mirrors_wake(struct mirrors *mirrors, const char *name)
{
    const struct node *node = map_get(mirrors->nodes, name);
    struct list *it, *tmp;
    if (!node)
        return;
    list_each(it, tmp, &node->entries)
    {
        struct entry *entry = container_of(it, struct entry, of_node);
        if (entry->state == MIRROR_WAITING)
            mirrors_resume(entry);
    }
    mirrors_pump(mirrors);
}

void mirrors_forget(struct mirrors *mirrors, const char *name)
{
    struct node *node = map_del(mirrors->nodes, name);
    struct list *it, *tmp;
    if (!node)
        return;
    list_each(it, tmp, &node->entries) mirrors_drop(container_of(it, struct entry, of_node));
    mirrors_node_free(node);
    mirrors_pump(mirrors);
}

/* ---- life ---- */

int mirrors_new(const struct mirrors_spec *spec, struct mirrors **ret, struct err *err)
{
    static const char *const mentions[] = {POD_MIRROR, NULL};
    const struct api_ref ref = {&kind_pod, "", ""};
    const struct api_list_query query = {.mentions = mentions};
    struct mirrors *mirrors = xcalloc(1, sizeof(*mirrors));
    mirrors->spec = *spec;
    mirrors->nodes = map_new();
    mirrors->entries = map_new();
    mirrors->names = map_new();
    mirrors->shown = map_new();
    list_init(&mirrors->ready);
    list_init(&mirrors->orphans);
    int rc = api_watch(spec->api, &mirrors_user, &ref, &query, 0, on_pod, mirrors, &mirrors->watch);
    if (rc < 0) {
        mirrors_free(mirrors);
        return err_set(err, -EIO, "cannot watch mirror pods (%d)", rc);
    }
    *ret = mirrors;
    return 0;
}

void mirrors_free(struct mirrors *mirrors)
{
    struct list *it, *tmp;
    void *p;
    if (!mirrors)
        return;
    api_watch_free(mirrors->watch);
    for (size_t i = 0; map_next(mirrors->entries, &i, NULL, &p);) {
        struct entry *entry = p;
        if (entry->call)
            call_close(entry->call);
        mirrors_entry_free(entry);
    }
    list_each(it, tmp, &mirrors->orphans)
        mirrors_entry_free(container_of(it, struct entry, of_node));
    for (size_t i = 0; map_next(mirrors->nodes, &i, NULL, &p);)
        mirrors_node_free(p);
    for (size_t i = 0; map_next(mirrors->shown, &i, NULL, &p);)
        map_free(p, NULL);
    map_free(mirrors->shown, NULL);
    map_free(mirrors->nodes, NULL);
    map_free(mirrors->entries, NULL);
    map_free(mirrors->names, NULL);
    free(mirrors);
}
