/* Ephemeral containers ("kubectl debug"): they come to a pod that runs, which nothing of this
 * touches, and are never started again. */

#include "agent/pod/containers.h"
#include "agent/pod/internal.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

struct record_debug {
    struct record_container c;
    char *name;
    bool asked; /* the keeper has it, or is about to say so */
};

static struct record_debug *find(const struct pod_record *record, const char *name)
{
    for (size_t i = 0; i < record->debug_count; i++)
        if (str_eq(record->debugs[i]->name, name))
            return record->debugs[i];
    return NULL;
}

const struct record_container *debug_find(const struct pod_record *record, const char *name)
{
    const struct record_debug *debug = find(record, name);
    return debug ? &debug->c : NULL;
}

static struct record_debug *get(struct pod_record *record, const char *name)
{
    struct record_debug *debug = find(record, name);
    if (debug)
        return debug;
    debug = xcalloc(1, sizeof(*debug));
    debug->c.record = record;
    debug->name = xstrdup(name);
    record->debugs =
        xrealloc(record->debugs, (record->debug_count + 1) * sizeof(struct record_debug *));
    return record->debugs[record->debug_count++] = debug;
}

static const struct value *list_of(const struct pod_record *record)
{
    return record->spec ? value_path(record->spec->object, "spec", container_kinds[2].list, NULL)
                        : NULL;
}

static bool is_there(const struct pod_record *record, const char *name)
{
    for (size_t i = 0; record->report && i < record->report->container_count; i++)
        if (str_eq(record->report->containers[i].name, name))
            return true;
    return false;
}

static bool is_ready(const struct record_debug *debug)
{
    return debug && debug->c.image && !debug->asked && !debug->c.setback.retry_at;
}

void debug_view(const struct pod_record *record, struct pod_view *view)
{
    const struct value *list = list_of(record);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_get_str(value_at(list, i), "name");
        const struct record_debug *debug = find(record, name);
        int64_t retry_at = debug ? debug->c.setback.retry_at : 0;
        if (is_there(record, name) || (debug && debug->asked))
            continue;
        view->debug_ready |= is_ready(debug);
        view->debug_untried |= !debug || (!debug->c.image && !debug->c.request && !retry_at);
        if (retry_at && (!view->debug_retry_at || retry_at < view->debug_retry_at))
            view->debug_retry_at = retry_at;
    }
}

void debug_pull(struct pod_record *record)
{
    const struct value *list = list_of(record);
    int64_t now = agent_now(record->agent);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *container = value_at(list, i);
        const char *name = value_get_str(container, "name");
        if (is_there(record, name))
            continue;
        struct record_debug *debug = get(record, name);
        if (debug->asked || debug->c.request || debug->c.setback.retry_at > now)
            continue;
        debug->c.setback.retry_at = 0;
        if (!debug->c.image)
            pull_one(&debug->c, value_get_str(container, "image"),
                     value_get_str(container, "imagePullPolicy"));
    }
}

static int add(struct pod_record *record, const struct record_debug *debug,
               const struct value *container, struct err *err)
{
    struct keepers *keepers = record->agent->world.keepers;
    cleanup(buf_done) struct buf plan;
    buf_init(&plan, LAUNCH_MAX_BYTES);
    if (record->report->container_count >= LAUNCH_MAX_CONTAINERS)
        return err_set(err, -E2BIG, "the pod has %d containers already", LAUNCH_MAX_CONTAINERS);
    if (value_len(value_get(container, "volumeMounts")) > 0 && !record->volumes_ready) {
        exec_prepare_volumes(record); /* of a pod that was adopted they are not known */
        if (!record->volumes_ready)
            return err_set(err, -ENOENT, "%s", record->volumes_setback.message);
    }
    int rc = compile_debug(record, container, debug->c.image, &plan, err);
    return rc < 0 ? rc : keepers->add(keepers, record->uid, plan.data, plan.len, err);
}

void debug_add(struct pod_record *record)
{
    const struct value *list = list_of(record);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *container = value_at(list, i);
        const char *name = value_get_str(container, "name");
        struct record_debug *debug = find(record, name);
        struct err err = {0};
        if (!is_ready(debug) || is_there(record, name))
            continue;
        if (add(record, debug, container, &err) == 0) {
            debug->asked = true;
            setback_clear(&debug->c.setback);
            publish_event(record, "Normal", "Created", "Created container: %s", name);
            continue;
        }
        setback_set(&debug->c.setback, &backoff_image, agent_now(record->agent),
                    "CreateContainerError", err.msg);
        publish_event(record, "Warning", "Failed", "Error: %s", err.msg);
    }
}

void debug_release(struct pod_record *record)
{
    for (size_t i = 0; i < record->debug_count; i++) {
        pull_drop(&record->debugs[i]->c);
        free(record->debugs[i]->name);
        free(record->debugs[i]);
    }
    free(record->debugs);
    record->debugs = NULL;
    record->debug_count = 0;
}
