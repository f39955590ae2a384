#include "controller/merge/patch_strategic.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "tests/unit/controller/lib/documents.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

static const char pod[] =
    "{metadata: {finalizers: [a/a, b/b], labels: {app: web}}, spec: {nodeName: pi, containers: ["
    "{name: app, image: i:1, env: [{name: A, value: x}, {name: B, value: y}], args: [a, b]}, "
    "{name: side, image: s:1}], volumes: [{name: v, emptyDir: {medium: Memory}}], "
    "tolerations: [{key: a, operator: Exists}]}}";

/* The object stays as it is; the result is what `want` says. NULL: the
 * patch is refused with the error. */
static void check(const char *object, const char *patch, const char *want, int error)
{
    cleanup(value_free) struct value *before = document(object);
    cleanup(value_free) struct value *over = document(patch);
    cleanup(value_free) struct value *after = NULL;
    struct err err = {0};
    int r = patch_strategic(kind_pod.type, before, over, &after, &err);
    print_message("%s: %s\n", patch, r ? err.msg : "applied");
    assert_int_equal(r, error);
    assert_document(before, object);
    if (want)
        assert_document(after, want);
    else
        assert_null(after);
}

static void test_patch_strategic__maps(void **state)
{
    (void)state;
    check("{spec: {nodeName: a, restartPolicy: Never}}", "{spec: {nodeName: b}}",
          "{spec: {nodeName: b, restartPolicy: Never}}", 0);
    check("{spec: {nodeName: a, restartPolicy: Never}}", "{spec: {nodeName: null}}",
          "{spec: {restartPolicy: Never}}", 0);
    check("{metadata: {labels: {a: b}}}", "{metadata: {labels: {c: d, e: null}}}",
          "{metadata: {labels: {a: b, c: d}}}", 0);
    check("{metadata: {labels: {a: b}}}", "{metadata: {labels: null}}", "{metadata: {}}", 0);
    check("{metadata: {labels: {a: b}}}", "{metadata: {labels: {$patch: replace, c: d}}}",
          "{metadata: {labels: {c: d}}}", 0);
    check("{metadata: {labels: {a: b}}}", "{metadata: {labels: {$patch: delete}}}",
          "{metadata: {labels: {}}}", 0);
    check("{metadata: {}}", "{metadata: {labels: {$patch: delete}}}", "{metadata: {}}", 0);
    check("{metadata: {}}", "{metadata: {labels: {$patch: merge}}}", NULL, -EINVAL);
    check("{metadata: {}}", "{metadata: {labels: {$patch: 5}}}", NULL, -EINVAL);
    check("{metadata: {}}", "[1]", NULL, -EINVAL);
    check("{metadata: 5}", "{metadata: {name: a}}", "{metadata: {name: a}}", 0);
    check("{}", "{what: {nobody: [knows]}}", "{what: {nobody: [knows]}}", 0);
    check("{what: {a: [1], b: 2}}", "{what: {a: [3]}}", "{what: {a: [3], b: 2}}", 0);
}

