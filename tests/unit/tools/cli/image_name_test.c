#include "tools/cli/image_name.h"

#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static void test_image_name__given(void **state)
{
    static const struct {
        const char *text, *repository, *tag; /* repository NULL: refused */
    } cases[] = {
        {"app", "app", ""},
        {"app:1", "app", "1"},
        {"team/app:1.2-x", "team/app", "1.2-x"},
        {"app@sha256:12ab", "app", "sha256:12ab"},
        {IMAGE_HERE "/team/app:1", "team/app", "1"},
        {"gw.example:6443/team/app:1", "team/app", "1"},
        {"docker.io/app:1", NULL, NULL},
        {"localhost/app:1", NULL, NULL},
        {"gw.example/app:1", NULL, NULL},
        {"", NULL, NULL},
        {":1", NULL, NULL},
        {"app:", NULL, NULL},
        {"App", NULL, NULL},
        {"a b", NULL, NULL},
        {"app:1?x=y", NULL, NULL},
        {"app#x", NULL, NULL},
        {"../../api:1%2f", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_name name;
        struct err err = {0};
        print_message("%s\n", cases[i].text);
        int r = image_name_parse(cases[i].text, "https://gw.example:6443", &name, &err);
        assert_int_equal(r, cases[i].repository ? 0 : -EINVAL);
        if (r)
            continue;
        assert_string_equal(name.repository, cases[i].repository);
        assert_string_equal(name.tag, cases[i].tag);
    }
}

static void test_image_name__of_an_archive(void **state)
{
    static const struct {
        const char *text, *repository, *tag;
    } cases[] = {
        {"busybox:1", "busybox", "1"},          {"docker.io/library/busybox:1", "busybox", "1"},
        {"docker.io/team/app", "team/app", ""}, {"reg.local:5000/team/app:2", "team/app", "2"},
        {"localhost/app:2", "app", "2"},        {"team/app:2", "team/app", "2"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_name name;
        struct err err = {0};
        assert_int_equal(image_name_of_archive(cases[i].text, &name, &err), 0);
        assert_string_equal(name.repository, cases[i].repository);
        assert_string_equal(name.tag, cases[i].tag);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_name__given),
        cmocka_unit_test(test_image_name__of_an_archive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
