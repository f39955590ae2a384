# shellcheck shell=bash
# A node that is deleted leaves nothing at the broker, and may join again. Sourced by run.sh.

departed() {
    local id
    id=$(node_id b)
    jq -n '{apiVersion: "v1", kind: "Secret", metadata: {name: "key"}, data: {a: "Yg=="}}' | apply >/dev/null
    pod far | jq '.spec.nodeName = "b" | .spec.volumes = [{name: "s", secret: {secretName: "key"}}]' | apply >/dev/null
    within 15 "departed: a pod with a secret runs on the node" runs_on b far
    has "departed: the broker has it" "$(retained_of "$id")" "/down/Secret/default/key/"
    controller_kill
    # What a controller that died could not clear any more.
    bus mosquitto_pub -t "limpet/v1/nodes/$id/down/Pod/default/old/$(printf x | sha256sum | cut -d' ' -f1)" -r -q 1 -m x
    gw_start
    poll 20 lp get namespaces
    within 10 "departed: what is listed nowhere is cleared" fails matches /old/ retained_of "$id"
    has "departed: what is listed stays" "$(retained_of "$id")" "/down/Secret/default/key/"

    lp delete node b >/dev/null
    within 10 "departed: nothing of it is retained while it talks" equals "" retained_of "$id"
    is "departed: its pod runs on" "$(runs_on b far && echo yes)" yes
    node_kill b
    sleep 1
    controller_kill
    gw_start
    poll 20 lp get namespaces
    within 10 "departed: nor of its last words" equals "" retained_of "$id"
    has "departed: the other node's is there" "$(retained_of "$(node_id a)")" "/down/desired"

    node_join b
    node_start b
    within 20 "departed: it joins again" matches '^b +Ready' lp get nodes
    pod again | jq '.spec.nodeName = "b"' | apply >/dev/null
    within 15 "departed: and runs what it is told" runs_on b again
    lp delete pod/far pod/again >/dev/null 2>&1
}
# The topics; empty if there are none.
retained_of() { bus mosquitto_sub -t "limpet/v1/nodes/$1/#" -F %t --retained-only -W 1 2>/dev/null; }
