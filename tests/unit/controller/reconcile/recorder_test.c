#include "controller/reconcile/recorder.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
    struct world world;
    struct recorder *recorder;
    int watched[3]; /* by enum api_event_type */
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    f->recorder = recorder_new(f->world.api, &f->world.clock);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    recorder_free(f->recorder);
    world_done(&f->world);
    free(f);
    return 0;
}

static const struct event started = {"Pod",     "default", "web",     "u1", "Normal",
                                     "Started", "it runs", "limpetd", "pi"};

static struct value *get(struct fixture *f, const struct event *event)
{
    autofree char *name = event_name(event);
    return world_get(&f->world, "Event", event_namespace(event), name);
}

static void test_recorder__counts_the_same_thing(void **state)
{
    struct fixture *f = *state;
    recorder_event(f->recorder, &started);
    world_turn(&f->world);
    cleanup(value_free) struct value *first = get(f, &started);
    assert_int_equal(value_get_int(first, "count", 0), 1);
    assert_string_equal(value_get_str(first, "firstTimestamp"),
                        value_get_str(first, "lastTimestamp"));
    world_pass(&f->world, 90 * NS_PER_S);
    recorder_event(f->recorder, &started);
    world_turn(&f->world);
    cleanup(value_free) struct value *second = get(f, &started);
    assert_int_equal(value_get_int(second, "count", 0), 2);
    assert_string_equal(value_get_str(second, "firstTimestamp"),
                        value_get_str(first, "firstTimestamp"));
    assert_string_not_equal(value_get_str(second, "lastTimestamp"),
                            value_get_str(first, "lastTimestamp"));
    assert_string_equal(object_uid(second), object_uid(first));
    assert_int_equal(world_count(&f->world, "Event"), 1);
}

/* While it is written the same thing again waits as a number. */
static void test_recorder__many_at_once_are_two_writes(void **state)
{
    struct fixture *f = *state;
    int64_t before = api_revision(f->world.api);
    for (int i = 0; i < 1000; i++)
        recorder_event(f->recorder, &started);
    world_turn(&f->world);
    cleanup(value_free) struct value *object = get(f, &started);
    assert_int_equal(value_get_int(object, "count", 0), 1000);
    assert_int_equal(api_revision(f->world.api) - before, 2);
}

/* What has no namespace to stand in is dropped, and harms nothing. */
static void test_recorder__without_a_namespace(void **state)
{
    struct fixture *f = *state;
    struct event event = started;
    event.ns = "gone";
    recorder_event(f->recorder, &event);
    recorder_event(NULL, &event);
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "Event"), 0);
    recorder_event(f->recorder, &started);
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "Event"), 1);
}

static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    struct fixture *f = ctx;
    assert_non_null(object_name(object));
    f->watched[type]++;
}

static struct event numbered(char name[16], int i)
{
    struct event event = started;
    snprintf(name, 16, "web-%d", i);
    event.name = name;
    return event;
}

/* Events end an hour after they were written last, and watches are told. */
static void test_recorder__events_end(void **state)
{
    struct fixture *f = *state;
    struct api_ref ref = {&kind_event, "", ""};
    const struct api_user user = {.name = "system:limpet:test"};
    struct api_watch *watch = NULL;
    char name[16];
    struct event other = numbered(name, 1);
    assert_int_equal(api_watch(f->world.api, &user, &ref, NULL, 0, on_event, f, &watch), 0);
    recorder_event(f->recorder, &started);
    recorder_event(f->recorder, &other);
    world_pass(&f->world, 1800 * NS_PER_S);
    recorder_event(f->recorder, &started);
    world_pass(&f->world, 1799 * NS_PER_S);
    assert_int_equal(world_count(&f->world, "Event"), 2);
    world_pass(&f->world, 2 * NS_PER_S);
    assert_int_equal(world_count(&f->world, "Event"), 1);
    assert_null(get(f, &other));
    world_pass(&f->world, 1800 * NS_PER_S);
    assert_int_equal(world_count(&f->world, "Event"), 0);
    assert_int_equal(f->watched[API_ADDED], 2);
    assert_int_equal(f->watched[API_MODIFIED], 1);
    assert_int_equal(f->watched[API_DELETED], 2);
    recorder_event(f->recorder, &started); /* begins anew */
    world_turn(&f->world);
    cleanup(value_free) struct value *object = get(f, &started);
    assert_int_equal(value_get_int(object, "count", 0), 1);
    api_watch_free(watch);
}

/* There are never more than so many; the oldest go. */
static void test_recorder__events_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[16];
    int most = (int)kind_event.keep->max_objects;
    for (int i = 0; i < most + 100; i++) {
        struct event event = numbered(name, i);
        recorder_event(f->recorder, &event);
        if (i % 500 == 0)
            world_turn(&f->world);
    }
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "Event"), most);
    struct event first = numbered(name, 99);
    assert_null(get(f, &first));
    first = numbered(name, 100);
    cleanup(value_free) struct value *kept = get(f, &first);
    assert_non_null(kept);
}

/* So many different ones at once are not all taken. */
static void test_recorder__writes_under_way_are_bounded(void **state)
{
    struct fixture *f = *state;
    char name[16];
    for (int i = 0; i < RECORDER_MAX + 100; i++) {
        struct event event = numbered(name, i);
        recorder_event(f->recorder, &event);
    }
    world_turn(&f->world);
    assert_int_equal(world_count(&f->world, "Event"), RECORDER_MAX);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_recorder__counts_the_same_thing),
        TEST(test_recorder__many_at_once_are_two_writes),
        TEST(test_recorder__without_a_namespace),
        TEST(test_recorder__events_end),
        TEST(test_recorder__events_are_bounded),
        TEST(test_recorder__writes_under_way_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
