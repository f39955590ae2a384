#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 300
# Static pods of a node are shown by the gateway, whatever is deleted or killed there, and run as they did.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq kubectl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

static() { pod "$@" | jq '.spec.containers[0].imagePullPolicy = "Never"' >"$STAND/a/manifests/$1.yaml"; }
annotation() { lp get pod "$1" -o json | jq -r ".metadata.annotations[\"kubernetes.io/config.$2\"]"; }
uid() { lp get pod "$1" -o json | jq -r .metadata.uid; }
shown_as() { [[ $(annotation "$1" hash) == "$(local_pod a "$1" .metadata.uid)" ]] && running "$1"; }
another() { [[ $(uid "$1") != "$2" ]] && shown_as "$1"; }

stand_up main a
# shellcheck disable=SC2016
static web 'echo hello; trap "exit 0" TERM; while :; do sleep 1; done'
within 30 "a static pod is shown" shown_as web-a
has "limpet get shows it" "$(lp get pods -o wide)" '^web-a +1/1 +Running +0 .* a( |$)'
is "it comes from a file" "$(annotation web-a source)" file
is "it is its node's" "$(lp get pod web-a -o json | jq -r '.metadata.ownerReferences[0] | "\(.kind) \(.name)"')" "Node a"
within 10 "its logs" equals hello lp logs web-a
is "exec into it" "$(kc exec web-a -- echo inside)" inside
within 20 "describe tells what happened to it" matches 'Started' events_of lp describe pod web-a
within 20 "kubectl's too" matches 'Started' events_of kc describe pod web-a
first=$(fingerprint a web-a) was=$(uid web-a)

lp delete pod web-a >/dev/null
within 20 "deleted, it comes again" another web-a "$was"
is "and has run on" "$(fingerprint a web-a)" "$first"
was=$(uid web-a)
gw_kill
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
within 30 "after a new start of the gateway it is shown" shown_as web-a
is "as the same" "$(uid web-a)" "$was"
within 30 "its logs again" equals hello lp logs web-a

controller_kill
static other
within 30 "one comes while no gateway is there" runs_on a other-a
gw_start
within 60 "and is shown by the next" shown_as other-a
static late
sleep "0.$((RANDOM % 10))"
controller_kill
gw_start
within 60 "one that comes while the gateway dies is shown" shown_as late-a
node_kill a
is "of a node that is away they stay" "$(lp get pods | grep -c -- '-a ')" 3
node_start a
within 30 "it is back" runs_on a web-a
is "its pods have run on" "$(fingerprint a web-a)" "$first"

# ---- the gateway is killed while a pod goes ----
static brief
static lost
within 30 "two more are shown" shown_as brief-a
within 30 "both of them" shown_as lost-a
controller_kill
rm "$STAND/a/manifests/brief.yaml"
within 30 "the file of one goes while no gateway is there, and it ends" fails local_pod a brief-a
gw_start
within 60 "its last word is heard by the next" gone brief-a
if [[ -n ${LIMPET_LONG:-} ]]; then
    gw_kill # its last word is lost for certain
    rm "$STAND/a/manifests/lost.yaml"
else
    rm "$STAND/a/manifests/lost.yaml"
    sleep "0.$((RANDOM % 10))"
    gw_kill
fi
within 30 "the other goes while the gateway dies" fails local_pod a lost-a
if [[ -n ${LIMPET_LONG:-} ]]; then
    node_kill a
    node_start a # what it had to tell is forgotten
    within 30 "the node is back" runs_on a web-a
    gw_start
    within 120 "a lost last word is found out" gone lost-a
    has "because the node does not have it" "$(cat "$GW/log")" 'mirror of a pod that its node does not have is removed: node=a pod=default/lost-a'
else
    gw_start
    within 120 "its last word is heard, too, or found to be lost" gone lost-a
fi
within 30 "the others are as they were" shown_as web-a

was=$(uid web-a)
static web 'echo changed; trap "exit 0" TERM; while :; do sleep 1; done'
within 40 "the file changes: another pod is shown" another web-a "$was"
within 20 "with other logs" equals changed lp logs web-a
rm "$STAND/a/manifests/web.yaml" "$STAND/a/manifests/late.yaml"
within 30 "the file goes: the pod too" gone web-a
within 30 "and the other" gone late-a
kept=$(uid other-a)

# ---- a name that is taken, a pod that may not be shown ----
pod mine-a | jq '.spec.nodeName = "a"' | apply >/dev/null
within 30 "an ordinary pod of such a name runs" running mine-a
mine=$(uid mine-a)
pod secret | jq '.spec.containers[0] |= (.imagePullPolicy = "Never" | .envFrom = [{secretRef: {name: "s", optional: true}}])' \
    >"$STAND/a/manifests/secret.yaml"
within 30 "one that reads a secret runs" runs_on a secret-a
within 30 "but is not shown, for a reason" grep -q 'static pod not shown.*can not create pods that reference secrets' "$GW/log"
is "not at all" "$(gone secret-a && echo gone)" gone
static mine
within 30 "a static pod of the same name is reported" fails equals "$mine" local_pod a mine-a .metadata.uid
is "a pod that has the name keeps it" "$(uid mine-a) $(annotation mine-a mirror)" "$mine null"
is "the one that was shown is as it was" "$(uid other-a)" "$kept"

other=$(fingerprint a other-a)
lp delete node a >/dev/null
within 60 "with the node its pods are shown no more" gone other-a
is "but run" "$(fingerprint a other-a)" "$other"
conclude
