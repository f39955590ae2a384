#pragma once
/* The controller that signs approved certificate requests of the API's clients (signer_plan.h). */

#include "controller/api/api.h"
#include "controller/trust/trust.h"

struct signer;
/* All borrowed. */
nodiscard int signer_new(struct loop *loop, struct api *api, const struct trust *trust,
                         struct signer **ret, struct err *err);
void signer_free(struct signer *signer);
