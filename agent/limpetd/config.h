#pragma once
/* The configuration of a node: a YAML file of a few keys, each with a default. */

#include "common/program/program.h"

#include <stdbool.h>
#include <stdint.h>

#define CONFIG_FILE "/etc/limpet/limpetd.yaml"

struct config {
    char *node;          /* name of the Node object; default: the host's name */
    char *gateway;       /* host of broker and API; "" = none: static pods only */
    int64_t api_port;    /* 6443: its images */
    int64_t bus_port;    /* 8883 */
    int64_t enroll_port; /* 8884 */
    int64_t beat_s;      /* seconds between heartbeats, 1-3600 */
    char *manifest_dir;  /* static pods */
    char *state_dir;     /* survives a reboot */
    char *run_dir;       /* on tmpfs */
    char *log_dir;
    char *cgroup; /* below each controller's mount; default: limpet-pods.service's, or "limpet" */
    char *bridge;
    char *pod_cidr;
    int64_t mtu;                  /* of pods' interfaces; 0: of the default route's */
    char *resolv_conf;            /* the node's, which pods' follow */
    char *seccomp_dir;            /* profiles that pods name (seccompProfile Localhost) */
    char *libexec_dir;            /* limpet-keeper and limpet-fetch */
    char *boot_id_file;           /* tests put another one in its place */
    char *registry_ca_dir;        /* further CA certificates for registries; "" = none */
    int64_t storage_check_s;      /* how often the disk is looked at that pods with limits hold */
    char *eviction_hard;          /* thresholds of node-pressure eviction (agent/pressure) */
    char *registries_file;        /* mirrors, passwords, certificates (agent/image/registries.h) */
    int64_t pulls_max, pull_rate; /* at once; bytes a second of all, 0: as many as come */
    int64_t image_gc_high, image_gc_low;      /* per cent of the disk; high 100: never by that */
    int64_t image_min_age_s, image_max_age_s; /* unused for so long; max 0: never by that */
    int64_t image_gc_every_s;                 /* between looks */
    int64_t token_renew_percent;              /* of a token's time: then pods get the next one */
    char **extended_resources;                /* that pods may ask for: "vendor.example/card=2" */
    char **unsafe_sysctls;      /* kernel settings that pods may ask for besides the safe ones */
    char **insecure_registries; /* host:port by plain http; NULL-terminated */
};

extern const struct program_config config_type;
