#include "controller/admission/limit_range.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_needs.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ANNOTATION "kubernetes.io/limit-ranger"
#define MISTAKES_MAX 32 /* that one refusal names */

static int each_range(const struct gate_request *request,
                      int (*fn)(void *ctx, const struct value *range), void *ctx)
{
    const struct api_ref ref = {&kind_limit_range, request->ref.ns, ""};
    return request->reader->each(request->reader->ctx, &ref, fn, ctx);
}

/* ---- what containers get ---- */

struct defaults {
    struct value *requests, *limits;
};

/* Of several ranges the first that says it counts. */
static void gather(struct value *to, const struct value *from)
{
    for (size_t i = 0; i < value_len(from); i++)
        if (!value_get(to, value_key_at(from, i)))
            value_set(to, value_key_at(from, i), value_copy(value_at(from, i)));
}

static int gather_range(void *ctx, const struct value *range)
{
    struct defaults *defaults = ctx;
    const struct value *items = value_path(range, "spec", "limits", NULL);
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        if (!str_eq(value_get_str(item, "type"), "Container"))
            continue;
        gather(defaults->requests, value_get(item, "defaultRequest"));
        gather(defaults->limits, value_get(item, "default"));
    }
    return 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "cpu, memory limit for container web": told in the pod's annotation. */
static void note(struct buf *text, const char **names, size_t count, const char *what,
                 const char *sort, const char *container)
{
    if (count == 0)
        return;
    qsort(names, count, sizeof(*names), by_name);
    (void)buf_addstr(text, text->len ? "; " : "LimitRanger plugin set: ");
    for (size_t i = 0; i < count; i++)
        (void)buf_addf(text, "%s%s", i ? ", " : "", names[i]);
    (void)buf_addf(text, " %s for %s %s", what, sort, container);
}

static void complete_list(struct value *container, const char *what, const struct value *defaults,
                          const char *sort, struct buf *text)
{
    static const char *const told[] = {"requests", "request", "limits", "limit"};
    const struct value *have = value_path(container, "resources", what, NULL);
    autofree const char **names = xcalloc(value_len(defaults) + 1, sizeof(*names));
    size_t count = 0;
    for (size_t i = 0; i < value_len(defaults); i++)
        if (!value_get(have, value_key_at(defaults, i)))
            names[count++] = value_key_at(defaults, i);
    struct value *list = count ? value_make_map(container, "resources", what, NULL) : NULL;
    for (size_t i = 0; list && i < count; i++)
        value_set(list, names[i], value_copy(value_get(defaults, names[i])));
    note(text, names, list ? count : 0, told[str_eq(what, told[0]) ? 1 : 3], sort,
         value_get_str(container, "name"));
}

static void complete_containers(struct value *pod, const char *list, const char *sort,
                                const struct defaults *defaults, struct buf *text)
{
    const struct value *containers = value_path(pod, "spec", list, NULL);
    for (size_t i = 0; i < value_len(containers); i++) {
        complete_list(value_at(containers, i), "requests", defaults->requests, sort, text);
        complete_list(value_at(containers, i), "limits", defaults->limits, sort, text);
    }
}

struct value *limit_range_complete(const struct admission_env *env,
                                   const struct gate_request *request)
{
    (void)env;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct defaults defaults = {value_new_map(), value_new_map()};
    each_range(request, gather_range, &defaults);
    complete_containers(request->object, "containers", "container", &defaults, &text);
    complete_containers(request->object, "initContainers", "init container", &defaults, &text);
    if (text.len)
        value_set_str(value_make_map(request->object, "metadata", "annotations", NULL), ANNOTATION,
                      buf_str(&text));
    value_free(defaults.requests);
    value_free(defaults.limits);
    return NULL;
}

/* ---- bounds ---- */

/* What is judged: amounts of one container, pod or claim, which the range has of that type. */
struct judged {
    const char *type;
    const struct amounts *requests, *limits;
    bool claim; /* which has no limits: its request is what counts */
    struct buf *mistakes;
    size_t count;
};

static void mistake(struct judged *judged, const char *fmt, ...) printf_like(2, 3);
static void mistake(struct judged *judged, const char *fmt, ...)
{
    va_list args;
    autofree char *text = NULL;
    va_start(args, fmt);
    if (vasprintf(&text, fmt, args) < 0)
        abort();
    va_end(args);
    if (judged->count++ < MISTAKES_MAX)
        (void)buf_addf(judged->mistakes, "%s%s", judged->count > 1 ? ", " : "", text);
}

/* One side of a bound: `what` is "minimum" or "maximum", `have` the request or limit. */
static bool is_out(struct judged *judged, const char *what, const char *resource,
                   const struct quantity *bound, const char *which, const struct quantity *have)
{
    int order = have ? quantity_compare(have, bound) : 0;
    char bound_text[64], have_text[64];
    if (!have || (str_eq(what, "minimum") ? order >= 0 : order <= 0))
        return false;
    quantity_format(bound, bound_text);
    quantity_format(have, have_text);
    mistake(judged, "%s %s usage per %s is %s, but %s is %s", what, resource, judged->type,
            bound_text, which, have_text);
    return true;
}

static void none_told(struct judged *judged, const char *what, const char *resource,
                      const struct quantity *bound, const char *which)
{
    char text[64];
    quantity_format(bound, text);
    mistake(judged, "%s %s usage per %s is %s.  No %s is specified", what, resource, judged->type,
            text, which);
}

static void check_min(struct judged *judged, const char *resource, const struct quantity *bound)
{
    const struct quantity *request = amounts_get(judged->requests, resource);
    if (!request)
        none_told(judged, "minimum", resource, bound, "request");
    else if (!is_out(judged, "minimum", resource, bound, "request", request))
        (void)is_out(judged, "minimum", resource, bound, "limit",
                     amounts_get(judged->limits, resource));
}

