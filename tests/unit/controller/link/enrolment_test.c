/* A node joins: the test is the node, with a token of its own. */

#include "controller/link/enrolment.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/link/tokens.h"
#include "../reconcile/world.h"

#include "bus_stub.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define SECRET "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

struct fixture {
    struct world world;
    struct bus_stub stub;
    struct outqueue *queue;
    char dir[64];
    struct trust *trust;
    struct enrolment *enrolment;
    struct err err;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    bus_stub_init(&f->stub);
    f->queue = outqueue_new(&f->stub.bus, NULL, NULL);
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-enrol-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    const struct trust_spec trust = {.disk = disk_posix(), .dir = f->dir, .clock = &f->world.clock};
    assert_int_equal(trust_open(&trust, &f->trust, &f->err), 0);
    const struct enrolment_spec spec = {
        .loop = f->world.loop, .api = f->world.api, .queue = f->queue, .trust = f->trust};
    assert_int_equal(enrolment_new(&spec, &f->enrolment, &f->err), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    enrolment_free(f->enrolment);
    outqueue_free(f->queue);
    bus_stub_drop(&f->stub);
    trust_free(f->trust);
    world_done(&f->world);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), f->dir, &f->err), 0);
    free(f);
    return 0;
}

static void add_token(struct fixture *f, const char *id, const char *expires)
{
    autofree char *id64 = base64_encode(id, strlen(id)), *hex = base64_encode(SECRET, 64);
    autofree char *until = base64_encode(expires, strlen(expires));
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'Secret','type':'%s',"
                  "'metadata':{'name':'%s%s','namespace':'%s'},"
                  "'data':{'token-id':'%s','token-secret':'%s','expiration':'%s'}}",
                  TOKEN_TYPE, TOKEN_NAME_PREFIX, id, TOKEN_NAMESPACE, id64, hex, until);
    world_create(&f->world, json, 201);
    world_turn(&f->world);
}

/* Asks under the name; the answer's error, "" if the certificate is good. Static. */
static const char *join(struct fixture *f, const char *token_id, const char *name,
                        const struct key *identity, const struct key *sealing)
{
    static char error[300];
    char own[SHA256_HEX + 1], node[TOPIC_NODE_MAX + 1];
    cleanup(buf_done) struct buf csr;
    cleanup(buf_done) struct buf payload;
    buf_init(&csr, 0);
    buf_init(&payload, 0);
    assert_int_equal(key_id(identity, own, &f->err), 0);
    assert_int_equal(topic_node_id(name, own, node, &f->err), 0);
    assert_int_equal(csr_write(identity, node, sealing, &csr, &f->err), 0);
    struct enroll_request request = {.csr_pem = csr.data};
    snprintf(request.name, sizeof(request.name), "%s", name);
    assert_int_equal(enroll_request_write(&request, &payload), 0);
    bus_stub_drop(&f->stub);
    enrolment_request(f->enrolment, token_id, payload.data, payload.len);
    for (int i = 0; i < 20 && f->stub.count == 0; i++)
        world_turn(&f->world);
    assert_int_equal(f->stub.count, 1);
    cleanup(enroll_answer_done) struct enroll_answer answer = {0};
    const struct bus_msg *msg = f->stub.kept[0];
    assert_int_equal(enroll_answer_read(msg->payload, msg->len, &answer, &f->err), 0);
    snprintf(error, sizeof(error), "%s", answer.error ? answer.error : "");
    struct enroll_token token = {0};
    trust_ca_hash(f->trust, token.ca_hash);
    if (!answer.error && enroll_answer_check(&answer, &token, name, identity, &f->err) < 0)
        fail_msg("%s", f->err.msg);
    return error;
}

#define SOON "2100-01-01T00:00:00Z"

