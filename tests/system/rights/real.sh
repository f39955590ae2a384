# shellcheck shell=bash
# The matrix once more, by credentials as they are: a certificate by request, a user of the token file, a ServiceAccount's
# token, a bootstrap token, a node's certificate, nothing; over HTTPS and, for who gets there, MQTT. Sourced by run.sh.
CREDS=$TEST_TMP/who

# cert_by_request NAME SUBJECT: asked for, approved, signed.
cert_by_request() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$CREDS/$1.key" -subj "$2" \
        -out "$CREDS/$1.csr" 2>/dev/null
    kc apply -f - >/dev/null <<END
apiVersion: certificates.k8s.io/v1
kind: CertificateSigningRequest
metadata: {name: $1}
spec:
  request: $(base64 -w 0 "$CREDS/$1.csr")
  signerName: kubernetes.io/kube-apiserver-client
  usages: [client auth]
END
    kc certificate approve "$1" >/dev/null
    poll 10 signed "$1"
    kc get csr "$1" -o jsonpath='{.status.certificate}' | base64 -d >"$CREDS/$1.crt"
}
signed() { [[ -n $(kc get csr "$1" -o jsonpath='{.status.certificate}') ]]; }

# bus_of NAME PROGRAM WORDS...: a mosquitto client with that one's certificate.
bus_of() {
    in_net gw timeout 10 "$2" -V 5 -h "$HOST" -p "$BUS_PORT" --cafile "$GW/state/trust/ca.crt" --cert "$CREDS/$1.crt" \
        --key "$CREDS/$1.key" "${@:3}" 2>&1
}
# applied NAME TEXT: what is answered to that one's apply.
applied() { bus_of "$1" mosquitto_rr -W 8 -t "limpet/v1/users/$1/apply" -e "limpet/v1/users/$1/reply" -m "$2"; }

real_make() {
    mkdir -p "$CREDS"
    node_make a
    node_join a
    cp "$STAND/a/state/identity/node.crt" "$CREDS/node.crt"
    cp "$STAND/a/state/identity/identity.key" "$CREDS/node.key"
    cert_by_request vera /CN=vera
    cert_by_request eddie /CN=eddie
    cert_by_request guest /CN=guest/O=staff
    printf '%s' "$TOKEN" >"$CREDS/fritz"
    kc create rolebinding fritz -n garden --clusterrole=edit --user=fritz >/dev/null
    kc create --raw /api/v1/namespaces/garden/serviceaccounts/bot/token -f - <<<'{"spec":{}}' | jq -r .status.token >"$CREDS/bot"
    kc apply -f - >/dev/null <<END
apiVersion: v1
kind: Secret
metadata: {name: bootstrap-token-abcdef, namespace: kube-system}
type: bootstrap.kubernetes.io/token
stringData: {token-id: abcdef, token-secret: 0123456789abcdef, usage-bootstrap-authentication: "true"}
END
    printf 'abcdef.0123456789abcdef' >"$CREDS/boot"
    kc create rolebinding boot -n garden --clusterrole=view --group=system:bootstrappers >/dev/null
}

real_https() {
    local all="get list watch create update patch delete deletecollection" read="get list watch" lines answers
    local vera="vera cert:$CREDS/vera.crt:$CREDS/vera.key" eddie="eddie cert:$CREDS/eddie.crt:$CREDS/eddie.key"
    local guest="guest cert:$CREDS/guest.crt:$CREDS/guest.key" node="node cert:$CREDS/node.crt:$CREDS/node.key"
    lines="
$vera garden pods $read
$vera garden secrets
$vera garden deployments.apps $read
$vera default configmaps
$vera - nodes
$eddie garden pods $all
$eddie garden secrets $all
$eddie garden roles.rbac.authorization.k8s.io
$eddie default pods
$guest garden pods $read
$guest garden secrets
$guest default pods
fritz token:$CREDS/fritz garden configmaps $all
fritz token:$CREDS/fritz garden roles.rbac.authorization.k8s.io
fritz token:$CREDS/fritz - nodes
bot token:$CREDS/bot garden configmaps $all
bot token:$CREDS/bot garden secrets $all
bot token:$CREDS/bot default configmaps
boot token:$CREDS/boot garden pods $read
boot token:$CREDS/boot garden secrets
boot token:$CREDS/boot default pods
$node garden secrets
$node garden deployments.apps
$node garden roles.rbac.authorization.k8s.io
$node - namespaces
$node - services $read
nobody none garden pods
nobody none garden secrets
nobody none - nodes
"
    answers=$(python3 "$here/real.py" "$HOST" "$API_PORT" "$GW/state/trust/ca.crt" <<<"$lines" 2>&1)
    is "who may what, by their own credentials" "$answers" "$(($(grep -c . <<<"$lines") * 8))"
    is "a node reads itself" "$(real_code node nodes/a)" 200
    is "and no other" "$(real_code node nodes/b)" 403
    is "a stranger may ask for the version" "$(real_code "" ../../version)" 200
    is "a token that is none" "$(curl -s -o /dev/null -w '%{http_code}' --cacert "$GW/state/trust/ca.crt" \
        -H 'Authorization: Bearer abcdef.0123456789abcdee' "https://$HOST:$API_PORT/version")" 401
}
# real_code NAME PATH: the code of a GET by that one's certificate; "" = nobody's.
real_code() {
    curl -s --path-as-is -o /dev/null -w '%{http_code}' --cacert "$GW/state/trust/ca.crt" \
        ${1:+--cert "$CREDS/$1.crt" --key "$CREDS/$1.key"} "https://$HOST:$API_PORT$([[ $2 == ../* ]] && echo "/${2##*../}" || echo "/api/v1/$2")"
}

real_mqtt() {
    local map='{apiVersion: v1, kind: ConfigMap, metadata: {name: bus, namespace: garden}}'
    is "MQTT: who may edit applies" "$(applied eddie "$map" | jq -r .ok)" true
    has "MQTT: who may view does not" "$(applied vera "$map")" 'configmaps \\"bus\\" is forbidden: User \\"vera\\" cannot (patch|update)'
    has "MQTT: nor who may nothing there" "$(applied guest "${map/garden/default}")" 'User \\"guest\\" cannot'
    has "MQTT: nobody speaks for another" \
        "$(bus_of vera mosquitto_pub -q 1 -t limpet/v1/users/eddie/apply -m "$map" 2>&1)" 'Not authorized'
    has "MQTT: a node is no user" "$(bus_of node mosquitto_pub -q 1 -t limpet/v1/users/a/apply -m "$map" 2>&1)" 'Not authorized'
    has "MQTT: a person is no node" \
        "$(bus_of eddie mosquitto_pub -q 1 -t "limpet/v1/nodes/$(node_id a)/up/online" -m x 2>&1)" 'Not authorized'
    has "MQTT: without a certificate nobody gets in" "$(in_net gw timeout 10 mosquitto_pub -V 5 -h "$HOST" -p "$BUS_PORT" \
        --cafile "$GW/state/trust/ca.crt" -q 1 -t limpet/v1/users/eddie/apply -m x 2>&1)" 'Error|error'
    is "MQTT: nothing of that came through" "$(kc get configmaps -A -o name | grep -c /bus)" 1
}
