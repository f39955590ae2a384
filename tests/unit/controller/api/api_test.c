#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/api_impl.h"
#include "controller/merge/apply.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POD "{metadata: {name: web}, spec: {containers: [{name: a, image: i}]}}"

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static const char *revision_of(const struct value *object)
{
    return value_str(value_path(object, "metadata", "resourceVersion", NULL));
}

static void test_api__a_life(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *created = NULL, *updated = NULL, *conflict = NULL;
    assert_int_equal(do_create(world, &kind_pod, "default", POD, &created), 201);
    assert_string_equal(value_get_str(created, "kind"), "Pod");
    assert_non_null(object_uid(created));
    assert_string_equal(value_str(value_path(created, "status", "phase", NULL)), "Pending");
    assert_int_equal(do_create(world, &kind_pod, "default", POD, NULL), 409);
    cleanup(value_free) struct value *read = get(world, &kind_pod, "default", "web");
    assert_true(value_equal(read, created));

    value_set_str(value_make_map(read, "metadata", "labels", NULL), "a", "b");
    assert_int_equal(do_update(world, &kind_pod, "default", read, 0, &updated), 200);
    assert_string_not_equal(revision_of(updated), revision_of(created));
    assert_int_equal(do_update(world, &kind_pod, "default", created, 0, &conflict), 409);
    assert_string_equal(value_get_str(conflict, "reason"), "Conflict");

    assert_int_equal(do_delete(world, &kind_pod, "default", "web", -1, NULL), 200);
    assert_null(get(world, &kind_pod, "default", "web"));
    assert_int_equal(do_delete(world, &kind_pod, "default", "web", -1, NULL), 404);
}

static void test_api__an_equal_update_writes_nothing(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *created = NULL, *updated = NULL;
    assert_int_equal(do_create(world, &kind_pod, "default", POD, &created), 201);
    int64_t before = api_revision(world->api);
    assert_int_equal(do_update(world, &kind_pod, "default", created, 0, &updated), 200);
    assert_true(value_equal(created, updated));
    assert_int_equal(api_revision(world->api), before);
}

static void test_api__generated_names(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *a = NULL, *b = NULL;
    const char *text =
        "{metadata: {generateName: job-}, spec: {containers: [{name: a, image: i}]}}";
    assert_int_equal(do_create(world, &kind_pod, "default", text, &a), 201);
    assert_int_equal(do_create(world, &kind_pod, "default", text, &b), 201);
    assert_true(str_has_prefix(object_name(a), "job-"));
    assert_string_not_equal(object_name(a), object_name(b));
}

struct counter {
    int done, refused, changes;
};

static void count_done(void *ctx, const struct api_answer *answer)
{
    struct counter *counter = ctx;
    counter->done++;
    counter->refused += answer->code >= 400;
}

static int increment(void *ctx, struct value *object)
{
    struct counter *counter = ctx;
    char text[16];
    uint64_t n = 0;
    struct value *data = value_make_map(object, "data", NULL);
    const char *old = value_get_str(data, "n");
    assert_true(!old || str_to_u64(old, &n) == 0);
    snprintf(text, sizeof(text), "%llu", (unsigned long long)n + 1);
    value_set_str(data, "n", text);
    counter->changes++;
    return 0;
}

