#pragma once
/* Authenticated messages that are not in the index (rpc, lease, time): a line of JSON with a
 * counter, a line with a MAC over it, then raw bytes (may be none) that the MAC covers too. The
 * keys come from the sealing keys of node and controller and are new with each boot of the node: a
 * captured broker can neither command a node nor replay to it. Each direction and class ("rpc",
 * "lease", "time", "hint": a channel's first level) has its own key and counter, because messages
 * of different QoS overtake each other. Pure (decision record 0006). */

#include "common/bus/topic.h"
#include "common/crypto/crypto.h"
#include "common/data/value.h"

#define ENVELOPE_MAX_HEAD (64 * 1024)
#define ENVELOPE_MAX_RAW (1024 * 1024)
#define ENVELOPE_MAX_CHANNEL 96
#define ENVELOPE_MAX_BOOT 64
#define ENVELOPE_MAX_SEQ INT64_C(9007199254740991)

enum envelope_dir { ENVELOPE_DOWN, ENVELOPE_UP }; /* to the node, from the node */

/* What node and controller agree on for one boot. */
struct envelope_link {
    uint8_t secret[SHA256_LEN];
    char node[TOPIC_NODE_MAX + 1];
    char boot[ENVELOPE_MAX_BOOT + 1];
};
/* mine: own sealing key pair; theirs: the other side's public one. boot: [A-Za-z0-9-]{1,64}. */
nodiscard int envelope_link_init(struct envelope_link *link, const struct key *mine,
                                 const struct key *theirs, const char *node, const char *boot,
                                 struct err *err);
void envelope_link_done(struct envelope_link *link); /* wipes */

/* One direction of one class. A sender and a receiver keep one each. */
struct envelope_line {
    uint8_t key[SHA256_LEN];
    char node[TOPIC_NODE_MAX + 1];
    char boot[ENVELOPE_MAX_BOOT + 1];
    enum envelope_dir dir;
    char class_name[16];
    uint64_t last; /* the last counter sent or accepted; 0 = none yet */
};
nodiscard int envelope_line_init(struct envelope_line *line, const struct envelope_link *link,
                                 enum envelope_dir dir, const char *class_name, struct err *err);
void envelope_line_done(struct envelope_line *line); /* wipes */

struct envelope_msg {
    const char *channel; /* "rpc/<id>", "lease", "time", "hint": what the topic says */
    int64_t time_ns;     /* the sender's wall clock */
    uint64_t echo; /* down: the last beat seen of this boot: bounds how late it can be; 0 none */
    const struct value *body; /* a map; may be NULL */
    const void *raw;
    size_t raw_len;
};
/* Takes the next counter. -EINVAL, -E2BIG, -EOVERFLOW. */
nodiscard int envelope_write(struct envelope_line *line, const struct envelope_msg *msg,
                             struct buf *ret, struct err *err);

struct envelope_got {
    uint64_t seq;
    int64_t time_ns;
    uint64_t echo;
    struct value *body; /* owned */
    const void *raw;    /* into the payload */
    size_t raw_len;
};
/* Checks MAC, then form, node, boot, direction, channel, then the counter, which must be higher
 * than any before. -EBADMSG (MAC or form), -EADDRNOTAVAIL (another node, boot, direction or
 * channel), -ESTALE (counter: send a hint). */
nodiscard int envelope_read(struct envelope_line *line, const char *channel, const void *payload,
                            size_t len, struct envelope_got *ret, struct err *err);
void envelope_got_done(struct envelope_got *got);
CLEANUP_DEFINE_VALUE(struct envelope_got, envelope_got_done);

/* For a sender that lost its counters (a restarted controller): the receiver answers -ESTALE with
 * this message on its own "hint" line, the sender catches up and sends again. */
nodiscard int envelope_hint_write(struct envelope_line *hint_line,
                                  const struct envelope_line *refused, int64_t time_ns,
                                  struct buf *ret, struct err *err);
/* Reads a hint that came on `hint_line` and moves `sender` up (never down). *ret_moved: whether it
 * moved; -EADDRNOTAVAIL if it is about another class. */
nodiscard int envelope_hint_apply(struct envelope_line *hint_line, const void *payload, size_t len,
                                  struct envelope_line *sender, bool *ret_moved, struct err *err);
