#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 300
# Killed with SIGKILL at many points: the agent amid the pull of an image that is a volume, amid evictions and amid the
# collection of images, and the program that collects. Nothing is lost, nothing is left, and the end is the right one.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/lib/registry.sh
. "$here/../lib/registry.sh"
for program in docker-registry skopeo jq; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

machine=$(uname -m | sed 's/aarch64/arm64/')
# make_image NAME FILE: an archive in $STAND with a layer of its own, in which /data is FILE.
make_image() {
    "$LIMPET_SRC/tools/image" --name "$1" --add "$2=/data" "$machine" "$STAND/${1%:*}.tar" >/dev/null
}
set_config() { # LINE: of node a, for its next agent
    sed -i "/^${1%%:*}:/d" "$STAND/a/config.yaml"
    echo "$1" >>"$STAND/a/config.yaml"
}
# lives N FIRST STEP [PROGRAM]: N agents, each killed (every other one after its child PROGRAM) when it has lived
# FIRST, then STEP more each time, in hundredths of a second; the last one lives on.
lives() {
    local i at pid
    node_kill a
    for ((i = 0; i < $1; i++)); do
        node_start a
        at=$(($2 + i * $3))
        sleep "$((at / 100)).$(printf %02d $((at % 100)))"
        if [[ -n ${4:-} && $((i % 2)) -eq 1 ]]; then
            for pid in $(pgrep -P "$(node_pid a)" -x "$4"); do kill -9 "$pid"; done
        fi
        node_kill a
    done
    node_start a
}
STORE() { echo "$STAND/a/state/images/$1"; }
layer_folders() { find "$(STORE layers)" -mindepth 1 -maxdepth 1 -type d | sort; }
# tree LAYER: all of it, for comparing.
tree() { (cd "$1" && find . -type f -exec sha256sum {} + | sort -k2 && find . -printf '%p %m %U %G %l\n' | sort) | sha256sum; }
# torn: layers without a record, records without a layer, what is being unpacked, parts of pulls.
torn() {
    local name
    for name in "$(STORE layers)"/*; do
        if [[ -d $name && ! -f $name.json ]] || [[ $name == *.json && ! -d ${name%.json} ]]; then echo "$name"; fi
    done
    find "$(STORE tmp)" "$(STORE partial)" -mindepth 1 -maxdepth 1
}
status() { lp get pod "$1" -o json | jq -r ".status.$2"; }
starts() { grep -c started "$STAND/a/shared/$1" 2>/dev/null; }

stand_up main a
mkdir -m 0777 "$STAND/a/shared"
head -c 6000000 /dev/urandom >"$STAND/data"
make_image model:1 "$STAND/data"
registry_start a "127.0.0.1:$REGISTRY_PORT"
push() {
    skopeo --insecure-policy copy -q --dest-tls-verify=false "oci-archive:$STAND/$1.tar" "docker://127.0.0.1:$REGISTRY_PORT/$1:1"
}
poll 20 push model || stand_fail "nothing can be pushed"
model=127.0.0.1:$REGISTRY_PORT/model:1

# ---- the pull of a volume: 6 MB, some four seconds of it ----
node_kill a
set_config "imagePullBytesPerSecond: 1500000"
node_start a
pod mounted 'sha256sum </v/data; echo end; trap "exit 0" TERM; while :; do sleep 1; done' |
    jq --arg image "$model" '.spec.nodeName = "a" | .spec.volumes = [{name: "v", image: {reference: $image}}]
        | .spec.containers[0].volumeMounts = [{name: "v", mountPath: "/v"}]' | apply >/dev/null
poll 20 pgrep -P "$(node_pid a)" -x limpet-fetch || bad "a volume is pulled"
lives 10 30 9 limpet-fetch
within 60 "agents and pulls killed again and again, the pod runs" running mounted
is "its volume is whole" "$(ld a logs mounted | head -n 1)" "$(sha256sum <"$STAND/data")"
within 10 "no pull goes on" fails pgrep -P "$(node_pid a)" -x limpet-fetch
is "and nothing is left of those before" "$(torn)" ""
before=$(fingerprint a mounted)
lives 3 20 20
within 20 "what runs is found" runs_on a mounted
is "untouched" "$(fingerprint a mounted)" "$before"
lp delete pod mounted >/dev/null
within 20 "it goes" fails local_pod a mounted
hasnt "nothing stays mounted" "$(cat /proc/self/mountinfo)" "$STAND/a/run/volumes"

# ---- amid evictions ----
for name in e1 e2 e3 e4 e5; do
    pod "$name" "echo started >>/shared/$name; trap 'exit 0' TERM; while :; do sleep 1; done" |
        jq --arg dir "$STAND/a/shared" '.spec.nodeName = "a" | .spec.volumes = [{name: "s", hostPath: {path: $dir}}]
            | .spec.containers[0].volumeMounts = [{name: "s", mountPath: "/shared"}]' | apply >/dev/null
done
for name in e1 e2 e3 e4 e5; do within 30 "pod $name runs" running "$name"; done
node_stop a
set_config 'evictionHard: "memory.available<999Ti"'
lives 8 95 3 # the first looks after a second
for name in e1 e2 e3 e4 e5; do
    within 60 "agents killed again and again, $name is evicted" equals "Failed Evicted" eval "lp get pod $name -o json | jq -r '.status | \"\\(.phase) \\(.reason)\"'"
    within 20 "nothing of it runs" equals "" main_pid a "$name"
    is "it was not started again" "$(starts "$name")" 1
done
node_stop a
set_config 'evictionHard: ""'
lives 3 20 20
poll 20 grep -q "agent ready" "$STAND/a/agent.log"
for name in e1 e2 e3 e4 e5; do is "$name stays as it was ended" "$(status "$name" reason) $(starts "$name")" "Evicted 1"; done
lp delete pod e1 e2 e3 e4 e5 >/dev/null
within 20 "they go" fails local_pod a e5
is "with all they had" "$(find "$STAND"/a/state/pods "$STAND"/a/run/pods -mindepth 1 -maxdepth 1 -type d ! -name .gone 2>/dev/null)" ""
within 20 "and nothing is left to be removed" equals "" ls -A "$STAND/a/state/pods/.gone"

# ---- images are collected ----
pod keeps 'sha256sum </data; trap "exit 0" TERM; while :; do sleep 1; done' |
    jq --arg image "$model" '.spec.nodeName = "a" | .spec.containers[0].image = $image' | apply >/dev/null
within 60 "a pod runs from what is to stay" running keeps
kept=$(layer_folders)
trees() { for layer in $kept; do tree "$layer"; done; }
whole=$(trees)
# Layers that no image has any more, as many and as large as it takes for a kill to come amid them.
fill() {
    local i n hex
    for i in {1..40}; do
        hex=$(printf 'limpet %s %s' "$1" "$i" | sha256sum | cut -c1-64)
        mkdir "$(STORE layers)/$hex"
        (cd "$(STORE layers)/$hex" && mkdir d{1..10} && for n in {1..10}; do touch d"$n"/f{1..40}; done)
        printf '{"layer":"sha256:%s","bytes":4096,"inodes":411}' "$hex" >"$(STORE layers)/$hex.json"
    done
}
layers() { find "$(STORE layers)" -mindepth 1 -maxdepth 1 -type d | wc -l; }
for ((i = 0; i < 8; i++)); do
    make_image "spare$i:1" <(echo "$i")
    ld a image load "$STAND/spare$i.tar" >/dev/null || bad "an image is loaded"
done
fill first
amid=0 # layers that went in collections that were killed, but not all
for ((i = 0; i < 12; i++)); do
    before=$(layers)
    ld a image prune >/dev/null 2>&1 &
    job=$!
    sleep "0.0$((i % 10))"
    for pid in $(pgrep -f -- "^[^ ]*limpetd --config $STAND/a/config.yaml image prune"); do kill -9 "$pid" 2>/dev/null; done
    wait "$job"
    [[ $(layers) -eq $before || $(layers) -eq $(wc -l <<<"$kept") ]] || amid=1
done
is "a collection is killed amid its work" "$amid" 1
is "what a pod needs is whole" "$(trees)" "$whole"
within 10 "whole images only are told" eval "ld a image ls -o json | jq -e '.images | length >= 1' "
within 20 "the next collects what is left" ld a image prune
is "all of it" "$(layer_folders)" "$kept"
is "nothing is torn" "$(torn)" ""

# By the agent, which is killed with it.
fill second
node_stop a
for line in "imageGCHighThresholdPercent: 1" "imageGCLowThresholdPercent: 0" "imageMinimumGCAgeSeconds: 0" "imageGCPeriodSeconds: 1"; do set_config "$line"; done
lives 8 98 2
within 30 "agents killed amid it collect it all" equals "$kept" layer_folders
is "what a pod needs is whole" "$(trees)" "$whole"
within 10 "nothing is torn" equals "" torn
kill -9 "$(main_pid a keeps)"
within 30 "a container starts anew from it" equals 1 status keeps 'containerStatuses[0].restartCount'
within 20 "and sees all of it" equals "$(sha256sum <"$STAND/data")" ld a logs keeps
node_reboot a
within 30 "after a reboot, too" runs_on a keeps
end_pid "$(cat "$STAND/registry.pid")" TERM
conclude
