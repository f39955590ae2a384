#!/usr/bin/env bash
# timeout: 180
# Lives of objects end as Kubernetes has it, with a real node: what owns others goes after them or before them, pods
# are given their time, namespaces are emptied, and a gateway that is killed amid it goes on.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in curl jq openssl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

stand_up main a
# api METHOD PATH [BODY [TYPE]]
api() {
    curl -sS --max-time 30 --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
        --key "$GW/state/trust/admin.key" -H "Content-Type: ${4:-application/json}" -X "$1" \
        ${3:+--data-binary "$3"} "https://$HOST:$API_PORT$2"
}
there() { api GET "$1" | jq -ne 'input.metadata.uid' >/dev/null 2>&1; }
MAPS=/api/v1/namespaces/default/configmaps
PODS=/api/v1/namespaces/default/pods
options() { printf '{"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"%s"}' "$1"; }
# owner NAME: a ConfigMap; its reference, that blocks it.
owner() {
    api POST "$MAPS" "{\"metadata\":{\"name\":\"$1\"}}" | jq -c '{apiVersion: "v1", kind: "ConfigMap",
        name: .metadata.name, uid: .metadata.uid, blockOwnerDeletion: true}'
}
# owned NAME REFERENCE [NAMESPACE]: a pod that takes its time to end.
owned() {
    pod "$1" 'trap "sleep 2; exit 0" TERM; while :; do sleep 0.1; done' |
        jq --argjson ref "$2" '.metadata.ownerReferences = [$ref] | .spec.nodeName = "a" |
            .spec.terminationGracePeriodSeconds = 20'
}

# ---- in the foreground: the owner waits for the node's word ----
ref=$(owner front)
api POST "$PODS" "$(owned web "$ref")" >/dev/null
within 20 "a pod that is owned runs" running web
answer=$(api DELETE "$MAPS/front" "$(options Foreground)")
is "the owner is held" "$(jq -r '.metadata.finalizers[0]' <<<"$answer")" foregroundDeletion
within 5 "its pod is told to end" matches '"deletionTimestamp"' api GET "$PODS/web"
if there "$MAPS/front"; then ok "the owner waits for it"; else bad "the owner waits for it"; fi
within 20 "the pod ends" gone web
within 5 "then the owner goes" fails there "$MAPS/front"

# ---- orphans ----
ref=$(owner loose)
api POST "$PODS" "$(owned free "$ref")" >/dev/null
within 20 "another runs" running free
before=$(fingerprint a free)
api DELETE "$MAPS/loose" "$(options Orphan)" >/dev/null
within 5 "an owner that lets go is gone" fails there "$MAPS/loose"
is "its pod has no owner" "$(api GET "$PODS/free" | jq '.metadata.ownerReferences | length')" 0
is "and has not noticed" "$(fingerprint a free)" "$before"

# ---- in the background, with the gateway killed amid it ----
ref=$(owner back)
for i in $(seq 60); do
    api POST "$MAPS" "{\"metadata\":{\"name\":\"part-$i\",\"ownerReferences\":[$ref]}}" >/dev/null
done
api POST "$PODS" "$(owned part "$ref")" >/dev/null
within 20 "one more runs" running part
answer=$(api DELETE "$MAPS/back" "$(options Background)")
is "an owner goes at once" "$(jq -r '.status + " " + .details.kind' <<<"$answer")" "Success configmaps"
controller_kill
gw_start
within 30 "the gateway is back" there "$PODS/free"
within 20 "what it owned goes all the same" fails matches 'part-[0-9]+' api GET "$MAPS?limit=500"
within 20 "the pod too" gone part
is "what is nobody's stays" "$(fingerprint a free)" "$before"

# ---- a namespace with a pod that takes its time ----
api POST /api/v1/namespaces '{"metadata":{"name":"shop"}}' >/dev/null
api POST /api/v1/namespaces/shop/configmaps '{"metadata":{"name":"held","finalizers":["limpet.io/test"]}}' >/dev/null
api POST /api/v1/namespaces/shop/pods "$(owned till '{}' | jq 'del(.metadata.ownerReferences)')" >/dev/null
within 20 "a pod runs in a namespace" runs_on a till
answer=$(api DELETE /api/v1/namespaces/shop)
is "the namespace ends" "$(jq -r .status.phase <<<"$answer")" Terminating
is "nothing new comes in" \
    "$(api POST /api/v1/namespaces/shop/configmaps '{"metadata":{"name":"x"}}' | jq -r '.details.causes[0].reason')" \
    NamespaceTerminating
within 30 "the pod ends in its time" fails local_pod a till
within 15 "it says what holds it up" matches 'limpet.io/test in 1 resource instances' api GET /api/v1/namespaces/shop
api PATCH /api/v1/namespaces/shop/configmaps/held '{"metadata":{"finalizers":null}}' \
    application/merge-patch+json >/dev/null
within 15 "then it is gone" fails there /api/v1/namespaces/shop
is "and can come again" "$(api POST /api/v1/namespaces '{"metadata":{"name":"shop"}}' | jq -r .status.phase)" Active

# ---- a namespace, with the gateway killed amid it ----
YARD=/api/v1/namespaces/yard
api POST /api/v1/namespaces '{"metadata":{"name":"yard"}}' >/dev/null
jq -n '{apiVersion: "v1", kind: "List", items: [range(100) | {apiVersion: "v1", kind: "ConfigMap",
    metadata: {name: "part-\(.)", namespace: "yard"}}]}' | apply >/dev/null
api POST $YARD/pods "$(owned gate '{}' | jq 'del(.metadata.ownerReferences)')" >/dev/null
within 20 "a pod runs in another" runs_on a gate
answer=$(api DELETE $YARD)
controller_kill
is "it was to end" "$(jq -r .status.phase <<<"$answer")" Terminating
gw_start
within 30 "the gateway is back" there "$PODS/free"
controller_kill
gw_start
within 30 "killed again, it is back" there "$PODS/free"
within 30 "the namespace's pod ends" fails local_pod a gate
within 30 "and it is gone" fails there $YARD
is "it can come again" "$(api POST /api/v1/namespaces '{"metadata":{"name":"yard"}}' | jq -r .status.phase)" Active
is "with nothing of what was in it" "$(api GET $YARD/configmaps | grep -c '"part-') $(api GET $YARD/pods | jq '.items | length')" "0 0"
is "what is nobody's has not noticed" "$(fingerprint a free)" "$before"

conclude
