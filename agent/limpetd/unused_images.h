#pragma once
/* Images that nothing on this node needs: no manifest, static or desired, no keeper, no agent, no
 * archive. */

#include "agent/image/image_pick.h"
#include "agent/image/image_store.h"
#include "agent/limpetd/config.h"

/* Removes them, beside a running agent too. Refused while it is not certain what is needed (a
 * manifest, the index or a keeper's file cannot be read), or while images come or go. */
nodiscard int unused_images_remove(const struct config *config, const char *images_root,
                                   const struct image_policy *policy, struct image_store_freed *ret,
                                   struct err *err);
/* As image_store_check, beside a running agent too. */
nodiscard int unused_images_check(const struct config *config, const char *images_root,
                                  struct image_store_checked *ret, struct err *err);
