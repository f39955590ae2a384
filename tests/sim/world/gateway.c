#include "tests/sim/world/gateway.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user admin = {.name = "admin", .groups = masters};

struct durable {
    size_t len;
    char bytes[];
};

static void must(int rc, const struct err *err)
{
    if (rc == 0)
        return;
    fprintf(stderr, "gateway: %s\n", err->msg);
    abort();
}

void gateway_init(struct gateway *gateway, struct loop *loop, struct rng *rng,
                  struct bus_fake *broker, const struct trust *trust)
{
    *gateway = (struct gateway){
        .loop = loop, .rng = rng, .broker = broker, .trust = trust, .durable = map_new()};
}

void gateway_done(struct gateway *gateway)
{
    gateway_kill(gateway);
    map_free(gateway->durable, free);
}

/* The store in memory stands for the one on disk: what it acknowledged is carried over. */

static struct durable *durable_new(const void *data, size_t len)
{
    struct durable *durable = xmalloc(sizeof(*durable) + len);
    durable->len = len;
    memcpy(durable->bytes, data, len);
    return durable;
}

static int keep_item(void *ctx, const struct store_item *item)
{
    if (str_has_prefix(item->key, "/events/")) /* in memory only */
        return 0;
    free(map_put(ctx, item->key, durable_new(item->value, item->len)));
    return 0;
}

static void written(void *ctx, int code, int64_t revision)
{
    size_t *left = ctx;
    (void)revision;
    if (code < 0)
        abort();
    (*left)--;
}

/* Revisions go on where the earlier life's ended. */
static void use_revisions(struct gateway *gateway, size_t *left)
{
    static const char key[] = "sim/revision";
    for (int64_t i = store_revision(gateway->store); i < gateway->revision; i++, ++*left)
        store_put(gateway->store, STORE_VOLATILE, key, "x", 1, STORE_ANY, written, left);
    if (*left == 0)
        return;
    ++*left;
    store_delete(gateway->store, key, STORE_ANY, written, left);
}

static void put_back(struct gateway *gateway)
{
    size_t left = 0;
    use_revisions(gateway, &left);
    const char *key;
    void *p;
    for (size_t i = 0; map_next(gateway->durable, &i, &key, &p);) {
        const struct durable *durable = p;
        left++;
        store_put(gateway->store, STORE_DURABLE, key, durable->bytes, durable->len, STORE_NONE,
                  written, &left);
    }
    while (left > 0)
        if (loop_step(gateway->loop, 0) < 0)
            abort();
}

static void make_hub(struct gateway *gateway)
{
    struct err err = {0};
    char client_id[64];
    snprintf(client_id, sizeof(client_id), "limpet-controller-%u", ++gateway->lives);
    const struct bus_fake_client client = {.client_id = client_id,
                                           .keepalive_s = 15,
                                           .backoff_min_ns = 50 * NS_PER_MS,
                                           .backoff_max_ns = NS_PER_S};
    gateway->bus = bus_leash_new(bus_fake_client(gateway->broker, &client), NULL, NULL);
    const struct hub_spec hub = {.loop = gateway->loop,
                                 .api = gateway->api,
                                 .store = gateway->store,
                                 .bus = bus_leash_bus(gateway->bus),
                                 .nodes = gateway->nodes,
                                 .recorder = gateway->recorder,
                                 .trust = gateway->trust,
                                 .rng = gateway->rng};
    must(hub_new(&hub, &gateway->hub, &err), &err);
    must(hub_start(gateway->hub, &err), &err);
}

void gateway_start(struct gateway *gateway)
{
    struct err err = {0};
    must(store_open(gateway->loop, NULL, &gateway->store, &err), &err);
    put_back(gateway);
    const struct api_spec api = {.loop = gateway->loop,
                                 .store = gateway->store,
                                 .clock = loop_clock(gateway->loop),
                                 .rng = gateway->rng};
    must(api_new(&api, &gateway->api, &err), &err);
    gateway->bootstrap = bootstrap_new(gateway->api, NULL, NULL);
    gateway->recorder = recorder_new(gateway->api, loop_clock(gateway->loop));
    const struct nodes_spec nodes = {
        .loop = gateway->loop, .api = gateway->api, .recorder = gateway->recorder};
    must(nodes_new(&nodes, &gateway->nodes, &err), &err);
    make_hub(gateway);
    gateway->up = true;
}

