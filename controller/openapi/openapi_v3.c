#include "controller/openapi/openapi_v3.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/openapi/catalogue.h"
#include "controller/openapi/openapi_paths.h"
#include "controller/openapi/openapi_schema.h"

enum stage { STAGE_HEAD, STAGE_PATHS, STAGE_SCHEMAS, STAGE_END };

struct openapi_v3 {
    const struct schema_kind **kinds; /* ends with NULL */
    struct openapi_types *types;
    enum stage stage;
    size_t at; /* in the stage */
};

/* Keeps of a catalogue what is of that group and version. */
static void keep(const struct schema_kind **all, const char *group, const char *version)
{
    size_t kept = 0;
    for (size_t i = 0; all[i]; i++)
        if (str_eq(all[i]->group, group) && str_eq(all[i]->version, version))
            all[kept++] = all[i];
    all[kept] = NULL;
}

struct openapi_v3 *openapi_v3_new(const struct kinds *kinds, const char *group, const char *version)
{
    const struct schema_kind **all = catalogue_new(kinds);
    keep(all, group, version);
    if (!*all) {
        free(all);
        return NULL;
    }
    struct openapi_v3 *document = xcalloc(1, sizeof(*document));
    document->kinds = all;
    document->types = openapi_types_new(all);
    return document;
}

void openapi_v3_free(struct openapi_v3 *document)
{
    if (!document)
        return;
    openapi_types_free(document->types);
    free(document->kinds);
    free(document);
}

static void enter(struct openapi_v3 *document, enum stage stage)
{
    document->stage = stage;
    document->at = 0;
}

static void write_head(struct openapi_v3 *document, struct buf *ret)
{
    (void)buf_addstr(
        ret, "{\"openapi\":\"3.0.0\",\"info\":{\"title\":\"Limpet\",\"version\":\"" LIMPET_VERSION
             "\"},\"paths\":{");
    enter(document, STAGE_PATHS);
}

/* The members of the map, behind those that are there already. */
static void write_members(struct value *map, bool first, struct buf *ret)
{
    cleanup(buf_done) struct buf text = {0};
    (void)json_write(map, &text);
    if (!first)
        (void)buf_addc(ret, ',');
    (void)buf_add(ret, text.data + 1, text.len - 2);
    value_free(map);
}

static void write_paths(struct openapi_v3 *document, struct buf *ret)
{
    const struct schema_kind *kind = document->kinds[document->at];
    if (!kind) {
        (void)buf_addstr(ret, "},\"components\":{\"schemas\":{");
        enter(document, STAGE_SCHEMAS);
        return;
    }
    write_members(openapi_paths(kind, openapi_types_kind_name(document->types, kind)),
                  document->at == 0, ret);
    document->at++;
}

static void write_schema(struct openapi_v3 *document, struct buf *ret)
{
    const struct openapi_definition *definition = openapi_types_at(document->types, document->at);
    if (!definition) {
        (void)buf_addstr(ret, "}}}\n");
        enter(document, STAGE_END);
        return;
    }
    struct value *map = value_new_map();
    value_set(map, definition->name, openapi_schema(document->types, definition, OPENAPI_V3));
    write_members(map, document->at == 0, ret);
    document->at++;
}

bool openapi_v3_next(struct openapi_v3 *document, struct buf *ret)
{
    static void (*const writers[])(struct openapi_v3 * document, struct buf * ret) = {
        [STAGE_HEAD] = write_head, [STAGE_PATHS] = write_paths, [STAGE_SCHEMAS] = write_schema};
    if (document->stage == STAGE_END)
        return false;
    writers[document->stage](document, ret);
    return true;
}
