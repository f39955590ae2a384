#include "common/bus/enroll.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#define TOKEN_PREFIX "limpet1."
#define ENROLL_VERSION 1

/* Tokens. */

int enroll_token_write(const struct enroll_token *token, struct buf *ret)
{
    char secret[2 * ENROLL_SECRET_LEN + 1];
    hex_encode(token->secret, ENROLL_SECRET_LEN, secret);
    return buf_addf(ret, "%s%s.%s.%s", TOKEN_PREFIX, token->id, secret, token->ca_hash);
}

int enroll_token_parse(const char *text, struct enroll_token *ret, struct err *err)
{
    struct enroll_token token = {0};
    char secret[2 * ENROLL_SECRET_LEN + 1] = "";
    int used = 0;
    if (!str_has_prefix(text, TOKEN_PREFIX) ||
        sscanf(text + strlen(TOKEN_PREFIX), "%32[0-9a-z].%64[0-9a-f].%64[0-9a-f]%n", token.id,
               secret, token.ca_hash, &used) != 3 ||
        text[strlen(TOKEN_PREFIX) + (size_t)used] != '\0' || strlen(token.ca_hash) != SHA256_HEX ||
        hex_decode(secret, strlen(secret), token.secret, ENROLL_SECRET_LEN) < 0)
        return err_set(err, -EINVAL, "not a join token (want limpet1.<id>.<secret>.<hash>)");
    *ret = token;
    return 0;
}

/* Messages. */

void enroll_request_done(struct enroll_request *request)
{
    free(request->csr_pem);
    request->csr_pem = NULL;
}

void enroll_answer_done(struct enroll_answer *answer)
{
    free(answer->ca_pem);
    free(answer->cert_pem);
    free(answer->signer_pem);
    free(answer->sealing_pem);
    free(answer->error);
    *answer = (struct enroll_answer){0};
}

int enroll_request_write(const struct enroll_request *request, struct buf *ret)
{
    cleanup(value_free) struct value *v = value_new_map();
    value_set_int(v, "v", ENROLL_VERSION);
    value_set_str(v, "name", request->name);
    value_set_str(v, "csr", request->csr_pem);
    return json_write(v, ret);
}

static int parse(const void *payload, size_t len, struct value **ret, struct err *err)
{
    if (len > ENROLL_MAX)
        return err_set(err, -EBADMSG, "larger than %d bytes", ENROLL_MAX);
    cleanup(value_free) struct value *v = NULL;
    struct err why = {0};
    if (json_parse(payload, len, &v, &why) < 0)
        return err_set(err, -EBADMSG, "%s", why.msg);
    if (value_get_int(v, "v", 0) != ENROLL_VERSION)
        return err_set(err, -ENOTSUP, "of a version that is not known here");
    *ret = steal(v);
    return 0;
}

int enroll_request_read(const void *payload, size_t len, struct enroll_request *ret,
                        struct err *err)
{
    cleanup(value_free) struct value *v = NULL;
    int rc = parse(payload, len, &v, err);
    if (rc < 0) {
        (void)err_wrap(err, "enrolment request");
        return rc;
    }
    const char *name = value_get_str(v, "name"), *csr = value_get_str(v, "csr");
    if (!name || !topic_node_name_valid(name))
        return err_set(err, -EBADMSG,
                       "enrolment request: name: want a DNS name of at most %d bytes",
                       TOPIC_NODE_NAME_MAX);
    if (str_empty(csr))
        return err_set(err, -EBADMSG, "enrolment request: csr: missing");
    strcpy(ret->name, name);
    ret->csr_pem = xstrdup(csr);
    return 0;
}

