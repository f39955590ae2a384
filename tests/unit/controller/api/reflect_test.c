/* What clients that list and watch believe, against what is so: random writes, pages, selectors,
 * watches that break off and resume, and restarts of the store. Seeded; LIMPET_SEED runs one. */

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/world.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NAMES 24
#define OPEN_MAX 16 /* writes under way */
#define STEPS 700
#define SEEDS 6

static const char *const selectors[] = {NULL, "l=x", "l!=x", "l in (x,y),k"};
#define CLIENTS ARRAY_LEN(selectors)

struct client {
    struct sim *sim;
    const char *selector;
    struct map *cache; /* name -> struct value */
    struct api_watch *watch;
    char *token;  /* of the next page of the list that is under way */
    int64_t from; /* the revision of the list, or of the latest event or bookmark */
    bool listing;
};

struct sim {
    struct world world;
    struct rng_seeded rng;
    char path[96];
    int open; /* writes under way */
    struct client clients[CLIENTS];
    struct counts {
        int events, resumed, expired, pages, restarts;
    } counts;
};

static uint64_t draw(struct sim *sim, uint64_t below)
{
    return rng_below(&sim->rng.rng, below);
}

/* ---- writes ---- */

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct sim *sim = ctx;
    assert_in_range(answer->code, 200, 499);
    sim->open--;
}

static int edit(void *ctx, struct value *object)
{
    struct sim *sim = ctx;
    static const char *const labels[] = {"x", "y", "z"};
    struct value *map = value_make_map(object, "metadata", "labels", NULL);
    char text[32];
    value_set_str(map, "l", labels[draw(sim, 3)]);
    value_set_str(map, "k", draw(sim, 2) ? "" : NULL);
    snprintf(text, sizeof(text), "%" PRIu64, draw(sim, 1000));
    value_set_str(value_make_map(object, "data", NULL), "d", text);
    struct value *finalizers = draw(sim, 6) ? NULL : value_new_list();
    value_del(value_get(object, "metadata"), "finalizers");
    if (finalizers && !value_path(object, "metadata", "deletionTimestamp", NULL))
        value_append(finalizers, value_new_str("limpet.io/x"));
    if (finalizers)
        value_set(value_get(object, "metadata"), "finalizers", finalizers);
    return 0;
}

static void write_something(struct sim *sim)
{
    char name[16];
    snprintf(name, sizeof(name), "c%02d", (int)draw(sim, NAMES));
    const struct api_ref ref = {&kind_config_map, "default", name};
    const struct api_delete_options options = {.grace_s = -1, .propagation = "Background"};
    cleanup(value_free) struct value *object = value_new_map();
    if (sim->open >= OPEN_MAX)
        return;
    sim->open++;
    switch (draw(sim, 4)) {
    case 0:
        api_delete(sim->world.api, &admin, &ref, &options, 0, on_done, sim);
        break;
    case 1:
        (void)edit(sim, object);
        api_create(sim->world.api, &admin, &ref, object, 0, on_done, sim);
        break;
    default:
        api_patch_with(sim->world.api, &admin, &ref, 0, edit, on_done, sim);
    }
}

/* ---- clients ---- */

static void free_object(void *object)
{
    value_free(object);
}

static int64_t revision_of(const struct value *object)
{
    int64_t revision = 0;
    const char *text = value_get_str(value_get(object, "metadata"), "resourceVersion");
    assert_int_equal(str_to_i64(text, &revision), 0);
    return revision;
}

/* An event is never about something else than what it says, and never old. */
static void on_event(void *ctx, enum api_event_type type, const struct value *object)
{
    struct client *client = ctx;
    const char *name = object_name(object);
    bool known = map_get(client->cache, name);
    assert_int_equal(known, type != API_ADDED);
    assert_true(revision_of(object) > client->from);
    client->from = revision_of(object);
    client->sim->counts.events++;
    value_free(map_del(client->cache, name));
    if (type != API_DELETED)
        (void)map_put(client->cache, name, value_copy(object));
}

static void begin_list(struct client *client)
{
    if (client->watch)
        api_watch_free(steal(client->watch));
    map_free(client->cache, free_object);
    client->cache = map_new();
    free(steal(client->token));
    client->listing = true;
}

static void begin_watch(struct client *client)
{
    const struct api_ref ref = {&kind_config_map, "default", ""};
    const struct api_list_query query = {.label_selector = client->selector};
    int r = api_watch(client->sim->world.api, &admin, &ref, &query, client->from, on_event, client,
                      &client->watch);
    if (r == -410) {
        client->sim->counts.expired++;
        begin_list(client);
        return;
    }
    assert_int_equal(r, 0);
}

/* One page. A token that has expired begins anew. */
static void turn_page(struct client *client)
{
    const struct api_ref ref = {&kind_config_map, "default", ""};
    const struct api_list_query query = {.label_selector = client->selector,
                                         .limit = (int64_t)draw(client->sim, 5),
                                         .continue_token = client->token};
    cleanup(value_free) struct value *list = NULL;
    int r = api_list(client->sim->world.api, &admin, &ref, &query, &list);
    if (r == -410) {
        client->sim->counts.expired++;
        begin_list(client);
        return;
    }
    assert_int_equal(r, 0);
    client->sim->counts.pages++;
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++)
        assert_null(map_put(client->cache, object_name(value_at(items, i)),
                            value_copy(value_at(items, i))));
    client->from = revision_of(list);
    free(steal(client->token));
    const char *next = value_get_str(value_get(list, "metadata"), "continue");
    client->token = next ? xstrdup(next) : NULL;
    client->listing = next;
    if (!next)
        begin_watch(client);
}

