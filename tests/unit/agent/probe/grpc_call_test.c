#include "agent/probe/grpc_call.h"

#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

/* Frames in hexadecimal: length, type, flags, stream, payload. */
#define SETTINGS "000000 04 00 00000000 "
#define SETTINGS_6 "000006 04 00 00000000 000300000064 "
#define SETTINGS_ACK "000000 04 01 00000000 "
#define PING "000008 06 00 00000000 0102030405060708 "
#define WINDOW "000004 08 00 00000000 00010000 "
#define HEAD "000001 01 04 00000001 88 "
#define SERVING "000007 00 00 00000001 0000000002 0801 "
#define NOT_SERVING "000007 00 00 00000001 0000000002 0802 "
#define NO_MESSAGE_FIELDS "000005 00 00 00000001 0000000000 "
/* literal, "grpc-status" plain, "0"; then in Huffman's code */
#define STATUS_0 "00000f 01 05 00000001 00 0b 677270632d737461747573 01 30 "
#define STATUS_0_HUFFMAN "00000c 01 05 00000001 40 88 9acac8b21234da8f 01 30 "
#define STATUS_12 "000010 01 05 00000001 00 0b 677270632d737461747573 02 3132 "
#define STATUS_12_HUFFMAN "00000d 01 05 00000001 40 88 9acac8b21234da8f 82 08bf "
#define STATUS_5_HUFFMAN "00000c 01 05 00000001 40 88 9acac8b21234da8f 81 6f "

static size_t bytes_of(const char *hex, uint8_t *ret)
{
    char digits[4096];
    size_t len = 0;
    for (const char *c = hex; *c; c++)
        if (*c != ' ')
            digits[len++] = *c;
    assert_int_equal(hex_decode(digits, len, ret, len / 2), 0);
    return len / 2;
}

