#pragma once
/* The priority classes that every cluster has, as objects that people see: admission knows them
 * without. */

#include "controller/api/api.h"

/* Creates system-cluster-critical and system-node-critical where they are missing. */
void priority_classes_create(struct api *api);
