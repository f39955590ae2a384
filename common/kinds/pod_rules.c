#include "common/kinds/pod_rules.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_place.h"

#include <inttypes.h>
#include <stdio.h>

/* A walk over one container. */
struct visit {
    const struct value *spec;
    const struct place *place;
    struct map *volumes; /* of the pod, by name */
    struct schema_walk *walk;
};

static void tell(const struct visit *visit, const struct value *at, const char *below,
                 const char *cause, const char *fmt, ...) printf_like(5, 6);
static void tell(const struct visit *visit, const struct value *at, const char *below,
                 const char *cause, const char *fmt, ...)
{
    char sub[160], text[256];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    place_path(visit->place, below, sub);
    schema_mistake(visit->walk, at ? at : visit->place->container, sub, cause, "%s", text);
}

/* ---- Probes and hooks ---- */

/* Only a readiness probe comes and goes; only the others end the container. */
static void check_probes(const struct visit *visit)
{
    static const char *const once[] = {"livenessProbe", "startupProbe"};
    char below[64];
    for (size_t i = 0; i < ARRAY_LEN(once); i++) {
        const struct value *count =
            value_path(visit->place->container, once[i], "successThreshold", NULL);
        if (value_int(count, 1) == 1 || value_int(count, 1) == 0 || WEAKENED(POD_PROBE_ONCE))
            continue;
        snprintf(below, sizeof(below), ".%s.successThreshold", once[i]);
        tell(visit, count, below, CAUSE_INVALID, "%" PRId64 ": must be 1", value_int(count, 1));
    }
    const struct value *grace = value_path(visit->place->container, "readinessProbe",
                                           "terminationGracePeriodSeconds", NULL);
    if (value_type(grace) != VALUE_NULL)
        tell(visit, grace, ".readinessProbe.terminationGracePeriodSeconds", CAUSE_INVALID,
             "must not be set for readinessProbes");
}

static void check_sleep(const struct visit *visit)
{
    static const char *const hooks[] = {"postStart", "preStop"};
    int64_t grace = value_get_int(visit->spec, "terminationGracePeriodSeconds", 30);
    char below[64];
    for (size_t i = 0; i < ARRAY_LEN(hooks); i++) {
        const struct value *seconds =
            value_path(visit->place->container, "lifecycle", hooks[i], "sleep", "seconds", NULL);
        if (value_type(seconds) != VALUE_INT || value_int(seconds, 0) <= grace)
            continue;
        snprintf(below, sizeof(below), ".lifecycle.%s.sleep.seconds", hooks[i]);
        tell(visit, seconds, below, CAUSE_INVALID,
             "%" PRId64
             ": must be non-negative and less than terminationGracePeriodSeconds (%" PRId64 ")",
             value_int(seconds, 0), grace);
    }
}

/* ---- Volumes ---- */

static bool is_set(const struct value *map, const char *key)
{
    return value_type(value_get(map, key)) != VALUE_NULL;
}

static void check_devices(const struct visit *visit)
{
    const struct value *devices = value_get(visit->place->container, "volumeDevices");
    char below[64];
    for (size_t i = 0; i < value_len(devices); i++) {
        const struct value *name = value_get(value_at(devices, i), "name");
        if (str_empty(value_str(name)))
            continue;
        const struct value *volume = map_get(visit->volumes, value_str(name));
        snprintf(below, sizeof(below), ".volumeDevices[%zu].name", i);
        /* One that is missing is told elsewhere, or is a claim that the pods come with. */
        if (volume && !is_set(volume, "persistentVolumeClaim") && !is_set(volume, "ephemeral"))
            tell(visit, name, below, CAUSE_INVALID,
                 "\"%.63s\": can only use volume source type of PersistentVolumeClaim or Ephemeral "
                 "for block mode",
                 value_str(name));
    }
}

