#!/usr/bin/env bash
# timeout: 180
# A node behind a line of 64 kbit/s pulls an image: what the gateway has to tell it does not wait behind the image. The
# queue before the line is long and knows no marks, and the registry is one that nobody here wrote. Then from the
# gateway's own registry, whose packets and those of the bus are marked for queues that do look.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/lib/registry.sh
. "$here/../lib/registry.sh"
for program in docker-registry skopeo jq python3 nsenter tc nft; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

STAND_NET=1 stand_up thin a
BULK_IP=10.250.0.9
line() { tc -n "l${ID}sw" qdisc "$1" dev "p$(cat "$STAND/a/port")" root "${@:2}"; }
narrow() { line add tbf rate 64kbit burst 3kb limit 64000; }
narrow || skip "this kernel has no sch_tbf"
line del

# ---- a registry on the other side of the line ----
ip netns add "l${ID}reg"
net_plug reg 9
head -c 8000000 /dev/urandom >"$STAND/noise" # does not compress
"$LIMPET_SRC/tools/image" --name big:1 --add "$STAND/noise=/noise" "$(uname -m | sed 's/aarch64/arm64/')" "$STAND/big.tar" >/dev/null
registry_start reg "$BULK_IP:5000"
push() {
    in_net gw skopeo --insecure-policy copy -q --dest-tls-verify=false "oci-archive:$STAND/big.tar" "docker://$BULK_IP:5000/big:1"
}
poll 30 push || stand_fail "nothing can be pushed"
cat >"$STAND/a/registries.yaml" <<END
mirrors: {"$BULK_IP:5000": {endpoint: ["http://$BULK_IP:5000"]}}
END

# ---- how long an apply takes to reach the node ----
pod web | apply >/dev/null
within 30 "a pod runs" running web
# told: milliseconds from an apply until the node has it on its disk.
told() {
    local from label=x$RANDOM$RANDOM
    from=$(now_us)
    pod web | jq --arg l "$label" '.metadata.labels.try = $l' | apply >/dev/null 2>&1
    poll 20 grep -rqF "$label" "$STAND/a/state/desired" || return 1
    poll 5 said_us "$STAND/a/agent.log" "$from" 'desired state committed' || return 1
    echo $((($(said_us "$STAND/a/agent.log" "$from" 'desired state committed') - from) / 1000))
}
# middle N: of N of them, all of which are shown; nothing at all if the node was not told of one.
middle() {
    local times i
    times=$(for ((i = 0; i < $1; i++)); do told || exit; done) || { echo "     the node was not told; ms before: ${times//$'\n'/ }" >&2 && return 1; }
    echo "     ms: ${times//$'\n'/ }" >&2
    sort -n <<<"$times" | sed -n "$((($1 + 1) / 2))p"
}
pulling() { # REFERENCE
    pod big | jq --arg i "$1" '.spec.containers[0] |= (.image = $i | .imagePullPolicy = "Always")' | apply >/dev/null
}
# came: bytes of blobs on the node's disk.
came() { find "$STAND/a/state/images/partial" -type f -printf '%s\n' 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'; }
more_than() { [[ $(came) -gt $1 ]]; }

narrow
idle=$(middle 3)
if [[ -z $idle || $idle -ge $((5000 * ${PATIENCE:-1})) ]]; then
    bad "an apply reaches the node" "${idle:-never} ms"
    conclude
fi
pulling "$BULK_IP:5000/big:1"
# The first bytes may queue: what is on its way is not known before some have come.
within 60 "an image is being pulled" more_than 25000
first=$(came) from=$(now_us)
busy=$(middle 3)
bytes=$(($(came) - first)) took=$(($(now_us) - from))
if [[ -n $busy && $busy -le $((idle + 2500 * ${PATIENCE:-1})) ]]; then
    ok "while it is pulled the node is told as soon"
else
    bad "while it is pulled the node is told as soon" "$idle ms without it" "${busy:-never} ms with it"
fi
echo "     $idle ms without it, ${busy:-never} ms with it, $((bytes * 1000 / (took / 1000 + 1))) bytes/s of it"
if [[ $((bytes * 1000000 / took)) -ge 3000 ]]; then ok "... and the pull goes on"; else bad "... and the pull goes on" "$bytes bytes in $took us"; fi
lp delete pod big --now >/dev/null 2>&1 || lp delete pod big >/dev/null 2>&1
line del

# ---- marks ----
lp image push "$STAND/big.tar" big:1 >/dev/null 2>&1 || bad "the image is pushed to the gateway"
in_net gw nft -f - <<END
table inet marks {
    counter images {}
    counter bus {}
    chain out {
        type filter hook output priority 0
        tcp sport $API_PORT ip dscp 1 meta priority 0:1 counter name images
    }
    chain in {
        type filter hook input priority 0
        tcp dport $BUS_PORT ip dscp cs5 counter name bus
    }
}
END
counted() { in_net gw nft -j list counter inet marks "$1" | jq '.nftables[] | .counter? // empty | .bytes'; }
node_kill a # the connection of the bus is made anew: its first packet is of the old one's time else
node_start a
pulling gateway.limpet.local/big:1
has_image() { ld a image ls | grep -q gateway.limpet.local/big; }
within 60 "an image comes from the gateway" has_image
# But for what came by the other way before, which is not fetched again.
if [[ $(counted images) -gt 7500000 ]]; then ok "its packets are marked: they can wait"; else bad "its packets are marked: they can wait" "$(counted images) bytes"; fi
if [[ $(counted bus) -gt 0 ]]; then ok "those of the bus are marked: they cannot"; else bad "those of the bus are marked: they cannot"; fi
registry_stop
conclude
