#include "support.h"

#include "tests/lib/await.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void test_broker__starts_and_stops(void **state)
{
    struct bench *b = *state;
    struct stat st;
    char path[128];

    if (!b)
        skip();
    bench_start(b);
    assert_true(broker_is_up(b->broker));
    assert_int_equal(b->adopted, 0);
    /* Nobody else gets to the socket or the keys. */
    snprintf(path, sizeof(path), "%s/broker", b->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    snprintf(path, sizeof(path), "%s/broker/broker.key", b->dir);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    pid_t pid = broker_pid(b->broker);
    assert_true(pid > 0);
    bench_stop(b);
    assert_int_equal(kill(pid, 0), -1);
}

static void test_broker__killed_it_comes_back(void **state)
{
    struct bench *b = *state;
    struct client c;

    if (!b)
        skip();
    bench_start(b);
    client_unix(b, &c, "controller");
    bench_until(b, &c.connected, 1);
    assert_int_equal(client_say_retained(&c, "limpet/v1/x", "kept?"), 0);
    for (int i = 0; i < 2; i++) {
        int64_t from = loop_now(b->loop);

        kill(broker_pid(b->broker), SIGKILL);
        bench_until(b, &b->downs, i + 1);
        assert_non_null(strstr(b->why, "SIGKILL"));
        bench_until(b, &b->ups, i + 2);
        bench_until(b, &c.connected, i + 2);
        assert_false(c.session); /* kill -9 loses what was not saved: said to the client */
        assert_true(loop_now(b->loop) - from < 5 * NS_PER_S);
    }
    client_done(&c);
}

static void test_broker__left_behind_it_is_adopted(void **state)
{
    struct bench *b = *state;
    struct client c;

    if (!b)
        skip();
    bench_start(b);
    client_unix(b, &c, "controller");
    bench_until(b, &c.connected, 1);
    pid_t pid = broker_pid(b->broker);
    broker_free(b->broker); /* as after kill -9 of the controller */
    b->broker = NULL;
    bench_start(b);
    assert_int_equal(b->adopted, 1);
    assert_int_equal(broker_pid(b->broker), pid);
    assert_int_equal(client_say(&c, "limpet/v1/x", "still here"), 0);
    assert_int_equal(c.connected, 1);
    /* Adopted, it is still watched. */
    kill(pid, SIGKILL);
    bench_until(b, &b->downs, 1);
    bench_until(b, &b->ups, 3);
    assert_int_not_equal(broker_pid(b->broker), pid);
    client_done(&c);
}

static bool database_is_there(const struct bench *b)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/broker/mosquitto.db", b->dir);
    return access(path, F_OK) == 0;
}

/* The database is written when there is something to write: then soon, else never. */
static void test_broker__saves_what_changed(void **state)
{
    struct bench *b = *state;
    struct client c;

    if (!b)
        skip();
    bench_start(b);
    client_unix(b, &c, "controller");
    bench_until(b, &c.connected, 1);
    assert_int_equal(client_say_retained(&c, "limpet/v1/x", "kept"), 0);
    int64_t from = loop_now(b->loop);
    broker_changed(b->broker);
    broker_changed(b->broker);
    while (!database_is_there(b) && loop_now(b->loop) - from < 30 * NS_PER_S)
        assert_int_equal(loop_step(b->loop, 50 * NS_PER_MS), 0);
    assert_true(database_is_there(b));
    assert_true(loop_now(b->loop) - from >= 9 * NS_PER_S);
    kill(broker_pid(b->broker), SIGKILL);
    bench_until(b, &b->downs, 1);
    bench_until(b, &b->ups, 2);
    bench_until(b, &c.connected, 2);
    assert_true(c.session); /* it knows its clients again */
    client_done(&c);
}

