/* From a manifest to a launch plan: pure but for the paths it is given. */

#include "agent/pod/apparmor_ask.h"
#include "agent/pod/containers.h"
#include "agent/image/manifest.h"
#include "agent/pod/env.h"
#include "agent/pod/hostname.h"
#include "agent/pod/internal.h"
#include "agent/pod/limits.h"
#include "agent/pod/mount.h"
#include "agent/pod/selinux.h"
#include "agent/pod/sysctl.h"
#include "agent/runtime/caps.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdio.h>

#define LOG_MAX_BYTES (INT64_C(10) * 1024 * 1024)
#define LOG_MAX_FILES 3

/* What a compiled container borrows until the plan is encoded. */
struct parts {
    struct strings env, argv,
        texts; /* argv of the pod itself: its sysctls; texts: whatever else was made on the way */
    struct launch_mount *mounts;
    size_t mount_count;
    uint32_t *groups;
    void *seccomp; /* of a profile of the node */
};

static void parts_done(struct parts *parts)
{
    strings_done(&parts->env);
    strings_done(&parts->argv);
    strings_done(&parts->texts);
    free(parts->mounts);
    free(parts->groups);
    free(parts->seccomp);
}

static const char *keep(struct parts *parts, char *text)
{
    strings_add(&parts->texts, text);
    return text;
}

/* A field of the container's security context, else of the pod's. */
static const struct value *security(const struct pod_spec *spec, const struct value *container,
                                    const char *field)
{
    const struct value *own = value_path(container, "securityContext", field, NULL);
    return own ? own : value_path(spec->object, "spec", "securityContext", field, NULL);
}

/* command and args win over the image's entrypoint and cmd ("Define a Command and Arguments"). */
static int compile_argv(const struct value *container, const struct image *image,
                        struct parts *parts, struct err *err)
{
    const struct value *command = value_get(container, "command");
    const struct value *args = value_get(container, "args");
    const struct value *const lists[] = {command, args};
    const char *const *const images[] = {value_len(command) ? NULL : image->entrypoint,
                                         value_len(command) || value_len(args) ? NULL : image->cmd};
    static const char *const names[] = {"command", "args"};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        for (size_t i = 0; i < value_len(lists[l]); i++) {
            char *text = env_expand(&parts->env, value_str(value_at(lists[l], i)));
            if (text)
                strings_add(&parts->argv, text);
            if (!text || parts->argv.bytes > ENV_TOTAL_MAX)
                return err_set(err, -EINVAL, "%s: larger than %d bytes", names[l],
                               text ? ENV_TOTAL_MAX : ENV_TEXT_MAX);
        }
        for (size_t i = 0; images[l] && images[l][i]; i++)
            strings_add(&parts->argv, xstrdup(images[l][i]));
    }
    if (parts->argv.count == 0)
        return err_set(err, -EINVAL, "neither the manifest nor the image says what to run");
    return 0;
}

static const struct volume *find_volume(const struct pod_record *record, const char *name)
{
    for (size_t i = 0; i < record->volume_count; i++)
        if (str_eq(record->volumes[i].name, name))
            return &record->volumes[i];
    return NULL;
}

/* Whether a mountPath, as written, is that path: with doubled, leading or trailing slashes, or
 * without the first. */
static bool is_same_path(const char *written, const char *path)
{
    while (true) {
        written += strspn(written, "/");
        path += strspn(path, "/");
        size_t len = strcspn(written, "/");
        if (len != strcspn(path, "/") || strncmp(written, path, len) != 0)
            return false;
        if (len == 0)
            return true;
        written += len;
        path += len;
    }
}

static bool mounts_at(const struct value *container, const char *path)
{
    const struct value *list = value_get(container, "volumeMounts");
    for (size_t i = 0; i < value_len(list); i++)
        if (is_same_path(value_get_str(value_at(list, i), "mountPath"), path))
            return true;
    return false;
}

/* The pod's files, before its volumes: one of them at /etc covers them all. Read-only, so that no
 * container fills the node's memory through them (CVE-2020-8557). */
