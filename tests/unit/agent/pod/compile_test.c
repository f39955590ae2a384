/* From a manifest, as a person writes it, to the plan that a keeper reads. */

#include "agent/pod/containers.h"
#include "agent/pod/internal.h"

#include "agent/pod/filters.h"
#include "agent/runtime/caps.h"
#include "agent/runtime/launch.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UID "11111111-2222-3333-4444-555555555555"
#define HEAD                                                                                       \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: default, uid: " UID "}\nspec:\n"

static const char *const layers[] = {"/images/l1", "/images/l2", NULL};
static const char *const entrypoint[] = {"/bin/app", NULL}, *const cmd[] = {"--serve", NULL};
static const char *const image_env[] = {"LANG=C", NULL};

struct world {
    struct agent agent;
    struct image image;
    struct value *objects;
    struct pod_record record;
    struct record_container containers[3];
    struct volume volumes[2];
    struct launch_plan *plan;
    struct err err;
    struct buf bytes;
};

static void world_init(struct world *world)
{
    *world = (struct world){0};
    world->agent.spec = (struct agent_spec){.node_name = "n1",
                                            .host_name = "machine",
                                            .state_dir = "/state",
                                            .run_dir = "/run/l",
                                            .log_dir = "/log",
                                            .cgroup_root = "limpet/t",
                                            .seccomp_dir = "/nowhere",
                                            .host_ip = "10.0.0.1"};
    world->agent.world.disk = disk_posix();
    world->agent.filters = filters_new();
    world->image = (struct image){.layers = layers,
                                  .env = image_env,
                                  .entrypoint = entrypoint,
                                  .cmd = cmd,
                                  .user = "app:staff",
                                  .workdir = "/srv",
                                  .stop_signal = 3};
}

static void world_done(struct world *world)
{
    launch_free(world->plan);
    buf_done(&world->bytes);
    filters_free(world->agent.filters);
    pod_spec_free((struct pod_spec *)world->record.spec);
    value_free(world->objects);
}

static int keep_object(void *ctx, const struct schema_kind *kind, struct value *object)
{
    (void)kind;
    value_append(ctx, object);
    return 0;
}

static struct value *load(const char *text)
{
    struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    if (manifest_load(text, strlen(text), NULL, keep_object, objects, &diags) != 0)
        fail_msg("%s\n%s: %s", text, diags.items[0].path, diags.items[0].reason);
    return objects;
}

/* 0 with world->plan read back from its bytes. `spec` is indented by two. */
static int compile(struct world *world, const char *spec)
{
    world_init(world);
    autofree char *text = xasprintf("%s%s", HEAD, spec);
    world->objects = load(text);
    struct pod_spec *pod = NULL;
    assert_int_equal(pod_spec_new(value_copy(value_at(world->objects, 0)), NULL, &pod, &world->err),
                     0);
    world->volumes[0] = (struct volume){.name = "data", .host_path = "/state/data"};
    world->volumes[1] = (struct volume){.name = "conf", .host_path = "/tmp/c", .read_only = true};
    for (size_t i = 0; i < ARRAY_LEN(world->containers); i++)
        world->containers[i].image = &world->image;
    world->record =
        (struct pod_record){.agent = &world->agent,
                            .uid = UID,
                            .ns = "default",
                            .name = "web",
                            .spec = pod,
                            .address = {.address = "10.42.0.7"},
                            .containers = world->containers,
                            .container_count = containers_count(value_get(pod->object, "spec")),
                            .volumes = world->volumes,
                            .volume_count = 2};
    buf_init(&world->bytes, LAUNCH_MAX_BYTES);
    int rc = compile_plan(&world->record, &world->bytes, &world->err);
    if (rc < 0)
        return rc;
    rc = launch_decode(world->bytes.data, world->bytes.len, &world->plan, &world->err);
    if (rc < 0)
        fail_msg("%s", world->err.msg);
    return 0;
}

