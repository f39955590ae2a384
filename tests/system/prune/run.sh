#!/usr/bin/env bash
# timeout: 200
# limpetd image prune: what nobody needs goes; what a pod runs from, would run from after a reboot with no network, or
# an archive holds, stays; and in doubt all of it does.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in jq openssl flock; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

machine=$(uname -m | sed 's/aarch64/arm64/')
# make_image NAME TEXT: an archive in $STAND with a layer of its own, in which /mark says TEXT.
make_image() {
    echo "$2" >"$STAND/mark"
    "$LIMPET_SRC/tools/image" --name "$1" --add "$STAND/mark=/mark" "$machine" "$STAND/${1%:*}.tar" >/dev/null
}
load() { ld a image load "$STAND/$1.tar" >/dev/null || bad "$1 is loaded"; }
images() { ld a image ls -o json | jq -r '.images[].reference' | sed 's|.*/||' | sort | tr '\n' ' '; }
layers() { find "$STAND/a/state/images/layers" -mindepth 1 -maxdepth 1 -type d | wc -l; }
# with_mark NAME IMAGE: a pod that says its image's mark whenever it starts.
with_mark() {
    pod "$1" 'cat /mark; trap "exit 0" TERM; while :; do sleep 1; done' |
        jq --arg image "$2" '.spec.containers[0].image = $image | .spec.nodeName = "a"'
}
marks() { ld a logs "$1" 2>/dev/null | tail -n 1; }

stand_up main a
STORE=$STAND/a/state/images
for name in used:1 static:1 spare:1 unused:1 archived:1; do make_image "$name" "${name%:*}"; done
for name in used static spare unused; do load "$name"; done
cp "$STAND/archived.tar" "$STORE/"

with_mark web used:1 | apply >/dev/null
with_mark kiosk static:1 | jq 'del(.spec.nodeName)' >"$STAND/a/manifests/kiosk.json"
pod unheard | jq '.spec.containers[0].image = "archived:1" | .spec.containers[0].command = ["true"] |
    .spec.restartPolicy = "Never" | .spec.nodeName = "a"' | apply >/dev/null
within 20 "pods run" running web
within 20 "a static one too" runs_on a kiosk-a
within 20 "an archive is loaded" matches archived:1 images
lp delete pod/unheard >/dev/null 2>&1
within 20 "the pod that asked for it goes" fails local_pod a unheard
BEFORE=$(fingerprint a web)

# ---- what goes, what stays ----
is "what there is" "$(images)" "archived:1 busybox:latest spare:1 static:1 unused:1 used:1 "
before=$(layers)
out=$(ld a image prune -o json)
is "what went" "$(jq -r '.images[]' <<<"$out" | sed 's|.*/||' | sort | tr '\n' ' ')" "busybox:latest spare:1 unused:1 "
is "its layers: not those that others share" "$(jq .layers <<<"$out") $(layers)" "2 $((before - 2))"
has "the space freed" "$(jq .bytes <<<"$out")" '^[1-9][0-9]*$'
is "what stays" "$(images)" "archived:1 static:1 used:1 "
has "again: nothing" "$(ld a image prune)" '^0 images and 0 layers removed, 0.0 MB freed$'
rm "$STORE/archived.tar"
has "without its archive" "$(ld a image prune)" '^removed .*archived:1'
has "and in words" "$(ld a image prune -x 2>&1)" '^Usage: limpetd image '

# ---- a tag that moved on, under a pod that runs ----
cp "$STAND/used.tar" "$STAND/first.tar"
make_image used:1 newer
load used
has "what has its layers from an older image" "$(ld a image prune)" '^0 images and 0 layers removed'
kill -9 "$(main_pid a web)"
restarted() { [[ $(local_pod a web '.status.containerStatuses[0].restartCount') -ge $1 ]]; }
within 20 "can start again" restarted 1
node_kill a
kill -9 "$(main_pid a web)" 2>/dev/null
has "with its agent dead too" "$(ld a image prune)" '^0 images and 0 layers removed'
node_start a
within 30 "and does" restarted 2
within 10 "from what it had" equals used marks web

