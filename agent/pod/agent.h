#pragma once
/* The agent: reads the manifest directories, keeps one record a pod, asks pod_plan what to do and
 * does it. It knows nothing of the bus: the link (agent/link) writes the desired state and reads
 * the statuses. */

#include "agent/cache/desired.h"
#include "agent/image/images.h"
#include "agent/keeper/exec_client.h"
#include "agent/keeper/keepers.h"
#include "agent/net/net.h"
#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/data/value.h"
#include "common/fs/disk.h"
#include "common/loop/loop.h"

struct agent;
struct tokens;

/* The world of an agent. Everything is borrowed. */
struct agent_world {
    struct loop *loop;
    struct rng *rng;
    struct disk *disk;
    struct keepers *keepers;
    struct images *images;
    struct net *net;
};

/* Files of the node, beside its resolv.conf, that files of pods are composed from. */
#define AGENT_HOSTS_FILE "/etc/hosts"                          /* with hostNetwork */
#define AGENT_RESOLVED_FILE "/run/systemd/resolve/resolv.conf" /* behind 127.0.0.53 */

#define AGENT_SECCOMP_DIR "/var/lib/limpet/seccomp"

struct agent_spec {
    const char *node_name;   /* the Node object's name */
    const char *host_name;   /* the machine's own: of pods of the host's network */
    const char *static_dir;  /* /etc/limpet/manifests */
    const char *state_dir;   /* /var/lib/limpet: pods/<uid> below it */
    const char *run_dir;     /* /run/limpet: pods/<uid>, status/<uid>.json below it */
    const char *log_dir;     /* /var/log/limpet: <ns>_<name>_<uid>/<container>.log */
    const char *cgroup_root; /* "limpet/<instance>" */
    const char *host_ip;     /* the node's own address, text; "" = unknown */
    const char *boot_id;     /* of this boot (a test seam replaces it) */
    const char *resolv_conf; /* the node's: /etc/resolv.conf */
    const char *seccomp_dir; /* profiles of seccompProfile Localhost; NULL: AGENT_SECCOMP_DIR */
    const struct value *allocatable;   /* the Node's status.allocatable; copied; may be NULL */
    int64_t memory_bytes;              /* of the machine; 0 = unknown */
    bool user_namespaces;              /* pods may have them here (hostUsers: false) */
    const char *const *unsafe_sysctls; /* that pods may have (sysctl.h); borrowed; may be NULL */
    struct desired *desired;           /* NULL: never enrolled, static pods only */
    int token_renew_percent;           /* tokens.h; 0: as usual */
};

struct agent_handler {
    /* A pod's status changed: a Pod object with metadata (name, namespace, uid) and status,
     * borrowed. gone: the pod is off this node for good (its containers have ended, everything of
     * it is released). */
    void (*status)(void *ctx, const struct value *pod, bool gone);
    /* Something a person may want to know (Kubernetes' Event reasons: Pulling, Pulled, Started,
     * Killing, BackOff, Failed...). type "Normal" or "Warning". */
    void (*event)(void *ctx, const char *ns, const char *name, const char *uid, const char *type,
                  const char *reason, const char *message);
    /* Volumes of this node that were to be removed and of which nothing is left: all of them,
     * borrowed, whenever they are others. May be NULL. */
    void (*volumes_gone)(void *ctx, const struct value *names);
    /* Once: what ran was adopted, the manifests are read and planned. May be NULL. */
    void (*ready)(void *ctx);
};

nodiscard int agent_new(const struct agent_world *world, const struct agent_spec *spec,
                        const struct agent_handler *handler, void *ctx, struct agent **ret,
                        struct err *err);
/* Adopts what runs, reads the manifests, begins. */
nodiscard int agent_start(struct agent *agent, struct err *err);
void agent_free(struct agent *agent); /* pods go on running */

/* The desired state was committed anew, or the static directory changed: read again. A directory
 * that cannot be read, and a file that is torn or wrong, keep the last known set. */
void agent_reload(struct agent *agent);

/* The node's resolv.conf, or one of the files above, may have changed: pods that run see it. */
void agent_node_files_changed(struct agent *agent);

/* The node's own address is another from now on: statuses follow; what pods that run were told at
 * their start (fieldRef) stays, as in Kubernetes. */
void agent_set_host_ip(struct agent *agent, const char *host_ip);

/* The pods as Pod objects with status, for the link's resync, `limpetd ps`, and tests. Borrowed. */
typedef int agent_each_fn(void *ctx, const struct value *pod);
int agent_each_pod(struct agent *agent, agent_each_fn *fn, void *ctx);
/* Why a pod is not (fully) running: one sentence a line, the exact blocking condition and the next
 * retry. -ENOENT. */
int agent_why(struct agent *agent, const char *ns, const char *name, struct buf *ret);
/* The static pod of that uid (NULL: there is none) with its status, as JSON. -ENOENT: none of the
 * static directory has it (any more). */
int agent_static_pod(struct agent *agent, const char *uid, struct buf *ret);
/* The log file of a container (container NULL: the only one); -ENOENT, -EINVAL with the choices
 * named, or if it has not run yet (and nobody wants to wait: follow). The file is not there if
 * nothing was written. */
int agent_log_path(struct agent *agent, const char *ns, const char *name, const char *container,
                   bool previous, bool follow, struct buf *ret_path, struct err *err);
/* The tokens of the pods' ServiceAccounts, which the link asks for. Borrowed. */
struct tokens *agent_tokens(struct agent *agent);
/* reach.c: into pods that run; uid: the pod must be that one, NULL: any of the name. -ENOENT in
 * Kubernetes' words if it is not here or its container (NULL or "": the only one) does not run. */
struct agent_target {
    const char *ns, *name, *uid, *container;
};
/* As exec_client_new, whose request's container, ask and ask_ctx are filled in here. */
nodiscard int agent_exec(struct agent *agent, const struct agent_target *target,
                         struct exec_request *request, struct exec_client_spec *spec,
                         struct exec_client **ret, struct err *err);
/* A non-blocking TCP socket of that family in the pod's network, the caller's. */
nodiscard int agent_socket(struct agent *agent, const struct agent_target *target, int family,
                           int *ret_fd, struct err *err);
