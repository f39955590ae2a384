#pragma once
/* What the gateway needs to know of a CustomResourceDefinition beyond its table. */

#include "common/kinds/kinds.h"

#define CUSTOM_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

/* The names that may be left out of spec.names (singular, listKind), in place. */
void custom_fill_names(struct value *names);
