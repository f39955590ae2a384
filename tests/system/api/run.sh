#!/bin/bash
# timeout: 180
# The API as programs of others see it: curl with certificates, openssl, kubectl where it is there.
# LIMPET_BUILD: the folder of the programs; TEST_TMP: a folder of our own. Exit 0 pass, 77 skip (reason last).
set -u

BUILD=${LIMPET_BUILD:?}
T=${TEST_TMP:?}/api
for program in curl jq openssl python3; do
    command -v $program >/dev/null || { echo "skip: needs $program"; exit 77; }
done

passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1"; [ $# -lt 2 ] || echo "     $2"; }
# is <what> <got> <wanted>
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got: $2 | wanted: $3"; fi; }
# has <what> <text> <pattern of grep -E>
has() { if printf '%s\n' "$2" | grep -Eq -- "$3"; then ok "$1"; else bad "$1" "no /$3/ in: $2"; fi; }

# soon <command>...: until it succeeds; false after 30 s.
soon() {
    local end=$((SECONDS + 30))
    until "$@" >/dev/null 2>&1; do
        [ $SECONDS -lt $end ] || return 1
        sleep 0.05
    done
}

# ---- the server ----
server=
start() {
    : >"$T/out"
    "$BUILD/api-serve" "$T" "$@" >"$T/out" 2>>"$T/err" &
    server=$!
    soon grep -q '^port ' "$T/out" || { echo "the server does not start"; cat "$T/err"; exit 1; }
    PORT=$(sed -n 's/^port //p' "$T/out")
}
stop() { [ -z "$server" ] || { kill "$1" "$server"; wait "$server"; } 2>/dev/null; server=; }
trap 'stop -KILL; kill $(jobs -p) 2>/dev/null' EXIT
rm -rf "$T"; mkdir -p "$T"; cd "$T" || exit 1
start

as() { # as <user or -> <curl arguments>
    local who=$1; shift
    local credentials=()
    [ "$who" = - ] || credentials=(--cert "$who.pem" --key "$who.key")
    curl -sS --max-time 10 --cacert ca.pem "${credentials[@]}" "$@"
}
# call <user> <method> <path> [body] -> code in $code, answer in $answer
call() {
    local body=() who=$1 method=$2 path=$3
    [ $# -lt 4 ] || body=(-H 'Content-Type: application/json' --data-binary "$4")
    code=$(as "$who" -o answer -w '%{http_code}' -X "$method" "${body[@]}" "https://127.0.0.1:$PORT$path")
    answer=$(cat answer)
}
get() { jq -r "$1" <<<"$answer"; }
answers() { call admin "$2" "$3"; [ "$code" = "$1" ]; }

# ---- who asks ----
call - GET /version
is "anyone may ask for the version" "$code" 200
call - GET /api/v1/namespaces
is "nobody in particular may not read" "$code $(get .reason)" "403 Forbidden"
call guest GET /api/v1/namespaces
is "a certificate without a right may not read" "$code $(get .reason)" "403 Forbidden"
call foreign GET /api/v1/namespaces
is "a certificate of another CA counts for nothing" "$code $(get .kind)" "401 Status"
call admin GET /api/v1/namespaces
is "an admin may" "$code $(get '.items[0].metadata.name')" "200 default"
is "plain HTTP is no way in" "$(printf 'GET /version HTTP/1.1\r\nHost: x\r\n\r\n' |
    timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$PORT; cat >&3; cat <&3" 2>/dev/null | grep -ac limpet)" 0
has "TLS 1.2 or better" "$(openssl s_client -connect "127.0.0.1:$PORT" -tls1_1 </dev/null 2>&1)" 'no protocols|alert|wrong version|no peer'

# ---- patches, scale, server-side apply, collections ----
# patch <type> <path> <body> -> code, answer
patch() {
    code=$(as admin -o answer -w '%{http_code}' -X PATCH -H "Content-Type: application/$1" \
        --data-binary "$3" "https://127.0.0.1:$PORT$2")
    answer=$(cat answer)
}
deployments=/apis/apps/v1/namespaces/default/deployments
call admin POST $deployments '{"metadata":{"name":"shop"},"spec":{"selector":{"matchLabels":{"a":"b"}},"template":
    {"metadata":{"labels":{"a":"b"}},"spec":{"containers":[{"name":"x","image":"i:1"},{"name":"y","image":"j"}]}}}}'
