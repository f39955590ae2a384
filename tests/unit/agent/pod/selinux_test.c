#include "agent/pod/selinux.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UID "11111111-2222-3333-4444-555555555555"
/* Of that pod alone. */
#define OWN "s0:c297,c870"

static char *read_text(const char *label)
{
    return xstrdup(label ? label : "-");
}

/* ---- what is asked for ---- */

static void test_selinux__asked(void **state)
{
    (void)state;
    static const struct {
        const char *pod, *container; /* beside containers; NULL: of the volumes */
        const char *process, *files;
        bool asked;
    } cases[] = {
        {"", "", "system_u:system_r:container_t:" OWN, "system_u:object_r:container_file_t:" OWN,
         false},
        {"", "'securityContext': {'seLinuxOptions': {'level': 's0:c1,c2'}}",
         "system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2",
         true},
        {"", "'securityContext': {'seLinuxOptions': {'user': 'u', 'role': 'r', 'type': 't'}}",
         "u:r:t:" OWN, "u:object_r:container_file_t:" OWN, true},
        {"'securityContext': {'seLinuxOptions': {'type': 'web_t', 'level': 's0:c1,c2'}},", "",
         "system_u:system_r:web_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2", true},
        /* the container's in the place of the pod's, but for a level that it does not say */
        {"'securityContext': {'seLinuxOptions': {'type': 'web_t', 'level': 's0:c1,c2'}},",
         "'securityContext': {'seLinuxOptions': {'role': 'r'}}", "system_u:r:container_t:s0:c1,c2",
         "system_u:object_r:container_file_t:s0:c1,c2", true},
        {"'securityContext': {'seLinuxOptions': {'level': 's0:c1,c2'}},",
         "'securityContext': {'seLinuxOptions': {'level': 's0'}}",
         "system_u:system_r:container_t:s0", "system_u:object_r:container_file_t:s0", true},
        {"'securityContext': {'seLinuxOptions': {}},", "", "system_u:system_r:container_t:" OWN,
         "system_u:object_r:container_file_t:" OWN, false},
        /* who may do anything is not kept apart */
        {"'securityContext': {'seLinuxOptions': {'type': 'web_t', 'level': 's0:c1,c2'}},",
         "'securityContext': {'privileged': true}", "system_u:system_r:spc_t:s0",
         "system_u:object_r:container_file_t:s0:c1,c2", false},
        {"'hostPID': true,", "", "system_u:system_r:spc_t:s0",
         "system_u:object_r:container_file_t:" OWN, false},
        {"'hostIPC': true,", "", "system_u:system_r:spc_t:s0", NULL, false},
        {"'hostNetwork': true,", "", "system_u:system_r:container_t:" OWN,
         "system_u:object_r:container_file_t:" OWN, false},
        /* what all containers share: as the first says who says something */
        {"", NULL, "system_u:system_r:container_t:s0:c7",
         "system_u:object_r:container_file_t:s0:c7", false},
        {"'securityContext': {'seLinuxOptions': {'level': 's0:c1,c2'}},", NULL,
         "system_u:system_r:container_t:s0:c1,c2", "system_u:object_r:container_file_t:s0:c1,c2",
         true},
    };
    cleanup(selinux_defaults_done) struct selinux_defaults defaults = selinux_defaults(NULL, true);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *level = "'securityContext': {'seLinuxOptions': {'level': 's0:c7'}}";
        autofree char *text = xasprintf("{'spec': {%s 'containers': [{%s}, {%s}]}}", cases[i].pod,
                                        cases[i].container ? cases[i].container : "",
                                        cases[i].container ? "" : level);
        for (char *p = text; *p; p++)
            if (*p == '\'')
                *p = '"';
        struct value *pod = NULL;
        struct err err = {0};
        assert_int_equal(json_parse(text, strlen(text), &pod, &err), 0);
        const struct value *containers = value_path(pod, "spec", "containers", NULL);
        cleanup(selinux_labels_done) struct selinux_labels labels =
            selinux_asked(&defaults, pod, UID, cases[i].container ? value_at(containers, 0) : NULL);
        assert_string_equal(labels.process, cases[i].process);
        assert_true(str_eq(labels.files, cases[i].files));
        assert_int_equal(labels.asked, cases[i].asked);
        value_free(pod);
    }
}

