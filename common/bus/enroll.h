#pragma once
/* Enrolment: a join token, the request and the answer on `limpet/v1/enroll/<token id>/...`. The
 * token proves the right to enrol (its secret is the TLS-PSK) and pins the controller's CA; the
 * node's keys are made on the node. What a node pins (desired-state key, sealing key) comes as
 * certificates of that CA. Pure. */

#include "common/bus/topic.h"
#include "common/crypto/cert.h"

#define ENROLL_SECRET_LEN 32
#define ENROLL_MAX (64 * 1024)
/* Common names of the CA's certificates for keys that are not for TLS. */
#define ENROLL_CN_SIGNER "limpet:desired-state"
#define ENROLL_CN_SEALING "limpet:sealing"
#define ENROLL_SERVER_NAME                                                                         \
    "limpet-gateway" /* in the broker's certificate, beside IP and DNS SANs */

/* "limpet1.<id>.<secret, hex>.<sha256 of the CA certificate in PEM as sent, hex>" */
struct enroll_token {
    char id[33];
    uint8_t secret[ENROLL_SECRET_LEN];
    char ca_hash[SHA256_HEX + 1];
};
nodiscard int enroll_token_parse(const char *text, struct enroll_token *ret, struct err *err);
int enroll_token_write(const struct enroll_token *token, struct buf *ret);

struct enroll_request {                 /* {"v":1,"name":"pi-01","csr":"PEM"} */
    char name[TOPIC_NODE_NAME_MAX + 1]; /* of the node; the id follows from the request's key */
    char *csr_pem;
};
struct enroll_answer { /* {"v":1,"node":"pi-01.ab12cd34","ca","cert","signer","sealing"} or
                          {"v":1,"error":"..."} */
    char node[TOPIC_NODE_MAX + 1];
    char *ca_pem, *cert_pem;
    char *signer_pem, *sealing_pem; /* certificates */
    char *error;                    /* NULL: granted */
};
void enroll_request_done(struct enroll_request *request);
void enroll_answer_done(struct enroll_answer *answer);
CLEANUP_DEFINE_VALUE(struct enroll_request, enroll_request_done);
CLEANUP_DEFINE_VALUE(struct enroll_answer, enroll_answer_done);
int enroll_request_write(const struct enroll_request *request, struct buf *ret);
nodiscard int enroll_request_read(const void *payload, size_t len, struct enroll_request *ret,
                                  struct err *err);
int enroll_answer_write(const struct enroll_answer *answer, struct buf *ret);
/* Form only. */
nodiscard int enroll_answer_read(const void *payload, size_t len, struct enroll_answer *ret,
                                 struct err *err);
/* What a node must check before it believes an answer: CA has the token's hash, every certificate
 * is the CA's (dates ignored: the node's clock may be wrong), the names are the expected ones, cert
 * is for our key, the node id is name + key hash. -EKEYREJECTED with the reason. */
nodiscard int enroll_answer_check(const struct enroll_answer *answer,
                                  const struct enroll_token *token, const char *name,
                                  const struct key *identity, struct err *err);
