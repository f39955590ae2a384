#pragma once
/* The mistakes of a document, all at once: line, path, reason. */

#include "common/base/buf.h"

#include <stddef.h>

struct diag {
    int document; /* 1-based within its stream; 0 = unknown */
    int line;     /* 1-based; 0 = unknown */
    char *object; /* "pod/web": which of the document's it is about; NULL = unknown */
    char *path;   /* "spec.containers[1].ports[0].containerPort"; "" = the document itself */
    char *reason; /* "70000: must be 1-65535" */
    char *cause;  /* Kubernetes' cause: FieldValueInvalid, FieldValueRequired,
                     FieldValueNotSupported,  FieldValueTypeInvalid, FieldValueDuplicate,
                     FieldValueForbidden, FieldUnknown... */
};

struct diags {
    struct diag *items;
    size_t count;
    size_t dropped; /* beyond DATA_MAX_DIAGS */
    /* Given to every diag that is added from now on: */
    int document;
    const char *object; /* borrowed; NULL = none */
};

void diags_init(struct diags *diags);
void diags_done(struct diags *diags);
CLEANUP_DEFINE_VALUE(struct diags, diags_done);
void diags_add(struct diags *diags, int line, const char *path, const char *cause, const char *fmt,
               ...) printf_like(5, 6);
/* In the order of the text: by document, then line; those without a line first. */
void diags_sort(struct diags *diags);
/* One line a mistake, "file:line: path: reason\n"; file may be NULL. */
void diags_print(const struct diags *diags, const char *file, struct buf *ret);
