#include "bench.h"

#include "common/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static int setup(void **state)
{
    struct bench *bench = calloc(1, sizeof(*bench));
    bench_init(bench);
    *state = bench;
    return 0;
}

static int teardown(void **state)
{
    bench_done(*state);
    free(*state);
    return 0;
}

static void assert_item(struct bench *bench, const char *key, const char *value, int64_t created,
                        int64_t modified)
{
    struct store_item item;
    assert_int_equal(store_get(bench->store, key, &item), 0);
    assert_string_equal(item.key, key);
    assert_int_equal(item.len, strlen(value));
    assert_memory_equal(item.value, value, item.len);
    assert_int_equal(item.create_revision, created);
    assert_int_equal(item.mod_revision, modified);
}

static void test_store__lives_of_an_object(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    struct result a = bench_write(bench, STORE_DURABLE, "/pods/default/a", "one", STORE_NONE);
    assert_int_equal(a.code, 0);
    assert_int_equal(store_revision(bench->store), a.revision);
    assert_item(bench, "/pods/default/a", "one", a.revision, a.revision);

    struct result b = bench_write(bench, STORE_DURABLE, "/pods/default/a", "two", a.revision);
    assert_int_equal(b.code, 0);
    assert_true(b.revision > a.revision);
    static const struct {
        const char *key, *value;
        int64_t expect_from_a;
        int code;
    } refused[] = {
        {"/pods/default/a", "x", -2, -EEXIST},
        {"/pods/default/a", "x", 0, -ESTALE},
        {"/pods/default/a", NULL, 0, -ESTALE},
        {"/pods/default/b", "x", 0, -ENOENT},
        {"/pods/default/b", NULL, 0, -ENOENT},
        {"/pods/default/b", NULL, -1, -ENOENT},
        {"", "x", -1, -EINVAL},
    };
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        int64_t expect = refused[i].expect_from_a == -2   ? STORE_NONE
                         : refused[i].expect_from_a == -1 ? STORE_ANY
                                                          : a.revision;
        assert_int_equal(
            bench_write(bench, STORE_DURABLE, refused[i].key, refused[i].value, expect).code,
            refused[i].code);
    }
    bench_close(bench);

    bench_open(bench);
    assert_item(bench, "/pods/default/a", "two", a.revision, b.revision);
    assert_true(store_revision(bench->store) > b.revision);
    struct result c = bench_write(bench, STORE_DURABLE, "/pods/default/a", NULL, b.revision);
    assert_int_equal(c.code, 0);
    struct store_item item;
    assert_int_equal(store_get(bench->store, "/pods/default/a", &item), -ENOENT);
    bench_close(bench);

    bench_open(bench);
    assert_int_equal(store_count(bench->store, ""), 0);
    struct result d = bench_write(bench, STORE_DURABLE, "/pods/default/a", "", STORE_NONE);
    assert_int_equal(d.code, 0);
    assert_item(bench, "/pods/default/a", "", d.revision, d.revision);
}

/* Two writers with one expectation: the second is refused although the first is not on disk yet,
 * and hears of it after the first. */
static void test_store__precondition_meets_queued_writes(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    struct result results[4] = {{1}, {1}, {1}, {1}};
    int64_t *first = &results[0].revision;
    store_put(bench->store, STORE_DURABLE, "k", "1", 1, STORE_NONE, bench_done_fn, &results[0]);
    store_put(bench->store, STORE_DURABLE, "k", "2", 1, STORE_NONE, bench_done_fn, &results[1]);
    store_delete(bench->store, "k", STORE_ANY, bench_done_fn, &results[2]);
    store_put(bench->store, STORE_DURABLE, "k", "3", 1, STORE_NONE, bench_done_fn, &results[3]);
    bench_wait(bench, &results[1].open);
    assert_int_equal(results[0].open, 0);
    bench_wait(bench, &results[3].open);
    assert_int_equal(results[0].code, 0);
    assert_int_equal(results[1].code, -EEXIST);
    assert_int_equal(results[2].code, 0);
    assert_int_equal(results[3].code, 0);
    assert_true(*first < results[2].revision && results[2].revision < results[3].revision);
    assert_item(bench, "k", "3", results[3].revision, results[3].revision);
}

