#include "controller/link/events.h"

#include "../reconcile/world.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/event_batch.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define NODE "pi.01234567"
#define OTHER "other.89abcdef"

struct fixture {
    struct world world;
    struct recorder *recorder;
    struct events *events;
    char *web, *far; /* uids: of pi's pod and of other's */
};

static int warnings;

static void count_warnings(void *ctx, enum log_level level, const char *line)
{
    (void)ctx;
    (void)line;
    warnings += level >= LOG_LEVEL_WARN;
}

static char *uid_of(struct fixture *f, const char *pod)
{
    cleanup(value_free) struct value *object = world_get(&f->world, "Pod", "default", pod);
    return xstrdup(object_uid(object));
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    world_node(&f->world, "pi", "4");
    world_node(&f->world, "other", "4");
    world_pod(&f->world, "web", "100m", "pi");
    world_pod(&f->world, "far", "100m", "other");
    f->web = uid_of(f, "web");
    f->far = uid_of(f, "far");
    f->recorder = recorder_new(f->world.api, &f->world.clock);
    f->events = events_new(f->world.loop, f->world.api, f->recorder);
    log_set_sink(count_warnings, NULL);
    warnings = 0;
    world_pass(&f->world, 3600 * NS_PER_S);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    events_free(f->events);
    recorder_free(f->recorder);
    world_done(&f->world);
    free(f->web);
    free(f->far);
    free(f);
    return 0;
}

static void add(struct value *events, const char *ns, const char *name, const char *uid,
                const char *reason, int64_t age_s)
{
    struct value *event = value_new_map();
    value_set_str(event, "namespace", ns);
    value_set_str(event, "name", name);
    value_set_str(event, "uid", uid);
    value_set_str(event, "type", "Normal");
    value_set_str(event, "reason", reason);
    value_set_str(event, "message", "so it is");
    value_set_int(event, "age", age_s * 1000);
    value_append(events, event);
}

/* A message of pi; takes events. */
static void send(struct fixture *f, struct value *events, int64_t dropped)
{
    cleanup(value_free) struct value *message = value_new_map();
    cleanup(buf_done) struct buf payload = {0};
    value_set_int(message, "v", 1);
    value_set_str(message, "boot", "b");
    value_set_int(message, "dropped", dropped);
    value_set(message, "events", events);
    assert_int_equal(json_write(message, &payload), 0);
    events_take(f->events, "pi", NODE, payload.data, payload.len);
}

static void send_one(struct fixture *f, const char *ns, const char *name, const char *uid,
                     const char *reason, int64_t age_s)
{
    struct value *events = value_new_list();
    add(events, ns, name, uid, reason, age_s);
    send(f, events, 0);
    world_turn(&f->world);
}

/* The event of that reason; NULL if there is none, or more than one. The caller frees. */
static struct value *find(struct fixture *f, const char *reason)
{
    const struct api_user user = {.name = "system:limpet:test"};
    const struct api_ref ref = {&kind_event, "", ""};
    autofree char *selector = xasprintf("reason=%s", reason);
    const struct api_list_query query = {.field_selector = selector};
    cleanup(value_free) struct value *list = NULL;
    assert_int_equal(api_list(f->world.api, &user, &ref, &query, &list), 0);
    const struct value *items = value_get(list, "items");
    return value_len(items) == 1 ? value_copy(value_at(items, 0)) : NULL;
}

static int64_t count_of(struct fixture *f, const char *reason)
{
    cleanup(value_free) struct value *event = find(f, reason);
    return value_get_int(event, "count", 0);
}

static void test_events__of_its_own_pod_and_of_itself(void **state)
{
    struct fixture *f = *state;
    send_one(f, "default", "web", f->web, "Started", 0);
    send_one(f, "", "pi", "", "InvalidManifest", 0);
    send_one(f, "default", "web", f->web, "Started", 0);
    cleanup(value_free) struct value *pod = find(f, "Started"), *node = find(f, "InvalidManifest");
    assert_int_equal(value_get_int(pod, "count", 0), 2);
    assert_string_equal(object_namespace(pod), "default");
    const struct value *about = value_get(pod, "involvedObject");
    assert_string_equal(value_get_str(about, "kind"), "Pod");
    assert_string_equal(value_get_str(about, "uid"), f->web);
    const struct value *source = value_get(pod, "source");
    assert_string_equal(value_get_str(source, "component"), "limpetd");
    assert_string_equal(value_get_str(source, "host"), "pi");
    cleanup(value_free) struct value *pi = world_get(&f->world, "Node", "", "pi");
    about = value_get(node, "involvedObject");
    assert_string_equal(value_get_str(about, "kind"), "Node");
    assert_string_equal(value_get_str(about, "uid"), object_uid(pi));
    assert_int_equal(warnings, 0);
}

