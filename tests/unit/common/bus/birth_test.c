#include "common/bus/birth.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODE "pi-01.0123abcd"

static void test_birth__there_and_back(void **state)
{
    (void)state;
    struct birth birth = {.node = NODE, .boot = "b-1", .nonce = "n1", .online = true, .beat_s = 10};
    strcpy(birth.pod_cidr, "10.88.7.0/24");
    birth.status = value_new_map();
    value_set_str(birth.status, "x", "y");
    birth.volumes_gone = value_new_list();
    value_append(birth.volumes_gone, value_new_str("pvc-1"));
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_int_equal(birth_write(&birth, &payload), 0);
    cleanup(birth_done) struct birth back = {0};
    struct err err = {0};
    assert_int_equal(birth_read(payload.data, payload.len, NODE, &back, &err), 0);
    assert_string_equal(back.boot, "b-1");
    assert_string_equal(back.nonce, "n1");
    assert_true(back.online);
    assert_int_equal(back.beat_s, 10);
    assert_string_equal(value_get_str(back.status, "x"), "y");
    assert_null(back.labels);
    assert_string_equal(back.pod_cidr, "10.88.7.0/24");
    assert_int_equal(value_len(back.volumes_gone), 1);
    assert_string_equal(value_str(value_at(back.volumes_gone, 0)), "pvc-1");
    birth_done(&birth);
}

/* It is no reason to leave a node out. */
static void test_birth__pod_cidr_that_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\"\"",
        "\"10.0.0.0\"",
        "\"10.0.0.0/33\"",
        "7",
        "[\"10.0.0.0/8\"]",
        "\"10.0.0.0/000000000000000000000000000000000000000000000000000000000000000000000008\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup(birth_done) struct birth back = {0};
        autofree char *text = xasprintf("{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\","
                                        "\"nonce\":\"n\",\"podCIDR\":%s}",
                                        bad[i]);
        assert_int_equal(birth_read(text, strlen(text), NODE, &back, NULL), 0);
        assert_string_equal(back.pod_cidr, "");
    }
}

static void test_birth__refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"", -EBADMSG},
        {"{", -EBADMSG},
        {"[]", -ENOTSUP},
        {"{\"v\":2}", -ENOTSUP},
        {"{\"v\":1}", -EBADMSG},
        {"{\"v\":1,\"node\":\"other.0123abcd\",\"boot\":\"b\",\"nonce\":\"n\"}", -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b/../x\",\"nonce\":\"n\"}", -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"\",\"nonce\":\"n\"}", -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\",\"nonce\":\"0123456789012345678901234567890"
         "123\"}",
         -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\",\"nonce\":\"n\",\"online\":true}",
         -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\",\"nonce\":\"n\",\"online\":true,\"beat\":"
         "3601,\"status\":{}}",
         -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\",\"nonce\":\"n\",\"volumesGone\":{}}",
         -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\",\"nonce\":\"n\",\"volumesGone\":[1]}",
         -EBADMSG},
        {"{\"v\":1,\"node\":\"" NODE
         "\",\"boot\":\"b\",\"nonce\":\"n\",\"volumesGone\":[\"../x\"]}",
         -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct birth birth = {0};
        struct err err = {0};
        int rc = birth_read(bad[i].text, strlen(bad[i].text), NODE, &birth, &err);
        if (rc != bad[i].code)
            fail_msg("%zu: %d", i, rc);
        assert_true(err.msg[0] != '\0');
    }
    autofree char *huge = xcalloc(1, BIRTH_MAX + 1);
    struct birth birth = {0};
    struct err err = {0};
    assert_int_equal(birth_read(huge, BIRTH_MAX + 1, NODE, &birth, &err), -EBADMSG);
}

static void test_birth__names_so_many_volumes(void **state)
{
    (void)state;
    for (int count = BIRTH_VOLUMES_MAX; count <= BIRTH_VOLUMES_MAX + 1; count++) {
        struct birth birth = {.node = NODE, .boot = "b", .nonce = "n"};
        birth.volumes_gone = value_new_list();
        for (int i = 0; i < count; i++)
            value_append(birth.volumes_gone, value_new_str("v"));
        cleanup(buf_done) struct buf payload;
        buf_init(&payload, 0);
        assert_int_equal(birth_write(&birth, &payload), 0);
        cleanup(birth_done) struct birth back = {0};
        struct err err = {0};
        assert_int_equal(birth_read(payload.data, payload.len, NODE, &back, &err),
                         count > BIRTH_VOLUMES_MAX ? -EBADMSG : 0);
        birth_done(&birth);
    }
}

static void test_birth__will_needs_no_beat(void **state)
{
    (void)state;
    const char *text =
        "{\"v\":1,\"node\":\"" NODE "\",\"boot\":\"b\",\"nonce\":\"n\",\"online\":false}";
    cleanup(birth_done) struct birth birth = {0};
    struct err err = {0};
    assert_int_equal(birth_read(text, strlen(text), NODE, &birth, &err), 0);
    assert_false(birth.online);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_birth__there_and_back),
        cmocka_unit_test(test_birth__pod_cidr_that_is_none),
        cmocka_unit_test(test_birth__refused),
        cmocka_unit_test(test_birth__names_so_many_volumes),
        cmocka_unit_test(test_birth__will_needs_no_beat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
