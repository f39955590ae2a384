#pragma once
/* What people call an image that is at the gateway, or in an archive. Pure. */

#include "common/base/err.h"

#define IMAGE_HERE "gateway.limpet.local" /* the gateway, wherever it is */

struct image_name {
    char repository[256];
    char tag[132]; /* or a digest; "" = neither was given */
};
/* "NAME", "NAME:TAG" or "NAME@DIGEST". The gateway's own name in front (IMAGE_HERE, or what stands
 * in server, "https://gw:6443") goes; -EINVAL for another registry's. */
nodiscard int image_name_parse(const char *text, const char *server, struct image_name *ret,
                               struct err *err);
/* The same of a name in an archive, where any registry's name goes, with Docker's "library/". */
nodiscard int image_name_of_archive(const char *text, struct image_name *ret, struct err *err);
