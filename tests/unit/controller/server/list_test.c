/* Long lists are written over many turns, and show one revision all the same. */

#include "controller/server/server.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/served.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define CM "/api/v1/namespaces/default/configmaps"
#define COUNT 1200
#define DATA 550 /* bytes of each: more in all than sockets and streams hold */

struct fixture {
    struct world *world;
    struct server *server;
    struct client client;
};

static void create(struct world *world, const char *name, const char *data)
{
    autofree char *text = xasprintf("{metadata: {name: %s, labels: {odd: \"%d\"}}, data: {a: %s}}",
                                    name, name[strlen(name) - 1] % 2, data);
    assert_int_equal(do_create(world, &kind_config_map, "default", text, NULL), 201);
}

static void connect_client(struct fixture *f, struct client *client)
{
    serve_client(f->server, f->world, client, "admin", "system:masters");
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    char name[16], data[DATA + 1];
    signal(SIGPIPE, SIG_IGN);
    memset(data, 'x', DATA);
    data[DATA] = '\0';
    f->world = world_new();
    f->server = serve_world(f->world, NULL);
    for (int i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "c-%04d", i);
        create(f->world, name, data);
    }
    connect_client(f, &f->client);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    client_done(&f->client);
    api_stop(f->world->api);
    server_free(f->server);
    world_free(f->world);
    free(f);
    return 0;
}

static void begin(struct fixture *f, const char *query, const char *accept)
{
    autofree char *text =
        xasprintf("GET " CM "%s HTTP/1.1\r\nHost: a\r\nAccept: %s\r\n\r\n", query, accept);
    client_send(&f->client, text);
    for (int i = 0; i < 500; i++) /* nobody reads: it stands half done */
        assert_int_equal(loop_step(f->world->loop, 0), 0);
}

static struct value *end(struct fixture *f)
{
    assert_true(client_await(&f->client, "\r\n0\r\n\r\n"));
    struct value *object = NULL;
    struct err err = {0};
    autofree char *body = client_body(&f->client);
    if (json_parse(body, strlen(body), &object, &err) != 0)
        fail_msg("%s", err.msg);
    return object;
}

/* Everywhere, also where the list has not come to yet. */
static void change_much(struct fixture *f)
{
    char name[16];
    for (int i = 0; i < COUNT; i += 7) {
        snprintf(name, sizeof(name), "c-%04d", i);
        if (i % 2) {
            assert_int_equal(do_delete(f->world, &kind_config_map, "default", name, 0, NULL), 200);
            create(f->world, name, "again");
        } else {
            cleanup(value_free) struct value *object =
                get(f->world, &kind_config_map, "default", name);
            value_set_str(value_get(object, "data"), "a", "changed");
            assert_int_equal(do_update(f->world, &kind_config_map, "default", object, 0, NULL),
                             200);
        }
        snprintf(name, sizeof(name), "c-%04d-new", i);
        create(f->world, name, "new");
    }
}

static void test_list__shows_one_revision(void **state)
{
    struct fixture *f = *state;
    int64_t revision = api_revision(f->world->api);
    begin(f, "", "application/json");
    change_much(f);
    cleanup(value_free) struct value *list = end(f);
    const struct value *items = value_get(list, "items");
    assert_string_equal(value_get_str(list, "kind"), "ConfigMapList");
    assert_int_equal(
        strtoll(value_str(value_path(list, "metadata", "resourceVersion", NULL)), NULL, 10),
        revision);
    assert_int_equal(value_len(items), COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c-%04zu", i);
        assert_string_equal(object_name(value_at(items, i)), name);
        assert_int_equal(strlen(value_str(value_path(value_at(items, i), "data", "a", NULL))),
                         DATA);
    }
}

/* Everyone else is served while a list is being written. */
static void test_list__others_go_between(void **state)
{
    struct fixture *f = *state;
    struct client other = {0};
    connect_client(f, &other);
    begin(f, "", "application/json");
    assert_int_equal(client_ask(&other, "GET", CM "/c-0003", "", NULL), 200);
    client_done(&other);
    cleanup(value_free) struct value *list = end(f);
    assert_int_equal(value_len(value_get(list, "items")), COUNT);
}

/* Long pages tell at their end what is left. */
static void test_list__long_pages(void **state)
{
    static const struct {
        const char *query, *accept, *kind, *part;
        size_t count;
        int64_t remaining; /* -1: is not known */
    } cases[] = {
        {"?limit=1000", "application/json", "ConfigMapList", "items", 1000, 200},
        {"?limit=500&labelSelector=odd%3D1", "application/json", "ConfigMapList", "items", 500, -1},
        {"?limit=900", "application/json;as=Table;v=v1;g=meta.k8s.io", "Table", "rows", 900, 300},
        {"?limit=1100", "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io",
         "PartialObjectMetadataList", "items", 1100, 100},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        client_forget(&f->client);
        begin(f, cases[i].query, cases[i].accept);
        cleanup(value_free) struct value *list = end(f);
        const struct value *meta = value_get(list, "metadata");
        assert_string_equal(value_get_str(list, "kind"), cases[i].kind);
        assert_int_equal(value_len(value_get(list, cases[i].part)), cases[i].count);
        assert_non_null(value_get_str(meta, "continue"));
        assert_non_null(value_get_str(meta, "resourceVersion"));
        assert_int_equal(value_get_int(meta, "remainingItemCount", -1), cases[i].remaining);
        assert_true(!value_get(list, "columnDefinitions") == !str_eq(cases[i].kind, "Table"));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_list__shows_one_revision),
        TEST(test_list__others_go_between),
        TEST(test_list__long_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