struct listing {
    char text[512];
    int stop_after;
};

static int on_item(void *ctx, const struct store_item *item)
{
    struct listing *listing = ctx;
    strncat(listing->text, item->key, 60);
    strcat(listing->text, " ");
    return --listing->stop_after == 0;
}

static void test_store__list(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    static const char *const keys[] = {"/pods/b/x", "/nodes//n", "/pods/a/y", "/pods/a/x"};
    for (size_t i = 0; i < 4; i++)
        bench_write(bench, STORE_DURABLE, keys[i], "v", STORE_ANY);
    static const struct {
        const char *prefix, *after;
        int stop;
        const char *text;
    } cases[] = {
        {"", NULL, 0, "/nodes//n /pods/a/x /pods/a/y /pods/b/x "},
        {"/pods/", NULL, 0, "/pods/a/x /pods/a/y /pods/b/x "},
        {"/pods/a/", NULL, 0, "/pods/a/x /pods/a/y "},
        {"/pods/", NULL, 2, "/pods/a/x /pods/a/y "},
        {"/pods/", "/pods/a/x", 0, "/pods/a/y /pods/b/x "},
        {"/pods/", "/pods/a/xx", 0, "/pods/a/y /pods/b/x "},
        {"/pods/", "/nodes//n", 0, "/pods/a/x /pods/a/y /pods/b/x "},
        {"/pods/", "/pods/b/x", 0, ""},
        {"/services/", NULL, 0, ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct listing listing = {.stop_after = cases[i].stop};
        int r = store_list(bench->store, cases[i].prefix, cases[i].after, on_item, &listing);
        assert_int_equal(r, cases[i].stop != 0);
        assert_string_equal(listing.text, cases[i].text);
    }
    assert_int_equal(store_count(bench->store, "/pods/"), 3);
}

/* Watches */

struct watching {
    struct bench *bench;
    struct store_watch *watch;
    struct store_watch *other; /* freed on the first event */
    char text[1024];
    int64_t last;
    int left; /* counts down */
    bool free_self;
};

static void on_event(void *ctx, const struct store_event *event)
{
    struct watching *w = ctx;
    char line[128];
    snprintf(line, sizeof(line), "%c%s=%.*s(%.*s) ", event->type == STORE_PUT ? '+' : '-',
             event->item->key, (int)event->item->len,
             event->item->value ? (const char *)event->item->value : "",
             event->previous ? (int)event->previous->len : 1,
             event->previous ? (const char *)event->previous->value : "-");
    if (strlen(w->text) + strlen(line) < sizeof(w->text))
        strcat(w->text, line);
    assert_true((event->item->value == NULL) == (event->type == STORE_DELETE));
    w->last = event->item->mod_revision;
    w->left--;
    store_watch_free(w->other);
    w->other = NULL;
    if (w->free_self) {
        store_watch_free(w->watch);
        w->watch = NULL;
    }
}

static void start(struct watching *w, struct bench *bench, const char *prefix, int64_t from)
{
    w->bench = bench;
    assert_int_equal(store_watch(bench->store, prefix, from, on_event, w, &w->watch), 0);
    assert_string_equal(w->text, ""); /* never from inside the call */
}

static void test_store__watch_from_anywhere(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    int64_t before = store_revision(bench->store);
    struct result a = bench_write(bench, STORE_DURABLE, "/p/a", "1", STORE_ANY);
    bench_write(bench, STORE_VOLATILE, "/p/a", "2", STORE_ANY);
    bench_write(bench, STORE_DURABLE, "/q/a", "9", STORE_ANY);
    bench_write(bench, STORE_VOLATILE, "/p/b", "3", STORE_ANY);
    bench_write(bench, STORE_DURABLE, "/p/b", NULL, STORE_ANY);

    struct watching all = {.left = 6}, part = {.left = 5}, present = {.left = 2},
                    late = {.left = 1};
    start(&all, bench, "/p/", before);
    start(&part, bench, "/p/", a.revision);
    start(&present, bench, "/p/", 0);
    start(&late, bench, "/p/", store_revision(bench->store));
    /* Live changes queue behind what is caught up with. */
    struct result results[2] = {{1}, {1}};
    store_put(bench->store, STORE_DURABLE, "/p/c", "4", 1, STORE_ANY, bench_done_fn, &results[0]);
    store_delete(bench->store, "/p/a", STORE_ANY, bench_done_fn, &results[1]);
    bench_wait(bench, &results[1].open);
    assert_string_equal(all.text,
                        "+/p/a=1(-) +/p/a=2(1) +/p/b=3(-) -/p/b=(3) +/p/c=4(-) -/p/a=(2) ");
    assert_string_equal(part.text, "+/p/a=2(1) +/p/b=3(-) -/p/b=(3) +/p/c=4(-) -/p/a=(2) ");
    assert_string_equal(present.text, "+/p/a=2(-) +/p/c=4(-) -/p/a=(2) ");
    assert_string_equal(late.text, "+/p/c=4(-) -/p/a=(2) ");
    assert_int_equal(all.last, results[1].revision);
    store_watch_free(all.watch);
    store_watch_free(part.watch);
    store_watch_free(present.watch);
    /* late is left to store_close */
}

static void test_store__watch_freed_inside_callbacks(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    int64_t before = store_revision(bench->store);
    bench_write(bench, STORE_DURABLE, "/p/a", "1", STORE_ANY);
    bench_write(bench, STORE_DURABLE, "/p/b", "1", STORE_ANY);
    /* While catching up: itself, and another that was not begun. */
    struct watching self = {.free_self = true}, victim = {0}, killer = {0};
    start(&self, bench, "/p/", before);
    start(&killer, bench, "/p/", store_revision(bench->store));
    start(&victim, bench, "/p/", before);
    self.other = victim.watch;
    bench_write(bench, STORE_DURABLE, "/p/c", "1", STORE_ANY);
    assert_string_equal(self.text, "+/p/a=1(-) ");
    assert_string_equal(victim.text, "");
    assert_string_equal(killer.text, "+/p/c=1(-) ");
    /* Live: one before, one after in the list. */
    struct watching first = {0}, last = {0};
    start(&first, bench, "/p/", store_revision(bench->store));
    start(&last, bench, "/p/", store_revision(bench->store));
    bench_write(bench, STORE_DURABLE, "/q/x", "1", STORE_ANY);
    killer.other = last.watch;
    first.other = killer.watch;
    first.free_self = true;
    bench_write(bench, STORE_DURABLE, "/p/d", "1", STORE_ANY);
    assert_string_equal(first.text, "+/p/d=1(-) ");
    assert_string_equal(killer.text, "+/p/c=1(-) +/p/d=1(-) ");
    assert_string_equal(last.text, "");
    bench_write(bench, STORE_DURABLE, "/p/e", "1", STORE_ANY);
    assert_string_equal(last.text, "");
}

static void test_store__watch_stale(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    struct result a = bench_write(bench, STORE_DURABLE, "/p/a", "1", STORE_ANY);
    bench_write(bench, STORE_VOLATILE, "/p/v", "1", STORE_ANY);
    int64_t last = store_revision(bench->store);
    bench_close(bench);
    bench_open(bench);
    /* No watch goes on across a restart: volatile objects vanished without an event. */
    struct store_watch *watch = NULL;
    assert_int_equal(store_count(bench->store, ""), 1);
    assert_int_equal(store_compacted(bench->store, ""), store_revision(bench->store));
    assert_int_equal(store_watch(bench->store, "", a.revision, on_event, NULL, &watch), -ESTALE);
    assert_int_equal(store_watch(bench->store, "", last, on_event, NULL, &watch), -ESTALE);
    int64_t now = store_revision(bench->store);
    assert_int_equal(store_watch(bench->store, "", now + 1, on_event, NULL, &watch), -ESTALE);
    assert_null(watch);
    struct store_cursor *cursor = NULL;
    assert_int_equal(store_cursor_new(bench->store, "", NULL, last, &cursor), -ESTALE);
    assert_int_equal(store_cursor_new(bench->store, "", NULL, now + 1, &cursor), -ESTALE);
    assert_null(cursor);
    struct watching w = {0};
    start(&w, bench, "/p/", now);
    /* Beyond the history's cap. */
    struct result results = {1};
    for (int i = 0; i < 10010; i++) {
        results.open = 1;
        store_put(bench->store, STORE_VOLATILE, "/q", "x", 1, STORE_ANY,
                  i == 10009 ? bench_done_fn : NULL, &results);
    }
    bench_wait(bench, &results.open);
    assert_int_equal(store_compacted(bench->store, ""), now + 10);
    assert_int_equal(store_watch(bench->store, "", now + 9, on_event, NULL, &watch), -ESTALE);
    assert_int_equal(store_watch(bench->store, "", now + 10, on_event, NULL, &watch), 0);
    store_watch_free(watch);
}

/* Volatile versions of an object are lost with the process; what was durable of it is not. */
static void test_store__volatile(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    struct result a = bench_write(bench, STORE_DURABLE, "/nodes//n", "spec", STORE_NONE);
    struct result b = bench_write(bench, STORE_VOLATILE, "/nodes//n", "beat", a.revision);
    assert_int_equal(b.code, 0);
    assert_item(bench, "/nodes//n", "beat", a.revision, b.revision);
    bench_write(bench, STORE_VOLATILE, "/events/default/e", "x", STORE_NONE);
    bench_close(bench);
    bench_open(bench);
    assert_item(bench, "/nodes//n", "spec", a.revision, a.revision);
    assert_int_equal(store_count(bench->store, ""), 1);
    /* A volatile version over a row: deleting it deletes the row. */
    bench_write(bench, STORE_VOLATILE, "/nodes//n", "beat", STORE_ANY);
    assert_int_equal(bench_write(bench, STORE_DURABLE, "/nodes//n", NULL, STORE_ANY).code, 0);
    bench_write(bench, STORE_VOLATILE, "/nodes//m", "beat", STORE_ANY);
    assert_int_equal(bench_write(bench, STORE_DURABLE, "/nodes//m", "spec", STORE_ANY).code, 0);
    bench_close(bench);
    bench_open(bench);
    assert_int_equal(store_count(bench->store, ""), 1);
    assert_int_equal(store_count(bench->store, "/nodes//m"), 1);
}

/* A life of the store that ends in a crash after so many volatile writes, or in order; the last
 * revision that somebody saw. */
static int64_t live_and_die(struct bench *bench, int writes, bool crash)
{
    int fds[2], status;
    int64_t last = 0;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        bench_open(bench);
        for (int i = 0; i < writes; i += 1000) {
            struct result result = {1};
            for (int n = 0; n < 1000; n++)
                store_put(bench->store, STORE_VOLATILE, "/events/e", "x", 1, STORE_ANY,
                          n == 999 ? bench_done_fn : NULL, &result);
            bench_wait(bench, &result.open);
            last = result.revision;
        }
        if (!crash)
            bench_close(bench);
        _exit(write(fds[1], &last, sizeof(last)) == sizeof(last) ? 0 : 1);
    }
    close(fds[1]);
    assert_int_equal(read(fds[0], &last, sizeof(last)), sizeof(last));
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return last;
}

