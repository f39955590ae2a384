#include "agent/runtime/cgroup.h"

#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LINE(root, mount, type, options)                                                           \
    "32 31 0:29 " root " " mount " rw,relatime - " type " " type " " options "\n"

static void test_cgroup__v2(void **state)
{
    (void)state;
    struct cgroup_host host;
    cgroup_parse_mountinfo(LINE("/", "/", "ext4", "rw")
                               LINE("/", "/sys/fs/cgroup", "cgroup2", "rw,nsdelegate"),
                           &host);
    assert_int_equal(host.count, 1);
    assert_true(host.trees[0].unified);
    assert_string_equal(host.trees[0].mount, "/sys/fs/cgroup");
}

static void test_cgroup__hybrid(void **state)
{
    (void)state;
    struct cgroup_host host;
    cgroup_parse_mountinfo(
        "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:7 master:2 - cgroup cgroup rw,cpu,cpuacct\n" LINE(
            "/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory")
            LINE("/", "/sys/fs/cgroup/systemd", "cgroup", "rw,xattr,name=systemd")
                LINE("/", "/sys/fs/cgroup/devices", "cgroup", "rw,devices")
                    LINE("/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids")
                        LINE("/", "/again/memory", "cgroup", "rw,memory")
                            LINE("/", "/sys/fs/cgroup/unified", "cgroup2", "rw"),
        &host);
    assert_int_equal(host.count, 4);
    assert_string_equal(host.trees[0].mount, "/sys/fs/cgroup/cpu,cpuacct");
    assert_string_equal(host.trees[0].names, "cpu,cpuacct");
    assert_int_equal(host.trees[0].controllers, CGROUP_CPU);
    assert_int_equal(host.trees[1].controllers, CGROUP_MEMORY);
    assert_string_equal(host.trees[1].mount, "/sys/fs/cgroup/memory");
    assert_int_equal(host.trees[2].controllers, CGROUP_PIDS);
    assert_true(host.trees[3].unified);
    assert_int_equal(cgroup_missing(&host), 0);
}

/* Without a unified tree v1's freezer is wanted, with one it is not. */
static void test_cgroup__freezer(void **state)
{
    (void)state;
    struct cgroup_host host;
    static const char v1[] = LINE("/", "/sys/fs/cgroup/memory", "cgroup", "rw,memory")
        LINE("/", "/sys/fs/cgroup/freezer", "cgroup", "rw,freezer");
    static const char both[] = LINE("/", "/sys/fs/cgroup/freezer", "cgroup", "rw,freezer")
        LINE("/", "/sys/fs/cgroup/unified", "cgroup2", "rw");
    cgroup_parse_mountinfo(v1, &host);
    assert_int_equal(host.count, 2);
    assert_int_equal(host.trees[1].controllers, CGROUP_FREEZER);
    autofree char *line = cgroup_print(&host);
    struct cgroup_host back;
    assert_int_equal(cgroup_scan(line, &back), 0);
    assert_int_equal(back.trees[1].controllers, CGROUP_FREEZER);
    cgroup_parse_mountinfo(both, &host);
    assert_int_equal(host.count, 1);
    assert_true(host.trees[0].unified);
    assert_int_equal(host.trees[0].controllers, 0);
}