static void compile_etc(const struct pod_record *record, const struct value *container,
                        struct parts *parts)
{
    for (size_t i = 0; etc_name(i); i++) {
        const char *target = keep(parts, xasprintf("/etc/%s", etc_name(i)));
        if (mounts_at(container, target))
            continue;
        parts->mounts[parts->mount_count++] = (struct launch_mount){
            .type = LAUNCH_MOUNT_BIND,
            .source = keep(parts, etc_path(record, i)),
            .target = target,
            .read_only = !WEAKENED(ETC_READ_ONLY),
        };
    }
}

static size_t count_etc(void)
{
    size_t count = 0;
    while (etc_name(count))
        count++;
    return count;
}

static int compile_mounts(const struct pod_record *record, const struct value *container,
                          struct parts *parts, struct err *err)
{
    const struct value *list = value_get(container, "volumeMounts");
    parts->mounts = xcalloc(count_etc() + value_len(list), sizeof(*parts->mounts));
    compile_etc(record, container, parts);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        const char *name = value_get_str(item, "name");
        const struct volume *volume = find_volume(record, name);
        if (!volume)
            return err_set(err, -EINVAL, "volumeMounts[%zu]: no volume \"%s\"", i, name);
        bool privileged =
            value_bool(value_path(container, "securityContext", "privileged", NULL), false);
        int rc = mount_compile(item, volume, &parts->env, privileged, &parts->texts,
                               &parts->mounts[parts->mount_count++], err);
        if (rc < 0)
            return err_wrap(err, "volumeMounts[%zu]", i), rc;
    }
    return 0;
}

/* securityContext.runAsUser and runAsGroup, else the image's user. */
static const char *compile_user(const struct pod_spec *spec, const struct value *container,
                                const struct image *image, struct parts *parts)
{
    const struct value *user = security(spec, container, "runAsUser");
    const struct value *group = security(spec, container, "runAsGroup");
    if (user && group)
        return keep(parts, xasprintf("%lld:%lld", (long long)value_int(user, 0),
                                     (long long)value_int(group, 0)));
    if (user)
        return keep(parts, xasprintf("%lld", (long long)value_int(user, 0)));
    if (group)
        return keep(parts, xasprintf("%.*s:%lld", (int)strcspn(image->user, ":"), image->user,
                                     (long long)value_int(group, 0)));
    return image->user;
}

static size_t compile_groups(const struct pod_spec *spec, struct parts *parts)
{
    const struct value *context = value_path(spec->object, "spec", "securityContext", NULL);
    const struct value *list = value_get(context, "supplementalGroups");
    const struct value *fs_group = value_get(context, "fsGroup");
    size_t count = 0;
    parts->groups = xcalloc(value_len(list) + 1, sizeof(*parts->groups));
    for (size_t i = 0; i < value_len(list); i++)
        parts->groups[count++] = (uint32_t)value_int(value_at(list, i), 0);
    if (fs_group)
        parts->groups[count++] = (uint32_t)value_int(fs_group, 0);
    return count;
}

/* What is named there; "ALL" apart: what is named beside it still counts. */
static int named_caps(const struct value *names, uint64_t *ret, bool *ret_all, struct err *err)
{
    for (size_t i = 0; i < value_len(names); i++) {
        uint64_t bits = 0;
        const char *name = value_str(value_at(names, i));
        if (caps_parse(name ? name : "", &bits) < 0)
            return err_set(err, -EINVAL, "capability \"%s\" is not known", name ? name : "");
        *ret_all |= bits == caps_all();
        *ret |= bits == caps_all() ? 0 : bits;
    }
    return 0;
}

/* As CRI runtimes have it: ALL first, what is dropped last, so that "drop: [ALL], add:
 * [NET_BIND_SERVICE]" leaves one and "add: [ALL], drop: [SYS_ADMIN]" all but one. A privileged
 * container has them all, whatever is said. */
static int compile_caps(const struct value *container, bool privileged, uint64_t *ret,
                        struct err *err)
{
    const struct value *caps = value_path(container, "securityContext", "capabilities", NULL);
    uint64_t add = 0, drop = 0;
    bool add_all = false, drop_all = false;
    int rc = named_caps(value_get(caps, "add"), &add, &add_all, err);
    if (rc == 0)
        rc = named_caps(value_get(caps, "drop"), &drop, &drop_all, err);
    if (rc < 0)
        return rc;
    uint64_t base = drop_all ? 0 : add_all ? caps_all() : caps_default();
    *ret = privileged ? caps_all() : (base | add) & ~(WEAKENED(CAPS_DROPPED_LAST) ? 0 : drop);
    return 0;
}

