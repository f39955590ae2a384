#include "controller/authz/rbac.h"

#include "tests/unit/controller/lib/documents.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct rbac_rules *rules_of(const char *yaml)
{
    cleanup(value_free) struct value *list = document(yaml);
    return rbac_rules_new(list);
}

#define PODS "verbs: [get, list], apiGroups: [''], resources: [pods]"

static void test_rbac__what_a_rule_allows(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        struct rbac_ask ask;
        bool allowed;
    } cases[] = {
        {PODS, {"get", NULL, "", "pods", "", "x", "web"}, true},
        {PODS, {"list", NULL, "", "pods", "", "x", ""}, true},
        {PODS, {"watch", NULL, "", "pods", "", "x", ""}, false},
        {PODS, {"get", NULL, "", "pods", "log", "x", "web"}, false},
        {PODS, {"get", NULL, "apps", "pods", "", "x", "web"}, false},
        {PODS, {"get", NULL, "", "podsx", "", "x", "web"}, false},
        {PODS, {"get", "/metrics"}, false},
        {"verbs: ['*'], apiGroups: ['*'], resources: ['*']",
         {"impersonate", NULL, "zoo", "bears", "feed", "", "b"},
         true},
        {"verbs: ['*'], apiGroups: ['*'], resources: ['*']", {"get", "/metrics"}, false},
        {"verbs: [get], apiGroups: [''], resources: [pods/log]",
         {"get", NULL, "", "pods", "log", "x", "web"},
         true},
        {"verbs: [get], apiGroups: [''], resources: [pods/log]",
         {"get", NULL, "", "pods", "", "x", "web"},
         false},
        {"verbs: [update], apiGroups: ['*'], resources: ['*/scale']",
         {"update", NULL, "apps", "deployments", "scale", "x", "web"},
         true},
        {"verbs: [update], apiGroups: ['*'], resources: ['*/scale']",
         {"update", NULL, "apps", "deployments", "status", "x", "web"},
         false},
        {"verbs: [update], apiGroups: ['*'], resources: ['*/scale']",
         {"update", NULL, "apps", "deployments", "", "x", "web"},
         false},
        {PODS ", resourceNames: [web]", {"get", NULL, "", "pods", "", "x", "web"}, true},
        {PODS ", resourceNames: [web]", {"get", NULL, "", "pods", "", "x", "db"}, false},
        {PODS ", resourceNames: [web]", {"list", NULL, "", "pods", "", "x", ""}, false},
        {PODS ", resourceNames: [web]", {"list", NULL, "", "pods", "", "x", "web"}, true},
        {PODS ", resourceNames: ['']", {"list", NULL, "", "pods", "", "x", ""}, false},
        {"verbs: [get], nonResourceURLs: [/healthz/*]", {"get", "/healthz/etcd"}, true},
        {"verbs: [get], nonResourceURLs: [/healthz/*]", {"get", "/healthz"}, false},
        {"verbs: [get], nonResourceURLs: [/healthz]", {"get", "/healthz/etcd"}, false},
        {"verbs: [get], nonResourceURLs: ['*']", {"get", "/any"}, true},
        {"verbs: [get], nonResourceURLs: ['*']", {"post", "/any"}, false},
        {"verbs: [get], nonResourceURLs: ['*']", {"get", NULL, "", "pods", "", "", ""}, false},
        /* What no table lets in, but a store could hold. */
        {"verbs: get, apiGroups: [7], resources: {pods: 1}",
         {"get", NULL, "", "pods", "", "x", "web"},
         false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *yaml = xasprintf("[{%s}]", cases[i].rule);
        cleanup(rbac_rules_free) struct rbac_rules *rules = rules_of(yaml);
        assert_int_equal(rules->count, 1);
        if (rbac_rule_allows(&rules->items[0], &cases[i].ask) != cases[i].allowed)
            fail_msg("case %zu: %s", i, cases[i].rule);
    }
}

