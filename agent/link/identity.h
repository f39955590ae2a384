#pragma once
/* Who this node is: two keys made on the node and never sent, its certificate, and what it pins of
 * its controller. A folder of PEM files, mode 0700. */

#include "common/bus/enroll.h"
#include "common/crypto/cert.h"
#include "common/fs/disk.h"

struct identity {
    char node[TOPIC_NODE_MAX + 1]; /* "<name>.<8 hex>" */
    struct key *identity_key, *sealing_key;
    struct key *signer;     /* the controller's desired-state key, public */
    struct key *controller; /* the controller's sealing key, public */
    char *ca_pem, *cert_pem;
    int64_t not_before_s, not_after_s; /* of our certificate */
};

/* -ENOENT: this node never enrolled. -EBADMSG, -EKEYREJECTED: a file is damaged or does not fit the
 * others. */
nodiscard int identity_load(struct disk *disk, const char *dir, struct identity **ret,
                            struct err *err);
void identity_free(struct identity *identity);
CLEANUP_DEFINE(struct identity, identity_free);

/* The two key pairs, made and stored if they are not there yet (before anything is asked of the
 * controller, so that a cut in between leads to the same node id). */
nodiscard int identity_keys(struct disk *disk, const char *dir, struct key **ret_identity,
                            struct key **ret_sealing, struct err *err);
/* Stores a checked answer; the certificate last: it is what makes the node enrolled. */
nodiscard int identity_store(struct disk *disk, const char *dir, const struct enroll_answer *answer,
                             struct err *err);
