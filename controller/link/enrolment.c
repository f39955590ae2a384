#include "controller/link/enrolment.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/link/tokens.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NODE_CERT_S (INT64_C(365) * 24 * 3600)
#define REQUESTS_MAX 64

struct enrolment {
    struct enrolment_spec spec;
    struct map *tokens; /* name of the Secret -> struct token */
    struct map *open;   /* token id -> struct request: under way */
    struct api_watch *watch;
    struct loop_timer *expiry;
    struct loop_defer *update;
};

struct request {
    struct enrolment *enrolment;
    char token_id[33];
    char name[TOPIC_NODE_NAME_MAX + 1];
    char node[TOPIC_NODE_MAX + 1];
    struct key *identity;
    char *sealing_pem;
};

static const struct api_user user = {.name = "system:limpet:enrolment"};

static void request_free(void *p)
{
    struct request *request = p;
    key_free(request->identity);
    free(request->sealing_pem);
    free(request);
}

/* The broker's list of pre-shared keys. */

static int64_t now_ns(const struct enrolment *enrolment)
{
    return clock_wall(loop_clock(enrolment->spec.loop));
}

static void update_broker(void *ctx)
{
    struct enrolment *e = ctx;
    e->update = NULL;
    struct broker_psk *list = xcalloc(map_len(e->tokens) + 1, sizeof(*list));
    size_t count = 0;
    int64_t next = INT64_MAX;
    void *p;
    for (size_t i = 0; map_next(e->tokens, &i, NULL, &p);) {
        const struct token *token = p;
        if (token->expires_ns <= now_ns(e))
            continue;
        list[count++] = (struct broker_psk){token->id, token->secret, ENROLL_SECRET_LEN};
        next = token->expires_ns < next ? token->expires_ns : next;
    }
    struct err err = {0};
    if (e->spec.broker && broker_psk_set(e->spec.broker, list, count, &err) < 0)
        log_error("join tokens not given to the broker: error=%s", log_quote(err.msg));
    free(list);
    if (next != INT64_MAX)
        loop_timer_after(e->expiry, next - now_ns(e) + NS_PER_S);
}

static void update_soon(void *ctx)
{
    struct enrolment *e = ctx;
    if (!e->update)
        e->update = loop_defer(e->spec.loop, update_broker, e);
}

static void secret_changed(void *ctx, enum api_event_type type, const struct value *object)
{
    struct enrolment *e = ctx;
    struct token token;
    const char *name = object_name(object);
    bool is_token = type != API_DELETED && token_read(object, &token);
    if (!is_token && !map_get(e->tokens, name))
        return;
    struct token *old = is_token ? map_put(e->tokens, name, xmemdup(&token, sizeof(token)))
                                 : map_del(e->tokens, name);
    crypto_wipe(&token, sizeof(token));
    free(old);
    update_soon(e);
}

/* Answers. */

static void reply(struct enrolment *e, const char *token_id, const struct enroll_answer *answer)
{
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    (void)enroll_answer_write(answer, &payload);
    struct topic topic = {.type = TOPIC_ENROLL_REPLY};
    snprintf(topic.id, sizeof(topic.id), "%s", token_id);
    char text[TOPIC_MAX + 1];
    struct err err = {0};
    if (topic_build(&topic, text, &err) < 0)
        return;
    const struct bus_msg msg = {
        .topic = text, .payload = payload.data, .len = payload.len, .expiry_s = 60};
    outqueue_put(e->spec.queue, &msg);
}

static void refuse(struct enrolment *e, const char *token_id, const char *reason)
{
    log_warn("enrolment refused: token=%s reason=%s", log_quote(token_id), log_quote(reason));
    struct enroll_answer answer = {.error = xstrdup(reason)};
    reply(e, token_id, &answer);
    enroll_answer_done(&answer);
}

