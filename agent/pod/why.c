#include "agent/pod/why.h"

#include "agent/pod/containers.h"
#include "agent/pod/health.h"
#include "agent/pod/internal.h"
#include "agent/pod/selinux.h"
#include "agent/pod/status.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>

static struct pod_record *find_record(const struct agent *agent, const char *ns, const char *name)
{
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        struct pod_record *record = p;
        if (str_eq(record->ns, ns) && str_eq(record->name, name) && !record->forgotten)
            return record;
    }
    return NULL;
}

/* "image busybox:1: ErrImagePull: ...; next try in 8 s". What the message itself begins with is not
 * said twice. */
static void say_setback(const struct pod_record *record, const char *what,
                        const struct setback *setback, struct buf *ret)
{
    if (!setback->reason)
        return;
    size_t kind = strcspn(what, " ") + 1;
    if (strncmp(setback->message, what, kind) != 0)
        (void)buf_addf(ret, "%s: ", what);
    (void)buf_addf(ret, "%s: %s", setback->reason, setback->message);
    int64_t wait_ns = setback->retry_at - agent_now(record->agent);
    if (setback->retry_at && wait_ns > 0)
        (void)buf_addf(ret, "; failed %u time%s, next try in %lld s", setback->backoff.failures,
                       setback->backoff.failures == 1 ? "" : "s",
                       (long long)((wait_ns + NS_PER_S - 1) / NS_PER_S));
    (void)buf_addc(ret, '\n');
}

static void say_image(const struct record_container *c, struct buf *ret)
{
    char what[320];
    if (c->request)
        (void)buf_addf(ret, "image %s: is being pulled%s%s\n", c->ref,
                       c->progress.text[0] ? ": " : "", c->progress.text);
    snprintf(what, sizeof(what), "image %s", c->ref ? c->ref : "?");
    say_setback(c->record, what, &c->setback, ret);
}

static const struct value *spec_of(const struct pod_record *record)
{
    return value_get(record->spec->object, "spec");
}

static void say_gates(const struct pod_record *record, struct buf *ret)
{
    const struct value *list = record->spec ? spec_of(record) : NULL;
    for (size_t i = 0; i < record->image_count; i++)
        say_image(&record->containers[i], ret);
    for (size_t i = containers_count(list); i < containers_count_all(list); i++) {
        const struct record_container *c =
            debug_find(record, value_get_str(containers_at(list, i, NULL), "name"));
        if (c)
            say_image(c, ret);
    }
    say_setback(record, "volumes", &record->volumes_setback, ret);
    say_setback(record, "sandbox", &record->spawn_setback, ret);
    say_setback(record, "network", &record->network_setback, ret);
}

static void say_exit(const struct keeper_exit *exit, struct buf *ret)
{
    (void)buf_addf(ret, " last exit: code %d", exit->code);
    if (exit->signal)
        (void)buf_addf(ret, " (signal %d)", exit->signal);
    if (exit->reason[0])
        (void)buf_addf(ret, ", %s", exit->reason);
    if (exit->message[0])
        (void)buf_addf(ret, ": %s", exit->message);
}

void why_container(const struct keeper_container *c, int64_t now, struct buf *ret)
{
    if (c->state == KEEPER_STARTED)
        return;
    (void)buf_addf(ret, "container %s:", c->name);
    if (c->state == KEEPER_TERMINATED)
        (void)buf_addstr(ret, " has ended for good;");
    else if (c->restart_at_boot_ns) {
        int64_t wait_ns = c->restart_at_boot_ns - now;
        (void)buf_addf(ret, " in back-off after %u restart%s, next start in %lld s;", c->restarts,
                       c->restarts == 1 ? "" : "s",
                       (long long)(wait_ns > 0 ? (wait_ns + NS_PER_S - 1) / NS_PER_S : 0));
    } else
        (void)buf_addstr(ret, " is not started yet;");
    if (c->last.valid)
        say_exit(&c->last, ret);
    (void)buf_addc(ret, '\n');
}

