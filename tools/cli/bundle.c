#include "tools/cli/bundle.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#define MAX_DEPTH 4 /* indexes in indexes */
#define MAX_IMAGES 256
#define OCI_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_LAYER "application/vnd.oci.image.layer.v1.tar"

struct reader {
    struct bundle *bundle;
    struct bundle_image *image; /* that is being made */
    bool (*tick)(void *ctx);
    void *ctx;
};

void bundle_free(struct bundle *bundle)
{
    if (!bundle)
        return;
    for (size_t i = 0; i < bundle->count; i++) {
        struct bundle_image *image = &bundle->images[i];
        for (size_t n = 0; n < image->count; n++) {
            free(image->steps[n].text);
            free(image->steps[n].type);
        }
        free(image->steps);
        free(image->name);
    }
    free(bundle->images);
    archive_free(bundle->archive);
    free(bundle);
}

static struct bundle_image *add_image(struct bundle *bundle, const char *name)
{
    bundle->images = xreallocarray(bundle->images, bundle->count + 1, sizeof(*bundle->images));
    struct bundle_image *image = &bundle->images[bundle->count++];
    *image = (struct bundle_image){.name = xstrdup(name ? name : "")};
    return image;
}

/* NULL: it is there already. */
static int add_step(struct bundle_image *image, const char *digest, struct bundle_step **ret,
                    struct err *err)
{
    *ret = NULL;
    for (size_t i = 0; i < image->count; i++)
        if (str_eq(image->steps[i].digest, digest))
            return 0;
    if (image->count == BUNDLE_MAX_STEPS)
        return err_set(err, -E2BIG, "an image of more than %d parts", BUNDLE_MAX_STEPS);
    image->steps = xreallocarray(image->steps, image->count + 1, sizeof(*image->steps));
    *ret = &image->steps[image->count++];
    **ret = (struct bundle_step){0};
    snprintf((*ret)->digest, sizeof((*ret)->digest), "%s", digest);
    return 0;
}

static int add_manifest(struct bundle_image *image, const char *digest, const char *type,
                        struct buf *text, struct err *err)
{
    struct bundle_step *step;
    int r = add_step(image, digest, &step, err);
    if (!step)
        return r;
    step->type = xstrdup(type);
    step->text = buf_steal(text, &step->len);
    return 0;
}

/* ---- OCI layouts ---- */

static int read_json(struct reader *reader, const char *name, struct buf *text, struct value **ret,
                     struct err *err)
{
    int r = archive_read(reader->bundle->archive, name, BUNDLE_MAX_MANIFEST, text, err);
    if (r == 0 && (r = json_parse(buf_str(text), text->len, ret, err)) != 0)
        return err_wrap(err, "%s", name);
    return r;
}

/* "blobs/sha256/HEX" of a descriptor. */
static int blob_name(const struct value *descriptor, const char **ret_digest, char **ret,
                     struct err *err)
{
    static const char prefix[] = "sha256:";
    const char *digest = value_get_str(descriptor, "digest");
    const char *hex = digest && str_has_prefix(digest, prefix) ? digest + strlen(prefix) : "";
    if (strlen(hex) != SHA256_HEX || strspn(hex, "0123456789abcdef") != SHA256_HEX)
        return err_set(err, -EINVAL, "a descriptor has no digest of sha256");
    *ret_digest = digest;
    *ret = xasprintf("blobs/sha256/%s", hex);
    return 0;
}

static int add_blob(struct reader *reader, const struct value *descriptor, struct err *err)
{
    const char *digest;
    autofree char *name = NULL;
    struct piece piece;
    struct bundle_step *step;
    int r = blob_name(descriptor, &digest, &name, err);
    if (r)
        return r;
    if (value_len(value_get(descriptor, "urls")) > 0)
        return 0; /* from elsewhere */
    if (archive_find(reader->bundle->archive, name, &piece) != 0)
        return err_set(err, -ENOENT, "%s is not in it", name);
    r = add_step(reader->image, digest, &step, err);
    if (step)
        step->piece = piece;
    return r;
}

static int add_document(struct reader *reader, const struct value *descriptor, int depth,
                        struct err *err);

static int add_needs(struct reader *reader, const struct value *document, int depth,
                     struct err *err)
{
    const struct value *manifests = value_get(document, "manifests");
    const struct value *layers = value_get(document, "layers");
    int r = 0;
    for (size_t i = 0; r == 0 && i < value_len(manifests); i++)
        r = add_document(reader, value_at(manifests, i), depth + 1, err);
    for (size_t i = 0; r == 0 && i < value_len(layers); i++)
        r = add_blob(reader, value_at(layers, i), err);
    if (r == 0 && !manifests)
        r = add_blob(reader, value_get(document, "config"), err);
    return r;
}

/* A manifest or index, with all that it needs in front of it. */
static int add_document(struct reader *reader, const struct value *descriptor, int depth,
                        struct err *err)
{
    const char *digest;
    autofree char *name = NULL;
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *document = NULL;
    if (depth > MAX_DEPTH)
        return err_set(err, -EINVAL, "indexes in indexes");
    int r = blob_name(descriptor, &digest, &name, err);
    if (r == 0)
        r = read_json(reader, name, &text, &document, err);
    if (r == 0)
        r = add_needs(reader, document, depth, err);
    const char *type = value_get_str(descriptor, "mediaType");
    if (r == 0)
        r = add_manifest(reader->image, digest, type ? type : OCI_MANIFEST, &text, err);
    return r;
}

