#include "common/bus/topic.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define NODE "pi-01.0123abcd"
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_topic__build_and_parse_agree(void **state)
{
    static const struct {
        struct topic topic;
        const char *text;
    } cases[] = {
        {{TOPIC_DESIRED, .node = NODE}, "limpet/v1/nodes/" NODE "/down/desired"},
        {{TOPIC_MANIFEST, .node = NODE, .kind = "Pod", .ns = "default", .name = "web",
          .digest = DIGEST},
         "limpet/v1/nodes/" NODE "/down/Pod/default/web/" DIGEST},
        {{TOPIC_MANIFEST, .node = NODE, .kind = "Node", .ns = "_", .name = "pi-01",
          .digest = DIGEST},
         "limpet/v1/nodes/" NODE "/down/Node/_/pi-01/" DIGEST},
        {{TOPIC_DELTA, .node = NODE}, "limpet/v1/nodes/" NODE "/down/delta"},
        {{TOPIC_LEASE, .node = NODE}, "limpet/v1/nodes/" NODE "/down/lease"},
        {{TOPIC_TIME, .node = NODE}, "limpet/v1/nodes/" NODE "/down/time"},
        {{TOPIC_RPC_DOWN, .node = NODE, .id = "a-1_B"}, "limpet/v1/nodes/" NODE "/down/rpc/a-1_B"},
        {{TOPIC_ONLINE, .node = NODE}, "limpet/v1/nodes/" NODE "/up/online"},
        {{TOPIC_BEAT, .node = NODE}, "limpet/v1/nodes/" NODE "/up/beat"},
        {{TOPIC_STATUS, .node = NODE, .id = "8f6d"}, "limpet/v1/nodes/" NODE "/up/status/8f6d"},
        {{TOPIC_EVENTS, .node = NODE}, "limpet/v1/nodes/" NODE "/up/events"},
        {{TOPIC_RPC_UP, .node = NODE, .id = "a"}, "limpet/v1/nodes/" NODE "/up/rpc/a"},
        {{TOPIC_ENROLL_REQUEST, .id = "abc123"}, "limpet/v1/enroll/abc123/request"},
        {{TOPIC_ENROLL_REPLY, .id = "abc123"}, "limpet/v1/enroll/abc123/reply"},
        {{TOPIC_RENEW_REQUEST, .node = NODE}, "limpet/v1/renew/" NODE "/request"},
        {{TOPIC_RENEW_REPLY, .node = NODE}, "limpet/v1/renew/" NODE "/reply"},
        {{TOPIC_APPLY, .user = "admin"}, "limpet/v1/users/admin/apply"},
        {{TOPIC_DELETE, .user = "eve@example.com"}, "limpet/v1/users/eve@example.com/delete"},
        {{TOPIC_REPLY, .user = "admin"}, "limpet/v1/users/admin/reply"},
        {{TOPIC_STATE, .kind = "Pod", .ns = "default", .name = "web"},
         "limpet/v1/state/Pod/default/web"},
    };
    bool seen[TOPIC_TYPE_COUNT] = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[TOPIC_MAX + 1];
        struct topic back;

        seen[cases[i].topic.type] = true;
        assert_int_equal(topic_build(&cases[i].topic, text, NULL), 0);
        assert_string_equal(text, cases[i].text);
        assert_int_equal(topic_parse(text, &back, NULL), 0);
        assert_memory_equal(&back, &cases[i].topic, sizeof(back));
    }
    for (size_t i = 0; i < TOPIC_TYPE_COUNT; i++)
        assert_true(seen[i]);
}

