#include "agent/image/manifest.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

enum layer_kind { LAYER_TAR, LAYER_FOREIGN };

static const struct {
    const char *type;
    enum manifest_kind kind;
} manifest_types[] = {
    {"application/vnd.oci.image.manifest.v1+json", MANIFEST_IMAGE},
    {"application/vnd.docker.distribution.manifest.v2+json", MANIFEST_IMAGE},
    {"application/vnd.oci.image.index.v1+json", MANIFEST_INDEX},
    {"application/vnd.docker.distribution.manifest.list.v2+json", MANIFEST_INDEX},
};

/* The compression is seen in the bytes themselves. */
static const struct {
    const char *type;
    enum layer_kind kind;
} layer_types[] = {
    {"application/vnd.oci.image.layer.v1.tar", LAYER_TAR},
    {"application/vnd.oci.image.layer.v1.tar+gzip", LAYER_TAR},
    {"application/vnd.oci.image.layer.v1.tar+zstd", LAYER_TAR},
    {"application/vnd.docker.image.rootfs.diff.tar", LAYER_TAR},
    {"application/vnd.docker.image.rootfs.diff.tar.gzip", LAYER_TAR},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar", LAYER_FOREIGN},
    {"application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", LAYER_FOREIGN},
    {"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", LAYER_FOREIGN},
};

static bool find_type(const char *type, size_t len, enum manifest_kind *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(manifest_types); i++) {
        const char *known = manifest_types[i].type;
        if (strlen(known) != len || memcmp(known, type, len) != 0)
            continue;
        *ret = manifest_types[i].kind;
        return true;
    }
    return false;
}

static void set_text(char *to, size_t size, const char *from)
{
    snprintf(to, size, "%s", from ? from : "");
}

static int parse_descriptor(const struct value *value, const char *what, struct descriptor *ret,
                            struct err *err)
{
    const char *digest = value_get_str(value, "digest");
    if (!digest_valid(digest))
        return err_set(err, -EINVAL, "%s: digest \"%.80s\" is not sha256: and 64 digits", what,
                       digest ? digest : "");
    int64_t size = value_get_int(value, "size", -1);
    if (size < 0 || size > BLOB_MAX_BYTES)
        return err_set(err, -EINVAL, "%s: size %lld is not 0 to %lld bytes", what, (long long)size,
                       (long long)BLOB_MAX_BYTES);
    set_text(ret->digest, sizeof(ret->digest), digest);
    ret->size = size;
    return 0;
}

/* Entries of a type that is unknown (attestations, charts) are passed over. */
static int parse_entry(const struct value *value, struct manifest *manifest, struct err *err)
{
    struct descriptor entry = {0};
    const char *type = value_get_str(value, "mediaType");
    if (!type || !find_type(type, strlen(type), &entry.kind))
        return 0;
    int rc = parse_descriptor(value, "index", &entry, err);
    if (rc < 0)
        return rc;
    const struct value *platform = value_get(value, "platform");
    set_text(entry.platform.os, sizeof(entry.platform.os), value_get_str(platform, "os"));
    set_text(entry.platform.arch, sizeof(entry.platform.arch),
             value_get_str(platform, "architecture"));
    set_text(entry.platform.variant, sizeof(entry.platform.variant),
             value_get_str(platform, "variant"));
    const struct value *notes = value_get(value, "annotations");
    const char *name = value_get_str(notes, "io.containerd.image.name");
    set_text(entry.name, sizeof(entry.name),
             name ? name : value_get_str(notes, "org.opencontainers.image.ref.name"));
    manifest->items[manifest->count++] = entry;
    return 0;
}

static int parse_layer(const struct value *value, struct manifest *manifest, struct err *err)
{
    char what[32];
    snprintf(what, sizeof(what), "layer %zu", manifest->count + 1);
    const char *type = value_get_str(value, "mediaType");
    for (size_t i = 0; i < ARRAY_LEN(layer_types); i++) {
        if (!str_eq(layer_types[i].type, type))
            continue;
        if (layer_types[i].kind == LAYER_FOREIGN)
            return err_set(err, -EINVAL, "%s: layers kept elsewhere (foreign) are not fetched",
                           what);
        int rc = parse_descriptor(value, what, &manifest->items[manifest->count], err);
        if (rc == 0)
            manifest->count++;
        return rc;
    }
    return err_set(err, -EINVAL, "%s: media type \"%.100s\" is not a layer this node can unpack",
                   what, type ? type : "");
}