is "a deployment is created" "$code" 201
patch strategic-merge-patch+json $deployments/shop \
    '{"spec":{"template":{"spec":{"containers":[{"name":"x","image":"i:2"}]}}}}'
is "a strategic patch finds the container by its name" \
    "$code $(get '[.spec.template.spec.containers[] | .name + "=" + .image] | join(" ")')" "200 x=i:2 y=j"
patch json-patch+json $deployments/shop '[{"op":"test","path":"/spec/replicas","value":7}]'
is "a JSON patch that does not apply" "$code $(get .reason)" "422 Invalid"
patch merge-patch+json $deployments/shop/scale '{"spec":{"replicas":3}}'
is "scale" "$code $(get .kind) $(get .spec.replicas)" "200 Scale 3"
call admin GET $deployments/shop
is "the generation has moved with it" "$(get .spec.replicas) $(get .metadata.generation)" "3 3"
maps=/api/v1/namespaces/default/configmaps
patch apply-patch+yaml "$maps/owned?fieldManager=one" 'data: {a: x, b: y}'
is "server-side apply creates" "$code" 201
patch apply-patch+yaml "$maps/owned?fieldManager=two" 'data: {a: z}'
is "another's field is a conflict" "$code $(get .message)" \
    '409 Apply failed with 1 conflict: conflict with "one": .data.a'
patch apply-patch+yaml "$maps/owned?fieldManager=one" 'data: {b: y}'
is "what its owner gives up goes" "$code $(get '.data | tostring')" '200 {"b":"y"}'
call admin DELETE "$maps?fieldSelector=metadata.name%3Downed"
is "a collection is deleted" "$code $(get .kind) $(get '.items | length')" "200 ConfigMapList 1"

# ---- five kinds, all verbs ----
NS=/api/v1/namespaces/default
pod='{"apiVersion":"v1","kind":"Pod","metadata":{"name":"NAME"},"spec":{"containers":[{"name":"c","image":"busybox"}]}}'
object() { # object <kind> <name>
    case $1 in
    Pod) echo "${pod/NAME/$2}" ;;
    Secret) echo '{"metadata":{"name":"'"$2"'"},"stringData":{"a":"b"}}' ;;
    ConfigMap) echo '{"metadata":{"name":"'"$2"'"},"data":{"a":"b"}}' ;;
    *) echo '{"metadata":{"name":"'"$2"'"}}' ;;
    esac
}
while read -r kind path; do
    call admin POST "$path" "$(object "$kind" one)"
    is "$kind: create" "$code $(get .kind) $(get .apiVersion)" "201 $kind v1"
    call admin POST "$path" "$(object "$kind" one)"
    is "$kind: create again" "$code $(get .reason)" "409 AlreadyExists"
    call admin GET "$path/one"
    is "$kind: get" "$code $(get .metadata.name)" "200 one"
    first=$answer
    labelled=$(jq -c '.metadata.labels.new="yes"' <<<"$answer")
    call admin PUT "$path/one" "$labelled"
    is "$kind: update" "$code $(get .metadata.labels.new)" "200 yes"
    call admin PUT "$path/one" "$labelled"
    is "$kind: update of an old version" "$code $(get .reason)" "409 Conflict"
    call admin GET "$path?labelSelector=new%3Dyes"
    is "$kind: list" "$code $(get .kind) $(get '.items | length')" "200 ${kind}List 1"
    call admin POST "$path" '{"metadata":{"name":"Not_A_Name"}}'
    is "$kind: a wrong name" "$code $(get .reason)" "422 Invalid"
    call admin DELETE "$path/one"
    is "$kind: delete" "$code" 200
    soon answers 404 GET "$path/one"
    is "$kind: is gone" "$code $(get .reason)" "404 NotFound"
    is "$kind: has kept its uid" "$(jq -r .metadata.uid <<<"$first" | wc -c)" 37
