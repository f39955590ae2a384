#include "load.h"

#include "common/base/clock.h"

#define EVENT                                                                                      \
    "apiVersion: v1\nkind: Event\nmetadata: {name: web.1, namespace: shop}\n"                      \
    "involvedObject: {kind: Pod, namespace: shop, name: web, uid: u1}\n"

static int64_t at(const char *time)
{
    int64_t wall_ns;
    assert_int_equal(clock_parse(time, &wall_ns), 0);
    return wall_ns;
}

static void test_event__namespaces_agree(void **state)
{
    (void)state;
    static const char head[] = "apiVersion: v1\nkind: Event\n";
    static const struct {
        const char *rest, *mistake;
    } cases[] = {
        {"metadata: {name: a, namespace: shop}\ninvolvedObject: {namespace: shop}\n", ""},
        {"metadata: {name: a}\ninvolvedObject: {namespace: shop}\n", ""},
        {"metadata: {name: a, namespace: default}\ninvolvedObject: {kind: Node}\n", ""},
        {"metadata: {name: a, namespace: shop}\ninvolvedObject: {kind: Node}\n",
         "line 4: involvedObject.namespace: \"\": does not match the event's namespace\n"},
        {"metadata: {name: a, namespace: shop}\ninvolvedObject: {namespace: other}\n",
         "line 4: involvedObject.namespace: \"other\": does not match the event's namespace\n"},
        {"metadata: {name: a}\n", "line 1: involvedObject: required\n"},
        {"metadata: {name: a}\ninvolvedObject: {nane: b}\n",
         "line 4: involvedObject.nane: unknown field; did you mean name?\n"},
        {"metadata: {name: a}\ninvolvedObject: {}\ncount: x\nfirstTimestamp: soon\n",
         "line 5: count: \"x\": must be an integer\n"
         "line 6: firstTimestamp: \"soon\": must be a time such as 2026-01-31T12:00:00Z\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s%s", head, cases[i].rest);
        expect_mistakes(text, cases[i].mistake);
    }
}

/* Who gives eventTime must say more. */
static void test_event__timed_events_name_their_reporter(void **state)
{
    (void)state;
    expect_mistakes(EVENT "eventTime: '2026-01-01T00:00:00.000000Z'\nreason: r\n",
                    "line 1: action: required beside eventTime\n"
                    "line 1: reportingComponent: required beside eventTime\n"
                    "line 1: reportingInstance: required beside eventTime\n");
    expect_mistakes(EVENT "eventTime: '2026-01-01T00:00:00.000000Z'\nreason: r\naction: a\n"
                          "reportingComponent: c\nreportingInstance: i\n",
                    "");
}

#define TIMES                                                                                      \
    "{firstTimestamp: '2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:09:00Z', count: 4}"

