/* Ephemeral containers ("kubectl debug"): they come to a pod that runs, which nothing of this
 * touches, and are never started again. */

#include "agent/pod/containers.h"
#include "agent/pod/internal.h"
#include "agent/pod/state_file.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>

/* By name, the keeper that each was given to: by when that was started. Written before it is told,
 * so that whatever dies nothing runs twice. */
static const char file[] = "debugs";

struct record_debug {
    struct record_container c;
    char *name;
    bool asked;    /* the keeper has it, or is about to say so */
    int64_t given; /* as the file says; 0: to none */
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

static bool is_spent(const struct pod_record *record, const struct record_debug *debug)
{
    int64_t keeper = record->report ? record->report->started_wall_ns : 0;
    return debug && debug->given && debug->given != keeper && !WEAKENED(DEBUG_ONCE);
}

bool debug_is_spent(const struct pod_record *record, const char *name)
{
    return is_spent(record, find(record, name));
}

/* There is nothing to do for it any more. One that the keeper that lives has not got, though it was
 * given to it, was never told of it. */
static bool is_over(const struct pod_record *record, const struct record_debug *debug)
{
    return debug && (debug->asked || is_spent(record, debug));
}

static bool is_ready(const struct pod_record *record, const struct record_debug *debug)
{
    return debug && debug->c.image && !is_over(record, debug) && !debug->c.setback.retry_at;
}

void debug_recall(struct pod_record *record)
{
    if (value_len(list_of(record)) == 0)
        return;
    cleanup(value_free) struct value *given = state_file_read(record, file);
    for (size_t i = 0; i < value_len(given); i++)
        get(record, value_key_at(given, i))->given = value_int(value_at(given, i), 0);
    if (given)
        publish_recall(record);
}

static int write_file(const struct pod_record *record, struct err *err)
{
    cleanup(value_free) struct value *given = value_new_map();
    for (size_t i = 0; i < record->debug_count; i++)
        if (record->debugs[i]->given)
            value_set_int(given, record->debugs[i]->name, record->debugs[i]->given);
    return state_file_write(record, file, given, err);
}

void debug_view(const struct pod_record *record, struct pod_view *view)
{
    const struct value *list = list_of(record);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_get_str(value_at(list, i), "name");
        const struct record_debug *debug = find(record, name);
        int64_t retry_at = debug ? debug->c.setback.retry_at : 0;
        if (is_there(record, name) || is_over(record, debug))
            continue;
        view->debug_ready |= is_ready(record, debug);
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
        if (is_over(record, debug) || debug->c.request || debug->c.setback.retry_at > now)
            continue;
        debug->c.setback.retry_at = 0;
        if (!debug->c.image)
            pull_one(&debug->c, value_get_str(container, "image"),
                     value_get_str(container, "imagePullPolicy"));
    }
}

static int add(struct pod_record *record, struct record_debug *debug, const struct value *container,
               struct err *err)
{
    struct keepers *keepers = record->agent->world.keepers;
    cleanup(buf_done) struct buf plan;
    buf_init(&plan, LAUNCH_MAX_BYTES);
    if (record->report->container_count >= LAUNCH_MAX_CONTAINERS)
        return err_set(err, -E2BIG, "the pod has %d containers already", LAUNCH_MAX_CONTAINERS);
    if (value_len(value_get(container, "volumeMounts")) > 0 && !record->volumes_ready) {
        exec_prepare_volumes(record, true); /* of a pod that was adopted they are not known */
        if (!record->volumes_ready)
            return err_set(err, -ENOENT, "%s", record->volumes_setback.message);
    }
    int rc = compile_debug(record, container, debug->c.image, &plan, err);
    if (rc < 0)
        return rc;
    debug->given = record->report->started_wall_ns;
    rc = write_file(record, err);
    if (rc == 0)
        rc = keepers->add(keepers, record->uid, plan.data, plan.len, err);
    if (rc == 0)
        return 0;
    debug->given = 0; /* it was not told: one that can take it may have it yet */
    struct err second = {0};
    if (write_file(record, &second) < 0)
        log_warn("an ephemeral container that was not given counts as given: pod=%s/%s error=%s",
                 record->ns, record->name, log_quote(second.msg));
    return rc;
}

void debug_add(struct pod_record *record)
{
    const struct value *list = list_of(record);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *container = value_at(list, i);
        const char *name = value_get_str(container, "name");
        struct record_debug *debug = find(record, name);
        struct err err = {0};
        if (!is_ready(record, debug) || is_there(record, name))
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
        record->debugs[i]->c = (struct record_container){.record = record};
    }
}

void debug_free(struct pod_record *record)
{
    for (size_t i = 0; i < record->debug_count; i++) {
        free(record->debugs[i]->name);
        free(record->debugs[i]);
    }
    free(record->debugs);
}
