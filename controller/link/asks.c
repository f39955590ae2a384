#include "controller/link/asks.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/podtoken.h"
#include "common/kinds/kinds.h"
#include "controller/api/api.h"
#include "controller/api/status.h"
#include "controller/auth/node_tokens.h"
#include "controller/link/bucket.h"

#include <stdlib.h>

struct asks {
    struct asks_spec spec;
    struct map *sources; /* node id -> struct source */
};

/* What is known of one node's asking. */
struct source {
    struct bucket bucket;
    bool told; /* that it asks too much */
};

/* One question. */
struct question {
    const struct asks *asks;
    const struct asks_node *from;
    const char *id;
    const struct value *args;
};

static const struct api_user user = {.name = "system:limpet:link"};
static const struct bucket_rate rate = {ASKS_BURST, ASKS_INTERVAL_NS};

struct asks *asks_new(const struct asks_spec *spec)
{
    struct asks *asks = xcalloc(1, sizeof(*asks));
    asks->spec = *spec;
    asks->sources = map_new();
    return asks;
}

void asks_free(struct asks *asks)
{
    if (!asks)
        return;
    map_free(asks->sources, free);
    free(asks);
}

void asks_forget(struct asks *asks, const char *node)
{
    free(map_del(asks->sources, node));
}

/* ---- "token" ---- */

/* The account that a pod runs with; the caller's. Of one that is not there, any will do: the rule
 * refuses it. */
static char *account_of(const struct asks *asks, const struct podtoken_ask *ask)
{
    const struct api_ref ref = {&kind_pod, ask->ns, ask->pod};
    const struct value *pod = NULL;
    const char *name = NULL;
    if (api_see(asks->spec.api, &user, &ref, &pod) == 0)
        name = value_get_str(value_get(pod, "spec"), "serviceAccountName");
    return xstrdup(str_empty(name) ? "default" : name);
}

static struct value *seal(const struct question *q, const struct buf *token, int64_t left_s,
                          struct value *answer, struct buf *raw)
{
    struct err err = {0};
    value_set_int(answer, "seconds", left_s);
    if (podtoken_seal(q->from->sealing, q->from->node, q->id, buf_str(token), raw, &err) < 0)
        return status_failure(500, "%s", err.msg);
    return NULL;
}

static struct value *issue(const struct question *q, const struct sa_request *request,
                           struct value *answer, struct buf *raw)
{
    const struct asks_spec *spec = &q->asks->spec;
    int64_t expires_s = 0;
    struct buf token;
    struct value *status = node_tokens_refusal(spec->api, q->from->name, request);
    if (status)
        return status;
    buf_init(&token, 0);
    status = sa_tokens_issue(spec->tokens, request, &token, &expires_s);
    int64_t now_s = clock_wall(loop_clock(spec->loop)) / NS_PER_S;
    if (!status)
        status = seal(q, &token, expires_s - now_s, answer, raw);
    if (token.data)
        crypto_wipe(token.data, token.len);
    buf_done(&token);
    return status;
}

static struct value *answer_token(const struct question *q, struct value *answer, struct buf *raw)
{
    struct podtoken_ask ask;
    struct err err = {0};
    if (!q->asks->spec.tokens)
        return status_failure(503, "this gateway issues no tokens");
    if (podtoken_ask_read(q->args, &ask, &err) < 0)
        return status_failure(400, "%s", err.msg);
    autofree char *account = account_of(q->asks, &ask);
    cleanup(value_free) struct value *audiences = value_new_list();
    if (ask.audience)
        value_append(audiences, value_new_str(ask.audience));
    const struct sa_request request = {.ns = ask.ns,
                                       .name = account,
                                       .bound = {"Pod", ask.pod, ask.uid},
                                       .audiences = audiences,
                                       .seconds = ask.seconds};
    return issue(q, &request, answer, raw);
}

/* ---- all of them ---- */

/* NULL with the answer in body and raw; else the Status of why there is none. */
static const struct {
    const char *name;
    struct value *(*answer)(const struct question *q, struct value *answer, struct buf *raw);
} methods[] = {
    {PODTOKEN_METHOD, answer_token},
};

static struct value *answer_any(const struct question *q, const char *method, struct value *answer,
                                struct buf *raw)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (str_eq(methods[i].name, method))
            return methods[i].answer(q, answer, raw);
    return status_failure(400, "the question is not known to this gateway");
}

/* What is beyond the rate is not even looked at. */
static bool may_ask(struct asks *asks, const char *node)
{
    struct source *source = map_get(asks->sources, node);
    if (!source) {
        source = xcalloc(1, sizeof(*source));
        (void)map_put(asks->sources, node, source);
    }
    bool may =
        bucket_take(&source->bucket, &rate, loop_now(asks->spec.loop)) || WEAKENED(ASKS_RATE);
    if (!may && !source->told)
        log_warn("a node asks too often, it is not answered: node=%s", node);
    source->told = !may;
    return may;
}

void asks_take(struct asks *asks, const struct asks_node *from, const char *id,
               const struct value *question)
{
    const struct question q = {asks, from, id, value_get(question, "args")};
    cleanup(value_free) struct value *answer = value_new_map();
    cleanup(buf_done) struct buf raw;
    buf_init(&raw, 0);
    if (!may_ask(asks, from->node))
        return;
    cleanup(value_free) struct value *status =
        answer_any(&q, value_get_str(question, "method"), answer, &raw);
    value_set_int(answer, "code", status ? status_code(status) : 0);
    if (status) {
        const char *why = value_get_str(status, "message");
        value_set_str(answer, "message", why ? why : "");
        buf_done(&raw);
    }
    asks->spec.answer(asks->spec.ctx, from->node, id, answer, raw.data, raw.len);
}
