#include "agent/keeper/report.h"

#include "agent/runtime/wire.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdlib.h>

/* The head and each container are parts with a length of their own: a later release appends fields,
 * an earlier one passes over them, and reads what an earlier one did not send as 0. */
#define REPORT_MAGIC UINT32_C(0x3150524c) /* "LRP1" */
#define REPORT_MAX_BYTES ((size_t)256 * 1024)

struct keeper_report *keeper_report_copy(const struct keeper_report *report)
{
    struct keeper_report *copy = xmemdup(report, sizeof(*report));
    copy->containers = NULL;
    if (report->container_count > 0)
        copy->containers =
            xmemdup(report->containers, report->container_count * sizeof(*report->containers));
    for (size_t i = 0; i < copy->container_count; i++)
        if (copy->containers[i].said)
            copy->containers[i].said = xstrdup(copy->containers[i].said);
    return copy;
}

void keeper_report_free(struct keeper_report *report)
{
    if (!report)
        return;
    for (size_t i = 0; i < report->container_count; i++)
        free(report->containers[i].said);
    free(report->containers);
    free(report);
}

/* Opens a part; returns where its length goes. */
static int begin(struct buf *buf, size_t *ret_at)
{
    *ret_at = buf->len;
    return wire_put_u32(buf, 0);
}

static void end(struct buf *buf, size_t at)
{
    wire_set_u32(buf, at, (uint32_t)(buf->len - at - 4));
}

static int put_size(const struct keeper_size *size, struct buf *buf)
{
    int r = wire_put_u64(buf, (uint64_t)size->memory_bytes);
    if (r == 0)
        r = wire_put_u64(buf, (uint64_t)size->cpu_quota_us);
    return r < 0 ? r : wire_put_u64(buf, (uint64_t)size->cpu_shares);
}

static int put_head(const struct keeper_report *report, struct buf *buf)
{
    size_t at;
    const char *const texts[] = {report->pod_uid, report->pod_ns, report->pod_name,
                                 report->spec_hash, report->boot_id};
    int r = begin(buf, &at);
    for (size_t i = 0; r == 0 && i < sizeof(texts) / sizeof(texts[0]); i++)
        r = wire_put_str(buf, texts[i]);
    if (r == 0)
        r = wire_put_u32(buf, (uint32_t)report->state);
    if (r == 0)
        r = wire_put_u32(buf, (uint32_t)report->keeper_pid);
    if (r == 0)
        r = wire_put_u64(buf, (uint64_t)report->started_wall_ns);
    if (r == 0)
        r = wire_put_u32(buf, report->deadline_s);
    if (r == 0)
        r = wire_put_str(buf, report->reason);
    if (r == 0)
        r = put_size(&report->size, buf);
    if (r == 0)
        r = wire_put_str(buf, report->misfit);
    if (r == 0)
        end(buf, at);
    return r;
}

static int put_exit(const struct keeper_exit *last, struct buf *buf)
{
    const uint32_t words[] = {last->valid, (uint32_t)last->code, (uint32_t)last->signal, last->oom};
    int r = 0;
    for (size_t i = 0; r == 0 && i < sizeof(words) / sizeof(words[0]); i++)
        r = wire_put_u32(buf, words[i]);
    if (r == 0)
        r = wire_put_u64(buf, (uint64_t)last->started_wall_ns);
    if (r == 0)
        r = wire_put_u64(buf, (uint64_t)last->finished_wall_ns);
    if (r == 0)
        r = wire_put_str(buf, last->reason);
    return r < 0 ? r : wire_put_str(buf, last->message);
}

static int put_container(const struct keeper_container *container, struct buf *buf)
{
    size_t at;
    int r = begin(buf, &at);
    if (r == 0)
        r = wire_put_str(buf, container->name);
    if (r == 0)
        r = wire_put_u32(buf, (uint32_t)container->state);
    if (r == 0)
        r = wire_put_u32(buf, container->restarts);
    if (r == 0)
        r = wire_put_u64(buf, (uint64_t)container->started_wall_ns);
    if (r == 0)
        r = wire_put_u64(buf, (uint64_t)container->restart_at_boot_ns);
    if (r == 0)
        r = wire_put_u32(buf, (uint32_t)container->pid);
    if (r == 0)
        r = put_exit(&container->last, buf);
    if (r == 0)
        r = wire_put_u32(buf, (uint32_t)container->role);
    if (r == 0)
        r = wire_put_u32(buf, container->marks);
    if (r == 0)
        r = wire_put_str(buf, container->said);
    if (r == 0)
        r = put_size(&container->size, buf);
    if (r == 0)
        end(buf, at);
    return r;
}

