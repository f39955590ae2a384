#include "tools/cli/describe.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/yaml.h"
#include "common/schema/cell.h"
#include "tools/cli/explain.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"
#define LABEL_WIDTH 20

/* Further lines of a text stand below its first. */
static void line(struct buf *ret, int indent, const char *label, const char *text)
{
    text = str_empty(text) ? "<none>" : text;
    do {
        size_t len = strcspn(text, "\n");
        (void)buf_addf(ret, "%*s%-*s %.*s\n", indent, "", LABEL_WIDTH - indent, label, (int)len,
                       text);
        text += len + (text[len] == '\n');
        label = "";
    } while (*text);
}

static void scalar_text(const struct value *value, struct buf *ret)
{
    switch (value_type(value)) {
    case VALUE_STRING:
        (void)buf_addstr(ret, value_str(value));
        break;
    case VALUE_INT:
        (void)buf_addf(ret, "%lld", (long long)value_int(value, 0));
        break;
    case VALUE_BOOL:
        (void)buf_addstr(ret, value_bool(value, false) ? "true" : "false");
        break;
    case VALUE_FLOAT:
        (void)buf_addf(ret, "%g", value_float(value, 0));
        break;
    case VALUE_LIST:
        for (size_t i = 0; i < value_len(value); i++) {
            (void)buf_addstr(ret, i ? " " : "");
            scalar_text(value_at(value, i), ret);
        }
        break;
    default:
        break;
    }
}

static void value_line_of(struct buf *ret, int indent, const char *label, const struct value *value)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    scalar_text(value, &text);
    line(ret, indent, label, buf_str(&text));
}

/* "Labels:   app=web" and one below the other. */
static void pairs(struct buf *ret, int indent, const char *label, const struct value *map)
{
    bool first = true;
    for (size_t i = 0; i < value_len(map); i++) {
        if (str_eq(value_key_at(map, i), LAST_APPLIED))
            continue;
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        (void)buf_addf(&text, "%s=", value_key_at(map, i));
        scalar_text(value_at(map, i), &text);
        line(ret, indent, first ? label : "", buf_str(&text));
        first = false;
    }
    if (first)
        line(ret, indent, label, NULL);
}

static void time_line(struct buf *ret, const char *label, const char *time, int64_t now)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)buf_addf(&text, "%s (", time);
    cell_age(time, now, &text);
    (void)buf_addstr(&text, " ago)");
    line(ret, 0, label, buf_str(&text));
}

static void conditions(const struct value *object, int64_t now, struct buf *ret)
{
    const struct value *list = value_path(object, "status", "conditions", NULL);
    if (value_len(list) > 0)
        (void)buf_addstr(ret, "Conditions:\n");
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *c = value_at(list, i);
        const char *since = value_get_str(c, "lastTransitionTime");
        const char *reason = value_get_str(c, "reason"), *message = value_get_str(c, "message");
        const char *type = value_get_str(c, "type"), *status = value_get_str(c, "status");
        cleanup(buf_done) struct buf age;
        buf_init(&age, 0);
        if (since)
            cell_age(since, now, &age);
        (void)buf_addf(ret, "  %-18s %-8s %-8s %s%s%s\n", type ? type : "?", status ? status : "?",
                       buf_str(&age), reason ? reason : "",
                       str_empty(reason) || str_empty(message) ? "" : ": ", message ? message : "");
    }
}

/* Pods. */

static const struct value *status_of_container(const struct value *pod, const char *list,
                                               const char *name)
{
    const struct value *statuses = value_path(pod, "status", list, NULL);
    for (size_t i = 0; i < value_len(statuses); i++)
        if (str_eq(value_get_str(value_at(statuses, i), "name"), name))
            return value_at(statuses, i);
    return NULL;
}

static void state_line(struct buf *ret, const char *label, const struct value *state)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    explain_container_state(state, &text);
    line(ret, 2, label, buf_str(&text));
}