/* Folders stand for trees. */
static void test_cgroup__freeze(void **state)
{
    (void)state;
    static const struct {
        bool unified;
        unsigned controllers;
        const char *file, *frozen, *thawed;
    } cases[] = {{true, 0, "cgroup.freeze", "1", "0"},
                 {false, CGROUP_FREEZER, "freezer.state", "FROZEN", "THAWED"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cgroup_host host = {
            .trees = {{.controllers = cases[i].controllers, .unified = cases[i].unified}},
            .count = 1};
        char path[128], text[16] = "";
        snprintf(host.trees[0].mount, sizeof(host.trees[0].mount), "/tmp/limpet-freeze-XXXXXX");
        assert_non_null(mkdtemp(host.trees[0].mount));
        snprintf(path, sizeof(path), "%s/pod", host.trees[0].mount);
        assert_int_equal(mkdir(path, 0700), 0);
        assert_false(cgroup_is_frozen(&host, "pod"));
        snprintf(path, sizeof(path), "%s/pod/%s", host.trees[0].mount, cases[i].file);
        for (int frozen = 1; frozen >= 0; frozen--) {
            FILE *file = fopen(path, "w");
            fclose(file);
            assert_int_equal(cgroup_freeze(&host, "pod", frozen), 0);
            file = fopen(path, "r");
            assert_non_null(fgets(text, sizeof(text), file));
            fclose(file);
            assert_string_equal(text, frozen ? cases[i].frozen : cases[i].thawed);
            assert_int_equal(cgroup_is_frozen(&host, "pod"), frozen);
        }
        unlink(path);
        snprintf(path, sizeof(path), "%s/pod", host.trees[0].mount);
        rmdir(path);
        rmdir(host.trees[0].mount);
    }
    const struct cgroup_host none = {.trees = {{.controllers = CGROUP_MEMORY}}, .count = 1};
    assert_int_equal(cgroup_freeze(&none, "pod", true), -ENOTSUP);
}

/* What is written where. "": that file is not there, and need not be. */
static void test_cgroup__io_and_huge_pages(void **state)
{
    (void)state;
    static const struct {
        bool unified;
        unsigned controllers;
        const char *file, *value;
    } cases[] = {
        {true, CGROUP_IO, "io.weight", "39"},
        {true, CGROUP_IO, "io.bfq.weight", "39"},
        {true, 0, "io.weight", ""},
        {false, CGROUP_IO, "blkio.weight", "195"},
        {false, CGROUP_IO, "blkio.bfq.weight", "39"},
        {true, CGROUP_HUGETLB, "hugetlb.2MB.max", "4194304"},
        {true, CGROUP_HUGETLB, "hugetlb.2MB.rsvd.max", "4194304"},
        {true, CGROUP_HUGETLB, "hugetlb.1GB.max", "0"},
        {true, CGROUP_HUGETLB, "hugetlb.64KB.max", ""}, /* not bounded */
        {false, CGROUP_HUGETLB, "hugetlb.2MB.limit_in_bytes", "4194304"},
        {false, 0, "hugetlb.2MB.limit_in_bytes", ""},
    };
    static const char *const always[] = {"hugetlb.2MB.max", "hugetlb.2MB.limit_in_bytes",
                                         "hugetlb.1GB.max", "hugetlb.1GB.limit_in_bytes"};
    const struct cgroup_limits limits = {
        .cpu_shares = 1024, .huge_bounded = 1 << 1 | 1 << 3, .huge = {7, 4 << 20, 7, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cgroup_host host = {
            .trees = {{.controllers = cases[i].controllers, .unified = cases[i].unified}},
            .count = 1};
        char command[256], path[128], text[32] = "";
        snprintf(host.trees[0].mount, sizeof(host.trees[0].mount), "/tmp/limpet-limits-XXXXXX");
        assert_non_null(mkdtemp(host.trees[0].mount));
        snprintf(path, sizeof(path), "%s/pod", host.trees[0].mount);
        assert_int_equal(mkdir(path, 0700), 0);
        for (size_t a = 0; a <= ARRAY_LEN(always); a++) {
            snprintf(path, sizeof(path), "%s/pod/%s", host.trees[0].mount,
                     a < ARRAY_LEN(always) ? always[a] : cases[i].file);
            fclose(fopen(path, "w"));
        }
        assert_int_equal(cgroup_create(&host, "pod", &limits, NULL), 0);
        FILE *file = fopen(path, "r");
        assert_int_equal(fgets(text, sizeof(text), file) != NULL, cases[i].value[0] != '\0');
        fclose(file);
        assert_string_equal(text, cases[i].value);
        snprintf(command, sizeof(command), "rm -r %s", host.trees[0].mount);
        assert_int_equal(system(command), 0);
    }
}

static void test_cgroup__blkio(void **state)
{
    (void)state;
    struct cgroup_host host;
    cgroup_parse_mountinfo(LINE("/", "/sys/fs/cgroup/blkio", "cgroup", "rw,blkio")
                               LINE("/", "/sys/fs/cgroup/hugetlb", "cgroup", "rw,hugetlb")
                                   LINE("/", "/sys/fs/cgroup/devices", "cgroup", "rw,devices"),
                           &host);
    assert_int_equal(host.count, 2);
    assert_int_equal(host.trees[0].controllers, CGROUP_IO);
    assert_int_equal(host.trees[1].controllers, CGROUP_HUGETLB);
}

/* What a group below one with processes takes of it: nothing, or neither could have any. */
static void test_cgroup__within(void **state)
{
    (void)state;
    struct cgroup_host host = {.trees = {{.controllers = CGROUP_ALL, .unified = true}}, .count = 1};
    struct err err = {0};
    char path[128], text[32];
    snprintf(host.trees[0].mount, sizeof(host.trees[0].mount), "/tmp/limpet-within-XXXXXX");
    assert_non_null(mkdtemp(host.trees[0].mount));
    snprintf(path, sizeof(path), "%s/pod", host.trees[0].mount);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/pod/cgroup.subtree_control", host.trees[0].mount);
    fclose(fopen(path, "w"));
    for (int again = 0; again < 2; again++)
        assert_int_equal(cgroup_create_within(&host, "pod/c1", &err), 0);
    assert_true(cgroup_exists(&host, "pod/c1"));
    FILE *file = fopen(path, "r");
    assert_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_int_equal(cgroup_create(&host, "pod/c2", NULL, &err), 0); /* as others do */
    file = fopen(path, "r");
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_int_equal(cgroup_create_within(&host, "other/c1", &err), -ENOENT);
    unlink(path);
    assert_int_equal(cgroup_remove(&host, "pod/c1"), 0);
    assert_int_equal(cgroup_remove(&host, "pod/c2"), 0);
    assert_int_equal(cgroup_remove(&host, "pod"), 0);
    rmdir(host.trees[0].mount);
}

static void test_cgroup__missing(void **state)
{
    (void)state;
    struct cgroup_host host;
    cgroup_parse_mountinfo("", &host);
    assert_int_equal(host.count, 0);
    assert_int_equal(cgroup_missing(&host), CGROUP_ALL);
    /* A Raspberry Pi as shipped. */
    cgroup_parse_mountinfo(LINE("/", "/sys/fs/cgroup/cpu", "cgroup", "rw,cpu")
                               LINE("/", "/sys/fs/cgroup/pids", "cgroup", "rw,pids"),
                           &host);
    assert_int_equal(cgroup_missing(&host), CGROUP_MEMORY);
    assert_string_equal(cgroup_controller_names(cgroup_missing(&host)), "memory");
    assert_string_equal(cgroup_controller_names(0), "");
    assert_string_equal(cgroup_controller_names(CGROUP_CPU | CGROUP_PIDS), "cpu, pids");
}

static void test_cgroup__odd_lines(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "\n",
        "a b c",
        "32 31 0:29 / /mnt rw - cgroup",
        "32 31 0:29 / /mnt rw - cgroup cgroup",
        "32 31 0:29 / /a\\040b rw - cgroup cgroup rw,memory",
        "32 31 0:29 / /0123456789012345678901234567890123456789012345678901234567890123456789 rw - cgroup c rw,memory",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 - cgroup c rw,memory",
        "32 31 0:29 / /mnt rw - cgroup cgroup rw,memoryx,xcpu",
    };
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct cgroup_host host;
        cgroup_parse_mountinfo(lines[i], &host);
        assert_int_equal(host.count, 0);
    }
}

