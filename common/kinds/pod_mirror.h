#pragma once
/* The annotation of a mirror pod: what runs on a node by the node's own manifests, shown at the
 * gateway. It says nothing of what the node is to run. */

#define POD_MIRROR "kubernetes.io/config.mirror"