/* Writes of one object handed in at once see each other. */
static void test_api__changes_follow_each_other(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    struct api_ref ref = {&kind_config_map, "default", "c"};
    assert_int_equal(do_create(world, &kind_config_map, "default", "{metadata: {name: c}}", NULL),
                     201);
    for (int i = 0; i < 50; i++)
        api_patch_with(world->api, &admin, &ref, 0, increment, count_done, &counter);
    for (int i = 0; i < 1000 && counter.done < 50; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(counter.done, 50);
    assert_int_equal(counter.refused, 0);
    assert_int_equal(counter.changes, 50);
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", "c");
    assert_string_equal(value_str(value_path(object, "data", "n", NULL)), "50");
}

static int leave(void *ctx, struct value *object)
{
    (void)ctx;
    value_set_str(value_make_map(object, "data", NULL), "x", "y");
    return 1;
}

static void test_api__a_change_may_leave_it(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    struct api_ref ref = {&kind_config_map, "default", "c"};
    assert_int_equal(do_create(world, &kind_config_map, "default", "{metadata: {name: c}}", NULL),
                     201);
    api_patch_with(world->api, &admin, &ref, 0, leave, count_done, &counter);
    ref.name = "none";
    api_patch_with(world->api, &admin, &ref, 0, leave, count_done, &counter);
    world_settle(world);
    assert_int_equal(counter.done, 2);
    assert_int_equal(counter.refused, 1);
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", "c");
    assert_null(value_get(object, "data"));
}

static void test_api__apply(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *first = NULL, *second = NULL, *third = NULL;
    assert_int_equal(do_apply(world, &kind_config_map, "default",
                              "{metadata: {name: c}, data: {a: b, c: d}}", &first),
                     201);
    assert_int_equal(do_apply(world, &kind_config_map, "default",
                              "{metadata: {name: c}, data: {a: x}}", &second),
                     200);
    assert_string_equal(value_str(value_path(second, "data", "a", NULL)), "x");
    assert_null(value_path(second, "data", "c", NULL));
    assert_non_null(object_annotation(second, APPLY_ANNOTATION));
    int64_t before = api_revision(world->api);
    assert_int_equal(
        do_apply(world, &kind_config_map, "default", "{metadata: {name: c}, data: {a: x}}", &third),
        200);
    assert_int_equal(api_revision(world->api), before);
    assert_int_equal(do_apply(world, &kind_config_map, "default",
                              "{metadata: {name: c, resourceVersion: '1'}, data: {a: y}}", NULL),
                     409);
    assert_int_equal(
        do_apply(world, &kind_config_map, "default", "{metadata: {name: c}, dat: {}}", NULL), 400);
}

static void test_api__binding(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    assert_int_equal(do_create(world, &kind_pod, "default", POD, NULL), 201);
    api_bind(world->api, &admin, "default", "web", "pi", 0, count_done, &counter);
    api_bind(world->api, &admin, "default", "web", "other", 0, count_done, &counter);
    api_bind(world->api, &admin, "default", "none", "pi", 0, count_done, &counter);
    world_settle(world);
    assert_int_equal(counter.done, 3);
    assert_int_equal(counter.refused, 2);
    cleanup(value_free) struct value *pod = get(world, &kind_pod, "default", "web");
    assert_string_equal(value_str(value_path(pod, "spec", "nodeName", NULL)), "pi");
    /* A bound pod waits for its node, which reports the end with grace 0. */
    assert_int_equal(do_delete(world, &kind_pod, "default", "web", -1, NULL), 200);
    cleanup(value_free) struct value *dying = get(world, &kind_pod, "default", "web");
    assert_non_null(value_path(dying, "metadata", "deletionTimestamp", NULL));
    assert_int_equal(do_delete(world, &kind_pod, "default", "web", 0, NULL), 200);
    assert_null(get(world, &kind_pod, "default", "web"));
}

static void test_api__strangers_are_refused(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    struct value *object = NULL;
    struct api_watch *watch = NULL;
    struct api_ref ref = {&kind_pod, "default", "web"};
    cleanup(value_free) struct value *pod = parse(POD);
    assert_int_equal(do_create(world, &kind_pod, "default", POD, NULL), 201);
    assert_int_equal(api_get(world->api, &guest, &ref, &object), -403);
    assert_string_equal(value_get_str(object, "reason"), "Forbidden");
    value_free(object);
    assert_int_equal(api_list(world->api, &guest, &ref, NULL, &object), -403);
    value_free(object);
    assert_int_equal(api_watch(world->api, &guest, &ref, NULL, 0, NULL, NULL, &watch), -403);
    api_create(world->api, &guest, &ref, pod, 0, count_done, &counter);
    api_update(world->api, &guest, &ref, pod, 0, count_done, &counter);
    api_apply(world->api, &guest, &ref, pod, 0, count_done, &counter);
    api_delete(world->api, &guest, &ref, NULL, 0, count_done, &counter);
    api_bind(world->api, &guest, "default", "web", "pi", 0, count_done, &counter);
    world_settle(world);
    assert_int_equal(counter.done, 5);
    assert_int_equal(counter.refused, 5);
}

static void test_api__dry_run(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    struct api_ref ref = {&kind_pod, "default", ""};
    cleanup(value_free) struct value *pod = parse(POD);
    api_create(world->api, &admin, &ref, pod, API_DRY_RUN, count_done, &counter);
    world_settle(world);
    assert_int_equal(counter.done, 1);
    assert_int_equal(counter.refused, 0);
    assert_null(get(world, &kind_pod, "default", "web"));
}

/* kubectl diff shows what is written differently: a revision that nobody wrote is no difference. */
static void test_api__a_dry_update_shows_the_revision_that_is(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *created = NULL, *tried = NULL;
    assert_int_equal(do_create(world, &kind_pod, "default", POD, &created), 201);
    cleanup(value_free) struct value *changed = value_copy(created);
    value_set_str(value_make_map(changed, "metadata", "labels", NULL), "a", "b");
    assert_int_equal(do_update(world, &kind_pod, "default", changed, API_DRY_RUN, &tried), 200);
    assert_non_null(value_path(tried, "metadata", "labels", "a", NULL));
    assert_string_equal(revision_of(tried), revision_of(created));
    cleanup(value_free) struct value *read = get(world, &kind_pod, "default", "web");
    assert_true(value_equal(read, created));
}

static void test_api__too_big(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    struct api_ref ref = {&kind_config_map, "default", ""};
    cleanup(value_free) struct value *object = parse("{metadata: {name: big}, data: {}}");
    char *filler = xmalloc(600001);
    memset(filler, 'x', 600000);
    filler[600000] = '\0';
    value_set_str(value_get(object, "data"), "a", filler);
    value_set_str(value_get(object, "data"), "b", filler);
    free(filler);
    api_create(world->api, &admin, &ref, object, 0, count_done, &counter);
    world_settle(world);
    assert_int_equal(counter.refused, 1);
    assert_null(get(world, &kind_config_map, "default", "big"));
}

/* A node may bring its status along: it is looked at like everything else. */
static void test_api__a_status_that_is_none(void **state)
{
    struct world *world = *state;
    static const char *const bad[] = {"boom", "[1]", "{conditions: boom}", "{capacity: [1]}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        autofree char *yaml = xasprintf("{metadata: {name: n}, status: %s}", bad[i]);
        assert_int_equal(do_create(world, &kind_node, "", yaml, NULL), 422);
    }
    assert_int_equal(do_create(world, &kind_node, "",
                               "{metadata: {name: n}, status: {capacity: {cpu: 2}}}", NULL),
                     201);
}

static int keep(void *ctx, struct value *object)
{
    (void)ctx;
    (void)object;
    return 1;
}

/* Who asks faster than one object can be written is sent away. */
static void test_api__writes_of_one_object_are_bounded(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    const struct api_ref ref = {&kind_config_map, "default", "c"};
    assert_int_equal(do_create(world, &kind_config_map, "default", "{metadata: {name: c}}", NULL),
                     201);
    for (int i = 0; i < 1500; i++)
        api_patch_with(world->api, &admin, &ref, 0, keep, count_done, &counter);
    for (int i = 0; i < 5000 && counter.done < 1500; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(counter.done, 1500);
    assert_int_equal(counter.refused, 499); /* one runs, 1000 wait */
}

/* Times that no clock can count to. */
static void test_api__a_grace_without_end(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    static const struct {
        const char *grace;
        int code;
    } cases[] = {{"9223372036854775807", 422}, {"2147483648", 422}, {"2147483647", 201}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *pod = xasprintf("{metadata: {name: web}, spec: "
                                       "{terminationGracePeriodSeconds: %s, "
                                       "containers: [{name: a, image: i}]}}",
                                       cases[i].grace);
        int code = do_create(world, &kind_pod, "default", pod, NULL);
        api_bind(world->api, &admin, "default", "web", "pi", 0, count_done, &counter);
        world_settle(world);
        (void)do_delete(world, &kind_pod, "default", "web", -1, NULL);
        assert_int_equal(code, cases[i].code);
    }
    cleanup(value_free) struct value *marked = get(world, &kind_pod, "default", "web");
    assert_true(
        str_has_prefix(value_str(value_path(marked, "metadata", "deletionTimestamp", NULL)), "20"));
}

/* ---- lists ---- */

static void make_pods(struct world *world)
{
    for (int i = 0; i < 7; i++) {
        char text[160];
        snprintf(
            text, sizeof(text),
            "{metadata: {name: p%d, labels: {odd: '%d'}}, spec: {containers: [{name: a, image: i}]}}",
            i, i % 2);
        assert_int_equal(do_create(world, &kind_pod, "default", text, NULL), 201);
    }
}

static size_t list_size(struct world *world, const char *ns, const char *labels, const char *fields)
{
    struct api_ref ref = {&kind_pod, ns, ""};
    struct api_list_query query = {.label_selector = labels, .field_selector = fields};
    cleanup(value_free) struct value *list = NULL;
    assert_int_equal(api_list(world->api, &admin, &ref, &query, &list), 0);
    assert_string_equal(value_get_str(list, "kind"), "PodList");
    return value_len(value_get(list, "items"));
}

static void test_api__lists(void **state)
{
    struct world *world = *state;
    make_pods(world);
    assert_int_equal(list_size(world, "default", NULL, NULL), 7);
    assert_int_equal(list_size(world, "", NULL, NULL), 7);
    assert_int_equal(list_size(world, "other", NULL, NULL), 0);
    assert_int_equal(list_size(world, "default", "odd=1", NULL), 3);
    assert_int_equal(list_size(world, "default", NULL, "metadata.name=p3"), 1);
    assert_int_equal(list_size(world, "", NULL, "metadata.name=p3,metadata.namespace=default"), 1);
    assert_int_equal(list_size(world, "default", "odd=0", "metadata.name=p3"), 0);
    assert_int_equal(list_size(world, "default", NULL, "metadata.name=none"), 0);
    struct api_ref ref = {&kind_pod, "default", ""};
    struct api_list_query query = {.label_selector = "a in ("};
    struct value *status = NULL;
    assert_int_equal(api_list(world->api, &admin, &ref, &query, &status), -400);
    value_free(status);
}

static void test_api__pages(void **state)
{
    struct world *world = *state;
    make_pods(world);
    struct api_ref ref = {&kind_pod, "default", ""};
    autofree char *token = NULL;
    size_t seen = 0, pages = 0;
    do {
        struct api_list_query query = {.limit = 3, .continue_token = token};
        cleanup(value_free) struct value *list = NULL;
        assert_int_equal(api_list(world->api, &admin, &ref, &query, &list), 0);
        seen += value_len(value_get(list, "items"));
        pages++;
        const char *next = value_str(value_path(list, "metadata", "continue", NULL));
        free(token);
        token = next ? xstrdup(next) : NULL;
    } while (token);
    assert_int_equal(seen, 7);
    assert_int_equal(pages, 3);
    static const char *const bad[] = {"x", "!!", "MSA=", "MSAvbm9kZXMv",
                                      "eCAvcG9kcy9kZWZhdWx0Lw=="};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct api_list_query query = {.continue_token = bad[i]};
        struct value *status = NULL;
        assert_int_equal(api_list(world->api, &admin, &ref, &query, &status), -400);
        value_free(status);
    }
}

/* ---- watches ---- */

struct log {
    char text[512];
};

static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    struct log *log = ctx;
    size_t used = strlen(log->text);
    snprintf(log->text + used, sizeof(log->text) - used, "%c%s ", "+~-"[type], object_name(object));
}

