/* The registry's face, over a real store. */

#include "controller/registry/service.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/client.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>

#include <cmocka.h>

#define OCI "application/vnd.oci.image.manifest.v1+json"
#define UPLOADS "/v2/app/blobs/uploads/"

struct fixture {
    char dir[64];
    struct loop *loop;
    struct depot *depot;
    struct uploads *uploads;
    struct service *service;
    struct client client;
    int asked;
};

/* ann may everything; bob gets; others nothing. */
static int may(void *ctx, const struct http_peer *peer, const char *authorization, const char *verb,
               const char *repository, struct err *why)
{
    struct fixture *f = ctx;
    (void)repository;
    f->asked++;
    snprintf(why->msg, sizeof(why->msg), "%s may not %s", peer->user ? peer->user : "?", verb);
    if (str_eq(authorization, "Basic Ym9iOnB3") || str_eq(peer->user, "bob"))
        return str_eq(verb, "get") || !*verb ? 200 : 403;
    return str_eq(peer->user, "ann") && !str_eq(repository, "private") ? 200
           : peer->user                                                ? 403
                                                                       : 401;
}

static void connect_as(struct fixture *f, struct client *client, const char *user)
{
    struct http_peer peer = {.user = user};
    struct err err = {0};
    assert_int_equal(service_add(f->service, client_connect(client, f->loop), &peer, &err), 0);
}

static void begin(struct fixture *f, int64_t max_bytes)
{
    struct err err = {0};
    const struct depot_spec depot = {disk_posix(), f->dir, max_bytes};
    assert_int_equal(depot_open(&depot, &f->depot, &err), 0);
    assert_int_equal(uploads_new(f->depot, disk_posix(), rng_system(), &f->uploads, &err), 0);
    const struct service_spec spec = {f->loop, f->depot, f->uploads, may, f};
    assert_int_equal(service_new(&spec, &f->service, &err), 0);
    connect_as(f, &f->client, "ann");
}

static void end(struct fixture *f)
{
    client_done(&f->client);
    service_free(f->service);
    uploads_free(f->uploads);
    depot_free(f->depot);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    snprintf(f->dir, sizeof(f->dir), "/tmp/service_test.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(loop_new(clock_system(), &f->loop, &err), 0);
    begin(f, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    end(f);
    loop_free(f->loop);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), f->dir, &err), 0);
    free(f);
    return 0;
}

static char *digest_of(const char *text)
{
    char hex[SHA256_HEX + 1];
    sha256_hex(text, strlen(text), hex);
    return xasprintf("sha256:%s", hex);
}

/* There is a connection: the last one may have been closed with its answer. */
static void ready(struct fixture *f)
{
    client_quiet(&f->client);
    if (f->client.closed) {
        client_done(&f->client);
        connect_as(f, &f->client, "ann");
    }
    client_forget(&f->client);
}

static int ask(struct fixture *f, const char *method, const char *target, const char *headers,
               const char *body)
{
    ready(f);
    return client_ask(&f->client, method, target, headers, body);
}

static bool said(const struct fixture *f, const char *text)
{
    return strstr(buf_str(&f->client.in), text);
}

/* A header's value. The caller's. */
static char *header(const struct fixture *f, const char *name)
{
    autofree char *start = xasprintf("\r\n%s: ", name);
    const char *at = strstr(buf_str(&f->client.in), start);
    assert_non_null(at);
    at += strlen(start);
    return xstrndup(at, strcspn(at, "\r"));
}

/* An answer without a body, and without its length. */
static void ask_204(struct fixture *f, const char *method, const char *target)
{
    autofree char *head = xasprintf("%s %s HTTP/1.1\r\nHost: x\r\n\r\n", method, target);
    ready(f);
    client_send(&f->client, head);
    assert_true(client_await(&f->client, "\r\n\r\n"));
    assert_true(str_has_prefix(buf_str(&f->client.in), "HTTP/1.1 204 "));
}