/* Of a budget another selector replaces the one there is; elsewhere they would be one. */
static void test_patch_strategic__objects_that_are_replaced(void **state)
{
    static const char before[] = "{spec: {minAvailable: 1, selector: {matchLabels: {a: b}}}}";
    static const struct {
        const struct schema_kind *kind;
        const char *want;
    } cases[] = {
        {&kind_pod_disruption_budget, "{spec: {minAvailable: 1, selector: {matchLabels: {c: d}}}}"},
        {&kind_deployment, "{spec: {minAvailable: 1, selector: {matchLabels: {a: b, c: d}}}}"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = document(before);
        cleanup(value_free) struct value *patch =
            document("{spec: {selector: {matchLabels: {c: d}}}}");
        cleanup(value_free) struct value *after = NULL;
        struct err err = {0};
        assert_int_equal(patch_strategic(cases[i].kind->type, object, patch, &after, &err), 0);
        assert_document(after, cases[i].want);
    }
}

static void test_patch_strategic__lists_by_key(void **state)
{
    (void)state;
    check("{spec: {containers: [{name: a, image: x}, {name: b, image: y}]}}",
          "{spec: {containers: [{name: b, image: z}]}}",
          "{spec: {containers: [{name: a, image: x}, {name: b, image: z}]}}", 0);
    check("{spec: {containers: [{name: a, image: x}]}}",
          "{spec: {containers: [{name: b, image: y}]}}",
          "{spec: {containers: [{name: b, image: y}, {name: a, image: x}]}}", 0);
    check(
        "{spec: {containers: [{name: a, env: [{name: A, value: x}, {name: B, value: y}]}]}}",
        "{spec: {containers: [{name: a, env: [{name: A, $patch: delete}, {name: C, value: z}]}]}}",
        "{spec: {containers: [{name: a, env: [{name: C, value: z}, {name: B, value: y}]}]}}", 0);
    check("{spec: {containers: [{name: a}, {name: b}]}}",
          "{spec: {containers: [{$patch: replace}, {name: c}]}}",
          "{spec: {containers: [{name: c}]}}", 0);
    check("{spec: {}}",
          "{spec: {containers: [{name: a, command: null}, {name: b, $patch: delete}]}}",
          "{spec: {containers: [{name: a}]}}", 0);
    check("{spec: {containers: [{name: a, ports: [{containerPort: 80, name: x}]}]}}",
          "{spec: {containers: [{name: a, ports: [{containerPort: 80, name: y}]}]}}",
          "{spec: {containers: [{name: a, ports: [{containerPort: 80, name: y}]}]}}", 0);
    check("{status: {conditions: [{type: A, status: 'False'}, {type: B, status: 'True'}]}}",
          "{status: {conditions: [{type: A, status: 'True'}]}}",
          "{status: {conditions: [{type: A, status: 'True'}, {type: B, status: 'True'}]}}", 0);
    check("{spec: {containers: [{name: a}]}}", "{spec: {containers: [{image: x}]}}", NULL, -ENOENT);
    check("{spec: {containers: [{name: a}]}}", "{spec: {containers: [{$patch: delete}]}}", NULL,
          -ENOENT);
    check("{spec: {containers: [{name: a}]}}", "{spec: {containers: [x]}}", NULL, -ENOENT);
    check("{spec: {containers: [{name: a}]}}", "{spec: {containers: [{name: a, $patch: merge}]}}",
          NULL, -EINVAL);
}

static void test_patch_strategic__sets_and_atomic_lists(void **state)
{
    (void)state;
    check("{metadata: {finalizers: [a/a, b/b]}}", "{metadata: {finalizers: [c/c, b/b]}}",
          "{metadata: {finalizers: [c/c, a/a, b/b]}}", 0);
    check("{metadata: {finalizers: [a/a, b/b]}}",
          "{metadata: {$deleteFromPrimitiveList/finalizers: [a/a, x/x]}}",
          "{metadata: {finalizers: [b/b]}}", 0);
    check("{metadata: {finalizers: [a/a, b/b]}}",
          "{metadata: {$deleteFromPrimitiveList/finalizers: [a/a], finalizers: [c/c], "
          "$setElementOrder/finalizers: [c/c, b/b]}}",
          "{metadata: {finalizers: [c/c, b/b]}}", 0);
    check("{metadata: {}}", "{metadata: {$deleteFromPrimitiveList/finalizers: [a/a]}}",
          "{metadata: {}}", 0);
    check("{metadata: {}}", "{metadata: {$deleteFromPrimitiveList/finalizers: a}}", NULL, -EINVAL);
    check("{spec: {tolerations: [{key: a}, {key: b}]}}", "{spec: {tolerations: [{key: c}]}}",
          "{spec: {tolerations: [{key: c}]}}", 0);
    check("{spec: {containers: [{name: a, args: [x, y]}]}}",
          "{spec: {containers: [{name: a, args: [z]}]}}",
          "{spec: {containers: [{name: a, args: [z]}]}}", 0);
    check("{spec: {tolerations: [{key: a}]}}", "{spec: {tolerations: null}}", "{spec: {}}", 0);
    /* One whose doubles are refused by a key, and which is replaced all the same. */
    check("{spec: {securityContext: {sysctls: [{name: a, value: b}]}}}",
          "{spec: {securityContext: {sysctls: [{name: c, value: d}]}}}",
          "{spec: {securityContext: {sysctls: [{name: c, value: d}]}}}", 0);
}

static void test_patch_strategic__order(void **state)
{
    (void)state;
    static const char three[] = "{spec: {containers: [{name: a}, {name: b}, {name: c}]}}";
    check(three, "{spec: {$setElementOrder/containers: [{name: c}, {name: a}]}}",
          "{spec: {containers: [{name: b}, {name: c}, {name: a}]}}", 0);
    check(three,
          "{spec: {$setElementOrder/containers: [{name: a}, {name: d}, {name: c}], "
          "containers: [{name: d}, {name: b, $patch: delete}]}}",
          "{spec: {containers: [{name: a}, {name: d}, {name: c}]}}", 0);
    check(three,
          "{spec: {$setElementOrder/containers: [{name: a}], containers: [{name: a}, {name: d}]}}",
          NULL, -EINVAL);
    check(three,
          "{spec: {$setElementOrder/containers: [{name: a}, {name: d}], "
          "containers: [{name: d}, {name: a}]}}",
          NULL, -EINVAL);
    check(three, "{spec: {$setElementOrder/containers: 5}}", NULL, -EINVAL);
    check("{spec: {}}", "{spec: {$setElementOrder/containers: [{name: a}]}}", "{spec: {}}", 0);
    check("{spec: {}}",
          "{spec: {$setElementOrder/containers: [{name: b}, {name: a}], "
          "containers: [{name: b}, {name: a}]}}",
          "{spec: {containers: [{name: b}, {name: a}]}}", 0);
}

static void test_patch_strategic__retain_keys(void **state)
{
    (void)state;
    static const char volume[] = "{spec: {volumes: [{name: v, emptyDir: {}}]}}";
    check(volume,
          "{spec: {volumes: [{$retainKeys: [name, configMap], name: v, emptyDir: null, "
          "configMap: {name: c}}]}}",
          "{spec: {volumes: [{name: v, configMap: {name: c}}]}}", 0);
    check(volume,
          "{spec: {volumes: [{$retainKeys: [name, configMap], name: v, configMap: {name: c}}]}}",
          "{spec: {volumes: [{name: v, configMap: {name: c}}]}}", 0);
    check(volume, "{spec: {volumes: [{$retainKeys: [name], name: v, configMap: {name: c}}]}}", NULL,
          -ENOENT);
    check(volume, "{spec: {volumes: [{$retainKeys: name, name: v}]}}", NULL, -EINVAL);
}

/* What kubectl sent for a changed manifest: everything at once. */
static void test_patch_strategic__as_kubectl_writes_it(void **state)
{
    (void)state;
    check(pod,
          "{metadata: {$setElementOrder/finalizers: [b/b], $deleteFromPrimitiveList/finalizers: "
          "[a/a]}, spec: {$setElementOrder/containers: [{name: side}, {name: app}], containers: "
          "[{$setElementOrder/env: [{name: B}, {name: C}], name: app, image: 'i:2', args: null, "
          "env: [{$patch: delete, name: A}, {name: C, value: z}]}], tolerations: null}}",
          "{metadata: {finalizers: [b/b], labels: {app: web}}, spec: {nodeName: pi, containers: ["
          "{name: side, image: 's:1'}, {name: app, image: 'i:2', env: [{name: B, value: y}, "
          "{name: C, value: z}]}], volumes: [{name: v, emptyDir: {medium: Memory}}]}}",
          0);
}

/* Lists as long as bodies have room for merge in one pass. */
static void test_patch_strategic__long_lists(void **state)
{
    (void)state;
    enum { ITEMS = 10000 };
    cleanup(value_free) struct value *object = document("{spec: {containers: []}}");
    cleanup(value_free) struct value *patch = document("{spec: {containers: []}}");
    for (int i = 0; i < ITEMS; i++) {
        autofree char *name = xasprintf("%d", i);
        struct value *item = value_new_map();
        value_set_str(item, "name", name);
        value_append(value_path(object, "spec", "containers", NULL), value_copy(item));
        value_set_str(item, "image", "i");
        value_insert(value_path(patch, "spec", "containers", NULL), 0, item);
    }
    cleanup(value_free) struct value *after = NULL;
    struct err err = {0};
    clock_t begin = clock();
    assert_int_equal(patch_strategic(kind_pod.type, object, patch, &after, &err), 0);
    assert_true(value_equal(value_path(after, "spec", NULL), value_path(patch, "spec", NULL)));
    assert_true((clock() - begin) / CLOCKS_PER_SEC < 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patch_strategic__maps),
        cmocka_unit_test(test_patch_strategic__objects_that_are_replaced),
        cmocka_unit_test(test_patch_strategic__lists_by_key),
        cmocka_unit_test(test_patch_strategic__sets_and_atomic_lists),
        cmocka_unit_test(test_patch_strategic__order),
        cmocka_unit_test(test_patch_strategic__retain_keys),
        cmocka_unit_test(test_patch_strategic__as_kubectl_writes_it),
        cmocka_unit_test(test_patch_strategic__long_lists),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
