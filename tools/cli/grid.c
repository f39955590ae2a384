#include "tools/cli/grid.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/text.h"

#include <ctype.h>
#include <stdio.h>

#define MAX_COLUMNS 48
#define GAP 3

struct column {
    char *title;
    size_t width;
    int cell; /* of the row; or one of: */
    enum { FROM_CELL, FROM_NAMESPACE, FROM_LABELS } from;
    bool is_name, is_status;
};

struct grid {
    struct grid_style style;
    struct column columns[MAX_COLUMNS];
    size_t count;
    bool defined;
};

struct grid *grid_new(const struct grid_style *style)
{
    struct grid *grid = xcalloc(1, sizeof(*grid));
    grid->style = *style;
    return grid;
}

void grid_free(struct grid *grid)
{
    if (!grid)
        return;
    for (size_t i = 0; i < grid->count; i++)
        free(grid->columns[i].title);
    free(grid);
}

static struct column *add_column(struct grid *grid, const char *title)
{
    if (grid->count == MAX_COLUMNS)
        return NULL;
    struct column *column = &grid->columns[grid->count++];
    *column = (struct column){.title = xstrdup(title)};
    for (char *p = column->title; *p; p++)
        *p = (char)toupper((unsigned char)*p);
    column->is_status = str_eq(column->title, "STATUS") || str_eq(column->title, "PHASE");
    return column;
}

static void define(struct grid *grid, const struct value *definitions)
{
    struct column *column;
    if (grid->style.namespace && (column = add_column(grid, "Namespace")))
        column->from = FROM_NAMESPACE;
    for (size_t i = 0; i < value_len(definitions); i++) {
        const struct value *d = value_at(definitions, i);
        const char *name = value_get_str(d, "name");
        if (value_get_int(d, "priority", 0) > 0 && !grid->style.wide)
            continue;
        if (!(column = add_column(grid, name ? name : "")))
            break;
        column->cell = (int)i;
        column->is_name = str_eq(value_get_str(d, "format"), "name") || str_eq(name, "Name");
    }
    if (grid->style.labels && (column = add_column(grid, "Labels")))
        column->from = FROM_LABELS;
    grid->defined = true;
}

static void add_labels(const struct value *labels, struct buf *ret)
{
    if (value_len(labels) == 0)
        (void)buf_addstr(ret, "<none>");
    for (size_t i = 0; i < value_len(labels); i++) {
        const char *value = value_str(value_at(labels, i));
        (void)buf_addf(ret, "%s%s=%s", i ? "," : "", value_key_at(labels, i), value ? value : "");
    }
}

static void add_value(const struct value *cell, struct buf *ret)
{
    if (value_type(cell) == VALUE_INT)
        (void)buf_addf(ret, "%lld", (long long)value_int(cell, 0));
    else if (value_type(cell) == VALUE_FLOAT)
        (void)buf_addf(ret, "%g", value_float(cell, 0));
    else if (value_type(cell) == VALUE_BOOL)
        (void)buf_addstr(ret, value_bool(cell, false) ? "true" : "false");
    else
        (void)buf_addstr(ret, value_str(cell) ? value_str(cell) : "<none>");
}

/* Caller frees. */
static char *cell_text(const struct grid *grid, const struct column *column,
                       const struct value *row)
{
    struct buf text;
    buf_init(&text, 0);
    const struct value *meta = value_path(row, "object", "metadata", NULL);
    if (column->is_name && grid->style.prefix)
        (void)buf_addf(&text, "%s/", grid->style.prefix);
    if (column->from == FROM_NAMESPACE)
        add_value(value_get(meta, "namespace"), &text);
    else if (column->from == FROM_LABELS)
        add_labels(value_get(meta, "labels"), &text);
    else
        add_value(value_at(value_get(row, "cells"), (size_t)column->cell), &text);
    text_clean(&text, 0);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\n')
            text.data[i] = ' ';
    return buf_steal(&text, NULL);
}

static void widen(struct column *column, const char *text)
{
    size_t width = text_width(text);
    if (column->width < width)
        column->width = width;
}

