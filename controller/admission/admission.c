#include "controller/admission/admission.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/admission/claim_resize.h"
#include "controller/admission/classes.h"
#include "controller/admission/limit_range.h"
#include "controller/admission/pod_security.h"
#include "controller/admission/priority.h"
#include "controller/admission/quotas.h"
#include "controller/admission/rule.h"
#include "controller/admission/runtime_class.h"
#include "controller/admission/service_account.h"
#include "controller/admission/storage_protection.h"
#include "controller/admission/toleration.h"

#include <stdlib.h>

struct admission {
    struct api *api;
    struct admission_env env;
    struct gate gate;
};

#define KINDS(...) ((const struct schema_kind *const[]){__VA_ARGS__, NULL})

/* What changes an object comes before what judges it; of those that change, who reads what another
 * writes comes after it. */
static const struct admission_rule rules[] = {
    {"LimitRanger", KINDS(&kind_pod), ADMISSION_CREATE, limit_range_complete, NULL},
    {"ServiceAccount", KINDS(&kind_pod), ADMISSION_CREATE, service_account_complete, NULL},
    {"DefaultTolerationSeconds", KINDS(&kind_pod), ADMISSION_CREATE | ADMISSION_UPDATE,
     toleration_complete, NULL},
    {"Priority", KINDS(&kind_pod), ADMISSION_CREATE | ADMISSION_UPDATE, priority_complete, NULL},
    {"Priority", KINDS(&kind_priority_class), ADMISSION_CREATE | ADMISSION_UPDATE, NULL,
     priority_class_check},
    {"RuntimeClass", KINDS(&kind_pod), ADMISSION_CREATE, runtime_class_complete, NULL},
    {"DefaultStorageClass", KINDS(&kind_persistent_volume_claim), ADMISSION_CREATE,
     storage_class_complete, NULL},
    {"StorageObjectInUseProtection", KINDS(&kind_persistent_volume_claim, &kind_persistent_volume),
     ADMISSION_CREATE, storage_protection_complete, NULL},
    {"DefaultIngressClass", KINDS(&kind_ingress), ADMISSION_CREATE, ingress_class_complete, NULL},
    {"LimitRanger", KINDS(&kind_pod), ADMISSION_CREATE | ADMISSION_RESIZE, NULL, limit_range_check},
    {"LimitRanger", KINDS(&kind_persistent_volume_claim), ADMISSION_CREATE | ADMISSION_UPDATE, NULL,
     limit_range_check_claim},
    {"PersistentVolumeClaimResize", KINDS(&kind_persistent_volume_claim), ADMISSION_UPDATE, NULL,
     claim_resize_check},
    {"PodSecurity", KINDS(&kind_namespace), ADMISSION_CREATE | ADMISSION_UPDATE, NULL,
     pod_security_check_namespace},
    {"PodSecurity", KINDS(&kind_pod), ADMISSION_CREATE | ADMISSION_UPDATE | ADMISSION_EPHEMERAL,
     NULL, pod_security_check},
    {"PodSecurity",
     KINDS(&kind_deployment, &kind_replica_set, &kind_daemon_set, &kind_stateful_set,
           &kind_replication_controller, &kind_job, &kind_cron_job, &kind_cron_job_v1beta1,
           &kind_pod_template),
     ADMISSION_CREATE | ADMISSION_UPDATE, NULL, pod_security_check_workload},
    /* The last: what is taken of a quota is not to be refused for something else. */
    {"ResourceQuota", NULL, ADMISSION_CREATE | ADMISSION_UPDATE | ADMISSION_RESIZE, NULL,
     quota_check},
};

static bool is_of(const struct admission_rule *rule, const struct schema_kind *kind)
{
    if (!rule->kinds)
        return true;
    for (size_t i = 0; rule->kinds[i]; i++)
        if (rule->kinds[i] == kind)
            return true;
    return false;
}

/* 0: nothing that admission looks at. */
static unsigned operation_of(const struct gate_request *request)
{
    static const unsigned unseen = API_STATUS | API_SCALE | API_FINALIZERS | API_FINALIZE;
    if (request->flags & unseen)
        return 0;
    if (request->flags & API_EPHEMERAL)
        return ADMISSION_EPHEMERAL;
    if (request->flags & API_RESIZE)
        return ADMISSION_RESIZE;
    return request->verb == GATE_CREATE ? ADMISSION_CREATE : ADMISSION_UPDATE;
}

static struct value *run(const struct admission *admission, const struct gate_request *request,
                         bool mutating, bool *ret_ran)
{
    unsigned operation = operation_of(request);
    struct value *status = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rules) && !status && operation; i++) {
        admission_fn *fn = mutating ? rules[i].mutate : rules[i].validate;
        if (!fn || !(rules[i].operations & operation) || !is_of(&rules[i], request->ref.kind))
            continue;
        *ret_ran = true;
        status = fn(&admission->env, request);
    }
    return status;
}

static struct value *mutate(void *ctx, const struct gate_request *request, bool *ret_ran)
{
    return run(ctx, request, true, ret_ran);
}

static struct value *validate(void *ctx, const struct gate_request *request)
{
    bool ran;
    return run(ctx, request, false, &ran);
}

static void settle(void *ctx, const struct api_ref *ref, const struct value *object, bool written)
{
    const struct admission *admission = ctx;
    quotas_settle(admission->env.quotas, ref, object, written);
}

struct admission *admission_new(struct api *api, const struct admission_config *config)
{
    struct admission *admission = xcalloc(1, sizeof(*admission));
    admission->api = api;
    const struct gate_reader reader = api_reader(api);
    admission->env.config = *config;
    admission->env.quotas = quotas_new(api_kinds(api), &reader);
    admission->gate = (struct gate){mutate, validate, settle, admission};
    api_set_gate(api, &admission->gate);
    return admission;
}

struct quotas *admission_quotas(struct admission *admission)
{
    return admission->env.quotas;
}

void admission_free(struct admission *admission)
{
    if (!admission)
        return;
    api_set_gate(admission->api, NULL);
    quotas_free(admission->env.quotas);
    free(admission);
}
