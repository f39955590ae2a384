#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 240
# Claims on a node that has never heard of a gateway: folders of the node's own and of the machine's, which outlive pods,
# agent and reboots, and go only when their volume's manifest says so. And images as volumes.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

command -v jq >/dev/null || skip "needs jq (tools/install test)"

# put NAME: standard input becomes the manifest of that name; take NAME: it goes.
put() {
    cat >"$STAND/a/.$1"
    mv "$STAND/a/.$1" "$STAND/a/manifests/$1.json"
}
take() { rm "$STAND/a/manifests/$1.json"; }
none='{}'
# claim NAME [SPEC]: a claim; with_claim [FIELDS]: a pod on standard input gets it at /v.
claim() {
    jq -n --arg name "$1" --argjson spec "${2:-$none}" '{apiVersion: "v1", kind: "PersistentVolumeClaim",
        metadata: {name: $name}, spec: ({accessModes: ["ReadWriteOnce"], resources: {requests: {storage: "1Mi"}}} + $spec)}'
}
with_claim() {
    jq --arg claim "$1" '.spec.volumes = [{name: "v", persistentVolumeClaim: {claimName: $claim}}]
        | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]'"${2:+ | $2}"
}
# volume NAME SPEC [METADATA]
volume() {
    jq -n --arg name "$1" --argjson spec "$2" --argjson meta "${3:-$none}" '{apiVersion: "v1", kind: "PersistentVolume",
        metadata: ({name: $name} + $meta), spec: ({capacity: {storage: "1Mi"}, accessModes: ["ReadWriteOnce"]} + $spec)}'
}
log_of() {
    within 20 "pod $1 runs" matches '^end$' ld a logs "$1-a" >&2
    ld a logs "$1-a"
}
is_gone() { fails ld a why "pod/$1-a"; }
# gone_pod NAME
gone_pod() {
    take "$1"
    within 20 "pod $1 goes" is_gone "$1"
}
own=state/volumes # of the node's folder

outlives() {
    local log
    pod writer 'id -G; echo one >/v/file; mkdir /v/sub; echo two >/v/sub/file; stat -c %a /v; echo end; exec sleep 1000' |
        with_claim data | put writer
    within 20 "a pod waits for its claim" matches 'persistentvolumeclaim "data" not found' ld a why pod/writer-a
    has "and its status says so" "$(ld a ps -o json)" 'MountVolume.SetUp failed for volume .*not found'
    claim data | put data
    log=$(log_of writer)
    has "anybody writes there" "$log" '^777$'
    is "the data is in the node's folder" "$(cat "$STAND/a/$own/default_data/file" "$STAND/a/$own/default_data/sub/file")" $'one\ntwo'
    gone_pod writer
    pod reader 'cat /v/file /s/file; { echo x >/v/x; } 2>&1; echo y >/s/y; echo end; exec sleep 1000' |
        with_claim data '.spec.volumes[0].persistentVolumeClaim.readOnly = true
            | .spec.volumes += [{name: "w", persistentVolumeClaim: {claimName: "data"}}]
            | .spec.containers[0].volumeMounts += [{name: "w", mountPath: "/s", subPath: "sub"}]' | put reader
    log=$(log_of reader)
    has "the next pod finds it" "$log" '^one$'
    has "by subPath" "$log" '^two$'
    has "readOnly: it cannot write" "$log" 'Read-only file system'
    is "but where it may" "$(cat "$STAND/a/$own/default_data/sub/y")" y
    node_kill a
    take data
    node_start a
    within 20 "after the agent's death it runs" runs_on a reader-a
    node_reboot a
    within 20 "a pod whose claim is gone waits after a reboot" matches 'persistentvolumeclaim "data" not found' ld a why pod/reader-a
    claim data | put data
    within 20 "and runs when it is back" runs_on a reader-a
    is "no data went with the claim, nor with the reboot" "$(cat "$STAND/a/$own/default_data/file")" one
    gone_pod reader
    take data
}

groups() {
    local log
    claim grouped | put grouped
    pod grouped 'touch /v/mine; stat -c "%a %g" /v /v/mine; ls -n /v/theirs; echo end; exec sleep 1000' |
        with_claim grouped '.spec.securityContext = {runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000}' >"$STAND/grouped"
    put grouped-pod <"$STAND/grouped"
    log_of grouped >/dev/null
    take grouped-pod
    within 20 "the first pod goes" is_gone grouped
    install -m 600 /dev/null "$STAND/a/$own/default_grouped/theirs"
    put grouped-pod <"$STAND/grouped"
    log=$(log_of grouped)
    has "fsGroup: the folder is the group's" "$log" '^2777 2000$'
    has "and what is made in it" "$log" '^644 2000$'
    take grouped-pod
    within 20 "it goes" is_gone grouped
    take grouped
}

