#include "agent/pod/apparmor_ask.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define POD(meta, spec, container)                                                                 \
    "{\"metadata\": {" meta "}, \"spec\": {" spec                                                  \
    "\"containers\": [{\"name\": \"a\"}, {\"name\": \"b\"" container "}]}}"
#define PROFILE(type) "\"securityContext\": {\"appArmorProfile\": {\"type\": \"" type "\"}}"
#define LOCAL(name)                                                                                \
    "\"securityContext\": {\"appArmorProfile\": {\"type\": \"Localhost\", \"localhostProfile\": "  \
    "\"" name "\"}}"
#define NOTED(value)                                                                               \
    "\"annotations\": {\"container.apparmor.security.beta.kubernetes.io/b\": \"" value "\"}"
#define NONE "Cannot enforce AppArmor: AppArmor is not enabled on the host"

static const char loaded[] = "limpet-default (enforce)\nweb//child (enforce)\nweb (complain)\n";

static void test_apparmor_ask__asked_and_there(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *asked; /* of the second container */
        const char *without;     /* what a node without AppArmor says; "": nothing */
        const char *with;        /* one that has the profiles above */
    } cases[] = {
        {POD("", "", ""), NULL, "", ""},
        {POD("", "", ", " PROFILE("Unconfined")), NULL, "", ""},
        {POD("", "", ", " PROFILE("RuntimeDefault")), "limpet-default", NONE, ""},
        {POD("", "", ", " LOCAL("web")), "web", NONE, ""},
        {POD("", "", ", " LOCAL("web//child")), "web//child", NONE, ""},
        {POD("", "", ", " LOCAL("we")), "we", NONE,
         "Cannot enforce AppArmor: profile \"we\" is not loaded"},
        {POD("", "", ", " LOCAL("unconfined")), "unconfined", NONE,
         "Cannot enforce AppArmor: profile \"unconfined\" is not loaded"},
        /* the container over the pod, fields over annotations */
        {POD("", LOCAL("web") ",", ""), "web", NONE, ""},
        {POD("", LOCAL("web") ",", ", " LOCAL("other")), "other", NONE,
         "Cannot enforce AppArmor: profile \"other\" is not loaded"},
        {POD(NOTED("localhost/web"), "", ""), "web", NONE, ""},
        {POD(NOTED("runtime/default"), "", ""), "limpet-default", NONE, ""},
        {POD(NOTED("unconfined"), "", ""), NULL, "", ""},
        {POD(NOTED("localhost/other"), "", ", " LOCAL("web")), "web", NONE, ""},
        /* RuntimeDefault is not for privileged ones */
        {POD(NOTED("runtime/default"), "", ", \"securityContext\": {\"privileged\": true}"), NULL,
         "", ""},
    };
    const struct apparmor_node nodes[] = {{false, ""}, {true, loaded}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *pod = NULL;
        assert_int_equal(json_parse(cases[i].pod, strlen(cases[i].pod), &pod, NULL), 0);
        const struct value *second = value_at(value_path(pod, "spec", "containers", NULL), 1);
        const char *asked = apparmor_asked(pod, second);
        assert_string_equal(asked ? asked : "nothing", cases[i].asked ? cases[i].asked : "nothing");
        for (size_t n = 0; n < ARRAY_LEN(nodes); n++) {
            cleanup(buf_done) struct buf message;
            buf_init(&message, 0);
            bool allowed = apparmor_allowed(&nodes[n], pod, &message);
            assert_string_equal(buf_str(&message), n ? cases[i].with : cases[i].without);
            assert_int_equal(allowed, message.len == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_apparmor_ask__asked_and_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
