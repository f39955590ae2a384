#include "controller/openapi/openapi_index.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/openapi/catalogue.h"
#include "controller/openapi/openapi_v3.h"

void openapi_index_done(struct openapi_index *index)
{
    for (size_t i = 0; i < index->count; i++) {
        free(index->all[i].group);
        free(index->all[i].version);
    }
    free(index->all);
    *index = (struct openapi_index){0};
}

static void hash_document(struct openapi_v3 *document, char ret[static SHA256_HEX + 1])
{
    struct sha256_ctx *hash = sha256_new();
    uint8_t digest[SHA256_LEN];
    for (bool more = true; more;) {
        cleanup(buf_done) struct buf piece = {0};
        more = openapi_v3_next(document, &piece);
        sha256_add(hash, buf_str(&piece), piece.len);
    }
    sha256_end(hash, digest);
    hex_encode(digest, sizeof(digest), ret);
}

static void add_entry(struct openapi_index *index, const struct kinds *kinds,
                      const struct schema_kind *kind)
{
    struct openapi_v3 *document = openapi_v3_new(kinds, kind->group, kind->version);
    index->all = xreallocarray(index->all, index->count + 1, sizeof(*index->all));
    struct openapi_entry *entry = &index->all[index->count++];
    *entry = (struct openapi_entry){xstrdup(kind->group), xstrdup(kind->version), ""};
    hash_document(document, entry->hash);
    openapi_v3_free(document);
}

static void renew(struct openapi_index *index, const struct kinds *kinds)
{
    if (index->count > 0)
        return;
    autofree const struct schema_kind **all = catalogue_new(kinds);
    for (size_t i = 0; all[i]; i++)
        if (i == 0 || !catalogue_same_version(all[i - 1], all[i]))
            add_entry(index, kinds, all[i]);
}

struct value *openapi_index_paths(struct openapi_index *index, const struct kinds *kinds)
{
    struct value *out = value_new_map(), *paths = value_set(out, "paths", value_new_map());
    renew(index, kinds);
    for (size_t i = 0; i < index->count; i++) {
        const struct openapi_entry *entry = &index->all[i];
        bool core = !*entry->group;
        autofree char *name = xasprintf("%s%s%s/%s", core ? "api" : "apis", core ? "" : "/",
                                        entry->group, entry->version);
        autofree char *url = xasprintf("/openapi/v3/%s?hash=%s", name, entry->hash);
        value_set_str(value_set(paths, name, value_new_map()), "serverRelativeURL", url);
    }
    return out;
}

const char *openapi_index_hash(struct openapi_index *index, const struct kinds *kinds,
                               const char *group, const char *version)
{
    renew(index, kinds);
    for (size_t i = 0; i < index->count; i++)
        if (str_eq(index->all[i].group, group) && str_eq(index->all[i].version, version))
            return index->all[i].hash;
    return NULL;
}