# A claim of many files is given to its pod while all else goes on, and whoever dies meanwhile.
many() {
    local dir=$STAND/many count=20000 files began first end
    [[ -z ${LIMPET_LONG:-} ]] || count=200000
    mkdir -p "$dir"
    (cd "$dir" && seq 1 100 | xargs mkdir && seq 1 "$count" | awk '{ print $1 % 100 + 1 "/" $1 }' | xargs touch)
    claim many '{"volumeName": "many", "storageClassName": ""}' | put many
    volume many "{\"local\": {\"path\": \"$dir\"}}" | put many-volume
    pod many 'echo end; exec sleep 1000' | with_claim many '.spec.securityContext = {fsGroup: 3000}' | put many-pod
    if [[ -n ${LIMPET_LONG:-} ]]; then
        within 20 "a claim of many files: its pod says what it waits for" matches 'setting the ownership of the files' ld a why pod/many-a
        began=$(now_us)
        pod quick 'echo end; exec sleep 1000' | put quick
        log_of quick >/dev/null
        in_time "and others start" "$began" "$(now_us)" 5
        is "meanwhile" "$(stat -c %g "$dir")" 0
        gone_pod quick
    fi
    first=$(find "$dir" -mindepth 1 -maxdepth 1 -print -quit) end=$((SECONDS + 20))
    until [[ -n $(find "$first" -gid 3000 -print -quit) || $SECONDS -ge $end ]]; do :; done
    kill -9 "$(node_pid a)"
    within 20 "who gives it ends with the agent" fails pgrep -f -- "--config $STAND/a/config.yaml run"
    if [[ -z $(find "$dir" -gid 3000 -print -quit) ]]; then
        bad "which is killed amid it" "nothing was given"
    elif [[ $(stat -c %g "$dir") == 3000 ]]; then # the folder itself is the last
        ok "which is killed amid it # SKIP all of it was given before the agent could be killed"
    else
        ok "which is killed amid it"
    fi
    node_kill a
    node_start a
    PATIENCE=10 log_of many >/dev/null
    files=$(find "$dir" -mindepth 2 -gid 3000 -perm -0660 | wc -l)
    is "an agent that is killed amid it: the next one gives all of it" "$files $(stat -c '%g %a' "$dir")" "$count 3000 2775"
    gone_pod many-pod
    take many
    take many-volume
}

machines() {
    local dir=$STAND/disk
    mkdir -p "$dir/host"
    claim local '{"volumeName": "local", "storageClassName": ""}' | put local
    volume local "{\"local\": {\"path\": \"$dir/late\"}}" | put local-volume
    pod machine 'cat /v/file; echo end; exec sleep 1000' | with_claim local | put machine
    within 20 "a path that is not there is the reason" matches "path \"$dir/late\" does not exist" ld a why pod/machine-a
    mkdir "$dir/late"
    echo disk >"$dir/late/file"
    has "a local volume: it runs when the path is there" "$(log_of machine)" '^disk$'
    gone_pod machine
    volume local "{\"hostPath\": {\"path\": \"$dir/host\"}}" | put local-volume
    echo host >"$dir/host/file"
    pod machine 'cat /v/file; stat -c %g /v; echo end; exec sleep 1000' |
        with_claim local '.spec.securityContext = {fsGroup: 2000}' | put machine
    has "a hostPath volume" "$(log_of machine)" '^host$'
    is "fsGroup does not touch it" "$(stat -c %g "$dir/host")" 0
    gone_pod machine
    volume local "{\"local\": {\"path\": \"$dir/host\"}, \"claimRef\": {\"namespace\": \"bank\", \"name\": \"gold\"}}" | put local-volume
    pod thief | with_claim local | put thief
    within 20 "a volume of another claim is not given" matches 'is not bound to claim "default/local"' ld a why pod/thief-a
    gone_pod thief
    volume local "{\"local\": {\"path\": \"$dir/../disk\"}}" | put local-volume
    pod climber | with_claim local | put climber
    within 20 "nor is a path that climbs" matches "must not hold '\.\.'" ld a why pod/climber-a
    gone_pod climber
    take local
    take local-volume
    is "the machine's own folders stay" "$(ls "$dir")" $'host\nlate'
}

images() {
    local log
    pod files 'ls /v/bin/sh /s/sh; { /v/bin/sh -c "echo ran"; } 2>&1; { echo x >/v/file; } 2>&1; echo end; exec sleep 1000' |
        jq '.spec.volumes = [{name: "v", image: {reference: "busybox:latest", pullPolicy: "IfNotPresent"}}]
            | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}, {name: "v", mountPath: "/s", subPath: "bin"}]' | put files
    log=$(log_of files)
    is "an image is a volume, by subPath too" "$(grep -c '^/[vs].*/sh$' <<<"$log")" 2
    has "nothing of it is run" "$log" 'Permission denied'
    has "nobody writes there" "$log" 'Read-only file system'
    pod none | jq '.spec.volumes = [{name: "v", image: {reference: "nothing:1", pullPolicy: "Never"}}]' | put none
    within 20 "an image that is not here is the reason" matches 'ErrImageNeverPull.*nothing:1' ld a why pod/none-a
    is "and the status says so" "$(local_pod a none-a '.status.containerStatuses[0].state.waiting.reason')" ErrImageNeverPull
    gone_pod none
    node_kill a
    node_start a
    within 20 "it goes on when the agent is killed" runs_on a files-a
    node_reboot a
    within 20 "and after a reboot" runs_on a files-a
    hasnt "its volume is tried when its image is here" "$(cat "$STAND/a/agent.log")" 'its image is not here'
    gone_pod files
    hasnt "nothing stays mounted" "$(cat /proc/self/mountinfo)" "$STAND/a/run/volumes"
}

