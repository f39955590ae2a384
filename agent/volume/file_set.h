#pragma once
/* The files that a volume is to have, before any of them is written: pure. Their paths come from
 * people and are checked here. */

#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define FILE_SET_MAX_BYTES ((size_t)16 * 1024 * 1024)
#define FILE_SET_MAX_FILES 20000
#define FILE_SET_MAX_DEPTH 64 /* names in a path */

struct file {
    const char *path; /* names with a slash between each two */
    const void *data;
    size_t len;
    mode_t mode;
    int64_t owner; /* -1: root */
    bool named;    /* its path was chosen by a person, not by a key of the same name */
    /* Its content is not to be had: it stays as it is. One that is not there yet is left out, or
     * (must) nothing is written at all. */
    bool keep, must;
};

struct file_set;
struct file_set *file_set_new(void);
void file_set_free(struct file_set *set);
CLEANUP_DEFINE(struct file_set, file_set_free);

/* Copies. A later file takes the place of an earlier one of the same path, unless both are named.
 * -EINVAL, in a kubelet's words: no path below the volume (absolute, with "..", or beginning with
 * ".."), or two that cannot both be; -EFBIG, -ENAMETOOLONG: beyond the limits above. */
nodiscard int file_set_add(struct file_set *set, const struct file *file, struct err *err);

size_t file_set_len(const struct file_set *set);
/* for (size_t i = 0; (file = file_set_next(set, &i));) in the order in which paths came first. */
const struct file *file_set_next(const struct file_set *set, size_t *cursor);
const struct file *file_set_get(const struct file_set *set, const char *path); /* NULL: none */
/* Gives a file that is to be kept its content (copied); data NULL: takes it out. */
void file_set_resolve(struct file_set *set, const char *path, const void *data, size_t len);
