#include "controller/link/members.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/link/enrolment.h"
#include "controller/manifest/local_volume.h"
#include "controller/reconcile/reconciler.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct members {
    struct session_world world;
    struct members_handler handler;
    void *ctx;
    struct map *by_name; /* Node object -> struct member */
    struct map *bound;   /* "ns/pod" -> char *: the name of the node it is bound to */
    struct map *removed; /* name of a volume -> char *: of the node that is to remove it */
    bool complete;
    struct loop_defer *catch_up;
    struct api_watch *node_watch, *pod_watch, *secret_watch, *config_watch, *claim_watch,
        *volume_watch, *class_watch;
};

static const struct api_user user = {.name = "system:limpet:link"};

static void member_free(void *p)
{
    struct member *member = p;
    session_free(member->session);
    tally_free(member->tally);
    value_free(member->labels);
    free(member);
}

struct member *members_named(const struct members *members, const char *name)
{
    return name ? map_get(members->by_name, name) : NULL;
}

struct member *members_find(const struct members *members, const char *node)
{
    char name[TOPIC_NODE_NAME_MAX + 1];
    topic_node_name(node, name);
    struct member *member = map_get(members->by_name, name);
    return member && str_eq(session_node(member->session), node) ? member : NULL;
}

/* Nodes. */

static void tell_bound_pods(struct members *members, const char *name, struct session *session)
{
    const char *key;
    void *node;
    for (size_t i = 0; map_next(members->bound, &i, &key, &node);) {
        if (!str_eq(node, name))
            continue;
        autofree char *ns = NULL;
        const char *pod = reconciler_split(key, &ns);
        session_pod(session, ns, pod, false);
    }
}

static void tell_removed_volumes(struct members *members, const char *name, struct session *session)
{
    const char *volume;
    void *node;
    for (size_t i = 0; map_next(members->removed, &i, &volume, &node);)
        if (str_eq(node, name))
            session_volume(session, volume, true);
}

static void drop_member(struct members *members, const char *name)
{
    struct member *member = map_del(members->by_name, name);
    if (!member)
        return;
    members->handler.left(members->ctx, member);
    member_free(member);
}

static void see_labels(struct member *member, const struct value *node)
{
    const struct value *labels = value_path(node, "metadata", "labels", NULL);
    if (value_equal(member->labels, labels))
        return;
    value_free(member->labels);
    member->labels = labels ? value_copy(labels) : NULL;
    session_labels(member->session);
}

static void node_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    struct members *members = ctx;
    const char *name = object_name(object);
    const char *node = object_annotation(object, NODE_ID_ANNOTATION);
    const char *pem = object_annotation(object, NODE_SEALING_ANNOTATION);
    struct member *member = map_get(members->by_name, name);
    if (type != API_DELETED && member && str_eq(session_node(member->session), node) &&
        str_eq(member->sealing, pem)) {
        see_labels(member, object);
        return;
    }
    drop_member(members, name);
    if (type == API_DELETED || !node || !pem || !topic_node_valid(node) ||
        strlen(pem) >= sizeof(member->sealing))
        return;
    struct key *sealing = NULL;
    struct err err = {0};
    if (key_parse_public(pem, strlen(pem), &sealing, &err) < 0) {
        log_error("node's sealing key unreadable: node=%s error=%s", node, log_quote(err.msg));
        return;
    }
    member = xcalloc(1, sizeof(*member));
    snprintf(member->sealing, sizeof(member->sealing), "%s", pem);
    member->session = session_new(&members->world, name, node, sealing);
    member->tally = tally_new();
    (void)map_put(members->by_name, name, member);
    see_labels(member, object);
    tell_bound_pods(members, name, member->session);
    tell_removed_volumes(members, name, member->session);
    if (members->complete)
        session_begin(member->session);
}

/* What is bound to them, and what that reads. */

static struct session *session_of(struct members *members, const char *name)
{
    const struct member *member = members_named(members, name);
    return member ? member->session : NULL;
}

static void pod_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    struct members *members = ctx;
    const char *ns = object_namespace(object), *name = object_name(object);
    const char *node = value_str(value_path(object, "spec", "nodeName", NULL));
    autofree char *key = reconciler_key(ns, name);
    autofree char *before = map_del(members->bound, key);
    bool here = type != API_DELETED && !str_empty(node);
    if (here)
        (void)map_put(members->bound, key, xstrdup(node));
    struct session *old = session_of(members, before),
                   *now = here ? session_of(members, node) : NULL;
    if (old && old != now)
        session_pod(old, ns, name, true);
    if (now)
        session_pod(now, ns, name, false);
}

