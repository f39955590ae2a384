#pragma once
/* NodeMetrics and PodMetrics: what nodes and pods use, as metrics.k8s.io has it. Of what has not
 * answered, or has used nothing yet, there is none. */

#include "controller/server/computed.h"

computed_fn usage_metrics_answer;
