#include "agent/pod/runtimes.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_runtimes__allow(void **state)
{
    (void)state;
    static const struct {
        const char *class, *handler, *why;
    } cases[] = {
        {NULL, NULL, ""},
        {NULL, "kata", ""}, /* nobody asked */
        {"usual", "limpet", ""},
        {"vm", "kata", "no runtime for \"kata\" is configured"},
        {"vm", "limpet2", "no runtime for \"limpet2\" is configured"},
        {"gone", NULL, "RuntimeClass \"gone\" not found"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *pod = value_new_map();
        struct value *annotations = value_make_map(pod, "metadata", "annotations", NULL);
        struct value *spec = value_make_map(pod, "spec", NULL);
        if (cases[i].class)
            value_set_str(spec, "runtimeClassName", cases[i].class);
        if (cases[i].handler)
            value_set_str(annotations, "limpet.io/runtime-handler", cases[i].handler);
        cleanup(buf_done) struct buf why;
        buf_init(&why, 0);
        assert_int_equal(runtimes_allow(pod, false, &why), cases[i].why[0] == '\0');
        assert_string_equal(buf_str(&why), cases[i].why);
    }
}

static void test_runtimes__user_namespaces(void **state)
{
    (void)state;
    static const struct {
        const char *class;
        bool host_users, can;
        const char *why;
    } cases[] = {
        {NULL, true, false, ""},
        {NULL, false, true, ""},
        {"usual", false, true, ""},
        {NULL, false, false,
         "RuntimeClass handler \"\" does not support user namespaces on this node"},
        {"usual", false, false,
         "RuntimeClass handler \"limpet\" does not support user namespaces on this node"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *pod = value_new_map();
        struct value *annotations = value_make_map(pod, "metadata", "annotations", NULL);
        struct value *spec = value_make_map(pod, "spec", NULL);
        if (cases[i].class)
            value_set_str(spec, "runtimeClassName", cases[i].class);
        value_set_str(annotations, "limpet.io/runtime-handler", "limpet");
        value_set_bool(spec, "hostUsers", cases[i].host_users);
        cleanup(buf_done) struct buf why;
        buf_init(&why, 0);
        assert_int_equal(runtimes_allow(pod, cases[i].can, &why), cases[i].why[0] == '\0');
        assert_string_equal(buf_str(&why), cases[i].why);
    }
}

static void test_runtimes__status(void **state)
{
    (void)state;
    for (int on = 0; on < 2; on++) {
        cleanup(value_free) struct value *list = runtimes_status(on);
        static const char *const names[] = {"", "limpet"};
        assert_int_equal(value_len(list), ARRAY_LEN(names));
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            const struct value *item = value_at(list, i);
            assert_string_equal(value_get_str(item, "name"), names[i]);
            assert_int_equal(value_bool(value_path(item, "features", "userNamespaces", NULL), !on),
                             on);
            assert_non_null(value_path(item, "features", "recursiveReadOnlyMounts", NULL));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runtimes__allow),
        cmocka_unit_test(test_runtimes__user_namespaces),
        cmocka_unit_test(test_runtimes__status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
