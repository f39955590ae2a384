/* Every structure is a table of its fields, in the order in which they are written; encoding,
 * decoding and checking read the same table. */
#include "agent/runtime/launch.h"

#include "agent/runtime/wire.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LAUNCH_MAGIC UINT32_C(0x4e4c504c)    /* "LPLN" */
#define SECCOMP_MAX_BYTES ((size_t)4096 * 8) /* BPF_MAXINSNS */
#define MAX_BLOBS LAUNCH_MAX_CONTAINERS

enum field_type {
    FIELD_STR,  /* const char * */
    FIELD_STRV, /* const char *const *, NULL-terminated */
    FIELD_BOOL,
    FIELD_INT, /* int or an enum */
    FIELD_I64,
    FIELD_U64,
    FIELD_U32V,       /* const uint32_t * with a size_t count */
    FIELD_BLOB,       /* const void * with a size_t length; written once for all that share it */
    FIELD_MOUNTS,     /* const struct launch_mount * with a size_t count */
    FIELD_CONTAINERS, /* const struct launch_container * with a size_t count */
};

enum field_rule { RULE_NONE, RULE_NAME, RULE_ABSOLUTE, RULE_RELATIVE, RULE_ENV, RULE_LABEL };

struct field {
    const char *name;
    enum field_type type;
    size_t offset, count_offset;
    bool required; /* not NULL, not empty */
    enum field_rule rule;
    int64_t min, max; /* numbers: their range; strings: max length if not 0; arrays: max count */
};

#define AT(type, member) offsetof(struct type, member)
#define HUGE_FIELD(type, i)                                                                        \
    {                                                                                              \
        "huge" #i, FIELD_I64, AT(type, huge) + (i) * sizeof(int64_t), .max = INT64_MAX             \
    }
#define HUGE_FIELDS(type)                                                                          \
    {"hugeBounded", FIELD_INT, AT(type, huge_bounded), .max = (1 << HUGE_SIZES) - 1},              \
        HUGE_FIELD(type, 0), HUGE_FIELD(type, 1), HUGE_FIELD(type, 2), HUGE_FIELD(type, 3)

static const struct field mount_fields[] = {
    {"type", FIELD_INT, AT(launch_mount, type), .max = LAUNCH_MOUNT_TMPFS},
    {"source", FIELD_STR, AT(launch_mount, source), .rule = RULE_ABSOLUTE, .max = 4095},
    {"target", FIELD_STR, AT(launch_mount, target), .required = true, .rule = RULE_ABSOLUTE,
     .max = 4095},
    {"options", FIELD_STR, AT(launch_mount, options), .max = 4095},
    {"subPath", FIELD_STR, AT(launch_mount, sub_path), .rule = RULE_RELATIVE, .max = 4095},
    {"makeSubPath", FIELD_BOOL, AT(launch_mount, make_sub_path)},
    {"readOnly", FIELD_BOOL, AT(launch_mount, read_only)},
    {"recursive", FIELD_BOOL, AT(launch_mount, recursive)},
    {"readOnlyBelow", FIELD_INT, AT(launch_mount, read_only_below), .max = LAUNCH_READ_ONLY_BELOW},
    {"propagation", FIELD_INT, AT(launch_mount, propagation), .max = LAUNCH_PROPAGATION_SHARED},
};