static void print_cell(const struct grid *grid, size_t i, const char *text, struct buf *ret)
{
    const struct column *column = &grid->columns[i];
    enum text_colour colour = TEXT_PLAIN;
    if (grid->style.colours && column->is_status)
        colour = text_colour_of(text);
    if (colour != TEXT_PLAIN)
        (void)buf_addf(ret, "%s%s%s", text_colour(colour), text, text_colour(TEXT_PLAIN));
    else
        (void)buf_addstr(ret, text);
    if (i + 1 == grid->count)
        return;
    for (size_t width = text_width(text); width < column->width + GAP; width++)
        (void)buf_addc(ret, ' ');
}

static void print_headers(const struct grid *grid, struct buf *ret)
{
    for (size_t i = 0; i < grid->count; i++) {
        const struct column *column = &grid->columns[i];
        (void)buf_addstr(ret, column->title);
        for (size_t width = text_width(column->title);
             i + 1 < grid->count && width < column->width + GAP; width++)
            (void)buf_addc(ret, ' ');
    }
    (void)buf_addc(ret, '\n');
}

static void print_row(const struct grid *grid, char **cells, struct buf *ret)
{
    for (size_t i = 0; i < grid->count; i++)
        print_cell(grid, i, cells[i], ret);
    (void)buf_addc(ret, '\n');
}

void grid_print(struct grid *grid, const struct value *table, struct buf *ret)
{
    const struct value *rows = value_get(table, "rows");
    bool first = !grid->defined;
    if (first) {
        define(grid, value_get(table, "columnDefinitions"));
        for (size_t i = 0; i < grid->count && !grid->style.no_headers; i++)
            widen(&grid->columns[i], grid->columns[i].title);
    }
    size_t count = value_len(rows);
    char **cells = xcalloc(count * grid->count + 1, sizeof(*cells));
    for (size_t r = 0; r < count; r++)
        for (size_t i = 0; i < grid->count; i++) {
            char *text = cell_text(grid, &grid->columns[i], value_at(rows, r));
            cells[r * grid->count + i] = text;
            widen(&grid->columns[i], text);
        }
    if (first && !grid->style.no_headers)
        print_headers(grid, ret);
    for (size_t r = 0; r < count; r++)
        print_row(grid, cells + r * grid->count, ret);
    for (size_t i = 0; i < count * grid->count; i++)
        free(cells[i]);
    free(cells);
}

static const struct schema_column plain_columns[] = {
    {.name = "Name", .type = "string", .path = "metadata.name"},
    {.name = "Age", .type = "date", .path = "metadata.creationTimestamp"},
    {0},
};

static struct value *table_row(const struct schema_column *columns, const struct value *object,
                               int64_t now_wall_ns)
{
    struct value *row = value_new_map();
    struct value *cells = value_set(row, "cells", value_new_list());
    for (const struct schema_column *column = columns; column->name; column++) {
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        schema_cell(column, object, now_wall_ns, &text);
        value_append(cells, value_new_str(buf_str(&text)));
    }
    const struct value *meta = value_get(object, "metadata");
    value_set(value_set(row, "object", value_new_map()), "metadata",
              meta ? value_copy(meta) : value_new_map());
    return row;
}

struct value *grid_table(const struct schema_kind *kind, const struct value *objects,
                         int64_t now_wall_ns)
{
    const struct schema_column *columns = kind && kind->columns ? kind->columns : plain_columns;
    struct value *table = value_new_map();
    value_set_str(table, "kind", "Table");
    struct value *definitions = value_set(table, "columnDefinitions", value_new_list());
    for (const struct schema_column *column = columns; column->name; column++) {
        struct value *definition = value_new_map();
        value_set_str(definition, "name", column->name);
        value_set_int(definition, "priority", column->priority);
        value_append(definitions, definition);
    }
    struct value *rows = value_set(table, "rows", value_new_list());
    const struct value *items = value_get(objects, "items");
    if (value_type(items) != VALUE_LIST)
        value_append(rows, table_row(columns, objects, now_wall_ns));
    for (size_t i = 0; i < value_len(items); i++)
        value_append(rows, table_row(columns, value_at(items, i), now_wall_ns));
    const struct value *meta = value_get(objects, "metadata");
    value_set(table, "metadata", meta ? value_copy(meta) : value_new_map());
    return table;
}
