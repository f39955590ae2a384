#pragma once
/* Tokens of the ServiceAccounts of this node's pods: in memory alone, asked for when a pod first
 * needs one, renewed long before they end, forgotten with the pod. It knows no bus: who is asked is
 * given from outside, and may be nobody for weeks. */

#include "common/base/rng.h"
#include "common/loop/loop.h"

struct tokens;

#define TOKENS_RENEW_PERCENT 80 /* of its time: then the next one is asked for, as by a kubelet */
#define TOKENS_AGE_NS (24 * 3600 * NS_PER_S) /* ... and at this age, however long it holds */
#define TOKENS_JITTER_NS (10 * NS_PER_S)
#define TOKENS_WAIT_NS (10 * NS_PER_S) /* how long a pod waits for its first one, with contact */
#define TOKENS_HOPE_NS (2 * NS_PER_S)  /* ... while it is not known yet whether there is contact */
#define TOKENS_PER_POD 32
#define TOKENS_UNDER_WAY 16 /* questions at once */

/* Which token. */
struct tokens_question {
    const char *ns, *pod, *uid;
    const char *audience; /* NULL: the API's own */
    int64_t seconds;      /* for how long it is to hold */
};
struct tokens_answer {
    int code;            /* 0, or an HTTP code */
    const char *text;    /* the token; with a code NULL */
    int64_t seconds;     /* for so long it holds from now on */
    const char *message; /* with a code: why */
};

struct tokens_spec {
    struct loop *loop;
    struct rng *rng;
    int renew_percent; /* 1-99; 0: TOKENS_RENEW_PERCENT */
    /* What tokens_get says of this pod may be another from now on. Not from inside of it. */
    void (*changed)(void *ctx, const char *uid);
    /* The gateway gives this pod none; told once while the reason is the same. */
    void (*refused)(void *ctx, const char *uid, const char *message);
    void *ctx;
};
struct tokens *tokens_new(const struct tokens_spec *spec);
void tokens_free(struct tokens *tokens); /* NULL is fine; wipes them */

/* 0 and the text, which holds still, borrowed until the next call. -EAGAIN: it is on its way, and
 * worth a wait: `changed` tells when to ask again, a second later at most. -ENOENT and why: there
 * is none now; it is asked for all the same, and `changed` tells when it is there. */
nodiscard int tokens_get(struct tokens *tokens, const struct tokens_question *question,
                         const char **ret_text, struct err *err);
/* The pod is gone, and its tokens with it. */
void tokens_forget(struct tokens *tokens, const char *uid);

/* Who asks the gateway: each question that was taken (0) is answered once by tokens_answer, not
 * from inside of the call. ask NULL: nobody any more. */
typedef int tokens_ask_fn(void *ctx, const struct tokens_question *question, uint64_t ticket,
                          struct err *err);
void tokens_serve(struct tokens *tokens, tokens_ask_fn *ask, void *ctx);
void tokens_answer(struct tokens *tokens, uint64_t ticket, const struct tokens_answer *answer);
/* The gateway can be asked, or it cannot (any more). */
void tokens_contact(struct tokens *tokens, bool there);