static void test_topic__refuses_what_is_no_topic(void **state)
{
    static const char *const bad[] = {
        "",
        "limpet/v1/",
        "limpet/v1/nodes/" NODE "/down/desired/",
        "/limpet/v1/nodes/" NODE "/down/desired",
        "limpet/v2/nodes/" NODE "/down/desired",
        "limpet/v1/nodes/" NODE "/down/desired2",
        "limpet/v1/nodes/" NODE "/down/desire",
        "limpet/v1/nodes/" NODE "/down/#",
        "limpet/v1/nodes/+/up/beat",
        "limpet/v1/nodes//up/beat",
        "limpet/v1/nodes/pi-01/up/beat",
        "limpet/v1/nodes/pi-01.0123ABCD/up/beat",
        "limpet/v1/nodes/pi-01.0123abc/up/beat",
        "limpet/v1/nodes/.0123abcd/up/beat",
        "limpet/v1/nodes/-pi.0123abcd/up/beat",
        "limpet/v1/nodes/pi-.0123abcd/up/beat",
        "limpet/v1/nodes/p..i.0123abcd/up/beat",
        "limpet/v1/nodes/pi/01.0123abcd/up/beat",
        "limpet/v1/nodes/" NODE "/up/status/",
        "limpet/v1/nodes/" NODE "/up/status/a/b",
        "limpet/v1/nodes/" NODE "/up/status/..",
        "limpet/v1/nodes/" NODE "/down/pod/default/web/" DIGEST,
        "limpet/v1/nodes/" NODE "/down/Pod/default/web/0123",
        "limpet/v1/nodes/" NODE "/down/Pod/Default/web/" DIGEST,
        "limpet/v1/nodes/" NODE "/down/Pod/a.b/web/" DIGEST,
        "limpet/v1/nodes/" NODE "/down/Pod/default/../" DIGEST,
        "limpet/v1/nodes/" NODE "/down/Pod/default//" DIGEST,
        "limpet/v1/nodes/" NODE "/down/Pod/default/a#/" DIGEST,
        "limpet/v1/enroll/ABC/request",
        "limpet/v1/enroll/" NODE "/request",
        "limpet/v1/renew/abc123/request",
        "limpet/v1/users/$SYS/apply",
        "limpet/v1/users/a b/apply",
        "limpet/v1/users/a+/apply",
        "limpet/v1/users/admin/other",
        "limpet/v1/users/system:node:pi/apply/x",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct topic topic;
        struct err err = {0};

        if (topic_parse(bad[i], &topic, &err) == 0)
            fail_msg("accepted: %s", bad[i]);
        assert_true(err.code < 0 && err.msg[0]);
    }
}

static void test_topic__long_names_are_refused_not_cut(void **state)
{
    char text[TOPIC_MAX + 1024];
    struct topic topic = {.type = TOPIC_STATE, .kind = "Pod", .ns = "default"};
    char out[TOPIC_MAX + 1];

    (void)state;
    snprintf(text, sizeof(text), "limpet/v1/users/%065d/apply", 1);
    assert_int_not_equal(topic_parse(text, &topic, NULL), 0);
    snprintf(text, sizeof(text), "limpet/v1/users/%064d/apply", 1);
    assert_int_equal(topic_parse(text, &topic, NULL), 0);
    snprintf(text, sizeof(text), "limpet/v1/state/Pod/default/%0254d", 1);
    assert_int_not_equal(topic_parse(text, &topic, NULL), 0);
    snprintf(text, sizeof(text), "limpet/v1/state/Pod/default/%01500d", 1);
    assert_int_not_equal(topic_parse(text, &topic, NULL), 0);
    /* A field without its NUL must not be read beyond. */
    topic = (struct topic){.type = TOPIC_STATE, .kind = "Pod", .ns = "default"};
    memset(topic.name, 'a', sizeof(topic.name));
    assert_int_not_equal(topic_build(&topic, out, NULL), 0);
    /* The longest of all fits. */
    struct topic longest = {.type = TOPIC_MANIFEST, .digest = DIGEST};
    memset(longest.node, 'n', TOPIC_NODE_NAME_MAX);
    memcpy(longest.node + TOPIC_NODE_NAME_MAX, ".0123abcd", 10);
    memset(longest.kind, 'K', TOPIC_KIND_MAX);
    memset(longest.ns, 'n', TOPIC_NS_MAX);
    memset(longest.name, 'a', TOPIC_NAME_MAX);
    assert_int_equal(topic_build(&longest, out, NULL), 0);
    assert_int_equal(topic_parse(out, &topic, NULL), 0);
}