static void expect_list(const char *const *list, const char *expected)
{
    cleanup(buf_done) struct buf all;
    buf_init(&all, 0);
    for (size_t i = 0; list && list[i]; i++)
        (void)buf_addf(&all, "%s%s", i ? " " : "", list[i]);
    assert_string_equal(buf_str(&all), expected);
}

static void test_compile__defaults(void **state)
{
    (void)state;
    struct world world;
    assert_int_equal(compile(&world, "  containers: [{name: app, image: app}]\n"), 0);
    const struct launch_plan *plan = world.plan;
    assert_string_equal(plan->pod_uid, UID);
    assert_string_equal(plan->pod_ns, "default");
    assert_string_equal(plan->hostname, "web");
    assert_string_equal(plan->state_dir, "/state/pods/" UID);
    assert_string_equal(plan->run_dir, "/run/l/pods/" UID);
    assert_string_equal(plan->cgroup, "limpet/t/pod" UID);
    assert_string_equal(plan->spec_hash, world.record.spec->hash);
    assert_int_equal(plan->containers[0].restart, LAUNCH_RESTART_ALWAYS);
    assert_int_equal(plan->grace_s, 30);
    assert_false(plan->host_network || plan->host_pid || plan->host_ipc);
    assert_int_equal(plan->container_count, 1);
    const struct launch_container *c = &plan->containers[0];
    assert_string_equal(c->name, "app");
    expect_list(c->argv, "/bin/app --serve");
    expect_list(c->layers, "/images/l1 /images/l2");
    assert_string_equal(c->cwd, "/srv");
    assert_string_equal(c->user, "app:staff");
    assert_string_equal(c->log_path, "/log/default_web_" UID "/app.log");
    assert_int_equal(c->stop_signal, 3);
    assert_int_equal(c->capabilities, caps_default());
    assert_true(c->seccomp_len > 0);
    assert_int_equal(c->cpu_shares, 2);
    assert_int_equal(c->memory_bytes, 0);
    assert_int_equal(c->cpu_quota_us, 0);
    assert_true(c->pids > 0);
    assert_false(c->privileged || c->no_new_privs || c->read_only_root || c->run_as_non_root);
    world_done(&world);
}

static void test_compile__argv(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *argv;
    } cases[] = {
        {"", "/bin/app --serve"},
        {"args: [x]", "/bin/app x"},
        {"command: [/c]", "/c"},
        {"command: [/c], args: [\"$(V)\", \"$$(V)\", \"$(W)\"], env: [{name: V, value: v}]",
         "/c v $(V) $(W)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        autofree char *spec =
            xasprintf("  containers: [{name: app, image: app, %s}]\n", cases[i].fields);
        assert_int_equal(compile(&world, spec), 0);
        expect_list(world.plan->containers[0].argv, cases[i].argv);
        world_done(&world);
    }
}

/* What the keeper must know of hooks and probes, which are the agent's. */
static void test_compile__hooks(void **state)
{
    (void)state;
    static const struct {
        const char *fields;
        bool waits, pre_stop; /* waits: as a sidecar */
        int stop_signal;
    } cases[] = {
        {"", false, false, 3},
        {"lifecycle: {preStop: {sleep: {seconds: 1}}}", false, true, 3},
        {"lifecycle: {postStart: {sleep: {seconds: 1}}}", true, false, 3},
        {"startupProbe: {tcpSocket: {port: 1}}", true, false, 3},
        {"readinessProbe: {tcpSocket: {port: 1}}", false, false, 3},
        {"lifecycle: {stopSignal: SIGUSR1}", false, false, 10},
        {"lifecycle: {stopSignal: SIGRTMIN+2}", false, false, 36},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        autofree char *spec =
            xasprintf("  os: {name: linux}\n"
                      "  initContainers: [{name: side, image: app, restartPolicy: Always, %s}]\n"
                      "  containers: [{name: app, image: app, %s}]\n",
                      cases[i].fields, cases[i].fields);
        assert_int_equal(compile(&world, spec), 0);
        const struct launch_container *side = &world.plan->containers[0], *app = side + 1;
        assert_int_equal(side->waits, cases[i].waits);
        assert_false(app->waits);
        assert_int_equal(side->pre_stop, cases[i].pre_stop);
        assert_int_equal(app->pre_stop, cases[i].pre_stop);
        assert_int_equal(app->stop_signal, cases[i].stop_signal);
        world_done(&world);
    }
}

