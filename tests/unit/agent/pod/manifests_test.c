#include "agent/pod/manifests.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tests/sim/fake/disk_fake.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DIR "/etc/limpet/manifests"
#define POD(name, image)                                                                           \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: " name "}\n"                                      \
    "spec:\n  containers:\n  - {name: main, image: " image "}\n"

struct fixture {
    struct disk_fake *disk;
    struct manifests *manifests;
    unsigned problems;
    char last[512];
};

static void problem(void *ctx, const char *file, const char *message)
{
    struct fixture *f = ctx;
    f->problems++;
    snprintf(f->last, sizeof(f->last), "%s: %s", file, message);
}

static void open_manifests(struct fixture *f)
{
    manifests_free(f->manifests);
    const struct manifests_spec spec = {.disk = disk_fake_disk(f->disk),
                                        .static_dir = DIR,
                                        .node_name = "pi",
                                        .problem = problem,
                                        .ctx = f};
    f->manifests = manifests_new(&spec);
    manifests_read(f->manifests);
}

static int set_up(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->disk = disk_fake_new(1, NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    manifests_free(f->manifests);
    disk_fake_free(f->disk);
    free(f);
    return 0;
}

static void plant(struct fixture *f, const char *name, const char *text)
{
    autofree char *path = xasprintf(DIR "/%s", name);
    disk_fake_plant(f->disk, path, text, strlen(text));
}

static size_t count(const struct fixture *f)
{
    size_t n = 0;
    while (manifests_pod_at(f->manifests, n))
        n++;
    return n;
}

static const struct pod_spec *find(const struct fixture *f, const char *name)
{
    const struct pod_spec *pod;
    for (size_t i = 0; (pod = manifests_pod_at(f->manifests, i)); i++)
        if (str_eq(pod->name, name))
            return pod;
    return NULL;
}

/* Never made is nothing; made and unreadable is not. */
static void test_manifests__no_directory(void **state)
{
    struct fixture *f = *state;
    open_manifests(f);
    assert_int_equal(count(f), 0);
    assert_int_equal(f->problems, 0);
    assert_false(manifests_may_want(f->manifests, "default", "web-pi", true));
    disk_fake_fail(f->disk, DISK_FAKE_LOOK, -EIO, 0, -1);
    open_manifests(f);
    assert_true(manifests_may_want(f->manifests, "default", "web-pi", true));
    assert_int_equal(f->problems, 1);
}

/* What did not change is not made anew. */
static void test_manifests__unchanged_files_are_kept(void **state)
{
    struct fixture *f = *state;
    plant(f, "a.yaml", POD("web", "x"));
    plant(f, "b.yaml", POD("db", "y"));
    open_manifests(f);
    const struct pod_spec *web = find(f, "web-pi"), *db = find(f, "db-pi");
    plant(f, "b.yaml", POD("db", "z"));
    manifests_read(f->manifests);
    assert_ptr_equal(find(f, "web-pi"), web);
    assert_ptr_not_equal(find(f, "db-pi"), db);
}

static void test_manifests__static_pods_get_names_and_uids(void **state)
{
    struct fixture *f = *state;
    plant(f, "a.yaml", POD("web", "x"));
    plant(f, "b.yml", POD("db", "y"));
    plant(f, "notes.txt", "not a manifest");
    plant(f, ".hidden.yaml", "kind: [");
    open_manifests(f);
    assert_int_equal(count(f), 2);
    assert_int_equal(f->problems, 0);
    const struct pod_spec *web = find(f, "web-pi");
    assert_non_null(web);
    assert_string_equal(web->ns, "default");
    assert_true(web->is_static);
    assert_int_equal(web->grace_s, 30);
    autofree char *uid = xstrdup(web->uid);
    open_manifests(f); /* the same after every restart */
    assert_string_equal(find(f, "web-pi")->uid, uid);
    assert_ptr_equal(manifests_pod(f->manifests, uid), find(f, "web-pi"));
    plant(f, "a.yaml", POD("web", "z"));
    manifests_read(f->manifests); /* other content is another pod */
    assert_string_not_equal(find(f, "web-pi")->uid, uid);
}

static void test_manifests__bad_files_keep_the_last_good(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {"", "kind: [", "apiVersion: v1\nkind: Pod\nmetadata: {}\n",
                                      POD("web", "x") "  bogus: 1\n",
                                      POD("web", "x") "---\nkind: Nonsense\napiVersion: v9\n"};
    plant(f, "a.yaml", POD("web", "x"));
    open_manifests(f);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        unsigned before = f->problems;
        plant(f, "a.yaml", bad[i]);
        manifests_read(f->manifests);
        if (!find(f, "web-pi"))
            fail_msg("bad file %zu took the pod away", i);
        assert_int_equal(f->problems, before + 1);
        assert_non_null(strstr(f->last, "a.yaml"));
        manifests_read(f->manifests); /* told once */
        assert_int_equal(f->problems, before + 1);
    }
    open_manifests(f); /* a new life never saw the good one */
    assert_int_equal(count(f), 0);
    assert_true(manifests_may_want(f->manifests, "default", "web-pi", true));
    plant(f, "a.yaml", POD("web", "x"));
    manifests_read(f->manifests);
    assert_false(manifests_may_want(f->manifests, "default", "other-pi", true));
}