static const struct field container_fields[] = {
    {"name", FIELD_STR, AT(launch_container, name), .required = true, .rule = RULE_NAME, .max = 63},
    {"role", FIELD_INT, AT(launch_container, role), .max = LAUNCH_DEBUG},
    {"restartPolicy", FIELD_INT, AT(launch_container, restart), .max = LAUNCH_RESTART_NEVER},
    {"waits", FIELD_BOOL, AT(launch_container, waits)},
    {"preStop", FIELD_BOOL, AT(launch_container, pre_stop)},
    {"target", FIELD_STR, AT(launch_container, target), .rule = RULE_NAME, .max = 63},
    {"layers", FIELD_STRV, AT(launch_container, layers), .required = true, .rule = RULE_ABSOLUTE,
     .max = 400},
    {"readOnlyRoot", FIELD_BOOL, AT(launch_container, read_only_root)},
    {"argv", FIELD_STRV, AT(launch_container, argv), .required = true, .max = 65536},
    {"env", FIELD_STRV, AT(launch_container, env), .rule = RULE_ENV, .max = 65536},
    {"cwd", FIELD_STR, AT(launch_container, cwd), .rule = RULE_ABSOLUTE, .max = 4095},
    {"user", FIELD_STR, AT(launch_container, user), .max = 255},
    {"runAsNonRoot", FIELD_BOOL, AT(launch_container, run_as_non_root)},
    {"groups", FIELD_U32V, AT(launch_container, groups), AT(launch_container, group_count),
     .max = 1024},
    {"capabilities", FIELD_U64, AT(launch_container, capabilities)},
    {"privileged", FIELD_BOOL, AT(launch_container, privileged)},
    {"noNewPrivs", FIELD_BOOL, AT(launch_container, no_new_privs)},
    {"seccomp", FIELD_BLOB, AT(launch_container, seccomp), AT(launch_container, seccomp_len)},
    {"mounts", FIELD_MOUNTS, AT(launch_container, mounts), AT(launch_container, mount_count),
     .max = 1024},
    {"memory", FIELD_I64, AT(launch_container, memory_bytes), .max = INT64_MAX},
    {"cpuQuota", FIELD_I64, AT(launch_container, cpu_quota_us), .max = INT64_MAX},
    {"cpuShares", FIELD_I64, AT(launch_container, cpu_shares), .max = 262144},
    {"pids", FIELD_I64, AT(launch_container, pids), .max = INT32_MAX},
    {"tty", FIELD_BOOL, AT(launch_container, tty)},
    {"stdin", FIELD_BOOL, AT(launch_container, stdin_open)},
    {"stdinOnce", FIELD_BOOL, AT(launch_container, stdin_once)},
    {"logPath", FIELD_STR, AT(launch_container, log_path), .rule = RULE_ABSOLUTE, .max = 4000},
    {"logMaxBytes", FIELD_I64, AT(launch_container, log_max_bytes), .max = INT64_MAX},
    {"logMaxFiles", FIELD_INT, AT(launch_container, log_max_files), .max = 100},
    {"stopSignal", FIELD_INT, AT(launch_container, stop_signal), .max = 64},
    {"messagePath", FIELD_STR, AT(launch_container, message_path), .rule = RULE_ABSOLUTE,
     .max = 4095},
    {"messageLog", FIELD_BOOL, AT(launch_container, message_log)},
    {"oomScoreAdj", FIELD_INT, AT(launch_container, oom_score_adj), .min = -1000, .max = 1000},
    {"strictGroups", FIELD_BOOL, AT(launch_container, strict_groups)},
    {"appArmor", FIELD_STR, AT(launch_container, apparmor), .max = 4095},
    {"seLinux", FIELD_STR, AT(launch_container, selinux), .rule = RULE_LABEL, .max = 255},
    {"seLinuxFiles", FIELD_STR, AT(launch_container, selinux_files), .rule = RULE_LABEL,
     .max = 255},
    HUGE_FIELDS(launch_container),
    {"unmasked", FIELD_BOOL, AT(launch_container, unmasked)},
};