static struct api_watch *watch(struct world *world, struct log *log, const char *name,
                               const char *labels, int64_t from)
{
    struct api_ref ref = {&kind_config_map, "default", name};
    struct api_list_query query = {.label_selector = labels};
    struct api_watch *made = NULL;
    assert_int_equal(api_watch(world->api, &admin, &ref, &query, from, on_event, log, &made), 0);
    return made;
}

static void set_label(struct world *world, const char *name, const char *value)
{
    cleanup(value_free) struct value *object = get(world, &kind_config_map, "default", name);
    value_set_str(value_make_map(object, "metadata", "labels", NULL), "l", value);
    assert_int_equal(do_update(world, &kind_config_map, "default", object, 0, NULL), 200);
}

static void test_api__watches(void **state)
{
    struct world *world = *state;
    struct log all = {0}, one = {0}, some = {0}, late = {0};
    assert_int_equal(do_create(world, &kind_config_map, "default", "{metadata: {name: a}}", NULL),
                     201);
    int64_t before = api_revision(world->api);
    struct api_watch *watches[] = {
        watch(world, &all, "", NULL, 0), watch(world, &one, "a", NULL, 0),
        watch(world, &some, "", "l=x", 0), watch(world, &late, "", NULL, before)};
    assert_string_equal(all.text, ""); /* never from inside the call */
    world_settle(world);
    assert_int_equal(do_create(world, &kind_config_map, "default", "{metadata: {name: ab}}", NULL),
                     201);
    set_label(world, "a", "x");
    set_label(world, "a", "y");
    set_label(world, "a", "x");
    assert_int_equal(do_delete(world, &kind_config_map, "default", "a", -1, NULL), 200);
    world_settle(world);
    assert_string_equal(all.text, "+a +ab ~a ~a ~a -a ");
    assert_string_equal(one.text, "+a ~a ~a ~a -a ");
    assert_string_equal(some.text, "+a -a +a -a ");
    assert_string_equal(late.text, "+ab ~a ~a ~a -a ");
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        api_watch_free(watches[i]);
}

