#include "controller/link/tally.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define S NS_PER_S

static bool tell(struct tally *tally, const char *boot, const char *uid, uint64_t seq, bool gone)
{
    cleanup(value_free) struct value *pod = value_new_map();
    value_set_str(value_set(pod, "metadata", value_new_map()), "uid", uid);
    struct report report = {.seq = seq, .gone = gone, .pod = pod};
    snprintf(report.boot, sizeof(report.boot), "%s", boot);
    return tally_report(tally, &report);
}

static void begin(struct tally *tally, const char *boot, const char *nonce)
{
    struct birth birth = {.online = true};
    snprintf(birth.boot, sizeof(birth.boot), "%s", boot);
    snprintf(birth.nonce, sizeof(birth.nonce), "%s", nonce);
    tally_begin(tally, &birth);
}

static void test_tally__only_news_count(void **state)
{
    (void)state;
    struct tally *tally = tally_new();
    begin(tally, "b1", "n1");
    assert_true(tell(tally, "b1", "u", 5, false));
    assert_false(tell(tally, "b1", "u", 5, false)); /* doubled */
    assert_false(tell(tally, "b1", "u", 4, false)); /* overtaken */
    assert_true(tell(tally, "b1", "v", 4, false));  /* another pod */
    assert_true(tell(tally, "b1", "u", 6, true));
    assert_false(tell(tally, "b0", "u", 99, false)); /* an earlier boot */
    begin(tally, "b2", "n2");
    assert_false(tell(tally, "b1", "u", 100, false));
    assert_true(tell(tally, "b2", "u", 1, false)); /* a boot counts from anew */
    tally_free(tally);
    tally_free(NULL);
}

/* A gateway that was restarted hears retained reports in any order around the birth. */
static void test_tally__reports_before_the_birth(void **state)
{
    (void)state;
    struct tally *tally = tally_new();
    assert_true(tell(tally, "b2", "u", 7, false));
    assert_true(tell(tally, "b1", "old", 7, false));
    begin(tally, "b2", "n");
    assert_false(tell(tally, "b2", "u", 7, false));
    uint8_t hash[8] = {0};
    report_hash_add(hash, "u", 7, false);
    for (int i = 0; i < 5; i++)
        assert_int_equal(tally_beat(tally, hash, i * 10 * S), TALLY_AGREES);
    tally_free(tally);
}

static void test_tally__difference_is_asked_about(void **state)
{
    (void)state;
    struct tally *tally = tally_new();
    uint8_t hash[8] = {0};
    report_hash_add(hash, "u", 2, false);
    begin(tally, "b", "n");
    (void)tell(tally, "b", "u", 1, false);
    assert_int_equal(tally_beat(tally, hash, 10 * S), TALLY_AGREES); /* it may be on its way */
    assert_int_equal(tally_beat(tally, hash, 20 * S), TALLY_REREAD);
    assert_int_equal(tally_beat(tally, hash, 30 * S), TALLY_AGREES); /* not so soon again */
    assert_int_equal(tally_beat(tally, hash, 40 * S), TALLY_RESYNC);
    int asked = 0;
    for (int64_t now = 50; now < 24 * 3600; now += 10)
        asked += tally_beat(tally, hash, now * S) != TALLY_AGREES;
    assert_in_range(asked, 20, 40); /* ever more rarely */
    assert_true(tell(tally, "b", "u", 2, false));
    assert_int_equal(tally_beat(tally, hash, 100000 * S), TALLY_AGREES);
    (void)tell(tally, "b", "u", 3, true); /* gone: not in the hash */
    const uint8_t none[8] = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(tally_beat(tally, none, (100010 + i * 10) * S), TALLY_AGREES);
    tally_free(tally);
}

/* Another life of the agent says everything anew: what the last one said does not count. */
static void test_tally__agent_restarted(void **state)
{
    (void)state;
    struct tally *tally = tally_new();
    const uint8_t none[8] = {0};
    begin(tally, "b", "n1");
    (void)tell(tally, "b", "u", 1, false);
    begin(tally, "b", "n1"); /* a new connection of the same life */
    assert_false(tell(tally, "b", "u", 1, false));
    begin(tally, "b", "n2");
    for (int i = 0; i < 3; i++)
        assert_int_equal(tally_beat(tally, none, i * 10 * S), TALLY_AGREES);
    tally_free(tally);
}

/* What agrees long enough is all there is; said once of each life, and not while things change. */
static void test_tally__settled(void **state)
{
    (void)state;
    struct tally *tally = tally_new();
    uint8_t one[8] = {0}, two[8] = {0};
    report_hash_add(one, "u", 1, false);
    report_hash_add(two, "u", 2, false);
    static const struct {
        int at;
        bool other;
        enum tally_verdict verdict;
    } beats[] = {{100, false, TALLY_AGREES}, {150, false, TALLY_AGREES},
                 {155, true, TALLY_AGREES},  {170, false, TALLY_AGREES},
                 {229, false, TALLY_AGREES}, {230, false, TALLY_SETTLED},
                 {240, false, TALLY_AGREES}, {500, false, TALLY_AGREES}};
    for (int life = 0; life < 2; life++) {
        begin(tally, "b", life ? "n2" : "n1");
        (void)tell(tally, "b", "u", 1, false);
        for (size_t i = 0; i < sizeof(beats) / sizeof(beats[0]); i++)
            assert_int_equal(tally_beat(tally, beats[i].other ? two : one, beats[i].at * S),
                             beats[i].verdict);
    }
    tally_free(tally);
}

/* Whatever a node says: what is remembered of it is bounded. What is over is forgotten first, and
 * what is known is heard in any case. */
static void test_tally__bounded(void **state)
{
    (void)state;
    struct tally *tally = tally_new();
    char uid[16];
    begin(tally, "b", "n");
    assert_true(tell(tally, "b", "first", 1, false));
    for (int i = 0; i < 3 * TALLY_MAX; i++) {
        snprintf(uid, sizeof(uid), "job-%d", i);
        assert_true(tell(tally, "b", uid, 1, true));
    }
    assert_true(tell(tally, "b", "first", 2, false));
    assert_false(tell(tally, "b", "first", 2, false));
    int heard = 0;
    for (int i = 0; i < 2 * TALLY_MAX; i++) {
        snprintf(uid, sizeof(uid), "pod-%d", i);
        heard += tell(tally, "b", uid, 1, false);
    }
    assert_int_equal(heard, TALLY_MAX - 1);
    assert_true(tell(tally, "b", "first", 3, true));
    assert_true(tell(tally, "b", "next", 1, false)); /* in its place */
    tally_free(tally);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally__only_news_count),
        cmocka_unit_test(test_tally__reports_before_the_birth),
        cmocka_unit_test(test_tally__difference_is_asked_about),
        cmocka_unit_test(test_tally__agent_restarted),
        cmocka_unit_test(test_tally__settled),
        cmocka_unit_test(test_tally__bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