static const struct field plan_fields[] = {
    {"podUid", FIELD_STR, AT(launch_plan, pod_uid), .required = true, .rule = RULE_NAME, .max = 63},
    {"podNamespace", FIELD_STR, AT(launch_plan, pod_ns), .required = true, .max = 63},
    {"podName", FIELD_STR, AT(launch_plan, pod_name), .required = true, .max = 253},
    {"specHash", FIELD_STR, AT(launch_plan, spec_hash), .required = true, .max = 71},
    {"hostname", FIELD_STR, AT(launch_plan, hostname), .max = 64},
    {"stateDir", FIELD_STR, AT(launch_plan, state_dir), .required = true, .rule = RULE_ABSOLUTE,
     .max = 3900},
    /* With "/keeper.sock" it must fit into a socket's address. */
    {"runDir", FIELD_STR, AT(launch_plan, run_dir), .required = true, .rule = RULE_ABSOLUTE,
     .max = 3900},
    {"cgroup", FIELD_STR, AT(launch_plan, cgroup), .required = true, .rule = RULE_RELATIVE,
     .max = 1000},
    {"hostNetwork", FIELD_BOOL, AT(launch_plan, host_network)},
    {"hostPid", FIELD_BOOL, AT(launch_plan, host_pid)},
    {"sharePids", FIELD_BOOL, AT(launch_plan, share_pids)},
    {"hostIpc", FIELD_BOOL, AT(launch_plan, host_ipc)},
    {"userBase", FIELD_I64, AT(launch_plan, user_base), .max = UINT32_MAX - 2 * 65536LL},
    {"sysctls", FIELD_STRV, AT(launch_plan, sysctls), .rule = RULE_ENV, .max = 256},
    {"seLinuxFiles", FIELD_STR, AT(launch_plan, selinux_files), .rule = RULE_LABEL, .max = 255},
    {"grace", FIELD_I64, AT(launch_plan, grace_s), .max = INT32_MAX},
    {"backoffMin", FIELD_I64, AT(launch_plan, backoff_min_ms), .max = INT32_MAX},
    {"backoffMax", FIELD_I64, AT(launch_plan, backoff_max_ms), .max = INT32_MAX},
    {"backoffReset", FIELD_I64, AT(launch_plan, backoff_reset_ms), .max = INT32_MAX},
    {"memory", FIELD_I64, AT(launch_plan, memory_bytes), .max = INT64_MAX},
    {"cpuQuota", FIELD_I64, AT(launch_plan, cpu_quota_us), .max = INT64_MAX},
    {"cpuShares", FIELD_I64, AT(launch_plan, cpu_shares), .max = 262144},
    {"pids", FIELD_I64, AT(launch_plan, pids), .max = INT32_MAX},
    HUGE_FIELDS(launch_plan),
    {"containers", FIELD_CONTAINERS, AT(launch_plan, containers), AT(launch_plan, container_count),
     .required = true, .max = LAUNCH_MAX_CONTAINERS},
};

struct table {
    const struct field *fields;
    size_t count;
    size_t size; /* of the structure */
};
static const struct table mount_table = {mount_fields, ARRAY_LEN(mount_fields),
                                         sizeof(struct launch_mount)};
static const struct table container_table = {container_fields, ARRAY_LEN(container_fields),
                                             sizeof(struct launch_container)};
static const struct table plan_table = {plan_fields, ARRAY_LEN(plan_fields),
                                        sizeof(struct launch_plan)};

static const struct table *table_of(enum field_type type)
{
    return type == FIELD_MOUNTS ? &mount_table : &container_table;
}

/* Members are copied: their types differ from how they are looked at here only in what they point
 * to. */
#define GET(type, base, offset)                                                                    \
    __extension__({                                                                                \
        type value_;                                                                               \
        memcpy(&value_, (const char *)(base) + (offset), sizeof(value_));                          \
        value_;                                                                                    \
    })
#define SET(type, base, offset, value)                                                             \
    do {                                                                                           \
        type value_ = (value);                                                                     \
        memcpy((char *)(base) + (offset), &value_, sizeof(value_));                                \
    } while (0)

/* ---- checks ---- */

/* Path of what is looked at, for messages: "containers[1].mounts[0]." */
struct where {
    const struct where *up;
    const char *field;
    size_t index;
};

static size_t where_text(const struct where *where, char *ret, size_t size)
{
    if (!where) {
        ret[0] = '\0';
        return 0;
    }
    struct buf text;
    size_t used = where_text(where->up, ret, size);
    buf_init(&text, 0);
    buf_addf(&text, "%s[%zu].", where->field, where->index);
    size_t len = text.len < size - used ? text.len : size - used - 1;
    memcpy(ret + used, buf_str(&text), len);
    ret[used + len] = '\0';
    buf_done(&text);
    return used + len;
}

static int refuse(const struct where *where, const struct field *field, struct err *err,
                  const char *why)
{
    char path[160];
    where_text(where, path, sizeof(path));
    return err_set(err, -EINVAL, "launch plan: %s%s: %s", path, field->name, why);
}

