/* authorization.k8s.io/v1: SubjectAccessReview, LocalSubjectAccessReview, SelfSubjectAccessReview,
 * SelfSubjectRulesReview. Whether somebody may do something, and what one may. Computed. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"
#include "common/kinds/user_info.h"

static const struct schema_type type_selector_requirement = {
    .name = "SelectorRequirement",
    DOC("A condition of a selector."),
    FIELDS(F(1, "key", STRING, REQUIRED, DOC("Of which label or field.")),
           F(2, "operator", STRING, REQUIRED, DOC("In, NotIn, Exists or DoesNotExist.")),
           F(3, "values", LIST(STRING), DOC("Of In and NotIn: which values."))),
};

static const struct schema_type type_selector_attributes = {
    .name = "SelectorAttributes",
    DOC("How a list or watch is narrowed."),
    FIELDS(F(1, "rawSelector", STRING, DOC("As the query says it.")),
           F(2, "requirements", LIST(OBJECT(type_selector_requirement)), DOC("Its conditions."))),
};

static const struct schema_type type_resource_attributes = {
    .name = "ResourceAttributes",
    DOC("Something that could be done with objects."),
    FIELDS(F(1, "namespace", STRING, DOC("Where; none: in all of them.")),
           F(2, "verb", STRING, DOC("get, list, watch, create...; \"*\" is all.")),
           F(3, "group", STRING, DOC("Group of the resource; \"*\" is all.")),
           F(4, "version", STRING, DOC("Its version. Makes no difference.")),
           F(5, "resource", STRING, DOC("\"pods\"; \"*\" is all.")),
           F(6, "subresource", STRING, DOC("\"log\".")),
           F(7, "name", STRING, DOC("Of one object; none: of all.")),
           F(8, "fieldSelector", OBJECT(type_selector_attributes), DOC("Narrows a list.")),
           F(9, "labelSelector", OBJECT(type_selector_attributes), DOC("Narrows a list."))),
};

static const struct schema_type type_non_resource_attributes = {
    .name = "NonResourceAttributes",
    DOC("Something that could be done with a path."),
    FIELDS(F(1, "path", STRING, DOC("\"/metrics\".")), F(2, "verb", STRING, DOC("get, post..."))),
};

static void check_what(const struct value *spec, struct schema_walk *walk)
{
    bool objects = value_type(value_get(spec, "resourceAttributes")) == VALUE_MAP;
    const struct value *path = value_get(spec, "nonResourceAttributes");
    bool paths = value_type(path) == VALUE_MAP;
    if (objects && paths)
        schema_mistake(walk, path, "nonResourceAttributes", CAUSE_INVALID,
                       "cannot be specified in combination with resourceAttributes");
    if (!objects && !paths)
        schema_mistake(walk, spec, "resourceAttributes", CAUSE_INVALID,
                       "exactly one of nonResourceAttributes or resourceAttributes must be "
                       "specified");
}

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    check_what(spec, walk);
    user_info_check(spec, walk);
    if (str_empty(value_get_str(spec, "user")) && value_len(value_get(spec, "groups")) == 0)
        schema_mistake(walk, value_get(spec, "user"), "user", CAUSE_INVALID,
                       "at least one of user or group must be specified");
}

static const struct schema_type type_subject_access_review_spec = {
    .name = "SubjectAccessReviewSpec",
    DOC("Who, and what."),
    .check = check_spec,
    FIELDS(F(1, "resourceAttributes", OBJECT(type_resource_attributes),
             DOC("What with objects; this or nonResourceAttributes.")),
           F(2, "nonResourceAttributes", OBJECT(type_non_resource_attributes),
             DOC("What with a path.")),
           F(3, "user", STRING, DOC("The user's name.")),
           F(4, "groups", LIST(STRING), DOC("His groups.")),
           F(5, "extra", MAP(ANY), DOC("What else is known of him: lists of strings.")),
           F(6, "uid", STRING, DOC("His uid."))),
};

static const struct schema_type type_self_subject_access_review_spec = {
    .name = "SelfSubjectAccessReviewSpec",
    DOC("What."),
    .check = check_what,
    FIELDS(F(1, "resourceAttributes", OBJECT(type_resource_attributes),
             DOC("What with objects; this or nonResourceAttributes.")),
           F(2, "nonResourceAttributes", OBJECT(type_non_resource_attributes),
             DOC("What with a path."))),
};

static const struct schema_type type_subject_access_review_status = {
    .name = "SubjectAccessReviewStatus",
    DOC("Whether he may."),
    FIELDS(F(1, "allowed", BOOL, DOC("He may.")), F(2, "reason", STRING, DOC("Why.")),
           F(3, "evaluationError", STRING, DOC("What went wrong in finding out.")),
           F(4, "denied", BOOL, DOC("He may not, whatever else is said."))),
};

static void check_local(const struct value *review, struct schema_walk *walk)
{
    const struct value *spec = value_get(review, "spec");
    const struct value *path = value_get(spec, "nonResourceAttributes");
    const struct value *ns = value_path(spec, "resourceAttributes", "namespace", NULL);
    const char *own = value_get_str(value_get(review, "metadata"), "namespace");
    if (value_type(path) == VALUE_MAP)
        schema_mistake(walk, path, "spec.nonResourceAttributes", CAUSE_INVALID,
                       "disallowed on this kind of request");
    if (!str_eq(value_str(ns) ? value_str(ns) : "", own ? own : ""))
        schema_mistake(walk, ns, "spec.resourceAttributes.namespace", CAUSE_INVALID,
                       "must match metadata.namespace");
}

#define REVIEW(spec_)                                                                              \
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Nothing of it is looked at.")),         \
           F(2, "spec", OBJECT(spec_), REQUIRED, DOC("The question.")),                            \
           F(3, "status", OBJECT(type_subject_access_review_status), DOC("The answer.")))

static const struct schema_type type_subject_access_review = {
    .name = "SubjectAccessReview",
    DOC("Tells whether somebody may do something. Never stored."),
    REVIEW(type_subject_access_review_spec),
};

static const struct schema_type type_local_subject_access_review = {
    .name = "LocalSubjectAccessReview",
    DOC("Tells whether somebody may do something in a namespace. Never stored."),
    .check = check_local,
    REVIEW(type_subject_access_review_spec),
};

static const struct schema_type type_self_subject_access_review = {
    .name = "SelfSubjectAccessReview",
    DOC("Tells whether who asks may do something. Never stored."),
    REVIEW(type_self_subject_access_review_spec),
};

static const struct schema_type type_resource_rule = {
    .name = "ResourceRule",
    DOC("What may be done with which objects."),
    FIELDS(F(1, "verbs", LIST(STRING), DOC("What may be done; \"*\" is all.")),
           F(2, "apiGroups", LIST(STRING), DOC("Groups of the resources; \"*\" is all.")),
           F(3, "resources", LIST(STRING), DOC("\"pods\", \"pods/log\"; \"*\" is all.")),
           F(4, "resourceNames", LIST(STRING), DOC("Only objects of these names."))),
};

static const struct schema_type type_non_resource_rule = {
    .name = "NonResourceRule",
    DOC("What may be done with which paths."),
    FIELDS(F(1, "verbs", LIST(STRING), DOC("What may be done; \"*\" is all.")),
           F(2, "nonResourceURLs", LIST(STRING), DOC("The paths."))),
};

static const struct schema_type type_subject_rules_review_status = {
    .name = "SubjectRulesReviewStatus",
    DOC("What one may."),
    FIELDS(F(1, "resourceRules", LIST(OBJECT(type_resource_rule)), DOC("With objects.")),
           F(2, "nonResourceRules", LIST(OBJECT(type_non_resource_rule)), DOC("With paths.")),
           F(3, "incomplete", BOOL, DOC("There is more that is not told.")),
           F(4, "evaluationError", STRING, DOC("Why not."))),
};

static const struct schema_type type_self_subject_rules_review_spec = {
    .name = "SelfSubjectRulesReviewSpec",
    FIELDS(F(1, "namespace", STRING, REQUIRED, DOC("Where."))),
    DOC("Where."),
};

static const struct schema_type type_self_subject_rules_review = {
    .name = "SelfSubjectRulesReview",
    DOC("Tells what who asks may do in a namespace. Never stored."),
    FIELDS(
        F(1, "metadata", OBJECT(type_object_meta), DOC("Nothing of it is looked at.")),
        F(2, "spec", OBJECT(type_self_subject_rules_review_spec), REQUIRED, DOC("The question.")),
        F(3, "status", OBJECT(type_subject_rules_review_status), DOC("The answer."))),
};

#define KIND(name_, plural_, singular_, type_)                                                     \
    .group = "authorization.k8s.io", .version = "v1", .kind = (name_), .plural = (plural_),        \
    .singular = (singular_), .type = &(type_), .name = format_dns1123_subdomain,                   \
    PROTO("k8s.io.api.authorization.v1." name_),                                                   \
    COLUMNS({"Name", "string", .path = "metadata.name"},                                           \
            {"Created At", "string", .path = "metadata.creationTimestamp"}),                       \
    COMPUTED("create")

const struct schema_kind kind_subject_access_review = {
    KIND("SubjectAccessReview", "subjectaccessreviews", "subjectaccessreview",
         type_subject_access_review),
};

const struct schema_kind kind_local_subject_access_review = {
    KIND("LocalSubjectAccessReview", "localsubjectaccessreviews", "localsubjectaccessreview",
         type_local_subject_access_review),
    .namespaced = true,
};

const struct schema_kind kind_self_subject_access_review = {
    KIND("SelfSubjectAccessReview", "selfsubjectaccessreviews", "selfsubjectaccessreview",
         type_self_subject_access_review),
};

const struct schema_kind kind_self_subject_rules_review = {
    KIND("SelfSubjectRulesReview", "selfsubjectrulesreviews", "selfsubjectrulesreview",
         type_self_subject_rules_review),
};