/* A file that is taken away takes its pods; one that cannot be read does not. */
static void test_manifests__removed_or_unreadable(void **state)
{
    struct fixture *f = *state;
    struct disk *disk = disk_fake_disk(f->disk);
    struct err err = {0};
    plant(f, "a.yaml", POD("web", "x"));
    plant(f, "b.yaml", POD("db", "x"));
    open_manifests(f);
    disk_fake_fail(f->disk, DISK_FAKE_READ, -EIO, 0, -1);
    manifests_read(f->manifests);
    assert_int_equal(count(f), 2);
    disk_fake_heal(f->disk);
    disk_fake_fail(f->disk, DISK_FAKE_LOOK, -EIO, 0, -1);
    manifests_read(f->manifests);
    assert_int_equal(count(f), 2);
    disk_fake_heal(f->disk);
    assert_int_equal(disk->remove(disk, DIR "/b.yaml", &err), 0);
    manifests_read(f->manifests);
    assert_int_equal(count(f), 1);
    assert_null(find(f, "db-pi"));
}

static void test_manifests__first_of_a_name_wins(void **state)
{
    struct fixture *f = *state;
    plant(f, "a.yaml", POD("web", "x"));
    plant(f, "b.yaml", POD("web", "y"));
    open_manifests(f);
    assert_int_equal(count(f), 1);
    assert_int_equal(f->problems, 1);
    assert_non_null(strstr(f->last, "came first"));
}

static void test_manifests__sources_beside_pods(void **state)
{
    struct fixture *f = *state;
    plant(f, "a.yaml",
          POD("web", "x") "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: c, namespace: "
                          "default}\ndata: {k: v}\n---\napiVersion: v1\nkind: Namespace\n"
                          "metadata: {name: n}\n");
    open_manifests(f);
    assert_non_null(manifests_find(f->manifests, "ConfigMap", "default", "c"));
    assert_null(manifests_find(f->manifests, "Secret", "default", "c"));
    assert_null(manifests_find(f->manifests, "ConfigMap", "default", "d"));
    assert_int_equal(f->problems, 1);
    assert_non_null(strstr(f->last, "Namespace"));
}

#define HEAD "apiVersion: v1\nkind: PersistentVolume"

static void count_one(void *ctx, const struct value *object)
{
    assert_non_null(object);
    ++*(unsigned *)ctx;
}

/* Claims by their namespace, volumes by their name alone, and no name that leads elsewhere. */
static void test_manifests__claims(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        HEAD "Claim\nmetadata: {name: ../x}\nspec: {}\n",
        HEAD "Claim\nmetadata: {name: x, namespace: ../y}\nspec: {}\n",
        HEAD "\nmetadata: {name: a/b}\nspec: {}\n",
        HEAD "\nmetadata: {name: .gone}\nspec: {}\n",
        HEAD "\nmetadata: {name: x}\n",
    };
    plant(f, "a.yaml",
          HEAD "Claim\nmetadata: {name: c}\nspec: {volumeName: v}\n---\n" HEAD
               "\nmetadata: {name: v}\nspec: {local: {path: /srv}}\n");
    open_manifests(f);
    assert_non_null(manifests_find(f->manifests, "PersistentVolumeClaim", "default", "c"));
    const struct value *pv = manifests_find(f->manifests, "PersistentVolume", "", "v");
    assert_string_equal(value_str(value_path(pv, "spec", "local", "path", NULL)), "/srv");
    unsigned volumes = 0;
    manifests_each_source(f->manifests, "PersistentVolume", count_one, &volumes);
    assert_int_equal(volumes, 1);
    assert_int_equal(f->problems, 0);
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        plant(f, "b.yaml", bad[i]);
        open_manifests(f);
        if (f->problems != i + 1)
            fail_msg("%s", bad[i]);
    }
}