static void source_changed(struct members *members, const char *kind, const struct value *object)
{
    void *p;
    for (size_t i = 0; map_next(members->by_name, &i, NULL, &p);)
        session_source(((struct member *)p)->session, kind, object_namespace(object),
                       object_name(object));
}

static void secret_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    (void)type;
    source_changed(ctx, "Secret", object);
}

static void config_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    (void)type;
    source_changed(ctx, "ConfigMap", object);
}

static void claim_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    (void)type;
    source_changed(ctx, "PersistentVolumeClaim", object);
}

/* What it costs and where its pods run was laid over them when they were made. */
static void class_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    struct members *members = ctx;
    void *p;
    for (size_t i = 0; type != API_MODIFIED && map_next(members->by_name, &i, NULL, &p);)
        session_class(((struct member *)p)->session, object_name(object));
}

static void volume_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    struct members *members = ctx;
    const char *name = object_name(object), *node = local_volume_node(object);
    bool is_removed = type != API_DELETED && node && local_volume_is_removed(object);
    autofree char *before = map_del(members->removed, name);
    struct session *old = session_of(members, before);
    struct session *now = is_removed ? session_of(members, node) : NULL;
    if (is_removed)
        (void)map_put(members->removed, name, xstrdup(node));
    source_changed(members, "PersistentVolume", object);
    if (old && old != now)
        session_volume(old, name, false);
    if (now)
        session_volume(now, name, true);
}

void members_republish(struct members *members)
{
    void *p;
    for (size_t i = 0; map_next(members->by_name, &i, NULL, &p);)
        session_republish(((struct member *)p)->session);
}

/* Life. */

static int watch_objects(struct members *members, struct err *err)
{
    const struct {
        const struct schema_kind *kind;
        api_watch_fn *fn;
        struct api_watch **ret;
    } watches[] = {
        {&kind_node, node_changed, &members->node_watch},
        {&kind_pod, pod_changed, &members->pod_watch},
        {&kind_secret, secret_changed, &members->secret_watch},
        {&kind_config_map, config_changed, &members->config_watch},
        {&kind_persistent_volume_claim, claim_changed, &members->claim_watch},
        {&kind_persistent_volume, volume_changed, &members->volume_watch},
        {&kind_runtime_class, class_changed, &members->class_watch},
    };
    for (size_t i = 0; i < ARRAY_LEN(watches); i++) {
        const struct api_ref ref = {watches[i].kind, "", ""};
        int rc = api_watch(members->world.api, &user, &ref, NULL, 0, watches[i].fn, members,
                           watches[i].ret);
        if (rc < 0)
            return err_set(err, -EIO, "cannot watch %s (%d)", watches[i].kind->plural, rc);
    }
    return 0;
}

/* What was there at the start is read in several turns of the loop. Until all of it is known,
 * nothing is said: a node would end the pods that were not read yet. */
static void catch_up(void *ctx)
{
    struct members *members = ctx;
    bool live = api_watch_is_live(members->node_watch) && api_watch_is_live(members->pod_watch) &&
                api_watch_is_live(members->volume_watch);
    members->catch_up = NULL;
    if (!live && !WEAKENED(MEMBERS_COMPLETE)) {
        members->catch_up = loop_defer(members->world.loop, catch_up, members);
        return;
    }
    members->complete = true;
    void *p;
    for (size_t i = 0; map_next(members->by_name, &i, NULL, &p);)
        session_begin(((struct member *)p)->session);
    members->handler.complete(members->ctx);
}

int members_new(const struct session_world *world, const struct members_handler *handler, void *ctx,
                struct members **ret, struct err *err)
{
    struct members *members = xcalloc(1, sizeof(*members));
    members->world = *world;
    members->handler = *handler;
    members->ctx = ctx;
    members->by_name = map_new();
    members->bound = map_new();
    members->removed = map_new();
    int rc = watch_objects(members, err);
    if (rc < 0) {
        members_free(members);
        return rc;
    }
    members->catch_up = loop_defer(world->loop, catch_up, members);
    *ret = members;
    return 0;
}

void members_free(struct members *members)
{
    if (!members)
        return;
    loop_defer_free(members->catch_up);
    struct api_watch *const watches[] = {
        members->node_watch,  members->pod_watch,    members->secret_watch, members->config_watch,
        members->claim_watch, members->volume_watch, members->class_watch};
    for (size_t i = 0; i < ARRAY_LEN(watches); i++)
        api_watch_free(watches[i]);
    map_free(members->by_name, member_free);
    map_free(members->bound, free);
    map_free(members->removed, free);
    free(members);
}
