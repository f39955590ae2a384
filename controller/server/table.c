#include "controller/server/table.h"

#include "common/base/str.h"

/* Of kinds without columns of their own. */
static const struct schema_column usual_columns[] = {
    {.name = "Name", .type = "string", .path = "metadata.name"},
    {.name = "Age", .type = "date", .path = "metadata.creationTimestamp"},
    {0},
};

static const struct schema_column *columns_of(const struct schema_kind *kind)
{
    return kind->columns ? kind->columns : usual_columns;
}

static struct value *column_definitions(const struct schema_kind *kind)
{
    struct value *out = value_new_list();
    for (const struct schema_column *column = columns_of(kind); column->name; column++) {
        struct value *definition = value_new_map();
        bool name = str_eq(column->name, "Name");
        value_set_str(definition, "name", column->name);
        /* An age is printed by us, so it is text for the client. */
        value_set_str(definition, "type", str_eq(column->type, "date") ? "string" : column->type);
        value_set_str(definition, "format", name ? "name" : "");
        value_set_str(definition, "description", column->doc ? column->doc : "");
        value_set_int(definition, "priority", column->priority);
        value_append(out, definition);
    }
    return out;
}

static struct value *cell_of(const struct schema_column *column, const struct value *object,
                             int64_t now_wall_ns)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 64 * 1024);
    schema_cell(column, object, now_wall_ns, &text);
    int64_t number;
    if (str_eq(column->type, "integer") && str_to_i64(buf_str(&text), &number) == 0)
        return value_new_int(number);
    if (str_eq(column->type, "boolean"))
        return value_new_bool(str_eq(buf_str(&text), "true"));
    return value_new_str(buf_str(&text));
}

struct value *table_partial(const struct value *object, const char *api_version)
{
    struct value *partial = value_new_map();
    value_set_str(partial, "kind", "PartialObjectMetadata");
    value_set_str(partial, "apiVersion", api_version);
    const struct value *meta = value_get(object, "metadata");
    value_set(partial, "metadata", meta ? value_copy(meta) : value_new_map());
    return partial;
}

struct value *table_row(const struct schema_kind *kind, const struct value *object,
                        const char *api_version, enum table_include include, int64_t now_wall_ns)
{
    struct value *cells = value_new_list();
    for (const struct schema_column *column = columns_of(kind); column->name; column++)
        value_append(cells, cell_of(column, object, now_wall_ns));
    struct value *row = value_new_map();
    value_set(row, "cells", cells);
    if (include != TABLE_NOTHING)
        value_set(row, "object",
                  include == TABLE_OBJECT ? value_copy(object)
                                          : table_partial(object, api_version));
    return row;
}

struct value *table_of(const struct schema_kind *kind, const struct value *object,
                       const char *api_version, enum table_include include, bool columns,
                       int64_t now_wall_ns)
{
    const struct value *items = value_get(object, "items");
    struct value *rows = value_new_list();
    if (value_type(items) == VALUE_LIST) {
        for (size_t i = 0; i < value_len(items); i++)
            value_append(rows,
                         table_row(kind, value_at(items, i), api_version, include, now_wall_ns));
    } else {
        value_append(rows, table_row(kind, object, api_version, include, now_wall_ns));
    }
    struct value *table = value_new_map();
    value_set_str(table, "kind", "Table");
    value_set_str(table, "apiVersion", api_version);
    struct value *meta = value_set(table, "metadata", value_new_map());
    static const char *const kept[] = {"resourceVersion", "continue", "remainingItemCount"};
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        const struct value *field = value_get(value_get(object, "metadata"), kept[i]);
        if (field)
            value_set(meta, kept[i], value_copy(field));
    }
    value_set(table, "columnDefinitions", columns ? column_definitions(kind) : value_new_list());
    value_set(table, "rows", rows);
    return table;
}
