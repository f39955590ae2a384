#pragma once
/* What the files of agent/pod share of the agent itself. */

#include "agent/pod/agent.h"
#include "agent/pod/filters.h"
#include "agent/pod/manifests.h"
#include "agent/pod/record.h"
#include "agent/pod/tokens.h"
#include "common/base/map.h"

struct giver;
struct pressures;
struct reclaim;

struct agent {
    struct agent_world world;
    struct agent_spec spec; /* strings owned */
    struct agent_handler handler;
    void *ctx;
    struct manifests *manifests;
    struct map *records;      /* uid -> struct pod_record */
    struct loop_defer *round; /* a round over the dirty records is due */
    struct filters *filters;
    struct leftovers *leftovers;
    struct reclaim *reclaim;
    struct tokens *tokens;
    struct giver *giver;               /* of volumes to pods; NULL: nobody does it beside */
    const struct pressures *pressures; /* what the node runs out of; NULL: nobody looks */
    bool started;                      /* every keeper has reported: pods may be started */
    bool told_ready;
};

static inline int64_t agent_now(const struct agent *agent)
{
    return loop_now(agent->world.loop);
}

/* Asks for a round in which this record is planned again. */
void agent_touch(struct pod_record *record);

/* The record of that pod, made if there is none. */
struct pod_record *agent_record(struct agent *agent, const char *uid, const char *ns,
                                const char *name);
/* Whether the pod is left as it is, because it is not known what is wanted of it. */
void agent_judge(struct pod_record *record);

/* heard.c: of struct keepers_handler. */
void heard_report(void *ctx, const struct keeper_report *report);
void heard_silent(void *ctx, const char *uid, const char *ns, const char *name);
void heard_gone(void *ctx, const char *uid, const struct keeper_end *end);
/* A pod that ended for good before the last reboot (or before the agent was restarted) is not run
 * again. */
void heard_recall_exits(struct pod_record *record);
/* It is to run anew: the record of an earlier end, perhaps of another manifest, goes from the disk
 * before; or it would be taken for this one's. A negative errno: it stays. Blocks on the medium. */
nodiscard int heard_forget_exits(const struct pod_record *record, struct err *err);

/* Another record with the same namespace and name still has a keeper. */
bool agent_name_taken(const struct agent *agent, const struct pod_record *record);
/* Its keeper is gone: it is planned again, and so is the pod that waits for its name. */
void agent_name_freed(const struct pod_record *record);

/* exec.c: volumes for what is about to start, of a pod that runs or not yet; volumes_ready tells.
 */
void exec_prepare_volumes(struct pod_record *record, bool runs);
/* A volume was given to a pod: those that wait for theirs ask again. ctx: the agent. */
void exec_volumes_given(void *ctx);
/* exec.c: does what pod_plan said. Returns true if the record is gone. */
bool exec_action(struct pod_record *record, const struct pod_action *action);
/* Brings the files in the volumes of a pod that is set up (pod_record_is_set_up) up to date. */
void exec_refresh_volumes(struct pod_record *record);
/* Closes every gate and releases what they held. */
void exec_close_gates(struct pod_record *record);

/* admit.c: asks once whether this node takes the pod on. */
void admit(struct pod_record *record);
/* Ends the pod on this node for good: on disk first, then told. disrupted: verdict.h. */
void condemn(struct pod_record *record, const char *reason, const char *message, bool disrupted);

/* The specs of the pods that were taken on and may run, but for one; returns how many. ret has room
 * for all records. */
size_t admit_list(const struct agent *agent, const struct pod_record *but,
                  const struct value **ret);

/* resize.c: takes over what a manifest, or none, says of the pod; of cpu and memory no more than
 * was given to it before, until there is room. */
void resize_take(struct pod_record *record, const struct pod_spec *wanted);
/* Gives it to those that have waited for it. */
void resize_decide(struct agent *agent);
/* Whether its control groups have what it was given (record->resizing). */
void resize_look(struct pod_record *record);
/* Tells its keeper. */
void resize_tell(struct pod_record *record);

/* pull.c */
void pull_start(struct pod_record *record);
void pull_release(struct pod_record *record);
/* The image of one container, not being pulled and not here; and what is held for one. */
void pull_one(struct record_container *c, const char *ref, const char *policy);
/* Of a volume of the pod that is one; NULL: it is not here. */
const struct image *pull_of_volume(const struct pod_record *record, const char *name);
void pull_drop(struct record_container *c);

