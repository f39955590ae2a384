#include "controller/link/session.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/link/sheets.h"

#include <errno.h>
#include <stdio.h>

#define RETRY_NS NS_PER_S

struct session {
    struct session_world world;
    char *name, *node;
    struct key *sealing;
    struct sheets *sheets;
    struct index index; /* last one that is durable */
    struct buf payload; /* its bytes */
    struct index next;  /* being written */
    struct buf next_payload;
    bool begun, republish, writing, freed;
    bool swept; /* no stored record of a secret is left that is not read any more */
    bool told;  /* that the store does not take the index */
    struct loop_defer *round;
    struct loop_timer *retry;
};

static void plan_round(struct session *session);

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
    struct sheets_cursor cursor = {0};
    const struct sheet *sheet;
    const char *path;
    while (sheets_next(session->sheets, &cursor, &path, &sheet)) {
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

static struct epoch epoch_of(const struct session *session)
{
    return session->world.epoch ? *session->world.epoch : (struct epoch){.number = 1};
}

static unsigned flags_of(const struct session *session)
{
    return epoch_of(session).adopt && !WEAKENED(SESSION_ADOPT) ? INDEX_FLAG_ADOPT : 0;
}

/* The last index says what is to be said. */
static bool says_it(const struct session *session)
{
    if (session->index.epoch != epoch_of(session).number ||
        session->index.flags != flags_of(session))
        return false;
    if (sheets_count(session->sheets) != session->index.count || session->payload.len == 0)
        return false;
    struct sheets_cursor cursor = {0};
    const struct sheet *sheet;
    const char *path;
    while (sheets_next(session->sheets, &cursor, &path, &sheet))
        if (!lists(&session->index, path, sheet->digest))
            return false;
    return true;
}

static void index_written(void *ctx, int code, int64_t revision)
{
    (void)revision;
    struct session *session = ctx;
    session->writing = false;
    if (session->freed) {
        session_free(session);
        return;
    }
    if (code < 0) {
        log_write(session->told ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR,
                  "desired state not stored, tried again: node=%s error=%s", session->node,
                  strerror(-code));
        session->told = true;
        loop_timer_after(session->retry, RETRY_NS);
        return;
    }
    session->told = false;
    cleanup(index_done) struct index older = session->index;
    session->index = session->next;
    index_init(&session->next);
    buf_done(&session->payload);
    session->payload = session->next_payload;
    buf_init(&session->next_payload, 0);
    publish(session, &older);
    session->swept = false;
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
    next->epoch = epoch_of(session).number;
    next->flags = flags_of(session);
    next->generation = next_generation(session);
    next->time_ns = clock_wall(loop_clock(session->world.loop));
    struct sheets_cursor cursor = {0};
    const struct sheet *sheet;
    const char *path;
    while (sheets_next(session->sheets, &cursor, &path, &sheet)) {
        int rc = index_put(next, path, sheet->digest, err);
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
    if (session->writing || sheets_are_writing(session->sheets))
        return; /* their end plans the next round */
    if (sheets_refresh(session->sheets) > 0)
        return;
    struct err err = {0};
    if (!says_it(session)) {
        if (write_index(session, &err) < 0)
            log_error("index not made: node=%s error=%s", session->node, log_quote(err.msg));
        return;
    }
    if (session->republish)
        publish(session, NULL);
    /* The last durable index lists exactly what is needed. */
    if (!session->swept)
        sheets_drop_unused(session->sheets);
    session->swept = true;
}

static void sheets_written(void *ctx, int code)
{
    struct session *session = ctx;
    if (code < 0) {
        session->swept = false;
        loop_timer_after(session->retry, RETRY_NS);
    } else {
        plan_round(session);
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
    session->sheets = sheets_new(
        &(struct sheets_world){
            .api = world->api, .store = world->store, .node = session->node, .sealing = sealing},
        sheets_written, session);
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
    sheets_free(session->sheets);
    session->sheets = NULL;
    session->freed = true;
    if (session->writing)
        return; /* the store still holds a pointer: its callback comes back here */
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
    sheets_pod(session->sheets, ns, name, gone);
    plan_round(session);
}

void session_source(struct session *session, const char *kind, const char *ns, const char *name)
{
    char path[TOPIC_PATH_MAX + 1];
    if (topic_path(kind, ns, name, path, NULL) == 0 && sheets_source(session->sheets, path))
        plan_round(session);
}

void session_class(struct session *session, const char *name)
{
    if (sheets_class(session->sheets, name))
        plan_round(session);
}

void session_labels(struct session *session)
{
    if (sheets_labels(session->sheets))
        plan_round(session);
}

void session_volume(struct session *session, const char *name, bool removed)
{
    char path[TOPIC_PATH_MAX + 1];
    if (topic_path("PersistentVolume", NULL, name, path, NULL) < 0)
        return;
    sheets_keep(session->sheets, path, removed);
    (void)sheets_source(session->sheets, path);
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
