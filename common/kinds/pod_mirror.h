#pragma once
/* The annotations of a mirror pod: what runs on a node by the node's own manifests, shown at the
 * gateway. It says nothing of what the node is to run. */

#define POD_MIRROR "kubernetes.io/config.mirror"
#define POD_MIRROR_UID "kubernetes.io/config.hash" /* the uid that its node knows it by */
#define POD_MIRROR_SOURCE "kubernetes.io/config.source"
