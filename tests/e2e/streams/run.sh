#!/usr/bin/env bash
# timeout: 420
# Live streams to pods that run: exec, exec -it, attach, cp, port-forward, run -it --rm, by Debian's kubectl (SPDY) and,
# where there is one of 1.31 or later, by a newer one (WebSocket, SPDY in WebSocket).
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"
for program in curl python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done
HERE=$LIMPET_SRC/tests/e2e/streams
SHELL_SCRIPT='mkdir -p /www && echo page >/www/index.html && busybox httpd -p 8080 -h /www
trap "exit 0" TERM; while :; do sleep 0.2; done'

# code WANTED WHAT WORDS...: what kubectl ends with, and its last line.
code() {
    k "${@:3}" >text
    is "$NAME: $2" "$? $(tail -n 1 text)" "$1"
}

execs() {
    is "$NAME: exec" "$(k exec shell -- echo hello world)" 'hello world'
    is "$NAME: exec, the other way" "$("$KUBECTL" exec shell -- sh -c 'echo oops >&2' 2>&1 >/dev/null)" oops
    code '3 command terminated with exit code 3' "its exit code" exec shell -- sh -c 'exit 3'
    code '0 ' "and that of success" exec shell -- true
    is "$NAME: exec -i" "$(printf 'one\ntwo\n' | k exec -i shell -- wc -l)" 2
    k exec shell -- /no/such/program >text
    has "$NAME: a program that is not there" "$? $(cat text)" '^[1-9].*([Nn]o such|not found)'
    is "$NAME: a terminal, its size, and its change" "$(python3 "$HERE/terminal.py" "$KUBECTL" 2>&1)" '31 97 40 120'
    k exec shell -c nope -- true >text
    has "$NAME: a container that is none" "$(cat text)" 'container nope is not valid for pod shell'
}

copies() {
    is "$NAME: cp to a pod" "$(k cp "$TEST_TMP/big" shell:/tmp/big-to 2>&1)" ''
    is "$NAME: 100 MB arrive whole" "$(k exec shell -- sha256sum /tmp/big-to | cut -d' ' -f1)" "$SUM"
    rm -f back
    k cp shell:/tmp/big-to "$TEST_TMP/back" >text 2>&1
    is "$NAME: and come back whole" "$(sha256sum back | cut -d' ' -f1)" "$SUM"
    k exec shell -- rm /tmp/big-to
}

# Each of these reads what a program beside it says: the file is emptied first, it may hold what another one said.
listens() { grep -q 'Forwarding from 127' forward; }
forwards() {
    local pid port
    : >forward
    "$KUBECTL" port-forward pod/shell :8080 >forward 2>forward.errors &
    pid=$!
    poll 60 listens
    port=$(grep -o '127.0.0.1:[0-9]*' forward | cut -d: -f2)
    is "$NAME: HTTP through a port-forward" "$(curl -sS --max-time 20 "http://127.0.0.1:$port/")" page
    is "$NAME: many at once" "$(seq 20 | xargs -P 20 -I N curl -sS --max-time 30 "http://127.0.0.1:$port/" | sort | uniq -c | tr -s ' ')" ' 20 page'
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    : >forward
    "$KUBECTL" port-forward pod/shell :9 >forward 2>forward.errors &
    pid=$!
    poll 60 listens
    curl -s --max-time 20 "http://127.0.0.1:$(grep -o '127.0.0.1:[0-9]*' forward | cut -d: -f2)/" >/dev/null
    within 10 "$NAME: a port where nobody listens" grep -q refused forward.errors
    kill "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
}

attaches() {
    is "$NAME: run -i --rm" "$(echo typed | k run once --image=busybox:latest --image-pull-policy=IfNotPresent --restart=Never \
        -i --rm --command -- sh -c 'read word; echo "got $word"' | grep -o '^got .*')" 'got typed'
    absent "$NAME: and it is gone" pod/once
}

