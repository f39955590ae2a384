#pragma once
/* The class of node-local volumes, which a new gateway begins with as the default one. It is its
 * people's from then on: one that they delete or change stays so. */

#include "controller/api/api.h"

#define STORAGE_CLASS_NAME "local"
/* Annotation of the namespace kube-system: the class was made. */
#define STORAGE_CLASS_MADE "limpet.io/storage-class"

/* Makes the StorageClass "local", unless an earlier start did. It is
 * the default one where no other is. */
void storage_class_create(struct api *api);
