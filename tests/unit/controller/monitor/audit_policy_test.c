#include "controller/monitor/audit_policy.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define POLICY "apiVersion: audit.k8s.io/v1\nkind: Policy\n"

static struct audit_policy *policy_of(const char *rules)
{
    struct audit_policy *policy = NULL;
    struct err err = {0};
    autofree char *text = xasprintf(POLICY "%s", rules);
    if (audit_policy_parse("p.yaml", text, strlen(text), &policy, &err) != 0)
        fail_msg("%s: %s", rules, err.msg);
    return policy;
}

static void test_audit_policy__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *rules, *message;
    } cases[] = {
        {"rules: []", "p.yaml:3: rules: required"},
        {"rules:\n- level: All", "p.yaml:4: rules[0].level: "},
        {"rules:\n- level: None\n  user: [a]", "p.yaml:5: rules[0].user: "},
        {"rules:\n- level: None\n  nonResourceURLs: [healthz]",
         "p.yaml:5: rules[0].nonResourceURLs[0]: non-resource URL rules must begin with a '/'"},
        {"rules:\n- level: None\n  nonResourceURLs: [/a*b]",
         "p.yaml:5: rules[0].nonResourceURLs[0]: non-resource URL wildcards"},
        {"rules:\n- level: None\n  nonResourceURLs: [/a]\n  namespaces: [b]",
         "p.yaml:5: rules[0].nonResourceURLs: rules cannot apply to both"},
        {"rules:\n- level: None\n  resources:\n  - resourceNames: [a]",
         "p.yaml:6: rules[0].resources[0].resourceNames: using resourceNames requires"},
        {"rules:\n- level: None\n  omitStages: [Never]", "p.yaml:5: rules[0].omitStages[0]: "},
        {"rules: {", "p.yaml:"},
        {"rules: 5", "p.yaml:3: rules: "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct audit_policy *policy = NULL;
        struct err err = {0};
        autofree char *text = xasprintf(POLICY "%s", cases[i].rules);
        assert_int_equal(audit_policy_parse("p.yaml", text, strlen(text), &policy, &err), -EINVAL);
        if (!str_has_prefix(err.msg, cases[i].message))
            fail_msg("%s", err.msg);
    }
    struct audit_policy *policy = NULL;
    struct err err = {0};
    assert_int_equal(audit_policy_parse("p", "[1]", 3, &policy, &err), -EINVAL);
    assert_int_equal(audit_policy_parse("p", "", 0, &policy, &err), -EINVAL);
    autofree char *big = xcalloc(1, AUDIT_POLICY_MAX + 2);
    memset(big, '#', AUDIT_POLICY_MAX + 1);
    assert_int_equal(audit_policy_parse("p", big, strlen(big), &policy, &err), -E2BIG);
}

static const char *const staff[] = {"staff", "system:authenticated", NULL};

static enum audit_level level(const char *rules, const struct audit_subject *subject)
{
    struct audit_policy *policy = policy_of(rules);
    struct audit_verdict verdict = audit_policy_decide(policy, subject);
    audit_policy_free(policy);
    return verdict.level;
}

