#pragma once
/* Which ids of the host a pod with a user namespace (hostUsers: false) has: 65,536 that no other
 * pod of the node has, for as long as anything of the pod is there. Written down in its folder,
 * which goes with the pod: there is no other list of them. */

#include "common/base/err.h"
#include "common/fs/disk.h"

#include <stdint.h>

/* Of a part of the ids that systemd's UIDS-GIDS leaves to nobody. */
#define USER_IDS_FIRST UINT32_C(0x70000000)
#define USER_IDS_POD UINT32_C(0x10000)
#define USER_IDS_PODS 1024
/* In the pod's folder: the number of its first id. */
#define USER_IDS_FILE "ids"

/* The first of the pod's ids: those that it had before, or else the lowest that are free, on disk
 * when this returns. pods_dir: with a folder for each pod, by uid. -EINVAL: what some pod has
 * cannot be read: nothing is given away then, it may be the same; -ENOSPC. */
nodiscard int user_ids_take(struct disk *disk, const char *pods_dir, const char *uid,
                            uint32_t *ret_first, struct err *err);