static void test_selinux__pods_are_kept_apart(void **state)
{
    (void)state;
    cleanup(selinux_defaults_done) struct selinux_defaults defaults = selinux_defaults(NULL, true);
    struct value *pod = value_new_map();
    static const char *const uids[] = {"a", "b", "c", "d", "e", "f"};
    char *levels[ARRAY_LEN(uids)];
    for (size_t i = 0; i < ARRAY_LEN(uids); i++) {
        cleanup(selinux_labels_done) struct selinux_labels labels = selinux_asked(&defaults, pod,
                                                                                  uids[i], NULL),
                                                           again = selinux_asked(&defaults, pod,
                                                                                 uids[i], NULL);
        assert_string_equal(labels.process, again.process);
        unsigned a, b;
        assert_int_equal(sscanf(labels.process, "system_u:system_r:container_t:s0:c%u,c%u", &a, &b),
                         2);
        assert_true(a < b && b < 1024);
        levels[i] = xstrdup(labels.process);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(levels[i], levels[j]);
    }
    for (size_t i = 0; i < ARRAY_LEN(uids); i++)
        free(levels[i]);
    value_free(pod);
}

static void test_selinux__defaults(void **state)
{
    (void)state;
    static const char text[] = "# file = \"x\"\nprocess = \"a:b:c:s0\"\n"
                               "  file=\"d:e:f:s0\"\r\nro_file = \"g\"\n";
    static const struct {
        const char *text;
        bool levels;
        const char *process, *files;
    } cases[] = {
        {text, true, "a:b:c:" OWN, "d:e:f:" OWN},
        {text, false, "a:b:c", "d:e:f"},
        {"process=a:b:c", false, "a:b:c", "system_u:object_r:container_file_t"},
        {"process", false, "system_u:system_r:container_t", "system_u:object_r:container_file_t"},
        {"process =\nfile = \"d", false, "system_u:system_r:container_t", "d::"},
        {"", true, "system_u:system_r:container_t:" OWN, "system_u:object_r:container_file_t:" OWN},
    };
    struct value *pod = value_new_map();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(selinux_defaults_done) struct selinux_defaults defaults =
            selinux_defaults(cases[i].text, cases[i].levels);
        cleanup(selinux_labels_done) struct selinux_labels labels =
            selinux_asked(&defaults, pod, UID, NULL);
        assert_string_equal(labels.process, cases[i].process);
        assert_string_equal(labels.files, cases[i].files);
    }
    value_free(pod);
}

/* ---- what the node has ---- */

struct node {
    struct disk disk;
    const char *mls, *own, *contexts; /* NULL: no such file */
    const char *unknown;              /* the policy knows no label with that in it */
};

