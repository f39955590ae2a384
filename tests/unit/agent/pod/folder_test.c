#include "agent/pod/folder.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define UID "0123abcd-4567-89ef-ABCD-0123456789ab"

static void test_folder__uid(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } cases[] = {
        {UID, true},
        {"", false},
        {"..", false},
        {"notes", false},
        {"0123abcd", false},
        {UID "0", false},
        {UID ".bak", false},
        {"0123abcd-4567-89ef-abcd-0123456789a", false},
        {"0123abcd-4567-89ef-abcd_0123456789ab", false},
        {"0123abcdx4567-89ef-abcd-0123456789ab", false},
        {"0123abcg-4567-89ef-abcd-0123456789ab", false},
        {"0123abcd-4567-89ef-abcd-01234567/9ab", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (folder_is_uid(cases[i].text) != cases[i].is)
            fail_msg("\"%s\"", cases[i].text);
}

static void test_folder__logs_there_and_back(void **state)
{
    (void)state;
    autofree char *text = folder_of_logs("kube-system", "web.1-pi", UID);
    struct folder folder;
    assert_string_equal(text, "kube-system_web.1-pi_" UID);
    assert_int_equal(folder_parse_logs(text, &folder), 0);
    assert_string_equal(folder.ns, "kube-system");
    assert_string_equal(folder.name, "web.1-pi");
    assert_string_equal(folder.uid, UID);
}

static void test_folder__strangers_among_the_logs(void **state)
{
    static const char *const strangers[] = {
        "",
        "agent.log",
        UID,
        "_" UID,
        "web_" UID,
        "_web_" UID,
        "default__" UID,
        "default_web_",
        "default_web_x_" UID,
        "default_web_" UID "0",
        "default_web_" UID ".old",
        "Default_web_" UID,
        "default_.._" UID,
        "default_we b_" UID,
        "default_a/b_" UID,
    };
    struct folder folder;
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(strangers); i++)
        if (folder_parse_logs(strangers[i], &folder) != -EINVAL)
            fail_msg("\"%s\" passes for ours", strangers[i]);
    char text[400];
    memset(text, 'a', sizeof(text));
    snprintf(text + 64, sizeof(text) - 64, "_web_" UID); /* a namespace of 64 letters */
    assert_int_equal(folder_parse_logs(text, &folder), -EINVAL);
    assert_int_equal(folder_parse_logs(text + 1, &folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folder__uid),
        cmocka_unit_test(test_folder__logs_there_and_back),
        cmocka_unit_test(test_folder__strangers_among_the_logs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
