#include "load.h"

#define LEASE "apiVersion: coordination.k8s.io/v1\nkind: Lease\nmetadata: {name: a}\n"

static void test_lease__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {"holderIdentity: me, leaseDurationSeconds: 15, renewTime: '2026-01-31T12:00:00.000000Z', "
         "leaseTransitions: 0",
         ""},
        {"leaseDurationSeconds: 0", "line 4: spec.leaseDurationSeconds: 0: must be at least 1\n"},
        {"leaseTransitions: -1", "line 4: spec.leaseTransitions: -1: must be at least 0\n"},
        {"holderIdentity: ''", "line 4: spec.holderIdentity: must not be empty\n"},
        {"holderIdentity: '', strategy: OldestEmulationVersion", ""},
        {"preferredHolder: you",
         "line 4: spec.preferredHolder: may only be specified when `strategy` is defined\n"},
        {"renewTime: soon",
         "line 4: spec.renewTime: \"soon\": must be a time such as 2026-01-31T12:00:00.000000Z\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), LEASE "spec: {%s}\n", cases[i].spec);
        expect_mistakes(text, cases[i].mistakes);
    }
}

/* Leases are renewed all the time: they must not wear a card. */
static void test_lease__is_kept_in_memory_and_bounded(void **state)
{
    (void)state;
    assert_non_null(kind_lease.keep);
    assert_true(kind_lease.keep->max_objects > 0 && kind_lease.keep->max_bytes > 0);
    assert_int_equal(kind_lease.keep->ttl_s, 0);
    expect_cell(&kind_lease, "Holder", "spec: {holderIdentity: me}", 0, "me");
    expect_cell(&kind_lease, "Holder", "spec: {}", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lease__mistakes),
        cmocka_unit_test(test_lease__is_kept_in_memory_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