/* Revisions that nothing on disk shows are not given out twice: not those of a few writes, nor
 * those of more than one reservation holds. */
static void test_store__volatile_revisions_are_not_given_twice(void **state)
{
    struct bench *bench = *state;
    static const struct {
        int writes;
        bool crash;
    } lives[] = {{1000, true}, {1000, false}, {1000, true}, {1200000, true}, {1000, false}};
    int64_t last = 0;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        last = live_and_die(bench, lives[i].writes, lives[i].crash);
        bench_open(bench);
        struct store_watch *watch = NULL;
        assert_true(store_revision(bench->store) > last);
        assert_int_equal(store_count(bench->store, ""), 0);
        assert_int_equal(store_watch(bench->store, "", last, on_event, NULL, &watch), -ESTALE);
        assert_true(bench_write(bench, STORE_VOLATILE, "/events/e", "x", STORE_NONE).revision >
                    last + 1);
        bench_close(bench);
    }
}

/* Closing writes what was handed over, and calls nobody. */
static void test_store__close_writes(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    struct result result = {1};
    char key[32];
    for (int i = 0; i < 500; i++) {
        snprintf(key, sizeof(key), "/p/%d", i);
        store_put(bench->store, STORE_DURABLE, key, "v", 1, STORE_NONE, bench_done_fn, &result);
    }
    bench_close(bench);
    assert_int_equal(result.open, 1);
    bench_open(bench);
    assert_int_equal(store_count(bench->store, "/p/"), 500);
}

