#include "agent/limpetd/config.h"

#include "agent/pod/agent.h"
#include "agent/pod/tokens.h"
#include "agent/pressure/pressure.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/program/program.h"

#include <ctype.h>
#include <unistd.h>

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
    {"node", SETTING_STRING, AT(node), "", 0, 0, 0},
    {"gateway", SETTING_STRING, AT(gateway), "", 0, 0, 0},
    {"apiPort", SETTING_NUMBER, AT(api_port), NULL, 6443, 1, 65535},
    {"busPort", SETTING_NUMBER, AT(bus_port), NULL, 8883, 1, 65535},
    {"enrollPort", SETTING_NUMBER, AT(enroll_port), NULL, 8884, 1, 65535},
    {"beatSeconds", SETTING_NUMBER, AT(beat_s), NULL, 10, 1, 3600},
    {"manifestDir", SETTING_STRING, AT(manifest_dir), "/etc/limpet/manifests", 0, 0, 0},
    {"stateDir", SETTING_STRING, AT(state_dir), "/var/lib/limpet", 0, 0, 0},
    {"runDir", SETTING_STRING, AT(run_dir), "/run/limpet", 0, 0, 0},
    {"logDir", SETTING_STRING, AT(log_dir), "/var/log/limpet", 0, 0, 0},
    {"cgroup", SETTING_STRING, AT(cgroup), "", 0, 0, 0},
    {"bridge", SETTING_STRING, AT(bridge), "limpet0", 0, 0, 0},
    {"podCIDR", SETTING_STRING, AT(pod_cidr), "10.42.0.0/24", 0, 0, 0},
    {"mtu", SETTING_NUMBER, AT(mtu), NULL, 0, 0, 65535},
    {"resolvConf", SETTING_STRING, AT(resolv_conf), "/etc/resolv.conf", 0, 0, 0},
    {"seccompProfileDir", SETTING_STRING, AT(seccomp_dir), AGENT_SECCOMP_DIR, 0, 0, 0},
    {"libexecDir", SETTING_STRING, AT(libexec_dir), LIMPET_LIBEXEC, 0, 0, 0},
    {"bootIdFile", SETTING_STRING, AT(boot_id_file), "/proc/sys/kernel/random/boot_id", 0, 0, 0},
    {"storageCheckSeconds", SETTING_NUMBER, AT(storage_check_s), NULL, 60, 1, 86400},
    {"evictionHard", SETTING_STRING, AT(eviction_hard), PRESSURE_DEFAULT, 0, 0, 0},
    {"tokenRenewPercent", SETTING_NUMBER, AT(token_renew_percent), NULL, TOKENS_RENEW_PERCENT, 1,
     95},
    {"registryCADir", SETTING_STRING, AT(registry_ca_dir), "", 0, 0, 0},
    {"registriesFile", SETTING_STRING, AT(registries_file), "/etc/limpet/registries.yaml", 0, 0, 0},
    {"maxParallelImagePulls", SETTING_NUMBER, AT(pulls_max), NULL, 2, 1, 16},
    {"imagePullBytesPerSecond", SETTING_NUMBER, AT(pull_rate), NULL, 0, 0, INT64_C(1) << 40},
    {"imageGCHighThresholdPercent", SETTING_NUMBER, AT(image_gc_high), NULL, 85, 1, 100},
    {"imageGCLowThresholdPercent", SETTING_NUMBER, AT(image_gc_low), NULL, 80, 0, 99},
    {"imageMinimumGCAgeSeconds", SETTING_NUMBER, AT(image_min_age_s), NULL, 120, 0, INT32_MAX},
    {"imageMaximumGCAgeSeconds", SETTING_NUMBER, AT(image_max_age_s), NULL, 0, 0, INT32_MAX},
    {"imageGCPeriodSeconds", SETTING_NUMBER, AT(image_gc_every_s), NULL, 300, 1, 86400},
    {"extendedResources", SETTING_STRINGS, AT(extended_resources), NULL, 0, 0, 0},
    {"allowedUnsafeSysctls", SETTING_STRINGS, AT(unsafe_sysctls), NULL, 0, 0, 0},
    {"insecureRegistries", SETTING_STRINGS, AT(insecure_registries), NULL, 0, 0, 0},
};

/* Under systemd pods live below a delegated unit that nothing restarts (limpet-pods.service). */
static char *default_cgroup(void)
{
    static const char anchor[] = "system.slice/limpet-pods.service";
    static const char *const trees[] = {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"};
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        autofree char *path = xasprintf("%s/%s", trees[i], anchor);
        if (access(path, F_OK) == 0)
            return xasprintf("%s/pods", anchor);
    }
    return xstrdup("limpet");
}

static char *host_name(void)
{
    char name[256] = "localhost";
    (void)gethostname(name, sizeof(name) - 1);
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return xstrdup(name);
}

static void complete(void *p)
{
    struct config *config = p;
    program_config_default(&config->node, host_name());
    program_config_default(&config->cgroup, default_cgroup());
}

const struct program_config config_type = {settings, ARRAY_LEN(settings), sizeof(struct config),
                                           complete};
