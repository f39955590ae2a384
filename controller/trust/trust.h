#pragma once
/* The gateway's keys and certificates, made at the first start: a CA, and one key for each purpose
 * (TLS of broker and API, signing of desired state and of ServiceAccounts' tokens, sealing). A
 * folder of PEM files, mode 0700. */

#include "common/crypto/cert.h"
#include "common/fs/disk.h"

struct trust {
    char *ca_pem;
    struct key *ca_key;
    char *server_pem; /* certificate of broker and API */
    struct key *server_key;
    char *server_key_pem; /* for the broker, which reads files */
    struct key *signer;   /* desired state */
    char *signer_pem;     /* its certificate, for nodes to pin */
    struct key *accounts; /* signs the tokens of ServiceAccounts */
    struct key *sealing;
    char *sealing_pem;
    char *admin_pem, *admin_key_pem; /* user "admin", group system:masters */
};

struct trust_spec {
    struct disk *disk;
    const char *dir;
    const struct clock *clock;
    const char *const *dns,
        *const *ips; /* further names and addresses of this gateway; NULL-terminated; may be NULL */
};

/* Loads what is there and makes what is missing, each file whole or not at all. The server's
 * certificate is made anew when a name or address was added. -EBADMSG, -EKEYREJECTED: a file is
 * damaged. */
nodiscard int trust_open(const struct trust_spec *spec, struct trust **ret, struct err *err);
void trust_free(struct trust *trust); /* wipes */

/* A certificate for a client of API and bus. organizations NULL-terminated. */
nodiscard int trust_issue_client(const struct trust *trust, const struct clock *clock,
                                 const char *common_name, const char *const *organizations,
                                 const struct key *subject, int64_t valid_s, struct buf *ret_pem,
                                 struct err *err);
/* A certificate for a server that is not the gateway: -EPERM if one of the names is the gateway's,
 * which nodes and clients go by. Lists NULL-terminated; dns and ips may be NULL. */
struct trust_serving {
    const char *common_name;
    const char *const *organizations, *const *dns, *const *ips;
};
nodiscard int trust_issue_serving(const struct trust *trust, const struct clock *clock,
                                  const struct trust_serving *serving, const struct key *subject,
                                  int64_t valid_s, struct buf *ret_pem, struct err *err);
/* What a join token pins. */
void trust_ca_hash(const struct trust *trust, char ret[SHA256_HEX + 1]);
/* A kubeconfig of the admin for the API at `server` ("https://127.0.0.1:6443"). */
int trust_kubeconfig(const struct trust *trust, const char *server, struct buf *ret);
