#pragma once
/* Questions of this node to its gateway (common/bus/rpc.h, "ask"): each is answered once, by the
 * gateway or, if it does not, by 504, or 503 when the connection breaks. What nobody asked is
 * dropped. */

#include "common/base/rng.h"
#include "common/bus/envelope.h"
#include "common/loop/loop.h"

#define QUESTIONS_UNDER_WAY 32

struct questions;
struct questions_spec {
    struct loop *loop;
    struct rng *rng;
    /* Sends a question's body as message <id>. */
    int (*send)(void *ctx, const char *id, const struct value *body, struct err *err);
    void *ctx;
};
struct questions *questions_new(const struct questions_spec *spec);
void questions_free(struct questions *questions); /* answers nobody; NULL is fine */

struct questions_answer {
    const char *id;           /* of the question */
    int code;                 /* 0, or an HTTP code */
    const char *message;      /* with a code: why */
    const struct value *body; /* NULL: it is none of the gateway's */
    const void *raw;
    size_t raw_len;
};
typedef void questions_fn(void *ctx, uint64_t ticket, const struct questions_answer *answer);
/* ticket is given back with the answer, which never comes from inside of the call. -EBUSY: too many
 * are under way; or why it cannot be sent. */
nodiscard int questions_open(struct questions *questions, const char *method,
                             const struct value *args, questions_fn *fn, void *ctx, uint64_t ticket,
                             struct err *err);

/* A message on down/rpc/<id> that is of no stream. */
void questions_message(struct questions *questions, const char *id, const struct envelope_got *got);
/* The connection broke. */
void questions_reset(struct questions *questions);
