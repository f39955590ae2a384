#include "support.h"

#include <errno.h>
#include <string.h>

#include "common/base/str.h"
#include "common/bus/topic.h"
#include "tests/lib/await.h"

#define UP(node) "limpet/v1/nodes/" node "/up/"
#define DOWN(node) "limpet/v1/nodes/" node "/down/"

static const uint8_t token_key[32] = "0123456789abcdef0123456789abcde";

struct rule {
    const char *topic;
    int code;
};

static void check_rules(struct client *c, const struct rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int code = client_say(c, rules[i].topic, "x");

        if (code != rules[i].code)
            fail_msg("publish to %s: %d, want %d", rules[i].topic, code, rules[i].code);
    }
}

static void test_broker_acl__a_node_writes_its_own_up_only(void **state)
{
    static const struct rule rules[] = {
        {UP(NODE_A) "beat", 0},
        {UP(NODE_A) "status/8f6d", 0},
        {UP(NODE_B) "beat", -EACCES},
        {UP(NODE_B) "online", -EACCES},
        {DOWN(NODE_A) "desired", -EACCES},
        {DOWN(NODE_B) "desired", -EACCES},
        {"limpet/v1/users/admin/apply", -EACCES},
        {"limpet/v1/enroll/abc123/request", -EACCES},
        {"limpet/v1/renew/" NODE_B "/request", -EACCES},
        {"limpet/v1/renew/" NODE_A "/request", 0},
        {"limpet/v1/state/Pod/default/web", -EACCES},
        {"anything", -EACCES},
    };
    struct bench *b = *state;
    struct client node;

    if (!b)
        skip();
    bench_start(b);
    client_tls(b, &node, NODE_A);
    bench_until(b, &node.connected, 1);
    check_rules(&node, rules, ARRAY_LEN(rules));
    client_done(&node);
}

static void test_broker_acl__a_node_hears_its_own_down_only(void **state)
{
    struct bench *b = *state;
    struct client node, controller;

    if (!b)
        skip();
    bench_start(b);
    client_unix(b, &controller, "controller");
    client_tls(b, &node, NODE_A);
    bench_until(b, &node.connected, 1);
    bench_until(b, &controller.connected, 1);
    assert_int_equal(client_say_retained(&controller, DOWN(NODE_B) "desired", "for B"), 0);
    client_listen(&node, "#");
    client_listen(&node, "limpet/v1/nodes/+/down/#");
    assert_int_equal(client_say(&controller, DOWN(NODE_B) "desired", "for B"), 0);
    assert_int_equal(client_say(&controller, "limpet/v1/users/admin/reply", "secret"), 0);
    assert_int_equal(client_say(&controller, UP(NODE_B) "beat", "x"), 0);
    assert_int_equal(client_say(&controller, DOWN(NODE_A) "desired", "for A"), 0);
    bench_until(b, &node.heard, 1);
    client_settle(&node);
    assert_string_equal(node.text, "for A");
    assert_string_equal(node.topic, DOWN(NODE_A) "desired");
    /* Once by each of its two overlapping subscriptions at most. */
    assert_true(node.heard <= 2);
    client_done(&node);
    client_done(&controller);
}

static void test_broker_acl__a_user_has_its_own_subtree(void **state)
{
    static const struct rule rules[] = {
        {"limpet/v1/users/admin/apply", 0},       {"limpet/v1/users/admin/delete", 0},
        {"limpet/v1/users/admin/reply", -EACCES}, {"limpet/v1/users/admin/apply/x", -EACCES},
        {"limpet/v1/users/other/apply", -EACCES}, {UP(NODE_A) "beat", -EACCES},
        {DOWN(NODE_A) "desired", -EACCES},        {"limpet/v1/users/admin/other", -EACCES},
    };
    struct bench *b = *state;
    struct client user, controller;

    if (!b)
        skip();
    bench_start(b);
    client_unix(b, &controller, "controller");
    client_tls(b, &user, "admin");
    bench_until(b, &user.connected, 1);
    bench_until(b, &controller.connected, 1);
    check_rules(&user, rules, ARRAY_LEN(rules));
    client_listen(&user, "limpet/v1/users/+/reply");
    assert_int_equal(client_say(&controller, "limpet/v1/users/other/reply", "no"), 0);
    assert_int_equal(client_say(&controller, "limpet/v1/users/admin/reply", "yes"), 0);
    bench_until(b, &user.heard, 1);
    assert_string_equal(user.text, "yes");
    assert_int_equal(user.heard, 1);
    client_done(&user);
    client_done(&controller);
}

