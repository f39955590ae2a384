/* core/v1 ServiceAccount. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_service_account = {
    .name = "ServiceAccount",
    DOC("Who pods are to the API."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "secrets", LIST(OBJECT(type_object_reference)), BY("name"),
             DOC("Secrets that its pods may use.")),
           F(3, "imagePullSecrets", LIST(OBJECT(type_local_object_reference)),
             DOC("Secrets with which its pods' images are fetched.")),
           F(4, "automountServiceAccountToken", BOOL,
             DOC("Whether its pods are given a token; a pod can say otherwise."))),
};

CELL(cell_secrets)
{
    (void)now_wall_ns;
    buf_addf(ret, "%zu", value_len(value_get(object, "secrets")));
}

const struct schema_kind kind_service_account = {
    .group = "",
    .version = "v1",
    .kind = "ServiceAccount",
    .plural = "serviceaccounts",
    .singular = "serviceaccount",
    .short_names = NAMES("sa"),
    .namespaced = true,
    .type = &type_service_account,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.core.v1.ServiceAccount"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Secrets", "integer", .cell = cell_secrets},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
};
