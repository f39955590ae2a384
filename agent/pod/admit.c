/* Whether this node takes a pod on, and what it has decided of one for good. */

#include "agent/pod/apparmor_ask.h"
#include "agent/pod/internal.h"
#include "agent/pod/room.h"
#include "agent/pod/runtimes.h"
#include "agent/pod/sysctl.h"
#include "agent/pressure/pressure.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/host_ports.h"
#include "common/kinds/pod_qos.h"

#include <errno.h>

#define APPARMOR_ENABLED "/sys/module/apparmor/parameters/enabled"
#define APPARMOR_PROFILES "/sys/kernel/security/apparmor/profiles"
#define APPARMOR_PROFILES_MAX ((size_t)4 * 1024 * 1024)

void condemn(struct pod_record *record, const char *reason, const char *message, bool disrupted)
{
    struct agent *agent = record->agent;
    bool ran = record->report != NULL;
    verdict_free(record->verdict);
    record->verdict = verdict_new(reason, message, ran, 0);
    record->verdict->disrupted = disrupted;
    autofree char *dir = agent_state_dir(agent, record->uid);
    struct err err = {0};
    if (verdict_write(agent->world.disk, dir, record->verdict, &err) < 0)
        log_warn("verdict not written, after a restart the pod may run: pod=%s/%s error=%s",
                 record->ns, record->name, log_quote(err.msg));
    publish_event(record, "Warning", reason, "%s", message);
    agent_touch(record);
}

/* What was decided before; and whether the pod was taken on then. */
static void recall(struct pod_record *record)
{
    const struct agent *agent = record->agent;
    struct disk *disk = agent->world.disk;
    autofree char *dir = agent_state_dir(agent, record->uid);
    struct disk_stat stat;
    struct err err = {0};
    record->accepted = record->keeper != POD_KEEPER_NONE || disk->stat(disk, dir, &stat, NULL) == 0;
    int rc = WEAKENED(VERDICT) ? -ENOENT : verdict_read(disk, dir, &record->verdict, &err);
    if (rc < 0 && rc != -ENOENT)
        log_warn("verdict unreadable, the pod is run: pod=%s/%s error=%s", record->ns, record->name,
                 log_quote(err.msg));
}

/* It goes, and its containers have ended, which the gateway may know already: what they had is
 * free. One that is only changed comes the same way, and starts again. */
static bool is_through(const struct pod_record *record)
{
    return record->spec->deleting &&
           (record->keeper == POD_KEEPER_ENDED || record->keeper == POD_KEEPER_REMOVING ||
            record->keeper == POD_KEEPER_NONE);
}

size_t admit_list(const struct agent *agent, const struct pod_record *but, const struct value **ret)
{
    size_t count = 0;
    void *p;
    for (size_t i = 0; map_next(agent->records, &i, NULL, &p);) {
        const struct pod_record *record = p;
        if (record != but && record->spec && record->accepted && !record->finished &&
            !record->verdict && !record->forgotten && !is_through(record))
            ret[count++] = value_get(record->spec->object, "spec");
    }
    return count;
}

/* ---- reasons to turn a pod away ---- */

struct asker {
    const struct pod_record *record;
    const struct value *spec;
    struct room room; /* with the pods that are here */
};

/* While something is short, nothing new comes that could not be ended for it first: of memory, who
 * asked for none. */
static bool is_pressed(const struct asker *asker, struct buf *ret_reason, struct buf *ret_message)
{
    const struct pressures *pressures = asker->record->agent->pressures;
    const char *what = NULL;
    if (!pressures || value_get_int(asker->spec, "priority", 0) >= CRITICAL_PRIORITY)
        return false;
    if (pressures->on[PRESSURE_MEMORY] && pod_qos(asker->spec) == POD_QOS_BEST_EFFORT)
        what = pressure_name(PRESSURE_MEMORY);
    else if (pressures->on[PRESSURE_DISK])
        what = pressure_name(PRESSURE_DISK);
    else if (pressures->on[PRESSURE_PID])
        what = pressure_name(PRESSURE_PID);
    if (!what)
        return false;
    (void)buf_addstr(ret_reason, "Evicted");
    (void)buf_addf(ret_message, "The node had condition: [%s].", what);
    return true;
}

static bool is_of_another_system(const struct asker *asker, struct buf *ret_reason,
                                 struct buf *ret_message)
{
    const char *os = value_str(value_path(asker->spec, "os", "name", NULL));
    if (str_empty(os) || str_eq(os, "linux"))
        return false;
    (void)buf_addstr(ret_reason, "PodOSNotSupported");
    (void)buf_addstr(ret_message, "Failed to admit pod as the OS field doesn't match node OS");
    return true;
}

