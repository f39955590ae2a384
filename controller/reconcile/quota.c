#include "controller/reconcile/quota.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <stdlib.h>

struct quota_controller {
    struct loop *loop;
    struct api *api;
    struct quotas *quotas;
    struct map *dirty; /* "<namespace>/<name>" -> struct job */
    struct map *open;  /* the same, of those that are being written */
    struct loop_timer *timer;
    int64_t last; /* when the latest round began */
    bool begun;
};

struct job {
    struct quota_controller *controller;
    char *key, *ns, *name;
};

static const struct api_user user = {.name = "system:limpet:quota"};

static void job_free(void *p)
{
    struct job *job = p;
    free(job->key);
    free(job->ns);
    free(job->name);
    free(job);
}

struct value *quota_plan(const struct value *quota, const struct value *hard,
                         const struct value *used)
{
    cleanup(value_free) struct value *status = value_new_map();
    value_set(status, "hard", value_copy(hard));
    value_set(status, "used", value_copy(used));
    return value_equal(value_get(quota, "status"), status) ? NULL : steal(status);
}

static void arm(struct quota_controller *controller)
{
    int64_t now = loop_now(controller->loop), at = controller->last + QUOTA_WAIT_NS;
    if (map_len(controller->dirty) > 0 && !loop_timer_armed(controller->timer))
        loop_timer_at(controller->timer, controller->begun && at > now ? at : now);
}

static void on_changed(void *ctx, const char *ns, const char *name)
{
    struct quota_controller *controller = ctx;
    autofree char *key = xasprintf("%s/%s", ns, name);
    if (!map_get(controller->dirty, key)) {
        struct job *job = xcalloc(1, sizeof(*job));
        *job = (struct job){controller, xstrdup(key), xstrdup(ns), xstrdup(name)};
        (void)map_put(controller->dirty, key, job);
    }
    arm(controller);
}

static int edit(void *ctx, struct value *object)
{
    const struct job *job = ctx;
    cleanup(value_free) struct value *hard = NULL;
    cleanup(value_free) struct value *used =
        quotas_used(job->controller->quotas, job->ns, job->name, &hard);
    struct value *status = used ? quota_plan(object, hard, used) : NULL;
    if (status)
        value_set(object, "status", status);
    return status ? 0 : 1;
}

static void on_written(void *ctx, const struct api_answer *answer)
{
    struct job *job = ctx;
    struct quota_controller *controller = job->controller;
    (void)map_del(controller->open, job->key);
    if (answer->code >= 400 && answer->code != 404) {
        log_warn("quota not told, will try again quota=%s reason=%s", job->key,
                 log_quote(value_get_str(answer->object, "message")));
        on_changed(controller, job->ns, job->name);
    }
    job_free(job);
    arm(controller);
}

/* One write of a quota at a time: what changes meanwhile is for the next round. */
static void on_timer(void *ctx)
{
    struct quota_controller *controller = ctx;
    const char *key;
    void *value;
    controller->last = loop_now(controller->loop);
    controller->begun = true;
    for (size_t i = 0; map_next(controller->dirty, &i, &key, &value);) {
        struct job *job = value;
        const struct api_ref ref = {&kind_resource_quota, job->ns, job->name};
        if (map_get(controller->open, key))
            continue;
        (void)map_put(controller->open, key, job);
        (void)map_del(controller->dirty, key);
        api_patch_with(controller->api, &user, &ref, API_STATUS, edit, on_written, job);
    }
}

struct quota_controller *quota_controller_new(struct loop *loop, struct api *api,
                                              struct quotas *quotas)
{
    struct quota_controller *controller = xcalloc(1, sizeof(*controller));
    controller->loop = loop;
    controller->api = api;
    controller->quotas = quotas;
    controller->dirty = map_new();
    controller->open = map_new();
    controller->timer = loop_timer_new(loop, on_timer, controller);
    quotas_observe(quotas, on_changed, controller);
    return controller;
}

void quota_controller_free(struct quota_controller *controller)
{
    if (!controller)
        return;
    quotas_observe(controller->quotas, NULL, NULL);
    loop_timer_free(controller->timer);
    map_free(controller->dirty, job_free);
    map_free(controller->open, job_free);
    free(controller);
}
