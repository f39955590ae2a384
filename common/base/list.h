#pragma once
/* An intrusive doubly linked list. */

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *prev, *next;
};

static inline void list_init(struct list *list)
{
    list->prev = list->next = list;
}
static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}
static inline void list_append(struct list *list, struct list *item)
{
    item->prev = list->prev;
    item->next = list;
    list->prev->next = item;
    list->prev = item;
}
static inline void list_remove(struct list *item) /* harmless on an item that is in no list */
{
    if (!item->next)
        return;
    item->prev->next = item->next;
    item->next->prev = item->prev;
    item->prev = item->next = NULL;
}

#define container_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
/* The current item may be removed in the body. */
#define list_each(it, tmp, list)                                                                   \
    for ((it) = (list)->next, (tmp) = (it)->next; (it) != (list); (it) = (tmp), (tmp) = (it)->next)
