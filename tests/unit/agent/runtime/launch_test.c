#include "agent/runtime/launch.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const layers[] = {"/img/a", "/img/b", NULL};
static const char *const argv[] = {"sh", "-c", "true", NULL};
static const char *const env[] = {"PATH=/bin", "EMPTY=", NULL};
static const char *const sysctls[] = {"net.core.somaxconn=1", NULL};
static const uint32_t groups[] = {7, 8};
static const uint64_t filter[] = {1, 2, 3};

static const struct launch_mount mounts[] = {
    {.type = LAUNCH_MOUNT_BIND,
     .source = "/src",
     .target = "/dst",
     .sub_path = "a/b",
     .make_sub_path = true,
     .read_only = true,
     .read_only_below = LAUNCH_READ_ONLY_BELOW,
     .propagation = LAUNCH_PROPAGATION_SLAVE},
    {.type = LAUNCH_MOUNT_TMPFS, .target = "/tmp", .options = "size=1m", .recursive = true},
};

static const struct launch_container containers[] = {
    {.name = "one",
     .role = LAUNCH_SIDECAR,
     .restart = LAUNCH_RESTART_ON_FAILURE,
     .waits = true,
     .pre_stop = true,
     .target = "two",
     .layers = layers,
     .argv = argv,
     .env = env,
     .cwd = "/w",
     .user = "app:staff",
     .groups = groups,
     .group_count = 2,
     .capabilities = UINT64_C(0xa80425fb00),
     .seccomp = filter,
     .seccomp_len = sizeof(filter),
     .mounts = mounts,
     .mount_count = 2,
     .memory_bytes = INT64_MAX,
     .cpu_quota_us = 1,
     .cpu_shares = 2,
     .pids = 3,
     .huge = {1, 2, 3, INT64_MAX},
     .huge_bounded = 9,
     .log_path = "/log",
     .log_max_bytes = 4,
     .log_max_files = 5,
     .stop_signal = 15,
     .message_path = "/m",
     .message_log = true,
     .oom_score_adj = -1000,
     .strict_groups = true,
     .apparmor = "web",
     .selinux = "u:r:t:s0:c1,c2",
     .selinux_files = "u:object_r:f:s0"},
    {.name = "two",
     .layers = layers,
     .argv = argv,
     .privileged = true,
     .seccomp = filter,
     .seccomp_len = sizeof(filter)},
};

static struct launch_plan sample(void)
{
    return (struct launch_plan){.pod_uid = "uid-1",
                                .pod_ns = "default",
                                .pod_name = "web",
                                .host_ipc = true,
                                .spec_hash = "sha256:ab",
                                .hostname = "web",
                                .state_dir = "/state/uid-1",
                                .run_dir = "/run/uid-1",
                                .cgroup = "limpet/poduid-1",
                                .share_pids = true,
                                .sysctls = sysctls,
                                .selinux_files = "u:object_r:f:s0:c3",
                                .grace_s = 30,
                                .backoff_min_ms = 10000,
                                .backoff_max_ms = 300000,
                                .backoff_reset_ms = 600000,
                                .memory_bytes = 1,
                                .huge = {4, 3, 2, 1},
                                .huge_bounded = 15,
                                .containers = containers,
                                .container_count = 2};
}

static void assert_strv(const char *const *a, const char *const *b)
{
    size_t i = 0;
    for (; a[i] && b[i]; i++)
        assert_string_equal(a[i], b[i]);
    assert_true(!a[i] && !b[i]);
}

static void assert_container(const struct launch_container *c)
{
    assert_string_equal(c->name, "one");
    assert_int_equal(c->role, LAUNCH_SIDECAR);
    assert_int_equal(c->restart, LAUNCH_RESTART_ON_FAILURE);
    assert_true(c->waits);
    assert_true(c->pre_stop);
    assert_string_equal(c->target, "two");
    assert_string_equal(c->message_path, "/m");
    assert_true(c->message_log);
    assert_strv(c->layers, layers);
    assert_strv(c->argv, argv);
    assert_strv(c->env, env);
    assert_string_equal(c->cwd, "/w");
    assert_string_equal(c->user, "app:staff");
    assert_int_equal(c->group_count, 2);
    assert_int_equal(c->groups[1], 8);
    assert_true(c->capabilities == UINT64_C(0xa80425fb00));
    assert_int_equal(c->mount_count, 2);
    assert_string_equal(c->mounts[0].source, "/src");
    assert_string_equal(c->mounts[0].sub_path, "a/b");
    assert_true(c->mounts[0].read_only && !c->mounts[0].recursive && c->mounts[0].make_sub_path);
    assert_int_equal(c->mounts[0].read_only_below, LAUNCH_READ_ONLY_BELOW);
    assert_int_equal(c->mounts[0].propagation, LAUNCH_PROPAGATION_SLAVE);
    assert_null(c->mounts[1].source);
    assert_string_equal(c->mounts[1].options, "size=1m");
    assert_true(c->memory_bytes == INT64_MAX);
    assert_int_equal(c->oom_score_adj, -1000);
    assert_true(c->strict_groups);
    assert_int_equal(c->huge_bounded, 9);
    assert_true(c->huge[0] == 1 && c->huge[3] == INT64_MAX);
    assert_string_equal(c->apparmor, "web");
    assert_string_equal(c->selinux, "u:r:t:s0:c1,c2");
    assert_string_equal(c->selinux_files, "u:object_r:f:s0");
    assert_int_equal(c->seccomp_len, sizeof(filter));
    assert_memory_equal(c->seccomp, filter, sizeof(filter));
}

