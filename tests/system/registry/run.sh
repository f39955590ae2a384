#!/usr/bin/env bash
# timeout: 300
# The gateway as a registry: Debian's skopeo and limpet push to it and pull from it as roles let them, pushes that are
# cut go on, a gateway that is killed keeps what it said it had, and clients that mean harm get nothing.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq curl skopeo; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

V2=https://127.0.0.1/v2 # until the stand is there
# who NAME [CURL ARGUMENT...]: asks as admin, as a token's owner (token:TOKEN) or as nobody ("").
as() {
    local who=$1
    shift
    local args=(-sS --max-time 60 --path-as-is --cacert "$GW/state/trust/ca.crt")
    case $who in
        admin) args+=(--cert "$GW/state/trust/admin.crt" --key "$GW/state/trust/admin.key") ;;
        ?*) args+=(-u "$who") ;;
    esac
    curl "${args[@]}" "$@"
}
code() { as "$@" -o /dev/null -w '%{http_code}'; }
# location FILE: of the answer whose headers are in it.
location() { sed -n 's/^[Ll]ocation: *\([^\r]*\).*/\1/p' "$1"; }
begin() { as admin -X POST -D "$TEST_TMP/head" -o /dev/null "$V2/$1/blobs/uploads/" && location "$TEST_TMP/head"; }
offset() { as admin -D "$TEST_TMP/head" -o /dev/null "$SERVER$1" && sed -n 's/^Range: 0-\([0-9]*\).*/\1/p' "$TEST_TMP/head"; }
registry_pid() { pgrep -P "$(gw_pid)" -x limpet-registry; }
uploaded() { find "$GW/state/registry/uploads" -type f -printf '%s\n' 2>/dev/null | sort -n | tail -n 1; }
# whole: every blob is what its name says.
whole() {
    local file bad=0
    for file in "$GW"/state/registry/blobs/*; do
        [[ $(sha256sum <"$file") == "${file##*/}  -" ]] || bad=$((bad + 1))
    done
    [[ $bad -eq 0 ]]
}
# token ACCOUNT: of a service account in the namespace default.
token() {
    curl -sS --max-time 10 --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
        --key "$GW/state/trust/admin.key" -H 'Content-Type: application/json' -X POST \
        -d '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{}}' \
        "$SERVER/api/v1/namespaces/default/serviceaccounts/$1/token" | jq -r .status.token
}
# account NAME ROLE
account() {
    lp apply -f - >/dev/null <<END
apiVersion: v1
kind: ServiceAccount
metadata: {name: $1, namespace: default}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: $1}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: $2}
subjects: [{kind: ServiceAccount, name: $1, namespace: default}]
END
}

stand_make one
stand_settle_gateway
echo "registryBytes: 400000000" >>"$GW/config.yaml"
gw_start
SERVER=https://$HOST:$API_PORT
V2=$SERVER/v2
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
"$LIMPET_SRC/tools/image" --name busybox:1 "$(uname -m)" "$TEST_TMP/a.tar" >/dev/null 2>&1 || stand_fail "no image"
head -c 100000000 /dev/urandom >"$TEST_TMP/random"
is "while nobody asks, there is no process for it" "$(registry_pid)" ""