static int parse_items(const struct value *list, struct manifest *manifest, size_t max,
                       int (*one)(const struct value *value, struct manifest *manifest,
                                  struct err *err),
                       struct err *err)
{
    size_t count = value_len(list);
    if (value_type(list) != VALUE_LIST)
        return err_set(err, -EINVAL, "the manifest has no list of %s",
                       manifest->kind == MANIFEST_INDEX ? "manifests" : "layers");
    if (count > max)
        return err_set(err, -EINVAL, "%zu %s, more than %zu", count,
                       manifest->kind == MANIFEST_INDEX ? "manifests" : "layers", max);
    manifest->items = xcalloc(count + 1, sizeof(*manifest->items));
    for (size_t i = 0; i < count; i++) {
        int rc = one(value_at(list, i), manifest, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int parse_image(const struct value *doc, struct manifest *manifest, struct err *err)
{
    int rc = parse_descriptor(value_get(doc, "config"), "config", &manifest->config, err);
    if (rc == 0 && manifest->config.size > MANIFEST_MAX_BYTES)
        rc = err_set(err, -EINVAL, "config of %lld bytes, more than %d",
                     (long long)manifest->config.size, MANIFEST_MAX_BYTES);
    if (rc == 0)
        rc = parse_items(value_get(doc, "layers"), manifest, MANIFEST_MAX_LAYERS, parse_layer, err);
    int64_t total = 0;
    for (size_t i = 0; rc == 0 && i < manifest->count; i++)
        total += manifest->items[i].size;
    if (total > IMAGE_MAX_BYTES)
        rc = err_set(err, -EINVAL, "layers of %lld bytes, more than %lld", (long long)total,
                     (long long)IMAGE_MAX_BYTES);
    return rc;
}

/* What it is, said in up to three places, which must agree (CVE-2021-41190). */
static int find_kind(const struct value *doc, const char *content_type, enum manifest_kind *ret,
                     struct err *err)
{
    bool as_index = value_get(doc, "manifests") != NULL;
    bool as_image = value_get(doc, "layers") || value_get(doc, "config");
    if (as_index && as_image && !WEAKENED(IMAGE_AMBIGUOUS))
        return err_set(err, -EINVAL, "ambiguous: both an index and a manifest");
    if (!as_index && !as_image)
        return err_set(err, -EINVAL, "neither an index nor a manifest");
    *ret = as_index ? MANIFEST_INDEX : MANIFEST_IMAGE;
    const char *said[] = {value_get_str(doc, "mediaType"), content_type};
    for (size_t i = 0; i < ARRAY_LEN(said); i++) {
        enum manifest_kind kind = MANIFEST_IMAGE;
        size_t len = str_empty(said[i]) ? 0 : strcspn(said[i], "; ");
        if (len > 0 && find_type(said[i], len, &kind) && kind != *ret && !WEAKENED(IMAGE_AMBIGUOUS))
            return err_set(err, -EINVAL, "ambiguous: called %.100s, but it is %s", said[i],
                           as_index ? "an index" : "a manifest");
        if (i == 0 && len > 0 && !find_type(said[i], len, &kind))
            return err_set(err, -EINVAL, "media type \"%.100s\" is not an image", said[i]);
    }
    return 0;
}

int manifest_parse(const char *text, size_t len, const char *content_type, struct manifest **ret,
                   struct err *err)
{
    if (len > MANIFEST_MAX_BYTES)
        return err_set(err, -EINVAL, "manifest of %zu bytes, more than %d", len,
                       MANIFEST_MAX_BYTES);
    cleanup(value_free) struct value *doc = NULL;
    int rc = json_parse(text, len, &doc, err);
    if (rc < 0)
        return err_wrap(err, "manifest");
    if (value_get_int(doc, "schemaVersion", 0) != 2)
        return err_set(err, -EINVAL, "manifest: schemaVersion must be 2 (push the image anew)");
    cleanup(manifest_free) struct manifest *manifest = xcalloc(1, sizeof(*manifest));
    rc = find_kind(doc, content_type, &manifest->kind, err);
    if (rc == 0 && manifest->kind == MANIFEST_INDEX)
        rc = parse_items(value_get(doc, "manifests"), manifest, MANIFEST_MAX_ENTRIES, parse_entry,
                         err);
    else if (rc == 0)
        rc = parse_image(doc, manifest, err);
    if (rc < 0)
        return err_wrap(err, "manifest");
    *ret = steal(manifest);
    return 0;
}

void manifest_free(struct manifest *manifest)
{
    if (!manifest)
        return;
    free(manifest->items);
    free(manifest);
}
