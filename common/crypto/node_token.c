#include "common/crypto/node_token.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/cert.h"

#include <errno.h>
#include <stdio.h>

#define PREFIX "limpet-node."

int node_token_write(const char *purpose, int64_t now_s, const struct key *key,
                     const char *cert_pem, struct buf *ret, struct err *err)
{
    uint8_t signature[SIGNATURE_MAX];
    size_t len = 0;
    autofree char *head = xasprintf(PREFIX "%s.%lld", purpose, (long long)now_s);
    int r = key_sign(key, head, strlen(head), signature, &len, err);
    if (r)
        return r;
    autofree char *proof = base64_encode(signature, len);
    autofree char *cert = base64_encode(cert_pem, strlen(cert_pem));
    return buf_addf(ret, "%s.%s.%s", head, proof, cert);
}

bool node_token_is(const char *text)
{
    return str_has_prefix(text, PREFIX);
}

/* The parts behind the prefix, in place. */
static bool split(char *text, char *ret[4])
{
    for (int i = 0; i < 4; i++) {
        ret[i] = text;
        char *dot = strchr(text, '.');
        if (i == 3)
            return !dot;
        if (!dot)
            return false;
        *dot = '\0';
        text = dot + 1;
    }
    return false;
}

static int verify(const char *head, const char *proof, const char *cert_pem, size_t cert_len,
                  struct err *err)
{
    uint8_t *signature = NULL;
    size_t len = 0;
    cleanup(key_free) struct key *key = NULL;
    int r = base64_decode(proof, strlen(proof), &signature, &len);
    if (r == 0)
        r = cert_public_key(cert_pem, cert_len, &key, err);
    if (r == 0)
        r = key_verify(key, head, strlen(head), signature, len, err);
    free(signature);
    return WEAKENED(NODE_TOKEN_PROOF) ? 0 : r;
}

int node_token_read(const char *text, const char *purpose, int64_t now_s, const char *ca_pem,
                    struct cert_info *ret, struct err *err)
{
    char *parts[4];
    int64_t made_s;
    size_t cert_len = 0;
    if (!node_token_is(text) || strlen(text) > NODE_TOKEN_MAX)
        return err_set(err, -EINVAL, "that is no token of a node");
    autofree char *copy = xstrdup(text + strlen(PREFIX));
    if (!split(copy, parts) || !str_eq(parts[0], purpose) || str_to_i64(parts[1], &made_s) != 0)
        return err_set(err, -EINVAL, "that is no token of a node for %s", purpose);
    if (made_s < now_s - NODE_TOKEN_LEEWAY_S || made_s > now_s + NODE_TOKEN_LEEWAY_S)
        return err_set(err, -EKEYREJECTED, "the node's token is of another time");
    uint8_t *pem = NULL;
    if (base64_decode(parts[3], strlen(parts[3]), &pem, &cert_len) != 0)
        return err_set(err, -EINVAL, "the node's token holds no certificate");
    autofree char *cert = (char *)pem;
    autofree char *head = xasprintf(PREFIX "%s.%s", parts[0], parts[1]);
    int r = cert_verify(cert, cert_len, ca_pem, strlen(ca_pem), now_s, err);
    if (r == 0)
        r = verify(head, parts[2], cert, cert_len, err);
    return r ? r : cert_parse(cert, cert_len, ret, err);
}