static void push_blob(struct fixture *f, const char *text)
{
    autofree char *digest = digest_of(text);
    autofree char *target = xasprintf(UPLOADS "?digest=%s", digest);
    assert_int_equal(ask(f, "POST", target, "", text), 201);
}

static char *push_image(struct fixture *f, const char *tag)
{
    autofree char *config = digest_of("{}"), *layer = digest_of("layer");
    push_blob(f, "{}");
    push_blob(f, "layer");
    char *text = xasprintf("{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":2},"
                           "\"layers\":[{\"digest\":\"%s\",\"size\":5}]}",
                           config, layer);
    autofree char *target = xasprintf("/v2/app/manifests/%s", tag);
    assert_int_equal(ask(f, "PUT", target, "Content-Type: " OCI "\r\n", text), 201);
    return text;
}

static void test_service__push_and_pull(void **state)
{
    struct fixture *f = *state;
    autofree char *text = push_image(f, "1");
    autofree char *digest = digest_of(text), *layer = digest_of("layer");
    assert_int_equal(ask(f, "GET", "/v2/", "", NULL), 200);
    assert_true(said(f, "Docker-Distribution-API-Version: registry/2.0"));
    assert_int_equal(ask(f, "GET", "/v2/app/manifests/1", "", NULL), 200);
    assert_true(said(f, text));
    assert_true(said(f, "Content-Type: " OCI));
    assert_true(said(f, digest));
    autofree char *by_digest = xasprintf("/v2/app/manifests/%s", digest);
    assert_int_equal(ask(f, "HEAD", by_digest, "", NULL), 200);
    assert_int_equal(ask(f, "GET", "/v2/app/manifests/2", "", NULL), 404);
    assert_true(said(f, "MANIFEST_UNKNOWN"));
    autofree char *blob = xasprintf("/v2/app/blobs/%s", layer);
    assert_int_equal(ask(f, "GET", blob, "", NULL), 200);
    assert_true(said(f, "\r\n\r\nlayer"));
    assert_int_equal(ask(f, "GET", blob, "Range: bytes=2-\r\n", NULL), 206);
    assert_true(said(f, "\r\n\r\nyer"));
    assert_true(said(f, "Content-Range: bytes 2-4/5"));
    assert_int_equal(ask(f, "GET", blob, "Range: bytes=5-\r\n", NULL), 416);
    assert_int_equal(ask(f, "HEAD", blob, "", NULL), 200);
    assert_true(said(f, "Content-Length: 5"));
    assert_int_equal(ask(f, "GET", "/v2/app/tags/list", "", NULL), 200);
    assert_true(said(f, "{\"name\":\"app\",\"tags\":[\"1\"]}"));
    assert_int_equal(ask(f, "GET", "/v2/other/tags/list", "", NULL), 404);
    assert_true(said(f, "NAME_UNKNOWN"));
    autofree char *referrers = xasprintf("/v2/app/referrers/%s", digest);
    assert_int_equal(ask(f, "GET", referrers, "", NULL), 404);
    assert_int_equal(ask(f, "DELETE", "/v2/app/manifests/1", "", NULL), 202);
    assert_int_equal(ask(f, "GET", "/v2/app/manifests/1", "", NULL), 404);
    assert_int_equal(ask(f, "DELETE", by_digest, "", NULL), 202);
    assert_int_equal(ask(f, "DELETE", by_digest, "", NULL), 404);
    assert_int_equal(ask(f, "DELETE", blob, "", NULL), 202);
    assert_int_equal(ask(f, "GET", blob, "", NULL), 404);
    assert_true(said(f, "BLOB_UNKNOWN"));
}

