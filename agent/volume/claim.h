#pragma once
/* What a claim leads to (core/v1 PersistentVolumeClaim, PersistentVolume): pure. */

#include "common/data/value.h"

#include <stdbool.h>

/* Below the node's state folder: volumes that are its own (persistent_dir.h). */
#define CLAIM_DIR "volumes"

/* The gateway has made this PersistentVolume to be a folder of its node. */
bool claim_is_ours(const struct value *pv);
/* Such a volume is to be removed with all that is in it (local_volume.h). */
bool claim_is_ending(const struct value *pv);
