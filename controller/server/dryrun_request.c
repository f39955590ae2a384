#include "controller/server/dryrun_request.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/api/dryrun.h"
#include "controller/server/reply.h"
#include "controller/api/status.h"

#include <errno.h>

static struct value *refused(struct value *status)
{
    struct value *result = value_new_map();
    value_set_str(result, "action", "refused");
    value_set(result, "status", status);
    return result;
}

static struct value *try_one(struct api *api, struct dryrun *dryrun, const struct api_user *user,
                             const struct value *object, bool show)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    const struct schema_kind *kind = kinds_of(api_kinds(api), object, &diags);
    if (!kind)
        return refused(status_failure(400, "%s", diags.count ? diags.items[0].reason : "no kind"));
    const char *ns = object_namespace(object), *name = object_name(object);
    const struct api_ref ref = {kind,
                                ns                 ? ns
                                : kind->namespaced ? "default"
                                                   : "",
                                name ? name : ""};
    const struct api_answer *answer = dryrun_apply(dryrun, user, &ref, object, 0);
    if (answer->code >= 400)
        return refused(value_copy(answer->object));
    struct value *result = value_new_map();
    value_set_str(result, "action",
                  answer->code == 201 ? "created"
                  : answer->unchanged ? "unchanged"
                                      : "configured");
    if (show)
        value_set(result, "object", value_copy(answer->object));
    return result;
}

static struct value *try_all(struct api *api, const struct api_user *user,
                             const struct value *objects, bool show)
{
    cleanup(dryrun_free) struct dryrun *dryrun = dryrun_new(api);
    struct value *answer = value_new_map();
    value_set_str(answer, "kind", "DryRun");
    value_set_str(answer, "apiVersion", "limpet.io/v1");
    struct value *results = value_set(answer, "results", value_new_list());
    for (size_t i = 0; i < value_len(objects); i++)
        value_append(results, try_one(api, dryrun, user, value_at(objects, i), show));
    return answer;
}

void dryrun_request(struct api *api, const struct api_user *user, struct http_request *request,
                    const struct url *url)
{
    cleanup(value_free) struct value *body = NULL;
    struct err err = {0};
    size_t len;
    bool show;
    if (!str_eq(http_method(request), "POST")) {
        http_answer_header(request, "Allow", "POST");
        reply_status(request, status_failure(405, "a dry run is asked for by POST"));
        return;
    }
    const char *text = http_body(request, &len);
    int rc = url_param_bool(url, "objects", false, &show, &err);
    if (rc == 0)
        rc = json_parse(text, len, &body, &err);
    if (rc == 0 && value_type(value_get(body, "objects")) != VALUE_LIST)
        rc = err_set(&err, -EINVAL, "the body holds no list \"objects\"");
    if (rc < 0)
        reply_status(request, status_failure(rc == -E2BIG ? 413 : 400, "%s", err.msg));
    else
        reply_json(request, 200, try_all(api, user, value_get(body, "objects"), show));
}
