/* Labels are kept by kernels without SELinux, too, where somebody may set them. */
#include "agent/volume/label.h"

#include "agent/runtime/selinux.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
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

#define LABEL "system_u:object_r:container_file_t:s0:c1,c2"
#define OTHER "system_u:object_r:container_file_t:s0:c3,c4"

static const char *const parts[] = {".", "d", "d/f", "d/link", "fifo"};

struct tree {
    char dir[64];
    int fd;
};

static void tree_make(struct tree *tree)
{
    snprintf(tree->dir, sizeof(tree->dir), "/tmp/limpet-label-XXXXXX");
    assert_non_null(mkdtemp(tree->dir));
    tree->fd = open(tree->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(tree->fd, "d", 0755), 0);
    close(openat(tree->fd, "d/f", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
    assert_int_equal(symlinkat("nowhere", tree->fd, "d/link"), 0);
    assert_int_equal(mkfifoat(tree->fd, "fifo", 0644), 0);
}

static void tree_done(struct tree *tree)
{
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    close(tree->fd);
    assert_int_equal(path_remove_tree(tmp, tree->dir + strlen("/tmp/")), 0);
}

static bool has(const struct tree *tree, const char *path, const char *label)
{
    autoclose int fd = openat(tree->fd, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    assert_true(fd >= 0);
    return selinux_has_label(fd, label);
}

/* Without rights, or on a file system without labels: not here. */
static bool can(const struct tree *tree)
{
    int rc = selinux_label(tree->fd, OTHER);
    if (rc < 0)
        print_message("labels cannot be set: %s\n", strerror(-rc));
    return rc == 0;
}

static void test_label__all_of_it(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    if (can(&tree)) {
        assert_int_equal(label_give(AT_FDCWD, tree.dir, NULL, true, NULL), 0);
        assert_true(has(&tree, ".", OTHER));
        assert_int_equal(label_give(AT_FDCWD, tree.dir, LABEL, false, NULL), 0);
        for (size_t i = 0; i < ARRAY_LEN(parts); i++)
            if (!has(&tree, parts[i], LABEL))
                fail_msg("%s", parts[i]);
    }
    tree_done(&tree);
}

/* What is in a folder that has the label is its pod's business, but for what the node has written
 * anew. */
static void test_label__once(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    if (can(&tree)) {
        assert_int_equal(label_give(AT_FDCWD, tree.dir, OTHER, false, NULL), 0);
        assert_false(has(&tree, "d/f", OTHER));
        assert_int_equal(label_give(AT_FDCWD, tree.dir, OTHER, true, NULL), 0);
        assert_true(has(&tree, "d/f", OTHER));
    }
    tree_done(&tree);
}

static void test_label__one_file(void **state)
{
    (void)state;
    struct tree tree;
    tree_make(&tree);
    autofree char *file = xasprintf("%s/d/f", tree.dir), *none = xasprintf("%s/none", tree.dir);
    if (can(&tree)) {
        assert_int_equal(label_give(AT_FDCWD, file, LABEL, false, NULL), 0);
        assert_true(has(&tree, "d/f", LABEL));
    }
    assert_int_equal(label_give(AT_FDCWD, none, LABEL, false, NULL), -ENOENT);
    tree_done(&tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label__all_of_it),
        cmocka_unit_test(test_label__once),
        cmocka_unit_test(test_label__one_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
