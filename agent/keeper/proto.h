#pragma once
/* The words between an agent and a keeper over a SOCK_SEQPACKET socket: one message a packet.
 * Keepers live for months, so either side may be of an older release: each says in its hello which
 * versions it speaks, and both use the highest that they share. A message of a type that is not
 * known is passed over. */

#include "common/base/buf.h"
#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

#define PROTO_MIN 1
#define PROTO_EXEC_SINCE 2 /* version */
#define PROTO_ORDER_SINCE 3
#define PROTO_SIZES_SINCE 4
#define PROTO_MAX 4
#define PROTO_MAX_BYTES ((size_t)128 * 1024) /* fits a report of LAUNCH_MAX_CONTAINERS */

enum proto_type {
    PROTO_HELLO = 1, /* both: versions, release; keeper: value = the LAUNCH_VERSION that it reads,
                        0: before it was said */
    PROTO_REPORT, /* keeper: bytes of keeper_report_encode; all that has changed since is in it */
    PROTO_GO,     /* agent */
    PROTO_STOP,   /* agent: value = grace in ns */
    PROTO_REMOVE, /* agent: kill and clean up all; the keeper exits with 0 */
    PROTO_FAILED, /* keeper: text = why the pod could not be set up; it exits */
    /* Since version 2, with descriptors beside it: */
    PROTO_EXEC, /* agent: report = exec_request.h; the first descriptor is a socket by which the
                   keeper tells of it, and whose end ends it */
    /* Over that socket: */
    PROTO_EOF,   /* agent, of an attach: nothing more is typed */
    PROTO_BEGUN, /* it runs; with a descriptor: its terminal, or the container's stdin; value of an
                    attach: 1 if that may be written to, else it is for sizes alone */
    PROTO_REFUSED, /* it could not be begun: value = exit code as of a shell, 0: it is not a fault
                      of the program; text = why */
    PROTO_OVER,    /* value = exit code, 128 + N after signal N; text: why it was cut off, or "" */
    /* Since version 3, of the agent, of one container (text) and one attempt of it (min): */
    PROTO_MARK, /* max = its marks from now on */
    PROTO_KILL, /* value = grace in ns */
    /* and of the whole pod: */
    PROTO_ADD, /* with a descriptor: a launch plan, whose DEBUG containers the pod gets as well */
    PROTO_DEADLINE, /* value = boot ns when it ends as failed, if it has not ended by then; min =
                       the seconds that the manifest says, which the report tells again */
    /* Since version 4: */
    PROTO_RESIZE, /* agent: report = sizing.h */
};

struct proto {
    enum proto_type type;
    uint32_t min, max;  /* hello, mark, kill */
    int64_t value;      /* hello, stop, kill */
    const char *text;   /* hello: the release; failed; mark, kill: the container */
    const void *report; /* report */
    size_t report_len;
};

nodiscard int proto_encode(const struct proto *message, struct buf *ret);
/* Points into the bytes. -EINVAL: damaged. -ENOMSG: a type of a later release. */
nodiscard int proto_decode(const void *bytes, size_t len, struct proto *ret);
/* The version that both speak, or -EPROTONOSUPPORT. */
nodiscard int proto_agree(const struct proto *hello);