static void test_broker_acl__a_token_can_only_enrol(void **state)
{
    static const struct rule rules[] = {
        {"limpet/v1/enroll/abc123/request", 0},      {"limpet/v1/enroll/abc123/reply", -EACCES},
        {"limpet/v1/enroll/xyz/request", -EACCES},   {"limpet/v1/users/abc123/apply", -EACCES},
        {"limpet/v1/nodes/abc123/up/beat", -EACCES}, {UP(NODE_A) "beat", -EACCES},
        {"limpet/v1/renew/abc123/request", -EACCES}, {"anything", -EACCES},
    };
    struct broker_psk psk = {"abc123", token_key, sizeof(token_key)};
    struct bench *b = *state;
    struct client joiner, controller;

    if (!b)
        skip();
    bench_start(b);
    assert_int_equal(broker_psk_set(b->broker, &psk, 1, NULL), 0); /* by a reload */
    client_unix(b, &controller, "controller");
    client_psk(b, &joiner, b->enroll_port, TOPIC_ENROLL_MOUNT, "abc123", token_key,
               sizeof(token_key));
    bench_until(b, &joiner.connected, 1);
    bench_until(b, &controller.connected, 1);
    client_listen(&controller, "limpet/v1/#");
    check_rules(&joiner, rules, ARRAY_LEN(rules));
    bench_until(b, &controller.heard, 1);
    client_settle(&controller);
    assert_int_equal(controller.heard, 1);
    assert_string_equal(controller.topic, "limpet/v1/enroll/abc123/request");
    client_listen(&joiner, "#");
    client_listen(&joiner, "limpet/v1/enroll/abc123/reply");
    assert_int_equal(client_say(&controller, "limpet/v1/users/abc123/reply", "no"), 0);
    assert_int_equal(client_say(&controller, "limpet/v1/enroll/xyz/reply", "no"), 0);
    assert_int_equal(client_say(&controller, "limpet/v1/enroll/abc123/reply", "yes"), 0);
    bench_until(b, &joiner.heard, 1);
    client_settle(&joiner);
    assert_string_equal(joiner.topic, "limpet/v1/enroll/abc123/reply");
    assert_string_equal(joiner.text, "yes");
    client_done(&joiner);
    client_done(&controller);
}

/* The same name as a node's, proven by its renewal key only. */
static void test_broker_acl__a_renewal_key_can_only_renew(void **state)
{
    static const struct rule rules[] = {
        {"limpet/v1/renew/" NODE_A "/request", 0},
        {"limpet/v1/renew/" NODE_B "/request", -EACCES},
        {UP(NODE_A) "beat", -EACCES},
        {"limpet/v1/enroll/" NODE_A "/request", -EACCES},
    };
    struct broker_psk psk = {NODE_A, token_key, sizeof(token_key)};
    struct bench *b = *state;
    struct client node;

    if (!b)
        skip();
    bench_new(b);
    assert_int_equal(broker_psk_set(b->broker, &psk, 1, NULL), 0);
    bench_start(b);
    client_psk(b, &node, b->renew_port, TOPIC_RENEW_MOUNT, NODE_A, token_key, sizeof(token_key));
    bench_until(b, &node.connected, 1);
    check_rules(&node, rules, ARRAY_LEN(rules));
    client_done(&node);
}

/* ... and the client is told why: the reason of TLS, not just that the connection was lost. */
static void assert_refused(struct bench *b, struct client *c, int code, const char *why)
{
    bench_until(b, &c->refused, 2);
    assert_int_equal(c->connected, 0);
    if (c->why_code != code || !strstr(c->why, why))
        fail_msg("wanted %d \"%s\": %d \"%s\"", code, why, c->why_code, c->why);
}

