#include "controller/merge/list_order.h"

#include "common/base/mem.h"
#include "controller/merge/keyed.h"

/* An item of the merged list and where its like stands in the order and in the old list. */
struct slot {
    const struct value *item;
    size_t ordered, old; /* KEYED_NONE: nowhere */
    size_t at;           /* keeps equals apart */
};

static int compare(size_t a, size_t b)
{
    return a < b ? -1 : a > b;
}

static int by_order(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    int c = compare(x->ordered, y->ordered);
    return c ? c : compare(x->at, y->at);
}

/* Whether x stood before y. */
static bool stood_before(const struct slot *x, const struct slot *y)
{
    return x->old != KEYED_NONE && y->old != KEYED_NONE && x->old < y->old;
}

/* slots: `named` ones in order, then the others. */
static struct value *interleave(const struct slot *slots, size_t named, size_t count)
{
    struct value *out = value_new_list();
    size_t i = named, j = 0; /* of the others, of the named */
    while (i < count || j < named) {
        bool other = j == named || (i < count && stood_before(&slots[i], &slots[j]));
        value_append(out, value_copy(slots[other ? i++ : j++].item));
    }
    return out;
}

struct value *list_order(const struct value *merged, const struct value *old,
                         const struct value *order, const char *merge_key)
{
    size_t count = value_len(merged), named = 0;
    cleanup(keyed_free) struct keyed *ordered = keyed_new(order, merge_key);
    cleanup(keyed_free) struct keyed *before = keyed_new(old, merge_key);
    autofree struct slot *slots = xcalloc(count + 1, sizeof(*slots));
    for (size_t i = 0; i < count; i++) {
        const struct value *item = value_at(merged, i);
        slots[i] = (struct slot){item, keyed_find(ordered, item), keyed_find(before, item), i};
        named += slots[i].ordered != KEYED_NONE;
    }
    qsort(slots, count, sizeof(*slots), by_order); /* KEYED_NONE comes last */
    return interleave(slots, named, count);
}