static bool covers(const char *own_yaml, const char *rule_yaml)
{
    cleanup(rbac_rules_free) struct rbac_rules *own = rules_of(own_yaml);
    cleanup(rbac_rules_free) struct rbac_rules *rule = rules_of(rule_yaml);
    autofree const struct rbac_rule **list = xcalloc(own->count + 1, sizeof(*list));
    for (size_t i = 0; i < own->count; i++)
        list[i] = &own->items[i];
    return rbac_covers(list, own->count, &rule->items[0]);
}

static void test_rbac__what_covers_what(void **state)
{
    (void)state;
    static const struct {
        const char *own, *rule;
        bool covers;
    } cases[] = {
        {"[{" PODS "}]", "[{" PODS "}]", true},
        {"[]", "[{" PODS "}]", false},
        {"[{" PODS "}]", "[{" PODS ", resourceNames: [web]}]", true},
        {"[{" PODS ", resourceNames: [web]}]", "[{" PODS "}]", false},
        {"[{" PODS ", resourceNames: [web]}]", "[{" PODS ", resourceNames: [web, db]}]", false},
        {"[{" PODS "}]", "[{verbs: ['*'], apiGroups: [''], resources: [pods]}]", false},
        {"[{" PODS "}]", "[{verbs: [get], apiGroups: ['*'], resources: [pods]}]", false},
        {"[{" PODS "}]", "[{verbs: [get], apiGroups: [''], resources: ['*']}]", false},
        {"[{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]",
         "[{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]", true},
        /* Put together from several. */
        {"[{verbs: [get], apiGroups: [''], resources: [pods]},"
         "{verbs: [list], apiGroups: [''], resources: [pods]}]",
         "[{" PODS "}]", true},
        {"[{verbs: [get], apiGroups: [''], resources: [pods]},"
         "{verbs: [list], apiGroups: [''], resources: [nodes]}]",
         "[{" PODS "}]", false},
        {"[{verbs: [get], apiGroups: ['*'], resources: ['*/log']}]",
         "[{verbs: [get], apiGroups: [''], resources: [pods/log]}]", true},
        {"[{verbs: [get], apiGroups: ['*'], resources: ['*/log']}]",
         "[{verbs: [get], apiGroups: [''], resources: [pods]}]", false},
        {"[{verbs: [get], nonResourceURLs: [/api/*]}]",
         "[{verbs: [get], nonResourceURLs: [/api/v1, /api/v2/*]}]", true},
        {"[{verbs: [get], nonResourceURLs: [/api/*]}]", "[{verbs: [get], nonResourceURLs: ['*']}]",
         false},
        {"[{verbs: ['*'], apiGroups: ['*'], resources: ['*']}]",
         "[{verbs: [get], nonResourceURLs: [/metrics]}]", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (covers(cases[i].own, cases[i].rule) != cases[i].covers)
            fail_msg("case %zu: %s by %s", i, cases[i].rule, cases[i].own);
}

/* Ten thousand million combinations are not looked at one by one. */
static void test_rbac__huge_rules_end(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf rule = {0};
    static const char *const lists[] = {"verbs", "apiGroups", "resources", "resourceNames"};
    buf_addstr(&rule, "[{");
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        buf_addf(&rule, "%s: [", lists[i]);
        for (int n = 0; n < 300; n++)
            buf_addf(&rule, "w%d, ", n);
        buf_addstr(&rule, "], ");
    }
    buf_addstr(&rule, "}]");
    const char *text = buf_str(&rule);
    /* What has it but for the last word of each: found out late. */
    cleanup(buf_done) struct buf own = {0};
    buf_addstr(&own, "[");
    for (int n = 0; n < 50; n++)
        buf_addf(&own, "{verbs: [w%d], apiGroups: ['*'], resources: ['*']},", n);
    buf_addstr(&own, "]");
    struct timespec before, after;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &before);
    assert_false(covers(buf_str(&own), text));
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &after);
    assert_true(after.tv_sec - before.tv_sec < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rbac__what_a_rule_allows),
        cmocka_unit_test(test_rbac__what_covers_what),
        cmocka_unit_test(test_rbac__huge_rules_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
