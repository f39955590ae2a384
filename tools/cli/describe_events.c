#include "tools/cli/describe.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/cell.h"
#include "tools/cli/text.h"

#include <ctype.h>

enum { TYPE, REASON, AGE, FROM, MESSAGE, COLUMNS_COUNT };

struct event_row {
    struct buf cells[COLUMNS_COUNT];
};

/* One line whatever is in it: an event may come from a node that lies. */
static void add_line(const char *text, struct buf *ret)
{
    size_t len = text ? strlen(text) : 0;
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    for (size_t i = 0; i < len; i++)
        if (ret->len > 0 || !isspace((unsigned char)text[i]))
            (void)buf_addc(ret, (char)(isspace((unsigned char)text[i]) ? ' ' : text[i]));
}

static const char *first_set(const char *a, const char *b)
{
    return str_empty(a) ? b : a;
}

/* "3s", or "2s (x5 over 3m)". */
static void add_age(const struct value *event, int64_t now_wall_ns, struct buf *ret)
{
    const struct value *series = value_get(event, "series");
    const char *first =
        first_set(value_get_str(event, "eventTime"), value_get_str(event, "firstTimestamp"));
    const char *last =
        series ? value_get_str(series, "lastObservedTime") : value_get_str(event, "lastTimestamp");
    int64_t count = value_get_int(series ? series : event, "count", 1);
    if (!series && count <= 1) {
        cell_age(first_set(first, last), now_wall_ns, ret);
        return;
    }
    cell_age(last, now_wall_ns, ret);
    (void)buf_addf(ret, " (x%lld over ", (long long)count);
    cell_age(first, now_wall_ns, ret);
    (void)buf_addc(ret, ')');
}

static void fill_row(const struct value *event, int64_t now_wall_ns, struct event_row *ret)
{
    const char *component = value_get_str(value_get(event, "source"), "component");
    add_line(value_get_str(event, "type"), &ret->cells[TYPE]);
    add_line(value_get_str(event, "reason"), &ret->cells[REASON]);
    add_age(event, now_wall_ns, &ret->cells[AGE]);
    add_line(first_set(component, value_get_str(event, "reportingComponent")), &ret->cells[FROM]);
    add_line(value_get_str(event, "message"), &ret->cells[MESSAGE]);
}

static void print_row(const struct event_row *row, const size_t widths[COLUMNS_COUNT],
                      struct buf *ret)
{
    (void)buf_addstr(ret, "  ");
    for (size_t c = 0; c < MESSAGE; c++) {
        const char *text = buf_str(&row->cells[c]);
        size_t width = text_width(text);
        (void)buf_addf(ret, "%s%*s", text, (int)(widths[c] + 2 - width), "");
    }
    (void)buf_addf(ret, "%s\n", buf_str(&row->cells[MESSAGE]));
}

void describe_events(const struct value *list, int64_t now_wall_ns, struct buf *ret)
{
    static const char *const heads[2][COLUMNS_COUNT] = {
        {"Type", "Reason", "Age", "From", "Message"}, {"----", "------", "---", "----", "-------"}};
    const struct value *items = value_get(list, "items");
    size_t len = value_len(items), widths[COLUMNS_COUNT] = {0};
    if (len == 0) {
        (void)buf_addf(ret, "%-20s %s\n", "Events:", "<none>");
        return;
    }
    struct event_row *rows = xcalloc(len + 2, sizeof(*rows));
    for (size_t i = 0; i < len + 2; i++) {
        for (size_t c = 0; i < 2 && c < COLUMNS_COUNT; c++)
            add_line(heads[i][c], &rows[i].cells[c]);
        if (i >= 2)
            fill_row(value_at(items, i - 2), now_wall_ns, &rows[i]);
        for (size_t c = 0; c < COLUMNS_COUNT; c++) {
            size_t width = text_width(buf_str(&rows[i].cells[c]));
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    (void)buf_addstr(ret, "Events:\n");
    for (size_t i = 0; i < len + 2; i++) {
        print_row(&rows[i], widths, ret);
        for (size_t c = 0; c < COLUMNS_COUNT; c++)
            buf_done(&rows[i].cells[c]);
    }
    free(rows);
}
