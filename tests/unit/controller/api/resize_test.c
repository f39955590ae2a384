#include "controller/api/resize.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    if (yaml_parse(text, strlen(text), &value, &diags) < 0)
        fail_msg("%s", text);
    return value;
}

#define ONE(resources_) "{spec: {containers: [{name: a, resources: {" resources_ "}}]}}"
#define POLICY "resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}], "
#define RESTARTS(resources_)                                                                       \
    "{spec: {containers: [{name: a, " POLICY "resources: {" resources_ "}}]}}"
#define INIT(more_, resources_)                                                                    \
    "{spec: {initContainers: [{name: i, " more_ "resources: {" resources_ "}}], "                  \
    "containers: [{name: a}]}}"
#define SIDECAR "restartPolicy: Always, "

static const struct {
    const char *stored, *next, *mistake; /* the first */
} rows[] = {
    {ONE("requests: {cpu: 1}"), ONE("requests: {cpu: 2}"), ""},
    {ONE("requests: {cpu: 1}"), ONE("requests: {cpu: 2}, limits: {cpu: 3}"), ""},
    {ONE("requests: {memory: 1Gi}"), ONE("requests: {memory: 1Mi}"), ""},
    {ONE("limits: {memory: 1Gi, cpu: 1}"), ONE("limits: {memory: 2Gi, cpu: 1}"), ""},
    /* Memory that may be in use is not taken away. */
    {ONE("limits: {memory: 1Gi, cpu: 1}"), ONE("limits: {memory: 1023Mi, cpu: 1}"),
     "spec.containers[0].resources.limits[memory]: Forbidden: memory limits cannot be decreased "
     "unless resizePolicy is RestartContainer"},
    {RESTARTS("limits: {memory: 1Gi, cpu: 1}"), RESTARTS("limits: {memory: 1Mi, cpu: 1}"), ""},
    {ONE("limits: {cpu: 2, memory: 1Gi}"), ONE("limits: {cpu: 1, memory: 1024Mi}"), ""},
    /* The class stays. */
    {ONE(""), ONE("requests: {cpu: 1}"),
     "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"},
    {ONE("limits: {cpu: 1, memory: 1Gi}, requests: {cpu: 1, memory: 1Gi}"),
     ONE("limits: {cpu: 1, memory: 2Gi}, requests: {cpu: 1, memory: 1Gi}"),
     "spec: Invalid value: \"Burstable\": Pod QOS Class may not change as a result of resizing"},
    /* What is said once is not taken back. */
    {ONE("requests: {cpu: 1, memory: 1Gi}"), ONE("requests: {cpu: 1}"),
     "spec.containers[0].resources.requests: Forbidden: resource requests cannot be removed"},
    {ONE("requests: {cpu: 1}, limits: {memory: 1Gi}"), ONE("requests: {cpu: 1}"),
     "spec.containers[0].resources.limits: Forbidden: resource limits cannot be removed"},
    /* Nothing else changes. */
    {ONE("requests: {cpu: 1}"), ONE("requests: {cpu: 1, ephemeral-storage: 1Gi}"),
     "spec: Forbidden: only cpu and memory resources are mutable"},
    {ONE("requests: {cpu: 1}"), RESTARTS("requests: {cpu: 1}"),
     "spec: Forbidden: only cpu and memory resources are mutable"},
    {ONE("requests: {cpu: 1}"), ONE("requests: {cpu: 1}, claims: [{name: x}]"),
     "spec: Forbidden: only cpu and memory resources are mutable"},
    {INIT("", "requests: {cpu: 1}"), INIT("", "requests: {cpu: 2}"),
     "spec: Forbidden: resources for non-sidecar init containers are immutable"},
    {INIT(SIDECAR, "requests: {cpu: 1}"), INIT(SIDECAR, "requests: {cpu: 2}"), ""},
    {INIT(SIDECAR, "requests: {cpu: 1}"), INIT(SIDECAR, "requests: {cpu: 1, a.b/c: 2}"),
     "spec: Forbidden: only cpu and memory resources for sidecar containers are mutable"},
    {INIT(SIDECAR, "limits: {memory: 2Gi}"), INIT(SIDECAR, "limits: {memory: 1Gi}"),
     "spec.initContainers[0].resources.limits[memory]: Forbidden: memory limits cannot be "
     "decreased unless resizePolicy is RestartContainer"},
    /* What a node's own folder says is not ours to change. */
    {"{metadata: {annotations: {kubernetes.io/config.mirror: x}}, spec: {containers: []}}",
     "{metadata: {annotations: {kubernetes.io/config.mirror: x}}, spec: {containers: []}}",
     ": Forbidden: static pods cannot be resized"},
};

static void test_resize__check(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        cleanup(value_free) struct value *stored = parse(rows[i].stored);
        cleanup(value_free) struct value *next = parse(rows[i].next);
        cleanup(diags_done) struct diags diags;
        cleanup(buf_done) struct buf text = {0};
        diags_init(&diags);
        resize_check(stored, next, &diags);
        if (diags.count > 0)
            (void)buf_addf(&text, "%s: %s", diags.items[0].path, diags.items[0].reason);
        if (!str_eq(buf_str(&text), rows[i].mistake))
            fail_msg("%s to %s: %s", rows[i].stored, rows[i].next, buf_str(&text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_resize__check)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
