#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/base/str.h"
#include "controller/broker/broker_conf.h"

#include <errno.h>

static void test_broker_conf__writes_what_was_asked_for(void **state)
{
    struct broker_conf conf = {.dir = "/var/lib/limpet/broker",
                               .user = "mosquitto",
                               .address = "192.0.2.1",
                               .tls_port = 8883,
                               .enroll_port = 8884};
    cleanup(buf_done) struct buf text;

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(broker_conf_write(&conf, &text, NULL), 0);
    assert_non_null(strstr(text.data, "\nlistener 8883 192.0.2.1\nuse_identity_as_username true\n"
                                      "cafile /var/lib/limpet/broker/ca.crt\n"));
    assert_non_null(strstr(text.data, "\nrequire_certificate true\n"));
    assert_non_null(strstr(text.data, "\nmount_point limpet/v1/enroll/\n"));
    assert_null(strstr(text.data, "limpet/v1/renew/"));
    assert_null(strstr(text.data, "crlfile"));
    assert_non_null(strstr(text.data, "\nuser mosquitto\n"));
    assert_non_null(strstr(text.data, "\nmax_queued_messages 1000000\n"));
    /* The last line: once it accepts, the others do. */
    assert_true(str_has_suffix(text.data, "\nlistener 0 /var/lib/limpet/broker/sock\n"));
    /* Every TCP listener takes the name from the proof. */
    size_t listeners = 0, identities = 0;
    for (const char *p = text.data; (p = strstr(p, "\nlistener ")); p++)
        listeners++;
    for (const char *p = text.data; (p = strstr(p, "use_identity_as_username true")); p++)
        identities++;
    assert_int_equal(identities, listeners - 1);
}

static void test_broker_conf__refuses_what_does_not_fit_a_line(void **state)
{
    static const struct broker_conf bad[] = {
        {.dir = "relative"},
        {.dir = "/a\nallow_anonymous true"},
        {.dir = "/a", .user = "x\ny"},
        {.dir = "/a", .address = "1.2.3.4 5"},
        {.dir = "/a", .address = "1.2.3.4\n"},
        {.dir = "/a", .tls_port = 65536},
        {.dir = "/a", .tls_port = -1},
        {.dir = "/a", .tls_port = 1, .enroll_port = 1},
        {.dir = NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup(buf_done) struct buf text;

        buf_init(&text, 0);
        assert_int_equal(broker_conf_write(&bad[i], &text, NULL), -EINVAL);
    }
}

static void test_broker_conf__denied_names_cannot_add_lines(void **state)
{
    const char *good[] = {"pi-01.0123abcd", "eve@example.com"}, *bad[] = {"x\ntopic readwrite #"};
    cleanup(buf_done) struct buf text;

    (void)state;
    buf_init(&text, 0);
    assert_int_equal(broker_acl_write(good, 2, &text, NULL), 0);
    assert_non_null(strstr(text.data, "\nuser pi-01.0123abcd\ntopic deny #\n"));
    assert_non_null(strstr(text.data, "\nuser eve@example.com\ntopic deny #\n"));
    assert_int_equal(broker_acl_write(bad, 1, &text, NULL), -EINVAL);
}

static void test_broker_conf__keys(void **state)
{
    static const uint8_t key[64] = {0xab, 0xcd};
    static const struct {
        struct broker_psk psk;
        int code;
    } cases[] = {
        {{"abc123", key, 16}, 0},       {{"pi-01.0123abcd", key, 64}, 0},
        {{"abc123", key, 15}, -EINVAL}, {{"abc123", key, 65}, -EINVAL},
        {{"ABC", key, 16}, -EINVAL},    {{"admin:x", key, 16}, -EINVAL},
        {{"a\nb", key, 16}, -EINVAL},   {{"", key, 16}, -EINVAL},
    };
    const struct broker_psk twice[] = {{"abc", key, 16}, {"abc", key, 16}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf text;

        buf_init(&text, 0);
        assert_int_equal(broker_psk_write(&cases[i].psk, 1, &text, NULL), cases[i].code);
        if (i == 0)
            assert_string_equal(text.data, "abc123:abcd0000000000000000000000000000\n");
    }
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    assert_int_equal(broker_psk_write(twice, 2, &text, NULL), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_broker_conf__writes_what_was_asked_for),
        cmocka_unit_test(test_broker_conf__refuses_what_does_not_fit_a_line),
        cmocka_unit_test(test_broker_conf__denied_names_cannot_add_lines),
        cmocka_unit_test(test_broker_conf__keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