/* Of the container, else of the pod; the runtime's own if neither says. */
static int compile_seccomp(const struct pod_record *record, const struct value *container,
                           struct parts *parts, struct launch_container *ret, struct err *err)
{
    const struct agent *agent = record->agent;
    const struct value *profile = security(record->spec, container, "seccompProfile");
    const char *type = value_get_str(profile, "type");
    if (ret->privileged || str_eq(type, "Unconfined"))
        return 0;
    if (!str_eq(type, "Localhost"))
        return filters_get(agent->filters, ret->capabilities, &ret->seccomp, &ret->seccomp_len,
                           err);
    int rc = filters_localhost(agent->filters, agent->world.disk, agent->spec.seccomp_dir,
                               value_get_str(profile, "localhostProfile"), ret->capabilities,
                               &parts->seccomp, &ret->seccomp_len, err);
    ret->seccomp = parts->seccomp;
    return rc;
}

static int compile_labels(const struct pod_record *record, const struct value *container,
                          struct parts *parts, struct launch_container *ret, struct err *err)
{
    struct selinux_labels labels;
    int rc = selinux_labels(record->agent->world.disk, record->spec->object, record->uid, container,
                            &labels, err);
    if (rc < 0)
        return rc;
    ret->selinux = labels.process ? keep(parts, labels.process) : NULL;
    ret->selinux_files = labels.files ? keep(parts, labels.files) : NULL;
    return 0;
}

static int compile_security(const struct pod_record *record, const struct value *container,
                            struct parts *parts, struct launch_container *ret, struct err *err)
{
    const struct pod_spec *spec = record->spec;
    ret->privileged =
        value_bool(value_path(container, "securityContext", "privileged", NULL), false);
    ret->read_only_root =
        value_bool(value_path(container, "securityContext", "readOnlyRootFilesystem", NULL), false);
    ret->no_new_privs = !value_bool(
        value_path(container, "securityContext", "allowPrivilegeEscalation", NULL), true);
    const char *proc = value_str(value_path(container, "securityContext", "procMount", NULL));
    ret->unmasked = record->user_base > 0 && str_eq(proc, "Unmasked");
    ret->apparmor = apparmor_asked(spec->object, container);
    ret->run_as_non_root = value_bool(security(spec, container, "runAsNonRoot"), false);
    int rc = compile_caps(container, ret->privileged, &ret->capabilities, err);
    if (rc == 0)
        rc = compile_labels(record, container, parts, ret, err);
    return rc < 0 ? rc : compile_seccomp(record, container, parts, ret, err);
}

static const struct value *find_source(void *ctx, const char *kind, const char *ns,
                                       const char *name)
{
    return manifests_find(ctx, kind, ns, name);
}

static void compile_stdio(const struct value *container, struct launch_container *ret)
{
    ret->tty = value_get_bool(container, "tty", false);
    ret->stdin_open = value_get_bool(container, "stdin", false);
    ret->stdin_once = value_get_bool(container, "stdinOnce", false);
}

static enum launch_restart restart_of(const struct value *pod)
{
    static const struct {
        const char *name;
        enum launch_restart restart;
    } policies[] = {{"OnFailure", LAUNCH_RESTART_ON_FAILURE}, {"Never", LAUNCH_RESTART_NEVER}};
    const char *name = value_str(value_path(pod, "spec", "restartPolicy", NULL));
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (str_eq(policies[i].name, name))
            return policies[i].restart;
    return LAUNCH_RESTART_ALWAYS;
}

