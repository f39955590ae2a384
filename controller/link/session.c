#include "controller/link/session.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/sealed.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "controller/manifest/manifest.h"

#include <errno.h>
#include <stdio.h>

#define EPOCH 1 /* a restore from a backup begins a new one */
#define RETRY_NS NS_PER_S

/* A manifest as it goes out. */
struct sheet {
    char digest[SHA256_HEX + 1];
    char *payload;
    size_t len;
};

struct session {
    struct session_world world;
    char *name, *node;
    struct key *sealing;
    struct map *pods;    /* "ns/name" -> the session: what is bound to this node */
    struct map *sources; /* "Kind/ns/name" -> the session: what they read */
    struct index index;  /* last one that is durable */
    struct buf payload;  /* its bytes */
    struct index next;   /* being written */
    struct buf next_payload;
    struct map *sheets; /* of the round under way: path -> struct sheet */
    bool begun, republish, writing, freed;
    int sealing_writes;
    struct loop_defer *round;
    struct loop_timer *retry;
};

static const struct api_user user = {.name = "system:limpet:link"};

static void plan_round(struct session *session);

static void sheet_free(void *p)
{
    struct sheet *sheet = p;
    free(sheet->payload);
    free(sheet);
}

/* Rendering. */

static void add_sheet(struct session *session, const char *path, const char *payload, size_t len)
{
    struct sheet *sheet = xcalloc(1, sizeof(*sheet));
    sha256_hex(payload, len, sheet->digest);
    sheet->payload = xmemdup(payload, len);
    sheet->len = len;
    struct sheet *old = map_put(session->sheets, path, sheet);
    if (old)
        sheet_free(old);
}

static char *sealed_key(const struct session *session, const char *path)
{
    return xasprintf(SESSION_SEALED "%s/%s", session->node, path);
}

static void sealed_written(void *ctx, int code, int64_t revision)
{
    (void)revision;
    struct session *session = ctx;
    session->sealing_writes--;
    if (session->freed) {
        if (session->sealing_writes == 0 && !session->writing)
            session_free(session);
        return;
    }
    if (code < 0 && code != -ENOENT)
        loop_timer_after(session->retry, RETRY_NS);
    else if (session->sealing_writes == 0)
        plan_round(session);
}

/* Sealing makes new bytes each time: they are stored first, and stay while the secret does. */
static int seal_anew(struct session *session, const char *path, const char *plain_hash,
                     const struct value *secret, struct err *err)
{
    cleanup(value_free) struct value *manifest = manifest_strip(secret);
    int rc = sealed_close(manifest, session->sealing, session->node, path, err);
    if (rc < 0)
        return rc;
    cleanup(buf_done) struct buf yaml;
    cleanup(buf_done) struct buf record;
    buf_init(&yaml, 0);
    buf_init(&record, 0);
    (void)yaml_write(manifest, &yaml);
    cleanup(value_free) struct value *v = value_new_map();
    value_set_str(v, "plain", plain_hash);
    value_set_str(v, "payload", buf_str(&yaml));
    (void)json_write(v, &record);
    autofree char *key = sealed_key(session, path);
    session->sealing_writes++;
    store_put(session->world.store, STORE_DURABLE, key, record.data, record.len, STORE_ANY,
              sealed_written, session);
    return 0;
}

/* 0 with the sheet added; 1: it is being sealed, another round follows. */
static int add_secret(struct session *session, const char *path, const struct value *secret,
                      struct err *err)
{
    cleanup(buf_done) struct buf plain;
    buf_init(&plain, 0);
    (void)manifest_render(secret, &plain);
    char id[SHA256_HEX + 1], hash[SHA256_HEX + 1];
    int rc = key_id(session->sealing, id, err);
    if (rc < 0)
        return rc;
    (void)buf_addstr(&plain, id);
    sha256_hex(plain.data, plain.len, hash);
    crypto_wipe(plain.data, plain.len);
    autofree char *key = sealed_key(session, path);
    struct store_item item;
    cleanup(value_free) struct value *record = NULL;
    struct err ignored = {0};
    if (store_get(session->world.store, key, &item) == 0 &&
        json_parse(item.value, item.len, &record, &ignored) == 0 &&
        str_eq(value_get_str(record, "plain"), hash)) {
        const char *payload = value_get_str(record, "payload");
        add_sheet(session, path, payload, strlen(payload));
        return 0;
    }
    rc = seal_anew(session, path, hash, secret, err);
    return rc < 0 ? rc : 1;
}

