/* Who is put out at a real broker; what of its log is a visit. */

#include "support.h"

#include "common/base/str.h"
#include "controller/broker/doorman.h"
#include "controller/broker/visit.h"
#include "tests/lib/await.h"

#include <stdio.h>
#include <string.h>

#define CAME "1796037014: New client connected from 192.0.2.7:46380 as "

static void test_visit__lines(void **state)
{
    static const struct {
        const char *line, *id, *user; /* id NULL: no visit of a user */
    } cases[] = {
        {CAME "x-1 (p5, c1, k60, u'jane').", "x-1", "jane"},
        {CAME "a b (p2, c0, k60, u'jane').", "a b", "jane"},
        /* What a client says of itself is its id, whatever it looks like. */
        {CAME "x (p5, c1, k60, u'bob'). (p5, c1, k60, u'jane').", "x (p5, c1, k60, u'bob').",
         "jane"},
        {CAME "x as y (p5, c1, k60, u'jane').", "x as y", "jane"},
        {CAME "controller (p5, c1, k60).", NULL, NULL},
        {CAME "n (p5, c1, k60, u'pi-01.0123abcd').", NULL, NULL},
        {CAME "x (p5, c1, k60, u'').", NULL, NULL},
        {CAME " (p5, c1, k60, u'jane').", NULL, NULL},
        {CAME "x (p5, c1, k60, u'jane'", NULL, NULL},
        {CAME, NULL, NULL},
        {"1796037014: Client " CAME "x (p5, c1, k60, u'jane').", NULL, NULL},
        {"New client connected from 192.0.2.7:1 as x (p5, c1, k60, u'jane').", NULL, NULL},
        {"1796037014", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct visit visit;
        bool is = visit_read(cases[i].line, strlen(cases[i].line), &visit);
        if (is != (cases[i].id != NULL))
            fail_msg("case %zu", i);
        if (is && (!str_eq(visit.client_id, cases[i].id) || !str_eq(visit.user, cases[i].user)))
            fail_msg("case %zu: %s %s", i, visit.client_id, visit.user);
    }
    char line[1024];
    struct visit visit;
    for (int len = VISIT_ID_MAX; len <= VISIT_ID_MAX + 1; len++) {
        snprintf(line, sizeof(line), CAME "%0*d (p5, c1, k60, u'jane').", len, 1);
        assert_int_equal(visit_read(line, strlen(line), &visit), len == VISIT_ID_MAX);
    }
}

static bool unwanted(void *ctx, const char *user)
{
    return str_eq(user, *(const char **)ctx);
}

/* Whoever is unwanted is put out at once, comes back and is put out again; others stay. */
static void test_doorman__puts_out(void **state)
{
    struct bench *b = *state;
    struct client jane, bob;
    const char *who = "";
    struct doorman *doorman = NULL;
    struct err err = {0};
    if (!b)
        skip();
    bench_start(b);
    struct doorman_spec spec = {.loop = b->loop,
                                .rng = rng_system(),
                                .socket = broker_socket(b->broker),
                                .unwanted = unwanted,
                                .ctx = &who};
    assert_int_equal(doorman_new(&spec, &doorman, &err), 0);
    client_tls(b, &bob, "bob");
    bench_until(b, &bob.connected, 1);
    /* Whom he has not seen come, he does not know: jane comes until he listens. */
    client_tls(b, &jane, "jane");
    for (int tries = 0; jane.refused == 0; tries++) {
        assert_true(tries < 100);
        client_done(&jane);
        who = "";
        client_tls(b, &jane, "jane");
        bench_until(b, &jane.connected, 1);
        client_settle(&jane);
        assert_int_equal(jane.refused, 0);
        who = "jane";
        doorman_look(doorman, "jane");
        for (int turns = 0; turns < 50 && jane.refused == 0; turns++)
            await_turn(b->loop);
    }
    bench_until(b, &jane.connected, 2); /* it is a client that does not give up */
    bench_until(b, &jane.refused, 2);
    who = "";
    bench_until(b, &jane.connected, 3);
    assert_int_equal(bob.refused, 0);
    assert_int_equal(bob.connected, 1);
    doorman_free(doorman);
    client_done(&jane);
    client_done(&bob);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_visit__lines),
        cmocka_unit_test_setup_teardown(test_doorman__puts_out, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
