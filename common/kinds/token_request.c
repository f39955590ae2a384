/* authentication.k8s.io/v1 TokenRequest: what is posted to a ServiceAccount's /token. Never stored.
 */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_bound_object_reference = {
    .name = "BoundObjectReference",
    DOC("What a token dies with."),
    FIELDS(F(1, "kind", STRING, DOC("Pod or Secret.")), F(2, "apiVersion", STRING, DOC("v1.")),
           F(3, "name", STRING), F(4, "uid", STRING)),
};

static const struct schema_type type_token_request_spec = {
    .name = "TokenRequestSpec",
    DOC("What token is asked for."),
    FIELDS(F(1, "audiences", LIST(STRING), DOC("Whom it is to be shown to; empty: the API.")),
           F(4, "expirationSeconds", INT64, DEF("3600"), RANGE(600, INT64_C(1) << 32),
             DOC("How long it holds.")),
           F(3, "boundObjectRef", OBJECT(type_bound_object_reference),
             DOC("What it dies with, beside its account."))),
};

static const struct schema_type type_token_request_status = {
    .name = "TokenRequestStatus",
    FIELDS(F(1, "token", STRING, DOC("The token.")),
           F(2, "expirationTimestamp", TIME, DOC("When it ends."))),
};

static const struct schema_type type_token_request = {
    .name = "TokenRequest",
    DOC("Asks for a token of a ServiceAccount."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "spec", OBJECT(type_token_request_spec), REQUIRED),
           F(3, "status", OBJECT(type_token_request_status))),
};

const struct schema_kind kind_token_request = {
    .group = "authentication.k8s.io",
    .version = "v1",
    .kind = "TokenRequest",
    .plural = "tokenrequests",
    .singular = "tokenrequest",
    .namespaced = true,
    .type = &type_token_request,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.authentication.v1.TokenRequest"),
};
