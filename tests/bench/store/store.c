/* The controller's store by itself, on disk as it always is (WAL, synchronous=FULL, group commit):
 * writes one after the other, each waiting for the last, and with many in flight; reads.
 *   bench-store <folder> <count> <in flight> <bytes> */
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/store/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

struct bench {
    struct loop *loop;
    struct store *store;
    char *value;
    size_t bytes, count, in_flight;
    size_t begun, done;
    int64_t *began, *took;
};

static void put(struct bench *b);

static void on_done(void *ctx, int code, int64_t revision)
{
    struct bench *b = ctx;
    (void)revision;
    if (code < 0) {
        fprintf(stderr, "bench-store: write failed: %d\n", code);
        exit(1);
    }
    b->took[b->done] = loop_now(b->loop) - b->began[b->done];
    if (++b->done == b->count)
        loop_stop(b->loop, 0);
    else if (b->begun < b->count)
        put(b);
}

/* Bytes that this process had written to the medium, the checkpoint of closing included. */
static long long written(void)
{
    char line[128];
    long long bytes = 0;
    FILE *io = fopen("/proc/self/io", "re");
    while (io && fgets(line, sizeof(line), io))
        if (sscanf(line, "write_bytes: %lld", &bytes) == 1)
            break;
    if (io)
        fclose(io);
    return bytes;
}

/* Results come in the order of the calls: the nth is of the nth write. */
static void put(struct bench *b)
{
    char key[64];
    snprintf(key, sizeof(key), "/pods/default/pod-%zu", b->begun % 10000);
    b->began[b->begun++] = loop_now(b->loop);
    store_put(b->store, STORE_DURABLE, key, b->value, b->bytes, STORE_ANY, on_done, b);
}

static void begin(void *ctx)
{
    struct bench *b = ctx;
    for (size_t i = 0; i < b->in_flight; i++)
        put(b);
}

static int compare(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void write_all(struct bench *b, size_t count, size_t in_flight)
{
    struct loop_timer *start = loop_timer_new(b->loop, begin, b);
    b->count = count;
    b->in_flight = in_flight;
    b->begun = b->done = 0;
    loop_timer_after(start, 0);
    int64_t began = loop_now(b->loop);
    if (loop_run(b->loop) < 0)
        exit(1);
    int64_t all = loop_now(b->loop) - began;
    loop_timer_free(start);
    qsort(b->took, count, sizeof(*b->took), compare);
    printf("write in_flight=%zu n=%zu per_s=%" PRId64 " p50_us=%" PRId64 " p99_us=%" PRId64 "\n",
           in_flight, count, (int64_t)count * NS_PER_S / all, b->took[(count - 1) / 2] / 1000,
           b->took[(count - 1) * 99 / 100] / 1000);
}

/* What a write costs the flash, alone and in a group: opening and closing included. */
static void write_cost(struct bench *b, const char *path, size_t count, size_t in_flight)
{
    struct err err = {0};
    long long before = written();
    if (store_open(b->loop, path, &b->store, &err) < 0) {
        fprintf(stderr, "bench-store: %s\n", err.msg);
        exit(1);
    }
    write_all(b, count, in_flight);
    store_close(b->store);
    b->store = NULL;
    printf("cost in_flight=%zu n=%zu bytes=%lld\n", in_flight, count,
           (written() - before) / (long long)count);
}

static int count_item(void *ctx, const struct store_item *item)
{
    size_t *n = ctx;
    (void)item;
    ++*n;
    return 0;
}

static void list_all(struct bench *b)
{
    size_t n = 0;
    int64_t began = loop_now(b->loop);
    store_list(b->store, "/pods/", NULL, count_item, &n);
    printf("list n=%zu us=%" PRId64 "\n", n, (loop_now(b->loop) - began) / 1000);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc != 5) {
        fputs("bench-store <folder> <count> <in flight> <bytes>\n", stderr);
        return 2;
    }
    struct bench b = {.bytes = (size_t)strtoul(argv[4], NULL, 10)};
    const size_t count = (size_t)strtoul(argv[2], NULL, 10);
    const size_t in_flight = (size_t)strtoul(argv[3], NULL, 10);
    if (count < 2000 || in_flight < 1 || in_flight > count || b.bytes > STORE_MAX_VALUE)
        return 2;
    autofree char *path = xasprintf("%s/state.db", argv[1]);
    b.value = xcalloc(1, b.bytes + 1);
    memset(b.value, 'x', b.bytes);
    b.began = xcalloc(count, sizeof(*b.began));
    b.took = xcalloc(count, sizeof(*b.took));
    if (loop_new(clock_system(), &b.loop, &err) < 0 ||
        store_open(b.loop, path, &b.store, &err) < 0) {
        fprintf(stderr, "bench-store: %s\n", err.msg);
        return 1;
    }
    write_all(&b, count, in_flight);
    write_all(&b, count / 20, 1);
    list_all(&b);
    store_close(b.store);
    write_cost(&b, path, count, in_flight);
    write_cost(&b, path, count / 20, 1);
    loop_free(b.loop);
    free(b.value);
    free(b.began);
    free(b.took);
    return 0;
}