static int node_read(struct disk *disk, const char *path, size_t max, struct buf *ret,
                     struct err *err)
{
    const struct node *node = (const struct node *)disk;
    (void)max;
    (void)err;
    const struct {
        const char *path, *text;
    } files[] = {
        {"/sys/fs/selinux/mls", node->mls},
        {"/proc/self/attr/current", node->own},
        {"/etc/selinux/config", "SELINUX=enforcing\nSELINUXTYPE=own\n"},
        {"/etc/selinux/own/contexts/lxc_contexts", node->contexts},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (files[i].text && str_eq(path, files[i].path))
            return buf_addstr(ret, files[i].text);
    return -ENOENT;
}

static int node_overwrite(struct disk *disk, const char *path, const void *data, size_t len,
                          mode_t mode, struct err *err)
{
    const struct node *node = (const struct node *)disk;
    (void)mode;
    (void)err;
    assert_string_equal(path, "/sys/fs/selinux/context");
    autofree char *label = xstrndup(data, len);
    return node->unknown && strstr(label, node->unknown) ? -EINVAL : 0;
}

static void test_selinux__of_the_node(void **state)
{
    (void)state;
    static const char agent[] = "system_u:system_r:init_t:s0";
    static const struct {
        const char *mls, *own, *contexts, *unknown;
        bool asks;
        const char *process, *files; /* "-": none */
        int rc;
        bool shared; /* the labels of the volumes */
    } cases[] = {
        {NULL, NULL, NULL, NULL, true, "-", "-", 0},
        {NULL, "docker-default (enforce)", NULL, NULL, true, "-", "-", 0},
        {"1", "kernel", NULL, NULL, true, "-", "-", 0}, /* no policy yet */
        {"1", agent, NULL, NULL, false, "system_u:system_r:container_t:" OWN,
         "system_u:object_r:container_file_t:" OWN, 0},
        {"0", agent, NULL, NULL, false, "system_u:system_r:container_t",
         "system_u:object_r:container_file_t", 0},
        {"1", agent, "process = \"u:r:lxc_t:s0\"\n", NULL, false, "u:r:lxc_t:" OWN,
         "system_u:object_r:container_file_t:" OWN, 0},
        {"1", agent, NULL, NULL, true, "system_u:system_r:web_t:" OWN,
         "system_u:object_r:container_file_t:" OWN, 0},
        /* nobody asked: as their agent runs, and their files as ever */
        {"1", agent, NULL, "container_t", false, "-", "-", 0},
        {"1", agent, NULL, ":s0:c", false, "-", "-", 0},
        {"1", agent, NULL, "container_file_t", true, "system_u:system_r:web_t:" OWN, "-", 0},
        {"1", agent, NULL, "web_t", true, "-", "-", -EINVAL},
        /* a container that asks for a label that is known finds volumes of its pod's */
        {"1", agent, NULL, "container_t", false, "-", "-", 0, true},
        {"1", agent, NULL, "container_t", true, "-", "system_u:object_r:container_file_t:" OWN, 0,
         true},
        {"1", agent, NULL, "container_", true, "-", "-", 0, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct node node = {.disk = {.read = node_read, .overwrite = node_overwrite},
                            .mls = cases[i].mls,
                            .own = cases[i].own,
                            .contexts = cases[i].contexts,
                            .unknown = cases[i].unknown};
        struct value *pod = value_new_map(), *container = value_new_map();
        struct err err = {0};
        if (cases[i].asks) {
            struct value *said = value_new_map(), *context = value_new_map();
            value_set_str(said, "type", "web_t");
            value_set(context, "seLinuxOptions", said);
            value_set(container, "securityContext", context);
        }
        struct value *spec = value_new_map(), *containers = value_new_list();
        value_append(containers, container);
        value_set(spec, "containers", containers);
        value_set(pod, "spec", spec);
        cleanup(selinux_labels_done) struct selinux_labels labels = {0};
        int rc =
            selinux_labels(&node.disk, pod, UID, cases[i].shared ? NULL : container, &labels, &err);
        assert_int_equal(rc, cases[i].rc);
        if (rc < 0)
            assert_string_equal(err.msg, "SELinux: the node's policy does not know the label "
                                         "\"system_u:system_r:web_t:" OWN "\"");
        autofree char *process = read_text(labels.process), *files = read_text(labels.files);
        assert_string_equal(process, cases[i].process);
        assert_string_equal(files, cases[i].files);
        value_free(pod);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selinux__asked),
        cmocka_unit_test(test_selinux__pods_are_kept_apart),
        cmocka_unit_test(test_selinux__defaults),
        cmocka_unit_test(test_selinux__of_the_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