static void test_store__caps(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    char *big = calloc(1, STORE_MAX_VALUE + 1);
    char key[STORE_MAX_KEY + 2];
    memset(key, 'k', sizeof(key));
    key[STORE_MAX_KEY + 1] = '\0';
    struct result results[64] = {{0}};
    assert_int_equal(bench_write(bench, STORE_DURABLE, key, "v", STORE_ANY).code, -EMSGSIZE);
    key[STORE_MAX_KEY] = '\0';
    assert_int_equal(bench_write(bench, STORE_DURABLE, key, "v", STORE_ANY).code, 0);
    results[0].open = 1;
    store_put(bench->store, STORE_DURABLE, "k", big, STORE_MAX_VALUE + 1, STORE_ANY, bench_done_fn,
              &results[0]);
    bench_wait(bench, &results[0].open);
    assert_int_equal(results[0].code, -EMSGSIZE);
    for (int i = 0; i < 40; i++) {
        results[i].open = 1;
        store_put(bench->store, STORE_DURABLE, "k", big, STORE_MAX_VALUE, STORE_ANY, bench_done_fn,
                  &results[i]);
    }
    for (int i = 0; i < 40; i++) {
        bench_wait(bench, &results[i].open);
        assert_int_equal(results[i].code, i < 31 ? 0 : -ENOBUFS);
    }
    assert_int_equal(bench_write(bench, STORE_DURABLE, "k", "v", STORE_ANY).code, 0);
    free(big);
}

