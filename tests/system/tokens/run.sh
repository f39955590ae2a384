#!/usr/bin/env bash
# timeout: 240
# ServiceAccount tokens of pods on a real node: there before the program starts, good at the API as the pod's account,
# renewed in place, though the agent is killed, dead with the pod, never on flash nor to be read by the broker; and a
# node that reboots with no gateway runs its pods without.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in curl jq mosquitto_sub; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

SECRETS=/var/run/secrets/kubernetes.io/serviceaccount
# ask TOKEN PATH: the code, then the body.
ask() {
    curl -sS --max-time 10 --cacert "$GW/state/trust/ca.crt" -H "Authorization: Bearer $1" -w '\n%{http_code}\n' \
        "https://$HOST:$API_PORT$2" 2>&1
}
# in_pod POD COMMAND...
in_pod() { ld a exec "$1" -- "${@:2}"; }
token_of() { in_pod "$1" cat "${2:-$SECRETS/token}" 2>/dev/null; }
is_token() { [[ $(token_of "$@") =~ ^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$ ]]; }
is_another() { local now; now=$(token_of short /tokens/token) && [[ -n $now && $now != "$1" ]]; }
whose() { ask "$1" /api/v1/namespaces/default/pods; }
# short: a pod with a token of its own that is short-lived.
short() {
    pod short 'cat /tokens/token >/dev/null 2>&1 && echo had it; trap "exit 0" TERM; while :; do sleep 1; done' |
        jq '.spec.automountServiceAccountToken = false |
            .spec.volumes = [{name: "t", projected: {sources: [
                {serviceAccountToken: {path: "token", expirationSeconds: 600}}]}}] |
            .spec.containers[0].volumeMounts = [{name: "t", mountPath: "/tokens"}]'
}

stand_make main
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
node_make a
echo "tokenRenewPercent: 1" >>"$STAND/a/config.yaml" # of 600 s: each six seconds
node_join a
node_start a
poll 60 matches "^a +Ready" lp get nodes || stand_fail "node a does not get ready"
daemon "$STAND/rpc.pid" "$STAND/rpc" gw timeout 230 mosquitto_sub --unix "$GW/state/broker/sock" -t 'limpet/v1/nodes/#'

# ---- there before the program starts ----
pod web "cd $SECRETS && echo start \$(cat namespace) \$(ls) \$(cat token | wc -c) \$(grep -c BEGIN ca.crt)
    trap 'exit 0' TERM; while :; do sleep 1; done" | apply >/dev/null
short | apply >/dev/null
within 60 "a pod runs" running web
within 60 "so does one with a token of its own" running short
has "what it found at its start" "$(lp logs web)" '^start default ca.crt namespace token [0-9]{3,4} 1$'
has "the other one too" "$(lp logs short)" '^had it$'
token=$(token_of web)
has "the API knows it" "$(ask "$token" /version)" '^200$'
has "as the pod's account" "$(whose "$token")" 'User \\"system:serviceaccount:default:default\\" cannot list'
is "for an hour, bound to the pod" "$(cut -d. -f2 <<<"$token" | tr -- -_ +/ | sed 's/$/==/' | base64 -d 2>/dev/null |
    jq -c '[.exp - .iat, ."kubernetes.io".pod.name]')" '[3607,"web"]'

# ---- who declines, and who asks for what is not there ----
pod plain | jq '.spec.automountServiceAccountToken = false' | apply >/dev/null
is "a pod may decline" "$(lp get pod plain -o json | jq -c '.spec.volumes')" null
has "an account that is not there" "$(pod lost | jq '.spec.serviceAccountName = "nobody"' | apply 2>&1)" \
    'error looking up service account default/nobody: serviceaccount "nobody" not found'
has "a namespace and its pod in one file" "$({
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: fresh}\n---\n'
    pod first | jq '.metadata.namespace = "fresh"'
} | apply 2>&1)" 'pod/first created'

# ---- renewed in place ----
before=$(fingerprint a short)
old=$(token_of short /tokens/token)
within 40 "it is renewed" is_another "$old"
has "the new one is good" "$(whose "$(token_of short /tokens/token)")" '^403$'
is "and the pod is the same" "$(fingerprint a short)" "$before"

# ---- the agent is killed ----
node_kill a
old=$(token_of short /tokens/token)
node_start a
within 40 "a new agent renews it too" is_another "$old"
is "and the pod is the same" "$(fingerprint a short)" "$before"

# ---- who else can read it ----
signature=${token##*.}
is "it is on no flash and in no log" "$(grep -rlF -- "$signature" "$STAND/a/state" "$STAND/a/log" "$STAND/a/agent.log" \
    "$GW/state" "$GW/log" "$KUBECONFIG" 2>/dev/null)" ""
is "nor did the broker see it" "$(grep -acF -- "$signature" "$STAND/rpc")" 0
has "which passed it on" "$(grep -ac '"op":"answer"' "$STAND/rpc")" '^[1-9]'

# ---- dead with the pod ----
lp delete pod web >/dev/null
within 30 "the pod is gone" gone web
has "its token is dead" "$(ask "$token" /version)" '^401$'

# ---- a reboot, and no gateway ----
gw_kill
node_reboot a
within 30 "the pod runs" runs_on a short
is "without a token" "$(in_pod short ls -A /tokens 2>&1 | grep -v '^\.\.')" ""
before=$(fingerprint a short)
gw_start
within 60 "it comes when there is contact" is_token short /tokens/token
is "and the pod is the same" "$(fingerprint a short)" "$before"
has "and the token is good" "$(whose "$(token_of short /tokens/token)")" '^403$'
end_pid "$(cat "$STAND/rpc.pid")" TERM
conclude