static bool is_forbidden(const struct asker *asker, struct buf *ret_reason, struct buf *ret_message)
{
    if (sysctls_allowed(asker->spec, asker->record->agent->spec.unsafe_sysctls, ret_message))
        return false;
    (void)buf_addstr(ret_reason, "SysctlForbidden");
    return true;
}

/* What cannot be read is not there. */
static const char *text_of(struct disk *disk, const char *path, struct buf *ret)
{
    return disk->read(disk, path, APPARMOR_PROFILES_MAX, ret, NULL) < 0 ? "" : buf_str(ret);
}

static bool lacks_profile(const struct asker *asker, struct buf *ret_reason,
                          struct buf *ret_message)
{
    struct disk *disk = asker->record->agent->world.disk;
    cleanup(buf_done) struct buf enabled, profiles;
    buf_init(&enabled, APPARMOR_PROFILES_MAX + 1);
    buf_init(&profiles, APPARMOR_PROFILES_MAX + 1);
    const struct apparmor_node node = {text_of(disk, APPARMOR_ENABLED, &enabled)[0] == 'Y',
                                       text_of(disk, APPARMOR_PROFILES, &profiles)};
    if (apparmor_allowed(&node, asker->record->spec->object, ret_message))
        return false;
    (void)buf_addstr(ret_reason, "AppArmor");
    return true;
}

static bool lacks_runtime(const struct asker *asker, struct buf *ret_reason,
                          struct buf *ret_message)
{
    if (runtimes_allow(asker->record->spec->object, asker->record->agent->spec.user_namespaces,
                       ret_message))
        return false;
    (void)buf_addstr(ret_reason, "RuntimeHandler");
    return true;
}

static bool lacks_room(const struct asker *asker, struct buf *ret_reason, struct buf *ret_message)
{
    return !room_fits(&asker->room, asker->spec, ret_reason, ret_message);
}

/* Ports of the node that its pods have go to nobody else. What else listens on the node is not
 * looked at, as a kubelet does not. */
static bool has_port_taken(const struct asker *asker, struct buf *ret_reason,
                           struct buf *ret_message)
{
    cleanup(host_ports_done) struct host_ports wanted = {0};
    bool taken = false;
    host_ports_read(&wanted, asker->spec);
    for (size_t i = 0; i < asker->room.count && wanted.count > 0 && !taken; i++) {
        cleanup(host_ports_done) struct host_ports theirs = {0};
        host_ports_read(&theirs, asker->room.specs[i]);
        taken = host_ports_clash(&wanted, &theirs);
    }
    if (taken) {
        (void)buf_addstr(ret_reason, HOST_PORTS_NAME);
        (void)buf_addf(ret_message, "Predicate %s failed: %s", HOST_PORTS_NAME, HOST_PORTS_WHY);
    }
    return taken;
}

/* Each true if the pod is turned away, with reason and message in a kubelet's words. */
static bool (*const reasons[])(const struct asker *, struct buf *, struct buf *) = {
    is_of_another_system, is_pressed, is_forbidden,  lacks_profile,
    lacks_runtime,        lacks_room, has_port_taken};

/* A pod that was taken on once is not turned away after a reboot, and one of the node's own folder
 * never: who put it there knows the node. */
void admit(struct pod_record *record)
{
    const struct agent *agent = record->agent;
    if (record->judged || !record->spec)
        return;
    record->judged = true;
    recall(record);
    record->accepted |= record->verdict || record->is_static || record->finished;
    if (record->accepted)
        return;
    const struct value **specs = xcalloc(map_len(agent->records) + 1, sizeof(*specs));
    const struct asker asker = {
        .record = record,
        .spec = value_get(record->spec->object, "spec"),
        .room = {agent->spec.allocatable, specs, admit_list(agent, record, specs)},
    };
    cleanup(buf_done) struct buf reason, message;
    buf_init(&reason, 0);
    buf_init(&message, 0);
    record->accepted = true;
    for (size_t i = 0; i < ARRAY_LEN(reasons) && record->accepted; i++)
        record->accepted = !reasons[i](&asker, &reason, &message);
    free(specs);
    if (!record->accepted && !WEAKENED(POD_ROOM))
        condemn(record, buf_str(&reason), buf_str(&message), false);
}