static void test_cgroup__text(void **state)
{
    (void)state;
    struct cgroup_host host, back;
    cgroup_parse_mountinfo(LINE("/", "/sys/fs/cgroup/cpu,cpuacct", "cgroup", "rw,cpu,cpuacct")
                               LINE("/", "/sys/fs/cgroup/unified", "cgroup2", "rw"),
                           &host);
    autofree char *text = cgroup_print(&host);
    assert_string_equal(text,
                        "2:0:cpu,cpuacct:/sys/fs/cgroup/cpu,cpuacct;0:1::/sys/fs/cgroup/unified;");
    assert_int_equal(cgroup_scan(text, &back), 0);
    assert_int_equal(back.count, 2);
    assert_string_equal(back.trees[0].names, "cpu,cpuacct");
    assert_string_equal(back.trees[1].mount, "/sys/fs/cgroup/unified");
    assert_true(back.trees[1].unified && back.trees[0].controllers == CGROUP_CPU);
    assert_int_equal(cgroup_scan("", &back), 0);
    assert_int_equal(back.count, 0);
    static const char *const bad[] = {
        ";",
        "1",
        "1:0:a:/m",
        "g:0:a:/m;",
        "1:2:a:/m;",
        "1:0:a;",
        "1:0:a:;",
        "1:0::",
        "x",
        "1:0;/m;",
        "1:0:a:/m;1:0:a:/m;1:0:a:/m;1:0:a:/m;1:0:a:/m;1:0:a:/m;1:0:a:/m;1:0:a:/m;1:0:a:/m;"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(cgroup_scan(bad[i], &back), -EINVAL);
}

static void test_cgroup__weight(void **state)
{
    (void)state;
    static const struct {
        int64_t shares, weight;
    } cases[] = {{0, 1}, {2, 1}, {1024, 39}, {262144, 10000}, {INT64_MAX, 10000}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(cgroup_weight(cases[i].shares), cases[i].weight);
}

static void test_cgroup__stat_find(void **state)
{
    (void)state;
    static const struct {
        const char *text, *key;
        int64_t n;
    } cases[] = {
        {"usage_usec 1234\nuser_usec 5\n", "usage_usec", 1234},
        {"usage_usec 1234\nuser_usec 5\n", "user_usec", 5},
        {"total_inactive_file 7\ninactive_file 8\n", "inactive_file", 8},
        {"inactive_file_more 7\n", "inactive_file", -1},
        {"usage_usec -1\n", "usage_usec", -1},
        {"usage_usec 99999999999999999999\n", "usage_usec", -1},
        {"usage_usec x\n", "usage_usec", -1},
        {"usage_usec", "usage_usec", -1},
        {"\n\n", "usage_usec", -1},
        {"", "usage_usec", -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(cgroup_stat_find(cases[i].text, cases[i].key), cases[i].n);
}

/* What is not counted is not made up. */
static void test_cgroup__usage_of_nothing(void **state)
{
    (void)state;
    struct cgroup_host host = {0};
    struct cgroup_usage usage;
    cgroup_usage(&host, "limpet/none", &usage);
    assert_int_equal(usage.cpu_ns, -1);
    assert_int_equal(usage.memory_bytes, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cgroup__v2),
        cmocka_unit_test(test_cgroup__hybrid),
        cmocka_unit_test(test_cgroup__io_and_huge_pages),
        cmocka_unit_test(test_cgroup__blkio),
        cmocka_unit_test(test_cgroup__missing),
        cmocka_unit_test(test_cgroup__freezer),
        cmocka_unit_test(test_cgroup__freeze),
        cmocka_unit_test(test_cgroup__odd_lines),
        cmocka_unit_test(test_cgroup__weight),
        cmocka_unit_test(test_cgroup__text),
        cmocka_unit_test(test_cgroup__within),
        cmocka_unit_test(test_cgroup__stat_find),
        cmocka_unit_test(test_cgroup__usage_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
