#include "controller/gateway/config.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/program/program.h"

#define AT(member) offsetof(struct config, member)

static const struct setting settings[] = {
    {"stateDir", SETTING_STRING, AT(state_dir), "/var/lib/limpet/controller", 0, 0, 0},
    {"runDir", SETTING_STRING, AT(run_dir), "/run/limpet-controller", 0, 0, 0},
    {"apiAddress", SETTING_STRING, AT(api_address), "", 0, 0, 0},
    {"apiPort", SETTING_NUMBER, AT(api_port), NULL, 6443, 1, 65535},
    {"busAddress", SETTING_STRING, AT(bus_address), "", 0, 0, 0},
    {"busPort", SETTING_NUMBER, AT(bus_port), NULL, 8883, 1, 65535},
    {"enrollPort", SETTING_NUMBER, AT(enroll_port), NULL, 8884, 1, 65535},
    {"beatSeconds", SETTING_NUMBER, AT(beat_s), NULL, 10, 1, 3600},
    {"brokerProgram", SETTING_STRING, AT(broker_program), "", 0, 0, 0},
    {"brokerUser", SETTING_STRING, AT(broker_user), "", 0, 0, 0},
    {"names", SETTING_STRINGS, AT(names), NULL, 0, 0, 0},
    {"addresses", SETTING_STRINGS, AT(addresses), NULL, 0, 0, 0},
    {"auditFile", SETTING_STRING, AT(audit_file), "", 0, 0, 0},
    {"auditPolicyFile", SETTING_STRING, AT(audit_policy), "", 0, 0, 0},
    {"auditBytes", SETTING_NUMBER, AT(audit_bytes), NULL, 4194304, 0, 1073741824},
    {"tokenFile", SETTING_STRING, AT(token_file), "", 0, 0, 0},
    {"defaultNotReadyTolerationSeconds", SETTING_NUMBER, AT(not_ready_s), NULL, 300, 0, INT32_MAX},
    {"defaultUnreachableTolerationSeconds", SETTING_NUMBER, AT(unreachable_s), NULL, 300, 0,
     INT32_MAX},
    {"mountServiceAccountTokens", SETTING_BOOL, AT(mount_tokens), NULL, 1, 0, 0},
    {"kubeconfig", SETTING_STRING, AT(kubeconfig), "", 0, 0, 0},
    {"registry", SETTING_BOOL, AT(registry), NULL, 1, 0, 0},
    {"registryDir", SETTING_STRING, AT(registry_dir), "", 0, 0, 0},
    {"registryBytes", SETTING_NUMBER, AT(registry_bytes), NULL, 0, 0, INT64_MAX},
    {"stopBroker", SETTING_BOOL, AT(stop_broker), NULL, 0, 0, 0},
};

static void complete(void *p)
{
    struct config *config = p;
    program_config_default(&config->audit_file, xasprintf("%s/audit.log", config->state_dir));
    program_config_default(&config->registry_dir, xasprintf("%s/registry", config->state_dir));
    program_config_default(&config->kubeconfig,
                           xasprintf("%s/admin.kubeconfig", config->state_dir));
}

const struct program_config config_type = {settings, ARRAY_LEN(settings), sizeof(struct config),
                                           complete};