static void test_service__pages(void **state)
{
    static const char *const tags[] = {"1", "2", "3"};
    struct fixture *f = *state;
    push_blob(f, "x");
    assert_int_equal(ask(f, "GET", "/v2/app/tags/list", "", NULL), 200);
    assert_true(said(f, "[]"));
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        free(push_image(f, tags[i]));
    assert_int_equal(ask(f, "GET", "/v2/app/tags/list?n=2", "", NULL), 200);
    assert_true(said(f, "[\"1\",\"2\"]"));
    assert_true(said(f, "Link: </v2/app/tags/list?n=2&last=2>; rel=\"next\""));
    assert_int_equal(ask(f, "GET", "/v2/app/tags/list?n=2&last=2", "", NULL), 200);
    assert_true(said(f, "[\"3\"]"));
    assert_false(said(f, "Link:"));
    assert_int_equal(ask(f, "GET", "/v2/app/tags/list?n=0", "", NULL), 200);
    assert_true(said(f, "[]"));
    assert_int_equal(ask(f, "GET", "/v2/app/tags/list?n=x", "", NULL), 400);
    assert_int_equal(ask(f, "GET", "/v2/_catalog", "", NULL), 200);
    assert_true(said(f, "{\"repositories\":[\"app\"]}"));
    assert_int_equal(ask(f, "GET", "/v2/_catalog?last=app", "", NULL), 200);
    assert_true(said(f, "{\"repositories\":[]}"));
}

static void test_service__chunks(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", UPLOADS, "", NULL), 202);
    autofree char *at = header(f, "Location");
    assert_int_equal(ask(f, "PATCH", at, "Content-Range: 0-3\r\n", "hell"), 202);
    assert_true(said(f, "Range: 0-3\r\n"));
    /* Not where it goes on: told where that is. */
    assert_int_equal(ask(f, "PATCH", at, "Content-Range: 5-6\r\n", "xx"), 416);
    assert_true(said(f, "Range: 0-3\r\n"));
    assert_int_equal(ask(f, "PATCH", at, "Content-Range: nonsense\r\n", "xx"), 416);
    ask_204(f, "GET", at);
    assert_true(said(f, "Range: 0-3\r\n"));
    autofree char *digest = digest_of("hello world");
    autofree char *last = xasprintf("%s?digest=%s", at, digest);
    autofree char *wrong = xasprintf("%s?digest=sha256:12", at);
    assert_int_equal(ask(f, "PUT", wrong, "", NULL), 400);
    assert_int_equal(ask(f, "PUT", at, "", NULL), 400);
    assert_int_equal(ask(f, "PATCH", at, "", "o"), 202);
    assert_int_equal(ask(f, "PUT", last, "", " world"), 201);
    autofree char *blob = header(f, "Location");
    assert_int_equal(ask(f, "GET", blob, "", NULL), 200);
    assert_true(said(f, "\r\n\r\nhello world"));
    assert_int_equal(ask(f, "PATCH", at, "", "o"), 404);
    assert_true(said(f, "BLOB_UPLOAD_UNKNOWN"));
    /* And one that is given up. */
    assert_int_equal(ask(f, "POST", UPLOADS, "", NULL), 202);
    autofree char *other = header(f, "Location");
    ask_204(f, "DELETE", other);
    assert_int_equal(ask(f, "GET", other, "", NULL), 404);
    assert_int_equal(uploads_count(f->uploads), 0);
}

/* What came before a connection broke is there, and the rest goes behind it. */
static void test_service__a_push_that_is_cut(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ask(f, "POST", UPLOADS, "", NULL), 202);
    autofree char *at = header(f, "Location");
    autofree char *head =
        xasprintf("PATCH %s HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nhello ", at);
    client_send(&f->client, head);
    struct upload *upload = upload_find(f->uploads, strrchr(at, '/') + 1);
    assert_non_null(upload);
    AWAIT(upload_size(upload) == 6, client_turn(&f->client));
    client_done(&f->client);
    connect_as(f, &f->client, "ann");
    AWAIT(service_connections(f->service) == 1, client_turn(&f->client));
    ask_204(f, "GET", at);
    assert_true(said(f, "Range: 0-5\r\n"));
    /* A body that was cut by the screen in front says how long it should have been. */
    autofree char *digest = digest_of("hello world");
    autofree char *last = xasprintf("%s?digest=%s", at, digest);
    assert_int_equal(ask(f, "PUT", last, "Limpet-Body-Length: 50\r\n", "wor"), 400);
    ask_204(f, "GET", at);
    assert_true(said(f, "Range: 0-8\r\n"));
    assert_int_equal(ask(f, "PUT", last, "Limpet-Body-Length: 2\r\n", "ld"), 201);
}