static void test_api__a_watch_from_elsewhere_is_too_old(void **state)
{
    struct world *world = *state;
    struct api_ref ref = {&kind_pod, "", ""};
    struct api_watch *made = NULL;
    assert_int_equal(api_watch(world->api, &admin, &ref, NULL, api_revision(world->api) + 1,
                               on_event, NULL, &made),
                     -410);
    struct api_list_query bad = {.field_selector = "spec.dragon=1"};
    assert_int_equal(api_watch(world->api, &admin, &ref, &bad, 0, on_event, NULL, &made), -400);
}

static size_t list_events(struct world *world, const char *fields)
{
    struct value *list = NULL;
    const struct api_ref ref = {&kind_event, "", ""};
    const struct api_list_query query = {.field_selector = fields};
    assert_int_equal(api_list(world->api, &admin, &ref, &query, &list), 0);
    size_t len = value_len(value_get(list, "items"));
    value_free(list);
    return len;
}

/* ---- namespaces ---- */

static void test_api__namespaces(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    cleanup(value_free) struct value *first = get(world, &kind_namespace, "", "default");
    assert_non_null(first);
    assert_int_equal(do_create(world, &kind_config_map, "shop", "{metadata: {name: c}}", NULL),
                     404);
    assert_int_equal(do_create(world, &kind_namespace, "", "{metadata: {name: shop}}", NULL), 201);
    assert_int_equal(do_create(world, &kind_config_map, "shop", "{metadata: {name: c}}", NULL),
                     201);
    assert_int_equal(do_create(world, &kind_pod, "shop", POD, NULL), 201);
    assert_int_equal(do_create(world, &kind_pod, "default", POD, NULL), 201);
    api_bind(world->api, &admin, "shop", "web", "pi", 0, count_done, &counter);
    world_settle(world);

    assert_int_equal(do_delete(world, &kind_namespace, "", "shop", -1, NULL), 200);
    world_settle(world);
    assert_null(get(world, &kind_config_map, "shop", "c"));
    cleanup(value_free) struct value *pod = get(world, &kind_pod, "shop", "web");
    assert_non_null(value_path(pod, "metadata", "deletionTimestamp", NULL));
    cleanup(value_free) struct value *ns = get(world, &kind_namespace, "", "shop");
    assert_string_equal(value_str(value_path(ns, "status", "phase", NULL)), "Terminating");
    assert_int_equal(do_create(world, &kind_config_map, "shop", "{metadata: {name: d}}", NULL),
                     403);

    assert_int_equal(do_delete(world, &kind_pod, "shop", "web", 0, NULL), 200);
    world_settle(world);
    assert_null(get(world, &kind_namespace, "", "shop"));
    cleanup(value_free) struct value *other = get(world, &kind_pod, "default", "web");
    assert_non_null(other);
}