/* An init container is run until it succeeds, or once. */
static void compile_role(const struct value *pod, const struct value *container,
                         enum launch_role role, struct launch_container *ret)
{
    const enum launch_restart of_pod = restart_of(pod);
    const enum launch_restart restarts[] = {
        [LAUNCH_MAIN] = of_pod,
        [LAUNCH_INIT] =
            of_pod == LAUNCH_RESTART_NEVER ? LAUNCH_RESTART_NEVER : LAUNCH_RESTART_ON_FAILURE,
        [LAUNCH_SIDECAR] = LAUNCH_RESTART_ALWAYS,
        [LAUNCH_DEBUG] = LAUNCH_RESTART_NEVER,
    };
    ret->role = role;
    ret->waits = role == LAUNCH_SIDECAR && (value_get(container, "startupProbe") ||
                                            value_path(container, "lifecycle", "postStart", NULL));
    ret->pre_stop = value_path(container, "lifecycle", "preStop", NULL) != NULL;
    ret->restart = restarts[role];
}

static void compile_message(const struct value *container, struct parts *parts,
                            struct launch_container *ret)
{
    const char *path = value_get_str(container, "terminationMessagePath");
    if (!str_empty(path))
        ret->message_path = path[0] == '/' ? path : keep(parts, xasprintf("/%s", path));
    ret->message_log =
        str_eq(value_get_str(container, "terminationMessagePolicy"), "FallbackToLogsOnError");
}

/* lifecycle.stopSignal, else the image's. */
static int compile_stop(const struct value *container, const struct image *image,
                        struct launch_container *ret, struct err *err)
{
    const char *own = value_str(value_path(container, "lifecycle", "stopSignal", NULL));
    ret->stop_signal = image->stop_signal;
    return str_empty(own) ? 0 : image_stop_signal(own, &ret->stop_signal, err);
}

static int compile_container(const struct pod_record *record, const struct value *container,
                             const struct image *image, const char *hostname, struct parts *parts,
                             struct launch_container *ret, struct err *err)
{
    const struct agent *agent = record->agent;
    const struct volume_source source = {.find = find_source, .ctx = agent->manifests};
    const struct env_input input = {
        .pod = record->spec->object,
        .container = container,
        .image_env = image->env,
        .source = &source,
        .node_name = agent->spec.node_name,
        .host_ip = agent->spec.host_ip,
        .pod_ip = agent_pod_ip(record),
        .hostname = hostname,
        .allocatable = agent->spec.allocatable,
    };
    int rc = env_build(&input, &parts->env, err);
    if (rc == 0)
        rc = compile_argv(container, image, parts, err);
    if (rc == 0)
        rc = compile_mounts(record, container, parts, err);
    if (rc == 0)
        rc = compile_security(record, container, parts, ret, err);
    if (rc < 0)
        return rc;
    const char *workdir = value_get_str(container, "workingDir");
    const char *name = value_get_str(container, "name");
    const char *target = value_get_str(container, "targetContainerName");
    ret->name = name;
    ret->target = str_empty(target) ? NULL : target;
    ret->layers = image->layers;
    ret->argv = (const char *const *)parts->argv.items;
    ret->env = (const char *const *)parts->env.items;
    ret->cwd = !str_empty(workdir) ? workdir : str_empty(image->workdir) ? "/" : image->workdir;
    ret->user = compile_user(record->spec, container, image, parts);
    ret->group_count = compile_groups(record->spec, parts);
    ret->groups = parts->groups;
    ret->strict_groups =
        str_eq(value_str(value_path(record->spec->object, "spec", "securityContext",
                                    "supplementalGroupsPolicy", NULL)),
               "Strict");
    ret->mounts = parts->mounts;
    ret->mount_count = parts->mount_count;
    ret->log_path = keep(parts, agent_log_file(agent, record, name));
    ret->log_max_bytes = LOG_MAX_BYTES;
    ret->log_max_files = LOG_MAX_FILES;
    rc = compile_stop(container, image, ret, err);
    if (rc < 0)
        return rc;
    compile_stdio(container, ret);
    compile_message(container, parts, ret);
    limits_of_container(value_get(record->spec->object, "spec"), container,
                        agent->spec.memory_bytes, ret);
    limits_of_huge_pages(agent->spec.allocatable, NULL, container, &ret->huge_bounded, ret->huge);
    return 0;
}

