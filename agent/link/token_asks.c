#include "agent/link/token_asks.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/bus/podtoken.h"

#include <stdlib.h>

struct token_asks {
    struct tokens *tokens;
    struct questions *questions;
    const char *node;
    const struct key *sealing;
};

static void answered(void *ctx, uint64_t ticket, const struct questions_answer *answer)
{
    const struct token_asks *t = ctx;
    struct buf text;
    struct err err = {0};
    struct tokens_answer told = {.code = answer->code, .message = answer->message};
    buf_init(&text, 0);
    if (answer->code == 0 && podtoken_open(t->sealing, t->node, answer->id, answer->raw,
                                           answer->raw_len, &text, &err) < 0) {
        log_warn("token of a pod refused: error=%s", log_quote(err.msg));
        told.code = 502;
        told.message = err.msg;
    }
    if (told.code == 0) {
        told.text = buf_str(&text);
        told.seconds = value_get_int(answer->body, "seconds", 0);
    }
    tokens_answer(t->tokens, ticket, &told);
    if (text.data)
        crypto_wipe(text.data, text.len);
    buf_done(&text);
}

static int ask(void *ctx, const struct tokens_question *question, uint64_t ticket, struct err *err)
{
    struct token_asks *t = ctx;
    const struct podtoken_ask what = {question->ns, question->pod, question->uid,
                                      question->audience, question->seconds};
    cleanup(value_free) struct value *args = value_new_map();
    podtoken_ask_write(&what, args);
    return questions_open(t->questions, PODTOKEN_METHOD, args, answered, t, ticket, err);
}

struct token_asks *token_asks_new(struct tokens *tokens, struct questions *questions,
                                  const char *node, const struct key *sealing)
{
    struct token_asks *t = xcalloc(1, sizeof(*t));
    *t = (struct token_asks){tokens, questions, node, sealing};
    tokens_serve(tokens, ask, t);
    return t;
}

void token_asks_free(struct token_asks *t)
{
    if (!t)
        return;
    tokens_serve(t->tokens, NULL, NULL);
    free(t);
}