static void check_mount(const struct visit *visit, const struct value *mount, size_t i)
{
    const struct value *propagation = value_get(mount, "mountPropagation");
    const struct value *recursive = value_get(mount, "recursiveReadOnly");
    bool privileged = value_bool(
        value_path(visit->place->container, "securityContext", "privileged", NULL), false);
    char below[64];
    snprintf(below, sizeof(below), ".volumeMounts[%zu].mountPropagation", i);
    if (str_eq(value_str(propagation), "Bidirectional") && !privileged)
        tell(visit, propagation, below, CAUSE_FORBIDDEN,
             "Bidirectional mount propagation is available only to privileged containers");
    snprintf(below, sizeof(below), ".volumeMounts[%zu].recursiveReadOnly", i);
    bool wanted = !str_empty(value_str(recursive)) && !str_eq(value_str(recursive), "Disabled");
    if (wanted && !value_get_bool(mount, "readOnly", false))
        tell(visit, recursive, below, CAUSE_FORBIDDEN,
             "may only be specified when readOnly is true");
    else if (wanted && !str_empty(value_str(propagation)) &&
             !str_eq(value_str(propagation), "None"))
        tell(visit, recursive, below, CAUSE_FORBIDDEN,
             "may only be specified when mountPropagation is None or not specified");
    static const char *const parts[] = {"subPath", "subPathExpr"};
    for (size_t n = 0; n < ARRAY_LEN(parts); n++) {
        const struct value *part = value_get(mount, parts[n]);
        if (visit->place->list != EPHEMERAL_CONTAINERS || str_empty(value_str(part)))
            continue;
        snprintf(below, sizeof(below), ".volumeMounts[%zu].%s", i, parts[n]);
        tell(visit, part, below, CAUSE_FORBIDDEN, "cannot be set for an ephemeral container");
    }
}

static void check_volumes(const struct visit *visit)
{
    const struct value *mounts = value_get(visit->place->container, "volumeMounts");
    for (size_t i = 0; i < value_len(mounts); i++)
        check_mount(visit, value_at(mounts, i), i);
    check_devices(visit);
}

/* ---- What a container refers to ---- */

static bool is_named(const struct value *list, const char *name)
{
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "name"), name))
            return true;
    return false;
}

static void check_target(const struct visit *visit)
{
    const struct value *target = value_get(visit->place->container, "targetContainerName");
    if (visit->place->list != EPHEMERAL_CONTAINERS || str_empty(value_str(target)) ||
        is_named(value_get(visit->spec, "containers"), value_str(target)) ||
        is_named(value_get(visit->spec, "initContainers"), value_str(target)))
        return;
    tell(visit, target, ".targetContainerName", "FieldValueNotFound",
         "\"%.63s\": the pod has no such container", value_str(target));
}

static void check_claims(const struct visit *visit, struct map *known)
{
    const struct value *claims = value_path(visit->place->container, "resources", "claims", NULL);
    char below[64];
    for (size_t i = 0; i < value_len(claims); i++) {
        const struct value *name = value_get(value_at(claims, i), "name");
        if (str_empty(value_str(name)) || map_get(known, value_str(name)))
            continue;
        snprintf(below, sizeof(below), ".resources.claims[%zu].name", i);
        tell(visit, name, below, "FieldValueNotFound",
             "\"%.63s\": must be one of the names in pod.spec.resourceClaims", value_str(name));
    }
}

