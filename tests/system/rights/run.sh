#!/usr/bin/env bash
# timeout: 240
# Who may what, on a running gateway: Debian's kubectl asks (auth can-i, --list, --as, reconcile), a matrix of subjects,
# verbs and kinds is asked and then tried over HTTPS, and the same rights hold over MQTT; then by each kind of credential
# that there is.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/rights/real.sh
. "$here/real.sh"
for program in curl jq kubectl mosquitto_rr openssl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# try AS METHOD PATH [BODY]: as admin in the name of somebody (NAME or NAME/GROUP); the answer, then its code.
try() {
    local headers=(-H "Impersonate-User: ${1%%/*}")
    [[ $1 != */* ]] || headers+=(-H "Impersonate-Group: ${1#*/}")
    curl -sS --max-time 10 --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
        --key "$GW/state/trust/admin.key" "${headers[@]}" -H 'Content-Type: application/json' -X "$2" \
        ${4:+--data "$4"} -w '\n%{http_code}\n' "https://$HOST:$API_PORT$3" 2>&1
}
code() { try "$@" | tail -n 1; }

stand_make one
stand_settle_gateway
TOKEN=$(openssl rand -hex 16)
printf '%s,fritz,1\n' "$TOKEN" >"$GW/tokens.csv"
chmod 600 "$GW/tokens.csv"
echo "tokenFile: $GW/tokens.csv" >>"$GW/config.yaml"
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
gathered() { [[ $(kc get clusterrole "$1" -o json | jq '.rules | length') -gt 10 ]]; }
within 30 "admin, edit and view gather their rules" gathered admin
poll 30 gathered view

# ---- what there is from the beginning ----
for role in cluster-admin admin edit view system:discovery system:basic-user system:public-info-viewer \
    system:monitoring system:node system:kube-scheduler; do
    is "ClusterRole $role" "$(kc get clusterrole "$role" -o jsonpath='{.metadata.labels.kubernetes\.io/bootstrapping}')" \
        rbac-defaults
done
kc create namespace garden >/dev/null
for who in alice:admin eddie:edit vera:view; do
    kc create rolebinding "${who%:*}" -n garden --clusterrole="${who#*:}" --user="${who%:*}" >/dev/null
done
kc create clusterrolebinding viola --clusterrole=view --user=viola >/dev/null
kc create rolebinding staff -n garden --clusterrole=view --group=staff >/dev/null
kc create serviceaccount bot -n garden >/dev/null 2>&1
kc create rolebinding bot -n garden --clusterrole=edit --serviceaccount=garden:bot >/dev/null

# ---- the matrix: SUBJECT NAMESPACE KIND, then the verbs that it has of all ----
ALL="get list watch create update patch delete deletecollection"
READ="get list watch"
matrix="
alice garden pods $ALL
alice garden secrets $ALL
alice garden roles.rbac.authorization.k8s.io $ALL
alice default pods
alice garden nodes
alice garden pods/exec $ALL
eddie garden deployments.apps $ALL
eddie garden secrets $ALL
eddie garden roles.rbac.authorization.k8s.io
eddie garden pods/log $READ
eddie garden serviceaccounts/token create
vera garden pods $READ
vera garden pods/log $READ
vera garden pods/exec
vera garden secrets
vera garden events $READ
vera default pods
viola default pods $READ
viola garden deployments.apps $READ
viola garden secrets
viola garden nodes
nobody garden pods
nobody garden configmaps
x/staff garden pods $READ
x/staff default pods
system:serviceaccount:garden:bot garden configmaps $ALL
system:serviceaccount:garden:other garden configmaps
system:serviceaccount:default:bot garden configmaps
"
answers=$(python3 "$here/matrix.py" "$HOST" "$API_PORT" "$GW/state/trust" <<<"$matrix" 2>&1)
is "who may what, by the matrix" "$answers" "$(($(grep -c . <<<"$matrix") * 8))"

# What is answered is what is done.
map='{"metadata":{"name":"m"}}'
maps=/api/v1/namespaces/garden/configmaps
tried="
201 eddie POST $maps
200 vera GET $maps/m
200 x/staff GET $maps
403 vera DELETE $maps/m
403 vera POST $maps
403 vera PUT $maps/m
403 vera DELETE $maps
403 nobody GET $maps/m
403 nobody GET $maps/none
403 eddie GET /api/v1/configmaps
403 eddie GET /api/v1/namespaces/default/configmaps
403 eddie POST /api/v1/namespaces
200 vera GET /api/v1/namespaces/garden
403 vera GET /api/v1/namespaces/default
403 vera GET /api/v1/nodes
200 viola GET /api/v1/configmaps
403 vera GET /metrics
200 vera GET /apis
200 eddie DELETE $maps/m
"
while read -r wanted who method path; do
    [[ -n $wanted ]] || continue
    body=""
    [[ $method != P* ]] || body=$map
    is "$who $method $path" "$(code "$who" "$method" "$path" "$body")" "$wanted"
done <<<"$tried"
has "the refusal is in Kubernetes' words" "$(try vera DELETE "$maps/m")" \
    'configmaps \\"m\\" is forbidden: User \\"vera\\" cannot delete resource \\"configmaps\\" in API group \\"\\" in the namespace \\"garden\\"'

# ---- kubectl ----
is "auth can-i" "$(kc auth can-i create pods -n garden --as eddie 2>&1)" yes
is "auth can-i, no" "$(kc auth can-i create pods -n default --as eddie 2>&1)" no
is "auth can-i of a subresource" "$(kc auth can-i get pods --subresource=log -n garden --as vera 2>&1)" yes
is "auth can-i everything" "$(kc auth can-i '*' '*' 2>&1 | tail -n 1)" yes
is "auth can-i of a path" "$(kc auth can-i get /metrics --as vera 2>&1)" no
is "auth can-i with a group" "$(kc auth can-i list pods -n garden --as x --as-group staff 2>&1)" yes
has "auth can-i --list" "$(kc auth can-i --list -n garden --as vera 2>&1)" '^pods +\[\] +\[\] +\[get list watch\]'
has "--as of who may not" "$(kc get pods --as-group system:masters --as vera 2>&1 >/dev/null; kc get secrets -n garden --as vera 2>&1)" \
    'secrets is forbidden: User "vera" cannot list resource "secrets"'
cat >"$TEST_TMP/roles.yaml" <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: waterer, namespace: garden}
rules:
  - {verbs: [get], apiGroups: [""], resources: [pods]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: waterer, namespace: garden}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: waterer}
