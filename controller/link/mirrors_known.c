#include "controller/link/mirrors_impl.h"

#include "common/base/mem.h"
#include "controller/reconcile/reconciler.h"

#include <stdlib.h>

static char *entry_key(const char *node, const char *uid)
{
    return xasprintf("%s/%s", node, uid);
}

struct entry *mirrors_find(const struct mirrors *mirrors, const char *node, const char *uid)
{
    autofree char *key = entry_key(node, uid);
    return map_get(mirrors->entries, key);
}

static void chain_add(struct entry *entry)
{
    autofree char *key = reconciler_key(entry->ns, entry->name);
    entry->next = map_put(entry->mirrors->names, key, entry);
}

static void chain_remove(struct entry *entry)
{
    struct map *names = entry->mirrors->names;
    autofree char *key = reconciler_key(entry->ns, entry->name);
    struct entry *first = map_get(names, key);
    struct entry **at = &first;
    while (*at && *at != entry)
        at = &(*at)->next;
    if (*at)
        *at = entry->next;
    if (first)
        (void)map_put(names, key, first);
    else
        (void)map_del(names, key);
}

struct entry *mirrors_entry_new(struct node *node, const struct value *meta)
{
    struct entry *entry = xcalloc(1, sizeof(*entry));
    struct mirrors *mirrors = node->mirrors;
    entry->mirrors = mirrors;
    entry->node = node;
    entry->ns = xstrdup(value_get_str(meta, "namespace"));
    entry->name = xstrdup(value_get_str(meta, "name"));
    entry->uid = xstrdup(value_get_str(meta, "uid"));
    entry->timer = loop_timer_new(mirrors->spec.loop, mirrors_on_timer, entry);
    buf_init(&entry->text, 0);
    list_append(&node->entries, &entry->of_node);
    node->count++;
    autofree char *key = entry_key(node->name, entry->uid);
    (void)map_put(mirrors->entries, key, entry);
    chain_add(entry);
    return entry;
}

void mirrors_entry_free(struct entry *entry)
{
    list_remove(&entry->of_node);
    list_remove(&entry->queued);
    loop_timer_free(entry->timer);
    value_free(entry->status);
    buf_done(&entry->text);
    free(entry->ns);
    free(entry->name);
    free(entry->uid);
    free(entry);
}

struct node *mirrors_node(struct mirrors *mirrors, const char *name)
{
    struct node *node = map_get(mirrors->nodes, name);
    if (node)
        return node;
    node = xcalloc(1, sizeof(*node));
    node->mirrors = mirrors;
    node->name = xstrdup(name);
    node->timer = loop_timer_new(mirrors->spec.loop, mirrors_on_node_timer, node);
    list_init(&node->entries);
    list_init(&node->queue);
    (void)map_put(mirrors->nodes, name, node);
    return node;
}

void mirrors_node_free(struct node *node)
{
    list_remove(&node->ready);
    loop_timer_free(node->timer);
    free(node->name);
    free(node);
}

void mirrors_ready(struct node *node)
{
    if (!node->busy && !list_empty(&node->queue) && !node->ready.next)
        list_append(&node->mirrors->ready, &node->ready);
}

void mirrors_leave(struct entry *entry)
{
    struct node *node = entry->node;
    entry->mirrors->under_way--;
    if (!node)
        return;
    node->busy = false;
    mirrors_ready(node);
}

void mirrors_drop(struct entry *entry)
{
    struct mirrors *mirrors = entry->mirrors;
    autofree char *key = entry_key(entry->node->name, entry->uid);
    if (entry->call) {
        call_close(steal(entry->call));
        mirrors_leave(entry);
    }
    (void)map_del(mirrors->entries, key);
    chain_remove(entry);
    entry->node->count--;
    list_remove(&entry->of_node);
    list_remove(&entry->queued);
    if (list_empty(&entry->node->queue))
        list_remove(&entry->node->ready);
    if (entry->state != MIRROR_MAKING) {
        mirrors_entry_free(entry);
        return;
    }
    entry->node->busy = false;
    mirrors_ready(entry->node);
    entry->node = NULL;
    list_append(&mirrors->orphans, &entry->of_node);
}
