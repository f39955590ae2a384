#pragma once
/* Kubernetes' quality of service class of a pod, by the cpu and memory that its containers, init
 * containers too, ask for ("Pod Quality of Service Classes"). Pure. */

#include "common/data/value.h"

#define CRITICAL_PRIORITY 2000000000 /* system-cluster-critical: a node ends others first */

enum pod_qos { POD_QOS_BEST_EFFORT, POD_QOS_BURSTABLE, POD_QOS_GUARANTEED };

/* Of a spec that is checked and defaulted: a limit without a request is one. */
enum pod_qos pod_qos(const struct value *spec);
/* As in a pod's status.qosClass. */
const char *pod_qos_name(enum pod_qos qos);