static void ports(const struct value *list, struct buf *ret)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *port = value_at(list, i);
        const char *protocol = value_get_str(port, "protocol");
        int64_t host = value_get_int(port, "hostPort", 0);
        (void)buf_addf(&text, "%s%lld/%s", i ? ", " : "",
                       (long long)value_get_int(port, "containerPort", 0),
                       protocol ? protocol : "TCP");
        if (host)
            (void)buf_addf(&text, " (host %lld)", (long long)host);
    }
    if (text.len > 0)
        line(ret, 2, "Ports:", buf_str(&text));
}

static void mounts(const struct value *list, struct buf *ret)
{
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *mount = value_at(list, i);
        const char *path = value_get_str(mount, "mountPath"), *name = value_get_str(mount, "name");
        autofree char *text = xasprintf("%s from %s%s", path ? path : "?", name ? name : "?",
                                        value_get_bool(mount, "readOnly", false) ? " (ro)" : "");
        line(ret, 2, i ? "" : "Mounts:", text);
    }
}

static const char *or_unknown(const char *text)
{
    return str_empty(text) ? "?" : text;
}

/* "key who of config map greeting" */
static char *env_source(const struct value *from)
{
    static const struct {
        const char *name, *what, *of, *joint, *whose;
    } sources[] = {
        {"configMapKeyRef", "key", "key", " of config map ", "name"},
        {"secretKeyRef", "key", "key", " of secret ", "name"},
        {"fieldRef", "field", "fieldPath", NULL, NULL},
        {"resourceFieldRef", "resource", "resource", " of container ", "containerName"},
    };
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        const struct value *ref = value_get(from, sources[i].name);
        const char *whose = sources[i].whose ? value_get_str(ref, sources[i].whose) : NULL;
        if (ref)
            return xasprintf("%s %s%s%s", sources[i].what,
                             or_unknown(value_get_str(ref, sources[i].of)),
                             whose ? sources[i].joint : "", whose ? whose : "");
    }
    return xstrdup(or_unknown(value_type(from) == VALUE_MAP ? value_key_at(from, 0) : NULL));
}

static void environment(const struct value *container, struct buf *ret)
{
    const struct value *list = value_get(container, "env"), *all = value_get(container, "envFrom");
    const char *label = "Environment:";
    for (size_t i = 0; i < value_len(all); i++, label = "") {
        const struct value *item = value_at(all, i), *map = value_get(item, "configMapRef");
        const struct value *ref = map ? map : value_get(item, "secretRef");
        const char *prefix = value_get_str(item, "prefix");
        autofree char *text =
            xasprintf("%s* from %s %s", prefix ? prefix : "", map ? "config map" : "secret",
                      or_unknown(value_get_str(ref, "name")));
        line(ret, 2, label, text);
    }
    for (size_t i = 0; i < value_len(list); i++, label = "") {
        const struct value *env = value_at(list, i), *from = value_get(env, "valueFrom");
        const char *value = value_get_str(env, "value");
        autofree char *source = from ? env_source(from) : NULL;
        autofree char *text =
            xasprintf("%s%s%s", or_unknown(value_get_str(env, "name")), source ? " from " : "=",
                      source  ? source
                      : value ? value
                              : "");
        line(ret, 2, label, text);
    }
}

static void container(const struct value *pod, const char *statuses, const struct value *spec,
                      struct buf *ret)
{
    const char *name = value_get_str(spec, "name");
    const struct value *status = status_of_container(pod, statuses, name);
    const struct value *resources = value_get(spec, "resources");
    (void)buf_addf(ret, " %s:\n", name ? name : "?");
    line(ret, 2, "Image:", value_get_str(spec, "image"));
    if (!str_empty(value_get_str(status, "imageID")))
        line(ret, 2, "Image ID:", value_get_str(status, "imageID"));
    if (value_get(spec, "command"))
        value_line_of(ret, 2, "Command:", value_get(spec, "command"));
    if (value_get(spec, "args"))
        value_line_of(ret, 2, "Args:", value_get(spec, "args"));
    ports(value_get(spec, "ports"), ret);
    state_line(ret, "State:", value_get(status, "state"));
    if (value_len(value_get(status, "lastState")) > 0)
        state_line(ret, "Last state:", value_get(status, "lastState"));
    line(ret, 2, "Ready:", value_get_bool(status, "ready", false) ? "yes" : "no");
    autofree char *restarts =
        xasprintf("%lld", (long long)value_get_int(status, "restartCount", 0));
    line(ret, 2, "Restarts:", restarts);
    if (value_len(value_get(resources, "limits")) > 0)
        pairs(ret, 2, "Limits:", value_get(resources, "limits"));
    if (value_len(value_get(resources, "requests")) > 0)
        pairs(ret, 2, "Requests:", value_get(resources, "requests"));
    environment(spec, ret);
    mounts(value_get(spec, "volumeMounts"), ret);
}

