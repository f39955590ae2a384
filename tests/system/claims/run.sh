#!/usr/bin/env bash
# timeout: 300
# Claims and their volumes, from the gateway to the node: a folder where the first pod goes, which outlives pods and goes
# with its claim; volumes made by hand; claims that come with a pod; what people are shown of it.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

command -v jq >/dev/null || skip "needs jq (tools/install test)"

# claim NAME [SPEC]: a claim on standard output.
none='{}'
claim() {
    jq -n --arg name "$1" --argjson spec "${2:-$none}" '{apiVersion: "v1", kind: "PersistentVolumeClaim",
        metadata: {name: $name}, spec: ({accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "8Mi"}}} + $spec)}'
}
# on CLAIM: the pod on standard input has it at /data.
on() {
    jq --arg claim "$1" '.spec.volumes = [{name: "data", persistentVolumeClaim: {claimName: $claim}}]
        | .spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]'
}
# of KIND NAME JQ: from an object as it is stored.
of() { lp get "$1" "$2" -o json | jq -r "$3"; }
volume_of() { of pvc "$1" .spec.volumeName; }
node_of() { of pod "$1" .spec.nodeName; }
folder_of() { echo "$STAND/$1/state/volumes/$2"; }
no_object() { fails lp get "$1" "$2"; }
no_folder() { [[ ! -e $1 ]]; }

default_class() {
    local class
    class=$(lp get storageclass local)
    has "a new gateway has a default class" "$class" '^local \(default\) +limpet\.io/local +Delete +WaitForFirstConsumer'
    claim data | apply >"$TEST_TMP/said" 2>&1
    hasnt "a claim is not said to be without effect" "$(cat "$TEST_TMP/said")" 'nothing acts on it'
    is "a claim that names no class gets it" "$(of pvc data .spec.storageClassName)" local
    within 10 "it waits for its first pod" \
        matches 'Normal +WaitForFirstConsumer .*waiting for first consumer to be created before binding' lp describe pvc data
    has "and is shown to wait" "$(lp get pvc data)" '^data +Pending +local +<unset>'
}

outlives_pods() {
    local where volume other
    pod writer 'echo first >/data/file; sync; echo end; exec sleep 1000' | on data | apply >/dev/null
    within 30 "a pod brings it a volume, and runs" running writer
    where=$(node_of writer) volume=$(volume_of data)
    is "the volume's name tells whose it is" "$volume" "pvc-$(of pvc data .metadata.uid)"
    has "get pvc" "$(lp get pvc data)" "^data +Bound +$volume +8Mi +RWO +local "
    has "get pv" "$(lp get pv "$volume")" "^$volume +8Mi +RWO +Delete +Bound +default/data +local "
    has "describe pvc tells who made it" "$(lp describe pvc data)" "ProvisioningSucceeded .*Successfully provisioned volume $volume"
    is "it is bound to the pod's node" "$(of pv "$volume" '.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0]
        | "\(.key) \(.operator) \(.values | join(","))"')" "kubernetes.io/hostname In $where"
    within 10 "the data is in a folder of that node" equals first cat "$(folder_of "$where" "$volume")/file"
    lp delete pod writer >/dev/null
    is "the folder stays when the pod is gone" "$(cat "$(folder_of "$where" "$volume")/file")" first
    pod reader 'cat /data/file; echo end; exec sleep 1000' | on data | apply >/dev/null
    within 30 "the next pod runs" running reader
    is "on the same node, of two" "$(node_of reader)" "$where"
    within 10 "and finds the file" matches '^first$' lp logs reader
    other=$([[ $where == a ]] && echo b || echo a)
    pod astray 'exec sleep 1000' | on data | jq --arg node "$other" '.spec.nodeName = $node' | apply >/dev/null
    within 20 "a pod that is put on another node by hand waits, with a kubelet's reason" \
        matches "[^: ] +MountVolume.NodeAffinity check failed for volume \"$volume\" : no matching NodeSelectorTerms" lp describe pod astray
    is "and gets no folder there" "$([[ -e $(folder_of "$other" "$volume") ]] && echo one)" ""
    lp delete pod astray >/dev/null
    lp delete pvc data --wait=false >/dev/null
    within 10 "a claim in use that is deleted stays" matches '^data +Terminating ' lp get pvc data
    pod late | on data | apply >/dev/null
    within 10 "and takes no other pod" matches 'persistentvolumeclaim "data" is being deleted' lp describe pod late
    is "nothing is done to the pod that runs" "$(phase reader) $(cat "$(folder_of "$where" "$volume")/file")" "Running first"
    lp delete pod reader late >/dev/null
    within 20 "without its pods it goes" no_object pvc data
    within 20 "and its volume" no_object pv "$volume"
    within 10 "and the folder" no_folder "$(folder_of "$where" "$volume")"
}

