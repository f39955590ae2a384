#include "common/bus/podtoken.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <string.h>

#define WORD                                                                                       \
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"                                                                   \
    "abcdefghijklmnopqrstuvwxyz"                                                                   \
    "0123456789-_."

void podtoken_ask_write(const struct podtoken_ask *ask, struct value *args)
{
    value_set_str(args, "namespace", ask->ns);
    value_set_str(args, "pod", ask->pod);
    value_set_str(args, "uid", ask->uid);
    if (ask->audience)
        value_set_str(args, "audience", ask->audience);
    value_set_int(args, "expirationSeconds", ask->seconds);
}

int podtoken_ask_read(const struct value *args, struct podtoken_ask *ret, struct err *err)
{
    struct podtoken_ask ask = {.ns = value_get_str(args, "namespace"),
                               .pod = value_get_str(args, "pod"),
                               .uid = value_get_str(args, "uid"),
                               .audience = value_get_str(args, "audience"),
                               .seconds = value_get_int(args, "expirationSeconds", 0)};
    if (str_empty(ask.ns) || str_empty(ask.pod) || str_empty(ask.uid) || ask.seconds <= 0)
        return err_set(err, -EINVAL, "namespace, pod, uid or expirationSeconds is missing");
    if (str_empty(ask.audience))
        ask.audience = NULL;
    *ret = ask;
    return 0;
}

static void context_of(const char *node, const char *id, struct buf *ret)
{
    buf_init(ret, 0);
    if (WEAKENED(PODTOKEN_CONTEXT))
        return;
    (void)buf_addstr(ret, "limpet token v1");
    (void)buf_addc(ret, '\0');
    (void)buf_addstr(ret, node);
    (void)buf_addc(ret, '\0');
    (void)buf_addstr(ret, id);
}

int podtoken_seal(const struct key *to, const char *node, const char *id, const char *token,
                  struct buf *ret, struct err *err)
{
    cleanup(buf_done) struct buf context;
    context_of(node, id, &context);
    return key_seal(to, context.data, context.len, token, strlen(token), ret, err);
}

int podtoken_open(const struct key *own, const char *node, const char *id, const void *sealed,
                  size_t len, struct buf *ret, struct err *err)
{
    cleanup(buf_done) struct buf context;
    struct buf plain;
    context_of(node, id, &context);
    buf_init(&plain, 0);
    if (len > PODTOKEN_MAX + KEY_SEAL_OVERHEAD)
        return err_set(err, -EBADMSG, "a token of more than %d bytes", PODTOKEN_MAX);
    int rc = key_open(own, context.data, context.len, sealed, len, &plain, err);
    if (rc == 0 && (plain.len == 0 || strspn(buf_str(&plain), WORD) != plain.len))
        rc = err_set(err, -EBADMSG, "what came is no token");
    if (rc < 0) {
        if (plain.data)
            crypto_wipe(plain.data, plain.len);
        buf_done(&plain);
        return rc;
    }
    *ret = plain;
    return 0;
}
