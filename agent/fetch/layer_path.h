#pragma once
/* What the name of a layer's entry means (OCI image-spec, layer.md). Pure. */

#include "common/base/err.h"

#define LAYER_PATH_MAX 4096 /* with the NUL */
#define LAYER_DEPTH_MAX 100

enum layer_name {
    LAYER_ENTRY,    /* a file or folder like any other */
    LAYER_ROOT,     /* the layer's root itself: "." */
    LAYER_WHITEOUT, /* ".wh.x": x is gone */
    LAYER_OPAQUE,   /* ".wh..wh..opq": what lower layers have in this folder is gone */
    LAYER_IGNORE,   /* what aufs left */
};

/* The path without leading '/' and './'; of LAYER_WHITEOUT that of what is gone, of LAYER_OPAQUE
 * that of the folder ("" for the root). -EINVAL: "..", a name or path too long, a whiteout of
 * nothing. */
nodiscard int layer_path(const char *path, enum layer_name *ret, char ret_path[LAYER_PATH_MAX],
                         struct err *err);