/* People's events are objects like any other, and go with their namespace. */
static void test_api__events(void **state)
{
    struct world *world = *state;
    static const char mine[] =
        "{metadata: {name: web.1}, involvedObject: {kind: Pod, namespace: shop, name: web}, "
        "reason: Mine, type: Normal, source: {component: me}, count: 1}";
    cleanup(value_free) struct value *event = NULL, *refused = NULL;
    assert_int_equal(do_create(world, &kind_namespace, "", "{metadata: {name: shop}}", NULL), 201);
    assert_int_equal(do_create(world, &kind_event, "shop", mine, &event), 201);
    assert_int_equal(do_create(world, &kind_event, "shop", mine, NULL), 409);
    assert_int_equal(do_create(world, &kind_event, "default", mine, &refused), 422);
    assert_non_null(strstr(value_get_str(refused, "message"), "involvedObject.namespace"));
    value_set_int(event, "count", 2);
    assert_int_equal(do_update(world, &kind_event, "shop", event, 0, NULL), 200);
    assert_int_equal(do_update(world, &kind_event, "shop", event, 0, NULL), 409);
    assert_int_equal(list_events(world, "source=me,involvedObject.name=web"), 1);
    assert_int_equal(list_events(world, "source=other"), 0);
    assert_int_equal(do_delete(world, &kind_event, "shop", "web.1", -1, NULL), 200);
    assert_int_equal(list_events(world, "source=me"), 0);
    assert_int_equal(do_create(world, &kind_event, "shop", mine, NULL), 201);
    assert_int_equal(do_delete(world, &kind_namespace, "", "shop", -1, NULL), 200);
    world_settle(world);
    assert_null(get(world, &kind_namespace, "", "shop"));
    assert_int_equal(list_events(world, "source=me"), 0);
}

