#include "controller/reconcile/claims_note.h"

#include "common/base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void claims_note_done(struct claims_note *note)
{
    free(note->message);
    *note = (struct claims_note){0};
}

void claims_note_set(struct claims_note *note, const char *type, const char *reason,
                     const char *fmt, ...)
{
    va_list args;
    claims_note_done(note);
    va_start(args, fmt);
    if (vasprintf(&note->message, fmt, args) < 0)
        abort();
    va_end(args);
    note->type = type;
    note->reason = reason;
}

int claims_unfinalize(struct value *object, const char *finalizer)
{
    struct value *meta = value_get(object, "metadata"), *list = value_get(meta, "finalizers");
    size_t before = value_len(list);
    for (size_t i = before; i > 0; i--)
        if (str_eq(value_str(value_at(list, i - 1)), finalizer))
            value_remove_at(list, i - 1);
    size_t left = value_len(list);
    if (before && left == 0)
        value_del(meta, "finalizers");
    return left == before;
}