static void test_topic__user_names_are_never_node_ids(void **state)
{
    static const struct {
        const char *name;
        bool user, node;
    } cases[] = {
        {"admin", true, false},
        {"pi-01", true, false},
        {"eve.adams@example.com", true, false},
        {"system:serviceaccount:default:x", true, false},
        {"pi-01.0123abcd", false, true},
        {"a.b.c.00000000", false, true},
        {"X.00000000", false, false},
        {"pi_1.0123abcd", false, false},
        {"pi-01.0123abcde", true, false},
        {"pi-01.0123ABCD", true, false},
        {".0123abcd", false, false},
        {"", false, false},
        {"a/b", false, false},
        {"a#", false, false},
        {"+", false, false},
        {"-a", false, false},
        {"a\nb", false, false},
        {"a%b", false, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (topic_user_valid(cases[i].name) != cases[i].user ||
            topic_node_valid(cases[i].name) != cases[i].node)
            fail_msg("wrong for %s", cases[i].name);
        assert_false(topic_user_valid(cases[i].name) && topic_node_valid(cases[i].name));
    }
}

static void test_topic__node_ids(void **state)
{
    char id[TOPIC_NODE_MAX + 1], name[TOPIC_NODE_NAME_MAX + 1];

    (void)state;
    assert_int_equal(topic_node_id("pi.attic", DIGEST, id, NULL), 0);
    assert_string_equal(id, "pi.attic.01234567");
    topic_node_name(id, name);
    assert_string_equal(name, "pi.attic");
    assert_int_not_equal(topic_node_id("Pi", DIGEST, id, NULL), 0);
    assert_int_not_equal(topic_node_id("pi", "0123", id, NULL), 0);
    assert_int_not_equal(
        topic_node_id("a234567890123456789012345678901234567890123456789012345x", DIGEST, id, NULL),
        0);
}

static void test_topic__filters(void **state)
{
    struct topic topic = {.type = TOPIC_BEAT};
    char text[TOPIC_MAX + 1];

    (void)state;
    assert_int_equal(topic_filter(&topic, text, NULL), 0);
    assert_string_equal(text, "limpet/v1/nodes/+/up/beat");
    assert_int_equal(topic_filter_down(NODE, text, NULL), 0);
    assert_string_equal(text, "limpet/v1/nodes/" NODE "/down/#");
    assert_int_equal(topic_filter_up("+", text, NULL), 0);
    assert_string_equal(text, "limpet/v1/nodes/+/up/#");
    assert_int_not_equal(topic_filter_up("#", text, NULL), 0);
    assert_int_not_equal(topic_build(&topic, text, NULL), 0);
}

/* MQTT 5 section 4.7, its own examples among them. */
static void test_topic__matches(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool match;
    } cases[] = {
        {"sport/tennis/player1/#", "sport/tennis/player1", true},
        {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
        {"sport/#", "sport", true},
        {"sport/#", "sports", false},
        {"#", "a/b", true},
        {"#", "$SYS/x", false},
        {"+/x", "$SYS/x", false},
        {"$SYS/#", "$SYS/x", true},
        {"sport/tennis/+", "sport/tennis/player1", true},
        {"sport/tennis/+", "sport/tennis/player1/ranking", false},
        {"sport/+", "sport", false},
        {"sport/+", "sport/", true},
        {"+/+", "/finance", true},
        {"/+", "/finance", true},
        {"+", "/finance", false},
        {"a/b", "a/b", true},
        {"a/b", "a/bc", false},
        {"a/bc", "a/b", false},
        {"a/+/c", "a/b/c", true},
        {"a/+/c", "a/b/d", false},
        {"a/+/#", "a/b", true},
        {"a", "a/b", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (topic_matches(cases[i].filter, cases[i].topic) != cases[i].match)
            fail_msg("%s on %s", cases[i].filter, cases[i].topic);
}

static void test_topic__paths_and_manifest_topics(void **state)
{
    char text[TOPIC_MAX + 1], path[TOPIC_PATH_MAX + 1];

    (void)state;
    assert_int_equal(topic_path("Pod", "default", "web", path, NULL), 0);
    assert_string_equal(path, "Pod/default/web");
    assert_int_equal(topic_path("Node", "", "pi", path, NULL), 0);
    assert_string_equal(path, "Node/_/pi");
    assert_int_not_equal(topic_path("pod", "default", "web", path, NULL), 0);
    assert_true(topic_path_valid("Pod/default/web"));
    assert_false(topic_path_valid("Pod/default"));
    assert_false(topic_path_valid("Pod/default/web/x"));
    assert_false(topic_path_valid("Pod/default/.."));
    assert_false(topic_path_valid("Pod/../web"));
    assert_int_equal(topic_of_manifest(NODE, "Pod/default/web", DIGEST, text, NULL), 0);
    assert_string_equal(text, "limpet/v1/nodes/" NODE "/down/Pod/default/web/" DIGEST);
    assert_int_not_equal(topic_of_manifest("pi", "Pod/default/web", DIGEST, text, NULL), 0);
    assert_int_not_equal(topic_of_manifest(NODE, "Pod/default/+", DIGEST, text, NULL), 0);
    assert_int_not_equal(topic_of_manifest(NODE, "Pod/default/web", "aa", text, NULL), 0);
}

static void test_topic__mounted(void **state)
{
    struct topic topic;

    (void)state;
    assert_int_equal(topic_parse_mounted(TOPIC_ENROLL_MOUNT, "abc/reply", &topic, NULL), 0);
    assert_int_equal(topic.type, TOPIC_ENROLL_REPLY);
    assert_int_equal(
        topic_parse_mounted(TOPIC_ENROLL_MOUNT, "limpet/v1/enroll/abc/reply", &topic, NULL), 0);
    assert_string_equal(topic.id, "abc");
    assert_int_not_equal(topic_parse_mounted(TOPIC_ENROLL_MOUNT, "../users/a/apply", &topic, NULL),
                         0);
}

static void test_topic__tree_node(void **state)
{
    static const struct {
        const char *text, *node; /* NULL: below none */
    } cases[] = {
        {"limpet/v1/nodes/" NODE "/up/online", NODE},
        {"limpet/v1/nodes/" NODE "/down/Pod/default/web/" DIGEST, NODE},
        {"limpet/v1/nodes/" NODE "/whatever//x", NODE},
        {"limpet/v1/nodes/" NODE "/", NODE},
        {"limpet/v1/nodes/" NODE, NULL},
        {"limpet/v1/nodes/pi-01/up/online", NULL},
        {"limpet/v1/nodes/" DIGEST DIGEST "/up", NULL},
        {"limpet/v1/nodes//up", NULL},
        {"limpet/v1/users/admin/apply", NULL},
        {"other/nodes/" NODE "/up", NULL},
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char node[TOPIC_NODE_MAX + 1] = "";

        assert_int_equal(topic_tree_node(cases[i].text, node), cases[i].node != NULL);
        assert_string_equal(node, cases[i].node ? cases[i].node : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_topic__build_and_parse_agree),
        cmocka_unit_test(test_topic__refuses_what_is_no_topic),
        cmocka_unit_test(test_topic__long_names_are_refused_not_cut),
        cmocka_unit_test(test_topic__user_names_are_never_node_ids),
        cmocka_unit_test(test_topic__node_ids),
        cmocka_unit_test(test_topic__filters),
        cmocka_unit_test(test_topic__matches),
        cmocka_unit_test(test_topic__paths_and_manifest_topics),
        cmocka_unit_test(test_topic__mounted),
        cmocka_unit_test(test_topic__tree_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
