#pragma once
/* What depot.c and depot_collect.c share. */

#include "controller/registry/depot.h"

struct depot {
    struct disk *disk;
    char *dir;
    int64_t used, max;
};

#define DEPOT_BLOBS "blobs"
#define DEPOT_MANIFESTS "manifests"
#define DEPOT_TAGS "tags"

/* "<dir>/blobs/HEX"; "<dir>/repositories/NAME/<what>/<name>", of "" without the last part. The
 * caller's. */
char *depot_blob_path(const struct depot *depot, const char *digest);
char *depot_place(const struct depot *depot, const char *repository, const char *what,
                  const char *name);
const char *depot_hex(const char *digest);