/* Records of secrets that no pod of the node reads any more, or that are gone. */

struct unused {
    const struct session *session;
    size_t skip; /* bytes of the prefix */
    struct value *keys;
};

static int see_sealed(void *ctx, const struct store_item *item)
{
    struct unused *unused = ctx;
    if (!index_find(&unused->session->index, item->key + unused->skip))
        value_append(unused->keys, value_new_str(item->key));
    return 0;
}

/* Called while the last durable index lists exactly what is needed. */
static void drop_unused(struct session *session)
{
    autofree char *prefix = sealed_key(session, "");
    cleanup(value_free) struct value *keys = value_new_list();
    struct unused unused = {.session = session, .skip = strlen(prefix), .keys = keys};
    store_list(session->world.store, prefix, NULL, see_sealed, &unused);
    for (size_t i = 0; i < value_len(keys) && !WEAKENED(SESSION_UNUSED); i++) {
        session->sealing_writes++;
        store_delete(session->world.store, value_str(value_at(keys, i)), STORE_ANY, sealed_written,
                     session);
    }
}

struct gather {
    struct session *session;
    const char *ns;
    int pending;
};

static void add_source(void *ctx, const char *kind, const char *name)
{
    struct gather *gather = ctx;
    struct session *session = gather->session;
    char path[TOPIC_PATH_MAX + 1];
    struct err err = {0};
    if (topic_path(kind, gather->ns, name, path, &err) < 0)
        return;
    (void)map_put(session->sources, path, session);
    if (map_get(session->sheets, path))
        return;
    const struct api_ref ref = {str_eq(kind, "Secret") ? &kind_secret : &kind_config_map,
                                gather->ns, name};
    cleanup(value_free) struct value *object = NULL;
    if (api_get(session->world.api, &user, &ref, &object) != 0)
        return; /* not there (yet): the pod waits for it on its node and says so */
    int rc = 0;
    cleanup(buf_done) struct buf yaml;
    buf_init(&yaml, 0);
    if (str_eq(kind, "Secret"))
        rc = add_secret(session, path, object, &err);
    else if (manifest_render(object, &yaml) == 0)
        add_sheet(session, path, yaml.data, yaml.len);
    if (rc < 0)
        log_error("secret not sealed: node=%s path=%s error=%s", session->node, path,
                  log_quote(err.msg));
    gather->pending += rc == 1;
}

static void add_pod(struct gather *gather, const char *ns, const char *name)
{
    struct session *session = gather->session;
    const struct api_ref ref = {&kind_pod, ns, name};
    cleanup(value_free) struct value *pod = NULL;
    char path[TOPIC_PATH_MAX + 1];
    struct err err = {0};
    if (api_get(session->world.api, &user, &ref, &pod) != 0 ||
        topic_path("Pod", ns, name, path, &err) < 0)
        return;
    cleanup(buf_done) struct buf yaml;
    buf_init(&yaml, 0);
    if (manifest_render(pod, &yaml) < 0)
        return;
    add_sheet(session, path, yaml.data, yaml.len);
    gather->ns = ns;
    manifest_refs(pod, add_source, gather);
}

/* All manifests of the node; how many secrets are still being sealed. */
static int gather_sheets(struct session *session)
{
    struct gather gather = {.session = session};
    map_free(session->sheets, sheet_free);
    map_free(session->sources, NULL);
    session->sheets = map_new();
    session->sources = map_new();
    const char *key;
    for (size_t i = 0; map_next(session->pods, &i, &key, NULL);) {
        const char *slash = strchr(key, '/');
        autofree char *ns = xstrndup(key, (size_t)(slash - key));
        add_pod(&gather, ns, slash + 1);
    }
    return gather.pending;
}

/* Publishing. */

static void put_message(struct session *session, const char *topic, const void *payload, size_t len)
{
    const struct bus_msg msg = {.topic = topic, .payload = payload, .len = len, .retain = true};
    outqueue_put(session->world.queue, &msg);
}