static void test_grpc_call__answers(void **state)
{
    (void)state;
    static const struct {
        const char *name, *hex;
        int code;
        uint64_t serving;
        const char *problem;
    } cases[] = {
        {"serving", SETTINGS SETTINGS_ACK HEAD SERVING STATUS_0, 0, 1, NULL},
        {"as grpc-go writes it", SETTINGS_6 SETTINGS_ACK WINDOW PING HEAD SERVING STATUS_0_HUFFMAN,
         0, 1, NULL},
        {"not serving", SETTINGS HEAD NOT_SERVING STATUS_0, 0, 2, NULL},
        {"unknown: the field is left out", SETTINGS HEAD NO_MESSAGE_FIELDS STATUS_0, 0, 0, NULL},
        {"it has no such service, trailers only", SETTINGS STATUS_12, 12, 0, NULL},
        {"it has no such service, coded", SETTINGS STATUS_12_HUFFMAN, 12, 0, NULL},
        {"not found, coded", SETTINGS STATUS_5_HUFFMAN, 5, 0, NULL},
        {"padded, with a priority",
         SETTINGS "000009 01 2c 00000001 02 0000000010 88 0000 "
                  "00000a 00 08 00000001 02 0000000002 0801 0000 " STATUS_0,
         0, 1, NULL},
        {"a header in two parts",
         SETTINGS HEAD SERVING "000005 01 01 00000001 000b677270 "
                               "00000a 09 04 00000001 632d737461747573 0130 ",
         0, 1, NULL},
        {"frames of no known type", SETTINGS "000003 7f ff 00000001 010203 " HEAD SERVING STATUS_0,
         0, 1, NULL},
        {"a table that is resized", SETTINGS "000002 01 04 00000001 20 88 " SERVING STATUS_0, 0, 1,
         NULL},
        {"http/1", "485454502f312e31203430302042616420526571756573740d0a0d0a", -1, 0,
         "error reading server preface: it speaks no HTTP/2"},
        {"no settings first", HEAD, -1, 0, "error reading server preface: it speaks no HTTP/2"},
        {"nothing", "", -1, 0, "error reading server preface: EOF"},
        {"settings alone", SETTINGS, -1, 0, "error reading from server: EOF"},
        {"half a frame", SETTINGS "000007 00 00 0000", -1, 0, "error reading from server: EOF"},
        {"no status", SETTINGS HEAD "000007 00 01 00000001 0000000002 0801 ", -1, 1,
         "its answer has no grpc-status"},
        {"reset", SETTINGS "000004 03 00 00000001 00000008 ", -1, 0,
         "stream terminated by RST_STREAM"},
        {"away", SETTINGS "000008 07 00 00000000 00000000 00000000 ", -1, 0,
         "the connection is being drained (GOAWAY)"},
        {"away after this one",
         SETTINGS "000008 07 00 00000000 7fffffff 00000000 " HEAD SERVING STATUS_0, 0, 1, NULL},
        {"a push", SETTINGS "000004 05 04 00000001 00000002 ", -1, 0,
         "it pushes what nobody asked for"},
        {"too long", SETTINGS "004001 00 00 00000001 ", -1, 0, "a frame of its answer is too long"},
        {"damaged settings", "000005 04 00 00000000 0000000000 ", -1, 0,
         "its settings are damaged"},
        {"damaged ping", SETTINGS "000001 06 00 00000000 00 ", -1, 0, "a ping of it is damaged"},
        {"padding beyond", SETTINGS "000002 00 08 00000001 0500 ", -1, 0,
         "a frame of its answer is damaged"},
        {"a header cut off", SETTINGS "000003 01 05 00000001 000b67 ", -1, 0,
         "the header of its answer is damaged"},
        {"a number without end", SETTINGS "000006 01 05 00000001 0fffffffffff ", -1, 0,
         "the header of its answer is damaged"},
        {"another frame within a header", SETTINGS "000001 01 00 00000001 88 " SERVING, -1, 0,
         "a frame of its answer is damaged"},
        {"a message that is shorter",
         SETTINGS HEAD "000007 00 00 00000001 0000000009 0801 " STATUS_0, 0, 0,
         "its answer is no message"},
        {"compressed", SETTINGS HEAD "000007 00 00 00000001 0100000002 0801 " STATUS_0, 0, 0,
         "its answer is no message"},
        {"another stream", SETTINGS "000001 01 04 00000003 88 ", -1, 0,
         "a frame of its answer is damaged"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t by = 1; by < 4096; by += 4094) {
            struct grpc_call call;
            uint8_t bytes[2048];
            size_t len = bytes_of(cases[i].hex, bytes);
            grpc_call_init(&call);
            for (size_t at = 0; at < len; at += by)
                grpc_call_take(&call, bytes + at, len - at < by ? len - at : by);
            grpc_call_end(&call);
            if (cases[i].problem && !str_eq(call.problem, cases[i].problem))
                fail_msg("%s: %s", cases[i].name, call.problem ? call.problem : "no problem");
            if (!cases[i].problem && (call.state != GRPC_DONE || call.code != cases[i].code ||
                                      (call.code == 0 && call.serving != cases[i].serving)))
                fail_msg("%s: state %d code %d serving %d: %s", cases[i].name, (int)call.state,
                         call.code, (int)call.serving, call.problem ? call.problem : "");
            grpc_call_done(&call);
        }
}

/* Settings and pings are answered. */
static void test_grpc_call__replies(void **state)
{
    (void)state;
    struct grpc_call call;
    uint8_t bytes[256], expected[256];
    size_t len = bytes_of(SETTINGS PING, bytes);
    size_t want = bytes_of(SETTINGS_ACK "000008 06 01 00000000 0102030405060708", expected);
    grpc_call_init(&call);
    grpc_call_take(&call, bytes, len);
    assert_int_equal(call.reply.len, want);
    assert_memory_equal(call.reply.data, expected, want);
    grpc_call_done(&call);
}

static void test_grpc_call__is_bounded(void **state)
{
    (void)state;
    static const char *const endless[] = {PING,
                                          SETTINGS,
                                          WINDOW,
                                          "000000 01 00 00000001 ",
                                          "000000 00 00 00000001 ",
                                          "000004 00 00 00000001 01020304 "};
    for (size_t i = 0; i < ARRAY_LEN(endless); i++) {
        struct grpc_call call;
        uint8_t bytes[256];
        size_t len = bytes_of(SETTINGS, bytes), sent = 0;
        grpc_call_init(&call);
        grpc_call_take(&call, bytes, len);
        len = bytes_of(endless[i], bytes);
        for (; !grpc_call_is_over(&call) && sent < 2 * GRPC_TOTAL_MAX; sent += len)
            grpc_call_take(&call, bytes, len);
        assert_int_equal(call.state, GRPC_BAD);
        assert_true(sent <= GRPC_TOTAL_MAX);
        assert_true(call.reply.len <= GRPC_TOTAL_MAX);
        grpc_call_done(&call);
    }
}

static void test_grpc_call__asks(void **state)
{
    (void)state;
    static const char start[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    cleanup(buf_done) struct buf ask, again;
    buf_init(&ask, 0);
    buf_init(&again, 0);
    assert_int_equal(grpc_call_ask("10.0.0.1:9000", "", &ask), 0);
    assert_memory_equal(ask.data, start, strlen(start));
    const uint8_t empty[] = {0, 0, 5, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0};
    assert_memory_equal(ask.data + ask.len - sizeof(empty), empty, sizeof(empty));
    assert_int_equal(grpc_call_ask("10.0.0.1:9000", "db", &again), 0);
    const uint8_t named[] = {0, 0, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 4, 0x0a, 2, 'd', 'b'};
    assert_memory_equal(again.data + again.len - sizeof(named), named, sizeof(named));
    autofree char *longest = calloc(1, GRPC_SERVICE_MAX + 2);
    memset(longest, 'a', GRPC_SERVICE_MAX + 1);
    assert_int_equal(grpc_call_ask("10.0.0.1:9000", longest, &ask), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grpc_call__answers),
        cmocka_unit_test(test_grpc_call__replies),
        cmocka_unit_test(test_grpc_call__is_bounded),
        cmocka_unit_test(test_grpc_call__asks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