static void test_broker_acl__nobody_without_a_proof(void **state)
{
    static const uint8_t wrong[32] = "0123456789abcdef0123456789abcdX";
    struct broker_psk psk = {"abc123", token_key, sizeof(token_key)};
    struct bench *b = *state;
    struct client nobody, wrong_key, no_token, stranger;

    if (!b)
        skip();
    bench_new(b);
    assert_int_equal(broker_psk_set(b->broker, &psk, 1, NULL), 0);
    bench_start(b);
    client_tls(b, &nobody, NULL);
    client_psk(b, &wrong_key, b->enroll_port, TOPIC_ENROLL_MOUNT, "abc123", wrong, sizeof(wrong));
    client_psk(b, &no_token, b->enroll_port, TOPIC_ENROLL_MOUNT, "xyz", token_key,
               sizeof(token_key));
    /* A certificate of another authority. */
    struct key *theirs = b->ca_key;
    struct buf their_ca = b->ca;
    struct cert_spec ca = {.common_name = "Test CA",
                           .not_before_s = 1577836800,
                           .not_after_s = INT64_C(4733510400),
                           .ca = true};
    assert_int_equal(key_generate(&b->ca_key, NULL), 0);
    b->ca = (struct buf){0};
    assert_int_equal(cert_issue(&ca, b->ca_key, NULL, b->ca_key, &b->ca, NULL), 0);
    client_tls(b, &stranger, NODE_A);
    assert_refused(b, &nobody, -EPROTO, "broker: TLS: refused by the other side");
    assert_refused(b, &wrong_key, -EACCES, "the pre-shared key is wrong");
    assert_refused(b, &no_token, -EACCES, "it does not know the pre-shared key");
    assert_refused(b, &stranger, -EKEYREJECTED, "broker: TLS: the certificate of the other side:");
    key_free(theirs);
    buf_done(&their_ca);
    client_done(&nobody);
    client_done(&wrong_key);
    client_done(&no_token);
    client_done(&stranger);
}

/* Revocation: open connections lose their rights at once, others keep theirs. */
static void test_broker_acl__a_denied_name_can_do_nothing(void **state)
{
    const char *denied[] = {NODE_A};
    struct bench *b = *state;
    struct client node, other, controller;

    if (!b)
        skip();
    bench_start(b);
    client_unix(b, &controller, "controller");
    client_tls(b, &node, NODE_A);
    client_tls(b, &other, NODE_B);
    bench_until(b, &node.connected, 1);
    bench_until(b, &other.connected, 1);
    bench_until(b, &controller.connected, 1);
    client_listen(&node, DOWN(NODE_A) "#");
    assert_int_equal(client_say(&node, UP(NODE_A) "beat", "x"), 0);
    assert_int_equal(client_say(&controller, DOWN(NODE_A) "desired", "heard"), 0);
    bench_until(b, &node.heard, 1);
    /* The broker takes it in by a reload, and tells nobody when it is done. */
    assert_int_equal(broker_deny_set(b->broker, denied, 1, NULL), 0);
    AWAIT(client_say(&node, UP(NODE_A) "beat", "x") == -EACCES, await_turn(b->loop));
    assert_int_equal(client_say(&other, UP(NODE_B) "beat", "x"), 0);
    assert_int_equal(client_say(&controller, DOWN(NODE_A) "desired", "no more"), 0);
    client_settle(&node);
    assert_int_equal(node.heard, 1);
    assert_int_equal(broker_deny_set(b->broker, NULL, 0, NULL), 0);
    AWAIT(client_say(&node, UP(NODE_A) "beat", "x") == 0, await_turn(b->loop));
    assert_int_equal(node.connected, 1); /* all on one connection */
    client_done(&node);
    client_done(&other);
    client_done(&controller);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_broker_acl__a_node_writes_its_own_up_only, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker_acl__a_node_hears_its_own_down_only,
                                        bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker_acl__a_user_has_its_own_subtree, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker_acl__a_token_can_only_enrol, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker_acl__a_renewal_key_can_only_renew, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker_acl__nobody_without_a_proof, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker_acl__a_denied_name_can_do_nothing, bench_setup,
                                        bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