static void publish_sheet(struct session *session, const char *path, const struct sheet *sheet)
{
    char topic[TOPIC_MAX + 1];
    struct err err = {0};
    if (topic_of_manifest(session->node, path, sheet->digest, topic, &err) == 0)
        put_message(session, topic, sheet->payload, sheet->len);
}

static bool lists(const struct index *index, const char *path, const char *digest)
{
    const struct index_entry *entry = index_find(index, path);
    return entry && str_eq(entry->digest, digest);
}

static void clear_sheet(struct session *session, const char *path, const char *digest)
{
    char topic[TOPIC_MAX + 1];
    struct err err = {0};
    if (!lists(&session->index, path, digest) &&
        topic_of_manifest(session->node, path, digest, topic, &err) == 0)
        put_message(session, topic, NULL, 0);
}

/* Manifests first, then the index, then what only the older index listed goes. */
static void publish(struct session *session, const struct index *older)
{
    const char *path;
    void *p;
    for (size_t i = 0; map_next(session->sheets, &i, &path, &p);) {
        const struct sheet *sheet = p;
        bool known = older && lists(older, path, sheet->digest);
        if (lists(&session->index, path, sheet->digest) && (!known || session->republish))
            publish_sheet(session, path, sheet);
    }
    struct topic topic = {.type = TOPIC_DESIRED};
    char text[TOPIC_MAX + 1];
    struct err err = {0};
    snprintf(topic.node, sizeof(topic.node), "%s", session->node);
    if (topic_build(&topic, text, &err) == 0)
        put_message(session, text, session->payload.data, session->payload.len);
    for (size_t i = 0; older && i < older->count; i++)
        clear_sheet(session, older->entries[i].path, older->entries[i].digest);
    session->republish = false;
}

/* The index. */

static char *index_key(const struct session *session)
{
    return xasprintf(SESSION_INDEXES "%s", session->node);
}

static bool same_entries(const struct session *session)
{
    if (map_len(session->sheets) != session->index.count || session->payload.len == 0)
        return false;
    const char *path;
    void *p;
    for (size_t i = 0; map_next(session->sheets, &i, &path, &p);)
        if (!lists(&session->index, path, ((struct sheet *)p)->digest))
            return false;
    return true;
}

static void index_written(void *ctx, int code, int64_t revision)
{
    (void)revision;
    struct session *session = ctx;
    session->writing = false;
    if (session->freed) {
        if (session->sealing_writes == 0)
            session_free(session);
        return;
    }
    if (code < 0) {
        log_error("desired state not stored, tried again: node=%s code=%d", session->node, code);
        loop_timer_after(session->retry, RETRY_NS);
        return;
    }
    cleanup(index_done) struct index older = session->index;
    session->index = session->next;
    index_init(&session->next);
    buf_done(&session->payload);
    session->payload = session->next_payload;
    buf_init(&session->next_payload, 0);
    publish(session, &older);
    plan_round(session); /* what changed meanwhile */
}

/* A node that comes back after its object was deleted still holds its last index, of which there is
 * no record any more. No generation was ever above the store's revision at its time, so one that
 * begins above the revision is above them all. */
static uint64_t next_generation(const struct session *session)
{
    if (session->index.generation > 0 || WEAKENED(SESSION_FIRST_GENERATION))
        return session->index.generation + 1;
    return (uint64_t)store_revision(session->world.store) + 1;
}

static int write_index(struct session *session, struct err *err)
{
    struct index *next = &session->next;
    index_done(next);
    index_init(next);
    buf_done(&session->next_payload);
    snprintf(next->node, sizeof(next->node), "%s", session->node);
    next->epoch = EPOCH;
    next->generation = next_generation(session);
    next->time_ns = clock_wall(loop_clock(session->world.loop));
    const char *path;
    void *p;
    for (size_t i = 0; map_next(session->sheets, &i, &path, &p);) {
        int rc = index_put(next, path, ((struct sheet *)p)->digest, err);
        if (rc < 0)
            return rc;
    }
    int rc = index_sign(next, session->world.signer, &session->next_payload, err);
    if (rc < 0)
        return rc;
    autofree char *key = index_key(session);
    session->writing = true;
    store_put(session->world.store, STORE_DURABLE, key, session->next_payload.data,
              session->next_payload.len, STORE_ANY, index_written, session);
    return 0;
}

