#include "controller/sched/volume_index.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include "tests/unit/controller/lib/documents.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void put(struct volume_index *volumes, const char *name, const char *spec)
{
    autofree char *yaml = xasprintf("{metadata: {name: %s, labels: {is: %s}}, spec: {accessModes: "
                                    "[ReadWriteOnce, ReadOnlyMany], %s}}",
                                    name, name, spec);
    cleanup(value_free) struct value *volume = document(yaml);
    (void)volume_index_put(volumes, volume);
}

static const char *pick(const struct volume_index *volumes, const char *spec, const char *node)
{
    autofree char *yaml = xasprintf("{metadata: {name: c}, spec: {%s}}", spec);
    cleanup(value_free) struct value *claim = document(yaml);
    cleanup(claim_done) struct claim_view view = {0};
    struct sched_node where = {.name = (char *)(uintptr_t)node};
    claim_read(&view, claim);
    const struct volume_view *found = volume_index_pick(volumes, &view, node ? &where : NULL);
    return found ? found->name : "-";
}

#define SIZE(n) "resources: {requests: {storage: " n "}}"
#define RWO "accessModes: [ReadWriteOnce], "
#define NEAR(node)                                                                                 \
    "nodeAffinity: {required: {nodeSelectorTerms: [{matchFields: [{key: metadata.name, operator: " \
    "In, values: [" node "]}]}]}}, "

static void test_volume_index__pick(void **state)
{
    static const struct {
        const char *claim, *node, *name;
    } cases[] = {
        {RWO SIZE("1"), NULL, "small"},
        {RWO SIZE("1Gi"), NULL, "small"},
        {RWO SIZE("1025Mi"), NULL, "big"}, /* of equals the first by name */
        {RWO SIZE("3Gi"), NULL, "-"},
        {"accessModes: [ReadWriteOnce, ReadOnlyMany], " SIZE("1"), NULL, "small"},
        {"accessModes: [ReadWriteMany], " SIZE("1"), NULL, "-"},
        {RWO "volumeMode: Block, " SIZE("1"), NULL, "raw"},
        {RWO "storageClassName: fast, " SIZE("1"), NULL, "fast"},
        {RWO "storageClassName: slow, " SIZE("1"), NULL, "-"},
        {RWO "storageClassName: near, " SIZE("1"), "b", "on-b"},
        {RWO "storageClassName: near, " SIZE("1"), "c", "-"},
        {RWO "storageClassName: near, " SIZE("1"), NULL, "on-a"},
        {RWO SIZE("1"), "b", "small"},
        {RWO "selector: {matchLabels: {is: bigger}}, " SIZE("1"), NULL, "bigger"},
        {RWO "selector: {matchLabels: {is: mine}}, " SIZE("1"), NULL, "-"},
    };
    struct volume_index *volumes = volume_index_new();
    (void)state;
    put(volumes, "bigger", "capacity: {storage: 2Gi}");
    put(volumes, "small", "capacity: {storage: 1Gi}");
    put(volumes, "big", "capacity: {storage: 2Gi}");
    put(volumes, "raw", "volumeMode: Block, capacity: {storage: 1Gi}");
    put(volumes, "fast", "storageClassName: fast, capacity: {storage: 1Gi}");
    put(volumes, "mine", "claimRef: {namespace: d, name: c}, capacity: {storage: 1}");
    put(volumes, "on-b", NEAR("b") "storageClassName: near, capacity: {storage: 2Gi}");
    put(volumes, "on-a", NEAR("a") "storageClassName: near, capacity: {storage: 1Gi}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%zu: %s\n", i, cases[i].claim);
        assert_string_equal(pick(volumes, cases[i].claim, cases[i].node), cases[i].name);
    }
    /* What is taken, claimed or gone is not picked. */
    volume_index_get(volumes, "small")->taken = true;
    put(volumes, "small", "capacity: {storage: 1Gi}");
    assert_string_equal(pick(volumes, RWO SIZE("1"), NULL), "big");
    put(volumes, "big", "claimRef: {namespace: d, name: x, uid: u}, capacity: {storage: 2Gi}");
    assert_string_equal(pick(volumes, RWO SIZE("1"), NULL), "bigger");
    volume_index_drop(volumes, "bigger");
    assert_string_equal(pick(volumes, RWO SIZE("1"), NULL), "-");
    volume_index_get(volumes, "small")->taken = false;
    assert_string_equal(pick(volumes, RWO SIZE("1"), NULL), "small");
    volume_index_free(volumes);
}

static void count(void *ctx, struct volume_view *view)
{
    (void)view;
    (*(int *)ctx)++;
}

static void test_volume_index__of_a_claim(void **state)
{
    struct volume_index *volumes = volume_index_new();
    int all = 0;
    (void)state;
    put(volumes, "a", "claimRef: {namespace: d, name: c, uid: old}, capacity: {storage: 1}");
    put(volumes, "b", "claimRef: {namespace: d, name: c, uid: new}, capacity: {storage: 2}");
    put(volumes, "k", "claimRef: {namespace: d, name: kept}, capacity: {storage: 2}");
    assert_string_equal(volume_index_of(volumes, "d/c", "new")->name, "b");
    assert_string_equal(volume_index_of(volumes, "d/kept", "any")->name, "k");
    assert_null(volume_index_of(volumes, "d/c", "third"));
    assert_null(volume_index_of(volumes, "e/c", "new"));
    volume_index_each_of(volumes, "d/c", count, &all);
    assert_int_equal(all, 2);
    put(volumes, "b", "capacity: {storage: 2}");
    assert_null(volume_index_of(volumes, "d/c", "new"));
    volume_index_free(volumes);
}

/* However many: what is looked for is found without a walk over all of them. */
static void test_volume_index__many(void **state)
{
    struct volume_index *volumes = volume_index_new();
    (void)state;
    for (int i = 0; i < 20000; i++) {
        char name[16], spec[64];
        snprintf(name, sizeof(name), "v%05d", i);
        snprintf(spec, sizeof(spec), "capacity: {storage: %dMi}", 1 + (i * 7919) % 20000);
        put(volumes, name, spec);
    }
    for (int i = 20000; i > 0; i--) {
        char size[128];
        snprintf(size, sizeof(size), RWO SIZE("%dMi"), i);
        const char *name = pick(volumes, size, NULL);
        assert_string_not_equal(name, "-");
        volume_index_drop(volumes, name);
    }
    volume_index_free(volumes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_volume_index__pick),
        cmocka_unit_test(test_volume_index__of_a_claim),
        cmocka_unit_test(test_volume_index__many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
