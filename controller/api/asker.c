#include "controller/api/asker.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/cert.h"
#include "controller/api/status.h"

#include <stdlib.h>

static const char *const fields[] = {"username", "uid", "groups", "extra"};

static bool is_master(const struct value *asker)
{
    const struct value *groups = value_get(asker, "groups");
    for (size_t i = 0; i < value_len(groups); i++)
        if (str_eq(value_str(value_at(groups, i)), "system:masters"))
            return true;
    return str_has_prefix(value_get_str(asker, "username"), "system:limpet:");
}

/* A request that is not one, or for a group that nobody is let into in this way by whom is not in
 * it (CertificateSubjectRestriction). */
static struct value *csr_born(const struct value *asker, struct value *csr)
{
    struct err err = {0};
    struct request_info info = {0};
    struct value *spec = value_get(csr, "spec");
    const char *coded = value_get_str(spec, "request");
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct value *field = value_get(asker, fields[i]);
        value_del(spec, fields[i]);
        if (field)
            value_set(spec, fields[i], value_copy(field));
    }
    uint8_t *pem = NULL;
    size_t len = 0;
    int rc = coded ? base64_decode(coded, strlen(coded), &pem, &len) : -1;
    if (rc == 0)
        rc = request_parse((char *)pem, len, &info, &err);
    free(pem);
    if (rc < 0)
        return status_of(
            422, &kind_certificate_signing_request, object_name(csr),
            "CertificateSigningRequest \"%s\" is invalid: spec.request: Invalid value: "
            "%s",
            object_name(csr), *err.msg ? err.msg : "not base64");
    bool masters = false;
    for (char **o = info.organizations; *o; o++)
        masters = masters || str_eq(*o, "system:masters");
    request_info_done(&info);
    if (masters && !is_master(asker) && !WEAKENED(CSR_MASTERS) &&
        str_eq(value_get_str(spec, "signerName"), "kubernetes.io/kube-apiserver-client"))
        return status_of(
            403, &kind_certificate_signing_request, object_name(csr),
            "certificatesigningrequests.certificates.k8s.io \"%s\" is forbidden: use of "
            "kubernetes.io/kube-apiserver-client signer with system:masters group is "
            "not allowed",
            object_name(csr));
    return NULL;
}

static const struct {
    const struct schema_kind *kind;
    struct value *(*born)(const struct value *asker, struct value *object);
} keepers[] = {{&kind_certificate_signing_request, csr_born}};

struct value *asker_of(const struct api_user *user, const struct schema_kind *kind)
{
    bool keeps = false;
    for (size_t i = 0; i < ARRAY_LEN(keepers); i++)
        keeps = keeps || keepers[i].kind == kind;
    if (!keeps || !user)
        return NULL;
    struct value *asker = value_new_map();
    value_set_str(asker, "username", user->name);
    value_set_str(asker, "uid", user->uid);
    struct value *groups = value_set(asker, "groups", value_new_list());
    for (const char *const *g = user->groups; g && *g; g++)
        value_append(groups, value_new_str(*g));
    if (user->extra)
        value_set(asker, "extra", value_copy(user->extra));
    return asker;
}

struct value *asker_born(const struct schema_kind *kind, const struct value *asker,
                         struct value *object)
{
    for (size_t i = 0; i < ARRAY_LEN(keepers); i++)
        if (keepers[i].kind == kind)
            return keepers[i].born(asker, object);
    return NULL;
}
