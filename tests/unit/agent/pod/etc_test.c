/* The files of pods, on a disk. The node's are the test's own, but for /etc/hosts. */

#include "agent/pod/internal.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

enum { HOSTS, HOSTNAME, RESOLV_CONF, FILES };
#define LONG_AGO 1000 /* s since 1970 */
#define UID_A "11111111-1111-1111-1111-111111111111"
#define UID_B "22222222-2222-2222-2222-222222222222"

struct world {
    char dir[64];
    char *node_file;
    struct agent agent;
    struct err err;
};

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-unit-etc-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->node_file = xasprintf("%s/node-resolv.conf", world->dir);
    world->agent.world.disk = disk_posix();
    world->agent.records = map_new();
    world->agent.spec = (struct agent_spec){.host_name = "machine",
                                            .run_dir = world->dir,
                                            .host_ip = "192.168.1.5",
                                            .resolv_conf = world->node_file};
    *state = world;
    return 0;
}

static void free_record(void *p)
{
    struct pod_record *record = p;
    pod_spec_free((struct pod_spec *)record->spec);
    pod_record_free(record);
}

static int teardown(void **state)
{
    struct world *world = *state;
    map_free(world->agent.records, free_record);
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, world->dir + strlen("/tmp/")), 0);
    free(world->node_file);
    free(world);
    return 0;
}

static struct pod_record *new_pod(struct world *world, const char *uid, const char *spec)
{
    autofree char *text = xasprintf("{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\","
                                    "\"uid\":\"%s\"},\"spec\":{%s}}",
                                    uid, spec);
    struct value *object = NULL;
    struct pod_spec *parsed = NULL;
    assert_int_equal(json_parse(text, strlen(text), &object, &world->err), 0);
    assert_int_equal(pod_spec_new(object, NULL, &parsed, &world->err), 0);
    struct pod_record *record = pod_record_new(&world->agent, uid, "default", "web");
    record->spec = parsed;
    snprintf(record->address.address, sizeof(record->address.address), "10.42.0.7");
    (void)map_put(world->agent.records, uid, record);
    return record;
}

static void node_says(const struct world *world, const char *text)
{
    struct err err = {0};
    (void)unlink(world->node_file);
    if (text)
        assert_int_equal(
            disk_posix()->replace(disk_posix(), world->node_file, text, strlen(text), 0644, &err),
            0);
}

/* What it says; NULL: it is not there. Caller frees. */
static char *read_file(const struct pod_record *record, size_t i)
{
    autofree char *path = etc_path(record, i);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    int rc = disk_posix()->read(disk_posix(), path, 1 << 20, &text, &err);
    return rc < 0 ? NULL : buf_steal(&text, NULL);
}

static void expect(const struct pod_record *record, size_t i, const char *wanted)
{
    autofree char *text = read_file(record, i);
    if (!str_eq(text, wanted))
        fail_msg("%s:\n%s---\n%s", etc_name(i), text, wanted);
}

static void write_files(const struct pod_record *record)
{
    struct err err = {0};
    if (etc_write(record, NULL, &err) < 0)
        fail_msg("%s", err.msg);
}

static void test_etc__written(void **state)
{
    struct world *world = *state;
    node_says(world, "nameserver 10.0.0.1\n");
    const struct pod_record *record =
        new_pod(world, UID_A,
                "\"hostname\":\"other\",\"subdomain\":\"sub\",\"dnsConfig\":{"
                "\"searches\":[\"my.dns\"]},\"hostAliases\":[{\"ip\":\"1.2.3.4\","
                "\"hostnames\":[\"db\"]}]");
    mode_t before = umask(077);
    write_files(record);
    umask(before);
    autofree char *hosts = read_file(record, HOSTS);
    assert_non_null(strstr(hosts, "\n10.42.0.7\tother.sub.default.svc.cluster.local\tother\n"));
    assert_non_null(strstr(hosts, "\n1.2.3.4\tdb\n"));
    expect(record, HOSTNAME, "other\n");
    expect(record, RESOLV_CONF, "search my.dns\nnameserver 10.0.0.1\n");
    for (size_t i = 0; i < FILES; i++) {
        autofree char *path = etc_path(record, i);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode, S_IFREG | 0644); /* any user of the container reads them */
    }
    assert_null(etc_name(FILES));
}

static void test_etc__host_network(void **state)
{
    struct world *world = *state;
    node_says(world, "nameserver 127.0.0.53\noptions edns0\n");
    const struct pod_record *record = new_pod(world, UID_A, "\"hostNetwork\":true");
    write_files(record);
    autofree char *hosts = read_file(record, HOSTS);
    assert_null(strstr(hosts, "10.42.0.7"));
    assert_true(str_has_prefix(hosts, "# Kubernetes-managed hosts file"));
    expect(record, HOSTNAME, "machine\n");
    expect(record, RESOLV_CONF, "nameserver 127.0.0.53\noptions edns0\n");
}

/* A node that is offline: the pod starts all the same. */
static void test_etc__no_node_file(void **state)
{
    struct world *world = *state;
    const struct pod_record *record = new_pod(world, UID_A, "");
    write_files(record);
    expect(record, RESOLV_CONF, "");
    expect(record, HOSTNAME, "web\n");
}

