#pragma once
/* One keeper as the agent knows it: its process, its socket, its last report; and the end of it,
 * when what is left of the pod is swept. Shared by keepers.c and adopt.c. */

#include "agent/keeper/keepers.h"
#include "agent/keeper/launcher.h"
#include "agent/keeper/proto.h"
#include "agent/runtime/cgroup.h"
#include "common/base/list.h"

enum entry_state {
    ENTRY_CONNECTING, /* adopted: its socket does not answer yet */
    ENTRY_LIVE,
    ENTRY_SWEEPING, /* the keeper is gone: its pod is killed and removed */
};

struct impl;

struct entry {
    struct list link;
    struct impl *impl;
    enum entry_state state;
    char *uid;
    char *cgroup, *run_dir, *state_dir; /* state_dir: NULL if unknown */
    bool awaited;                       /* found at start: settled() waits for its first report */
    bool silent;                        /* the agent was told that it does not answer */
    bool told;                          /* the agent knows of it: gone() is due */
    bool removing;
    bool stop_wanted, go_wanted; /* asked for before there was a connection */
    int64_t stop_grace_ns;
    int pidfd;
    pid_t pid;
    struct loop_child *child;
    int fd;
    int version;            /* of what its keeper and we speak; 0: it has not said hello yet */
    int64_t launch_version; /* of the plans that its keeper reads; 0: not said */
    struct loop_io *io;
    struct loop_timer *timer; /* state CONNECTING: try again; LIVE: patience; SWEEPING: try again */
    int64_t awake_since;      /* of one that is silent (silence.h) */
    int64_t deadline;         /* boot ns of what the timer is about */
    int64_t wait_ns;
    struct keeper_report *last;
    char *failure; /* why it could not set the pod up, by its own word; NULL */
};

struct impl {
    struct keepers keepers;
    struct loop *loop;
    char *run_dir, *cgroup_root;
    int lock_fd;
    struct cgroup_host cgroups;
    struct launcher *launcher;
    struct keepers_handler handler;
    void *ctx;
    struct list entries;
    struct list cleaners; /* cleaner.h */
    size_t awaited;       /* entries that settled() waits for */
    struct loop_defer *settle;
};

struct entry *entry_find(const struct impl *impl, const char *uid);
struct entry *entry_new(struct impl *impl, const char *uid);
void entry_free(struct entry *entry);
/* Its process: entry_free is not called before it has ended, or it lives on. */
nodiscard int entry_watch(struct entry *entry, pid_t pid, struct err *err);
/* A connected socket; owned on success. Says hello and what was asked for meanwhile. */
nodiscard int entry_attach(struct entry *entry, int fd, struct err *err);
/* Connects to a keeper that runs, now or soon. One that does not answer by the deadline is silent:
 * it is waited for as long as something blocks it, and killed once it has been awake for long. */
void entry_connect(struct entry *entry, int64_t patience_ns);
/* Sends one of the agent's words (enum proto_type). */
void entry_say(struct entry *entry, int type, int64_t value);
/* Asks for an exec or attach: an encoded request and its descriptors, borrowed. -EPROTONOSUPPORT:
 * its keeper is of an older release. */
nodiscard int entry_exec(struct entry *entry, const void *request, size_t len, const int *fds,
                         size_t count, struct err *err);
/* Sends another of the agent's words, of which the keeper's release must know, with at most one
 * descriptor, borrowed; -1: none. -EPROTONOSUPPORT. */
nodiscard int entry_tell(struct entry *entry, const struct proto *message, int fd, struct err *err);
/* Unless a report comes in time, the keeper is killed. */
void entry_patience(struct entry *entry, int64_t ns);
/* One try to end and remove what is left of the pod: 0, or -EBUSY. */
nodiscard int entry_sweep_once(struct entry *entry);
/* Tries until nothing is left, then tells the agent (if it knows of the pod) and frees the entry.
 */
void entry_begin_sweep(struct entry *entry);

/* Says settled() from the loop if nothing is awaited. */
void entry_settle(struct impl *impl);