static void test_events__of_others_are_refused(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *ns, *name, *uid;
    } cases[] = {
        {"default", "far", f->far}, /* bound to another node */
        {"default", "web", f->far}, /* another pod of that name */
        {"default", "web", ""},
        {"", "other", ""}, /* another node */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        send_one(f, cases[i].ns, cases[i].name, cases[i].uid, "Forged", 0);
    assert_int_equal(world_count(&f->world, "Event"), 0);
    assert_int_equal(warnings, 1); /* once a minute, not once a lie */
    world_pass(&f->world, 61 * NS_PER_S);
    send_one(f, "default", "far", f->far, "Forged", 0);
    assert_int_equal(warnings, 2);
    /* What is not there may have been its own. */
    send_one(f, "default", "none", f->web, "Killing", 0);
    world_pass(&f->world, 61 * NS_PER_S);
    send_one(f, "default", "none", f->web, "Killing", 0);
    assert_int_equal(world_count(&f->world, "Event"), 0);
    assert_int_equal(warnings, 2);
}

/* A static pod is named after its node, and may have begun before it is shown. */
static void test_events__of_static_pods(void **state)
{
    struct fixture *f = *state;
    send_one(f, "default", "app-other", "h", "Forged", 0); /* not its own */
    send_one(f, "none", "app-pi", "h", "Forged", 0);
    assert_int_equal(world_count(&f->world, "Event"), 0);
    send_one(f, "default", "app-pi", "h", "Started", 0);
    world_create(
        &f->world,
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'app-pi','namespace':'default',"
        "'annotations':{'kubernetes.io/config.mirror':'h','kubernetes.io/config.hash':'h'}},"
        "'spec':{'nodeName':'pi','containers':[{'name':'c','image':'i'}]}}",
        201);
    send_one(f, "default", "app-pi", "h", "Started", 0);
    send_one(f, "default", "app-pi", "another", "Forged", 0);
    assert_int_equal(count_of(f, "Started"), 2);
    assert_int_equal(world_count(&f->world, "Event"), 1);
    cleanup(value_free) struct value *event = find(f, "Started");
    assert_string_equal(value_get_str(value_get(event, "involvedObject"), "uid"), "h");
}

static void test_events__one_bad_event_spoils_no_other(void **state)
{
    struct fixture *f = *state;
    struct value *events = value_new_list();
    add(events, "default", "far", f->far, "Forged", 0);
    value_append(events, value_new_int(7));
    add(events, "default", "web", f->web, "a b", 0);
    add(events, "default", "web", f->web, "Started", -5);
    add(events, "default", "web", f->web, "Pulled", 0);
    send(f, events, 0);
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "Event"), 1);
    assert_int_equal(count_of(f, "Pulled"), 1);
    static const char *const noise[] = {"", "{", "[]", "null", "{\"v\":1}", "\xff\xfe"};
    for (size_t i = 0; i < ARRAY_LEN(noise); i++)
        events_take(f->events, "pi", NODE, noise[i], strlen(noise[i]));
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "Event"), 1);
}

static int64_t seconds_ago(struct fixture *f, const struct value *event, const char *field)
{
    int64_t then;
    assert_int_equal(clock_parse(value_get_str(event, field), &then), 0);
    return (f->world.wall_ns - then) / NS_PER_S;
}

/* The gateway's clock and the age that is told; never before the pod, never in the future. */
static void test_events__when(void **state)
{
    struct fixture *f = *state;
    send_one(f, "default", "web", f->web, "Old", 600);
    send_one(f, "default", "web", f->web, "Ancient", 10 * 366 * 86400);
    send_one(f, "default", "web", f->web, "Often", 900);
    send_one(f, "default", "web", f->web, "Often", 30);
    send_one(f, "default", "web", f->web, "Often", 60);
    cleanup(value_free) struct value *old = find(f, "Old"), *ancient = find(f, "Ancient"),
                                     *often = find(f, "Often");
    assert_int_equal(seconds_ago(f, old, "lastTimestamp"), 600);
    assert_int_equal(seconds_ago(f, ancient, "firstTimestamp"), 3600);
    assert_int_equal(seconds_ago(f, often, "firstTimestamp"), 900);
    assert_int_equal(seconds_ago(f, often, "lastTimestamp"), 30);
    assert_int_equal(value_get_int(often, "count", 0), 3);
}