static void test_store__in_memory_only(void **state)
{
    struct bench *bench = *state;
    struct err err = {0};
    assert_int_equal(loop_new(clock_system(), &bench->loop, &err), 0);
    assert_int_equal(store_open(bench->loop, NULL, &bench->store, &err), 0);
    struct result a = bench_write(bench, STORE_DURABLE, "k", "v", STORE_NONE);
    assert_int_equal(a.code, 0);
    assert_item(bench, "k", "v", a.revision, a.revision);
    assert_int_equal(bench_write(bench, STORE_DURABLE, "k", NULL, a.revision).code, 0);
}

/* Opening what is not whole */

static void assert_refused(struct bench *bench, int code, const char *reason)
{
    struct err err = {0};
    struct loop *loop;
    struct store *store = NULL;
    assert_int_equal(loop_new(clock_system(), &loop, &err), 0);
    int r = store_open(loop, bench->path, &store, &err);
    assert_null(store);
    loop_free(loop);
    assert_int_equal(r, code);
    if (!strstr(err.msg, reason))
        fail_msg("\"%s\" does not say \"%s\"", err.msg, reason);
}

/* Overwrites `find` in the file, once, by `put` (of one length). */
static void patch(const char *path, const char *find, const char *put)
{
    struct buf buf;
    struct stat st;
    buf_init(&buf, 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    char *data = buf_reserve(&buf, (size_t)st.st_size);
    assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
    const char *at = memmem(data, (size_t)st.st_size, find, strlen(find));
    assert_non_null(at);
    assert_int_equal(pwrite(fd, put, strlen(put), at - data), strlen(put));
    close(fd);
    buf_done(&buf);
}

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void test_store__flipped_bit_is_said(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    bench_write(bench, STORE_DURABLE, "/pods/default/web", "a value of a pod", STORE_ANY);
    bench_close(bench);
    patch(bench->path, "a value of a pod", "a value of c pod");
    assert_refused(bench, -EBADMSG, "/pods/default/web");
    assert_refused(bench, -EBADMSG, "restore a backup");
    patch(bench->path, "a value of c pod", "a value of a pod");
    patch(bench->path, "/pods/default/web", "/pods/default/wec");
    assert_refused(bench, -EBADMSG, "fails its checksum");
    patch(bench->path, "/pods/default/wec", "/pods/default/web");
    patch(bench->path, "reserved", "reversed");
    assert_refused(bench, -EBADMSG, "\"reserved\" is missing");
    patch(bench->path, "reversed", "reserved");
    bench_open(bench);
    assert_int_equal(store_count(bench->store, ""), 1);
}

static void test_store__refuses_what_is_not_a_store(void **state)
{
    struct bench *bench = *state;
    char wal[128];
    snprintf(wal, sizeof(wal), "%s-wal", bench->path);
    write_file(bench->path, "");
    assert_refused(bench, -EBADMSG, "the file is empty");
    write_file(bench->path, "this is no database at all, whatever its name says; it is a text that "
                            "is longer than the header of one, which takes one hundred bytes");
    assert_refused(bench, -EBADMSG, "not a database");
    unlink(bench->path);
    write_file(wal, "left over");
    assert_refused(bench, -EBADMSG, "missing, but its log");
    unlink(wal);
    snprintf(bench->path, sizeof(bench->path), "%s/none/state.db", bench->dir);
    assert_refused(bench, -ENOENT, "No such file");
}

static void test_store__one_process_only(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    assert_refused(bench, -EBUSY, "another process has it open");
}

static void test_store__newer_schema_and_damaged_pages(void **state)
{
    struct bench *bench = *state;
    bench_open(bench);
    char key[32], value[2000];
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "/p/%d", i);
        bench_write(bench, STORE_DURABLE, key, value, STORE_ANY);
    }
    bench_close(bench);
    int fd = open(bench->path, O_RDWR);
    char version[4], newer[4] = {0, 0, 0, 9}, page[64], noise[64];
    assert_int_equal(pread(fd, version, 4, 60), 4); /* user_version in the header */
    assert_int_equal(pwrite(fd, newer, 4, 60), 4);
    assert_refused(bench, -ENOTSUP, "written by a newer Limpet");
    assert_int_equal(pwrite(fd, version, 4, 60), 4);
    memset(noise, 0xa5, sizeof(noise));
    for (off_t at = 4096 * 3; at < 4096 * 6; at += 4096) {
        assert_int_equal(pread(fd, page, sizeof(page), at), sizeof(page));
        assert_int_equal(pwrite(fd, noise, sizeof(noise), at), sizeof(noise));
    }
    close(fd);
    assert_refused(bench, -EBADMSG, "restore a backup");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_store__lives_of_an_object),
        TEST(test_store__precondition_meets_queued_writes),
        TEST(test_store__list),
        TEST(test_store__watch_from_anywhere),
        TEST(test_store__watch_freed_inside_callbacks),
        TEST(test_store__watch_stale),
        TEST(test_store__volatile),
        TEST(test_store__volatile_revisions_are_not_given_twice),
        TEST(test_store__close_writes),
        TEST(test_store__caps),
        TEST(test_store__in_memory_only),
        TEST(test_store__flipped_bit_is_said),
        TEST(test_store__refuses_what_is_not_a_store),
        TEST(test_store__one_process_only),
        TEST(test_store__newer_schema_and_damaged_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