static void grant(struct request *request)
{
    static const char *const groups[] = {"system:nodes", NULL};
    struct enrolment *e = request->enrolment;
    const struct trust *trust = e->spec.trust;
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    struct err err = {0};
    int rc = trust_issue_client(trust, loop_clock(e->spec.loop), request->node, groups,
                                request->identity, NODE_CERT_S, &pem, &err);
    if (rc < 0) {
        refuse(e, request->token_id, err.msg);
        return;
    }
    struct enroll_answer answer = {.ca_pem = trust->ca_pem,
                                   .cert_pem = pem.data,
                                   .signer_pem = trust->signer_pem,
                                   .sealing_pem = trust->sealing_pem};
    snprintf(answer.node, sizeof(answer.node), "%s", request->node);
    reply(e, request->token_id, &answer); /* borrows: nothing to free */
    log_info("node enrolled node=%s token=%s", request->node, request->token_id);
}

static void request_end(struct request *request)
{
    (void)map_del(request->enrolment->open, request->token_id);
    request_free(request);
}

/* The steps of a request, each durable before the next: the token is bound to the node, the Node
 * object made, the answer given. A cut in between leaves a request that the node sends again. */

/* A token lets a new node in, never one into another's place: who holds a token could else take
 * over any node, its pods and their secrets. */
static int mark_node(void *ctx, struct value *node)
{
    const struct request *request = ctx;
    struct value *annotations = value_make_map(node, "metadata", "annotations", NULL);
    const char *id = value_get_str(annotations, NODE_ID_ANNOTATION);
    if (!str_empty(id) && !str_eq(id, request->node) && !WEAKENED(ENROLL_TAKEOVER))
        return -EEXIST;
    value_set_str(annotations, NODE_ID_ANNOTATION, request->node);
    value_set_str(annotations, NODE_SEALING_ANNOTATION, request->sealing_pem);
    return 0;
}

static bool is_taken(const struct request *request)
{
    const struct api_ref ref = {&kind_node, "", request->name};
    cleanup(value_free) struct value *node = NULL;
    if (api_get(request->enrolment->spec.api, &user, &ref, &node) != 0)
        return false;
    const char *id = object_annotation(node, NODE_ID_ANNOTATION);
    return !str_empty(id) && !str_eq(id, request->node);
}

static void node_written(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    if (answer->code < 300) {
        grant(request);
    } else if (is_taken(request)) {
        autofree char *reason =
            xasprintf("there is a node %s with another key: delete it first if it is no more "
                      "(limpet delete node %s), or choose another name",
                      request->name, request->name);
        refuse(request->enrolment, request->token_id, reason);
    } else {
        const char *reason = value_get_str(answer->object, "message");
        refuse(request->enrolment, request->token_id, reason ? reason : "node not written");
    }
    request_end(request);
}

static void write_node(struct request *request)
{
    struct api *api = request->enrolment->spec.api;
    const struct api_ref ref = {&kind_node, "", request->name};
    cleanup(value_free) struct value *node = NULL;
    if (api_get(api, &user, &ref, &node) == 0) {
        api_patch_with(api, &user, &ref, 0, mark_node, node_written, request);
        return;
    }
    cleanup(value_free) struct value *fresh = value_new_map();
    value_set_str(fresh, "apiVersion", "v1");
    value_set_str(fresh, "kind", "Node");
    value_set_str(value_make_map(fresh, "metadata", NULL), "name", request->name);
    (void)mark_node(request, fresh);
    api_create(api, &user, &ref, fresh, 0, node_written, request);
}

static int mark_token(void *ctx, struct value *secret)
{
    const struct request *request = ctx;
    struct value *annotations = value_make_map(secret, "metadata", "annotations", NULL);
    const char *used_by = value_get_str(annotations, TOKEN_USED_BY);
    if (used_by && !str_eq(used_by, request->node) && !WEAKENED(ENROLL_ONCE))
        return -EACCES;
    value_set_str(annotations, TOKEN_USED_BY, request->node);
    return 0;
}