static const char *const *compile_sysctls(const struct pod_record *record, struct parts *parts)
{
    const struct value *list =
        value_path(record->spec->object, "spec", "securityContext", "sysctls", NULL);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        autofree char *name = sysctl_name(value_get_str(item, "name"));
        strings_add(&parts->argv, xasprintf("%s=%s", name, value_get_str(item, "value")));
    }
    return (const char *const *)parts->argv.items;
}

static int fill_pod(const struct pod_record *record, struct parts *parts, struct launch_plan *plan,
                    struct err *err)
{
    const struct agent *agent = record->agent;
    char *hostname = NULL;
    int rc = hostname_kernel(record->spec, agent->spec.host_name, &hostname, err);
    if (rc < 0)
        return rc;
    plan->hostname = keep(parts, hostname);
    const struct value *pod = record->spec->object;
    plan->pod_uid = record->uid;
    plan->pod_ns = record->ns;
    plan->pod_name = record->name;
    plan->spec_hash = record->spec->hash;
    plan->state_dir = keep(parts, agent_state_dir(agent, record->uid));
    plan->run_dir = keep(parts, agent_run_dir(agent, record->uid));
    plan->cgroup = keep(parts, agent_pod_cgroup(agent, record->uid));
    plan->host_network = record->spec->host_network;
    plan->host_pid = value_bool(value_path(pod, "spec", "hostPID", NULL), false);
    plan->share_pids = !plan->host_pid &&
                       value_bool(value_path(pod, "spec", "shareProcessNamespace", NULL), false);
    plan->host_ipc = value_bool(value_path(pod, "spec", "hostIPC", NULL), false);
    plan->user_base = record->user_base;
    plan->sysctls = compile_sysctls(record, parts);
    char *label = selinux_shared(agent->world.disk, pod, record->uid);
    plan->selinux_files = label ? keep(parts, label) : NULL;
    limits_of_pod(value_get(pod, "spec"), plan);
    limits_of_huge_pages(agent->spec.allocatable, value_get(pod, "spec"), NULL, &plan->huge_bounded,
                         plan->huge);
    plan->grace_s = record->spec->grace_s;
    plan->backoff_min_ms = 10 * 1000;
    plan->backoff_max_ms = 300 * 1000;
    plan->backoff_reset_ms = 600 * 1000;
    return 0;
}

/* One container of the plan. */
struct job {
    const struct value *container;
    const struct image *image;
    enum launch_role role;
};

static int compile(const struct pod_record *record, const struct job *jobs, size_t count,
                   struct buf *ret, struct err *err)
{
    struct parts *parts = xcalloc(count + 1, sizeof(*parts)); /* the last for the pod itself */
    struct launch_container *containers = xcalloc(count ? count : 1, sizeof(*containers));
    struct launch_plan plan = {.containers = containers, .container_count = count};
    int rc = fill_pod(record, &parts[count], &plan, err);
    for (size_t i = 0; i < count && rc == 0; i++) {
        const struct value *container = jobs[i].container;
        compile_role(record->spec->object, container, jobs[i].role, &containers[i]);
        rc = compile_container(record, container, jobs[i].image, plan.hostname, &parts[i],
                               &containers[i], err);
        if (rc < 0)
            (void)err_wrap(err, "container \"%s\"", value_get_str(container, "name"));
    }
    if (rc == 0)
        rc = launch_encode(&plan, ret, err);
    for (size_t i = 0; i <= count; i++)
        parts_done(&parts[i]);
    free(parts);
    free(containers);
    return rc;
}

int compile_plan(const struct pod_record *record, struct buf *ret, struct err *err)
{
    const struct value *spec = value_get(record->spec->object, "spec");
    size_t count = record->container_count;
    autofree struct job *jobs = xcalloc(count ? count : 1, sizeof(*jobs));
    for (size_t i = 0; i < count; i++) {
        jobs[i].container = containers_at(spec, i, &jobs[i].role);
        jobs[i].image = record->containers[i].image;
    }
    return compile(record, jobs, count, ret, err);
}

int compile_debug(const struct pod_record *record, const struct value *container,
                  const struct image *image, struct buf *ret, struct err *err)
{
    const struct job job = {container, image, LAUNCH_DEBUG};
    return compile(record, &job, 1, ret, err);
}
