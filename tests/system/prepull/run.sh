#!/usr/bin/env bash
# timeout: 200
# `limpet image pull`: images are brought onto nodes from the gateway, ahead of the pods: from its own registry and from
# another with a password that the node has; who may not, what is no image, a node that is away; gateway and agent killed
# amid it.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

stand_up main a b
machine=$(uname -m | sed 's/aarch64/arm64/')
make_image() { # NAME BYTES
    head -c "$2" /dev/urandom >"$STAND/noise"
    "$LIMPET_SRC/tools/image" --name "$1" --add "$STAND/noise=/noise" "$machine" "$STAND/${1%:*}.tar" >/dev/null
    lp image push "$STAND/${1%:*}.tar" "$1" >/dev/null 2>&1 || bad "$1 is pushed"
}
make_image app:1 10000
make_image big:1 30000000
here_of=gateway.limpet.local
on() { ld "$1" image ls | grep -q "^$here_of/$2 "; }
# pull WORDS...: its output is in $STAND/out, its exit status in $code.
pull() {
    lp image pull "$@" >"$STAND/out" 2>&1
    code=$?
}
said() { cat "$STAND/out"; }

# ---- what is pulled ----
pull "$here_of/app:1" --node a --node b
is "two nodes are to have an image: done" "$code" 0
has "... it says so of the first" "$(said)" "^a: $here_of/app:1 pulled$"
has "... and of the other" "$(said)" "^b: $here_of/app:1 pulled$"
if on a app:1 && on b app:1; then ok "... and they have it"; else bad "... and they have it" "$(ld a image ls)"; fi
# What is unused for long is removed by its age: asked for again, it is not old.
find "$STAND/a/state/images/refs" -type f -exec touch -d '9 days ago' {} +
pull "$here_of/app:1" --node a
is "asked for again, it counts as used" "$code $(find "$STAND/a/state/images/refs" -type f -newermt '-1 hour' | wc -l)" "0 1"
# A pod that may pull nothing runs from it, without its registry.
pod ahead | jq --arg i "$here_of/app:1" '.spec.containers[0] |= (.image = $i | .imagePullPolicy = "Never")' | apply >/dev/null 2>&1
within 20 "a pod that may pull nothing runs from it" running ahead
lp label node b role=edge >/dev/null 2>&1 || kc label node b role=edge >/dev/null 2>&1
pull "$here_of/app:1" "$here_of/none:1" -l role=edge -o json
is "a selector, and an image that is nowhere: failed" "$code" 1
is "... said of that one, on that node" \
    "$(sed -n '/^\[/,$p' "$STAND/out" | jq -r '.[] | .node as $n | .images[] | select(.image | contains("none")) | "\($n) \(.state)"')" "b Failed"
has "... with the reason" "$(said)" "none:1.*not found"

# ---- what is refused ----
pull "$here_of/UPPER:1" --node a
is "no reference: refused" "$code" 1
has "... with the reason" "$(said)" '^limpet: a: .*UPPER'
pull "$here_of/app:1" --node nowhere
has "a node that is none" "$code $(said)" '^1 limpet: nowhere: nodes "nowhere" not found'
pull "$here_of/app:1"
has "no node at all: wrong usage" "$code $(said)" '^2 .*say on which nodes'
many=()
for i in {1..17}; do many+=("$here_of/app:$i"); done
pull "${many[@]}" --node a
has "too many at once" "$code $(said)" '^1 limpet: a: at most 16 images'
lp user add someone --dir="$STAND/someone" >/dev/null 2>&1
KUBECONFIG=$STAND/someone/kubeconfig pull "$here_of/app:1" --node a
has "who may not" "$code $(said)" '^1 limpet: a: nodes "a" is forbidden: .*cannot create resource "nodes/pull"'

# ---- killed amid it ----
# came NODE: bytes of layers that are not whole yet.
came() { find "$STAND/$1/state/images/partial" -type f -printf '%s\n' 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }
some_came() { [[ $(came "$1") -gt 100000 ]]; }
echo "imagePullBytesPerSecond: 8000000" >>"$STAND/a/config.yaml"
node_stop a
node_start a
# Ready it may be called still from before.
within 60 "the node is back" lp image pull "$here_of/app:1" --node a
pull_big() { lp image pull "$here_of/big:1" --node a --timeout=90s >"$STAND/long" 2>&1; echo $? >"$STAND/code"; }
pull_big &
who_waits=$!
within 20 "a large one is under way" some_came a
end_pid "$(gw_pid)" KILL
gw_start
node_kill a
before=$(came a)
node_start a
within 60 "gateway and agent are killed, and who waits learns the end" test -s "$STAND/code"
wait "$who_waits"
is "... that it is there" "$(cat "$STAND/code")" 0
if on a big:1; then ok "... on the node"; else bad "... on the node" "$(ld a image ls)" "$(cat "$STAND/long")"; fi
echo "     $before bytes had come before"
if [[ $before -gt 0 && $before -lt 30000000 ]]; then ok "... they were killed amid it"; else bad "... they were killed amid it"; fi
is "nothing is left half" "$(find "$STAND/a/state/images/partial" "$STAND/a/state/images/tmp" -mindepth 1 | wc -l)" 0

# ---- a node that is short of disk ----
sed -i 's/^evictionHard: .*/evictionHard: "nodefs.available<999Ti"/' "$STAND/b/config.yaml"
node_stop b
node_start b
within 30 "a node comes back short of disk" matches '^b +True$' kc get node b -o \
    custom-columns='NAME:.metadata.name,DISK:.status.conditions[?(@.type=="DiskPressure")].status'
pull "$here_of/app:1" --node b
has "... it pulls nothing ahead, and says why" "$code $(said)" '^1 limpet: b: The node had condition: \[DiskPressure\]'

# ---- a gateway that is away for a while, and nobody who waits ----
make_image big:2 30000000
lp image pull "$here_of/big:2" --node a --timeout=2s >/dev/null 2>&1 &
left=$!
within 20 "another large one is under way" some_came a
end_pid "$(gw_pid)" KILL
before=$(came a)
within 60 "a gateway is away for longer than a pull waits for it" grep -q 'image not pulled ahead yet .*big:2' "$STAND/a/agent.log"
gw_start
within 60 "... and the node goes on by itself when it is back" on a big:2
wait "$left"
if ((before < 30000000)); then ok "... in the midst of it"; else bad "... in the midst of it" "$before bytes"; fi

# ---- a node that is away ----
node_stop b
within 30 "a node goes away" matches '^b +NotReady' lp get nodes
pull "$here_of/app:1" --all-nodes
is "all nodes, and one is away: failed" "$code" 1
has "... it is named" "$(said)" '^limpet: b: node b is not ready'
has "... the other has it" "$(said)" "^a: $here_of/app:1 pulled$"
conclude
