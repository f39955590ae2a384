#!/usr/bin/env bash
# timeout: 120
# The node in a network namespace of its own: a way to the outside that comes late; a link that is cut, and nobody is
# told: its port of the switch down for 20 s, or for 2 minutes in the long form.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in jq nsenter kubectl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

long=20
BEAT=1
if [[ -n ${LIMPET_LONG:-} ]]; then
    long=120
    BEAT=2
fi
STAND_NET=1 stand_up cut a

at_least() { if [[ $2 -ge $3 ]]; then ok "$1"; else bad "$1" "got:    $2" "wanted: $3 or more"; fi; }
not_ready() { matches '^a +NotReady' lp get nodes; }

# internal_ip, host_ip POD, pod_ip POD: as the gateway has them.
internal_ip() { lp get node a -o json | jq -r '[.status.addresses[]? | select(.type == "InternalIP") | .address] | join(" ")'; }
host_ip() { lp get pod "$1" -o json | jq -r '.status.hostIP // ""'; }
pod_ip() { lp get pod "$1" -o json | jq -r '.status.podIP // ""'; }

pod web | apply >/dev/null
pod host | jq '.spec.hostNetwork = true' | apply >/dev/null
within 15 "late address: pods run" running web
within 15 "late address: in the host's network too" running host
before=$(fingerprint a web)$(fingerprint a host)
is "late address: there is none yet" "$(internal_ip) $(host_ip web) $(pod_ip host)" "  "
address=10.250.0.$(cat "$STAND/a/port")
ip -n "l${ID}a" route add default via "$HOST"
within 5 "late address: the node has it" equals "$address" internal_ip
within 5 "late address: its pods have it" equals "$address" host_ip web
within 5 "late address: a pod of the host's network has it" equals "$address" pod_ip host
is "late address: nothing was restarted" "$(fingerprint a web)$(fingerprint a host)" "$before"
lp delete pod/host >/dev/null 2>&1

pod going | apply >/dev/null
pod changing | jq '.metadata.labels = {v: "1"}' | apply >/dev/null
within 15 "cut: pods run" running web
within 15 "cut: and the others" running going
within 15 "cut: all of them" running changing
ld a image load "$TEST_TMP/busybox.tar" docker.io/library/busybox:other >/dev/null 2>&1
before=$(fingerprint a web)
start=$SECONDS
cut=$(now_us)
link_cut a
poll 60 not_ready || bad "cut: the node turns NotReady"
lost=$(said_us "$GW/log" "$cut" 'node not ready node=a$')
silent=$(lp get node a -o json | jq -r '.status.conditions[] | select(.type == "Ready").message' | sed -n 's/^no beat for \([0-9]*\)s: .*/\1/p')
at_least "cut: after one missed beat the node is still ready" $((${lost:-$cut} - cut)) $((BEAT * 1000000))
at_least "cut: three beats are missed by then" "${silent:-0}" $((3 * BEAT))
in_time "cut: NotReady after three missed beats" "$cut" "$lost" $((5 * BEAT))
pod coming | apply >/dev/null
pod changing | jq '.metadata.labels = {v: "1"} | .spec.containers[0].image = "busybox:other"' | apply >/dev/null
kc delete pod going --wait=false >/dev/null 2>&1
took=$((SECONDS - start))
[[ $took -ge $long ]] || sleep $((long - took))
is "cut for $long s: nothing was restarted" "$(fingerprint a web)" "$before"
has "cut: what was deleted meanwhile still runs" "$(ld a ps)" 'going +1/1 +Running'
link_mend a
within 40 "mended: the node is ready" matches '^a +Ready' lp get nodes
# The old connection may have to time out first: 1.5 times its keep-alive of 15 s.
within 30 "mended: the apply made meanwhile runs" running coming
within 10 "mended: the delete made meanwhile is done" gone going
within 10 "mended: on the node too" fails local_pod a going
within 10 "mended: the change made meanwhile runs" matches busybox:other local_pod a changing '.status.containerStatuses[0].image'
is "mended: nothing was restarted" "$(fingerprint a web)" "$before"
is "mended: nothing is doubled" "$(keepers a coming | wc -l)" 1
conclude