# The node is away while its volume is deleted, and the gateway dies meanwhile.
deleted_while_away() {
    local where volume
    claim away | apply >/dev/null
    pod away 'echo x >/data/file; echo end; exec sleep 1000' | on away | apply >/dev/null
    within 30 "a pod with a volume runs" running away
    where=$(node_of away) volume=$(volume_of away)
    lp delete pod away >/dev/null
    node_kill "$where"
    lp delete pvc away >/dev/null
    within 10 "a volume whose node is away waits for it" matches "^$volume +8Mi +RWO +Delete +Terminating " lp get pv "$volume"
    controller_kill
    gw_start
    poll 30 lp get namespaces
    is "it still does after the gateway's death" "$(of pv "$volume" '.metadata.finalizers | join(" ")')" limpet.io/local-volume
    is "nothing is lost yet" "$(cat "$(folder_of "$where" "$volume")/file")" x
    node_start "$where"
    within 30 "it goes when the node is back" no_object pv "$volume"
    within 10 "with the folder" no_folder "$(folder_of "$where" "$volume")"
}

made_by_hand() {
    local dir=$STAND/disk
    mkdir -p "$dir"
    echo by-hand >"$dir/file"
    jq -n --arg path "$dir" '{apiVersion: "v1", kind: "PersistentVolume", metadata: {name: "hand"}, spec: {
        capacity: {storage: "1Gi"}, accessModes: ["ReadWriteOnce"], storageClassName: "", local: {path: $path},
        nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: "kubernetes.io/hostname",
        operator: "In", values: ["b"]}]}]}}}}' | apply >/dev/null
    within 10 "a volume made by hand is there to be had" matches '^hand +1Gi +RWO +Retain +Available ' lp get pv hand
    claim big '{"storageClassName": "", "resources": {"requests": {"storage": "2Gi"}}}' | apply >/dev/null
    within 10 "not for who asks for more" \
        matches 'FailedBinding .*no persistent volumes available for this claim and no storage class is set' lp describe pvc big
    pod big | on big | apply >/dev/null
    within 10 "whose pod says so" matches 'pod has unbound immediate PersistentVolumeClaims' lp describe pod big
    lp delete pod/big pvc/big >/dev/null
    claim hand '{"storageClassName": ""}' | apply >/dev/null
    within 10 "a claim that fits gets it at once" matches '^hand +Bound +hand +1Gi +RWO ' lp get pvc hand
    pod hand 'cat /data/file; echo end; exec sleep 1000' | on hand | apply >/dev/null
    within 30 "a pod sees it" matches '^by-hand$' lp logs hand
    is "where it is" "$(node_of hand)" b
    lp delete pod hand >/dev/null
    lp get pod -o json >/dev/null
    pod elsewhere | on hand | jq '.spec.nodeSelector = {"kubernetes.io/hostname": "a"}' | apply >/dev/null
    within 10 "and no pod gets it elsewhere" matches 'node\(s\) had volume node affinity conflict' lp describe pod elsewhere
    lp delete pod/elsewhere pvc/hand >/dev/null
    within 10 "Retain: it is left when its claim is gone" matches '^hand +1Gi +RWO +Retain +Released +default/hand ' lp get pv hand
    claim hand '{"storageClassName": ""}' | apply >/dev/null
    is "the data stays" "$(cat "$dir/file")" by-hand
    is "and nobody else gets it" "$(of pvc hand .status.phase)" Pending
    lp delete pvc/hand pv/hand >/dev/null
    is "also when the volume is deleted" "$(cat "$dir/file")" by-hand
}

