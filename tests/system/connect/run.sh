#!/usr/bin/env bash
# timeout: 240
# exec, attach, cp's shape and port-forward by programs of others, on the API alone: api-serve, whose pods' programs
# are a few words (tests/unit/controller/pods/pods.h). Debian's kubectl speaks SPDY, a newer one WebSocket and SPDY in
# WebSocket, client-node and python3-kubernetes WebSocket.
set -u
# shellcheck source=tests/system/lib/stand.sh
. "$LIMPET_SRC/tests/system/lib/stand.sh"
for program in curl jq python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done
OLD=$("$LIMPET_SRC/tools/clients" kubectl) || skip "needs Debian's kubectl, and it cannot be fetched"
export LIMPET_CACHE=${LIMPET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/limpet}
HERE=$LIMPET_SRC/tests/system/connect
POD=/api/v1/namespaces/default/pods

server=
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null; kill $(jobs -p) 2>/dev/null' EXIT
"$LIMPET_BUILD/api-serve" "$TEST_TMP" >out 2>errors &
server=$!
poll 20 grep -q '^port ' out || { bad "the server starts" "$(cat errors)"; conclude; }
port=$(sed -n 's/^port //p' out)
export KUBECONFIG=$TEST_TMP/kubeconfig HOME=$TEST_TMP/home
mkdir -p "$HOME"

send() { # send METHOD PATH BODY
    curl -fsS --max-time 20 --cacert ca.pem --cert admin.pem --key admin.key -X "$1" -H 'Content-Type: application/json' \
        --data-binary "$3" "https://127.0.0.1:$port$2" >/dev/null || bad "$1 $2"
}
make_pod() {
    send POST "$POD" '{"metadata":{"name":"web"},"spec":{"containers":[{"name":"a","image":"i"}]}}'
    send POST "$POD/web/binding" '{"target":{"name":"n1"}}'
    send PUT "$POD/web/status" '{"metadata":{"name":"web"},"status":{"phase":"Running"}}'
}

k() { timeout 60 "$KUBECTL" "$@"; }
# code WANTED WHAT WORDS...: what kubectl ends with.
code() {
    k "${@:3}" >text 2>&1
    is "$NAME: $2" "$? $(tail -n 1 text)" "$1"
}

execs() {
    is "$NAME: what a program says" "$(k exec web -- echo hello world)" 'hello world'
    is "$NAME: and on the other way" "$(k exec web -- err oops 2>&1 >/dev/null)" oops
    code '3 command terminated with exit code 3' "its exit code" exec web -- exit 3
    code '1 error: the node is gone' "a node that goes away" exec web -- die 504
    k exec web -c nope -- echo >text 2>&1
    has "$NAME: a container that is none" "$(cat text)" 'container nope is not valid for pod web'
    is "$NAME: what it is told, and its end" "$(printf 'some input' | k exec -i web -- cat)" 'some input'
    is "$NAME: 100 MB to the pod" "$(head -c 100000000 /dev/zero | k exec -i web -- sink)" 100000000
    is "$NAME: 100 MB from the pod" "$(k exec web -- flood 100000000 | wc -c)" 100000000
    is "$NAME: there and back, byte by byte" \
        "$(seq 3000000 | k exec -i web -- cat | sha256sum)" "$(seq 3000000 | sha256sum)"
    is "$NAME: attach" "$(echo typed | k attach -i web 2>/dev/null)" typed
    is "$NAME: a terminal and its sizes" "$(timeout 60 python3 "$HERE/terminal.py" "$KUBECTL" 2>&1)" \
        '{"Width":97,"Height":31} {"Width":120,"Height":40}'
}

listens() { [ "$(grep -c 'Forwarding from 127' forward)" = "$1" ]; }
forwards() {
    local pid ports
    : >forward # it may hold what another one said
    timeout 60 "$KUBECTL" port-forward pod/web :80 :4 :2 >forward 2>forward.errors &
    pid=$!
    poll 20 listens 3
    mapfile -t ports < <(grep -o '127.0.0.1:[0-9]*' forward | cut -d: -f2)
    timeout 60 python3 "$HERE/connect.py" "${ports[@]}" >text 2>&1
    is "$NAME: connections of a port-forward" "$(tr '\n' ' ' <text)" \
        'echo 5 10000000 parallel 40 flood 1048576 closed '
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    : >forward
    timeout 60 "$KUBECTL" port-forward pod/web :1 >forward 2>forward.errors &
    pid=$!
    poll 20 listens 1
    timeout 20 python3 "$HERE/connect.py" refused "$(grep -o '127.0.0.1:[0-9]*' forward | cut -d: -f2)" >text 2>&1
    has "$NAME: a port that refuses" "$(cat forward.errors text)" \
        'error forwarding port 1 to pod default/web: cannot be started'
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

kubectls() {
    local version
    NAME=kubectl-debian KUBECTL=$OLD
    execs
    forwards
    KUBECTL=$(command -v kubectl) || KUBECTL=
    version=$([ -n "$KUBECTL" ] && k version --client 2>/dev/null | sed -n 's/^Client Version: v1\.\([0-9]*\).*/\1/p')
    if [ "${version:-0}" -lt 31 ]; then
        echo "ok - a newer kubectl # SKIP there is none of 1.31 or later on this machine"
        return
    fi
    NAME=kubectl-1.$version
    execs
    forwards
}

drives() { # drives WHAT PROGRAM...: its lines are cases of this test
    timeout 100 "${@:2}" >report 2>&1 || bad "$1 comes to its end" "$(tail -n 5 report)"
    cat report
    CASES_FAILED=$((CASES_FAILED + $(grep -c '^not ok' report)))
}

make_pod
kubectls
if /usr/bin/python3 -c 'import kubernetes' 2>/dev/null; then
    drives python3-kubernetes /usr/bin/python3 "$HERE/drive.py"
else
    echo "ok - python3-kubernetes # SKIP it is not installed (tools/install test)"
fi
if command -v node >/dev/null && modules=$("$LIMPET_SRC/tools/clients" client-node); then
    ln -s "$modules" node_modules
    cp "$HERE/drive.mjs" .
    drives client-node node drive.mjs
else
    echo "ok - client-node # SKIP node or the client cannot be had (tools/install test)"
fi
kill "$server"
wait "$server"
is "the server ends well" "$? $(cat errors)" '0 '
server=
conclude