static void run_round(void *ctx)
{
    struct session *session = ctx;
    session->round = NULL;
    if (session->writing || session->sealing_writes > 0)
        return; /* their end plans the next round */
    if (gather_sheets(session) > 0)
        return;
    struct err err = {0};
    if (same_entries(session)) {
        if (session->republish)
            publish(session, NULL);
        drop_unused(session);
    } else if (write_index(session, &err) < 0) {
        log_error("index not made: node=%s error=%s", session->node, log_quote(err.msg));
    }
}

static void plan_round(struct session *session)
{
    if (!session->round && session->begun)
        session->round = loop_defer(session->world.loop, run_round, session);
}

static void retry_due(void *ctx)
{
    plan_round(ctx);
}

/* What an earlier run of the gateway had told this node. */
static void recall_index(struct session *session)
{
    autofree char *key = index_key(session);
    struct store_item item;
    if (store_get(session->world.store, key, &item) < 0)
        return;
    const struct key *keys[] = {session->world.signer};
    const struct index_trust trust = {keys, 1};
    struct err err = {0};
    if (index_open(item.value, item.len, &trust, session->node, &session->index, &err) < 0) {
        log_error("stored index unreadable: node=%s error=%s", session->node, log_quote(err.msg));
        return;
    }
    (void)buf_add(&session->payload, item.value, item.len);
}

struct session *session_new(const struct session_world *world, const char *name, const char *node,
                            struct key *sealing)
{
    struct session *session = xcalloc(1, sizeof(*session));
    session->world = *world;
    session->name = xstrdup(name);
    session->node = xstrdup(node);
    session->sealing = sealing;
    session->pods = map_new();
    session->sources = map_new();
    session->sheets = map_new();
    index_init(&session->index);
    index_init(&session->next);
    buf_init(&session->payload, 0);
    buf_init(&session->next_payload, 0);
    session->retry = loop_timer_new(world->loop, retry_due, session);
    session->republish = true;
    recall_index(session);
    return session;
}

void session_begin(struct session *session)
{
    session->begun = true;
    plan_round(session);
}

void session_free(struct session *session)
{
    if (!session)
        return;
    loop_timer_free(session->retry);
    session->retry = NULL;
    if (session->round)
        loop_defer_free(session->round);
    session->round = NULL;
    session->freed = true;
    if (session->writing || session->sealing_writes > 0)
        return; /* the store still holds a pointer: the last callback comes back here */
    map_free(session->pods, NULL);
    map_free(session->sources, NULL);
    map_free(session->sheets, sheet_free);
    index_done(&session->index);
    index_done(&session->next);
    buf_done(&session->payload);
    buf_done(&session->next_payload);
    key_free(session->sealing);
    free(session->name);
    free(session->node);
    free(session);
}

const char *session_node(const struct session *session)
{
    return session->node;
}

const char *session_name(const struct session *session)
{
    return session->name;
}

const struct key *session_sealing(const struct session *session)
{
    return session->sealing;
}

uint64_t session_generation(const struct session *session)
{
    return session->index.generation;
}

void session_pod(struct session *session, const char *ns, const char *name, bool gone)
{
    autofree char *key = xasprintf("%s/%s", ns, name);
    if (gone)
        (void)map_del(session->pods, key);
    else
        (void)map_put(session->pods, key, session);
    plan_round(session);
}

void session_source(struct session *session, const char *kind, const char *ns, const char *name)
{
    autofree char *path = xasprintf("%s/%s/%s", kind, ns, name);
    if (map_get(session->sources, path))
        plan_round(session);
}

void session_retained(struct session *session, const struct topic *topic)
{
    char path[TOPIC_PATH_MAX + 1];
    struct err err = {0};
    /* Before the first index that we know of nothing can be told from what is in force. */
    if (session->payload.len > 0 &&
        topic_path(topic->kind, topic->ns, topic->name, path, &err) == 0)
        clear_sheet(session, path, topic->digest);
}

void session_republish(struct session *session)
{
    session->republish = true;
    plan_round(session);
}