static bool has_dot_dot(const char *path)
{
    for (const char *p = path; *p;) {
        size_t len = strcspn(p, "/");
        if (len == 2 && p[0] == '.' && p[1] == '.')
            return true;
        p += len;
        p += *p == '/';
    }
    return false;
}

static const char *check_rule(enum field_rule rule, const char *s)
{
    switch (rule) {
    case RULE_NAME:
        return strchr(s, '/') || str_eq(s, ".") || str_eq(s, "..") ? "must be a name" : NULL;
    case RULE_ABSOLUTE:
        return s[0] != '/' ? "must be an absolute path" : NULL;
    case RULE_RELATIVE:
        return s[0] == '/' || has_dot_dot(s) ? "must be a relative path without \"..\"" : NULL;
    case RULE_ENV:
        return s[0] == '=' || !strchr(s, '=') ? "must be \"name=value\"" : NULL;
    case RULE_LABEL: /* it stands in quotes among the options of a mount */
        return s[strcspn(s, "\"\\\n")] ? "must be a label of SELinux" : NULL;
    case RULE_NONE:
        break;
    }
    return NULL;
}

static const char *check_str(const struct field *field, const char *s)
{
    if (str_empty(s))
        return field->required ? "is missing" : NULL;
    if (field->type == FIELD_STR && field->max > 0 && strlen(s) > (size_t)field->max)
        return "is too long";
    return check_rule(field->rule, s);
}

static const char *check_strv(const struct field *field, const char *const *list)
{
    size_t count = 0;
    for (; list && list[count]; count++) {
        if (count >= (size_t)field->max)
            return "has too many entries";
        const char *why = check_rule(field->rule, list[count]);
        if (why)
            return why;
    }
    if (field->required && (count == 0 || str_empty(list[0])))
        return "is missing";
    return NULL;
}

static const char *check_number(const struct field *field, int64_t value)
{
    return value < field->min || value > field->max ? "is out of range" : NULL;
}

static int check_table(const struct table *table, const void *base, const struct where *where,
                       struct err *err);

