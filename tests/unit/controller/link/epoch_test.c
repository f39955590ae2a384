#include "controller/link/epoch.h"

#include "common/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_epoch__parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        uint64_t number;
        bool adopt;
    } cases[] = {
        {"{\"epoch\":1,\"adopt\":false}", 0, 1, false},
        {"{\"epoch\":9007199254740991,\"adopt\":true}", 0, 9007199254740991, true},
        {"{\"epoch\":9007199254740992,\"adopt\":true}", -EBADMSG, 0, false},
        {"{\"epoch\":0,\"adopt\":true}", -EBADMSG, 0, false},
        {"{\"epoch\":-1,\"adopt\":true}", -EBADMSG, 0, false},
        {"{\"epoch\":2}", -EBADMSG, 0, false},
        {"{\"adopt\":true}", -EBADMSG, 0, false},
        {"{\"epoch\":\"2\",\"adopt\":true}", -EBADMSG, 0, false},
        {"[]", -EBADMSG, 0, false},
        {"", -EBADMSG, 0, false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct epoch epoch = {0};
        struct err err = {0};
        if (epoch_parse(cases[i].text, strlen(cases[i].text), &epoch, &err) != cases[i].code)
            fail_msg("%s", cases[i].text);
        assert_int_equal(epoch.number, cases[i].number);
        assert_int_equal(epoch.adopt, cases[i].adopt);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        epoch_write(&epoch, &text);
        if (cases[i].code == 0)
            assert_string_equal(buf_str(&text), cases[i].text);
    }
}

/* Later than the last in any case, and than another restore of the same backup where the clock is
 * right. */
static void test_epoch__after(void **state)
{
    (void)state;
    static const struct {
        uint64_t last;
        int64_t wall_s;
        uint64_t next;
    } cases[] = {
        {1, 1790000000, 1790000000},
        {1790000000, 1790000001, 1790000001},
        {1790000000, 1790000000, 1790000001}, /* twice within a second */
        {1790000000, 5, 1790000001},          /* no battery: 1970 */
        {1, 0, 2},
        {1, -5, 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct epoch last = {cases[i].last, false};
        const struct epoch next = epoch_after(&last, cases[i].wall_s * NS_PER_S);
        assert_int_equal(next.number, cases[i].next);
        assert_true(next.adopt);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_epoch__parse),
        cmocka_unit_test(test_epoch__after),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