static void containers(const struct value *pod, const char *title, const char *list,
                       const char *statuses, struct buf *ret)
{
    const struct value *specs = value_path(pod, "spec", list, NULL);
    if (value_len(specs) > 0)
        (void)buf_addf(ret, "%s:\n", title);
    for (size_t i = 0; i < value_len(specs); i++)
        container(pod, statuses, value_at(specs, i), ret);
}

static void volumes(const struct value *pod, struct buf *ret)
{
    const struct value *list = value_path(pod, "spec", "volumes", NULL);
    if (value_len(list) > 0)
        (void)buf_addstr(ret, "Volumes:\n");
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *volume = value_at(list, i);
        const char *name = value_get_str(volume, "name");
        autofree char *label = xasprintf("%s:", name ? name : "?");
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        for (size_t k = 0; k < value_len(volume); k++) {
            const struct value *source = value_at(volume, k);
            static const char *const keys[] = {"path", "name", "secretName", "claimName", "medium"};
            if (value_type(source) != VALUE_MAP)
                continue;
            (void)buf_addstr(&text, value_key_at(volume, k));
            for (size_t n = 0; n < ARRAY_LEN(keys); n++)
                if (!str_empty(value_get_str(source, keys[n])))
                    (void)buf_addf(&text, " %s", value_get_str(source, keys[n]));
        }
        line(ret, 2, label, buf_str(&text));
    }
}

static void describe_pod(const struct value *pod, int64_t now, struct buf *ret)
{
    const struct value *spec = value_get(pod, "spec"), *status = value_get(pod, "status");
    cleanup(buf_done) struct buf reason;
    buf_init(&reason, 0);
    line(ret, 0, "Node:", value_get_str(spec, "nodeName"));
    if (value_get_str(status, "startTime"))
        time_line(ret, "Started:", value_get_str(status, "startTime"), now);
    line(ret, 0, "Status:", value_get_str(status, "phase"));
    if (explain_line(pod, &reason) != EXPLAIN_READY && reason.len > 0)
        line(ret, 0, "Reason:", buf_str(&reason));
    line(ret, 0, "IP:", value_get_str(status, "podIP"));
    line(ret, 0, "Restart policy:", value_get_str(spec, "restartPolicy"));
    if (value_get_bool(spec, "hostNetwork", false))
        line(ret, 0, "Network:", "the node's own");
    if (value_len(value_get(spec, "nodeSelector")) > 0)
        pairs(ret, 0, "Node selector:", value_get(spec, "nodeSelector"));
    containers(pod, "Init containers", "initContainers", "initContainerStatuses", ret);
    containers(pod, "Containers", "containers", "containerStatuses", ret);
    volumes(pod, ret);
}

/* Nodes. */

static void describe_node(const struct value *node, int64_t now, struct buf *ret)
{
    (void)now;
    const struct value *status = value_get(node, "status"), *info = value_get(status, "nodeInfo");
    const struct value *addresses = value_get(status, "addresses");
    static const struct {
        const char *label, *key;
    } fields[] = {
        {"Agent:", "kubeletVersion"}, {"Kernel:", "kernelVersion"},
        {"System:", "osImage"},       {"Architecture:", "architecture"},
        {"Boot ID:", "bootID"},       {"Runtime:", "containerRuntimeVersion"},
    };
    line(ret, 0, "ID:", value_get_str(status, "id"));
    line(ret, 0, "Schedulable:",
         value_bool(value_path(node, "spec", "unschedulable", NULL), false) ? "no" : "yes");
    for (size_t i = 0; i < value_len(addresses); i++) {
        const struct value *address = value_at(addresses, i);
        const char *type = value_get_str(address, "type"), *at = value_get_str(address, "address");
        autofree char *text = xasprintf("%s %s", type ? type : "?", at ? at : "?");
        line(ret, 0, i ? "" : "Addresses:", text);
    }
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!str_empty(value_get_str(info, fields[i].key)))
            line(ret, 0, fields[i].label, value_get_str(info, fields[i].key));
    pairs(ret, 0, "Capacity:", value_get(status, "capacity"));
    pairs(ret, 0, "Allocatable:", value_get(status, "allocatable"));
}