static int check_array(const struct field *field, const void *base, const struct where *where,
                       struct err *err)
{
    const struct table *table = table_of(field->type);
    const char *items = GET(const char *, base, field->offset);
    size_t count = GET(size_t, base, field->count_offset);
    if (count > (size_t)field->max)
        return refuse(where, field, err, "has too many entries");
    if (field->required && count == 0)
        return refuse(where, field, err, "is missing");
    for (size_t i = 0; i < count; i++) {
        const struct where here = {.up = where, .field = field->name, .index = i};
        int r = check_table(table, items + i * table->size, &here, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static const char *check_field(const struct field *field, const void *base)
{
    size_t length;
    switch (field->type) {
    case FIELD_STR:
        return check_str(field, GET(const char *, base, field->offset));
    case FIELD_STRV:
        return check_strv(field, GET(const char *const *, base, field->offset));
    case FIELD_INT:
        return check_number(field, GET(int, base, field->offset));
    case FIELD_I64:
        return check_number(field, GET(int64_t, base, field->offset));
    case FIELD_U32V:
        length = GET(size_t, base, field->count_offset);
        return length > (size_t)field->max ? "has too many entries" : NULL;
    case FIELD_BLOB:
        length = GET(size_t, base, field->count_offset);
        return length > SECCOMP_MAX_BYTES || length % 8 != 0 ? "is not a seccomp filter" : NULL;
    case FIELD_BOOL:
    case FIELD_U64:
    case FIELD_MOUNTS:
    case FIELD_CONTAINERS:
        break;
    }
    return NULL;
}

static int check_table(const struct table *table, const void *base, const struct where *where,
                       struct err *err)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct field *field = &table->fields[i];
        if (field->type == FIELD_MOUNTS || field->type == FIELD_CONTAINERS) {
            int r = check_array(field, base, where, err);
            if (r < 0)
                return r;
            continue;
        }
        const char *why = check_field(field, base);
        if (why)
            return refuse(where, field, err, why);
    }
    return 0;
}

static int check_order(const struct launch_plan *plan, struct err *err)
{
    static const int ranks[] = {
        [LAUNCH_INIT] = 0, [LAUNCH_SIDECAR] = 0, [LAUNCH_MAIN] = 1, [LAUNCH_DEBUG] = 2};
    for (size_t i = 1; i < plan->container_count; i++)
        if (ranks[plan->containers[i].role] < ranks[plan->containers[i - 1].role])
            return err_set(err, -EINVAL, "launch plan: containers[%zu].role: out of order", i);
    return 0;
}

/* Nobody is another on the host by mistake. */
static int check_users(const struct launch_plan *plan, struct err *err)
{
    if (plan->user_base > 0 && plan->user_base < 65536)
        return err_set(err, -EINVAL, "launch plan: userBase: is out of range");
    if (plan->user_base > 0 && (plan->host_network || plan->host_pid || plan->host_ipc))
        return err_set(err, -EINVAL, "launch plan: userBase: with a namespace of the host");
    for (size_t i = 0; i < plan->container_count; i++)
        if (plan->containers[i].unmasked && plan->user_base == 0)
            return err_set(err, -EINVAL, "launch plan: containers[%zu].unmasked: without userBase",
                           i);
    return 0;
}

static int check_plan(const struct launch_plan *plan, struct err *err)
{
    int r = check_table(&plan_table, plan, NULL, err);
    if (r == 0)
        r = check_order(plan, err);
    if (r == 0)
        r = check_users(plan, err);
    for (size_t i = 0; r == 0 && i < plan->container_count; i++) {
        const struct launch_container *container = &plan->containers[i];
        for (size_t m = 0; r == 0 && m < container->mount_count; m++)
            if (container->mounts[m].type == LAUNCH_MOUNT_BIND &&
                str_empty(container->mounts[m].source))
                r = err_set(err, -EINVAL,
                            "launch plan: containers[%zu].mounts[%zu].source: is missing", i, m);
    }
    return r;
}

/* ---- encoding ---- */

struct blobs {
    const void *data[MAX_BLOBS];
    size_t len[MAX_BLOBS];
    uint32_t count;
};

/* 1 + the blob's number; 0: none. Filters are shared by pointer or by content. */
static uint32_t blob_index(struct blobs *blobs, const void *data, size_t len)
{
    if (!data || len == 0)
        return 0;
    for (uint32_t i = 0; i < blobs->count; i++)
        if (blobs->len[i] == len &&
            (blobs->data[i] == data || memcmp(blobs->data[i], data, len) == 0))
            return i + 1;
    blobs->data[blobs->count] = data;
    blobs->len[blobs->count] = len;
    return ++blobs->count;
}

static int put_table(const struct table *table, const void *base, struct blobs *blobs,
                     struct buf *buf);

static int put_strv(const char *const *list, struct buf *buf)
{
    uint32_t count = 0;
    while (list && list[count])
        count++;
    int r = wire_put_u32(buf, count);
    for (uint32_t i = 0; r == 0 && i < count; i++)
        r = wire_put_str(buf, list[i]);
    return r;
}

static int put_array(const struct field *field, const void *base, struct blobs *blobs,
                     struct buf *buf)
{
    const struct table *table = table_of(field->type);
    const char *items = GET(const char *, base, field->offset);
    size_t count = GET(size_t, base, field->count_offset);
    int r = wire_put_u32(buf, (uint32_t)count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = put_table(table, items + i * table->size, blobs, buf);
    return r;
}

static int put_u32v(const uint32_t *values, size_t count, struct buf *buf)
{
    int r = wire_put_u32(buf, (uint32_t)count);
    for (size_t i = 0; r == 0 && i < count; i++)
        r = wire_put_u32(buf, values[i]);
    return r;
}

static int put_field(const struct field *field, const void *base, struct blobs *blobs,
                     struct buf *buf)
{
    switch (field->type) {
    case FIELD_STR:
        return wire_put_str(buf, GET(const char *, base, field->offset));
    case FIELD_STRV:
        return put_strv(GET(const char *const *, base, field->offset), buf);
    case FIELD_BOOL:
        return wire_put_u32(buf, GET(bool, base, field->offset));
    case FIELD_INT:
        return wire_put_u32(buf, (uint32_t)GET(int, base, field->offset));
    case FIELD_I64:
    case FIELD_U64:
        return wire_put_u64(buf, GET(uint64_t, base, field->offset));
    case FIELD_U32V:
        return put_u32v(GET(const uint32_t *, base, field->offset),
                        GET(size_t, base, field->count_offset), buf);
    case FIELD_BLOB:
        return wire_put_u32(buf, blob_index(blobs, GET(const void *, base, field->offset),
                                            GET(size_t, base, field->count_offset)));
    case FIELD_MOUNTS:
    case FIELD_CONTAINERS:
        break;
    }
    return put_array(field, base, blobs, buf);
}

static int put_table(const struct table *table, const void *base, struct blobs *blobs,
                     struct buf *buf)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < table->count; i++)
        r = put_field(&table->fields[i], base, blobs, buf);
    return r;
}