/* What stands above every gate. */
static const char *say_whole(const struct pod_record *record, const struct pod_view *view)
{
    if (record->held)
        return "its manifest cannot be read just now: the pod is left as it is\n";
    if (view->keeper == POD_KEEPER_SILENT)
        return "its keeper lives but does not answer: the pod is left as it is\n";
    if (view->keeper == POD_KEEPER_STOPPING)
        return "it is being stopped\n";
    if (!view->desired)
        return "no manifest asks for it any more: it is being removed\n";
    if (view->deleting)
        return "it is being deleted\n";
    if (view->name_taken)
        return "an older pod with this name is still being stopped\n";
    if (view->paused)
        return "it is paused: it goes on when its annotation limpet.io/paused is gone "
               "(limpet resume)\n";
    if (view->pause && view->unpausable)
        return "it is to be paused, but this node cannot freeze pods\n";
    if (view->finished)
        return "its containers have ended and its restartPolicy does not start them again\n";
    return "";
}

int agent_why(struct agent *agent, const char *ns, const char *name, struct buf *ret)
{
    const struct pod_record *record = find_record(agent, ns, name);
    if (!record)
        return -ENOENT;
    struct pod_view view = pod_record_view(record, agent_name_taken(agent, record));
    (void)buf_addstr(ret, say_whole(record, &view));
    if (record->verdict)
        (void)buf_addf(ret, "this node does not run it any more: %s: %s\n", record->verdict->reason,
                       record->verdict->message);
    say_gates(record, ret);
    for (size_t i = 0; record->report && i < record->report->container_count; i++) {
        const struct keeper_container *c = &record->report->containers[i];
        why_container(c, agent_now(agent), ret);
        health_why(record->health, c->name, ret);
    }
    if (ret->len == 0)
        (void)buf_addstr(ret,
                         view.keeper == POD_KEEPER_RUNNING ? "it runs\n" : "it is being started\n");
    if (record->spec && selinux_is_asked(spec_of(record)) && !selinux_is_on(agent->world.disk))
        (void)buf_addstr(ret, "seLinuxOptions have no effect: this node has no SELinux\n");
    return 0;
}

static bool is_written(const struct agent *agent, const char *path)
{
    struct disk_stat st;
    return agent->world.disk->stat(agent->world.disk, path, &st, NULL) == 0;
}

static const char *named(const struct value *spec, const char *name)
{
    for (size_t i = 0; i < containers_count_all(spec); i++) {
        const char *each = value_get_str(containers_at(spec, i, NULL), "name");
        if (str_eq(each, name))
            return each;
    }
    return NULL;
}

static const char *only(const struct value *spec)
{
    const struct value *list = value_get(spec, container_kinds[1].list);
    return containers_count(spec) == 1 ? value_get_str(value_at(list, 0), "name") : NULL;
}

int agent_log_path(struct agent *agent, const char *ns, const char *name, const char *container,
                   bool previous, bool follow, struct buf *ret_path, struct err *err)
{
    const struct pod_record *record = find_record(agent, ns, name);
    if (!record)
        return err_set(err, -ENOENT, "pod %s/%s is not on this node", ns, name);
    const struct value *spec = record->spec ? spec_of(record) : NULL;
    const char *found = container ? named(spec, container) : only(spec);
    cleanup(buf_done) struct buf names;
    buf_init(&names, 0);
    for (size_t i = 0; i < containers_count_all(spec); i++)
        (void)buf_addf(&names, "%s%s", names.len ? " " : "",
                       value_get_str(containers_at(spec, i, NULL), "name"));
    if (!found && !container)
        return err_set(err, -EINVAL,
                       "a container name must be specified for pod %s, choose one of: [%s]", name,
                       buf_str(&names));
    if (!found)
        return err_set(err, -EINVAL, "container %s is not valid for pod %s", container, name);
    autofree char *file = agent_log_file(agent, record, found);
    autofree char *path = xasprintf("%s%s", file, previous ? ".previous" : "");
    int rc = follow || is_written(agent, path)
                 ? 0
                 : pod_status_has_run(record->status, name, found, previous, err);
    return rc < 0 ? rc : buf_addstr(ret_path, path);
}
