#include "controller/server/delete_options.h"

#include "common/base/str.h"
#include "controller/api/status.h"

/* A field of the body that is there has that type. */
static struct value *expect(const struct value *map, const char *path, const char *key,
                            enum value_type type)
{
    const struct value *field = value_get(map, key);
    if (value_type(field) == VALUE_NULL || value_type(field) == type)
        return NULL;
    return status_failure(400, "DeleteOptions: %s%s: is a %s, must be a %s", path, key,
                          value_type_name(value_type(field)), value_type_name(type));
}

static struct value *check_shape(const struct value *body)
{
    static const struct {
        const char *key;
        enum value_type type;
    } fields[] = {{"kind", VALUE_STRING},
                  {"apiVersion", VALUE_STRING},
                  {"gracePeriodSeconds", VALUE_INT},
                  {"preconditions", VALUE_MAP},
                  {"orphanDependents", VALUE_BOOL},
                  {"propagationPolicy", VALUE_STRING},
                  {"dryRun", VALUE_LIST}};
    if (body && value_type(body) != VALUE_MAP)
        return status_failure(400, "the body is not DeleteOptions");
    struct value *status = NULL;
    for (size_t i = 0; i < ARRAY_LEN(fields) && !status; i++)
        status = expect(body, "", fields[i].key, fields[i].type);
    const struct value *preconditions = value_get(body, "preconditions");
    if (!status)
        status = expect(preconditions, "preconditions.", "uid", VALUE_STRING);
    if (!status)
        status = expect(preconditions, "preconditions.", "resourceVersion", VALUE_STRING);
    const char *kind = value_get_str(body, "kind");
    if (!status && !str_empty(kind) && !str_eq(kind, "DeleteOptions"))
        status = status_failure(400, "the body is a %.63s, not DeleteOptions", kind);
    return status;
}

static struct value *parse_dry_run(const struct url *url, const struct value *body, unsigned *flags)
{
    const struct value *list = value_get(body, "dryRun");
    const char *text = value_len(list) ? value_str(value_at(list, 0)) : url_param(url, "dryRun");
    if (value_len(list) > 1 || (value_len(list) == 1 && !text))
        text = "?";
    if (str_empty(text))
        return NULL;
    if (!str_eq(text, "All"))
        return status_failure(422,
                              "DeleteOptions.meta.k8s.io \"\" is invalid: dryRun: Unsupported "
                              "value: \"%.40s\": supported values: \"All\"",
                              text);
    *flags |= API_DRY_RUN;
    return NULL;
}

/* propagationPolicy, or orphanDependents as it was before that. */
static struct value *parse_propagation(const struct url *url, const struct value *body,
                                       struct api_delete_options *ret)
{
    struct err err = {0};
    const char *policy = value_get_str(body, "propagationPolicy");
    bool orphan = value_get_bool(body, "orphanDependents", false);
    bool said = value_type(value_get(body, "orphanDependents")) == VALUE_BOOL;
    if (!policy)
        policy = url_param(url, "propagationPolicy");
    if (!said && url_param(url, "orphanDependents")) {
        said = true;
        if (url_param_bool(url, "orphanDependents", false, &orphan, &err) != 0)
            return status_failure(400, "%s", err.msg);
    }
    if (said && policy)
        return status_failure(422,
                              "DeleteOptions.meta.k8s.io \"\" is invalid: propagationPolicy: "
                              "Invalid value: \"%.40s\": orphanDependents and deletionPropagation "
                              "cannot be both set",
                              policy);
    ret->propagation = said ? (orphan ? "Orphan" : "Background") : policy;
    return NULL;
}

static struct value *parse_grace(const struct url *url, const struct value *body,
                                 struct api_delete_options *ret)
{
    struct err err = {0};
    const struct value *field = value_get(body, "gracePeriodSeconds");
    int64_t grace_s = value_int(field, 0);
    bool said = value_type(field) == VALUE_INT;
    if (!said && !str_empty(url_param(url, "gracePeriodSeconds"))) {
        said = true;
        if (url_param_int(url, "gracePeriodSeconds", 0, &grace_s, &err) != 0)
            return status_failure(400, "%s", err.msg);
    }
    if (said && grace_s > INT32_MAX)
        return status_failure(422,
                              "DeleteOptions.meta.k8s.io \"\" is invalid: gracePeriodSeconds: "
                              "Invalid value: %lld: must be at most %d",
                              (long long)grace_s, INT32_MAX);
    /* As in Kubernetes: what lies before now is one second. */
    ret->grace_s = !said ? -1 : grace_s < 0 ? 1 : grace_s;
    return NULL;
}

struct value *delete_options_parse(const struct url *url, const struct value *body,
                                   struct api_delete_options *ret, unsigned *flags)
{
    *ret = (struct api_delete_options){.grace_s = -1};
    struct value *status = check_shape(body);
    if (!status)
        status = parse_grace(url, body, ret);
    if (!status)
        status = parse_propagation(url, body, ret);
    if (!status)
        status = parse_dry_run(url, body, flags);
    const struct value *preconditions = value_get(body, "preconditions");
    ret->uid = value_get_str(preconditions, "uid");
    ret->resource_version = value_get_str(preconditions, "resourceVersion");
    return status;
}
