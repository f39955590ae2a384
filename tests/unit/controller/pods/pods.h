#pragma once
/* Pods that are not there: sessions as the link has them, whose programs are a few words. Of exec
 * the command says what happens:
 *
 *   echo WORDS...   those on stdout, then 0         err WORDS...   on stderr
 *   cat             what comes in goes out          sink           counts what comes in
 *   deaf            takes nothing of it             exit N         ends with N
 *   flood N         N bytes out                     size           each size of the terminal, until
 * it ends refuse CODE     does not begin                  die CODE       begins, and is cut off
 *   hang            does not even begin             hasty WORDS...  says those before it begins
 *
 * attach is "cat" with a greeting. Of a port-forward: port 1 refuses, 2 ends at once, 3 hangs, 4 is
 * "flood", others "cat". */

#include "controller/server/hooks.h"
#include "common/loop/loop.h"

struct pods {
    struct loop *loop;
    int dialed, closed, open; /* sessions: asked for, closed by the server, there */
    int answer;               /* of further dials: 0, or -ENOTCONN, -EBUSY */
    size_t most;              /* bytes that any had on its way */
    size_t sent;              /* bytes of input that were taken */
};

/* server_hooks.pod_dial, for a ctx that is a struct pods. */
int pods_dial(void *ctx, const struct pod_dial *dial, const struct pod_session_handler *handler,
              void *handler_ctx, struct pod_session **ret, struct err *err);
