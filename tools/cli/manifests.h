#pragma once
/* The files of `-f`: checked whole, every mistake named, before anything is sent. */

#include "common/kinds/kinds.h"
#include "common/program/args.h"

/* An object as it was written (List flattened, without status), and where. */
struct document {
    const struct schema_kind *kind;
    const char *file;     /* "-" = stdin; owned by the manifests */
    int number;           /* of its document in that file, from 1 */
    struct value *object; /* with its namespace filled in if its kind has them */
};
struct manifests {
    struct document *items;
    size_t count;
    char **files;
    size_t file_count;
};
void manifests_init(struct manifests *manifests);
void manifests_done(struct manifests *manifests);
CLEANUP_DEFINE_VALUE(struct manifests, manifests_done);

/* Adds the objects of a text. Mistakes are printed to `mistakes`, one line each, and nothing is
 * added (-EINVAL, -E2BIG). Pure. */
nodiscard int manifests_add(struct manifests *manifests, const char *file, const char *text,
                            size_t len, const char *ns, struct buf *mistakes);
/* Reads files, "-" and folders (their *.yaml, *.yml and *.json in byte order), blocking. On failure
 * everything that is wrong stands in `mistakes`. */
nodiscard int manifests_read(struct manifests *manifests, const struct arg_list *files,
                             const char *ns, struct buf *mistakes);
/* Namespaces before what is in them; else as it was. */
void manifests_sort(struct manifests *manifests);
