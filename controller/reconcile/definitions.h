#pragma once
/* Keeps the kinds that are served in step with the CustomResourceDefinitions: writes their status,
 * serves what is established, and empties what is deleted before it goes. */

#include "controller/api/api.h"

struct definitions;

/* What is established is served when this returns. */
nodiscard int definitions_new(struct loop *loop, struct api *api, struct definitions **ret,
                              struct err *err);
void definitions_free(struct definitions *definitions); /* before api_free */
