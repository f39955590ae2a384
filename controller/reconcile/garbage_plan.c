#include "controller/reconcile/garbage_plan.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/deletion.h"
#include "controller/api/meta.h"

static struct garbage_plan keep(void)
{
    return (struct garbage_plan){.action = GARBAGE_KEEP};
}

static struct garbage_plan release(const char *finalizer)
{
    return (struct garbage_plan){.action = GARBAGE_RELEASE, .finalizer = finalizer};
}

/* An object that is held while it is deleted. */
static struct garbage_plan plan_held(const struct garbage_view *view, enum owned_hold hold,
                                     bool waited_for)
{
    if (hold == OWNED_ORPHAN && view->dependents == 0)
        return release(DELETION_ORPHAN);
    if (hold == OWNED_FOREGROUND && (view->blocking == 0 || WEAKENED(GARBAGE_FOREGROUND)))
        return release(DELETION_FOREGROUND);
    if (hold == OWNED_FOREGROUND && waited_for && view->cycle && !WEAKENED(GARBAGE_CYCLE))
        return (struct garbage_plan){.action = GARBAGE_UNBLOCK, .propagation = "Foreground"};
    return keep();
}

/* An object that none of its owners keeps. */
static struct garbage_plan plan_unowned(const struct garbage_view *view, bool waited_for)
{
    const struct value *finalizers = value_path(view->object, "metadata", "finalizers", NULL);
    struct garbage_plan plan = {.action = GARBAGE_DELETE, .propagation = "Background"};
    for (size_t i = 0; i < value_len(finalizers); i++) {
        const char *text = value_str(value_at(finalizers, i));
        if (str_eq(text, DELETION_ORPHAN))
            plan.propagation = "Orphan";
        else if (str_eq(text, DELETION_FOREGROUND))
            plan.propagation = "Foreground";
    }
    if (waited_for && view->dependents > 0) {
        plan.propagation = "Foreground";
        if (view->cycle)
            plan.action = GARBAGE_UNBLOCK;
    }
    return plan;
}

struct garbage_plan garbage_plan(const struct garbage_view *view)
{
    size_t count[4] = {0};
    size_t refs = value_len(value_path(view->object, "metadata", "ownerReferences", NULL));
    enum owned_hold hold = owned_hold_of(view->object);
    for (size_t i = 0; i < refs; i++)
        count[view->owners[i]]++;
    if (count[GARBAGE_ORPHANING])
        return (struct garbage_plan){.action = GARBAGE_LET_GO, .drop = {[GARBAGE_ORPHANING] = 1}};
    if (hold != OWNED_FREE)
        return plan_held(view, hold, count[GARBAGE_WAITING] > 0);
    if (meta_is_deleting(view->object) || refs == 0)
        return keep();
    if (!count[GARBAGE_SOLID])
        return plan_unowned(view, count[GARBAGE_WAITING] > 0);
    if (!count[GARBAGE_ABSENT] && !count[GARBAGE_WAITING])
        return keep();
    return (struct garbage_plan){.action = GARBAGE_LET_GO,
                                 .drop = {[GARBAGE_ABSENT] = 1, [GARBAGE_WAITING] = 1}};
}

/* ---- carrying out ---- */

static bool is_one_of(const char *uid, const char *const *uids, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq(uid, uids[i]))
            return true;
    return false;
}

bool garbage_let_go(struct value *object, const char *const *uids, size_t count)
{
    struct value *meta = value_get(object, "metadata");
    struct value *list = value_get(meta, "ownerReferences");
    size_t before = value_len(list);
    for (size_t i = before; i > 0; i--)
        if (is_one_of(value_get_str(value_at(list, i - 1), "uid"), uids, count))
            value_remove_at(list, i - 1);
    bool changed = value_len(list) != before;
    if (changed && value_len(list) == 0)
        value_del(meta, "ownerReferences");
    return changed;
}

bool garbage_unblock(struct value *object)
{
    const struct value *list = value_path(object, "metadata", "ownerReferences", NULL);
    bool changed = false;
    for (size_t i = 0; i < value_len(list); i++) {
        struct value *ref = value_at(list, i);
        if (!value_get_bool(ref, "blockOwnerDeletion", false))
            continue;
        value_set_bool(ref, "blockOwnerDeletion", false);
        changed = true;
    }
    return changed;
}

bool garbage_release(struct value *object, const char *finalizer)
{
    struct value *meta = value_get(object, "metadata");
    struct value *list = value_get(meta, "finalizers");
    size_t before = value_len(list);
    for (size_t i = before; i > 0; i--)
        if (str_eq(value_str(value_at(list, i - 1)), finalizer))
            value_remove_at(list, i - 1);
    bool changed = value_len(list) != before;
    if (changed && value_len(list) == 0)
        value_del(meta, "finalizers");
    return changed;
}