/* What fell out of the ring is an event of the node. */
static void test_events__gaps_are_told(void **state)
{
    struct fixture *f = *state;
    struct value *events = value_new_list();
    add(events, "default", "web", f->web, "Started", 0);
    send(f, events, 37);
    world_turn(&f->world);
    send(f, value_new_list(), 5);
    world_turn(&f->world);
    cleanup(value_free) struct value *lost = find(f, "EventsLost");
    assert_int_equal(value_get_int(lost, "count", 0), 42);
    assert_string_equal(value_get_str(lost, "type"), "Warning");
    assert_string_equal(value_str(value_path(lost, "involvedObject", "name", NULL)), "pi");
    assert_int_equal(count_of(f, "Started"), 1);
}

static void flood(struct fixture *f, int from, int count)
{
    struct value *events = value_new_list();
    for (int i = from; i < from + count; i++) {
        char reason[32];
        snprintf(reason, sizeof(reason), "R%d", i);
        add(events, "default", "web", f->web, reason, 0);
    }
    send(f, events, 0);
    world_turn(&f->world);
}

/* So many at once, and then one a second, told once. Another node is not disturbed. */
static void test_events__a_flood_is_cut_off(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 10; i++)
        flood(f, i * 100, 100);
    size_t after = world_count(&f->world, "Event");
    assert_in_range(after, EVENTS_BURST - 10, EVENTS_BURST + 1);
    assert_int_equal(warnings, 1);
    world_pass(&f->world, 30 * NS_PER_S);
    flood(f, 2000, 100);
    assert_in_range(world_count(&f->world, "Event") - after, 25, 31);
    assert_int_equal(warnings, 1);
    cleanup(value_free) struct value *dropped = find(f, "EventsDropped");
    assert_string_equal(value_str(value_path(dropped, "involvedObject", "name", NULL)), "pi");
    world_pass(&f->world, 300 * NS_PER_S);
    send_one(f, "default", "web", f->web, "Calm", 0);
    assert_int_equal(count_of(f, "Calm"), 1);
    assert_int_equal(warnings, 2); /* with how many it were */
    /* 45 of the third message, 7 messages that were not even read, 69 of the last. */
    assert_in_range(count_of(f, "EventsDropped"), 45 + 7 + 69 - 3, 45 + 7 + 69 + 3);
    /* The other node has a bucket of its own. */
    cleanup(value_free) struct value *message = value_new_map();
    struct value *events = value_new_list();
    flood(f, 3000, 100);
    flood(f, 3100, 100);
    flood(f, 3200, 100);
    add(events, "default", "far", f->far, "Far", 0);
    value_set_int(message, "v", 1);
    value_set(message, "events", events);
    cleanup(buf_done) struct buf payload = {0};
    assert_int_equal(json_write(message, &payload), 0);
    events_take(f->events, "other", OTHER, payload.data, payload.len);
    world_turn(&f->world);
    assert_int_equal(count_of(f, "Far"), 1);
    events_forget(f->events, NODE);
    send_one(f, "default", "web", f->web, "Anew", 0);
    assert_int_equal(count_of(f, "Anew"), 1);
}

/* In an hour, the life of an event, one node alone cannot fill what there is room for. */
static void test_events__one_node_does_not_fill_the_store(void **state)
{
    (void)state;
    int64_t most = EVENTS_BURST + kind_event.keep->ttl_s * NS_PER_S / EVENTS_INTERVAL_NS;
    assert_true(most < (int64_t)kind_event.keep->max_objects);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_events__of_its_own_pod_and_of_itself),
        TEST(test_events__of_others_are_refused),
        TEST(test_events__of_static_pods),
        TEST(test_events__one_bad_event_spoils_no_other),
        TEST(test_events__when),
        TEST(test_events__gaps_are_told),
        TEST(test_events__a_flood_is_cut_off),
        cmocka_unit_test(test_events__one_node_does_not_fill_the_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
