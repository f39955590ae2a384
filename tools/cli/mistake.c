#include "tools/cli/mistake.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/text.h"

/* Where, and what. document 0, object NULL: unknown. */
struct mistake {
    const char *file;
    int line, document;
    const char *object, *path, *reason;
};

static void add(struct buf *ret, const struct mistake *m)
{
    size_t start = ret->len;
    if (m->line)
        (void)buf_addf(ret, "%s:%d: ", m->file, m->line);
    else
        (void)buf_addf(ret, "%s: ", m->file);
    if (!str_empty(m->path))
        (void)buf_addf(ret, "%s: ", m->path);
    (void)buf_addstr(ret, m->reason ? m->reason : "");
    if (m->document)
        (void)buf_addf(ret, " (document %d%s%s)", m->document, m->object ? ", " : "",
                       m->object ? m->object : "");
    text_clean(ret, start);
    (void)buf_addc(ret, '\n');
}

void mistake_add_diags(struct buf *ret, const char *file, const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *d = &diags->items[i];
        const struct mistake mistake = {file, d->line, d->document, d->object, d->path, d->reason};
        add(ret, &mistake);
    }
    if (diags->dropped)
        (void)buf_addf(ret, "%s: and %zu more\n", file, diags->dropped);
}

void mistake_add_status(struct buf *ret, const struct document *document, int code,
                        const struct value *status)
{
    const struct value *causes = value_path(status, "details", "causes", NULL);
    const char *name = object_name(document->object), *message = value_get_str(status, "message");
    autofree char *object = xasprintf("%s/%s", document->kind->singular, name ? name : "");
    autofree char *plain = xasprintf("the gateway answers with HTTP %d", code);
    struct mistake mistake = {.file = document->file,
                              .line = value_line(document->object),
                              .document = document->number,
                              .object = object,
                              .reason = str_empty(message) ? plain : message};
    for (size_t i = 0; i < value_len(causes); i++) {
        mistake.path = value_get_str(value_at(causes, i), "field");
        mistake.line = schema_line(document->object, mistake.path ? mistake.path : "");
        mistake.reason = value_get_str(value_at(causes, i), "message");
        add(ret, &mistake);
    }
    if (value_len(causes) == 0)
        add(ret, &mistake);
}