static void check_resize(const struct visit *visit)
{
    const struct value *policies = value_get(visit->place->container, "resizePolicy");
    char below[64];
    for (size_t i = 0; i < value_len(policies); i++) {
        const struct value *policy = value_get(value_at(policies, i), "restartPolicy");
        if (!str_eq(value_str(policy), "RestartContainer") ||
            !str_eq(value_get_str(visit->spec, "restartPolicy"), "Never"))
            continue;
        snprintf(below, sizeof(below), ".resizePolicy[%zu].restartPolicy", i);
        tell(visit, policy, below, CAUSE_INVALID,
             "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
}

/* All of /proc is for the root of a user namespace, which has no rights over the node's. */
static void check_proc_mount(const struct visit *visit)
{
    const struct value *mount =
        value_path(visit->place->container, "securityContext", "procMount", NULL);
    if (str_eq(value_str(mount), "Unmasked") && value_get_bool(visit->spec, "hostUsers", true))
        tell(visit, mount, ".securityContext.procMount", CAUSE_INVALID,
             "`hostUsers` must be false to use `Unmasked`");
}

/* ---- Ports of the node ---- */

static void check_host_ports(const struct visit *visit, struct map *taken)
{
    const struct value *ports = value_get(visit->place->container, "ports");
    for (size_t i = 0; i < value_len(ports); i++) {
        const struct value *port = value_at(ports, i);
        int64_t number = value_get_int(port, "hostPort", 0);
        const char *protocol = value_get_str(port, "protocol"), *ip = value_get_str(port, "hostIP");
        char key[160], below[64];
        if (number <= 0 || visit->place->list == INIT_CONTAINERS)
            continue;
        snprintf(key, sizeof(key), "%.8s/%.64s/%" PRId64, str_empty(protocol) ? "TCP" : protocol,
                 ip ? ip : "", number);
        if (!map_get(taken, key)) {
            map_put(taken, key, taken);
            continue;
        }
        snprintf(below, sizeof(below), ".ports[%zu].hostPort", i);
        if (!WEAKENED(POD_HOST_PORT_TWICE))
            tell(visit, value_get(port, "hostPort"), below, CAUSE_DUPLICATE, "%s: comes twice",
                 key);
    }
}

/* ---- The pod ---- */

static void check_spread(const struct value *spec, struct schema_walk *walk)
{
    const struct value *list = value_get(spec, "topologySpreadConstraints");
    struct map *seen = map_new();
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *one = value_at(list, i);
        const char *key = value_get_str(one, "topologyKey");
        const char *when = value_get_str(one, "whenUnsatisfiable");
        autofree char *pair = xasprintf("%s %s", key ? key : "", when ? when : "");
        char sub[64];
        snprintf(sub, sizeof(sub), "topologySpreadConstraints[%zu]", i);
        if (map_get(seen, pair))
            schema_mistake(walk, one, sub, CAUSE_DUPLICATE,
                           "the same topologyKey and whenUnsatisfiable come twice");
        else
            map_put(seen, pair, seen);
    }
    map_free(seen, NULL);
}

static void check_sysctls(const struct value *spec, struct schema_walk *walk)
{
    static const struct {
        const char *with, *prefix;
    } shared[] = {{"hostNetwork", "net."},
                  {"hostIPC", "kernel.shm"},
                  {"hostIPC", "kernel.msg"},
                  {"hostIPC", "kernel.sem"},
                  {"hostIPC", "fs.mqueue."}};
    const struct value *list = value_path(spec, "securityContext", "sysctls", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *name = value_get(value_at(list, i), "name");
        for (size_t n = 0; n < ARRAY_LEN(shared) && value_str(name); n++) {
            char sub[64];
            if (!value_get_bool(spec, shared[n].with, false) ||
                !str_has_prefix(value_str(name), shared[n].prefix))
                continue;
            snprintf(sub, sizeof(sub), "securityContext.sysctls[%zu].name", i);
            schema_mistake(walk, name, sub, CAUSE_INVALID, "may not be specified when '%s' is true",
                           shared[n].with);
        }
    }
}

static void check_namespaces(const struct value *spec, struct schema_walk *walk)
{
    static const char *const hosts[] = {"hostNetwork", "hostPID", "hostIPC"};
    for (size_t i = 0; i < ARRAY_LEN(hosts); i++)
        if (!value_get_bool(spec, "hostUsers", true) && value_get_bool(spec, hosts[i], false))
            schema_mistake(walk, value_get(spec, hosts[i]), hosts[i], CAUSE_FORBIDDEN,
                           "when `hostUsers` is false");
    if (value_get_bool(spec, "hostPID", false) &&
        value_get_bool(spec, "shareProcessNamespace", false))
        schema_mistake(walk, value_get(spec, "shareProcessNamespace"), "shareProcessNamespace",
                       CAUSE_INVALID, "ShareProcessNamespace and HostPID cannot both be enabled");
}

/* What the items of a list are called: name -> item. */
static struct map *names_of(const struct value *list)
{
    struct map *names = map_new();
    for (size_t i = 0; i < value_len(list); i++) {
        struct value *item = value_at(list, i);
        if (!str_empty(value_get_str(item, "name")))
            map_put(names, value_get_str(item, "name"), item);
    }
    return names;
}

void pod_rules(const struct value *spec, struct schema_walk *walk)
{
    struct map *volumes = names_of(value_get(spec, "volumes"));
    struct map *claims = names_of(value_get(spec, "resourceClaims"));
    struct map *taken = map_new();
    for (struct place place = {0}; place_next(spec, &place);) {
        const struct visit visit = {spec, &place, volumes, walk};
        check_probes(&visit);
        check_sleep(&visit);
        check_volumes(&visit);
        check_target(&visit);
        check_claims(&visit, claims);
        check_resize(&visit);
        check_proc_mount(&visit);
        check_host_ports(&visit, taken);
    }
    map_free(volumes, NULL);
    map_free(claims, NULL);
    map_free(taken, NULL);
    check_spread(spec, walk);
    check_sysctls(spec, walk);
    check_namespaces(spec, walk);
    pod_os_rules(spec, walk);
}
