#include "controller/sched/affinity.h"

#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TERMS(...) "{'nodeSelectorTerms':[" __VA_ARGS__ "]}"
#define LABELS(...) "{'matchExpressions':[" __VA_ARGS__ "]}"
#define FIELDS(...) "{'matchFields':[" __VA_ARGS__ "]}"
#define HAS(key, op, values) "{'key':'" key "','operator':'" op "','values':[" values "]}"

static void test_affinity__cases(void **state)
{
    (void)state;
    static struct sched_label labels[] = {{"arch", "arm64"}, {"ram", "4"}, {"zone", "a"}};
    static const struct sched_node node = {.name = "pi", .labels = {labels, 3}};
    static const struct {
        const char *selector;
        bool matches;
    } cases[] = {
        {TERMS(LABELS(HAS("arch", "In", "'arm64','amd64'"))), true},
        {TERMS(LABELS(HAS("arch", "In", "'amd64'"))), false},
        {TERMS(LABELS(HAS("none", "In", "'amd64'"))), false},
        {TERMS(LABELS(HAS("arch", "NotIn", "'amd64'"))), true},
        {TERMS(LABELS(HAS("arch", "NotIn", "'arm64'"))), false},
        {TERMS(LABELS(HAS("none", "NotIn", "'x'"))), true},
        {TERMS(LABELS(HAS("zone", "Exists", ""))), true},
        {TERMS(LABELS(HAS("none", "Exists", ""))), false},
        {TERMS(LABELS(HAS("none", "DoesNotExist", ""))), true},
        {TERMS(LABELS(HAS("zone", "DoesNotExist", ""))), false},
        {TERMS(LABELS(HAS("ram", "Gt", "'3'"))), true},
        {TERMS(LABELS(HAS("ram", "Gt", "'4'"))), false},
        {TERMS(LABELS(HAS("ram", "Lt", "'5'"))), true},
        {TERMS(LABELS(HAS("zone", "Lt", "'5'"))), false},
        {TERMS(LABELS(HAS("none", "Gt", "'5'"))), false},
        {TERMS(LABELS(HAS("zone", "Like", "'a'"))), false},
        /* Requirements hold together, terms are alternatives. */
        {TERMS(LABELS(HAS("arch", "In", "'arm64'") "," HAS("zone", "In", "'b'"))), false},
        {TERMS(LABELS(HAS("zone", "In", "'b'")) "," LABELS(HAS("arch", "In", "'arm64'"))), true},
        {TERMS(FIELDS(HAS("metadata.name", "In", "'pi'"))), true},
        {TERMS(FIELDS(HAS("metadata.name", "In", "'pj'"))), false},
        {TERMS(FIELDS(HAS("metadata.uid", "Exists", ""))), false},
        /* Nothing asked for matches nothing. */
        {TERMS("{}"), false},
        {TERMS(""), false},
        {"{}", false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char json[512];
        struct err err = {0};
        struct value *selector = NULL;
        snprintf(json, sizeof(json), "%s", cases[i].selector);
        for (char *c = json; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        assert_int_equal(json_parse(json, strlen(json), &selector, &err), 0);
        if (affinity_matches(selector, &node) != cases[i].matches)
            fail_msg("%s", json);
        value_free(selector);
    }
    assert_true(affinity_matches(NULL, &node));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_affinity__cases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