static void test_launch__round_trip(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes, again;
    struct err err = {0};
    struct launch_plan plan = sample(), *back;
    buf_init(&bytes, 0);
    buf_init(&again, 0);
    assert_int_equal(launch_encode(&plan, &bytes, &err), 0);
    assert_int_equal(launch_decode(bytes.data, bytes.len, &back, &err), 0);
    assert_string_equal(back->pod_uid, "uid-1");
    assert_string_equal(back->spec_hash, "sha256:ab");
    assert_strv(back->sysctls, sysctls);
    assert_string_equal(back->selinux_files, "u:object_r:f:s0:c3");
    assert_true(back->host_ipc && back->share_pids && !back->host_pid && !back->host_network);
    assert_int_equal(back->container_count, 2);
    assert_container(&back->containers[0]);
    assert_true(back->containers[1].privileged);
    /* Written once for both. */
    assert_ptr_equal(back->containers[0].seccomp, back->containers[1].seccomp);
    assert_int_equal(launch_encode(back, &again, &err), 0);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    launch_free(back);
}

/* Every cut, and every flipped bit, is refused or gives a plan that is whole; never a crash. */
static void test_launch__damage(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes;
    struct err err = {0};
    struct launch_plan plan = sample(), *back;
    buf_init(&bytes, 0);
    assert_int_equal(launch_encode(&plan, &bytes, &err), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        char *cut = xmemdup(bytes.data, len);
        assert_true(launch_decode(cut, len, &back, &err) < 0);
        free(cut);
    }
    for (size_t i = 0; i < bytes.len * 8; i++) {
        char *flipped = xmemdup(bytes.data, bytes.len);
        flipped[i / 8] = (char)(flipped[i / 8] ^ 1 << i % 8);
        if (launch_decode(flipped, bytes.len, &back, &err) == 0) {
            cleanup(buf_done) struct buf again;
            buf_init(&again, 0);
            assert_int_equal(launch_encode(back, &again, &err), 0);
            launch_free(back);
        }
        free(flipped);
    }
    assert_int_equal(buf_addc(&bytes, 'x'), 0);
    assert_int_equal(launch_decode(bytes.data, bytes.len, &back, &err), -EINVAL);
}

static void test_launch__version(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes;
    struct err err = {0};
    struct launch_plan plan = sample(), *back;
    buf_init(&bytes, 0);
    assert_int_equal(launch_encode(&plan, &bytes, &err), 0);
    bytes.data[4] = 99;
    assert_int_equal(launch_decode(bytes.data, bytes.len, &back, &err), -EPROTONOSUPPORT);
    assert_non_null(strstr(err.msg, "version 99"));
}