# ---- in doubt ----
refused() { # WHAT PATTERN
    local out
    out=$(ld a image prune 2>&1)
    is "$1: exit code 1" $? 1
    has "$1: and it says why" "$out" "nothing is removed: .*$2"
    is "$1: all is there" "$(images)" "spare:1 static:1 used:1 "
}
load spare
echo 'kind: [' >"$STAND/a/manifests/torn.json"
refused "a manifest that is torn" 'torn.json'
rm "$STAND/a/manifests/torn.json"
mv "$STAND/a/manifests" "$STAND/a/manifests.away"
refused "no manifest directory" 'needs|need'
mv "$STAND/a/manifests.away" "$STAND/a/manifests"
mv "$STAND/a/state/identity/node.crt" "$STAND/node.crt"
refused "an identity that is not whole" 'need'
mv "$STAND/node.crt" "$STAND/a/state/identity/node.crt"
for copy in "$STAND"/a/state/desired/index.*; do mv "$copy" "$copy.away"; done
refused "no index" 'desired state'
for copy in "$STAND"/a/state/desired/index.*.away; do mv "$copy" "${copy%.away}"; done
mv "$STAND/a/state/desired/index.b" "$STAND/index.b"
ld a image prune >/dev/null
is "one copy of the index will do, and the other is the agent's to write" "$(ls "$STAND/a/state/desired")" "$(printf 'index.a\nm')"
mv "$STAND/index.b" "$STAND/a/state/desired/index.b"
load spare
keeper=$(echo "$STAND"/a/run/pods/*/keeper.pid | cut -d' ' -f1)
cp "$keeper" "$STAND/keeper.pid"
sed -i '$d' "$STAND/keeper.pid"
cat "$keeper" >"$STAND/keeper.whole"
cat "$STAND/keeper.pid" >"$keeper"
refused "a keeper that does not say what it uses" 'keeper of pod'
cat "$STAND/keeper.whole" >"$keeper"
flock -s "$STORE/lock" sleep 5 &
sleep 0.2
refused "while an image is being pulled or loaded" 'just now'
wait $!
has "when all is well again it goes" "$(ld a image prune)" '^removed .*spare:1'

# ---- a reboot with nobody there ----
gw_kill
node_reboot a
within 20 "reboot, gateway down: the pod runs" runs_on a web
within 20 "reboot, gateway down: the static one too" runs_on a kiosk-a
is "a pod that begins anew has the newer image" "$(marks web)" newer
before=$(layers)
has "and the older goes" "$(ld a image prune)" '^0 images and 1 layers removed'
is "one layer less" "$(layers)" $((before - 1))

# ---- what interrupted pulls left ----
head -c 1000 /dev/zero >"$STORE/partial/$(printf 'a%.0s' {1..64})"
head -c 1000 /dev/zero >"$STORE/partial/$(printf 'b%.0s' {1..64})"
touch -d '25 hours ago' "$STORE/partial/$(printf 'a%.0s' {1..64})"
node_kill a
node_start a
within 10 "the agent is back" runs_on a web
is "at its start, what is older than a day has gone" "$(ls "$STORE/partial")" "$(printf 'b%.0s' {1..64})"
has "the rest goes when one asks for it" "$(ld a image prune -o json | jq .bytes)" '^1000$'

# ---- by itself ----
# set_config LINE...: of node a, whose agent begins anew.
set_config() {
    local line
    for line in "$@"; do
        sed -i "/^${line%%:*}:/d" "$STAND/a/config.yaml"
        echo "$line" >>"$STAND/a/config.yaml"
    done
    node_kill a
    node_start a
}
kept=$(images)
load unused
BEFORE=$(fingerprint a web)
set_config "imageGCPeriodSeconds: 1" "imageMaximumGCAgeSeconds: 1000"
within 20 "what was used lately stays" grep -q 'unused images: "0 images' "$STAND/a/agent.log"
is "... all of it" "$(images)" "$(printf '%s\n' $kept unused:1 | sort | tr '\n' ' ')"
touch -d '2 hours ago' "$STORE"/refs/*
set_config "imageMaximumGCAgeSeconds: 3600"
within 20 "what nobody has used for long goes by itself" equals "$kept" images
load unused
set_config "imageMaximumGCAgeSeconds: 0" "imageGCHighThresholdPercent: 1" "imageGCLowThresholdPercent: 0" \
    "imageMinimumGCAgeSeconds: 0"
within 20 "and when the disk is full" equals "$kept" images
within 10 "the pod runs on" runs_on a web
is "... untouched" "$(fingerprint a web)" "$BEFORE"
conclude
