#pragma once
/* The agent's side of its keepers, behind a struct of functions so that the simulator can replace
 * it: spawn, adopt, command, watch, sweep. Events come from the loop, never from inside a call. */

#include "agent/keeper/report.h"
#include "agent/keeper/sizing.h"
#include "common/loop/loop.h"

/* How a keeper ended. */
struct keeper_end {
    bool expected; /* in order, after `remove` or KEEPER_ENDED; else it died */
    /* It could not set the pod up, and said why: UTF-8, at most 255 bytes. NULL: it did not. */
    const char *failure;
    const struct keeper_report *last; /* NULL: none came */
};

struct keepers_handler {
    /* The pod's state changed (also once for each adopted keeper). Borrowed for the call. */
    void (*report)(void *ctx, const struct keeper_report *report);
    /* The keeper is gone and everything of the pod was killed and swept. Borrowed for the call. */
    void (*gone)(void *ctx, const char *uid, const struct keeper_end *end);
    /* A keeper that was found lives, but does not answer in time (its disk stalls, it is stopped):
     * told before settled. Its first report or gone() follows, maybe much later, and nothing may be
     * asked of it before but `remove`. */
    void (*silent)(void *ctx, const char *uid, const char *ns, const char *name);
    /* Once after start: every keeper that was found has reported, is gone, or was told as silent.
     * Only from now on does "no report" mean "no keeper": nothing is spawned before. */
    void (*settled)(void *ctx);
    /* A tree that remove_tree was asked for is gone, or cannot be removed. */
    void (*removed)(void *ctx);
};

struct keepers {
    /* Finds the keepers that live (run folder), connects, and kills and sweeps what belongs to
     * none: cgroups, mounts, run folders. Reports follow. Called once at start. */
    int (*start)(struct keepers *keepers, const struct keepers_handler *handler, void *ctx,
                 struct err *err);
    /* Starts a keeper with this plan (bytes of launch_encode); it answers with a report in
     * KEEPER_SANDBOX. */
    int (*spawn)(struct keepers *keepers, const char *uid, const void *plan, size_t len,
                 struct err *err);
    /* The network is wired: start the containers. */
    int (*go)(struct keepers *keepers, const char *uid, struct err *err);
    /* TERM, after grace KILL; ends in KEEPER_ENDED. A shorter grace may follow. -ENOENT. */
    int (*stop)(struct keepers *keepers, const char *uid, int64_t grace_s, struct err *err);
    /* After KEEPER_ENDED or at any time by force: kill all, keeper too, remove cgroups, mounts, the
     * run folder and the uppers; the exit records and logs stay. Ends in gone(). */
    int (*remove)(struct keepers *keepers, const char *uid, struct err *err);
    /* The pod's network namespace (an O_RDONLY descriptor of the caller's), by the keeper. */
    int (*netns)(struct keepers *keepers, const char *uid, int *ret_fd, struct err *err);
    /* An exec or attach: an encoded exec_request.h and the descriptors that go with it, all
     * borrowed. What becomes of it comes over the first of them (exec_client.h). -ENOENT,
     * -EPROTONOSUPPORT (its keeper is of an older release). */
    int (*exec)(struct keepers *keepers, const char *uid, const void *request, size_t len,
                const int *fds, size_t count, struct err *err);
    /* About one container and one attempt of it (its `restarts` in the report that is acted on; if
     * another one runs by now, nothing happens), or, with add, about the pod. All of them: -ENOENT,
     * -EPROTONOSUPPORT (its keeper is of an older release).
     *
     * The attempt's marks are these from now on: bits that the agent is told again in every report,
     * after its own restart too, until the container starts anew. The agent's to choose but for
     * KEEPER_MARK_STARTED and KEEPER_MARK_MAY_STOP. */
    int (*mark)(struct keepers *keepers, const char *uid, const char *container, uint32_t attempt,
                uint32_t marks, struct err *err);
    /* Ends the attempt: its stop signal, after grace KILL. By its restart policy, with the usual
     * backoff, it is started again. A shorter grace may follow. */
    int (*kill)(struct keepers *keepers, const char *uid, const char *container, uint32_t attempt,
                int64_t grace_s, struct err *err);
    /* The containers of this plan (bytes of launch_encode; LAUNCH_DEBUG all of them) are started in
     * the pod that runs. Whose name the pod has already is left out, and so are those beyond
     * LAUNCH_MAX_CONTAINERS. */
    int (*add)(struct keepers *keepers, const char *uid, const void *plan, size_t len,
               struct err *err);
    /* When the pod, if it has not ended by then, is ended as failed (its `reason` is
     * DeadlineExceeded), at boot ns; INT64_MAX: never. seconds: what the report says of it again.
     * -ENOENT, -EPROTONOSUPPORT. */
    int (*deadline)(struct keepers *keepers, const char *uid, uint32_t seconds, int64_t at,
                    struct err *err);
    /* What the pod and its containers have from now on; of those that are not named, as before. How
     * far that has come is in the report. The same again does nothing twice. -ENOENT,
     * -EPROTONOSUPPORT. */
    int (*resize)(struct keepers *keepers, const char *uid, const struct sizing *sizing,
                  struct err *err);
    /* Stops all of the pod's processes where they stand, or lets them go on. -ENOENT, -ENOTSUP. */
    int (*freeze)(struct keepers *keepers, const char *uid, bool frozen, struct err *err);
    bool (*is_frozen)(struct keepers *keepers, const char *uid);
    /* Begins to remove the tree <parent>/<name> in the background: no link is followed and no other
     * file system entered. Goes on when the agent dies. Ends in removed(). */
    int (*remove_tree)(struct keepers *keepers, const char *parent, const char *name,
                       struct err *err);
    void (*free)(struct keepers *keepers);
};

struct keepers_spec {
    const char *keeper_path; /* the limpet-keeper program */
    const char *run_dir;     /* e.g. /run/limpet/pods */
    const char *cgroup_root; /* e.g. "limpet/<instance>" below each controller */
};
nodiscard int keepers_new(struct loop *loop, const struct keepers_spec *spec, struct keepers **ret,
                          struct err *err);

/* Exit records on disk: <state_dir>/exits, written by the keeper at each final exit, read after a
 * reboot so that a finished pod is not run again. -ENOENT if there is none or it is for another
 * spec hash. */
nodiscard int keeper_exits_read(const char *state_dir, const char *spec_hash,
                                struct keeper_report **ret, struct err *err);