# At a terminal of its own.
typed() { timeout 60 script -qec "$(printf '%q ' "$KUBECTL" "$@")" /dev/null </dev/null; }
# ephemeral JQ: of the pod's ephemeral containers' statuses.
ephemeral() { object pod/shell | jq -rc "[.status.ephemeralContainerStatuses[] | $1] | join(\" \")"; }
debugs() {
    local before
    if [[ $NAME == kubectl-1.20 ]]; then
        echo "ok - $NAME: debug # SKIP it asks for a kind that Kubernetes has given up"
        return
    fi
    before=$(fingerprint a shell)
    echo 'ps; exit 3' | k debug pod/shell --image=busybox:latest --image-pull-policy=IfNotPresent -c looker -i \
        --target=main -- sh >text
    has "$NAME: debug --target sees the container's processes" "$(cat text)" 'httpd -p 8080'
    has "$NAME: debug -it has a terminal" "$(typed debug pod/shell --image=busybox:latest -c typist \
        --image-pull-policy=IfNotPresent -it -- sh -c 'sleep 1; ps; tty')" '/dev/pts/'
    within 10 "$NAME: both have ended" equals '3 0' ephemeral '.state.terminated.exitCode'
    is "$NAME: and are not started again" "$(ephemeral .restartCount)" '0 0'
    has "$NAME: logs of one" "$(k logs shell -c looker)" 'httpd -p 8080'
    hasnt "$NAME: without a target it sees its own alone" "$(k logs shell -c typist)" httpd
    is "$NAME: what ran runs on, untouched" "$(fingerprint a shell)" "$before"
}

clients() {
    NAME=kubectl-1.20
    "$@"
    local newer version
    newer=$(command -v kubectl) || newer=
    version=$([[ -z $newer ]] || timeout 20 "$newer" version --client 2>/dev/null | sed -n 's/^Client Version: v1\.\([0-9]*\).*/\1/p')
    if [[ ${version:-0} -ge 31 ]]; then
        local KUBECTL=$newer
        NAME=kubectl-1.$version
        "$@"
    else
        echo "ok - a newer kubectl # SKIP there is none of 1.31 or later on this machine"
    fi
}
all() {
    execs
    copies
    forwards
    attaches
    debugs
}

# ---- the end from outside ----

# runs WORD: a process of the pod has that word.
runs() { k exec shell -- sh -c 'cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " "' | grep -q "$1"; }
ended() { ! alive "$1"; }
# begins WORDS...: a kubectl exec that has begun, as $pid.
begins() {
    : >begun
    "$KUBECTL" exec "$@" >begun 2>&1 &
    pid=$!
    poll 20 grep -q begun begun || bad "exec $* begins" "$(cat begun)"
}
ends() {
    local pid
    begins shell -- sh -c 'echo begun; exec sleep 654'
    within 20 "a program runs for its client" runs 'sleep 654'
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null
    within 20 "and ends with it" fails runs 'sleep 654'
    pod brief | apply >/dev/null
    within 30 "another pod runs" running brief
    begins brief -- sh -c 'echo begun; trap "" TERM; while :; do sleep 1; done'
    k delete pod brief --wait=false >/dev/null
    within 30 "a pod that is deleted ends its streams" ended "$pid"
    begins shell -- sh -c 'echo begun; while :; do sleep 1; done'
    node_kill a
    within 60 "a node that goes away ends them" ended "$pid"
    node_start a
    within 60 "and comes back" equals back k exec shell -- echo back
    begins shell -- sh -c 'echo begun; while :; do sleep 1; done'
    gw_kill
    within 30 "a gateway that goes away ends them" ended "$pid"
    gw_start
    within 60 "and later there are new ones" equals back k exec shell -- echo back
}

hundred() {
    local modules
    if ! { command -v node >/dev/null && modules=$("$LIMPET_SRC/tools/clients" client-node); }; then
        echo "ok - 100 streams at once # SKIP node or client-node cannot be had (tools/install test)"
        return
    fi
    ln -s "$modules" node_modules
    cp "$HERE/hundred.mjs" .
    is "100 streams at once" "$(timeout 100 node hundred.mjs 2>&1 | tail -n 3)" '100 right'
}

head -c 100000000 /dev/urandom >big
SUM=$(sha256sum big | cut -d' ' -f1)
stand_up main a
pod shell "$SHELL_SCRIPT" | apply >/dev/null
within 30 "a pod runs" running shell
clients all
hundred
ends
conclude
