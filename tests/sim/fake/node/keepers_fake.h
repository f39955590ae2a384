#pragma once
/* Keepers without processes: the real deciding core of each, over containers that only the clock
 * moves. They belong to the node: they outlive the agent, and end with the boot.
 *
 * What a container does is its command: ["run"] for ever; ["exit", CODE, SECONDS] ends by itself;
 * ["stubborn"] runs and takes no TERM; ["missing"] cannot be started. */

#include "agent/keeper/keepers.h"
#include "common/base/rng.h"
#include "common/fs/disk.h"

struct keepers_fake;

struct keepers_fake_spec {
    struct loop *loop;
    struct rng *rng;
    struct disk *disk;      /* of the node: exit records */
    bool (*cut)(void *ctx); /* the agent is dead: it asks for nothing and hears nothing */
    void *cut_ctx;
    /* A running container is about to be ended because the agent asked for it. */
    void (*ending)(void *ctx, const struct keeper_report *report, const char *by);
    void *ctx;
};
struct keepers_fake *keepers_fake_new(const struct keepers_fake_spec *spec, const char *boot_id);
void keepers_fake_free(struct keepers_fake *fake);

struct keepers *keepers_fake_open(struct keepers_fake *fake); /* one life of the agent */
/* Everything ends, nobody is told. */
void keepers_fake_reboot(struct keepers_fake *fake, const char *boot_id);
/* The keeper of a pod is killed, its containers with it; false: it has none. */
bool keepers_fake_kill(struct keepers_fake *fake, const char *ns, const char *name);
/* The keeper of a pod lives and does not answer agents that start from now on, until it does again;
 * false: it has none. */
bool keepers_fake_mute(struct keepers_fake *fake, const char *ns, const char *name, bool mute);
/* A container ends with this status (as from waitpid). */
bool keepers_fake_exit(struct keepers_fake *fake, const char *ns, const char *name,
                       const char *container, int status);
/* The next spawns are refused with this error (0: no more). */
void keepers_fake_refuse(struct keepers_fake *fake, int error);
/* New keepers cannot set their pod up, for this reason (NULL: no more). */
void keepers_fake_fail(struct keepers_fake *fake, const char *why);

struct keepers_fake_process {
    const char *uid, *ns, *name, *container;
    const char *const *env; /* NULL-terminated */
    pid_t pid;
};
typedef void keepers_fake_each_fn(void *ctx, const struct keepers_fake_process *process);
/* Every container that runs. */
void keepers_fake_each(const struct keepers_fake *fake, keepers_fake_each_fn *fn, void *ctx);
/* Containers that were started so far, whatever became of them. */
uint64_t keepers_fake_starts(const struct keepers_fake *fake);
size_t keepers_fake_count(const struct keepers_fake *fake); /* of keepers */