static void test_enrolment__tokens(void **state)
{
    struct fixture *f = *state;
    cleanup(key_free) struct key *a = NULL, *b = NULL, *sealing = NULL;
    assert_int_equal(key_generate(&a, &f->err) | key_generate(&b, &f->err), 0);
    assert_int_equal(key_generate(&sealing, &f->err), 0);
    add_token(f, "aaaaaa", SOON);
    add_token(f, "bbbbbb", "2001-01-01T00:00:00Z");
    assert_string_equal(join(f, "none", "pi", a, sealing), "the token is not known or has expired");
    assert_string_equal(join(f, "bbbbbb", "pi", a, sealing),
                        "the token is not known or has expired");
    assert_string_equal(join(f, "aaaaaa", "pi", a, sealing), "");
    assert_string_equal(join(f, "aaaaaa", "pi", a, sealing), ""); /* the answer was lost */
    assert_string_equal(join(f, "aaaaaa", "pi2", b, sealing),
                        "the token was used by another node or is gone");
    cleanup(value_free) struct value *node = world_get(&f->world, "Node", "", "pi");
    assert_true(str_has_prefix(object_annotation(node, NODE_ID_ANNOTATION), "pi."));
    assert_null(world_get(&f->world, "Node", "", "pi2"));
}

/* A token for a new node does not make it an old one: no certificate, and the old one's keys stay.
 */
static void test_enrolment__no_takeover(void **state)
{
    struct fixture *f = *state;
    cleanup(key_free) struct key *a = NULL, *b = NULL, *sealing = NULL;
    assert_int_equal(key_generate(&a, &f->err) | key_generate(&b, &f->err), 0);
    assert_int_equal(key_generate(&sealing, &f->err), 0);
    add_token(f, "aaaaaa", SOON);
    add_token(f, "bbbbbb", SOON);
    assert_string_equal(join(f, "aaaaaa", "pi", a, sealing), "");
    cleanup(value_free) struct value *before = world_get(&f->world, "Node", "", "pi");
    assert_true(
        str_has_prefix(join(f, "bbbbbb", "pi", b, sealing), "there is a node pi with another key"));
    cleanup(value_free) struct value *after = world_get(&f->world, "Node", "", "pi");
    assert_true(value_equal(before, after));
    world_delete(&f->world, "Node", "", "pi"); /* a person says that it is no more */
    assert_string_equal(join(f, "bbbbbb", "pi", b, sealing), "");
}

/* A Node object that somebody made before: the first to join under its name is it. */
static void test_enrolment__prepared(void **state)
{
    struct fixture *f = *state;
    cleanup(key_free) struct key *a = NULL, *sealing = NULL;
    assert_int_equal(key_generate(&a, &f->err) | key_generate(&sealing, &f->err), 0);
    world_node(&f->world, "pi", "4");
    add_token(f, "aaaaaa", SOON);
    assert_string_equal(join(f, "aaaaaa", "pi", a, sealing), "");
}

static void test_enrolment__malformed(void **state)
{
    struct fixture *f = *state;
    static const char *const payloads[] = {"",
                                           "x",
                                           "{}",
                                           "{\"v\":1}",
                                           "{\"v\":2}",
                                           "[]",
                                           "{\"v\":1,\"name\":\"pi\",\"csr\":\"x\"}",
                                           "{\"v\":1,\"name\":\"../x\",\"csr\":\"x\"}"};
    add_token(f, "aaaaaa", SOON);
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        bus_stub_drop(&f->stub);
        enrolment_request(f->enrolment, "aaaaaa", payloads[i], strlen(payloads[i]));
        world_turn(&f->world);
        assert_int_equal(f->stub.count, 1);
        cleanup(enroll_answer_done) struct enroll_answer answer = {0};
        const struct bus_msg *msg = f->stub.kept[0];
        assert_int_equal(enroll_answer_read(msg->payload, msg->len, &answer, &f->err), 0);
        assert_non_null(answer.error);
    }
    assert_int_equal(world_count(&f->world, "Node"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_enrolment__tokens), TEST(test_enrolment__no_takeover),
        TEST(test_enrolment__prepared), TEST(test_enrolment__malformed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
