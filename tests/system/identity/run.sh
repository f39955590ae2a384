#!/usr/bin/env bash
# timeout: 180
# Who asks, on a running gateway: a user that limpet makes asks over HTTPS and MQTT and is refused as soon as he is
# disabled, a watch of his included; kubectl with tokens of ServiceAccounts and with a certificate it has approved.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in curl jq kubectl mosquitto_rr openssl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

stand_make one
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"

who="$TEST_TMP/who"
# as NAME WORDS...: kubectl with that one's kubeconfig.
as() { in_net gw timeout 60 kubectl --kubeconfig "$who/$1/kubeconfig" "${@:2}"; }
admin() { kc --kubeconfig "$GW/state/admin.kubeconfig" "$@"; }
# over the bus: bus_as NAME TEXT
bus_as() {
    in_net gw timeout 20 mosquitto_rr -h "$HOST" -p "$BUS_PORT" -V mqttv5 -W 10 --cafile "$who/$1/ca.crt" \
        --cert "$who/$1/client.crt" --key "$who/$1/client.key" -t "limpet/v1/users/$1/apply" \
        -e "limpet/v1/users/$1/reply" -m "$2" 2>&1
}
map() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s}\n' "$1"; }

# ---- users ----
mkdir -p "$who"
lp user add jane --group system:masters --dir "$who/jane" || bad "user add"
is "the key is closed to others" "$(stat -c %a "$who/jane/client.key")" 600
has "jane's certificate is good for HTTPS" "$(as jane get namespaces -o name 2>&1)" namespace/default
has "and for MQTT" "$(bus_as jane "$(map one)")" '"ok":true'
has "user list knows her" "$(lp user list)" '^jane +system:masters +Active +1 '
as jane get configmaps -w --no-headers >"$TEST_TMP/watched" 2>&1 &
watching=$!
poll 20 grep -q '^one ' "$TEST_TMP/watched" || bad "she watches" "$(cat "$TEST_TMP/watched")"
# A connection at the broker that only listens, and comes back whenever it is ended.
daemon "$STAND/listens.pid" "$STAND/listens.log" gw timeout 60 mosquitto_sub -V 5 -i jane-listens -h "$HOST" -p "$BUS_PORT" \
    --cafile "$who/jane/ca.crt" --cert "$who/jane/client.crt" --key "$who/jane/client.key" -t limpet/v1/users/jane/reply
put_out() { (($(grep -c 'connection ended user=jane client="jane-listens"' "$GW/log") >= ${1:-1})); }
has "disable" "$(lp user disable jane)" '^user/jane disabled$'
within 10 "what she has open is ended" fails alive "$watching"
within 10 "what she has open at the broker, too" put_out
within 20 "and again when she comes back" put_out 2
end_pid "$(cat "$STAND/listens.pid")" TERM
wait "$watching" 2>/dev/null
denied() { [[ $(grep -A1 "^user $1\$" "$GW/state/broker/acl") == "user $1"$'\ntopic deny #' ]]; }
within 10 "the broker itself denies her everything" denied jane
has "HTTPS refuses her" "$(as jane get namespaces 2>&1)" 'must be logged in|Unauthorized'
has "MQTT does too" "$(bus_as jane "$(map two)")" 'Unauthorized|[Nn]ot authorized|denied|connection was lost'
has "and nothing comes of it" "$(admin get configmap two 2>&1)" 'not found'
lp user enable jane >/dev/null
has "enable" "$(as jane get namespaces -o name 2>&1)" namespace/default
within 10 "and the broker has nothing against her any more" fails denied jane
has "MQTT hears her again" "$(bus_as jane "$(map three)")" '"ok":true'
has "remove" "$(lp user remove jane)" 'its name stays taken'
has "a removed one is refused" "$(as jane get namespaces 2>&1)" 'must be logged in|Unauthorized'
has "and the name is not free" "$(lp user add jane 2>&1)" 'was removed'

# ---- kubeconfig ----
mkdir -p "$who/root"
lp kubeconfig >"$who/root/kubeconfig"
has "limpet kubeconfig serves kubectl" "$(as root get namespaces -o name)" namespace/kube-system

# ---- tokens of ServiceAccounts ----
ask() { # ask TOKEN PATH: the code, then the body
    curl -sS --max-time 10 --cacert "$GW/state/trust/ca.crt" -H "Authorization: Bearer $1" -w '%{stderr}%{http_code}' \
        "https://$HOST:$API_PORT$2" 2>&1
}
admin create serviceaccount robot >/dev/null
token=$(admin create --raw /api/v1/namespaces/default/serviceaccounts/robot/token -f - <<<'{"spec":{}}' | jq -r .status.token)
has "a token is known" "$(ask "$token" /api/v1/namespaces)" 'system:serviceaccount:default:robot'
has "a changed one is not" "$(ask "${token%????}AAAA" /version)" 401
admin delete serviceaccount robot >/dev/null
has "nor one whose account is gone" "$(ask "$token" /version)" 401

# ---- a certificate by request ----
mkdir -p "$who/joe"
openssl req -new -newkey rsa:2048 -nodes -keyout "$who/joe/client.key" -subj /CN=joe/O=devs -out "$who/joe.csr" 2>/dev/null
admin apply -f - >/dev/null <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: joe}
spec:
  request: $(base64 -w 0 "$who/joe.csr")
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
  username: liar
END
is "the gateway says who asked" "$(admin get csr joe -o jsonpath='{.spec.username}')" admin
is "nothing is signed before it is approved" "$(admin get csr joe -o jsonpath='{.status.certificate}')" ''
has "kubectl certificate approve" "$(admin certificate approve joe 2>&1)" 'approved$'
signed() { [[ -n $(admin get csr joe -o jsonpath='{.status.certificate}') ]]; }
within 10 "it is signed" signed
admin get csr joe -o jsonpath='{.status.certificate}' | base64 -d >"$who/joe/client.crt"
has "and it says who joe is" "$(curl -sS --cacert "$GW/state/trust/ca.crt" --cert "$who/joe/client.crt" \
    --key "$who/joe/client.key" "https://$HOST:$API_PORT/api/v1/secrets")" 'User \\"joe\\" cannot'
conclude
