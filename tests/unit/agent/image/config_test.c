#include "agent/image/manifest.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ROOTFS "\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[\"sha256:" HEX "\"]}"

static int parse(const char *text, struct image_config **ret, struct err *err)
{
    return image_config_parse(text, strlen(text), 1, ret, err);
}

static void test_config__whole(void **state)
{
    (void)state;
    cleanup(image_config_free) struct image_config *c = NULL;
    assert_int_equal(parse("{\"os\":\"linux\",\"architecture\":\"arm\",\"variant\":\"v7\"," ROOTFS
                           ",\"config\":{\"User\":\"app:7\",\"WorkingDir\":\"/srv\",\"Env\":["
                           "\"A=b\",\"C=\"],\"Entrypoint\":[\"/x\"],\"Cmd\":null,"
                           "\"Volumes\":{\"/data\":{}},\"StopSignal\":\"SIGINT\"}}",
                           &c, NULL),
                     0);
    assert_string_equal(c->platform.variant, "v7");
    assert_string_equal(c->user, "app:7");
    assert_string_equal(c->workdir, "/srv");
    assert_string_equal(c->env[1], "C=");
    assert_null(c->env[2]);
    assert_string_equal(c->entrypoint[0], "/x");
    assert_null(c->cmd[0]);
    assert_string_equal(c->volumes[0], "/data");
    assert_int_equal(c->stop_signal, 2);
    assert_int_equal(c->diff_id_count, 1);
    assert_string_equal(c->diff_ids[0], "sha256:" HEX);
}

static void test_config__empty(void **state)
{
    (void)state;
    cleanup(image_config_free) struct image_config *c = NULL;
    assert_int_equal(parse("{" ROOTFS "}", &c, NULL), 0);
    assert_string_equal(c->user, "");
    assert_string_equal(c->workdir, "");
    assert_null(c->env[0]);
    assert_null(c->volumes[0]);
    assert_int_equal(c->stop_signal, 0);
}

static void test_config__signals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int want; /* -1: refused */
    } cases[] = {{"SIGTERM", 15},     {"TERM", 15}, {"9", 9},   {"SIGRTMIN+3", 37}, {"", 0},
                 {"SIGNONSENSE", -1}, {"0", -1},    {"65", -1}, {"SIGRTMIN+99", -1}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(image_config_free) struct image_config *c = NULL;
        cleanup(buf_done) struct buf text = {0};
        (void)buf_addf(&text, "{" ROOTFS ",\"config\":{\"StopSignal\":\"%s\"}}", cases[i].text);
        struct err err = {0};
        int rc = parse(text.data, &c, &err);
        assert_int_equal(rc, cases[i].want < 0 ? -EINVAL : 0);
        if (rc == 0)
            assert_int_equal(c->stop_signal, cases[i].want);
    }
}

static void test_config__refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "[]",
        "{}",
        "{\"rootfs\":{\"diff_ids\":[]}}",
        "{\"rootfs\":{\"diff_ids\":[\"sha256:x\"]}}",
        "{\"rootfs\":{\"diff_ids\":[\"sha256:" HEX "\",\"sha256:" HEX "\"]}}",
        "{" ROOTFS ",\"config\":{\"Env\":[1]}}",
        "{" ROOTFS ",\"config\":{\"Cmd\":\"/bin/sh\"}}",
        "{" ROOTFS ",\"config\":{\"Volumes\":{\"/a/../../etc\":{}}}}",
        "{" ROOTFS ",\"config\":{\"Volumes\":{\"etc\":{}}}}",
        "{" ROOTFS ",\"config\":{\"Volumes\":{\"\":{}}}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct image_config *c = NULL;
        struct err err = {0};
        assert_int_equal(parse(cases[i], &c, &err), -EINVAL);
        assert_null(c);
        assert_true(str_has_prefix(err.msg, "config"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config__whole),
        cmocka_unit_test(test_config__empty),
        cmocka_unit_test(test_config__signals),
        cmocka_unit_test(test_config__refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