done <<END
Pod $NS/pods
Node /api/v1/nodes
Namespace /api/v1/namespaces
ConfigMap $NS/configmaps
Secret $NS/secrets
END

# ---- watches ----
as admin -N --max-time 100 -D head "https://127.0.0.1:$PORT$NS/configmaps?watch=true&timeoutSeconds=90" >watched &
watching=$!
soon grep -q '^HTTP/.* 200' head
is "a watch begins before anything has happened" "$(head -n 1 head | tr -d '\r')$(cat watched)" "HTTP/1.1 200 OK"
call admin POST $NS/configmaps "$(object ConfigMap seen)"
call admin PUT $NS/configmaps/seen '{"data":{"a":"c"}}'
call admin DELETE $NS/configmaps/seen
soon grep -q '"DELETED"' watched
kill $watching; wait $watching 2>/dev/null
is "a watch sees a life" "$(jq -r '.type + " " + .object.metadata.name' watched | tr '\n' ' ')" \
    "ADDED seen MODIFIED seen DELETED seen "
as admin -N --max-time 30 "https://127.0.0.1:$PORT$NS/configmaps?watch=true&timeoutSeconds=1" >watched
is "a watch ends, whole, after timeoutSeconds" "$? $(cat watched)" "0 "

# ---- what is too much, or not HTTP ----
head -c 3000000 /dev/zero | tr '\0' x >big
code=$(as admin -o answer -w '%{http_code}' -H 'Content-Type: application/json' --data-binary @big "https://127.0.0.1:$PORT$NS/pods")
is "3 MB are refused" "$code $(jq -r .reason answer)" "413 RequestEntityTooLarge"
code=$(as admin -o answer -w '%{http_code}' -H 'Content-Type: application/json' -H 'Transfer-Encoding: chunked' --data-binary @big "https://127.0.0.1:$PORT$NS/pods")
is "3 MB in chunks are refused" "$code" 413
for path in '/api/v1/namespaces/default/%2e%2e/nodes' '/api//v1' '/api/v1/pods%00' '/api/v1/namespaces/a%2fb/pods'; do
    code=$(as admin --path-as-is -o answer -w '%{http_code}' "https://127.0.0.1:$PORT$path")
    is "a path trick: $path" "$code $(jq -r .reason answer)" "400 BadRequest"
done
# Until the server ends the connection.
raw() { timeout 30 openssl s_client -quiet -connect "127.0.0.1:$PORT" -cert admin.pem -key admin.key 2>/dev/null; }
smuggled=$(printf 'POST %s/pods HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /version HTTP/1.1\r\nHost: x\r\n\r\n' $NS | raw)
has "two lengths are refused" "$smuggled" '^HTTP/1.1 400'
is "and nothing behind them is answered" "$(grep -ac gitVersion <<<"$smuggled")" 0

# ---- held connections ----
stop -TERM
start 20
# Opens 40, and says how many of them the server leaves open.
held=$(python3 - "$PORT" <<'END'
import select, socket, sys, time
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(40)]
def is_open(connection):
    try:
        return not select.select([connection], [], [], 0)[0] or connection.recv(1) != b""
    except ConnectionResetError:
        return False
end = time.monotonic() + 30
while len(held) > 20 and time.monotonic() < end:
    held = [connection for connection in held if is_open(connection)]
    time.sleep(0.01)
time.sleep(0.2)
print(len([connection for connection in held if is_open(connection)]))
END
)
is "one address holds no more than its share" "$held" 20
soon answers 200 GET /version
is "and others are served again" "$code" 200