static void test_compile__user(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *container, *user, *groups;
        bool strict;
    } cases[] = {
        {"{}", "{}", "app:staff", ""},
        {"{supplementalGroupsPolicy: Merge}", "{}", "app:staff", ""},
        {"{supplementalGroupsPolicy: Strict, fsGroup: 9}", "{}", "app:staff", "9 ", true},
        {"{runAsUser: 5}", "{}", "5", ""},
        {"{runAsUser: 5}", "{runAsUser: 6}", "6", ""},
        {"{runAsUser: 5, runAsGroup: 7}", "{runAsUser: 0}", "0:7", ""},
        {"{}", "{runAsGroup: 7}", "app:7", ""},
        {"{fsGroup: 9, supplementalGroups: [3, 2147483647]}", "{}", "app:staff", "3 2147483647 9 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        autofree char *spec = xasprintf("  securityContext: %s\n"
                                        "  containers: [{name: app, image: app, "
                                        "securityContext: %s}]\n",
                                        cases[i].pod, cases[i].container);
        assert_int_equal(compile(&world, spec), 0);
        const struct launch_container *c = &world.plan->containers[0];
        assert_int_equal(c->strict_groups, cases[i].strict);
        cleanup(buf_done) struct buf groups;
        buf_init(&groups, 0);
        for (size_t g = 0; g < c->group_count; g++)
            (void)buf_addf(&groups, "%u ", c->groups[g]);
        assert_string_equal(c->user, cases[i].user);
        assert_string_equal(buf_str(&groups), cases[i].groups);
        world_done(&world);
    }
}