static void test_event__columns(void **state)
{
    (void)state;
    int64_t now = at("2026-01-01T00:10:00Z");
    static const struct {
        const char *column, *event, *want;
    } cases[] = {
        {"Last Seen", TIMES, "60s"},
        {"First Seen", TIMES, "10m"},
        {"Count", TIMES, "4"},
        {"Last Seen", "{eventTime: '2026-01-01T00:08:00.000000Z'}", "2m"},
        {"First Seen", "{eventTime: '2026-01-01T00:08:00.000000Z'}", "2m"},
        {"Last Seen",
         "{firstTimestamp: '2026-01-01T00:08:00Z', series: {lastObservedTime: "
         "'2026-01-01T00:09:50.000000Z', count: 9}}",
         "10s"},
        {"Count", "{series: {count: 9}, count: 1}", "9"},
        {"Last Seen", "{}", "<unknown>"},
        {"Count", "{}", "1"},
        {"Type", "{type: Warning}", "Warning"},
        {"Reason", "{reason: Started}", "Started"},
        {"Object", "{involvedObject: {kind: ReplicaSet, name: web}}", "replicaset/web"},
        {"Object", "{involvedObject: {kind: Pod}}", "pod"},
        {"Subobject", "{involvedObject: {fieldPath: 'spec.containers{a}'}}", "spec.containers{a}"},
        {"Source", "{source: {component: limpetd, host: pi}, reportingInstance: x}", "limpetd, pi"},
        {"Source", "{source: {component: c}}", "c"},
        {"Source", "{reportingComponent: c, reportingInstance: i}", "c, i"},
        {"Message", "{message: \" it is\\n so \\n\"}", "it is\n so"},
        {"Message", "{}", ""},
        {"Name", "{metadata: {name: web.1}}", "web.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_event, cases[i].column, cases[i].event, now, cases[i].want);
}

#define NEW_EVENT                                                                                  \
    "apiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: web.1, namespace: shop}\n"        \
    "regarding: {kind: Pod, namespace: shop, name: web}\n"
#define REPORTER "reportingController: c\nreportingInstance: i\naction: a\nreason: r\n"
#define TIMED "eventTime: '2026-01-01T00:00:00.000000Z'\n"

static void test_event__of_the_newer_group(void **state)
{
    (void)state;
    expect_mistakes(NEW_EVENT TIMED REPORTER "type: Normal\n", "");
    expect_mistakes(NEW_EVENT REPORTER "type: Normal\n", "line 1: eventTime: required\n");
    expect_mistakes(NEW_EVENT "deprecatedCount: 4\ntype: Odd\n", "");
    expect_mistakes(NEW_EVENT TIMED REPORTER "type: Odd\n",
                    "line 10: type: must be Normal or Warning\n");
    expect_mistakes(NEW_EVENT TIMED "type: Normal\naction: a\nreason: r\nreportingInstance: i\n",
                    "line 1: reportingController: required beside eventTime\n");
    expect_mistakes(NEW_EVENT TIMED REPORTER "type: Normal\nseries: {count: 1}\n",
                    "line 11: series.count: should be at least 2\n");
    expect_mistakes("apiVersion: events.k8s.io/v1\nkind: Event\nmetadata: {name: a, namespace: "
                    "shop}\nregarding: {kind: Node}\n" TIMED REPORTER "type: Normal\n",
                    "line 4: regarding.namespace: \"\": does not match the event's namespace\n");
}

/* There and back, nothing is lost and every column shows the same. */
static void test_event__has_two_forms(void **state)
{
    (void)state;
    static const char text[] =
        "{apiVersion: v1, kind: Event, metadata: {name: a}, involvedObject: {kind: Pod, name: web, "
        "fieldPath: f}, reason: r, message: m, source: {component: c, host: h}, firstTimestamp: "
        "'2026-01-01T00:00:00Z', lastTimestamp: '2026-01-01T00:01:00Z', count: 4, type: Normal, "
        "reportingComponent: k, reportingInstance: i}";
    int64_t now = at("2026-01-01T00:10:00Z");
    cleanup(value_free) struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    cleanup(value_free) struct value *copy = value_copy(object);
    kind_new_event.from_stored(copy);
    value_set_str(copy, "apiVersion", "events.k8s.io/v1");
    assert_int_equal(schema_check(&kind_new_event, copy, 0, &diags), 0);
    assert_string_equal(value_get_str(copy, "note"), "m");
    for (size_t i = 0; kind_event.columns[i].name; i++) {
        cleanup(buf_done) struct buf want = {0};
        cleanup(buf_done) struct buf got = {0};
        schema_cell(&kind_event.columns[i], object, now, &want);
        schema_cell(&kind_new_event.columns[i], copy, now, &got);
        assert_string_equal(buf_str(&got), buf_str(&want));
    }
    kind_new_event.to_stored(copy);
    value_set_str(copy, "apiVersion", "v1");
    assert_true(value_equal(copy, object));
}

/* They are bounded, and end. Leases are as volatile; nothing else is. */
static void test_event__is_volatile(void **state)
{
    (void)state;
    assert_non_null(kind_event.keep);
    assert_int_equal(kind_event.keep->ttl_s, 3600);
    assert_in_range(kind_event.keep->max_objects, 1, 10000);
    assert_in_range(kind_event.keep->max_bytes, 1, 8 * 1024 * 1024);
    for (size_t i = 0; kinds_at(NULL, i); i++)
        assert_int_equal(kinds_at(NULL, i)->keep != NULL,
                         str_eq(kinds_at(NULL, i)->kind, "Event") ||
                             kinds_at(NULL, i) == &kind_lease);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event__namespaces_agree),
        cmocka_unit_test(test_event__timed_events_name_their_reporter),
        cmocka_unit_test(test_event__columns),
        cmocka_unit_test(test_event__of_the_newer_group),
        cmocka_unit_test(test_event__has_two_forms),
        cmocka_unit_test(test_event__is_volatile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