/* debug.c: ephemeral containers, which come to a pod that runs: a gate of their own. */
void debug_pull(struct pod_record *record); /* of those that are due */
void debug_add(struct pod_record *record);  /* of those that are ready */
/* Which of them an agent before this one has given to a keeper. */
void debug_recall(struct pod_record *record);
/* It was given to a keeper that is gone: it is not run again. */
bool debug_is_spent(const struct pod_record *record, const char *name);
void debug_release(struct pod_record *record); /* what is held; what was given is remembered */
/* Of one of spec.ephemeralContainers; NULL: nothing was tried yet. */
const struct record_container *debug_find(const struct pod_record *record, const char *name);
/* pull_secrets.c: what its imagePullSecrets hold. -EINVAL: one of them is damaged. */
struct credentials;
nodiscard int pull_secrets(struct pod_record *record, struct credentials *ret, struct err *err);

/* tend.c: lets the probes and hooks of its containers see how it stands, before its status is told.
 */
void tend(struct pod_record *record);
/* The grace that its keeper is given: a little is left for the stop when a hook before it has taken
 * all. */
int64_t tend_stop_grace(const struct pod_record *record, int64_t grace_s);

/* publish.c: works the status out anew and tells of it if it changed. gone: for good. */
void publish_status(struct pod_record *record, bool gone);
/* What an earlier agent of this boot has told of it: since when conditions hold. */
void publish_recall(struct pod_record *record);
void publish_event(const struct pod_record *record, const char *type, const char *reason,
                   const char *fmt, ...) printf_like(4, 5);

/* etc.c: the files that containers have at /etc/<name>; i = 0, 1, ... until NULL. */
const char *etc_name(size_t i);
char *etc_path(const struct pod_record *record, size_t i); /* on the host; caller frees */
/* Writes them, before the keeper is spawned: its spec and its address are known. label: of SELinux,
 * that they have; NULL: none. */
nodiscard int etc_write(const struct pod_record *record, const char *label, struct err *err);
/* Brings those of pods that run up to date with the node's files. */
void etc_refresh(const struct agent *agent);

/* compile.c: the launch plan of a pod whose images, volumes, address and files are ready. -ENOENT,
 * -EINVAL. */
nodiscard int compile_plan(const struct pod_record *record, struct buf *ret, struct err *err);
/* One with this ephemeral container of the pod alone, to be added to it. */
nodiscard int compile_debug(const struct pod_record *record, const struct value *container,
                            const struct image *image, struct buf *ret, struct err *err);

/* leftovers.c: removes, one pod a turn of the loop, what pods left that neither a record nor a
 * manifest knows; what a manifest that cannot be read may want stays. Called after each reading of
 * the manifests; once all is decided it does nothing any more. */
struct leftovers *leftovers_new(struct agent *agent);
void leftovers_free(struct leftovers *leftovers);
void leftovers_sweep(struct leftovers *leftovers);

/* places.c: paths of a pod; callers free. */
char *agent_state_dir(const struct agent *agent, const char *uid); /* survives a reboot */
char *agent_run_dir(const struct agent *agent, const char *uid);   /* tmpfs, of the keeper */
/* tmpfs: what a keeper that dies does not take with it. */
char *agent_volume_dir(const struct agent *agent, const char *uid);
char *agent_status_file(const struct agent *agent, const char *uid); /* tmpfs: publish.c */
/* The pod's address, the node's for a pod of the host's network; "" = none yet. */
const char *agent_pod_ip(const struct pod_record *record);
/* Removes the folders of a pod that is gone: state, run, volumes, and last its logs (ns and name
 * NULL: they are not known). */
void agent_sweep_pod(const struct agent *agent, const char *uid, const char *ns, const char *name);
/* Below every controller's mount, as its keeper makes it. */
char *agent_pod_cgroup(const struct agent *agent, const char *uid);
char *agent_log_dir(const struct agent *agent, const struct pod_record *record);
char *agent_log_file(const struct agent *agent, const struct pod_record *record,
                     const char *container);

/* Backoffs of the gates. */
extern const struct backoff_policy backoff_image;  /* 10 s to 5 min, as Kubernetes */
extern const struct backoff_policy backoff_volume; /* 1 s to 1 min */
extern const struct backoff_policy backoff_start;  /* 200 ms to 5 min */
