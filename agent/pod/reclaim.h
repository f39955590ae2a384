#pragma once
/* The end of volumes that are folders of this node (local_volume.h): taken out of use once no pod
 * here has them, removed in the background, then told. Each step may be the last. */

#include "agent/pod/agent.h"

#include <stdbool.h>

struct reclaim;

struct reclaim *reclaim_new(struct agent *agent);
void reclaim_free(struct reclaim *reclaim);
/* A folder on the file system of the pods' (it may be missing) goes, however much is in it, and no
 * loop waits for that. What cannot be taken stays where it is. */
void reclaim_take(struct reclaim *reclaim, const char *path, const char *uid);
/* Something of what was taken of that pod is still to be removed. */
bool reclaim_holds(const struct reclaim *reclaim, const char *uid);
/* Looks, from the loop: manifests have changed. Nothing is done before every keeper has reported.
 */
void reclaim_look(struct reclaim *reclaim);
/* The same after anything has become of a pod, if that is waited for. */
void reclaim_round(struct reclaim *reclaim);
/* Of struct keepers_handler. */
void reclaim_removed(struct reclaim *reclaim);