int keeper_report_encode(const struct keeper_report *report, struct buf *ret)
{
    int r = wire_put_u32(ret, REPORT_MAGIC);
    if (r == 0)
        r = put_head(report, ret);
    if (r == 0)
        r = wire_put_u32(ret, (uint32_t)report->container_count);
    for (size_t i = 0; r == 0 && i < report->container_count; i++)
        r = put_container(&report->containers[i], ret);
    return r;
}

/* Since protocol 4; of an older keeper: all 0. */
static struct keeper_size get_size(struct wire *wire)
{
    struct keeper_size size = {0};
    if (wire->left == 0)
        return size;
    size.memory_bytes = wire_i64(wire);
    size.cpu_quota_us = wire_i64(wire);
    size.cpu_shares = wire_i64(wire);
    return size;
}

static void get_head(struct wire *all, struct keeper_report *ret)
{
    struct wire wire = wire_part(all);
    wire_copy(&wire, ret->pod_uid, sizeof(ret->pod_uid));
    wire_copy(&wire, ret->pod_ns, sizeof(ret->pod_ns));
    wire_copy(&wire, ret->pod_name, sizeof(ret->pod_name));
    wire_copy(&wire, ret->spec_hash, sizeof(ret->spec_hash));
    wire_copy(&wire, ret->boot_id, sizeof(ret->boot_id));
    uint32_t state = wire_u32(&wire);
    ret->keeper_pid = (pid_t)wire_u32(&wire);
    ret->started_wall_ns = wire_i64(&wire);
    ret->deadline_s = wire.left > 0 ? wire_u32(&wire) : 0; /* since protocol 3 */
    if (wire.left > 0)
        wire_copy(&wire, ret->reason, sizeof(ret->reason));
    ret->size = get_size(&wire);
    if (wire.left > 0)
        wire_copy(&wire, ret->misfit, sizeof(ret->misfit));
    all->bad |= wire.bad || state > KEEPER_ENDED || ret->keeper_pid < 0;
    ret->state = (enum keeper_pod_state)state;
}

static void get_container(struct wire *all, struct keeper_container *ret)
{
    struct wire wire = wire_part(all);
    wire_copy(&wire, ret->name, sizeof(ret->name));
    uint32_t state = wire_u32(&wire);
    ret->restarts = wire_u32(&wire);
    ret->started_wall_ns = wire_i64(&wire);
    ret->restart_at_boot_ns = wire_i64(&wire);
    ret->pid = (pid_t)wire_u32(&wire);
    ret->last.valid = wire_bool(&wire);
    ret->last.code = (int)wire_u32(&wire);
    ret->last.signal = (int)wire_u32(&wire);
    ret->last.oom = wire_bool(&wire);
    ret->last.started_wall_ns = wire_i64(&wire);
    ret->last.finished_wall_ns = wire_i64(&wire);
    wire_copy(&wire, ret->last.reason, sizeof(ret->last.reason));
    wire_copy(&wire, ret->last.message, sizeof(ret->last.message));
    uint32_t role = wire.left > 0 ? wire_u32(&wire) : LAUNCH_MAIN; /* since protocol 3 */
    ret->marks = wire.left > 0 ? wire_u32(&wire) : 0;
    const char *said = wire.left > 0 ? wire_str(&wire) : NULL;
    ret->said = said ? xstrdup(said) : NULL;
    ret->size = get_size(&wire);
    all->bad |= wire.bad || state > KEEPER_TERMINATED || ret->pid < 0 || role > LAUNCH_DEBUG;
    ret->state = (enum keeper_container_state)state;
    ret->role = (enum launch_role)role;
}

int keeper_report_decode(const void *bytes, size_t len, struct keeper_report **ret, struct err *err)
{
    struct wire wire;
    if (len > REPORT_MAX_BYTES)
        return err_set(err, -E2BIG, "keeper report: larger than %zu bytes", REPORT_MAX_BYTES);
    wire_init(&wire, bytes, len);
    if (wire_u32(&wire) != REPORT_MAGIC)
        return err_set(err, -EINVAL, "not a keeper report");
    struct keeper_report *report = xcalloc(1, sizeof(*report));
    get_head(&wire, report);
    uint32_t count = wire_u32(&wire);
    if (count > LAUNCH_MAX_CONTAINERS)
        wire.bad = true;
    if (!wire.bad && count > 0) {
        report->containers = xcalloc(count, sizeof(*report->containers));
        report->container_count = count;
    }
    for (size_t i = 0; i < report->container_count && !wire.bad; i++)
        get_container(&wire, &report->containers[i]);
    if (wire.bad || wire.left > 0) {
        keeper_report_free(report);
        return err_set(err, -EINVAL, "keeper report: damaged");
    }
    *ret = report;
    return 0;
}
