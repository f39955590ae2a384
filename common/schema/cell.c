#include "common/base/clock.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/schema/cell.h"
#include "common/schema/jsonpath.h"

#include <stdio.h>

void cell_age(const char *time, int64_t now_wall_ns, struct buf *ret)
{
    int64_t then;
    if (!time || clock_parse(time, &then) < 0) {
        buf_addstr(ret, "<unknown>");
        return;
    }
    cell_duration((now_wall_ns - then) / NS_PER_S, ret);
}

void cell_duration(int64_t seconds, struct buf *ret)
{
    /* Below `until` seconds: so many `unit`s, and with `rest` what is left in the next smaller one.
     */
    static const struct {
        int64_t until, unit;
        char name;
        int64_t rest;
        char rest_name;
    } steps[] = {
        {120, 1, 's', 0, 0},
        {600, 60, 'm', 1, 's'},
        {3 * 3600, 60, 'm', 0, 0},
        {8 * 3600, 3600, 'h', 60, 'm'},
        {48 * 3600, 3600, 'h', 0, 0},
        {8 * 86400, 86400, 'd', 3600, 'h'},
        {2 * 365 * 86400, 86400, 'd', 0, 0},
        {8 * 365 * INT64_C(86400), 365 * 86400, 'y', 86400, 'd'},
        {INT64_MAX, 365 * 86400, 'y', 0, 0},
    };
    if (seconds < -1) {
        buf_addstr(ret, "<invalid>"); /* the future: clocks differ */
        return;
    }
    seconds = seconds < 0 ? 0 : seconds;
    size_t i = 0;
    while (seconds >= steps[i].until)
        i++;
    buf_addf(ret, "%lld%c", (long long)(seconds / steps[i].unit), steps[i].name);
    int64_t rest = steps[i].rest ? seconds % steps[i].unit / steps[i].rest : 0;
    if (rest > 0)
        buf_addf(ret, "%lld%c", (long long)rest, steps[i].rest_name);
}

/* The value at a dotted path. */
static const struct value *at_path(const struct value *value, const char *path)
{
    char key[64];
    for (;; path++) {
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        value = value_get(value, key);
        path += len;
        if (!*path)
            return value;
    }
}

struct selected {
    const char *type;
    int64_t now_wall_ns;
    struct buf *text;
};

static void add_selected(void *ctx, const struct value *value)
{
    struct selected *selected = ctx;
    const char *s = value_str(value);
    if (selected->text->len > 0)
        buf_addc(selected->text, ' ');
    if (str_eq(selected->type, "date"))
        cell_age(s, selected->now_wall_ns, selected->text);
    else if (s)
        buf_addstr(selected->text, s);
    else
        (void)json_write(value, selected->text);
}

void schema_cell(const struct schema_column *column, const struct value *object,
                 int64_t now_wall_ns, struct buf *ret)
{
    if (column->cell) {
        column->cell(object, now_wall_ns, ret);
        return;
    }
    if (*column->path == '.') { /* people's columns are empty where there is nothing */
        struct selected selected = {column->type, now_wall_ns, ret};
        (void)jsonpath_each(column->path, object, add_selected, &selected);
        return;
    }
    const struct value *value = at_path(object, column->path);
    const char *s = value_str(value);
    if (str_eq(column->type, "date"))
        cell_age(s, now_wall_ns, ret);
    else if (value_type(value) == VALUE_NULL || (s && !*s))
        buf_addstr(ret, column->none ? column->none : "<none>");
    else if (s)
        buf_addstr(ret, s);
    else
        (void)json_write(value, ret);
}