static void test_api__a_restart_goes_on_with_namespaces(void **state)
{
    struct world *world = *state;
    struct counter counter = {0};
    struct err err = {0};
    assert_int_equal(do_create(world, &kind_namespace, "", "{metadata: {name: shop}}", NULL), 201);
    assert_int_equal(do_create(world, &kind_pod, "shop", POD, NULL), 201);
    api_bind(world->api, &admin, "shop", "web", "pi", 0, count_done, &counter);
    world_settle(world);
    assert_int_equal(do_delete(world, &kind_namespace, "", "shop", -1, NULL), 200);
    api_stop(world->api);
    api_free(world->api);
    struct api_spec spec = {world->loop, world->store, clock_system(), &world->rng.rng};
    assert_int_equal(api_new(&spec, &world->api, &err), 0);
    world_settle(world);
    assert_int_equal(do_delete(world, &kind_pod, "shop", "web", 0, NULL), 200);
    world_settle(world);
    assert_null(get(world, &kind_namespace, "", "shop"));
}

static void test_api__stops_with_work_under_way(void **state)
{
    (void)state;
    struct world *world = world_new();
    struct counter counter = {0};
    struct api_ref ref = {&kind_config_map, "default", "c"};
    cleanup(value_free) struct value *object = parse("{metadata: {name: c}}");
    for (int i = 0; i < 5; i++)
        api_apply(world->api, &admin, &ref, object, 0, count_done, &counter);
    assert_int_equal(loop_step(world->loop, 0), 0);
    api_apply(world->api, &admin, &ref, object, 0, count_done, &counter);
    int done = counter.done;
    world_free(world);
    assert_int_equal(counter.done, done);
}

/* Big objects are decoded for whoever asks in this turn of the loop, and then forgotten. */
static void test_api__keeps_few_bytes_decoded(void **state)
{
    struct world *world = *state;
    static const struct {
        size_t bytes, kept; /* of each object; objects that are still there afterwards */
    } cases[] = {{1000, API_DECODED}, {100000, 2}, {400000, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *data = xcalloc(1, cases[i].bytes + 1);
        memset(data, 'x', cases[i].bytes);
        for (int j = 0; j < API_DECODED; j++) {
            autofree char *text =
                xasprintf("{metadata: {name: c-%zu-%d}, data: {a: %s}}", i, j, data);
            assert_int_equal(do_create(world, &kind_config_map, "default", text, NULL), 201);
        }
        free(data);
        world_settle(world);
        const struct value *objects[API_DECODED];
        for (int j = 0; j < API_DECODED; j++) {
            autofree char *name = xasprintf("c-%zu-%d", i, j);
            const struct api_ref ref = {&kind_config_map, "default", name};
            assert_int_equal(api_see(world->api, &admin, &ref, &objects[j]), 0);
        }
        for (int j = 0; j < API_DECODED; j++) /* until the return to the loop all are there */
            assert_int_equal(object_name(objects[j])[4], '0' + j);
        world_settle(world);
        size_t kept = 0;
        for (int j = 0; j < API_DECODED; j++)
            kept += world->api->decoded[j].object != NULL;
        assert_int_equal(kept, cases[i].kept);
    }
}

int main(void)
{
#define LIVE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        LIVE(test_api__a_life),
        LIVE(test_api__an_equal_update_writes_nothing),
        LIVE(test_api__generated_names),
        LIVE(test_api__changes_follow_each_other),
        LIVE(test_api__a_change_may_leave_it),
        LIVE(test_api__apply),
        LIVE(test_api__binding),
        LIVE(test_api__strangers_are_refused),
        LIVE(test_api__dry_run),
        LIVE(test_api__a_dry_update_shows_the_revision_that_is),
        LIVE(test_api__too_big),
        LIVE(test_api__a_status_that_is_none),
        LIVE(test_api__a_grace_without_end),
        LIVE(test_api__writes_of_one_object_are_bounded),
        LIVE(test_api__lists),
        LIVE(test_api__pages),
        LIVE(test_api__watches),
        LIVE(test_api__a_watch_from_elsewhere_is_too_old),
        LIVE(test_api__namespaces),
        LIVE(test_api__events),
        LIVE(test_api__keeps_few_bytes_decoded),
        LIVE(test_api__a_restart_goes_on_with_namespaces),
        cmocka_unit_test(test_api__stops_with_work_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
