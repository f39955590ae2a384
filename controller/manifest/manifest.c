#include "controller/manifest/manifest.h"

#include "common/base/str.h"
#include "common/bus/sealed.h"
#include "common/data/yaml.h"
#include "common/kinds/pod_claims.h"

#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static void copy_keys(const struct value *from, struct value *to, const char *const *keys,
                      size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct value *item = value_get(from, keys[i]);
        if (item && value_type(item) != VALUE_NULL)
            value_set(to, keys[i], value_copy(item));
    }
}

/* A node acts on the end of these by itself, and looks at whose they are. */
static bool is_storage(const struct value *object)
{
    const char *kind = value_get_str(object, "kind");
    return str_eq(kind, "PersistentVolume") || str_eq(kind, "PersistentVolumeClaim");
}

struct value *manifest_strip(const struct value *object)
{
    static const char *const top[] = {"apiVersion", "kind"};
    static const char *const meta[] = {
        "name",
        "namespace",
        "uid",
        "labels",
        "annotations",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
    };
    static const char *const storage[] = {"finalizers", "ownerReferences"};
    static const char *const body[] = {"spec", "data", "binaryData", "type", "immutable"};
    struct value *out = value_new_map();
    copy_keys(object, out, top, ARRAY_LEN(top));
    struct value *to = value_set(out, "metadata", value_new_map());
    copy_keys(value_get(object, "metadata"), to, meta, ARRAY_LEN(meta));
    if (is_storage(object))
        copy_keys(value_get(object, "metadata"), to, storage, ARRAY_LEN(storage));
    struct value *annotations = value_get(to, "annotations");
    value_del(annotations, LAST_APPLIED);
    if (annotations && value_len(annotations) == 0)
        value_del(to, "annotations");
    copy_keys(object, out, body, ARRAY_LEN(body));
    return out;
}

int manifest_render(const struct value *object, struct buf *ret)
{
    cleanup(value_free) struct value *stripped = manifest_strip(object);
    return yaml_write(stripped, ret);
}

static size_t text_size(const struct value *manifest)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    return yaml_write(manifest, &text) == 0 ? text.len : SIZE_MAX;
}

size_t manifest_size(const struct value *object)
{
    cleanup(value_free) struct value *manifest = manifest_strip(object);
    size_t plain = text_size(manifest);
    size_t sealed = sealed_sketch(manifest) ? text_size(manifest) : 0;
    return plain > sealed ? plain : sealed;
}

static void tell(const struct value *ref, const char *field, const char *kind, manifest_ref_fn *fn,
                 void *ctx)
{
    const char *name = value_get_str(ref, field);
    if (!str_empty(name))
        fn(ctx, kind, name);
}

static void refs_of_container(const struct value *container, manifest_ref_fn *fn, void *ctx)
{
    const struct value *env = value_get(container, "env"), *from = value_get(container, "envFrom");
    for (size_t i = 0; i < value_len(env); i++) {
        const struct value *source = value_get(value_at(env, i), "valueFrom");
        tell(value_get(source, "configMapKeyRef"), "name", "ConfigMap", fn, ctx);
        tell(value_get(source, "secretKeyRef"), "name", "Secret", fn, ctx);
    }
    for (size_t i = 0; i < value_len(from); i++) {
        tell(value_get(value_at(from, i), "configMapRef"), "name", "ConfigMap", fn, ctx);
        tell(value_get(value_at(from, i), "secretRef"), "name", "Secret", fn, ctx);
    }
}

static void refs_of_sources(const struct value *sources, manifest_ref_fn *fn, void *ctx)
{
    for (size_t i = 0; i < value_len(sources); i++) {
        const struct value *source = value_at(sources, i);
        tell(value_get(source, "configMap"), "name", "ConfigMap", fn, ctx);
        tell(value_get(source, "secret"), "name", "Secret", fn, ctx);
    }
}

struct claim_refs {
    manifest_ref_fn *fn;
    void *ctx;
};

static void tell_claim(void *ctx, const char *claim, const struct value *volume, bool own)
{
    const struct claim_refs *refs = ctx;
    (void)volume;
    (void)own;
    refs->fn(refs->ctx, "PersistentVolumeClaim", claim);
}

static void refs_of_claim(const struct value *claim, manifest_ref_fn *fn, void *ctx)
{
    tell(value_get(claim, "spec"), "volumeName", "PersistentVolume", fn, ctx);
}

static void refs_of_pod(const struct value *pod, manifest_ref_fn *fn, void *ctx)
{
    static const char *const lists[] = {"initContainers", "containers", "ephemeralContainers"};
    const struct value *spec = value_get(pod, "spec");
    for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
        const struct value *list = value_get(spec, lists[l]);
        for (size_t i = 0; i < value_len(list); i++)
            refs_of_container(value_at(list, i), fn, ctx);
    }
    const struct value *pull = value_get(spec, "imagePullSecrets");
    for (size_t i = 0; i < value_len(pull); i++)
        tell(value_at(pull, i), "name", "Secret", fn, ctx);
    const struct value *volumes = value_get(spec, "volumes");
    for (size_t i = 0; i < value_len(volumes); i++) {
        const struct value *volume = value_at(volumes, i);
        tell(value_get(volume, "configMap"), "name", "ConfigMap", fn, ctx);
        tell(value_get(volume, "secret"), "secretName", "Secret", fn, ctx);
        refs_of_sources(value_get(value_get(volume, "projected"), "sources"), fn, ctx);
    }
    struct claim_refs refs = {fn, ctx};
    pod_claims_each(pod, tell_claim, &refs);
}

void manifest_refs(const struct value *object, manifest_ref_fn *fn, void *ctx)
{
    static const struct {
        const char *kind;
        void (*tell)(const struct value *object, manifest_ref_fn *fn, void *ctx);
    } kinds[] = {{"Pod", refs_of_pod}, {"PersistentVolumeClaim", refs_of_claim}};
    const char *kind = value_get_str(object, "kind");
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq(kinds[i].kind, kind))
            kinds[i].tell(object, fn, ctx);
}