static void test_compile__security(void **state)
{
    (void)state;
    uint64_t bind = 0;
    assert_int_equal(caps_parse("NET_BIND_SERVICE", &bind), 0);
    const struct {
        const char *context;
        uint64_t caps;
        bool privileged, no_new_privs, filter;
    } cases[] = {
        {"{}", caps_default(), false, false, true},
        {"{capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}", bind, false, false, true},
        {"{capabilities: {add: [ALL], drop: [net_bind_service]}}", caps_all() & ~bind, false, false,
         true},
        {"{capabilities: {drop: [CAP_NET_BIND_SERVICE], add: [NET_BIND_SERVICE]}}",
         caps_default() & ~bind, false, false, true},
        {"{capabilities: {drop: [ALL], add: [ALL]}}", 0, false, false, true},
        {"{privileged: true, capabilities: {drop: [ALL]}}", caps_all(), true, false, false},
        {"{allowPrivilegeEscalation: false}", caps_default(), false, true, true},
        {"{privileged: true}", caps_all(), true, false, false},
        {"{seccompProfile: {type: Unconfined}}", caps_default(), false, false, false},
        {"{seccompProfile: {type: RuntimeDefault}}", caps_default(), false, false, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        autofree char *spec = xasprintf(
            "  containers: [{name: app, image: app, securityContext: %s}]\n", cases[i].context);
        assert_int_equal(compile(&world, spec), 0);
        const struct launch_container *c = &world.plan->containers[0];
        assert_int_equal(c->capabilities, cases[i].caps);
        assert_int_equal(c->privileged, cases[i].privileged);
        assert_int_equal(c->no_new_privs, cases[i].no_new_privs);
        assert_int_equal(c->seccomp != NULL, cases[i].filter);
        world_done(&world);
    }
}

static void test_compile__limits(void **state)
{
    (void)state;
    static const struct {
        const char *resources;
        int64_t memory, quota, shares;
    } cases[] = {
        {"{limits: {memory: 64Mi, cpu: 1500m}}", 64 << 20, 150000, 1536},
        {"{limits: {cpu: 1m}, requests: {cpu: 1m}}", 0, 1000, 2},
        {"{requests: {cpu: 1}}", 0, 0, 1024},
        {"{requests: {cpu: 9e15}}", 0, 0, 262144},
        {"{limits: {cpu: 9e15}, requests: {cpu: 2}}", 0, INT64_C(100000000000), 2048},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        autofree char *spec = xasprintf("  containers: [{name: app, image: app, resources: %s}]\n",
                                        cases[i].resources);
        assert_int_equal(compile(&world, spec), 0);
        const struct launch_container *c = &world.plan->containers[0];
        assert_int_equal(c->memory_bytes, cases[i].memory);
        assert_int_equal(c->cpu_quota_us, cases[i].quota);
        assert_int_equal(c->cpu_shares, cases[i].shares);
        world_done(&world);
    }
}

static void test_compile__pod(void **state)
{
    (void)state;
    struct world world;
    assert_int_equal(
        compile(&world, "  hostname: other\n  hostNetwork: true\n  restartPolicy: OnFailure\n"
                        "  terminationGracePeriodSeconds: 5\n"
                        "  securityContext: {sysctls: [{name: net.core.somaxconn, value: '99'}]}\n"
                        "  volumes: [{name: data, emptyDir: {}}, {name: conf, emptyDir: {}}]\n"
                        "  containers:\n"
                        "  - {name: app, image: app, workingDir: /w, volumeMounts: "
                        "[{name: data, mountPath: /d, subPath: a/b}, {name: conf, mountPath: /c}, "
                        "{name: data, mountPath: /r, readOnly: true}]}\n"
                        "  - {name: side, image: app}\n"),
        0);
    const struct launch_plan *plan = world.plan;
    assert_string_equal(plan->hostname, "machine"); /* of the host's network */
    expect_list(plan->sysctls, "net.core.somaxconn=99");
    assert_true(plan->host_network);
    assert_int_equal(plan->containers[0].restart, LAUNCH_RESTART_ON_FAILURE);
    assert_int_equal(plan->grace_s, 5);
    assert_int_equal(plan->container_count, 2);
    const struct launch_container *c = &plan->containers[0];
    assert_string_equal(c->cwd, "/w");
    assert_int_equal(c->mount_count, 6); /* three are of its /etc */
    assert_string_equal(c->mounts[3].source, "/state/data");
    assert_string_equal(c->mounts[3].target, "/d");
    assert_string_equal(c->mounts[3].sub_path, "a/b");
    assert_false(c->mounts[3].read_only);
    assert_true(c->mounts[4].read_only && c->mounts[5].read_only);
    assert_string_equal(plan->containers[1].name, "side");
    world_done(&world);
}

/* Init containers first, each with a policy of its own. */
static void test_compile__roles(void **state)
{
    (void)state;
    static const struct {
        const char *policy;
        enum launch_restart restarts[4];
    } cases[] = {
        {"Always",
         {LAUNCH_RESTART_ON_FAILURE, LAUNCH_RESTART_ALWAYS, LAUNCH_RESTART_ALWAYS,
          LAUNCH_RESTART_NEVER}},
        {"OnFailure",
         {LAUNCH_RESTART_ON_FAILURE, LAUNCH_RESTART_ALWAYS, LAUNCH_RESTART_ON_FAILURE,
          LAUNCH_RESTART_NEVER}},
        {"Never",
         {LAUNCH_RESTART_NEVER, LAUNCH_RESTART_ALWAYS, LAUNCH_RESTART_NEVER, LAUNCH_RESTART_NEVER}},
    };
    static const enum launch_role roles[] = {LAUNCH_INIT, LAUNCH_SIDECAR, LAUNCH_MAIN};
    static const char *const names[] = {"first", "side", "app"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        struct launch_plan *debug;
        cleanup(buf_done) struct buf bytes;
        autofree char *spec =
            xasprintf("  restartPolicy: %s\n  containers:\n  - {name: app, image: app}\n"
                      "  initContainers:\n  - {name: first, image: app}\n"
                      "  - {name: side, image: app, restartPolicy: Always}\n"
                      "  ephemeralContainers:\n"
                      "  - {name: dbg, image: app, targetContainerName: app, tty: true}\n",
                      cases[i].policy);
        if (compile(&world, spec) < 0)
            fail_msg("%s", world.err.msg);
        assert_int_equal(world.plan->container_count, 3);
        for (size_t c = 0; c < 3; c++) {
            assert_string_equal(world.plan->containers[c].name, names[c]);
            assert_int_equal(world.plan->containers[c].role, roles[c]);
            assert_int_equal(world.plan->containers[c].restart, cases[i].restarts[c]);
        }
        buf_init(&bytes, LAUNCH_MAX_BYTES);
        const struct value *dbg =
            containers_at(value_get(world.record.spec->object, "spec"), 3, NULL);
        assert_int_equal(compile_debug(&world.record, dbg, &world.image, &bytes, &world.err), 0);
        assert_int_equal(launch_decode(bytes.data, bytes.len, &debug, &world.err), 0);
        assert_int_equal(debug->container_count, 1);
        assert_string_equal(debug->containers[0].target, "app");
        assert_true(debug->containers[0].tty);
        assert_int_equal(debug->containers[0].role, LAUNCH_DEBUG);
        assert_int_equal(debug->containers[0].restart, cases[i].restarts[3]);
        launch_free(debug);
        world_done(&world);
    }
}

/* "target<source" of each mount; "!" before what can be written. */
static void expect_mounts(const struct launch_container *c, const char *expected)
{
    cleanup(buf_done) struct buf all;
    buf_init(&all, 0);
    for (size_t i = 0; i < c->mount_count; i++)
        (void)buf_addf(&all, "%s%s%s<%s", i ? " " : "", c->mounts[i].read_only ? "" : "!",
                       c->mounts[i].target, c->mounts[i].source);
    assert_string_equal(buf_str(&all), expected);
}

#define ETC "/run/l/volumes/" UID "/etc/"
#define HOSTS "/etc/hosts<" ETC "hosts"
#define HOSTNAME "/etc/hostname<" ETC "hostname"
#define RESOLV_CONF "/etc/resolv.conf<" ETC "resolv.conf"

static const struct {
    const char *mounts, *expected;
} etc_cases[] = {
    {"", HOSTS " " HOSTNAME " " RESOLV_CONF},
    /* A mount of one's own at that very path, however it is written. */
    {"{name: data, mountPath: /etc/hosts}", HOSTNAME " " RESOLV_CONF " !/etc/hosts</state/data"},
    {"{name: data, mountPath: //etc//resolv.conf/}",
     HOSTS " " HOSTNAME " !//etc//resolv.conf/</state/data"},
    {"{name: data, mountPath: /etc/hostname, subPath: x}, {name: conf, mountPath: /etc/hosts}",
     RESOLV_CONF " !/etc/hostname</state/data /etc/hosts</tmp/c"},
    /* Near it. */
    {"{name: data, mountPath: /etc/hosts.d}",
     HOSTS " " HOSTNAME " " RESOLV_CONF " !/etc/hosts.d</state/data"},
    {"{name: data, mountPath: /etc/hostname/x}",
     HOSTS " " HOSTNAME " " RESOLV_CONF " !/etc/hostname/x</state/data"},
    /* Over it: comes later, so it covers them. */
    {"{name: data, mountPath: /etc}", HOSTS " " HOSTNAME " " RESOLV_CONF " !/etc</state/data"},
};

/* What the node answers for /etc stands before the volumes, and cannot be written. */
static void test_compile__etc(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(etc_cases); i++) {
        struct world world;
        autofree char *spec =
            xasprintf("  volumes: [{name: data, emptyDir: {}}, {name: conf, emptyDir: {}}]\n"
                      "  containers: [{name: app, image: app, volumeMounts: [%s]}]\n",
                      etc_cases[i].mounts);
        assert_int_equal(compile(&world, spec), 0);
        expect_mounts(&world.plan->containers[0], etc_cases[i].expected);
        world_done(&world);
    }
}

