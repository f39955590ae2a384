#include "controller/reconcile/event.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct event started = {"Pod",     "shop",    "web",     "u1", "Normal",
                                     "Started", "it runs", "limpetd", "pi"};

static void test_event__the_same_thing_has_one_name(void **state)
{
    (void)state;
    autofree char *name = event_name(&started), *again = event_name(&started);
    assert_string_equal(name, again);
    assert_true(str_has_prefix(name, "web."));
    assert_int_equal(strlen(name), strlen("web.") + 16);
    /* Any part makes it another, and parts do not run together. */
    struct event others[10];
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        others[i] = started;
    others[0].ns = "other";
    others[1].name = "wea";
    others[2].uid = "u2";
    others[3].type = "Warning";
    others[4].reason = "Failed";
    others[5].message = "it";
    others[6].component = "kubelet";
    others[7].host = "pj";
    others[8].kind = "Node";
    others[9].reason = "Starte";
    others[9].message = "dit runs";
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        autofree char *other = event_name(&others[i]);
        assert_string_not_equal(strchr(other, '.'), strchr(name, '.'));
    }
}

/* Whatever the object's name, the event's is one that the API takes. */
static void test_event__names_are_names(void **state)
{
    (void)state;
    char text[254] = "";
    for (size_t len = 230; len < sizeof(text); len++) {
        static const char edge[] = "a-.a";
        for (size_t i = 0; i < len; i++)
            text[i] = i > 0 && i + 1 < len && i % 3 ? edge[i % 3] : 'a';
        text[len] = '\0';
        for (char *c = text; *c; c++) /* no "-." within */
            if (*c == '.' || (c > text && c[-1] == '.'))
                *c = 'b';
        struct event event = started;
        event.name = text;
        autofree char *name = event_name(&event);
        if (kind_event.name(name))
            fail_msg("%s: %s", name, kind_event.name(name));
    }
}

static void test_event__is_counted(void **state)
{
    (void)state;
    int64_t noon;
    assert_int_equal(clock_parse("2026-01-01T12:00:00Z", &noon), 0);
    cleanup(value_free) struct value *object = event_object(&started);
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(schema_check(&kind_event, object, 0, &diags), 0);
    assert_string_equal(object_namespace(object), "shop");
    event_count(object, 1, noon, noon);
    event_count(object, 3, noon - 60 * NS_PER_S, noon + 5 * NS_PER_S + 250999);
    event_count(object, 2, noon, noon + NS_PER_S); /* late: it moves neither end */
    assert_int_equal(value_get_int(object, "count", 0), 6);
    assert_string_equal(value_get_str(object, "firstTimestamp"), "2026-01-01T11:59:00.000000Z");
    assert_string_equal(value_get_str(object, "lastTimestamp"), "2026-01-01T12:00:05.000250Z");
    event_count(object, INT32_MAX, noon, noon);
    assert_int_equal(value_get_int(object, "count", 0), INT32_MAX);
    assert_int_equal(schema_check(&kind_event, object, 0, &diags), 0);
}

static void test_event__of_the_cluster(void **state)
{
    (void)state;
    const struct event event = {"Node", "", "pi", "u1", "Normal", "NodeReady", "m", "c", ""};
    cleanup(value_free) struct value *object = event_object(&event);
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(schema_check(&kind_event, object, 0, &diags), 0);
    assert_string_equal(object_namespace(object), "default");
    assert_null(value_path(object, "involvedObject", "namespace", NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event__the_same_thing_has_one_name),
        cmocka_unit_test(test_event__names_are_names),
        cmocka_unit_test(test_event__is_counted),
        cmocka_unit_test(test_event__of_the_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
