#include "podfile.h"

#include "agent/runtime/caps.h"
#include "agent/runtime/seccomp.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdio.h>
#include <stdlib.h>

struct reader {
    struct launch_plan *plan;
    struct launch_container *containers;
    const char *run_dir, *cgroup_root;
    void *seccomp;
    size_t seccomp_len;
    enum launch_restart restart; /* of the containers that follow */
};

static struct launch_container *last(struct reader *r)
{
    if (r->plan->container_count == 0) {
        fputs("podfile: no container yet\n", stderr);
        exit(2);
    }
    return &r->containers[r->plan->container_count - 1];
}

static void add(const char *const **list, const char *value)
{
    size_t count = 0;
    while (*list && (*list)[count])
        count++;
    const char **grown = xcalloc(count + 2, sizeof(*grown));
    if (count > 0)
        memcpy(grown, *list, count * sizeof(*grown));
    grown[count] = xstrdup(value);
    *list = grown;
}

/* Cuts the next word off. */
static char *word(char **rest)
{
    char *start = *rest + strspn(*rest, " ");
    size_t len = strcspn(start, " ");
    *rest = start[len] ? start + len + 1 : start + len;
    start[len] = '\0';
    return xstrdup(start);
}

static long long number(const char *text)
{
    return strtoll(text, NULL, 0);
}

static void set_uid(struct reader *r, char *v)
{
    r->plan->pod_uid = xstrdup(v);
    r->plan->run_dir = xasprintf("%s/%s", r->run_dir, v);
    r->plan->cgroup = xasprintf("%s/pod%s", r->cgroup_root, v);
}
static void set_name(struct reader *r, char *v)
{
    r->plan->pod_name = xstrdup(v);
}
static void set_hash(struct reader *r, char *v)
{
    r->plan->spec_hash = xstrdup(v);
}
static void set_state(struct reader *r, char *v)
{
    r->plan->state_dir = xstrdup(v);
}
static void set_hostname(struct reader *r, char *v)
{
    r->plan->hostname = xstrdup(v);
}
static void set_host(struct reader *r, char *v)
{
    r->plan->host_network |= str_eq(v, "network");
    r->plan->host_pid |= str_eq(v, "pid");
    r->plan->host_ipc |= str_eq(v, "ipc");
}
static void set_restart(struct reader *r, char *v)
{
    r->restart = str_eq(v, "always")       ? LAUNCH_RESTART_ALWAYS
                 : str_eq(v, "on-failure") ? LAUNCH_RESTART_ON_FAILURE
                                           : LAUNCH_RESTART_NEVER;
}
static void set_grace(struct reader *r, char *v)
{
    r->plan->grace_s = number(v);
}
static void set_backoff(struct reader *r, char *v)
{
    r->plan->backoff_min_ms = number(word(&v));
    r->plan->backoff_max_ms = number(word(&v));
    r->plan->backoff_reset_ms = number(word(&v));
}
static void set_sysctl(struct reader *r, char *v)
{
    add(&r->plan->sysctls, v);
}
static void set_pod_memory(struct reader *r, char *v)
{
    r->plan->memory_bytes = number(v);
}
static void set_container(struct reader *r, char *v)
{
    struct launch_container *made = &r->containers[r->plan->container_count++];
    made->name = xstrdup(v);
    made->restart = r->restart;
    made->capabilities = caps_default();
    made->seccomp = r->seccomp;
    made->seccomp_len = r->seccomp_len;
}
static void set_role(struct reader *r, char *v)
{
    last(r)->role = str_eq(v, "init")      ? LAUNCH_INIT
                    : str_eq(v, "sidecar") ? LAUNCH_SIDECAR
                    : str_eq(v, "debug")   ? LAUNCH_DEBUG
                                           : LAUNCH_MAIN;
    if (last(r)->role == LAUNCH_SIDECAR)
        last(r)->restart = LAUNCH_RESTART_ALWAYS;
}
static void set_target(struct reader *r, char *v)
{
    last(r)->target = xstrdup(v);
}
static void set_layer(struct reader *r, char *v)
{
    add(&last(r)->layers, v);
}
static void set_arg(struct reader *r, char *v)
{
    add(&last(r)->argv, v);
}
static void set_env(struct reader *r, char *v)
{
    add(&last(r)->env, v);
}
static void set_cwd(struct reader *r, char *v)
{
    last(r)->cwd = xstrdup(v);
}
static void set_user(struct reader *r, char *v)
{
    last(r)->user = xstrdup(v);
}
static void set_caps(struct reader *r, char *v)
{
    last(r)->capabilities = (uint64_t)strtoull(v, NULL, 0);
}
static void set_limit(struct reader *r, char *v)
{
    struct launch_container *container = last(r);
    const char *what = word(&v);
    long long value = number(v);
    if (str_eq(what, "memory"))
        container->memory_bytes = value;
    else if (str_eq(what, "pids"))
        container->pids = value;
    else if (str_eq(what, "cpu-quota"))
        container->cpu_quota_us = value;
    else
        container->cpu_shares = value;
}
static void set_flag(struct reader *r, char *v)
{
    struct launch_container *container = last(r);
    container->privileged |= str_eq(v, "privileged");
    container->no_new_privs |= str_eq(v, "no-new-privs");
    container->read_only_root |= str_eq(v, "read-only");
    container->run_as_non_root |= str_eq(v, "non-root");
    container->tty |= str_eq(v, "tty");
    container->stdin_open |= str_eq(v, "stdin");
    if (str_eq(v, "unconfined"))
        container->seccomp = NULL, container->seccomp_len = 0;
}
static void set_log(struct reader *r, char *v)
{
    struct launch_container *container = last(r);
    container->log_path = word(&v);
    container->log_max_bytes = number(word(&v));
    container->log_max_files = (int)number(v);
}
static void set_stop_signal(struct reader *r, char *v)
{
    last(r)->stop_signal = (int)number(v);
}

