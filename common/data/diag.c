#include "common/data/diag.h"

#include "common/base/mem.h"
#include "common/data/limits.h"

#include <stdio.h>
#include <string.h>

void diags_init(struct diags *diags)
{
    *diags = (struct diags){0};
}

void diags_done(struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        free(diags->items[i].object);
        free(diags->items[i].path);
        free(diags->items[i].reason);
        free(diags->items[i].cause);
    }
    free(diags->items);
    diags_init(diags);
}

void diags_add(struct diags *diags, int line, const char *path, const char *cause, const char *fmt,
               ...)
{
    if (diags->count == DATA_MAX_DIAGS) {
        diags->dropped++;
        return;
    }
    char *reason = NULL;
    va_list args;
    va_start(args, fmt);
    if (vasprintf(&reason, fmt, args) < 0)
        abort();
    va_end(args);
    diags->items = xreallocarray(diags->items, diags->count + 1, sizeof(*diags->items));
    diags->items[diags->count++] = (struct diag){
        .document = diags->document,
        .line = line,
        .object = diags->object ? xstrdup(diags->object) : NULL,
        .path = xstrdup(path ? path : ""),
        .reason = reason,
        .cause = xstrdup(cause),
    };
}

static int by_place(const void *a, const void *b)
{
    const struct diag *x = a, *y = b;
    if (x->document != y->document)
        return x->document < y->document ? -1 : 1;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    int order = strcmp(x->path, y->path);
    return order ? order : strcmp(x->reason, y->reason);
}

void diags_sort(struct diags *diags)
{
    if (diags->count > 1)
        qsort(diags->items, diags->count, sizeof(*diags->items), by_place);
}

static void print_one(const struct diag *diag, const char *file, struct buf *ret)
{
    if (file)
        buf_addf(ret, "%s:", file);
    if (diag->line)
        buf_addf(ret, file ? "%d: " : "line %d: ", diag->line);
    else if (diag->document)
        buf_addf(ret, file ? " document %d: " : "document %d: ", diag->document);
    else if (file)
        buf_addc(ret, ' ');
    if (*diag->path)
        buf_addf(ret, "%s: ", diag->path);
    buf_addf(ret, "%s\n", diag->reason);
}

void diags_print(const struct diags *diags, const char *file, struct buf *ret)
{
    for (size_t i = 0; i < diags->count; i++)
        print_one(&diags->items[i], file, ret);
    if (diags->dropped)
        buf_addf(ret, "and %zu more\n", diags->dropped);
}