static void token_written(void *ctx, const struct api_answer *answer)
{
    struct request *request = ctx;
    if (answer->code < 300) {
        write_node(request);
        return;
    }
    const char *reason = value_get_str(answer->object, "message");
    bool taken = answer->code == 404 || answer->code == 409;
    refuse(request->enrolment, request->token_id,
           taken    ? "the token was used by another node or is gone"
           : reason ? reason
                    : "the token cannot be marked as used");
    request_end(request);
}

static int read_request(struct enrolment *e, const void *payload, size_t len, struct request *ret,
                        struct err *err)
{
    cleanup(enroll_request_done) struct enroll_request wire = {0};
    cleanup(key_free) struct key *identity = NULL;
    cleanup(key_free) struct key *sealing = NULL;
    autofree char *common_name = NULL;
    char id[SHA256_HEX + 1];
    int rc = enroll_request_read(payload, len, &wire, err);
    if (rc == 0)
        rc = csr_parse(wire.csr_pem, strlen(wire.csr_pem), &common_name, &identity, &sealing, err);
    if (rc == 0)
        rc = key_id(identity, id, err);
    if (rc == 0)
        rc = topic_node_id(wire.name, id, ret->node, err);
    if (rc < 0)
        return rc;
    if (!str_eq(common_name, ret->node))
        return err_set(err, -EINVAL, "the request is for %s, its key says %s", common_name,
                       ret->node);
    if (!sealing)
        return err_set(err, -EINVAL, "the request binds no sealing key");
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    rc = key_write_public(sealing, &pem, err);
    if (rc < 0)
        return rc;
    ret->enrolment = e;
    strcpy(ret->name, wire.name);
    ret->identity = steal(identity);
    ret->sealing_pem = buf_steal(&pem, NULL);
    return 0;
}

void enrolment_request(struct enrolment *e, const char *token_id, const void *payload, size_t len)
{
    autofree char *secret_name = xasprintf("%s%s", TOKEN_NAME_PREFIX, token_id);
    const struct token *token = map_get(e->tokens, secret_name);
    if (!token || token->expires_ns <= now_ns(e)) {
        refuse(e, token_id, "the token is not known or has expired");
        return;
    }
    if (map_get(e->open, token_id) || map_len(e->open) >= REQUESTS_MAX)
        return; /* the node asks again */
    struct request *request = xcalloc(1, sizeof(*request));
    struct err err = {0};
    if (read_request(e, payload, len, request, &err) < 0) {
        refuse(e, token_id, err.msg);
        request_free(request);
        return;
    }
    snprintf(request->token_id, sizeof(request->token_id), "%s", token_id);
    (void)map_put(e->open, token_id, request);
    const struct api_ref ref = {&kind_secret, TOKEN_NAMESPACE, secret_name};
    api_patch_with(e->spec.api, &user, &ref, 0, mark_token, token_written, request);
}

int enrolment_new(const struct enrolment_spec *spec, struct enrolment **ret, struct err *err)
{
    struct enrolment *e = xcalloc(1, sizeof(*e));
    e->spec = *spec;
    e->tokens = map_new();
    e->open = map_new();
    e->expiry = loop_timer_new(spec->loop, update_soon, e);
    const struct api_ref ref = {&kind_secret, TOKEN_NAMESPACE, ""};
    int rc = api_watch(spec->api, &user, &ref, NULL, 0, secret_changed, e, &e->watch);
    if (rc < 0) {
        enrolment_free(e);
        return err_set(err, -EIO, "cannot watch join tokens (%d)", rc);
    }
    update_soon(e);
    *ret = e;
    return 0;
}

void enrolment_free(struct enrolment *e)
{
    if (!e)
        return;
    api_watch_free(e->watch);
    loop_timer_free(e->expiry);
    if (e->update)
        loop_defer_free(e->update);
    map_free(e->tokens, free);
    map_free(e->open, request_free);
    free(e);
}
