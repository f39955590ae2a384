#include "agent/pod/mount.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    autofree char *whole = xasprintf("{\"mountPath\":\"/t\"%s%s}", *text ? "," : "", text);
    if (json_parse(whole, strlen(whole), &value, &err) < 0)
        fail_msg("%s", err.msg);
    return value;
}

static const struct {
    const char *item;
    bool files, privileged;
    int rc;
    const char *sub_path; /* or the message */
    bool read_only, make;
    int below, propagation;
} cases[] = {
    {"", .make = true},
    {"", .files = true, .read_only = true},
    {"\"readOnly\":true", .read_only = true, .make = true},
    {"\"subPath\":\"a/b\"", .sub_path = "a/b", .make = true},
    {"\"subPath\":\"a/..b\"", .sub_path = "a/..b", .make = true},
    {"\"subPath\":\"a/../b\"", .rc = -EINVAL,
     .sub_path = "unable to provision SubPath `a/../b`: must not contain '..'"},
    {"\"subPath\":\"/a\"", .rc = -EINVAL,
     .sub_path = "error SubPath `/a` must not be an absolute path"},
    {"\"subPathExpr\":\"logs/$(POD)/$$(POD)\"", .sub_path = "logs/web/$(POD)", .make = true},
    {"\"subPathExpr\":\"$(NONE)/x\"", .rc = -EINVAL, .sub_path = "missing value for \"NONE\""},
    {"\"subPathExpr\":\"$(UP)/x\"", .rc = -EINVAL,
     .sub_path = "unable to provision SubPath `../x`: must not contain '..'"},
    {"\"subPathExpr\":\"$(ROOT)\"", .rc = -EINVAL,
     .sub_path = "error SubPath `/etc` must not be an absolute path"},
    {"\"subPathExpr\":\"$(EMPTY)\"", .make = true},
    {"\"mountPropagation\":\"None\"", .make = true},
    {"\"mountPropagation\":\"HostToContainer\"", .make = true,
     .propagation = LAUNCH_PROPAGATION_SLAVE},
    {"\"mountPropagation\":\"Bidirectional\"", .privileged = true, .make = true,
     .propagation = LAUNCH_PROPAGATION_SHARED},
    {"\"mountPropagation\":\"Bidirectional\"", .rc = -EINVAL,
     .sub_path = "Bidirectional mount propagation is available only to privileged containers"},
    {"\"readOnly\":true,\"recursiveReadOnly\":\"Disabled\"", .read_only = true, .make = true},
    {"\"readOnly\":true,\"recursiveReadOnly\":\"IfPossible\"", .read_only = true, .make = true,
     .below = LAUNCH_READ_ONLY_IF_POSSIBLE},
    {"\"readOnly\":true,\"recursiveReadOnly\":\"Enabled\"", .read_only = true, .make = true,
     .below = LAUNCH_READ_ONLY_BELOW},
};

static void test_mount__table(void **state)
{
    (void)state;
    char *env_items[] = {"POD=web", "UP=..", "ROOT=/etc", "EMPTY=", NULL};
    const struct strings env = {
        .items = env_items, .count = ARRAY_LEN(env_items) - 1, .named = ARRAY_LEN(env_items) - 1};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct volume volume = {.host_path = "/host", .read_only = cases[i].files};
        cleanup(value_free) struct value *item = parse(cases[i].item);
        cleanup(strings_done) struct strings texts = {0};
        struct launch_mount mount = {0};
        struct err err = {0};
        int rc = mount_compile(item, &volume, &env, cases[i].privileged, &texts, &mount, &err);
        if (rc != cases[i].rc || !str_eq(rc < 0 ? err.msg : mount.sub_path, cases[i].sub_path))
            fail_msg("%s: %d, %s", cases[i].item, rc, rc < 0 ? err.msg : mount.sub_path);
        if (rc < 0)
            continue;
        assert_string_equal(mount.source, "/host");
        assert_string_equal(mount.target, "/t");
        assert_true(mount.recursive);
        assert_int_equal(mount.read_only, cases[i].read_only);
        assert_int_equal(mount.make_sub_path, cases[i].make);
        assert_int_equal(mount.read_only_below, cases[i].below);
        assert_int_equal(mount.propagation, cases[i].propagation);
    }
}

static void test_mount__status(void **state)
{
    (void)state;
    const char text[] =
        "\"volumeMounts\":[{\"name\":\"a\",\"mountPath\":\"/a\"},"
        "{\"name\":\"b\",\"mountPath\":\"/b\",\"readOnly\":true},"
        "{\"name\":\"c\",\"mountPath\":\"/c\",\"readOnly\":true,\"recursiveReadOnly\":\"Enabled\"}]";
    cleanup(value_free) struct value *container = parse(text);
    cleanup(value_free) struct value *status = mount_status(container);
    cleanup(buf_done) struct buf out;
    buf_init(&out, 0);
    assert_int_equal(json_write(status, &out), 0);
    assert_string_equal(
        buf_str(&out),
        "[{\"name\":\"a\",\"mountPath\":\"/a\"},"
        "{\"name\":\"b\",\"mountPath\":\"/b\",\"readOnly\":true,\"recursiveReadOnly\":\"Disabled\"},"
        "{\"name\":\"c\",\"mountPath\":\"/c\",\"readOnly\":true,\"recursiveReadOnly\":\"Enabled\"}]");
    assert_null(mount_status(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mount__table),
        cmocka_unit_test(test_mount__status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
