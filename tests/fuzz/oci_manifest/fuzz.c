/* What a registry answers: a manifest or index, or a config (after a first byte 'c'). */

#include "agent/image/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void try_config(const char *text, size_t len)
{
    for (size_t layers = 0; layers < 3; layers++) {
        cleanup(image_config_free) struct image_config *config = NULL;
        struct err err = {0};
        int rc = image_config_parse(text, len, layers, &config, &err);
        check(rc < 0 ? !config && err.code == rc && *err.msg : config->diff_id_count == layers);
        for (size_t i = 0; config && i < layers; i++)
            check(digest_valid(config->diff_ids[i]));
        for (size_t i = 0; config && config->volumes[i]; i++)
            check(config->volumes[i][0] == '/' && !strstr(config->volumes[i], "/../"));
    }
}

static void try_manifest(const char *text, size_t len)
{
    cleanup(manifest_free) struct manifest *m = NULL;
    struct err err = {0};
    int rc = manifest_parse(text, len, NULL, &m, &err);
    if (rc < 0) {
        check(!m && err.code == rc && *err.msg);
        return;
    }
    check(m->count <= MANIFEST_MAX_ENTRIES);
    for (size_t i = 0; i < m->count; i++)
        check(digest_valid(m->items[i].digest) && m->items[i].size >= 0 &&
              m->items[i].size <= BLOB_MAX_BYTES);
    struct platform platforms[PLATFORMS_MAX];
    const struct descriptor *chosen = NULL;
    size_t count = platforms_of("arm", "armv7l", platforms);
    if (m->kind == MANIFEST_INDEX && manifest_choose(m, platforms, count, &chosen, &err) == 0)
        check(chosen >= m->items && chosen < m->items + m->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size && data[0] == 'c')
        try_config((const char *)data + 1, size - 1);
    else
        try_manifest((const char *)data, size);
    return 0;
}
