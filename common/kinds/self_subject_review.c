/* authentication.k8s.io/v1 SelfSubjectReview: who asks. Computed. */

#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/user_info.h"

const struct schema_type type_user_info = {
    .name = "UserInfo",
    DOC("Somebody who asks, as authentication knows him."),
    .check = user_info_check,
    FIELDS(F(1, "username", STRING, DOC("The name.")),
           F(2, "uid", STRING, DOC("Tells apart who had the same name one after the other.")),
           F(3, "groups", LIST(STRING), DOC("The groups.")),
           F(4, "extra", MAP(ANY), DOC("What else is known: lists of strings."))),
};

static const struct schema_type type_self_subject_review_status = {
    .name = "SelfSubjectReviewStatus",
    DOC("Who asks."),
    FIELDS(F(1, "userInfo", OBJECT(type_user_info), DOC("Who it is."))),
};

static const struct schema_type type_self_subject_review = {
    .name = "SelfSubjectReview",
    DOC("Tells who it is that asks. Never stored."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Nothing of it is looked at.")),
           F(2, "status", OBJECT(type_self_subject_review_status), DOC("The answer."))),
};

const struct schema_kind kind_self_subject_review = {
    .group = "authentication.k8s.io",
    .version = "v1",
    .kind = "SelfSubjectReview",
    .plural = "selfsubjectreviews",
    .singular = "selfsubjectreview",
    .type = &type_self_subject_review,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.authentication.v1.SelfSubjectReview"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Created At", "string", .path = "metadata.creationTimestamp"}),
    COMPUTED("create"),
};
