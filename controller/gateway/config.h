#pragma once
/* The configuration of a gateway: a YAML file of a few keys, each with a default. */

#include "common/program/program.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_FILE "/etc/limpet/controller.yaml"

struct config {
    char *state_dir;        /* store, keys, the broker's files */
    char *run_dir;          /* on tmpfs */
    char *api_address;      /* where the API listens; "" = every address */
    int64_t api_port;       /* 6443 */
    char *bus_address;      /* where the broker listens; "" = every address */
    int64_t bus_port;       /* 8883 */
    int64_t enroll_port;    /* 8884 */
    int64_t beat_s;         /* the nodes' heartbeat interval, for judging silence */
    char *broker_program;   /* "" = mosquitto in PATH */
    char *broker_user;      /* "" = mosquitto's own */
    char **names;           /* further DNS names of this gateway, for its certificate */
    char **addresses;       /* and IP addresses */
    char *audit_file;       /* the trail of writes; "" = <stateDir>/audit.log */
    char *audit_policy;     /* what is told in it; "" = writes, at level Metadata */
    int64_t audit_bytes;    /* that it may take on disk, in all; 0 = there is none */
    char *token_file;       /* static bearer tokens, CSV; "" = none */
    int64_t not_ready_s;    /* that pods stay on a node that is not ready, unless they say it */
    int64_t unreachable_s;  /* and on one that is out of reach */
    bool mount_tokens;      /* pods find their service account's token mounted */
    char *kubeconfig;       /* where the admin's is written; "" = <stateDir>/admin.kubeconfig */
    bool registry;          /* images are kept and served */
    char *registry_dir;     /* where; "" = <stateDir>/registry */
    int64_t registry_bytes; /* that they may take; 0 = half of what the disk has left */
    bool stop_broker;       /* end the broker with the controller (it outlives it otherwise) */
};

extern const struct program_config config_type;