static void test_broker__with_another_configuration_it_is_replaced(void **state)
{
    struct bench *b = *state;

    if (!b)
        skip();
    bench_start(b);
    pid_t pid = broker_pid(b->broker);
    broker_free(b->broker);
    b->broker = NULL;
    b->renew_port = 0;
    bench_start(b);
    assert_int_equal(b->adopted, 0);
    assert_int_not_equal(broker_pid(b->broker), pid);
    assert_int_equal(kill(pid, 0), -1);
}

static void test_broker__a_corrupt_database_is_moved_aside(void **state)
{
    struct bench *b = *state;
    struct broker_spec spec;
    char path[128];

    if (!b)
        skip();
    bench_new(b);
    spec = bench_spec(b);
    assert_int_equal(mkdir(spec.dir, 0700), 0);
    snprintf(path, sizeof(path), "%s/mosquitto.db", spec.dir);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "no database at all", 18), 18);
    close(fd);
    bench_start(b);
    assert_int_equal(b->downs, 1);
    assert_non_null(strstr(b->why, "database"));
    snprintf(path, sizeof(path), "%s/mosquitto.db.corrupt", spec.dir);
    assert_int_equal(access(path, F_OK), 0);
}

static void test_broker__says_what_mosquitto_said(void **state)
{
    struct bench *b = *state;

    if (!b)
        skip();
    buf_done(&b->server);
    assert_int_equal(buf_addstr(&b->server, "not a certificate"), 0);
    bench_new(b);
    assert_int_equal(broker_start(b->broker, NULL), 0);
    bench_until(b, &b->downs, 2); /* and it is tried again */
    assert_int_equal(b->ups, 0);
    assert_non_null(strstr(b->why, "certificate"));
}

static void test_broker__a_missing_program_is_said(void **state)
{
    struct bench *b = *state;
    struct broker_spec spec;
    struct err err = {0};

    if (!b)
        skip();
    bench_new(b);
    broker_free(b->broker);
    spec = bench_spec(b);
    spec.tls_port = 1883;
    spec.ca_pem = NULL;
    assert_int_equal(broker_new(&spec, NULL, NULL, &b->broker, &err), -EINVAL);
    b->broker = NULL;
}

static bool is_refused(struct bench *b)
{
    struct client c;

    client_tls(b, &c, NODE_A);
    AWAIT(c.connected || c.refused, await_turn(b->loop));
    bool refused = !c.connected;
    client_done(&c);
    return refused;
}

static void test_broker__a_new_certificate_is_served(void **state)
{
    struct bench *b = *state;
    struct client c;
    struct key *key;
    struct buf cert = {0}, pem = {0};
    const char *dns[] = {"another-name", NULL};
    struct cert_spec spec = {.common_name = "another-name",
                             .dns = dns,
                             .not_before_s = 1577836800,
                             .not_after_s = INT64_C(4733510400),
                             .server = true};

    if (!b)
        skip();
    bench_start(b);
    client_tls(b, &c, NODE_A);
    bench_until(b, &c.connected, 1);
    client_done(&c);
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(cert_issue(&spec, key, b->ca.data, b->ca_key, &cert, NULL), 0);
    assert_int_equal(key_write_private(key, &pem, NULL), 0);
    assert_int_equal(broker_tls_set(b->broker, NULL, cert.data, pem.data, NULL, NULL), 0);
    /* A client expects the old name: refused, once the broker has read its files again. */
    AWAIT(is_refused(b), await_turn(b->loop));
    b->server_name = "another-name";
    assert_false(is_refused(b));
    key_free(key);
    buf_done(&cert);
    buf_done(&pem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_broker__starts_and_stops, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__killed_it_comes_back, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__left_behind_it_is_adopted, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__saves_what_changed, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__with_another_configuration_it_is_replaced,
                                        bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__a_corrupt_database_is_moved_aside, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__says_what_mosquitto_said, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__a_missing_program_is_said, bench_setup,
                                        bench_teardown),
        cmocka_unit_test_setup_teardown(test_broker__a_new_certificate_is_served, bench_setup,
                                        bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
