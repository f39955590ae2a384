#pragma once
/* Volumes that are images, as those see them who remove images. */

#include "common/base/err.h"

/* Below a pod's folder for volumes: a file for each volume that is an image, with the paths of its
 * layers, one a line. As long as it is there, they are in use. */
#define VOLUME_IMAGES "images"

typedef void volume_layer_fn(void *ctx, const char *path);
/* Each layer that is named by the files of such a folder. -ENOENT: there is none. */
nodiscard int volume_image_layers(const char *dir, volume_layer_fn *fn, void *ctx, struct err *err);
