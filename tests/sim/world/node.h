#pragma once
/* A machine: disks, keepers, images and network that outlive the agent, and the agent itself, made
 * of the parts that limpetd wires. */

#include "agent/cache/desired.h"
#include "agent/link/identity.h"
#include "agent/link/link.h"
#include "agent/pod/agent.h"
#include "tests/sim/fake/bus_fake.h"
#include "tests/sim/fake/bus_leash.h"
#include "tests/sim/fake/disk_fake.h"
#include "tests/sim/fake/disk_mux.h"
#include "tests/sim/fake/node/images_fake.h"
#include "tests/sim/fake/node/keepers_fake.h"
#include "tests/sim/fake/node/net_fake.h"

#define NODE_STATE "/var/lib/limpet"
#define NODE_RUN "/run/limpet"
#define NODE_MANIFESTS "/etc/limpet/manifests"
#define NODE_DESIRED NODE_STATE "/desired"

struct node {
    /* The machine. */
    struct loop *loop;
    struct rng *rng;
    struct bus_fake *broker;
    size_t number;
    char name[16];
    char boot_id[40];
    unsigned boots, lives;
    const struct identity *identity; /* NULL: never enrolled */
    struct disk_fake *state, *run;
    struct disk_mux *disk;
    struct keepers_fake *keepers;
    struct images_fake *images;
    struct net_fake *net;
    /* The agent's life. */
    bool up, dying;
    char client_id[96];
    struct bus_leash *bus;
    struct desired *desired;
    struct agent *agent;
    struct link *link;
    unsigned ready;    /* how often the agent said so in this life... */
    size_t ready_runs; /* ...and how many pods ran then, as far as it knew */
    size_t warnings;   /* events of type Warning in this life */
    char last_warning[256];
};

struct node_spec {
    struct loop *loop;
    struct rng *rng; /* of the whole world */
    struct bus_fake *broker;
    size_t number;
    uint64_t seed;
    const struct identity *identity;
    void (*ending)(void *ctx, const struct keeper_report *report, const char *by);
    void *ctx;
};
void node_init(struct node *node, const struct node_spec *spec);
void node_done(struct node *node);

/* Starts the agent; 0 or why it does not come up. */
int node_start(struct node *node, struct err *err);
/* kill -9 of the agent, or the end of one whose disk was cut; what it had written stays as the page
 * cache has it. */
void node_kill(struct node *node);
/* Power fails, or a reboot: everything that runs ends, tmpfs is empty, what was not synced is lost
 * by chance (or as said). The agent is not started. */
void node_power_off(struct node *node, enum disk_fake_loss loss);
/* The planned cut of the disk was reached: whoever is up is dead. */
bool node_is_cut(const struct node *node);
