/* Answers in pieces: the loop is never held for long, nor is much kept for who does not read. */

#include "controller/http/pieces.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/client.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define PIECE 4096

/* Time passes while a piece is made, and as a test says. */
struct fixture {
    struct clock clock;
    int64_t now, cost;
    struct loop *loop;
    struct http *http;
    struct pieces_line line;
    size_t made, freed; /* pieces, sources */
    char order[16];     /* who made the first ones */
};

/* "/a/100/1": 100 pieces, then the end (1: not the end, it fails). */
struct source {
    struct fixture *f;
    char name;
    uint64_t left;
    bool fails;
};

static int next(void *ctx, struct buf *ret)
{
    struct source *source = ctx;
    struct fixture *f = source->f;
    char bytes[PIECE];
    memset(bytes, source->name, sizeof(bytes));
    (void)buf_add(ret, bytes, sizeof(bytes));
    if (f->made < sizeof(f->order) - 1)
        f->order[f->made] = source->name;
    f->made++;
    f->now += f->cost;
    if (--source->left > 0)
        return 1;
    return source->fails ? -EIO : 0;
}

static void source_free(void *ctx)
{
    struct source *source = ctx;
    source->f->freed++;
    free(source);
}

static bool admit(void *ctx, struct http_request *request)
{
    (void)ctx;
    (void)request;
    return true;
}

static void handle(void *ctx, struct http_request *request)
{
    struct source *source = xcalloc(1, sizeof(*source));
    const char *target = http_target(request);
    source->f = ctx;
    source->name = target[1];
    source->left = strtoul(target + 3, NULL, 10);
    source->fails = str_has_suffix(target, "/1");
    const struct pieces_source pieces = {next, source_free, source};
    pieces_send(&source->f->line, request, "text/plain", &pieces);
}

static void refuse(void *ctx, struct http_request *request, int code, const char *message)
{
    (void)ctx;
    http_answer(request, code, "text/plain", message, strlen(message));
}

static int64_t boot_ns(const struct clock *clock)
{
    return ((const struct fixture *)(const void *)clock)->now;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    struct err err = {0};
    signal(SIGPIPE, SIG_IGN);
    f->clock = (struct clock){boot_ns, boot_ns};
    f->now = 1000 * NS_PER_S;
    assert_int_equal(loop_new(&f->clock, &f->loop, &err), 0);
    const struct http_spec spec = {f->loop, 16, admit, handle, f, refuse, NULL};
    assert_int_equal(http_new(&spec, &f->http, &err), 0);
    pieces_init(&f->line, f->loop);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    pieces_free_all(&f->line);
    http_free(f->http);
    loop_free(f->loop);
    free(f);
    return 0;
}

static void ask(struct fixture *f, struct client *client, const char *path)
{
    struct err err = {0};
    autofree char *text = xasprintf("GET %s HTTP/1.1\r\nHost: a\r\n\r\n", path);
    assert_int_equal(http_add(f->http, client_connect(client, f->loop), NULL, NULL, &err), 0);
    client_send(client, text);
}

/* Until nothing more is made, nobody reading. */
static void run_unread(struct fixture *f)
{
    do
        assert_int_equal(loop_step(f->loop, 0), 0);
    while (loop_next(f->loop) <= f->now);
}

static void test_pieces__one_is_answered_whole(void **state)
{
    struct fixture *f = *state;
    struct client client = {0};
    ask(f, &client, "/a/1/0");
    assert_true(client_await(&client, "aaaa"));
    assert_true(client_await(&client, "Content-Length: 4096\r\n"));
    assert_int_equal(f->freed, 1);
    client_done(&client);
}

static void test_pieces__share_bounded_turns(void **state)
{
    struct fixture *f = *state;
    struct client clients[2] = {{0}};
    f->cost = NS_PER_MS;
    ask(f, &clients[0], "/a/40/0");
    ask(f, &clients[1], "/b/40/0");
    for (size_t before = 0; f->freed < 2;) {
        client_turn(&clients[0]);
        client_turn(&clients[1]);
        /* Two turns of two, and the first pieces, which come with the requests. */
        assert_in_range(f->made - before, 0, 6);
        before = f->made;
    }
    assert_int_equal(f->made, 80);
    assert_non_null(strstr(f->order, "abab"));
    for (size_t i = 0; i < 2; i++) {
        assert_true(client_await(&clients[i], "\r\n0\r\n\r\n"));
        client_done(&clients[i]);
    }
}

static void test_pieces__wait_for_who_does_not_read(void **state)
{
    struct fixture *f = *state;
    struct client client = {0};
    ask(f, &client, "/a/4096/0"); /* 16 MiB */
    for (size_t before = SIZE_MAX; before != f->made;) {
        before = f->made;
        for (int i = 0; i < 100; i++)
            run_unread(f);
    }
    assert_in_range(f->made * PIECE, PIECE, HTTP_MAX_PENDING);
    assert_int_equal(f->freed, 0);
    assert_true(client_await(&client, "\r\n0\r\n\r\n")); /* and go on when he does */
    assert_int_equal(f->made, 4096);
    client_done(&client);
}

/* Whoever takes all day is not waited for. */
static void test_pieces__have_an_end(void **state)
{
    struct fixture *f = *state;
    struct client client = {0};
    ask(f, &client, "/a/4096/0");
    for (int i = 0; i < 100; i++)
        run_unread(f);
    assert_int_equal(f->freed, 0);
    f->now += HTTP_ANSWER_S * NS_PER_S;
    for (int i = 0; i < 100 && !f->freed; i++)
        run_unread(f);
    assert_int_equal(f->freed, 1);
    client_done(&client);
}

static void test_pieces__a_failed_one_is_cut(void **state)
{
    struct fixture *f = *state;
    struct client client = {0};
    ask(f, &client, "/a/3/1");
    assert_false(client_await(&client, "\r\n0\r\n\r\n"));
    assert_true(client.closed);
    assert_int_equal(f->freed, 1);
    client_done(&client);
}

static void test_pieces__gone_and_aborted(void **state)
{
    struct fixture *f = *state;
    struct client gone = {0}, aborted = {0};
    ask(f, &gone, "/a/4096/0");
    ask(f, &aborted, "/b/4096/0");
    for (int i = 0; i < 100; i++)
        run_unread(f);
    client_done(&gone);
    for (int i = 0; i < 100 && f->freed < 1; i++)
        run_unread(f);
    assert_int_equal(f->freed, 1);
    pieces_abort_all(&f->line);
    assert_int_equal(f->freed, 2);
    assert_false(client_await(&aborted, "\r\n0\r\n\r\n"));
    client_done(&aborted);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_pieces__one_is_answered_whole),      TEST(test_pieces__share_bounded_turns),
        TEST(test_pieces__wait_for_who_does_not_read), TEST(test_pieces__have_an_end),
        TEST(test_pieces__a_failed_one_is_cut),        TEST(test_pieces__gone_and_aborted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