# ---- what was acknowledged is there after kill -9 ----
for i in 1 2 3; do call admin POST $NS/configmaps "$(object ConfigMap kept$i)"; done
stop -KILL
start
call admin GET $NS/configmaps
is "acknowledged is on disk" "$(get '[.items[].metadata.name] | sort | join(" ")')" "kept1 kept2 kept3"

# ---- kubectl, if it is here ----
if command -v kubectl >/dev/null; then
    export KUBECONFIG=$T/kubeconfig HOME=$T
    k() { timeout 20 kubectl "$@" 2>&1; }
    object Pod web >web.json
    has "kubectl create" "$(k create -f web.json)" 'pod/web created'
    has "kubectl get" "$(k get pods)" '^web +0/1 +Pending'
    is "kubectl get -o json" "$(k get pod web -o json | jq -r .spec.restartPolicy)" Always
    has "kubectl get -o yaml" "$(k get pod web -o yaml)" 'image: busybox'
    has "kubectl get of nothing" "$(k get pod none)" 'NotFound.*pods "none" not found'
    k get configmaps -w --no-headers >kwatch &
    soon grep -q '^kept3 ' kwatch # it has listed, and goes on from there
    k create -f <(object ConfigMap late | jq '.kind="ConfigMap" | .apiVersion="v1"') >/dev/null
    soon grep -q '^late ' kwatch
    has "kubectl get -w" "$(cat kwatch)" '^late '
    has "kubectl label" "$(k label pod web tier=front)" 'pod/web labeled'
    has "kubectl get -l" "$(k get pods -l tier=front -o name)" '^pod/web$'
    has "kubectl describe" "$(k describe pod web)" '^Status: +Pending'
    has "kubectl logs" "$(k logs web --tail 3)" '^log of default/web container c tail 3$'
    is "kubectl logs -f" "$(k logs -f web | tr '\n' ' ')" "tick 1 tick 2 tick 3 "
    has "kubectl get --raw .../why" "$(k get --raw /api/v1/namespaces/default/pods/web/why)" '^why of default/web$'
    has "kubectl create twice" "$(k create -f web.json)" 'AlreadyExists'
    has "kubectl create --dry-run=server" "$(k create -f <(object Pod tried | jq .) --dry-run=server)" \
        'pod/tried created \(server dry run\)'
    has "kubectl create --dry-run=server creates nothing" "$(k get pod tried)" NotFound
    has "kubectl create --dry-run=server tells what is wrong" \
        "$(k create -f <(object Pod tried | jq '.spec.containers[0].ports=[{containerPort:70000}]') --dry-run=server)" 70000
    has "kubectl replace --dry-run=server" \
        "$(k get pod web -o json | jq '.metadata.labels.tier="back"' | k replace --dry-run=server -f -)" 'pod/web replaced \(server dry run\)'
    has "kubectl replace --dry-run=server replaces nothing" "$(k get pod web --show-labels)" 'tier=front'
    has "kubectl delete --dry-run=server" "$(k delete pod web --dry-run=server)" 'pod "web" deleted \(server dry run\)'
    has "kubectl delete --dry-run=server deletes nothing" "$(k get pod web)" '^web '
    has "kubectl apply --dry-run=server" "$(k apply -f <(object Pod tried) --dry-run=server)" 'pod/tried created \(server dry run\)'
    has "kubectl delete" "$(k delete pod web)" 'pod "web" deleted'
    has "kubectl api-resources" "$(k api-resources)" '^configmaps +cm +v1 +true +ConfigMap'
    has "kubectl as a guest" "$(k --client-certificate=guest.pem --client-key=guest.key get pods)" 'Forbidden.*"guest" cannot list'
fi

stop -TERM
is "the server complains of nothing" "$(grep -aic 'error\|leak\|runtime' err)" 0
echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