# ---- who may ----
account pusher system:image-pusher
account puller system:image-puller
account nobody view
have_tokens() { PUSHER=$(token pusher) && PULLER=$(token puller) && NOBODY=$(token nobody) && [[ ${#NOBODY} -gt 100 ]]; }
poll 20 have_tokens
is "strangers get nothing" "$(code "" "$V2/")" 401
has "and are told how to show who they are" "$(as "" -i "$V2/")" '^WWW-Authenticate: Basic'
is "nor does a wrong token" "$(code token:wrong "$V2/")" 401
for path in _catalog app/tags/list app/manifests/1; do
    is "strangers: $path" "$(code "" "$V2/$path")" 401
    is "who has no role for it: $path" "$(code "x:$NOBODY" "$V2/$path")" 403
done
is "who pulls does not push" "$(code "x:$PULLER" -X POST "$V2/app/blobs/uploads/")" 403
is "nor delete" "$(code "x:$PULLER" -X DELETE "$V2/app/manifests/1")" 403
mkdir "$TEST_TMP/certs" "$TEST_TMP/ca"
cp "$GW/state/trust/ca.crt" "$TEST_TMP/certs/ca.crt"
cp "$GW/state/trust/ca.crt" "$TEST_TMP/ca/ca.crt"
cp "$GW/state/trust/admin.crt" "$TEST_TMP/certs/admin.cert"
cp "$GW/state/trust/admin.key" "$TEST_TMP/certs/admin.key"

# ---- skopeo ----
sk() { timeout 60 skopeo "$@" 2>&1; }
has "skopeo pushes with a token" "$(sk copy --dest-cert-dir "$TEST_TMP/ca" --dest-creds "any:$PUSHER" \
    "oci-archive:$TEST_TMP/a.tar" "docker://$HOST:$API_PORT/team/app:1")" 'Storing signatures'
has "and one who may only pull does not" "$(sk copy --dest-cert-dir "$TEST_TMP/ca" --dest-creds "any:$PULLER" \
    "oci-archive:$TEST_TMP/a.tar" "docker://$HOST:$API_PORT/team/app:2")" 'cannot create resource|denied'
has "skopeo pulls with a token" "$(sk copy --src-cert-dir "$TEST_TMP/ca" --src-creds "any:$PULLER" \
    "docker://$HOST:$API_PORT/team/app:1" "oci:$TEST_TMP/out")" 'Storing signatures'
has "and with a certificate" "$(sk list-tags --cert-dir "$TEST_TMP/certs" "docker://$HOST:$API_PORT/team/app")" '"1"'
has "a docker archive goes in" "$(sk copy "oci-archive:$TEST_TMP/a.tar" "docker-archive:$TEST_TMP/d.tar:team/docker:7")" \
    'Storing signatures'
has "and comes out again" "$(lp image push "$TEST_TMP/d.tar" && sk copy --src-cert-dir "$TEST_TMP/certs" \
    "docker://$HOST:$API_PORT/team/docker:7" "oci:$TEST_TMP/out:docker")" 'Storing signatures'
has "what the gateway does runs behind it" "$(ps -o ni= -p "$(registry_pid)")" '10'

# ---- limpet ----
has "limpet pushes under the archive's own name" "$(lp image push "$TEST_TMP/a.tar")" \
    '^gateway.limpet.local/busybox:1 pushed'
mkdir "$TEST_TMP/layout"
tar -xf "$TEST_TMP/a.tar" -C "$TEST_TMP/layout"
is "and from a folder, under another" \
    "$(lp image push "$TEST_TMP/layout" gateway.limpet.local/team/other:2 -o json | jq -r '.[0].image')" \
    gateway.limpet.local/team/other:2
has "what there is" "$(lp image list)" '^team/other:2 +sha256:[0-9a-f]{12} +[0-9.]+ MB'
has "a name goes" "$(lp image remove team/other:2)" 'team/other:2 removed'
hasnt "and is gone" "$(lp image list)" 'team/other'
lp image push "$TEST_TMP/random" app:1 2>/dev/null
is "what is no image is not sent: exit code" "$?" 1
lp image push "$TEST_TMP/a.tar" docker.io/x:1 2>/dev/null
is "nor under another registry's name" "$?" 2

# ---- cut ----
HEX=$(sha256sum "$TEST_TMP/random" | cut -d' ' -f1)
at=$(begin big)
timeout 2 curl -sS --limit-rate 10M --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
    --key "$GW/state/trust/admin.key" -X PATCH -T "$TEST_TMP/random" -o /dev/null "$SERVER$at"
has_begun() { [[ $(offset "$at") -gt 1000000 ]]; }
poll 10 has_begun
size=$(($(offset "$at") + 1))
is "a push goes on where it was cut" "$(tail -c +$((size + 1)) "$TEST_TMP/random" |
    code admin -X PATCH -T - -H "Content-Range: $size-99999999" "$SERVER$at")" 202
is "but not elsewhere" "$(code admin -X PATCH -d x -H 'Content-Range: 5-5' "$SERVER$at")" 416
is "and is whole then" "$(code admin -X PUT "$SERVER$at?digest=sha256:$HEX")" 201
is "a part of it is sent" "$(as admin -r 99999000- "$V2/big/blobs/sha256:$HEX" | cmp - <(tail -c 1000 "$TEST_TMP/random") && echo same)" same
is "all of it is sent" "$(as admin "$V2/big/blobs/sha256:$HEX" | cmp - "$TEST_TMP/random" && echo same)" same
is "through another repository it is not there" "$(code admin "$V2/other/blobs/sha256:$HEX")" 404
is "unless it is given to it" "$(code admin -X POST "$V2/other/blobs/uploads/?mount=sha256:$HEX&from=big")" 201

# ---- killed ----
"$LIMPET_SRC/tools/image" --name killed:1 --add "$TEST_TMP/random=/random" "$(uname -m)" "$TEST_TMP/big.tar" >/dev/null 2>&1
# kill_amid COMMAND...: as soon as some of it has come.
kill_amid() {
    local end=$((SECONDS + 30))
    until [[ $(uploaded) -gt 1000000 || $SECONDS -gt $end ]]; do :; done
    "$@"
}
(lp image push "$TEST_TMP/big.tar" >"$TEST_TMP/push.out" 2>&1; echo "$?" >"$TEST_TMP/push.code") &
kill_amid controller_kill
hasnt "the push is under way" "$(cat "$TEST_TMP/push.out")" pushed
gw_start
within 60 "a push outlives a gateway that is killed" test -s "$TEST_TMP/push.code"
is "and succeeds" "$(cat "$TEST_TMP/push.code"; grep -c pushed "$TEST_TMP/push.out")" $'0\n1'
within 10 "what was said to be there is there" lp image list team/app
within 1 "and nothing else is" whole
lp image remove killed:1 >/dev/null
(lp image push "$TEST_TMP/big.tar" killed:2 >"$TEST_TMP/push2.out" 2>&1; echo "$?" >"$TEST_TMP/push2.code") &
within 60 "what is there is not sent again" test -s "$TEST_TMP/push2.code"
is "and the image is whole" "$(sk copy --src-cert-dir "$TEST_TMP/certs" "docker://$HOST:$API_PORT/killed:2" \
    "oci:$TEST_TMP/out:killed" | tail -n 1)" 'Storing signatures'
pid=$(registry_pid)
end_pid "$pid" KILL
within 30 "a registry that is killed comes back" lp image list
within 5 "and the gateway was not disturbed" lp get namespaces

# ---- nodes ----
# They have no other registry, and the gateway's certificate does not name the address that they know it by.
"$LIMPET_SRC/tools/image" "$(uname -m)" "$TEST_TMP/busybox.tar" >/dev/null 2>&1
node_make a
node_join a
node_start a
within 60 "a node is ready" matches "^a +Ready" lp get nodes
pod puller | jq '.spec.containers[0] += {image: "gateway.limpet.local/team/app:1", imagePullPolicy: "Always"}' |
    apply >/dev/null
within 60 "a node runs an image of its own gateway" running puller
pod nothing | jq '.spec.containers[0] += {image: "gateway.limpet.local/team/none:1", imagePullPolicy: "Always"}' |
    apply >/dev/null
within 60 "what is not there is told" matches 'team/none.*(is not here|not found)|not found.*team/none' lp why pod/nothing
lp delete pod puller nothing --wait=false >/dev/null 2>&1
# The node's token is good for images alone, and only as the node's.
is "a node that pulls reads no secrets with what it shows" \
    "$(code "node:limpet-node.images.$(date +%s).AAAA.$(base64 -w0 "$STAND/a/state/identity/node.crt")" "$V2/")" 401

# ---- those who mean harm ----
at=$(begin evil)
is "bytes that are not what they should be" "$(code admin -X PUT -d x "$SERVER$at?digest=sha256:$HEX")" 400
is "more than fits in any disk" "$(code admin -X POST -H 'Content-Length: 9000000000000000000' -d x "$V2/evil/blobs/uploads/?digest=sha256:$HEX")" 413
truncate -s 400000000 "$TEST_TMP/zeros"
is "more than there is room for" "$(code admin -X POST -T "$TEST_TMP/zeros" "$V2/evil/blobs/uploads?digest=sha256:$HEX")" 507
room=$((400000000 - $(du -sb "$GW/state/registry" | cut -f1)))
is "the same without saying so" "$(head -c $((room + 20000000)) "$TEST_TMP/zeros" |
    code admin -X POST -T - "$V2/evil/blobs/uploads/?digest=sha256:$HEX")" 507
for path in "../../api/v1/secrets" "..%2f..%2fetc/manifests/1" "a/../../b/manifests/1" "app/manifests/..%2f..%2ftags" \
    "app/blobs/sha256:../../../../etc/passwd" "app/blobs/uploads/../../x"; do
    has "no way out by $path" "$(code admin "$V2/$path")" '^4'
done
many() {
    local from pids=()
    for from in 1 2501 5001 7501; do
        seq "$from" $((from + 2499)) | sed "s|.*|url = \"$V2/evil/blobs/uploads/\"\noutput = /dev/null|" |
            as admin -X POST -K - 2>&1 | head -n 3 &
        pids+=("$!")
    done
    wait "${pids[@]}"
}
many
has "ten thousand uploads that are begun and left do not pile up" \
    "$(find "$GW/state/registry/uploads" -type f | wc -l)" '^([0-9]{1,2}|[1-4][0-9][0-9]|5[01][0-9])$'
is "and others still push" "$(lp image push "$TEST_TMP/a.tar" after:1 | grep -c pushed)" 1
within 5 "nor did the gateway suffer" lp get namespaces
within 1 "nothing came in that is not what it says" whole

# ---- at rest ----
rests() { [[ -z $(registry_pid) ]]; }
within 100 "when nobody asks any more, the process ends" rests
within 10 "and comes back when somebody does" lp image list
[[ $CASES_FAILED -eq 0 ]]