static int put_all(const struct launch_plan *plan, struct buf *buf)
{
    cleanup(buf_done) struct buf fields;
    buf_init(&fields, LAUNCH_MAX_BYTES);
    struct blobs blobs = {.count = 0};
    int r = put_table(&plan_table, plan, &blobs, &fields);
    if (r == 0)
        r = wire_put_u32(buf, LAUNCH_MAGIC);
    if (r == 0)
        r = wire_put_u32(buf, LAUNCH_VERSION);
    if (r == 0)
        r = wire_put_u32(buf, blobs.count);
    for (uint32_t i = 0; r == 0 && i < blobs.count; i++)
        r = wire_put_blob(buf, blobs.data[i], blobs.len[i]);
    if (r == 0 && fields.len > 0)
        r = buf_add(buf, fields.data, fields.len);
    return r;
}

int launch_encode(const struct launch_plan *plan, struct buf *ret, struct err *err)
{
    int r = check_plan(plan, err);
    if (r < 0)
        return r;
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, LAUNCH_MAX_BYTES);
    r = put_all(plan, &bytes);
    if (r == 0)
        r = buf_add(ret, bytes.data, bytes.len);
    return r < 0 ? err_set(err, -E2BIG, "launch plan: larger than %d bytes", LAUNCH_MAX_BYTES) : 0;
}

/* ---- decoding ---- */

struct decoder {
    struct wire wire;
    char *at, *end; /* what is left of the one block */
    const void *blobs[MAX_BLOBS];
    size_t blob_len[MAX_BLOBS];
    uint32_t blob_count;
};

/* Room for count items of `size`; NULL, and the reader is bad, if the block is used up. */
static void *carve(struct decoder *d, size_t count, size_t size)
{
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > (size_t)(d->end - d->at)) {
        d->wire.bad = true;
        return NULL;
    }
    bytes = (bytes + 7) & ~(size_t)7;
    if (bytes > (size_t)(d->end - d->at))
        bytes = (size_t)(d->end - d->at);
    void *p = d->at;
    d->at += bytes;
    return p;
}

/* The number of items that follow, of which each takes at least one byte. */
static size_t get_count(struct decoder *d)
{
    uint32_t count = wire_u32(&d->wire);
    if (count > d->wire.left)
        d->wire.bad = true;
    return d->wire.bad ? 0 : count;
}

static void get_table(const struct table *table, void *base, struct decoder *d);

static const char *const *get_strv(struct decoder *d)
{
    size_t count = get_count(d);
    const char **list = carve(d, count + 1, sizeof(*list));
    for (size_t i = 0; list && i < count; i++) {
        list[i] = wire_str(&d->wire);
        if (!list[i])
            d->wire.bad = true;
    }
    if (list)
        list[count] = NULL;
    return list;
}

static void get_u32v(const struct field *field, void *base, struct decoder *d)
{
    size_t count = get_count(d);
    uint32_t *values = carve(d, count, sizeof(*values));
    for (size_t i = 0; values && i < count; i++)
        values[i] = wire_u32(&d->wire);
    SET(const uint32_t *, base, field->offset, values);
    SET(size_t, base, field->count_offset, values ? count : 0);
}