/* Breaks off now and then, after a bookmark or without one, and resumes from there. */
static void act(struct client *client)
{
    if (client->listing) {
        turn_page(client);
        return;
    }
    if (draw(client->sim, 8))
        return;
    if (api_watch_is_live(client->watch) && draw(client->sim, 2))
        client->from = api_revision(client->sim->world.api);
    api_watch_free(steal(client->watch));
    client->sim->counts.resumed++;
    if (draw(client->sim, 10) == 0)
        begin_list(client);
    else
        begin_watch(client);
}

/* ---- the gateway ---- */

static void open_gateway(struct sim *sim)
{
    struct world *world = &sim->world;
    struct err err = {0};
    assert_int_equal(store_open(world->loop, sim->path, &world->store, &err), 0);
    struct api_spec spec = {world->loop, world->store, clock_system(), &sim->rng.rng};
    assert_int_equal(api_new(&spec, &world->api, &err), 0);
}

static void close_gateway(struct sim *sim)
{
    for (size_t i = 0; i < CLIENTS; i++)
        if (sim->clients[i].watch)
            api_watch_free(steal(sim->clients[i].watch));
    api_stop(sim->world.api);
    store_close(sim->world.store);
    api_free(sim->world.api);
    sim->open = 0; /* whoever asked is never answered */
}

static void restart(struct sim *sim)
{
    sim->counts.restarts++;
    close_gateway(sim);
    open_gateway(sim);
    for (size_t i = 0; i < CLIENTS; i++)
        if (!sim->clients[i].listing)
            begin_watch(&sim->clients[i]);
}

/* ---- the truth ---- */

static bool is_settled(const struct sim *sim)
{
    bool settled = sim->open == 0;
    for (size_t i = 0; i < CLIENTS; i++)
        settled &= !sim->clients[i].listing && api_watch_is_live(sim->clients[i].watch);
    return settled;
}

static void settle(struct sim *sim)
{
    AWAIT(is_settled(sim), {
        for (size_t i = 0; i < CLIENTS; i++)
            if (sim->clients[i].listing)
                turn_page(&sim->clients[i]);
        await_turn(sim->world.loop);
    });
}

static void compare(struct sim *sim)
{
    settle(sim);
    for (size_t i = 0; i < CLIENTS; i++) {
        const struct client *client = &sim->clients[i];
        const struct api_ref ref = {&kind_config_map, "default", ""};
        const struct api_list_query query = {.label_selector = client->selector};
        cleanup(value_free) struct value *list = NULL;
        assert_int_equal(api_list(sim->world.api, &admin, &ref, &query, &list), 0);
        const struct value *items = value_get(list, "items");
        assert_int_equal(map_len(client->cache), value_len(items));
        for (size_t j = 0; j < value_len(items); j++)
            assert_true(value_equal(map_get(client->cache, object_name(value_at(items, j))),
                                    value_at(items, j)));
    }
}

static void run(uint64_t seed, struct counts *ret)
{
    struct sim *sim = xcalloc(1, sizeof(*sim));
    struct err err = {0};
    char dir[] = "/tmp/limpet-reflect-XXXXXX";
    print_message("seed %" PRIu64 "\n", seed);
    assert_non_null(mkdtemp(dir));
    snprintf(sim->path, sizeof(sim->path), "%s/store.db", dir);
    rng_seeded_init(&sim->rng, seed);
    assert_int_equal(loop_new(clock_system(), &sim->world.loop, &err), 0);
    open_gateway(sim);
    for (size_t i = 0; i < CLIENTS; i++) {
        sim->clients[i].sim = sim;
        sim->clients[i].selector = selectors[i];
        begin_list(&sim->clients[i]);
    }
    for (int step = 0; step < STEPS; step++) {
        uint64_t writes = draw(sim, 4);
        for (uint64_t i = 0; i < writes; i++)
            write_something(sim);
        act(&sim->clients[draw(sim, CLIENTS)]);
        if (draw(sim, 3) == 0)
            await_turn(sim->world.loop);
        if (draw(sim, 60) == 0)
            compare(sim);
        if (draw(sim, 150) == 0)
            restart(sim);
    }
    compare(sim);
    close_gateway(sim);
    for (size_t i = 0; i < CLIENTS; i++) {
        map_free(sim->clients[i].cache, free_object);
        free(sim->clients[i].token);
    }
    loop_free(sim->world.loop);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), dir, &err), 0);
    ret->events += sim->counts.events;
    ret->resumed += sim->counts.resumed;
    ret->expired += sim->counts.expired;
    ret->pages += sim->counts.pages;
    ret->restarts += sim->counts.restarts;
    free(sim);
}

static void test_reflect__clients_believe_what_is_so(void **state)
{
    struct counts counts = {0};
    uint64_t only = 0;
    (void)state;
    if (getenv("LIMPET_SEED") && str_to_u64(getenv("LIMPET_SEED"), &only) == 0) {
        run(only, &counts);
        return;
    }
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        run(seed, &counts);
    print_message("%d events, %d resumed, %d expired, %d pages, %d restarts\n", counts.events,
                  counts.resumed, counts.expired, counts.pages, counts.restarts);
    /* It has seen what it is for. */
    assert_true(counts.events > 1000 && counts.resumed > 50 && counts.expired > 10 &&
                counts.pages > 100 && counts.restarts > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reflect__clients_believe_what_is_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
