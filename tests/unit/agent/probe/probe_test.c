#include "agent/probe/probe.h"

#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define START (INT64_C(1000) * NS_PER_S)

static struct probe_rules rules_of(const char *json)
{
    cleanup(value_free) struct value *probe = NULL;
    assert_int_equal(json_parse(json, strlen(json), &probe, NULL), 0);
    return probe_rules_of(probe);
}

static void test_probe__rules(void **state)
{
    (void)state;
    struct probe_rules rules = rules_of("{}");
    assert_int_equal(rules.delay_ns, 0);
    assert_int_equal(rules.period_ns, 10 * NS_PER_S);
    assert_int_equal(rules.timeout_ns, 1 * NS_PER_S);
    assert_int_equal(rules.successes, 1);
    assert_int_equal(rules.failures, 3);
    assert_int_equal(rules.grace_s, -1);
    rules = rules_of("{\"initialDelaySeconds\": 5, \"periodSeconds\": 2, \"timeoutSeconds\": 3,"
                     " \"successThreshold\": 4, \"failureThreshold\": 6,"
                     " \"terminationGracePeriodSeconds\": 7}");
    assert_int_equal(rules.delay_ns, 5 * NS_PER_S);
    assert_int_equal(rules.period_ns, 2 * NS_PER_S);
    assert_int_equal(rules.timeout_ns, 3 * NS_PER_S);
    assert_int_equal(rules.successes, 4);
    assert_int_equal(rules.failures, 6);
    assert_int_equal(rules.grace_s, 7);
}

/* s success, w warning, f failure, e error; after each the result: u unknown, + good, - bad. */
static void test_probe__results(void **state)
{
    (void)state;
    static const struct {
        enum probe_kind kind;
        const char *rules, *outcomes, *results;
        bool rests;
    } cases[] = {
        {PROBE_READINESS, "{}", "", "-", false},
        {PROBE_LIVENESS, "{}", "", "+", false},
        {PROBE_STARTUP, "{}", "", "u", false},
        {PROBE_READINESS, "{}", "s", "-+", false},
        {PROBE_READINESS, "{}", "w", "-+", false},
        {PROBE_READINESS, "{}", "sffsff", "-++++++", false},
        {PROBE_READINESS, "{}", "sfff", "-+++-", false},
        {PROBE_READINESS, "{}", "sfffs", "-+++-+", false},
        {PROBE_READINESS, "{\"successThreshold\": 3}", "ssfsss", "------+", false},
        {PROBE_READINESS, "{\"failureThreshold\": 1}", "sfsf", "-+-+-", false},
        {PROBE_READINESS, "{}", "eee", "----", false},
        {PROBE_READINESS, "{}", "sfefef", "-+++++-", false}, /* an error does not break the row */
        {PROBE_LIVENESS, "{}", "ff", "+++", false},
        {PROBE_LIVENESS, "{}", "fff", "+++-", true},
        {PROBE_LIVENESS, "{}", "ffsff", "++++++", false},
        {PROBE_LIVENESS, "{\"failureThreshold\": 1}", "f", "+-", true},
        {PROBE_STARTUP, "{}", "s", "u+", true},
        {PROBE_STARTUP, "{}", "ffs", "uuu+", true},
        {PROBE_STARTUP, "{}", "fff", "uuu-", true},
        {PROBE_STARTUP, "{\"failureThreshold\": 30}", "ffff", "uuuuu", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct probe_rules rules = rules_of(cases[i].rules);
        struct probe probe;
        int64_t now = START;
        probe_begin(&probe, cases[i].kind, &rules, now, now, 0);
        for (size_t n = 0; cases[i].results[n]; n++) {
            static const char shown[] = "u+-";
            if (shown[probe.result] != cases[i].results[n])
                fail_msg("case %zu after %zu: %c", i, n, shown[probe.result]);
            if (!cases[i].outcomes[n])
                break;
            assert_int_equal(probe_next(&probe), now);
            probe_try(&probe, now);
            assert_int_equal(probe_next(&probe), INT64_MAX);
            enum probe_result before = probe.result;
            bool changed = probe_took(
                &probe, (enum probe_outcome)(strchr("swfe", cases[i].outcomes[n]) - "swfe"));
            assert_int_equal(changed, probe.result != before);
            now += rules.period_ns;
        }
        if ((probe_next(&probe) == INT64_MAX) != cases[i].rests)
            fail_msg("case %zu: at rest?", i);
    }
}

static void test_probe__times(void **state)
{
    (void)state;
    static const struct {
        const char *rules;
        int64_t seen_s, jitter_s, due_s; /* after the start */
    } cases[] = {
        {"{}", 0, 0, 0},
        {"{\"initialDelaySeconds\": 5}", 0, 0, 5},
        {"{\"initialDelaySeconds\": 5}", 2, 3, 5},   /* an agent that was restarted meanwhile */
        {"{\"initialDelaySeconds\": 5}", 60, 3, 63}, /* asks not all at once */
        {"{}", 60, 0, 60},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct probe_rules rules = rules_of(cases[i].rules);
        struct probe probe;
        probe_begin(&probe, PROBE_READINESS, &rules, START, START + cases[i].seen_s * NS_PER_S,
                    cases[i].jitter_s * NS_PER_S);
        if (probe_next(&probe) != START + cases[i].due_s * NS_PER_S)
            fail_msg("case %zu: due %lld s after the start", i,
                     (long long)((probe_next(&probe) - START) / NS_PER_S));
    }
}

static void test_probe__an_attempt_that_is_broken_off_does_not_count(void **state)
{
    (void)state;
    struct probe_rules rules = rules_of("{\"failureThreshold\": 1}");
    struct probe probe;
    probe_begin(&probe, PROBE_LIVENESS, &rules, START, START, 0);
    probe_try(&probe, START);
    probe_broken_off(&probe, START + 1);
    assert_int_equal(probe.result, PROBE_GOOD);
    assert_int_equal(probe_next(&probe), START + 1);
    probe_shift(&probe, 30 * NS_PER_S);
    assert_int_equal(probe_next(&probe), START + 1 + 30 * NS_PER_S);
    probe_try(&probe, START + 40 * NS_PER_S);
    (void)probe_took(&probe, PROBE_FAILURE);
    probe_shift(&probe, NS_PER_S);
    assert_int_equal(probe_next(&probe), INT64_MAX); /* at rest */
}

/* What passed before the agent was restarted. */
static void test_probe__recall(void **state)
{
    (void)state;
    struct probe_rules rules = rules_of("{\"failureThreshold\": 2}");
    struct probe probe;
    probe_begin(&probe, PROBE_READINESS, &rules, START, START, 0);
    probe_recall(&probe);
    assert_int_equal(probe.result, PROBE_GOOD);
    probe_try(&probe, probe_next(&probe));
    assert_false(probe_took(&probe, PROBE_FAILURE));
    probe_try(&probe, probe_next(&probe));
    assert_true(probe_took(&probe, PROBE_FAILURE));
    assert_int_equal(probe.result, PROBE_BAD);
    probe_begin(&probe, PROBE_STARTUP, &rules, START, START, 0);
    probe_recall(&probe);
    assert_int_equal(probe_next(&probe), INT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_probe__rules),
        cmocka_unit_test(test_probe__results),
        cmocka_unit_test(test_probe__times),
        cmocka_unit_test(test_probe__recall),
        cmocka_unit_test(test_probe__an_attempt_that_is_broken_off_does_not_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
