#pragma once
/* The question "token" of rpc.h and what answers it: a token of a pod's ServiceAccount, sealed to
 * the node that asks and for that very question, so that the broker cannot read it. Pure. */

#include "common/crypto/crypto.h"
#include "common/data/value.h"

#define PODTOKEN_METHOD "token"
#define PODTOKEN_MAX (8 * 1024) /* bytes of a token */

struct podtoken_ask {
    const char *ns, *pod, *uid;
    const char *audience; /* NULL: the API's own */
    int64_t seconds;      /* how long it is to hold: what the pod's volume says */
};
void podtoken_ask_write(const struct podtoken_ask *ask, struct value *args);
/* ret borrows from args. -EINVAL: a word is missing, or the number is none of a time. */
nodiscard int podtoken_ask_read(const struct value *args, struct podtoken_ask *ret,
                                struct err *err);

/* node: the id of the node that asks; id: of the question. */
nodiscard int podtoken_seal(const struct key *to, const char *node, const char *id,
                            const char *token, struct buf *ret, struct err *err);
/* The token as text, for the caller to wipe. -EBADMSG: it does not open for that node and question,
 * or holds no token (letters, digits and "-_." alone, PODTOKEN_MAX of them at most). */
nodiscard int podtoken_open(const struct key *own, const char *node, const char *id,
                            const void *sealed, size_t len, struct buf *ret, struct err *err);