/* Secrets and ConfigMaps. */

static void sizes(const struct value *map, bool encoded, struct buf *ret)
{
    for (size_t i = 0; i < value_len(map); i++) {
        const char *text = value_str(value_at(map, i));
        size_t len = text ? strlen(text) : 0;
        if (encoded) {
            uint8_t *data = NULL;
            if (!text || base64_decode(text, len, &data, &len) < 0)
                len = 0;
            free(data);
        }
        autofree char *label = xasprintf("%s:", value_key_at(map, i));
        autofree char *size = xasprintf("%zu bytes", len);
        line(ret, 2, label, size);
    }
}

static void describe_secret(const struct value *secret, int64_t now, struct buf *ret)
{
    (void)now;
    line(ret, 0, "Type:", value_get_str(secret, "type"));
    (void)buf_addstr(ret, "Data:\n");
    sizes(value_get(secret, "data"), true, ret);
}

static void describe_config_map(const struct value *map, int64_t now, struct buf *ret)
{
    (void)now;
    const struct value *data = value_get(map, "data");
    (void)buf_addstr(ret, "Data:\n");
    for (size_t i = 0; i < value_len(data); i++) {
        const char *text = value_str(value_at(data, i));
        (void)buf_addf(ret, "  %s:\n", value_key_at(data, i));
        for (const char *at = text ? text : ""; *at;) {
            size_t len = strcspn(at, "\n");
            (void)buf_addf(ret, "    %.*s\n", (int)len, at);
            at += len + (at[len] == '\n');
        }
    }
    if (value_len(value_get(map, "binaryData")) > 0)
        (void)buf_addstr(ret, "Binary data:\n");
    sizes(value_get(map, "binaryData"), true, ret);
}

/* The rest: field by field, as YAML. */
static void describe_other(const struct value *object, int64_t now, struct buf *ret)
{
    (void)now;
    static const char *const told[] = {"apiVersion", "kind", "metadata"};
    cleanup(value_free) struct value *rest = value_copy(object);
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        value_del(rest, told[i]);
    value_del(value_get(rest, "status"), "conditions");
    if (value_len(rest) > 0)
        (void)yaml_write(rest, ret);
}

static const struct {
    const char *kind;
    void (*describe)(const struct value *object, int64_t now, struct buf *ret);
} kinds[] = {
    {"Pod", describe_pod},
    {"Node", describe_node},
    {"Secret", describe_secret},
    {"ConfigMap", describe_config_map},
};

void describe_object(const struct value *object, int64_t now_wall_ns, struct buf *ret)
{
    const struct value *meta = value_get(object, "metadata");
    const char *kind = value_get_str(object, "kind"), *ns = value_get_str(meta, "namespace");
    const char *created = value_get_str(meta, "creationTimestamp");
    const char *leaving = value_get_str(meta, "deletionTimestamp");
    line(ret, 0, "Name:", value_get_str(meta, "name"));
    if (ns)
        line(ret, 0, "Namespace:", ns);
    pairs(ret, 0, "Labels:", value_get(meta, "labels"));
    pairs(ret, 0, "Annotations:", value_get(meta, "annotations"));
    if (created)
        time_line(ret, "Created:", created, now_wall_ns);
    if (leaving)
        line(ret, 0, "Being deleted:", leaving);
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && !str_eq(kinds[i].kind, kind))
        i++;
    if (i < ARRAY_LEN(kinds))
        kinds[i].describe(object, now_wall_ns, ret);
    else
        describe_other(object, now_wall_ns, ret);
    conditions(object, now_wall_ns, ret);
}