static void test_service__what_is_wrong(void **state)
{
    struct fixture *f = *state;
    autofree char *digest = digest_of("something else");
    autofree char *post = xasprintf(UPLOADS "?digest=%s", digest);
    autofree char *manifest = xasprintf("/v2/app/manifests/%s", digest);
    autofree char *needs =
        xasprintf("{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":2},"
                  "\"layers\":[]}",
                  digest);
    const struct {
        const char *method, *target, *headers, *body;
        int code;
        const char *error;
    } cases[] = {
        {"POST", post, "", "something", 400, "DIGEST_INVALID"},
        {"POST", UPLOADS "?digest=md5:1", "", "x", 400, "DIGEST_INVALID"},
        {"POST", post, "Limpet-Body-Length: 99999999999999\r\n", NULL, 413, "SIZE_INVALID"},
        {"PUT", "/v2/app/manifests/1", "Content-Type: " OCI "\r\n", "{", 400, "MANIFEST_INVALID"},
        {"PUT", "/v2/app/manifests/1", "Content-Type: " OCI "\r\n", needs, 400,
         "MANIFEST_BLOB_UNKNOWN"},
        {"PUT", "/v2/app/manifests/.1", "Content-Type: " OCI "\r\n", needs, 400, "TAG_INVALID"},
        {"PUT", manifest, "Content-Type: " OCI "\r\n", needs, 400, "DIGEST_INVALID"},
        {"GET", "/v2/App/manifests/1", "", NULL, 400, "NAME_INVALID"},
        {"GET", "/v2/a%2fb/manifests/1", "", NULL, 400, "NAME_INVALID"},
        {"GET", "/v2/app/../x/manifests/1", "", NULL, 400, "NAME_INVALID"},
        {"GET", "/v2/app/blobs/sha256:..", "", NULL, 400, "DIGEST_INVALID"},
        {"PATCH", UPLOADS "..%2f..%2fx", "", "x", 400, "NAME_INVALID"},
        {"PATCH", UPLOADS "0123456789abcdef0123456789abcdef", "", "x", 404, "BLOB_UPLOAD_UNKNOWN"},
        {"GET", "/", "", NULL, 404, "UNSUPPORTED"},
        {"GET", "/refused/413", "", NULL, 413, "UNSUPPORTED"},
        {"PUT", "/v2/app/tags/list", "", "x", 405, "UNSUPPORTED"},
        {"POST", "/v2/private/blobs/uploads/", "", NULL, 403, "DENIED"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s %s\n", cases[i].method, cases[i].target);
        assert_int_equal(ask(f, cases[i].method, cases[i].target, cases[i].headers, cases[i].body),
                         cases[i].code);
        assert_true(said(f, cases[i].error));
    }
    assert_int_equal(uploads_count(f->uploads), 0);
    assert_int_equal(depot_used(f->depot), 0);
}