static void test_etc__a_name_too_long(void **state)
{
    struct world *world = *state;
    const struct pod_record *record =
        new_pod(world, UID_A,
                "\"setHostnameAsFQDN\":true,\"subdomain\":"
                "\"a123456789b123456789c123456789d123456789e123456789\"");
    assert_int_equal(etc_write(record, NULL, &world->err), -ENAMETOOLONG);
}

/* The file, held open, as one that was last written long ago. */
static int see(const struct pod_record *record, size_t i)
{
    static const struct timespec long_ago[2] = {{.tv_sec = LONG_AGO}, {.tv_sec = LONG_AGO}};
    autofree char *path = etc_path(record, i);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && futimens(fd, long_ago) == 0);
    return fd;
}

/* Who has the file open, or mounted, reads this. */
static void expect_seen(int fd, const char *wanted)
{
    char text[256] = "";
    assert_true(pread(fd, text, sizeof(text) - 1, 0) >= 0);
    assert_string_equal(text, wanted);
}

static bool is_touched(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_mtim.tv_sec != LONG_AGO;
}

static void test_etc__follows_the_node(void **state)
{
    struct world *world = *state;
    struct pod_record *runs = new_pod(world, UID_A, "");
    struct pod_record *own = new_pod(
        world, UID_B, "\"dnsPolicy\":\"None\",\"dnsConfig\":{\"nameservers\":[\"1.1.1.1\"]}");
    node_says(world, ""); /* offline */
    write_files(runs);
    write_files(own);
    runs->keeper = own->keeper = POD_KEEPER_RUNNING;
    autoclose int hosts = see(runs, HOSTS), resolv_conf = see(runs, RESOLV_CONF);
    autoclose int other = see(own, RESOLV_CONF);
    node_says(world, "nameserver 10.0.0.1\nsearch lan\n");
    etc_refresh(&world->agent);
    expect_seen(resolv_conf, "search lan\nnameserver 10.0.0.1\n");
    node_says(world, "nameserver 10.0.0.2\n"); /* shorter */
    etc_refresh(&world->agent);
    expect_seen(resolv_conf, "nameserver 10.0.0.2\n");
    assert_false(is_touched(hosts));
    assert_false(is_touched(other));
    expect_seen(other, "nameserver 1.1.1.1\n");
    /* Only what has changed is written. */
    assert_true(is_touched(resolv_conf));
    autoclose int again = see(runs, RESOLV_CONF);
    etc_refresh(&world->agent);
    assert_false(is_touched(again));
    /* A file that is away for the moment takes nothing away. */
    node_says(world, NULL);
    etc_refresh(&world->agent);
    expect_seen(resolv_conf, "nameserver 10.0.0.2\n");
    write_files(runs);
    expect_seen(resolv_conf, "nameserver 10.0.0.2\n");
}

/* An agent that could not read the leases of addresses. */
static void test_etc__no_address(void **state)
{
    struct world *world = *state;
    struct pod_record *record = new_pod(world, UID_A, "");
    write_files(record);
    record->keeper = POD_KEEPER_RUNNING;
    record->address = (struct net_pod){0};
    etc_refresh(&world->agent);
    autofree char *hosts = read_file(record, HOSTS);
    assert_non_null(strstr(hosts, "\n10.42.0.7\tweb\n"));
}

static void test_etc__whom_it_concerns(void **state)
{
    struct world *world = *state;
    struct pod_record *record = new_pod(world, UID_A, "");
    struct keeper_report report = {0};
    node_says(world, "nameserver 10.0.0.1\n");
    etc_refresh(&world->agent); /* no keeper: written when there is one */
    assert_null(read_file(record, RESOLV_CONF));
    record->keeper = POD_KEEPER_RUNNING;
    etc_refresh(&world->agent); /* of an older agent: it has no such files */
    assert_null(read_file(record, RESOLV_CONF));
    record->keeper = POD_KEEPER_NONE;
    write_files(record);
    node_says(world, "nameserver 10.0.0.2\n");
    static const struct {
        enum pod_keeper keeper;
        bool other_spec, follows;
    } cases[] = {{POD_KEEPER_NONE, false, false},
                 {POD_KEEPER_REMOVING, false, false},
                 {POD_KEEPER_RUNNING, true, false},
                 {POD_KEEPER_SPAWNING, false, true},
                 {POD_KEEPER_STOPPING, false, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *path = etc_path(record, RESOLV_CONF);
        const char old[] = "nameserver 10.0.0.1\n";
        assert_int_equal(
            disk_posix()->overwrite(disk_posix(), path, old, strlen(old), 0644, &world->err), 0);
        record->keeper = cases[i].keeper;
        record->report = cases[i].other_spec ? &report : NULL;
        etc_refresh(&world->agent);
        record->report = NULL;
        expect(record, RESOLV_CONF, cases[i].follows ? "nameserver 10.0.0.2\n" : old);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_etc__written),          TEST(test_etc__host_network),
        TEST(test_etc__no_node_file),     TEST(test_etc__a_name_too_long),
        TEST(test_etc__follows_the_node), TEST(test_etc__whom_it_concerns),
        TEST(test_etc__no_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
