#include "agent/pod/docs.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/manifest.h"

struct load {
    struct docs docs;
    const char *static_node_name;
    docs_problem_fn *problem;
    void *ctx;
};

void docs_done(struct docs *docs)
{
    for (size_t i = 0; i < docs->pod_count; i++)
        pod_spec_free(docs->pods[i]);
    for (size_t i = 0; i < docs->source_count; i++)
        value_free(docs->sources[i]);
    free(docs->pods);
    free(docs->sources);
    *docs = (struct docs){0};
}

static void add_pod(struct load *load, struct value *object)
{
    struct docs *docs = &load->docs;
    struct pod_spec *pod = NULL;
    struct err err = {0};
    if (pod_spec_new(object, load->static_node_name, &pod, &err) < 0) {
        load->problem(load->ctx, err.msg);
        return;
    }
    docs->pods = xreallocarray(docs->pods, docs->pod_count + 1, sizeof(*docs->pods));
    docs->pods[docs->pod_count++] = pod;
}

/* What pods are made of, beside their own manifest. */
static bool is_source(const char *kind)
{
    static const char *const kinds[] = {"ConfigMap", "Secret", "PersistentVolumeClaim",
                                        "PersistentVolume"};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kind, kinds[i]))
            return true;
    return false;
}

static int add(void *ctx, const struct schema_kind *kind, struct value *object)
{
    struct load *load = ctx;
    struct docs *docs = &load->docs;
    if (str_eq(kind->kind, "Pod")) {
        add_pod(load, object);
    } else if (is_source(kind->kind)) {
        docs->sources =
            xreallocarray(docs->sources, docs->source_count + 1, sizeof(*docs->sources));
        docs->sources[docs->source_count++] = object;
    } else {
        autofree char *message = xasprintf("a %s does nothing on a node: left out", kind->kind);
        load->problem(load->ctx, message);
        value_free(object);
    }
    return 0;
}

int docs_load(const char *text, size_t len, const char *file, const char *static_node_name,
              docs_problem_fn *problem, void *ctx, struct docs *ret, struct diags *diags)
{
    struct load load = {.static_node_name = static_node_name, .problem = problem, .ctx = ctx};
    int rc = manifest_load(text, len, file, add, &load, diags);
    if (rc < 0)
        docs_done(&load.docs);
    else
        *ret = load.docs;
    return rc;
}