subjects: [{kind: User, name: wanda, apiGroup: rbac.authorization.k8s.io}]
END
has "auth reconcile" "$(kc auth reconcile -f "$TEST_TMP/roles.yaml" 2>&1)" 'waterer reconciled'
is "... gives the right" "$(kc auth can-i get pods -n garden --as wanda 2>&1)" yes
is "... and no other" "$(kc auth can-i list pods -n garden --as wanda 2>&1)" no

# ---- nobody gives what he has not ----
has "alice gives what she has" "$(kc create rolebinding more -n garden --clusterrole=view --user=z --as alice 2>&1)" created
has "and not what she has not" "$(kc create rolebinding most -n garden --clusterrole=cluster-admin --user=z --as alice 2>&1)" \
    'user "alice" \(groups=\["system:authenticated"\]\) is attempting to grant RBAC permissions not currently held'
has "nor by a role" "$(kc create role most -n garden --verb=get --resource=nodes --as alice 2>&1)" 'not currently held'

# ---- over MQTT ----
mqtt() { as_admin mosquitto_rr -t "limpet/v1/users/$1/apply" -e "limpet/v1/users/$1/reply" -W 10 -m "$2"; }
is "what the admin applies over MQTT is applied" "$(mqtt admin "$(cat "$TEST_TMP/roles.yaml")" | jq -r .ok)" true

real_make
real_https
real_mqtt
conclude