static const char *name_of(const struct value *descriptor)
{
    static const char *const keys[] = {"io.containerd.image.name",
                                       "org.opencontainers.image.ref.name"};
    const struct value *annotations = value_get(descriptor, "annotations");
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (value_get_str(annotations, keys[i]))
            return value_get_str(annotations, keys[i]);
    return "";
}

static int read_layout(struct reader *reader, struct err *err)
{
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *index = NULL;
    int r = read_json(reader, "index.json", &text, &index, err);
    if (r)
        return r;
    const struct value *manifests = value_get(index, "manifests");
    if (value_len(manifests) > MAX_IMAGES)
        return err_set(err, -E2BIG, "more than %d images are in it", MAX_IMAGES);
    for (size_t i = 0; r == 0 && i < value_len(manifests); i++) {
        const struct value *descriptor = value_at(manifests, i);
        reader->image = add_image(reader->bundle, name_of(descriptor));
        r = add_document(reader, descriptor, 0, err);
    }
    return r;
}

/* ---- docker save ---- */

static bool is_gzip(const struct piece *piece)
{
    unsigned char magic[2] = {0};
    return pread(piece->fd, magic, 2, piece->at) == 2 && magic[0] == 0x1f && magic[1] == 0x8b;
}

/* A file of the archive as a blob, and as a descriptor in `to`. */
static int add_file(struct reader *reader, const char *name, const char *type, struct value *to,
                    struct err *err)
{
    struct piece piece;
    struct bundle_step *step;
    char digest[72];
    if (!name || archive_find(reader->bundle->archive, name, &piece) != 0)
        return err_set(err, -ENOENT, "%s is not in it", name ? name : "a layer");
    int r = piece_digest(&piece, digest, reader->tick, reader->ctx, err);
    if (r == 0)
        r = add_step(reader->image, digest, &step, err);
    if (r)
        return r;
    if (step)
        step->piece = piece;
    autofree char *media =
        xasprintf("%s%s", type, str_eq(type, OCI_LAYER) && is_gzip(&piece) ? "+gzip" : "");
    value_set_str(to, "mediaType", media);
    value_set_str(to, "digest", digest);
    value_set_int(to, "size", piece.size);
    return 0;
}

static int add_docker_image(struct reader *reader, const struct value *item, struct err *err)
{
    cleanup(value_free) struct value *manifest = value_new_map();
    cleanup(buf_done) struct buf text = {0};
    char digest[72] = "sha256:";
    value_set_int(manifest, "schemaVersion", 2);
    value_set_str(manifest, "mediaType", OCI_MANIFEST);
    int r = add_file(reader, value_get_str(item, "Config"), OCI_CONFIG,
                     value_make_map(manifest, "config", NULL), err);
    struct value *layers = value_set(manifest, "layers", value_new_list());
    const struct value *names = value_get(item, "Layers");
    for (size_t i = 0; r == 0 && i < value_len(names); i++) {
        struct value *layer = value_new_map();
        value_append(layers, layer);
        r = add_file(reader, value_str(value_at(names, i)), OCI_LAYER, layer, err);
    }
    if (r)
        return r;
    (void)json_write(manifest, &text);
    sha256_hex(text.data, text.len, digest + strlen(digest));
    return add_manifest(reader->image, digest, OCI_MANIFEST, &text, err);
}

static int read_docker(struct reader *reader, struct err *err)
{
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *list = NULL;
    int r = read_json(reader, "manifest.json", &text, &list, err);
    if (r)
        return r;
    if (value_len(list) > MAX_IMAGES)
        return err_set(err, -E2BIG, "more than %d images are in it", MAX_IMAGES);
    for (size_t i = 0; r == 0 && i < value_len(list); i++) {
        const struct value *item = value_at(list, i), *tags = value_get(item, "RepoTags");
        for (size_t n = 0; r == 0 && n < (value_len(tags) ? value_len(tags) : 1); n++) {
            reader->image = add_image(reader->bundle, value_str(value_at(tags, n)));
            r = add_docker_image(reader, item, err);
        }
    }
    return r;
}

int bundle_open(const char *path, bool (*tick)(void *ctx), void *ctx, struct bundle **ret,
                struct err *err)
{
    cleanup(bundle_free) struct bundle *bundle = xcalloc(1, sizeof(*bundle));
    struct reader reader = {bundle, NULL, tick, ctx};
    struct piece unused;
    int r = archive_open(path, &bundle->archive, err);
    if (r)
        return r;
    if (archive_find(bundle->archive, "index.json", &unused) == 0)
        r = read_layout(&reader, err);
    else if (archive_find(bundle->archive, "manifest.json", &unused) == 0)
        r = read_docker(&reader, err);
    else
        r = err_set(err, -EINVAL,
                    "neither index.json (OCI) nor manifest.json (docker save) is in "
                    "it");
    if (r == 0 && bundle->count == 0)
        r = err_set(err, -EINVAL, "no image is in it");
    if (r)
        return err_wrap(err, "%s", path);
    *ret = steal(bundle);
    return 0;
}