static void add_mount(struct reader *r, const struct launch_mount *mount)
{
    struct launch_container *container = last(r);
    struct launch_mount *grown = xcalloc(container->mount_count + 1, sizeof(*grown));
    if (container->mount_count > 0)
        memcpy(grown, container->mounts, container->mount_count * sizeof(*grown));
    grown[container->mount_count++] = *mount;
    container->mounts = grown;
}
/* bind <source> <target> [ro] [recursive] [sub=path] */
static void set_bind(struct reader *r, char *v)
{
    struct launch_mount mount = {.type = LAUNCH_MOUNT_BIND};
    mount.source = word(&v);
    mount.target = word(&v);
    while (*v) {
        const char *flag = word(&v);
        mount.read_only |= str_eq(flag, "ro");
        mount.recursive |= str_eq(flag, "recursive");
        if (str_has_prefix(flag, "sub="))
            mount.sub_path = flag + 4;
    }
    add_mount(r, &mount);
}
/* tmpfs <target> <options> */
static void set_tmpfs(struct reader *r, char *v)
{
    struct launch_mount mount = {.type = LAUNCH_MOUNT_TMPFS};
    mount.target = word(&v);
    mount.options = xstrdup(v);
    add_mount(r, &mount);
}

static const struct {
    const char *name;
    void (*set)(struct reader *reader, char *value);
} words[] = {
    {"uid", set_uid},
    {"name", set_name},
    {"hash", set_hash},
    {"state", set_state},
    {"hostname", set_hostname},
    {"host", set_host},
    {"restart", set_restart},
    {"grace", set_grace},
    {"backoff", set_backoff},
    {"sysctl", set_sysctl},
    {"pod-memory", set_pod_memory},
    {"container", set_container},
    {"role", set_role},
    {"target", set_target},
    {"layer", set_layer},
    {"arg", set_arg},
    {"env", set_env},
    {"cwd", set_cwd},
    {"user", set_user},
    {"caps", set_caps},
    {"limit", set_limit},
    {"flag", set_flag},
    {"log", set_log},
    {"stop-signal", set_stop_signal},
    {"bind", set_bind},
    {"tmpfs", set_tmpfs},
};

static void take_line(struct reader *r, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *value = strchr(line, ' ');
    if (!*line || *line == '#')
        return;
    if (value)
        *value++ = '\0';
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(words[i].name, line)) {
            words[i].set(r, value ? value : line + strlen(line));
            return;
        }
    fprintf(stderr, "podfile: what is \"%s\"?\n", line);
    exit(2);
}

struct launch_plan *podfile_read(const char *path, const char *run_dir, const char *cgroup_root)
{
    struct reader r = {
        .run_dir = run_dir, .cgroup_root = cgroup_root, .restart = LAUNCH_RESTART_NEVER};
    struct err err = {0};
    char line[4096];
    FILE *file = fopen(path, "re");
    if (!file || seccomp_default(&r.seccomp, &r.seccomp_len, &err) < 0) {
        fprintf(stderr, "podfile %s: %s\n", path, file ? err.msg : "cannot be read");
        exit(2);
    }
    r.plan = xcalloc(1, sizeof(*r.plan));
    r.containers = xcalloc(LAUNCH_MAX_CONTAINERS, sizeof(*r.containers));
    *r.plan = (struct launch_plan){.pod_ns = "test",
                                   .pod_name = "pod",
                                   .spec_hash = "h1",
                                   .hostname = "pod",
                                   .grace_s = 30,
                                   .backoff_min_ms = 10000,
                                   .backoff_max_ms = 300000,
                                   .backoff_reset_ms = 600000,
                                   .containers = r.containers};
    while (fgets(line, sizeof(line), file))
        take_line(&r, line);
    fclose(file);
    return r.plan;
}