static void check_max(struct judged *judged, const char *resource, const struct quantity *bound)
{
    const struct quantity *request = amounts_get(judged->requests, resource);
    const struct quantity *limit = amounts_get(judged->limits, resource);
    if (judged->claim ? !request : !limit)
        none_told(judged, "maximum", resource, bound, judged->claim ? "request" : "limit");
    else if (!is_out(judged, "maximum", resource, bound, "limit", limit))
        (void)is_out(judged, "maximum", resource, bound, "request", request);
}

static double number_of(const struct quantity *quantity)
{
    return (double)quantity->units + quantity->nano / 1e9;
}

static void check_ratio(struct judged *judged, const char *resource, const struct quantity *bound)
{
    const struct quantity *request = amounts_get(judged->requests, resource);
    const struct quantity *limit = amounts_get(judged->limits, resource);
    double low = request ? number_of(request) : 0, high = limit ? number_of(limit) : 0;
    char text[64];
    quantity_format(bound, text);
    if (judged->claim)
        return;
    if (low <= 0)
        mistake(judged,
                "%s max limit to request ratio per %s is %s, but no request is specified or "
                "request is 0",
                resource, judged->type, text);
    else if (high <= 0)
        mistake(judged,
                "%s max limit to request ratio per %s is %s, but no limit is specified or limit "
                "is 0",
                resource, judged->type, text);
    else if (high / low > number_of(bound))
        mistake(judged, "%s max limit to request ratio per %s is %s, but provided ratio is %f",
                resource, judged->type, text, high / low);
}

static const struct {
    const char *name;
    void (*check)(struct judged *judged, const char *resource, const struct quantity *bound);
} bounds[] = {
    {"min", check_min},
    {"max", check_max},
    {"maxLimitRequestRatio", check_ratio},
};

static void check_item(struct judged *judged, const struct value *item)
{
    struct quantity bound;
    for (size_t b = 0; b < ARRAY_LEN(bounds) && !WEAKENED(LIMIT_RANGE_BOUNDS); b++) {
        const struct value *list = value_get(item, bounds[b].name);
        for (size_t i = 0; i < value_len(list); i++)
            if (quantity_of(value_at(list, i), &bound) == 0)
                bounds[b].check(judged, value_key_at(list, i), &bound);
    }
}

struct checking {
    const struct gate_request *request;
    struct buf mistakes;
    size_t count;
};

static void check_amounts(struct checking *checking, const struct value *item, const char *type,
                          const struct amounts *requests, const struct amounts *limits)
{
    struct judged judged = {type,
                            requests,
                            limits,
                            str_eq(type, "PersistentVolumeClaim"),
                            &checking->mistakes,
                            checking->count};
    check_item(&judged, item);
    checking->count = judged.count;
}

static void check_containers(struct checking *checking, const struct value *item, const char *list)
{
    const struct value *containers = value_path(checking->request->object, "spec", list, NULL);
    for (size_t i = 0; i < value_len(containers); i++) {
        const struct value *resources = value_get(value_at(containers, i), "resources");
        cleanup(amounts_done) struct amounts requests = {0}, limits = {0};
        amounts_add_list(&requests, value_get(resources, "requests"));
        amounts_add_list(&limits, value_get(resources, "limits"));
        check_amounts(checking, item, "Container", &requests, &limits);
    }
}

static int check_range(void *ctx, const struct value *range)
{
    struct checking *checking = ctx;
    const struct value *spec = value_get(checking->request->object, "spec");
    const struct value *items = value_path(range, "spec", "limits", NULL);
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        const char *type = value_get_str(item, "type");
        if (str_eq(type, "Container")) {
            check_containers(checking, item, "containers");
            check_containers(checking, item, "initContainers");
        } else if (str_eq(type, "Pod")) {
            cleanup(amounts_done) struct amounts requests = {0}, limits = {0};
            pod_needs_of_containers(spec, "requests", &requests);
            pod_needs_of_containers(spec, "limits", &limits);
            check_amounts(checking, item, "Pod", &requests, &limits);
        }
    }
    return 0;
}

static int check_range_claim(void *ctx, const struct value *range)
{
    struct checking *checking = ctx;
    const struct value *items = value_path(range, "spec", "limits", NULL);
    for (size_t i = 0; i < value_len(items); i++) {
        cleanup(amounts_done) struct amounts requests = {0}, limits = {0};
        const struct value *item = value_at(items, i);
        if (!str_eq(value_get_str(item, "type"), "PersistentVolumeClaim"))
            continue;
        amounts_add_list(&requests, value_path(checking->request->object, "spec", "resources",
                                               "requests", NULL));
        check_amounts(checking, item, "PersistentVolumeClaim", &requests, &limits);
    }
    return 0;
}

static struct value *check(const struct gate_request *request,
                           int (*fn)(void *ctx, const struct value *range))
{
    struct checking checking = {.request = request};
    struct value *status = NULL;
    buf_init(&checking.mistakes, 0);
    each_range(request, fn, &checking);
    bool many = checking.count > 1;
    if (checking.count)
        status = rule_refusal(request, "%s%s%s", many ? "[" : "", buf_str(&checking.mistakes),
                              many ? "]" : "");
    buf_done(&checking.mistakes);
    return status;
}

struct value *limit_range_check(const struct admission_env *env, const struct gate_request *request)
{
    (void)env;
    return check(request, check_range);
}

struct value *limit_range_check_claim(const struct admission_env *env,
                                      const struct gate_request *request)
{
    (void)env;
    return check(request, check_range_claim);
}