come_with_pods() {
    local volume where
    pod own 'echo x >/data/file; echo end; exec sleep 1000' |
        jq '.spec.volumes = [{name: "data", ephemeral: {volumeClaimTemplate: {metadata: {labels: {of: "own"}},
                spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "1Mi"}}}}}}]
            | .spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]' | apply >/dev/null
    within 30 "a pod brings a claim of its own" running own
    volume=$(volume_of own-data) where=$(node_of own)
    is "that is the pod's" "$(of pvc own-data '"\(.metadata.ownerReferences[0].name) \(.metadata.labels.of)"')" "own own"
    within 10 "its folder is there" test -s "$(folder_of "$where" "$volume")/file"
    lp delete pod own >/dev/null
    within 20 "the claim goes with the pod" no_object pvc own-data
    within 20 "and the volume" no_object pv "$volume"
    within 10 "and the folder" no_folder "$(folder_of "$where" "$volume")"
    pod lost | on nowhere | apply >/dev/null
    within 10 "a claim that is not there is the reason" matches 'persistentvolumeclaim "nowhere" not found' lp describe pod lost
    lp delete pod lost >/dev/null
}

no_pv_of() { [[ -z $(lp get pv -o json | jq -r --arg ns "$1" '.items[] | select(.spec.claimRef.namespace == $ns) | .metadata.name') ]]; }
no_local_pods_of() { [[ -z $(ld a ps -o json | jq -r --arg ns "$1" '.items[] | select(.metadata.namespace == $ns)')$(
    ld b ps -o json | jq -r --arg ns "$1" '.items[] | select(.metadata.namespace == $ns)') ]]; }
ready_in() { lp -n "$1" get pod "$2" -o json 2>/dev/null | jq -ne 'input | any(.status.conditions[]?; .type == "Ready" and .status == "True")' >/dev/null; }

# A namespace is deleted with pods that run on claims, one that ends slowly, and a claim that nobody uses.
whole_namespace() {
    local folders=() folder volume where pod
    jq -n '{apiVersion: "v1", kind: "Namespace", metadata: {name: "whole"}}' | apply >/dev/null
    claim shared | lp -n whole apply -f - >/dev/null
    claim idle | lp -n whole apply -f - >/dev/null
    pod first 'echo x >/data/file; trap "sleep 2; exit 0" TERM; while :; do sleep 0.1; done' | on shared |
        lp -n whole apply -f - >/dev/null
    pod own 'echo x >/data/file; exec sleep 1000' |
        jq '.spec.volumes = [{name: "data", ephemeral: {volumeClaimTemplate: {
                spec: {accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "1Mi"}}}}}}]
            | .spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]' | lp -n whole apply -f - >/dev/null
    for pod in first own; do
        within 30 "a pod with a claim runs in a namespace: $pod" ready_in whole "$pod"
    done
    pod second 'exec sleep 1000' | on shared | lp -n whole apply -f - >/dev/null
    within 30 "and one that shares a claim" ready_in whole second
    for volume in $(lp get pv -o json | jq -r '.items[] | select(.spec.claimRef.namespace == "whole") | .metadata.name'); do
        where=$(of pv "$volume" '.spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]')
        folders+=("$(folder_of "$where" "$volume")")
    done
    is "there are two volumes" "${#folders[@]}" 2
    lp delete namespace whole --wait=false >/dev/null
    within 60 "the namespace goes, with pods and claims" no_object namespace whole
    within 20 "and their volumes" no_pv_of whole
    within 10 "and the pods on their nodes" no_local_pods_of whole
    for folder in "${folders[@]}"; do
        within 10 "and a folder" no_folder "$folder"
    done
    jq -n '{apiVersion: "v1", kind: "Namespace", metadata: {name: "whole"}}' | apply >/dev/null
    claim shared | lp -n whole apply -f - >/dev/null
    is "a namespace of that name begins empty" "$(lp -n whole get pvc shared -o json | jq -r '.status.phase + (.spec.volumeName // "")')" Pending
    lp delete namespace whole >/dev/null
}

with_kubectl() {
    local text
    command -v kubectl >/dev/null || return 0
    claim shown | apply >/dev/null
    pod shown 'echo end; exec sleep 1000' | on shown | apply >/dev/null
    within 30 "a pod with a claim runs" running shown
    text=$(kc describe pvc shown 2>&1)
    has "kubectl describe pvc: status" "$text" '^Status: +Bound'
    has "who protects it" "$text" 'kubernetes.io/pvc-protection'
    has "and who uses it" "$text" '^(Used|Mounted) By: +shown'
    text=$(kc describe pv "$(volume_of shown)" 2>&1)
    has "kubectl describe pv: where it is" "$text" 'kubernetes.io/hostname in \['
    has "and what it is" "$text" 'Type: +LocalVolume'
    lp delete pod/shown pvc/shown >/dev/null
}

stand_up claims a b
default_class
outlives_pods
deleted_while_away
made_by_hand
come_with_pods
whole_namespace
with_kubectl
conclude