int enroll_answer_write(const struct enroll_answer *answer, struct buf *ret)
{
    cleanup(value_free) struct value *v = value_new_map();
    value_set_int(v, "v", ENROLL_VERSION);
    if (answer->error) {
        value_set_str(v, "error", answer->error);
        return json_write(v, ret);
    }
    value_set_str(v, "node", answer->node);
    value_set_str(v, "ca", answer->ca_pem);
    value_set_str(v, "cert", answer->cert_pem);
    value_set_str(v, "signer", answer->signer_pem);
    value_set_str(v, "sealing", answer->sealing_pem);
    return json_write(v, ret);
}

int enroll_answer_read(const void *payload, size_t len, struct enroll_answer *ret, struct err *err)
{
    cleanup(value_free) struct value *v = NULL;
    int rc = parse(payload, len, &v, err);
    if (rc < 0) {
        (void)err_wrap(err, "enrolment answer");
        return rc;
    }
    const char *error = value_get_str(v, "error");
    if (error) {
        ret->error = xstrdup(error);
        return 0;
    }
    struct {
        const char *key;
        char **to;
    } texts[] = {{"ca", &ret->ca_pem},
                 {"cert", &ret->cert_pem},
                 {"signer", &ret->signer_pem},
                 {"sealing", &ret->sealing_pem}};
    const char *node = value_get_str(v, "node");
    if (!node || !topic_node_valid(node))
        return err_set(err, -EBADMSG, "enrolment answer: node: malformed");
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (str_empty(value_get_str(v, texts[i].key)))
            return err_set(err, -EBADMSG, "enrolment answer: %s: missing", texts[i].key);
    strcpy(ret->node, node);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i].to = xstrdup(value_get_str(v, texts[i].key));
    return 0;
}

/* A certificate of the pinned CA with that common name; dates are ignored, the node's clock may be
 * wrong. */
static int check_cert(const char *what, const char *pem, const char *ca_pem,
                      const char *common_name, struct cert_info *ret, struct err *err)
{
    struct err why = {0};
    if (cert_verify(pem, strlen(pem), ca_pem, strlen(ca_pem), -1, &why) < 0 ||
        cert_parse(pem, strlen(pem), ret, &why) < 0)
        return err_set(err, -EKEYREJECTED, "enrolment answer: %s: %s", what, why.msg);
    if (str_eq(ret->common_name, common_name))
        return 0;
    int rc = err_set(err, -EKEYREJECTED, "enrolment answer: %s: is for %s, not %s", what,
                     ret->common_name, common_name);
    cert_info_done(ret);
    return rc;
}

int enroll_answer_check(const struct enroll_answer *answer, const struct enroll_token *token,
                        const char *name, const struct key *identity, struct err *err)
{
    char hash[SHA256_HEX + 1], own[SHA256_HEX + 1], node[TOPIC_NODE_MAX + 1];
    sha256_hex(answer->ca_pem, strlen(answer->ca_pem), hash);
    if (!str_eq(hash, token->ca_hash))
        return err_set(err, -EKEYREJECTED,
                       "enrolment answer: its CA is not the one the token pins");
    int rc = key_id(identity, own, err);
    if (rc == 0)
        rc = topic_node_id(name, own, node, err);
    if (rc < 0)
        return rc;
    if (!str_eq(node, answer->node))
        return err_set(err, -EKEYREJECTED, "enrolment answer: for node %s, we are %s", answer->node,
                       node);
    const struct {
        const char *what, *pem, *common_name;
        bool ours;
    } certs[] = {
        {"node certificate", answer->cert_pem, node, true},
        {"desired-state key", answer->signer_pem, ENROLL_CN_SIGNER, false},
        {"sealing key", answer->sealing_pem, ENROLL_CN_SEALING, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(certs); i++) {
        struct cert_info info = {0};
        rc = check_cert(certs[i].what, certs[i].pem, answer->ca_pem, certs[i].common_name, &info,
                        err);
        if (rc < 0)
            return rc;
        bool fits = !certs[i].ours || str_eq(info.key_id, own);
        cert_info_done(&info);
        if (!fits)
            return err_set(err, -EKEYREJECTED,
                           "enrolment answer: the certificate is for another key");
    }
    return 0;
}
