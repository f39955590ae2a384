#include "agent/link/questions.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/rpc.h"

#include <errno.h>
#include <stdlib.h>

/* The question may lie with the broker until it expires, and so may the answer. */
#define ANSWER_NS ((2 * RPC_EXPIRY_S + 2) * NS_PER_S)

struct question {
    struct questions *questions;
    char id[33];
    questions_fn *fn;
    void *ctx;
    uint64_t ticket;
    struct loop_timer *late;
};

struct questions {
    struct questions_spec spec;
    struct map *open; /* id -> struct question */
};

struct questions *questions_new(const struct questions_spec *spec)
{
    struct questions *questions = xcalloc(1, sizeof(*questions));
    questions->spec = *spec;
    questions->open = map_new();
    return questions;
}

static void question_free(void *p)
{
    struct question *question = p;
    loop_timer_free(question->late);
    free(question);
}

void questions_free(struct questions *questions)
{
    if (!questions)
        return;
    map_free(questions->open, question_free);
    free(questions);
}

/* Off the list before it is told: once. */
static void finish(struct question *question, const struct questions_answer *answer)
{
    (void)map_del(question->questions->open, question->id);
    question->fn(question->ctx, question->ticket, answer);
    question_free(question);
}

static void fail(struct question *question, int code, const char *message)
{
    char id[sizeof(question->id)];
    memcpy(id, question->id, sizeof(id));
    finish(question, &(struct questions_answer){.id = id, .code = code, .message = message});
}

static void late(void *ctx)
{
    fail(ctx, 504, "the gateway does not answer");
}

int questions_open(struct questions *questions, const char *method, const struct value *args,
                   questions_fn *fn, void *ctx, uint64_t ticket, struct err *err)
{
    uint8_t id[16];
    char hex[2 * sizeof(id) + 1];
    cleanup(value_free) struct value *body = value_new_map();
    if (map_len(questions->open) >= QUESTIONS_UNDER_WAY)
        return err_set(err, -EBUSY, "too many questions are under way");
    rng_fill(questions->spec.rng, id, sizeof(id));
    hex_encode(id, sizeof(id), hex);
    value_set_str(body, "op", "ask");
    value_set_str(body, "method", method);
    value_set(body, "args", value_copy(args));
    int rc = questions->spec.send(questions->spec.ctx, hex, body, err);
    if (rc < 0)
        return rc;
    struct question *question = xcalloc(1, sizeof(*question));
    *question = (struct question){.questions = questions, .fn = fn, .ctx = ctx, .ticket = ticket};
    memcpy(question->id, hex, sizeof(question->id));
    question->late = loop_timer_new(questions->spec.loop, late, question);
    loop_timer_after(question->late, ANSWER_NS);
    (void)map_put(questions->open, question->id, question);
    return 0;
}

void questions_message(struct questions *questions, const char *id, const struct envelope_got *got)
{
    struct question *question = map_get(questions->open, id);
    const char *op = value_get_str(got->body, "op");
    int64_t code = value_get_int(got->body, "code", -1);
    if (!question) {
        if (str_eq(op, "answer"))
            log_debug("an answer that nobody waits for: id=%s", log_quote(id));
        return;
    }
    if (str_eq(op, "close")) { /* it knows of no questions */
        fail(question, 501, "this gateway answers no questions of nodes");
        return;
    }
    if (!str_eq(op, "answer"))
        return;
    if (code != 0 && (code < 400 || code > 599)) {
        fail(question, 502, "the gateway answers what is no answer");
        return;
    }
    const char *message = value_get_str(got->body, "message");
    finish(question, &(struct questions_answer){.id = id,
                                                .code = (int)code,
                                                .message = message ? message : "",
                                                .body = got->body,
                                                .raw = got->raw,
                                                .raw_len = got->raw_len});
}

void questions_reset(struct questions *questions)
{
    void *p;
    for (size_t i = 0; map_next(questions->open, &i, NULL, &p);)
        fail(p, 503, "the connection to the gateway broke");
}
