#pragma once
/* Volumes that are folders of a node (common/kinds/local_volume.h): which node, and when it is to
 * be told to remove one. Pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* Made by this gateway or another Limpet's. */
bool local_volume_is(const struct value *volume);
/* The name of the node that it lies on, of one that is local; NULL: it does not say it. Borrowed.
 */
const char *local_volume_node(const struct value *volume);
/* It is deleted, its claim is gone, and only its node stands between it and its end. */
bool local_volume_is_removed(const struct value *volume);
/* What is given to nodes as the label by which it is bound to one. */
#define LOCAL_VOLUME_HOST "kubernetes.io/hostname"
