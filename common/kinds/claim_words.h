#pragma once
/* The words by which Kubernetes' controllers tell each other, on claims and volumes, how far they
 * are. (Those of node-local volumes: local_volume.h.) */

#define CLAIM_PROTECTION "kubernetes.io/pvc-protection" /* finalizer: a pod may use it */

/* Annotations. */
#define CLAIM_BIND_COMPLETED                                                                       \
    "pv.kubernetes.io/bind-completed"                         /* of a claim: both sides said it    \
                                                               */
#define CLAIM_BOUND_BY "pv.kubernetes.io/bound-by-controller" /* of either: not by its author */
#define CLAIM_SELECTED_NODE                                                                        \
    "volume.kubernetes.io/selected-node" /* where its first pod will run                           \
                                          */
#define CLAIM_OLD_CLASS                                                                            \
    "volume.beta.kubernetes.io/storage-class" /* before spec.storageClassName                      \
                                               */
#define CLAIM_PROVISIONER                                                                          \
    "volume.kubernetes.io/storage-provisioner" /* who is to make its volume                        \
                                                */

#define CLAIM_NO_PROVISIONER                                                                       \
    "kubernetes.io/no-provisioner" /* of a class: volumes are made by hand */
