#pragma once
/* A pod's status from its node (`up/status/<pod uid>`, retained): JSON
 * {"v","boot","seq","gone","pod"}. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

#define REPORT_MAX (256 * 1024)

struct report {
    char boot[65];
    uint64_t seq;      /* per boot and pod, from 1 */
    bool gone;         /* the pod has left the node for good */
    struct value *pod; /* kind, metadata {namespace, name, uid}, status; owned */
};
void report_done(struct report *report);
CLEANUP_DEFINE_VALUE(struct report, report_done);
int report_write(const struct report *report, struct buf *ret);
/* Checks form and that metadata.uid is the topic's. -EBADMSG, -ENOTSUP. */
nodiscard int report_read(const void *payload, size_t len, const char *uid, struct report *ret,
                          struct err *err);
/* One pod's part in the hash of all status that a beat carries: XOR of the first 8 bytes of SHA-256
 * over
 * "<uid>/<seq>/<gone>" of each pod whose retained status stands. */
void report_hash_add(uint8_t hash[8], const char *uid, uint64_t seq, bool gone);