static void test_audit_policy__rules(void **state)
{
    (void)state;
    const struct audit_subject pod = {
        "ann", staff, "get", "/api/v1/namespaces/a/pods/p", {&kind_pod, "a", "p"}, "", false};
    struct audit_subject log = pod, stranger = pod,
                         health = {"ann", staff, "get", "/healthz/etcd", {0}, NULL, false};
    log.subresource = "log";
    stranger.user = NULL;
    stranger.groups = NULL;
#define RULE(more) "rules:\n- {level: Request" more "}\n- {level: Metadata, users: [ann]}"
    static const struct {
        const char *rules;
        enum audit_level pod, log, stranger, health;
    } cases[] = {
        {RULE(""), AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_REQUEST},
        {RULE(", users: [bob]"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_NONE, AUDIT_METADATA},
        {RULE(", users: ['system:anonymous']"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_REQUEST,
         AUDIT_METADATA},
        {RULE(", userGroups: [staff]"), AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_NONE, AUDIT_REQUEST},
        {RULE(", userGroups: ['system:unauthenticated']"), AUDIT_METADATA, AUDIT_METADATA,
         AUDIT_REQUEST, AUDIT_METADATA},
        {RULE(", verbs: [get]"), AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_REQUEST},
        {RULE(", verbs: [list]"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_NONE, AUDIT_METADATA},
        {RULE(", namespaces: [a]"), AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_METADATA},
        {RULE(", namespaces: [b]"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_NONE, AUDIT_METADATA},
        {RULE(", resources: [{group: ''}]"), AUDIT_REQUEST, AUDIT_REQUEST, AUDIT_REQUEST,
         AUDIT_METADATA},
        {RULE(", resources: [{group: apps}]"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_NONE,
         AUDIT_METADATA},
        {RULE(", resources: [{resources: [pods]}]"), AUDIT_REQUEST, AUDIT_METADATA, AUDIT_REQUEST,
         AUDIT_METADATA},
        {RULE(", resources: [{resources: [pods/log]}]"), AUDIT_METADATA, AUDIT_REQUEST, AUDIT_NONE,
         AUDIT_METADATA},
        {RULE(", resources: [{resources: ['*/log']}]"), AUDIT_METADATA, AUDIT_REQUEST, AUDIT_NONE,
         AUDIT_METADATA},
        {RULE(", resources: [{resources: [pods], resourceNames: [q]}]"), AUDIT_METADATA,
         AUDIT_METADATA, AUDIT_NONE, AUDIT_METADATA},
        {RULE(", nonResourceURLs: ['/healthz*']"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_NONE,
         AUDIT_REQUEST},
        {RULE(", nonResourceURLs: [/healthz]"), AUDIT_METADATA, AUDIT_METADATA, AUDIT_NONE,
         AUDIT_METADATA},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(level(cases[i].rules, &pod), cases[i].pod);
        assert_int_equal(level(cases[i].rules, &log), cases[i].log);
        assert_int_equal(level(cases[i].rules, &stranger), cases[i].stranger);
        assert_int_equal(level(cases[i].rules, &health), cases[i].health);
    }
}

static void test_audit_policy__secrets(void **state)
{
    (void)state;
    const struct audit_subject secret = {"ann", staff, "update", "/x", {&kind_secret, "a", "s"},
                                         "",    true};
    struct audit_subject token = secret;
    token.ref.kind = &kind_service_account;
    token.subresource = "token";
    assert_int_equal(level("rules: [{level: RequestResponse}]", &secret), AUDIT_METADATA);
    assert_int_equal(level("rules: [{level: Request, resources: [{resources: ['*']}]}]", &secret),
                     AUDIT_METADATA);
    assert_int_equal(level("rules: [{level: Request, resources: [{group: ''}]}]", &token),
                     AUDIT_METADATA);
    assert_int_equal(
        level("rules: [{level: Request, resources: [{resources: [secrets]}]}]", &secret),
        AUDIT_REQUEST);
    assert_int_equal(level("rules: [{level: None}]", &secret), AUDIT_NONE);
}

static void test_audit_policy__without_one(void **state)
{
    (void)state;
    struct audit_subject subject = {"ann", staff, "update", "/x", {&kind_pod, "a", "s"}, "", true};
    assert_int_equal(audit_policy_decide(NULL, &subject).level, AUDIT_METADATA);
    subject.writes = false;
    assert_int_equal(audit_policy_decide(NULL, &subject).level, AUDIT_NONE);
}

static void test_audit_policy__what_is_left_out(void **state)
{
    (void)state;
    const struct audit_subject subject = {"ann", staff, "update", "/x", {&kind_pod, "a", "s"},
                                          "",    true};
    struct audit_policy *policy =
        policy_of("omitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n- {level: "
                  "Request, verbs: [get]}\n- {level: Request, omitStages: [ResponseComplete], "
                  "omitManagedFields: false}");
    struct audit_verdict verdict = audit_policy_decide(policy, &subject);
    assert_int_equal(verdict.omitted, 1u << AUDIT_RECEIVED | 1u << AUDIT_COMPLETE);
    assert_false(verdict.omit_managed);
    struct audit_subject read = subject;
    read.verb = "get";
    verdict = audit_policy_decide(policy, &read);
    assert_int_equal(verdict.omitted, 1u << AUDIT_RECEIVED);
    assert_true(verdict.omit_managed);
    audit_policy_free(policy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_audit_policy__mistakes),
        cmocka_unit_test(test_audit_policy__rules),
        cmocka_unit_test(test_audit_policy__secrets),
        cmocka_unit_test(test_audit_policy__without_one),
        cmocka_unit_test(test_audit_policy__what_is_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