# An image of several layers, whose tag moves on under a pod that has it, with its agent dead too.
layers() {
    local log tar=$STAND/model.tar machine
    machine=$(uname -m | sed 's/aarch64/arm64/')
    for text in first second; do
        echo "$text" >"$STAND/mark"
        "$LIMPET_SRC/tools/image" --name model:1 --add "$STAND/mark=/mark" "$machine" "$tar" >/dev/null
        ld a image load "$tar" >/dev/null || bad "an image is loaded"
        [[ $text == second ]] && break
        pod model 'cat /v/mark; ls -d /v/bin; echo end; trap "cat /v/mark; exit" TERM; while :; do sleep 0.1; done' |
            jq '.spec.volumes = [{name: "v", image: {reference: "model:1", pullPolicy: "Never"}}]
                | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]' | put model
        log=$(log_of model)
        has "all layers of an image" "$log" '^first$'
        has "are one folder" "$log" '^/v/bin$'
    done
    ld a image prune >/dev/null
    is "what a pod has as a volume stays when the tag moves on" "$(marks | sort | head -n 1)" first
    node_kill a
    ld a image prune >/dev/null
    is "with its agent dead too" "$(marks | sort | head -n 1)" first
    node_start a
    within 20 "it is found" runs_on a model-a
    gone_pod model
    ld a image prune >/dev/null
    is "when the pod is gone, its layers go" "$(marks)" ""
}
marks() { cat "$STAND"/a/state/images/layers/*/mark 2>/dev/null; }

# ours NAME [METADATA]: a volume as the gateway makes them.
ours() {
    volume "$1" '{"persistentVolumeReclaimPolicy": "Delete", "local": {"path": "/nowhere"}}' \
        "$(jq -n --argjson more "${2:-$none}" '{annotations: {"pv.kubernetes.io/provisioned-by": "limpet.io/local"},
            finalizers: ["limpet.io/local-volume"]} + $more')"
}
ended='{"deletionTimestamp": "2026-11-30T10:00:00Z"}'
removing() { pgrep -f -- "--remove-tree $STAND/a/$own/.gone" >/dev/null; }
nothing_of() { [[ ! -e $STAND/a/$own/$1 && ! -e $STAND/a/$own/.gone/$1 ]]; }

removal() {
    claim owned '{"volumeName": "pvc-1"}' | put owned
    ours pvc-1 | put pvc-1
    ours pvc-2 | put pvc-2
    pod owner 'echo x >/v/file; echo end; exec sleep 1000' | with_claim owned | put owner
    log_of owner >/dev/null
    is "a volume of the gateway's class is in the node's folder" "$(cat "$STAND/a/$own/pvc-1/file")" x
    mkdir -p "$STAND/a/$own"/{pvc-2,pvc-3}
    # Much, for the kill to come in the middle; with links that lead out, and another file system in it.
    seq -f "$STAND/a/$own/pvc-1/d%g" 3000 | xargs mkdir
    for i in {1..3000}; do : >"$STAND/a/$own/pvc-1/d$i/f"; done
    mkdir "$STAND/outside"
    : >"$STAND/outside/file"
    ln -s "$STAND/outside" "$STAND/a/$own/pvc-1/link"
    ours pvc-1 "$ended" | put pvc-1
    pod behind 'echo end; exec sleep 1000' | put behind
    log_of behind >/dev/null # whose manifest came after it
    is "what a pod has is not taken from it" "$(cat "$STAND/a/$own/pvc-1/file")" x
    ours pvc-1 "$(jq -c '.finalizers = ["limpet.io/local-volume", "kubernetes.io/pv-protection"]' <<<"$ended")" | put pvc-1
    gone_pod owner
    gone_pod behind
    is "nor is what a claim has" "$(cat "$STAND/a/$own/pvc-1/file")" x
    ours pvc-1 "$ended" | put pvc-1
    poll 20 test ! -e "$STAND/a/$own/pvc-1" || bad "it goes"
    node_kill a
    node_start a
    within 30 "a volume that is deleted goes whole, whoever is killed" nothing_of pvc-1
    within 20 "and its remover" fails removing
    is "no link was followed" "$(ls "$STAND/outside")" file
    is "others stay, listed or not" "$(cd "$STAND/a/$own" && echo pvc-*)" "pvc-2 pvc-3"
}

stand_plain main a
outlives
groups
many
machines
images
removal
layers
conclude
