#pragma once
/* Volumes that the gateway gives to claims as folders of a node: what their PersistentVolumes say,
 * so that the node knows them as its own, and for how long they stay.
 *
 * The node keeps the data in a folder that it names itself, by the volume's name, wherever
 * spec.local.path points. It removes that folder when the volume in its desired state
 *   - has the annotation LOCAL_VOLUME_PROVISIONED_BY: LOCAL_VOLUME_PROVISIONER,
 *   - has the reclaim policy Delete and a deletionTimestamp,
 *   - has the finalizer LOCAL_VOLUME_FINALIZER, and LOCAL_VOLUME_PROTECTION no more (its claim is
 *     gone: to delete a volume that is bound does nothing to its data),
 * and no pod there uses it. Then its birth names the volume (birth.h), and the gateway takes the
 * finalizer away. A volume that is not listed stays. */

#define LOCAL_VOLUME_PROVISIONED_BY "pv.kubernetes.io/provisioned-by"
#define LOCAL_VOLUME_PROVISIONER "limpet.io/local"
#define LOCAL_VOLUME_FINALIZER "limpet.io/local-volume"
#define LOCAL_VOLUME_PROTECTION "kubernetes.io/pv-protection"

/* Of any volume, in the manifest that goes to a node, and nowhere else: its nodeAffinity does not
 * match that node, whose labels the gateway alone knows. A pod that got there all the same waits.
 */
#define LOCAL_VOLUME_ELSEWHERE "limpet.io/not-of-this-node"
