#include "acks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IN_FLIGHT 16

struct message {
    int64_t number, revision;
    int32_t key;
    char type; /* 'a'sked, 'd'one, 'v'olatile done */
    bool is_delete;
};

struct child {
    int fd;
    struct bench bench;
    struct acks *acks;
    unsigned seed;
    long left;
    int in_flight;
    int over;
};

struct request {
    struct child *child;
    struct message message;
};

static void send(const struct child *child, const struct message *message)
{
    if (write(child->fd, message, sizeof(*message)) != sizeof(*message))
        _exit(3);
}

static void key_name(char ret[32], int key)
{
    snprintf(ret, 32, "/pods/default/k%d", key);
}

static void on_done(void *ctx, int code, int64_t revision)
{
    struct request *request = ctx;
    struct child *child = request->child;
    child->in_flight--;
    if (code != 0 && code != -ENOENT)
        _exit(4);
    request->message.revision = revision;
    if (request->message.type == 'a')
        request->message.type = 'd';
    if (code == 0)
        send(child, &request->message);
    if (--child->left == 0)
        child->over = 0;
    free(request);
}

static void one_write(struct child *child)
{
    char key[32], value[600];
    struct request *request = calloc(1, sizeof(*request));
    int i = rand_r(&child->seed) % ACKS_KEYS;
    request->child = child;
    child->in_flight++;
    if (rand_r(&child->seed) % 10 == 0) {
        request->message = (struct message){.type = 'v'};
        store_put(child->bench.store, STORE_VOLATILE, "/leases/x", "v", 1, STORE_ANY, on_done,
                  request);
        return;
    }
    key_name(key, i);
    request->message = (struct message){
        .type = 'a',
        .key = i,
        .number = ++child->acks->keys[i].asked,
        .is_delete = rand_r(&child->seed) % 5 == 0,
    };
    send(child, &request->message);
    if (request->message.is_delete) {
        store_delete(child->bench.store, key, STORE_ANY, on_done, request);
        return;
    }
    memset(value, 'x', sizeof(value));
    snprintf(value, sizeof(value), "%lld", (long long)request->message.number);
    store_put(child->bench.store, STORE_DURABLE, key, value,
              sizeof(value) - (size_t)(rand_r(&child->seed) % 500), STORE_ANY, on_done, request);
}

void acks_child(const char *path, int fd, unsigned seed, long limit, struct acks *acks)
{
    struct child child = {.fd = fd, .acks = acks, .seed = seed, .left = limit, .over = 1};
    struct err err = {0};
    if (loop_new(clock_system(), &child.bench.loop, &err) < 0 ||
        store_open(child.bench.loop, path, &child.bench.store, &err) < 0) {
        fprintf(stderr, "%s\n", err.msg);
        _exit(2);
    }
    while (child.over) {
        int want = 1 + rand_r(&child.seed) % IN_FLIGHT;
        while (child.in_flight < want)
            one_write(&child);
        if (loop_step(child.bench.loop, -1) < 0)
            _exit(5);
    }
    if (rand_r(&child.seed) % 2)
        store_close(child.bench.store);
    _exit(0);
}

static void take(struct acks *acks, const struct message *message)
{
    struct acks_key *key = &acks->keys[message->key];
    if (message->revision > acks->revision)
        acks->revision = message->revision;
    if (message->type == 'v')
        return;
    if (message->type == 'a') {
        key->asked = message->number;
        return;
    }
    acks->count++;
    assert_true(message->number > key->acked);
    key->acked = message->number;
    key->revision = message->revision;
    key->acked_delete = message->is_delete;
}

void acks_read(struct acks *acks, int fd)
{
    struct message message;
    ssize_t n;
    while ((n = read(fd, &message, sizeof(message))) == sizeof(message))
        take(acks, &message);
    assert_int_equal(n, 0);
}

void acks_await(struct acks *acks, int fd, long count)
{
    struct message message;
    for (long end = acks->count + count; acks->count < end; take(acks, &message))
        assert_int_equal(read(fd, &message, sizeof(message)), sizeof(message));
}

void acks_check(struct acks *acks, struct bench *bench)
{
    assert_true(store_revision(bench->store) > acks->revision);
    for (int i = 0; i < ACKS_KEYS; i++) {
        struct acks_key *key = &acks->keys[i];
        char name[32];
        struct store_item item;
        int64_t found = key->asked;
        bool absent = true;
        key_name(name, i);
        if (store_get(bench->store, name, &item) < 0) {
            /* Never written, or a delete came after what was acknowledged. */
            if (key->acked && !key->acked_delete && key->asked == key->acked)
                fail_msg("%s: number %lld was acknowledged and is lost", name,
                         (long long)key->acked);
        } else {
            char value[600] = "";
            memcpy(value, item.value, item.len < 599 ? item.len : 599);
            int64_t number = strtoll(value, NULL, 10);
            if (number < key->acked || number > key->asked ||
                (number == key->acked && key->acked_delete))
                fail_msg("%s: holds %lld; acknowledged %lld, asked %lld", name, (long long)number,
                         (long long)key->acked, (long long)key->asked);
            if (number == key->acked)
                assert_int_equal(item.mod_revision, key->revision);
            found = number;
            absent = false;
        }
        *key = (struct acks_key){
            .asked = key->asked,
            .acked = found,
            .revision = absent ? 0 : item.mod_revision,
            .acked_delete = absent,
        };
    }
}