static void get_blob(const struct field *field, void *base, struct decoder *d)
{
    uint32_t index = wire_u32(&d->wire);
    if (index > d->blob_count) {
        d->wire.bad = true;
        return;
    }
    SET(const void *, base, field->offset, index ? d->blobs[index - 1] : NULL);
    SET(size_t, base, field->count_offset, index ? d->blob_len[index - 1] : 0);
}

static void get_array(const struct field *field, void *base, struct decoder *d)
{
    const struct table *table = table_of(field->type);
    size_t count = get_count(d);
    char *items = carve(d, count, table->size);
    for (size_t i = 0; items && i < count && !d->wire.bad; i++) {
        memset(items + i * table->size, 0, table->size);
        get_table(table, items + i * table->size, d);
    }
    SET(const char *, base, field->offset, items);
    SET(size_t, base, field->count_offset, items ? count : 0);
}

static void get_field(const struct field *field, void *base, struct decoder *d)
{
    switch (field->type) {
    case FIELD_STR:
        SET(const char *, base, field->offset, wire_str(&d->wire));
        return;
    case FIELD_STRV:
        SET(const char *const *, base, field->offset, get_strv(d));
        return;
    case FIELD_BOOL:
        SET(bool, base, field->offset, wire_bool(&d->wire));
        return;
    case FIELD_INT:
        SET(int, base, field->offset, (int)wire_u32(&d->wire));
        return;
    case FIELD_I64:
    case FIELD_U64:
        SET(uint64_t, base, field->offset, wire_u64(&d->wire));
        return;
    case FIELD_U32V:
        get_u32v(field, base, d);
        return;
    case FIELD_BLOB:
        get_blob(field, base, d);
        return;
    case FIELD_MOUNTS:
    case FIELD_CONTAINERS:
        break;
    }
    get_array(field, base, d);
}

static void get_table(const struct table *table, void *base, struct decoder *d)
{
    for (size_t i = 0; i < table->count && !d->wire.bad; i++)
        get_field(&table->fields[i], base, d);
}

static int get_head(struct decoder *d, struct err *err)
{
    uint32_t magic = wire_u32(&d->wire), version = wire_u32(&d->wire);
    if (d->wire.bad || magic != LAUNCH_MAGIC)
        return err_set(err, -EINVAL, "not a launch plan");
    if (version != LAUNCH_VERSION)
        return err_set(err, -EPROTONOSUPPORT, "launch plan of version %u, this program reads %d",
                       version, LAUNCH_VERSION);
    d->blob_count = wire_u32(&d->wire);
    if (d->blob_count > MAX_BLOBS)
        d->wire.bad = true;
    for (uint32_t i = 0; i < d->blob_count && !d->wire.bad; i++)
        d->blobs[i] = wire_blob(&d->wire, &d->blob_len[i]);
    return d->wire.bad ? err_set(err, -EINVAL, "launch plan: cut short") : 0;
}

int launch_decode(const void *bytes, size_t len, struct launch_plan **ret, struct err *err)
{
    struct decoder d = {.blob_count = 0};
    if (len > LAUNCH_MAX_BYTES)
        return err_set(err, -E2BIG, "launch plan: larger than %d bytes", LAUNCH_MAX_BYTES);
    wire_init(&d.wire, bytes, len);
    int r = get_head(&d, err);
    if (r < 0)
        return r;
    /* What is made of the fields is at most twice their size: a pointer for each string (5 bytes at
     * least) and one for the end of each list (4); the structures are smaller than that. */
    size_t room = sizeof(struct launch_plan) + 2 * d.wire.left + 64;
    struct launch_plan *plan = xmalloc(room);
    memset(plan, 0, sizeof(*plan));
    d.at = (char *)(plan + 1);
    d.end = (char *)plan + room;
    get_table(&plan_table, plan, &d);
    if (d.wire.bad || d.wire.left > 0)
        r = err_set(err, -EINVAL, "launch plan: damaged");
    else
        r = check_plan(plan, err);
    if (r < 0) {
        launch_free(plan);
        return r;
    }
    *ret = plan;
    return 0;
}

void launch_free(struct launch_plan *plan)
{
    free(plan);
}