static void test_service__who_may(void **state)
{
    struct fixture *f = *state;
    free(push_image(f, "1"));
    autofree char *digest = digest_of("layer");
    autofree char *blob = xasprintf("/v2/app/blobs/%s", digest);
    autofree char *mount = xasprintf("/v2/other/blobs/uploads/?mount=%s&from=app", digest);
    autofree char *hidden = xasprintf("/v2/other/blobs/uploads/?mount=%s&from=private", digest);
    static const char *const people[] = {NULL, "eve"};
    for (size_t i = 0; i < ARRAY_LEN(people); i++) {
        static const char *const paths[] = {"/v2/", "/v2/_catalog", "/v2/app/tags/list",
                                            "/v2/app/manifests/1"};
        for (size_t n = 0; n < ARRAY_LEN(paths); n++) {
            struct client client;
            connect_as(f, &client, people[i]);
            assert_int_equal(client_ask(&client, "GET", paths[n], "", NULL), people[i] ? 403 : 401);
            assert_int_equal(strstr(buf_str(&client.in), "WWW-Authenticate: Basic") != NULL,
                             !people[i]);
            client_done(&client);
        }
    }
    struct client bob;
    connect_as(f, &bob, NULL);
    assert_int_equal(client_ask(&bob, "GET", blob, "Authorization: Basic Ym9iOnB3\r\n", NULL), 200);
    assert_int_equal(client_ask(&bob, "POST", UPLOADS, "Authorization: Basic Ym9iOnB3\r\n", NULL),
                     403);
    client_done(&bob);
    /* What may not be read is not given to another repository either: it is pushed. */
    assert_int_equal(ask(f, "POST", mount, "", NULL), 201);
    assert_int_equal(ask(f, "POST", hidden, "", NULL), 202);
}

static void test_service__full(void **state)
{
    struct fixture *f = *state;
    static char block[4096];
    memset(block, 'x', sizeof(block) - 1);
    autofree char *digest = digest_of(block);
    autofree char *post = xasprintf(UPLOADS "?digest=%s", digest);
    end(f);
    begin(f, 3000);
    /* Told before anything comes, and after it where nobody said how much it would be. */
    assert_int_equal(ask(f, "POST", post, "Limpet-Body-Length: 4095\r\n", NULL), 507);
    assert_true(said(f, "DENIED"));
    assert_int_equal(ask(f, "POST", post, "", block), 507);
    assert_true(said(f, "registryBytes"));
    assert_int_equal(depot_used(f->depot) <= 3000, true);
    push_blob(f, "small");
}

/* So many at once; the others wait for their turn, and get it. */
static void test_service__turns(void **state)
{
    enum { CLIENTS = SERVICE_TRANSFERS + 3, SIZE = 1024 * 1024 };
    struct fixture *f = *state;
    struct client clients[CLIENTS];
    autofree char *text = xmalloc(SIZE + 1);
    memset(text, 'x', SIZE);
    text[SIZE] = '\0';
    push_blob(f, text);
    autofree char *digest = digest_of(text);
    autofree char *get = xasprintf("GET /v2/app/blobs/%s HTTP/1.1\r\nHost: x\r\n\r\n", digest);
    int before = f->asked;
    for (int i = 0; i < CLIENTS; i++) {
        connect_as(f, &clients[i], "ann");
        client_send(&clients[i], get);
    }
    AWAIT(f->asked == before + CLIENTS, await_turn(f->loop));
    await_quiet(f->loop);
    int begun = 0;
    for (int i = 0; i < CLIENTS; i++) {
        char c;
        begun += recv(clients[i].fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
    }
    assert_int_equal(begun, SERVICE_TRANSFERS);
    client_done(&clients[CLIENTS - 1]); /* one that waited leaves */
    for (int i = 0; i < CLIENTS - 1; i++) {
        AWAIT(clients[i].in.len > SIZE, client_turn(&clients[i]));
        client_done(&clients[i]);
    }
    AWAIT(service_connections(f->service) == 1, await_turn(f->loop));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_service__push_and_pull), TEST(test_service__pages),
        TEST(test_service__chunks),        TEST(test_service__a_push_that_is_cut),
        TEST(test_service__what_is_wrong), TEST(test_service__who_may),
        TEST(test_service__full),          TEST(test_service__turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