static void test_launch__user_namespace(void **state)
{
    (void)state;
    static const struct {
        int64_t base;
        bool network, pids, ipc, unmasked, fine;
    } cases[] = {
        {0, true, true, true, false, true},
        {0, false, false, false, true, false}, /* of the host's root */
        {0x70000000, false, false, false, false, true},
        {0x70000000, false, false, false, true, true},
        {65536, false, false, false, false, true},
        {65535, false, false, false, false, false},
        {1, false, false, false, false, false},
        {-1, false, false, false, false, false},
        {0xffff0000, false, false, false, false, false}, /* up to nobody's id, -1 */
        {0x70000000, true, false, false, false, false},
        {0x70000000, false, true, false, false, false},
        {0x70000000, false, false, true, false, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf bytes;
        struct launch_container list[ARRAY_LEN(containers)];
        struct launch_plan plan = sample(), *back;
        memcpy(list, containers, sizeof(list));
        list[1].unmasked = cases[i].unmasked;
        plan.containers = list;
        plan.share_pids = false;
        plan.user_base = cases[i].base;
        plan.host_network = cases[i].network;
        plan.host_pid = cases[i].pids;
        plan.host_ipc = cases[i].ipc;
        buf_init(&bytes, 0);
        struct err err = {0};
        assert_int_equal(launch_encode(&plan, &bytes, &err), cases[i].fine ? 0 : -EINVAL);
        if (!cases[i].fine)
            continue;
        assert_int_equal(launch_decode(bytes.data, bytes.len, &back, &err), 0);
        assert_true(back->user_base == cases[i].base);
        assert_int_equal(back->containers[1].unmasked, cases[i].unmasked);
        assert_false(back->containers[0].unmasked);
        launch_free(back);
    }
}

static void break_uid(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->pod_uid = "../x";
}
static void break_uid2(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->pod_uid = "..";
}
static void break_hash(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->spec_hash = NULL;
}
static void break_state(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->state_dir = "rel";
}
static void break_cgroup(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->cgroup = "a/../../b";
}
static void break_cgroup2(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->cgroup = "/abs";
}
static void break_restart(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->restart = (enum launch_restart)7;
}
static void break_role(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->role = (enum launch_role)4;
}
static void break_order(struct launch_plan *p, struct launch_container *c)
{
    c[1].role = LAUNCH_INIT;
    p->container_count = 2;
    c->role = LAUNCH_MAIN;
}
static void break_grace(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->grace_s = -1;
}
static void break_none(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->container_count = 0;
}
static void break_name(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->name = "";
}
static void break_argv(struct launch_plan *p, struct launch_container *c)
{
    static const char *const none[] = {NULL};
    (void)p;
    c->argv = none;
}
static void break_env(struct launch_plan *p, struct launch_container *c)
{
    static const char *const bad[] = {"novalue", NULL};
    (void)p;
    c->env = bad;
}
static void break_cwd(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->cwd = "w";
}
static void break_seccomp(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->seccomp_len = 7;
}
static void break_target(struct launch_plan *p, struct launch_container *c)
{
    static const struct launch_mount m = {.type = LAUNCH_MOUNT_TMPFS, .target = "tmp"};
    (void)p;
    c->mounts = &m;
    c->mount_count = 1;
}
static void break_source(struct launch_plan *p, struct launch_container *c)
{
    static const struct launch_mount m = {.type = LAUNCH_MOUNT_BIND, .target = "/t"};
    (void)p;
    c->mounts = &m;
    c->mount_count = 1;
}
static void break_sub(struct launch_plan *p, struct launch_container *c)
{
    static const struct launch_mount m = {
        .type = LAUNCH_MOUNT_BIND, .source = "/s", .target = "/t", .sub_path = "../x"};
    (void)p;
    c->mounts = &m;
    c->mount_count = 1;
}
static void break_label(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->selinux = "u:r:t:s0\",size=1g,x=\"";
}
static void break_label2(struct launch_plan *p, struct launch_container *c)
{
    (void)p;
    c->selinux_files = "u:r:t:s0\"";
}
static void break_label3(struct launch_plan *p, struct launch_container *c)
{
    (void)c;
    p->selinux_files = "u:r:t:s0\"";
}

static void test_launch__refuses(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(struct launch_plan *plan, struct launch_container *container);
        const char *says;
    } cases[] = {
        {break_uid, "podUid: must be a name"},
        {break_uid2, "podUid: must be a name"},
        {break_hash, "specHash: is missing"},
        {break_state, "stateDir: must be an absolute path"},
        {break_cgroup, "cgroup: must be a relative path"},
        {break_cgroup2, "cgroup: must be a relative path"},
        {break_restart, "restartPolicy: is out of range"},
        {break_role, "role: is out of range"},
        {break_order, "containers[1].role: out of order"},
        {break_grace, "grace: is out of range"},
        {break_none, "containers: is missing"},
        {break_name, "containers[0].name: is missing"},
        {break_argv, "containers[0].argv: is missing"},
        {break_env, "containers[0].env: must be"},
        {break_cwd, "containers[0].cwd: must be an absolute path"},
        {break_seccomp, "containers[0].seccomp: is not a seccomp filter"},
        {break_target, "containers[0].mounts[0].target: must be an absolute path"},
        {break_source, "containers[0].mounts[0].source: is missing"},
        {break_sub, "containers[0].mounts[0].subPath: must be a relative path"},
        {break_label, "containers[0].seLinux: must be a label of SELinux"},
        {break_label2, "containers[0].seLinuxFiles: must be a label of SELinux"},
        {break_label3, "seLinuxFiles: must be a label of SELinux"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf bytes;
        struct err err = {0};
        struct launch_plan plan = sample();
        struct launch_container both[] = {containers[0], containers[1]};
        buf_init(&bytes, 0);
        plan.containers = both;
        plan.container_count = 1;
        cases[i].spoil(&plan, both);
        assert_int_equal(launch_encode(&plan, &bytes, &err), -EINVAL);
        if (!strstr(err.msg, cases[i].says))
            fail_msg("got: %s, wanted: %s", err.msg, cases[i].says);
        assert_int_equal(bytes.len, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launch__round_trip), cmocka_unit_test(test_launch__user_namespace),
        cmocka_unit_test(test_launch__damage),     cmocka_unit_test(test_launch__version),
        cmocka_unit_test(test_launch__refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