static const char *variable(const struct launch_container *c, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; c->env[i]; i++)
        if (strncmp(c->env[i], name, len) == 0 && c->env[i][len] == '=')
            return c->env[i] + len + 1;
    return "";
}

static void test_compile__names(void **state)
{
    (void)state;
    static const struct {
        const char *fields, *hostname, *address;
    } cases[] = {
        {"", "web", "10.42.0.7"},
        {"hostname: other, subdomain: sub", "other", "10.42.0.7"},
        {"subdomain: sub, setHostnameAsFQDN: true", "web.sub.default.svc.cluster.local",
         "10.42.0.7"},
        {"hostNetwork: true", "machine", "10.0.0.1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        autofree char *spec =
            xasprintf("  {%s%scontainers: [{name: app, image: app, command: [x, \"$(IP)\"], "
                      "env: [{name: IP, valueFrom: {fieldRef: {fieldPath: "
                      "status.podIP}}}]}]}\n",
                      cases[i].fields, cases[i].fields[0] ? ", " : "");
        assert_int_equal(compile(&world, spec), 0);
        assert_string_equal(world.plan->hostname, cases[i].hostname);
        assert_string_equal(world.plan->containers[0].argv[1], cases[i].address);
        assert_string_equal(variable(&world.plan->containers[0], "HOSTNAME"), cases[i].hostname);
        world_done(&world);
    }
}

static void test_compile__refused(void **state)
{
    (void)state;
    static const struct {
        const char *spec;
        int rc;
        const char *message;
    } cases[] = {
        {"  containers: [{name: app, image: app, securityContext: {capabilities: {add: [NOPE]}}}]\n",
         -EINVAL, "container \"app\": capability \"NOPE\" is not known"},
        {"  containers: [{name: app, image: app, securityContext: {seccompProfile: {type: Localhost, "
         "localhostProfile: p}}}]\n",
         -ENOENT,
         "container \"app\": cannot load seccomp profile \"/nowhere/p\": cannot read /nowhere/p: No "
         "such file or directory"},
        {"  volumes: [{name: other, emptyDir: {}}]\n"
         "  containers: [{name: app, image: app, volumeMounts: [{name: other, mountPath: /d}]}]\n",
         -EINVAL, "container \"app\": volumeMounts[0]: no volume \"other\""},
        {"  {subdomain: a123456789b123456789c123456789, setHostnameAsFQDN: true, containers: [{name: "
         "app, image: app}], hostname: a123456789}\n",
         -ENAMETOOLONG,
         "setHostnameAsFQDN: a123456789.a123456789b123456789c123456789.default.svc.cluster.local "
         "has 67 characters, a host name has at most 64"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world world;
        assert_int_equal(compile(&world, cases[i].spec), cases[i].rc);
        assert_string_equal(world.err.msg, cases[i].message);
        world_done(&world);
    }
}

/* Arguments are expanded too: each could be as large as a variable may be. */
static void test_compile__large_arguments(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf spec;
    buf_init(&spec, 0);
    (void)buf_addf(&spec,
                   "  containers: [{name: app, image: app, env: [{name: V, value: v%099999d}],"
                   " args: [\"$(V)\"",
                   0);
    for (int i = 0; i < 6; i++)
        (void)buf_addstr(&spec, ", \"$(V)\"");
    (void)buf_addstr(&spec, "]}]\n");
    struct world world;
    assert_int_equal(compile(&world, buf_str(&spec)), -EINVAL);
    assert_string_equal(world.err.msg, "container \"app\": args: larger than 524288 bytes");
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compile__roles),   cmocka_unit_test(test_compile__defaults),
        cmocka_unit_test(test_compile__argv),    cmocka_unit_test(test_compile__hooks),
        cmocka_unit_test(test_compile__user),    cmocka_unit_test(test_compile__security),
        cmocka_unit_test(test_compile__limits),  cmocka_unit_test(test_compile__pod),
        cmocka_unit_test(test_compile__etc),     cmocka_unit_test(test_compile__names),
        cmocka_unit_test(test_compile__refused), cmocka_unit_test(test_compile__large_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
