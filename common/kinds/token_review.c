/* authentication.k8s.io/v1 TokenReview: whose token that is. Computed. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/user_info.h"

static const struct schema_type type_token_review_spec = {
    .name = "TokenReviewSpec",
    DOC("What is to be looked at."),
    FIELDS(F(1, "token", STRING, DOC("The bearer token.")),
           F(2, "audiences", LIST(STRING),
             DOC("Who asks, as the token may name whom it is for: one of them is enough. Empty: "
                 "the API."))),
};

static const struct schema_type type_token_review_status = {
    .name = "TokenReviewStatus",
    DOC("Whose it is."),
    FIELDS(F(1, "authenticated", BOOL, DOC("Whether it is anybody's.")),
           F(2, "user", OBJECT(type_user_info), DOC("Whose.")),
           F(4, "audiences", LIST(STRING), DOC("Of those asked for, the ones that it is for.")),
           F(3, "error", STRING, DOC("Why it is nobody's."))),
};

static const struct schema_type type_token_review = {
    .name = "TokenReview",
    DOC("Tells whose a token is. Never stored."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Nothing of it is looked at.")),
           F(2, "spec", OBJECT(type_token_review_spec), REQUIRED, DOC("The question.")),
           F(3, "status", OBJECT(type_token_review_status), DOC("The answer."))),
};

const struct schema_kind kind_token_review = {
    .group = "authentication.k8s.io",
    .version = "v1",
    .kind = "TokenReview",
    .plural = "tokenreviews",
    .singular = "tokenreview",
    .type = &type_token_review,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.authentication.v1.TokenReview"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Created At", "string", .path = "metadata.creationTimestamp"}),
    COMPUTED("create"),
};
