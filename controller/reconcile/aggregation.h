#pragma once
/* Fills the rules of the ClusterRoles that gather those of others (aggregationRule). */

#include "controller/api/api.h"

struct aggregation;
nodiscard int aggregation_new(struct loop *loop, struct api *api, struct aggregation **ret,
                              struct err *err);
/* Before api_stop. NULL is fine. */
void aggregation_free(struct aggregation *aggregation);
