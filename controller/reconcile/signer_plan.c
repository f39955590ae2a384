#include "controller/reconcile/signer_plan.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/enroll.h"
#include "common/bus/topic.h"
#include "controller/auth/who.h"

#include <errno.h>
#include <stdlib.h>

static bool has_condition(const struct value *csr, const char *type)
{
    const struct value *conditions = value_path(csr, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(conditions); i++)
        if (str_eq(value_get_str(value_at(conditions, i), "type"), type))
            return true;
    return false;
}

static bool is_member(char **organizations, const char *group)
{
    for (char **o = organizations; *o; o++)
        if (str_eq(*o, group))
            return true;
    return false;
}

/* Names that certificates of the gateway's own and of nodes have: nodes and the broker go by them.
 */
static int check_person(const struct value *spec, const struct request_info *info, struct err *err)
{
    (void)spec;
    bool own = str_eq(info->common_name, ENROLL_SERVER_NAME) ||
               str_has_prefix(info->common_name, "limpet:") ||
               str_has_prefix(info->common_name, "system:limpet:");
    if ((own || topic_node_valid(info->common_name)) && !WEAKENED(SIGNER_RESERVED))
        return err_set(err, -EPERM, "the name %s is not one for users", info->common_name);
    if (is_member(info->organizations, WHO_NODES) ||
        str_has_prefix(info->common_name, WHO_NODE_PREFIX))
        return err_set(err, -EPERM, "nodes are signed for by " SIGNER_KUBELET);
    return 0;
}

/* A node for itself alone; who brings a new one in, for any. */
static int check_node(const struct value *spec, const struct request_info *info, struct err *err)
{
    const char *asker = value_get_str(spec, "username");
    if (!str_has_prefix(info->common_name, WHO_NODE_PREFIX) || !info->organizations[0] ||
        info->organizations[1] || !str_eq(info->organizations[0], WHO_NODES))
        return err_set(err, -EPERM, "the subject must be CN=system:node:NAME, O=system:nodes");
    if (str_has_prefix(asker, WHO_NODE_PREFIX) && !str_eq(asker, info->common_name) &&
        !WEAKENED(SIGNER_OTHER_NODE))
        return err_set(err, -EPERM, "%s asks in the name of another node", asker);
    return 0;
}

static bool is_named(const struct request_info *info)
{
    return info->dns || info->ips;
}

static int check_kubelet(const struct value *spec, const struct request_info *info, struct err *err)
{
    if (is_named(info) || info->other_names)
        return err_set(err, -EPERM, "subjectAltNames are not allowed");
    return check_node(spec, info, err);
}

static int check_serving(const struct value *spec, const struct request_info *info, struct err *err)
{
    if (!is_named(info))
        return err_set(err, -EPERM, "DNS or IP subjectAltName is required");
    if (info->other_names)
        return err_set(err, -EPERM, "only DNS and IP subjectAltNames are allowed");
    return check_node(spec, info, err);
}

static const struct signer_kind {
    const char *signer, *auth; /* auth: the usage that it must have */
    int (*check)(const struct value *spec, const struct request_info *info, struct err *err);
    bool serving;
} signers[] = {{SIGNER_CLIENT, "client auth", check_person, false},
               {SIGNER_KUBELET, "client auth", check_kubelet, false},
               {SIGNER_SERVING, "server auth", check_serving, true}};

static int check_usages(const struct value *usages, const char *auth, struct err *err)
{
    const char *const allowed[] = {auth, "digital signature", "key encipherment"};
    for (size_t i = 0; i < value_len(usages); i++) {
        bool known = false;
        for (size_t n = 0; n < ARRAY_LEN(allowed); n++)
            known = known || str_eq(value_str(value_at(usages, i)), allowed[n]);
        if (!known)
            return err_set(err, -EPERM, "usage \"%.64s\" is not signed for",
                           value_str(value_at(usages, i)));
    }
    if (!value_has_str(usages, auth))
        return err_set(err, -EPERM, "the usages must hold \"%s\"", auth);
    return 0;
}

static int read_request(const struct value *spec, struct request_info *ret, struct err *err)
{
    const char *coded = value_get_str(spec, "request");
    autofree uint8_t *pem = NULL;
    size_t len;
    if (!coded || base64_decode(coded, strlen(coded), &pem, &len) < 0)
        return err_set(err, -EINVAL, "spec.request is not base64");
    return request_parse((char *)pem, len, ret, err);
}

enum signer_action signer_plan(const struct value *csr, struct signer_order *ret, struct err *err)
{
    const struct value *spec = value_get(csr, "spec");
    const char *name = value_get_str(spec, "signerName");
    struct request_info info;
    size_t i = 0;
    while (i < ARRAY_LEN(signers) && !str_eq(signers[i].signer, name))
        i++;
    bool approved = has_condition(csr, "Approved") || WEAKENED(SIGNER_APPROVED);
    if (i == ARRAY_LEN(signers) || !approved || has_condition(csr, "Denied") ||
        has_condition(csr, "Failed") ||
        !str_empty(value_get_str(value_get(csr, "status"), "certificate")))
        return SIGNER_WAIT;
    if (read_request(spec, &info, err) < 0)
        return SIGNER_FAIL;
    int rc = check_usages(value_get(spec, "usages"), signers[i].auth, err);
    if (rc == 0)
        rc = signers[i].check(spec, &info, err);
    if (rc < 0) {
        request_info_done(&info);
        return SIGNER_FAIL;
    }
    int64_t wanted = value_get_int(spec, "expirationSeconds", SIGNER_MAX_S);
    *ret = (struct signer_order){.info = info,
                                 .valid_s = wanted < SIGNER_MAX_S ? wanted : SIGNER_MAX_S,
                                 .serving = signers[i].serving};
    return SIGNER_SIGN;
}