void gateway_kill(struct gateway *gateway)
{
    if (!gateway->up)
        return;
    map_free(gateway->durable, free);
    gateway->durable = map_new();
    store_list(gateway->store, "", NULL, keep_item, gateway->durable);
    gateway->revision = store_revision(gateway->store);
    bus_leash_kill(gateway->bus);
    hub_free(gateway->hub);
    nodes_free(gateway->nodes);
    recorder_free(gateway->recorder);
    bootstrap_free(gateway->bootstrap);
    api_stop(gateway->api);
    store_close(gateway->store);
    api_free(gateway->api);
    bus_leash_free(gateway->bus);
    gateway->up = false;
}

struct map *gateway_copy(const struct gateway *gateway)
{
    struct map *copy = map_new();
    store_list(gateway->store, "", NULL, keep_item, copy);
    return copy;
}

void gateway_restore(struct gateway *gateway, struct map *copy)
{
    map_free(gateway->durable, free);
    gateway->durable = copy;
}

void gateway_restore_backup(struct gateway *gateway, struct map *copy)
{
    const struct durable *record = map_get(copy, EPOCH_KEY);
    struct epoch last = {.number = 1};
    struct err err = {0};
    if (record)
        must(epoch_parse(record->bytes, record->len, &last, &err), &err);
    const struct epoch epoch = epoch_after(&last, clock_wall(loop_clock(gateway->loop)));
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    epoch_write(&epoch, &text);
    free(map_put(copy, EPOCH_KEY, durable_new(text.data, text.len)));
    gateway_restore(gateway, copy);
}

static void settled(void *ctx, int code)
{
    bool *open = ctx;
    if (code < 0)
        abort();
    *open = false;
}

void gateway_settle(struct gateway *gateway)
{
    bool open = true;
    hub_settle(gateway->hub, settled, &open);
    while (open)
        if (loop_step(gateway->loop, 0) < 0)
            abort();
}

/* The API. */

struct answer {
    bool open;
    int code;
    char *message;
};

static void answered(void *ctx, const struct api_answer *got)
{
    struct answer *answer = ctx;
    const char *message = value_get_str(got->object, "message");
    answer->open = false;
    answer->code = got->code;
    answer->message = xstrdup(message ? message : "");
}

static int finish(struct gateway *gateway, struct answer *answer, char **ret_message)
{
    while (answer->open)
        if (loop_step(gateway->loop, 0) < 0)
            abort();
    if (ret_message)
        *ret_message = answer->message;
    else
        free(answer->message);
    return answer->code;
}

int gateway_apply(struct gateway *gateway, const struct schema_kind *kind,
                  const struct value *object, char **ret_message)
{
    struct answer answer = {.open = true};
    const char *ns = object_namespace(object);
    const struct api_ref ref = {kind, ns ? ns : "", object_name(object)};
    api_apply(gateway->api, &admin, &ref, object, 0, answered, &answer);
    return finish(gateway, &answer, ret_message);
}

int gateway_delete(struct gateway *gateway, const struct schema_kind *kind, const char *ns,
                   const char *name)
{
    struct answer answer = {.open = true};
    const struct api_ref ref = {kind, ns, name};
    const struct api_delete_options options = {.grace_s = -1};
    api_delete(gateway->api, &admin, &ref, &options, 0, answered, &answer);
    return finish(gateway, &answer, NULL);
}

struct value *gateway_get(struct gateway *gateway, const struct schema_kind *kind, const char *ns,
                          const char *name)
{
    const struct api_ref ref = {kind, ns, name};
    struct value *object = NULL;
    if (api_get(gateway->api, &admin, &ref, &object) == 0)
        return object;
    value_free(object);
    return NULL;
}

struct value *gateway_list(struct gateway *gateway, const struct schema_kind *kind)
{
    const struct api_ref ref = {kind, "", ""};
    const struct api_list_query query = {0};
    struct value *list = NULL;
    if (api_list(gateway->api, &admin, &ref, &query, &list) != 0)
        abort();
    return list;
}
