#include "common/kinds/pod_needs.h"

#include "common/base/str.h"

struct tally {
    const char *which;
    struct amounts stays; /* what all take that run on beside those that come */
    struct amounts most;  /* that there ever was at once */
    /* As they are now: */
    const struct map *statuses; /* name -> status of a container */
    bool infeasible;
};

typedef void count_fn(struct tally *tally, const struct value *container, bool stays);

static bool is_requests(const char *which)
{
    return str_eq(which, "requests");
}

static bool read_amount(const struct value *value, struct quantity *ret)
{
    if (quantity_of(value, ret) < 0)
        return false;
    if (ret->units < 0)
        ret->units = ret->nano = 0;
    return true;
}

static void count(struct tally *tally, const char *name, const struct quantity *asked, bool stays)
{
    const struct quantity *beside = amounts_get(&tally->stays, name);
    const struct quantity sum = beside ? quantity_sum(beside, asked, 1) : *asked;
    amounts_raise(&tally->most, name, &sum);
    if (stays)
        amounts_set(&tally->stays, name, &sum);
}

/* But what `told` has. */
static void count_list(struct tally *tally, const struct value *list, const struct value *told,
                       bool stays)
{
    struct quantity asked;
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_key_at(list, i);
        if (name && !value_get(told, name) && read_amount(value_at(list, i), &asked))
            count(tally, name, &asked, stays);
    }
}

static void count_told(struct tally *tally, const struct value *container, bool stays)
{
    const struct value *resources = value_get(container, "resources");
    const struct value *asked = value_get(resources, tally->which);
    count_list(tally, asked, NULL, stays);
    if (is_requests(tally->which))
        count_list(tally, value_get(resources, "limits"), asked, stays);
}

/* In the order in which they run. */
static void count_all(struct tally *tally, const struct value *spec, count_fn *fn)
{
    const struct value *inits = value_get(spec, "initContainers");
    const struct value *containers = value_get(spec, "containers");
    for (size_t i = 0; i < value_len(inits); i++) {
        const struct value *init = value_at(inits, i);
        fn(tally, init, str_eq(value_get_str(init, "restartPolicy"), "Always"));
    }
    for (size_t i = 0; i < value_len(containers); i++)
        fn(tally, value_at(containers, i), true);
    amounts_done(&tally->stays);
}

/* To limits only where there is one. */
static void add_overhead(struct amounts *needs, const struct value *overhead, const char *which)
{
    struct quantity extra;
    for (size_t i = 0; i < value_len(overhead); i++) {
        const char *name = value_key_at(overhead, i);
        const struct quantity *limit = name ? amounts_get(needs, name) : NULL;
        bool counts = is_requests(which) || (limit && (limit->units || limit->nano));
        if (name && counts && read_amount(value_at(overhead, i), &extra))
            amounts_add(needs, name, &extra, 1);
    }
}

void pod_needs_of_containers(const struct value *spec, const char *which, struct amounts *ret)
{
    struct tally tally = {.which = which};
    count_all(&tally, spec, count_told);
    *ret = tally.most;
}

void pod_needs(const struct value *spec, const char *which, struct amounts *ret)
{
    pod_needs_of_containers(spec, which, ret);
    add_overhead(ret, value_get(spec, "overhead"), which);
}

/* ---- while resources change ---- */

static bool is_infeasible(const struct value *status)
{
    const struct value *conditions = value_get(status, "conditions");
    for (size_t i = 0; i < value_len(conditions); i++)
        if (str_eq(value_get_str(value_at(conditions, i), "type"), "PodResizePending"))
            return str_eq(value_get_str(value_at(conditions, i), "reason"), "Infeasible");
    return false;
}

static void note_statuses(struct map *statuses, const struct value *list)
{
    for (size_t i = 0; i < value_len(list); i++) {
        struct value *status = value_at(list, i);
        const char *name = value_get_str(status, "name");
        if (name && value_get(status, "resources"))
            (void)map_put(statuses, name, status);
    }
}

static void count_now(struct tally *tally, const struct value *container, bool stays)
{
    const char *name = value_get_str(container, "name");
    const struct value *status = stays && name ? map_get(tally->statuses, name) : NULL;
    if (!status) {
        count_told(tally, container, stays);
        return;
    }
    struct tally own = {.which = tally->which};
    const struct quantity *most;
    if (!tally->infeasible)
        count_told(&own, container, false);
    count_list(&own, value_path(status, "resources", tally->which, NULL), NULL, false);
    if (is_requests(tally->which))
        count_list(&own, value_get(status, "allocatedResources"), NULL, false);
    for (size_t i = 0; amounts_next(&own.most, &i, &name, &most);)
        count(tally, name, most, stays);
    amounts_done(&own.most);
}

void pod_needs_now(const struct value *pod, const char *which, struct amounts *ret)
{
    const struct value *spec = value_get(pod, "spec"), *status = value_get(pod, "status");
    struct map *statuses = map_new();
    note_statuses(statuses, value_get(status, "containerStatuses"));
    note_statuses(statuses, value_get(status, "initContainerStatuses"));
    struct tally tally = {
        .which = which, .statuses = statuses, .infeasible = is_infeasible(status)};
    count_all(&tally, spec, count_now);
    map_free(statuses, NULL);
    add_overhead(&tally.most, value_get(spec, "overhead"), which);
    *ret = tally.most;
}

/* ---- one resource ---- */

int64_t pod_needs_amount(const struct value *spec, const char *which, const char *name)
{
    cleanup(amounts_done) struct amounts needs = {0};
    pod_needs(spec, which, &needs);
    return amounts_count(&needs, name);
}

int64_t pod_needs_limit(const struct value *spec, const char *name)
{
    static const char *const lists[] = {"initContainers", "containers"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *list = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_len(list); i++)
            if (pod_needs_of_container(value_at(list, i), "limits", name) == 0)
                return 0;
    }
    return pod_needs_amount(spec, "limits", name);
}

int64_t pod_needs_of_container(const struct value *container, const char *which, const char *name)
{
    struct tally tally = {.which = which};
    count_told(&tally, container, false);
    int64_t n = amounts_count(&tally.most, name);
    amounts_done(&tally.most);
    return n;
}