/* Without a desired state it is not known what the gateway wants: nothing of it may be stopped. */
static void test_manifests__no_desired_state_wants_anything(void **state)
{
    struct fixture *f = *state;
    open_manifests(f);
    assert_true(manifests_may_want(f->manifests, "default", "web", false));
    assert_true(manifests_may_want(f->manifests, "default", "web-pi", false));
    assert_false(manifests_may_want(f->manifests, "default", "web-pi", true));
}

/* What is removed for good must not only be wanted by nobody: it must be known that nobody does. */
static void test_manifests__rule_out(void **state)
{
    struct fixture *f = *state;
    const char *const uid = "11111111-2222-3333-4444-555555555555";
    open_manifests(f); /* no directory */
    assert_false(manifests_rule_out(f->manifests, uid, "default", "web-pi"));
    plant(f, ".keep", "");
    open_manifests(f);
    assert_true(manifests_rule_out(f->manifests, uid, "default", "web-pi"));
    /* A node that was never enrolled knows nothing of what a gateway may have wanted. */
    assert_false(manifests_rule_out(f->manifests, uid, "default", "web"));
    assert_false(manifests_rule_out(f->manifests, uid, NULL, NULL));
    plant(f, "a.yaml", POD("web", "x"));
    plant(f, "b.yaml", POD("web", "y"));
    open_manifests(f);
    autofree char *first = xstrdup(find(f, "web-pi")->uid);
    assert_false(manifests_rule_out(f->manifests, first, "default", "web-pi"));
    assert_true(manifests_rule_out(f->manifests, uid, "default", "web-pi"));
    plant(f, "a.yaml", POD("web", "y")); /* which was the second */
    plant(f, "b.yaml", POD("web", "x"));
    open_manifests(f);
    assert_false(manifests_rule_out(f->manifests, first, "default", "web-pi"));
    plant(f, "c.yaml", "kind: [");
    open_manifests(f);
    assert_false(manifests_rule_out(f->manifests, uid, "default", "web-pi"));
    disk_fake_fail(f->disk, DISK_FAKE_LOOK, -EIO, 0, -1);
    open_manifests(f);
    assert_false(manifests_rule_out(f->manifests, uid, "default", "web-pi"));
}

static void add_word(void *ctx, const char *image)
{
    size_t len = strlen(ctx);
    snprintf((char *)ctx + len, 128 - len, "%s ", image);
}

/* Those of the second pod of a name too; and whether that is all. */
static void test_manifests__each_image(void **state)
{
    struct fixture *f = *state;
    char images[128] = "";
    open_manifests(f);
    assert_false(manifests_each_image(f->manifests, add_word, images)); /* no directory */
    assert_string_equal(images, "");
    plant(f, "a.yaml",
          POD("web",
              "x") "  - {name: side, image: y}\n  volumes: [{name: v, image: {reference: w}}]\n");
    plant(f, "b.yaml", POD("web", "z"));
    open_manifests(f);
    assert_true(manifests_each_image(f->manifests, add_word, images));
    assert_string_equal(images, "x y w z ");
    plant(f, "c.yaml", "kind: [");
    open_manifests(f);
    images[0] = '\0';
    assert_false(manifests_each_image(f->manifests, add_word, images));
    assert_string_equal(images, "x y w z ");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_manifests__##name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(no_directory),
        TEST(unchanged_files_are_kept),
        TEST(static_pods_get_names_and_uids),
        TEST(bad_files_keep_the_last_good),
        TEST(removed_or_unreadable),
        TEST(first_of_a_name_wins),
        TEST(sources_beside_pods),
        TEST(claims),
        TEST(no_desired_state_wants_anything),
        TEST(rule_out),
        TEST(each_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
