#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 400
# Probes and hooks on real containers: each type observed by what Kubernetes shows, with the agent killed meanwhile and
# with nobody to tell.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq python3 curl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

in_pod() { ld a exec "$1" -- sh -c "$2"; }
status() { lp get pod "$1" -o json | jq -r ".status | $2"; }
ready() { [[ $(status "$1" '.containerStatuses[0].ready') == "${2:-true}" ]]; }
started() { [[ $(status "$1" '.containerStatuses[0].started') == "${2:-true}" ]]; }
restarted() { [[ $(status "$1" '.containerStatuses[0].restartCount') -ge ${2:-1} ]]; }
local_restarts() { local_pod a "$1" '.status.containerStatuses[0].restartCount'; }
restarted_there() { [[ $(local_restarts "$1") -ge $2 ]]; }
condition() { status "$1" ".conditions[] | select(.type == \"$2\") | .$3"; }
told() { lp get events -o json | jq -r ".items[] | select(.involvedObject.name == \"$1\") | \"\(.reason): \(.message)\"" | grep -Eq -- "$2"; }
# with FIELDS: of the container on standard input.
with() { jq --argjson fields "$1" '.spec.containers[0] += $fields'; }
said() { [[ -s $STAND/a/shared/$1 ]]; }
line_of() { grep -n "$1" "$STAND/a/shared/order" | cut -d: -f1; }

stand_up main a
mkdir -m 0777 "$STAND/a/shared"
shared() {
    jq --arg dir "$STAND/a/shared" '.spec.volumes = [{name: "shared", hostPath: {path: $dir}}] |
        .spec.containers[0].volumeMounts = [{name: "shared", mountPath: "/shared"}]'
}

# ---- readiness by HTTP, liveness by TCP ----
pod web 'mkdir -p /www; trap "exit 0" TERM; httpd -p 8080 -h /www; while :; do sleep 1; done' |
    with '{"ports": [{"name": "web", "containerPort": 8080}],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "web"}, "periodSeconds": 1, "failureThreshold": 2},
        "livenessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 1, "failureThreshold": 2}}' | apply >/dev/null
within 30 "a pod runs" matches Running phase web
within 20 "its probe is told of as it fails" told web 'Unhealthy: Readiness probe failed: HTTP probe failed with statuscode: 404'
is "it is not ready" "$(condition web Ready status) $(condition web ContainersReady reason)" "False ContainersNotReady"
is "it has started" "$(status web '.containerStatuses[0].started')" true
in_pod web 'echo yes >/www/ready'
within 10 "it is ready when its probe passes" running web
in_pod web 'rm /www/ready'
within 15 "it is not when that fails" ready web false
is "nothing is started anew for it" "$(status web '.containerStatuses[0].restartCount')" 0
in_pod web 'echo yes >/www/ready'
within 10 "and again" running web
in_pod web 'killall httpd'
within 20 "a port that is closed ends the container" restarted web
within 10 "in the kubelet's words" told web 'Killing: Container main failed liveness probe, will be restarted'
has "which are told" "$(lp get events -o json | jq -r '.items[].message')" \
    'Liveness probe failed: dial tcp [0-9.]+:8080: connect: connection refused'

# ---- by a program; startup first ----
pod shell 'trap "exit 0" TERM; touch /tmp/alive; while :; do sleep 1; done' |
    with '{"startupProbe": {"exec": {"command": ["test", "-e", "/tmp/up"]}, "periodSeconds": 1, "failureThreshold": 60},
        "livenessProbe": {"exec": {"command": ["sh", "-c", "cat /tmp/alive"]}, "periodSeconds": 1, "failureThreshold": 1}}' |
    apply >/dev/null
within 30 "a pod runs that has not started" matches Running phase shell
is "it has not" "$(status shell '.containerStatuses[0] | "\(.started) \(.ready)"')" "false false"
in_pod shell 'rm /tmp/alive; touch /tmp/up' # nobody asks yet whether it is alive: then at once
within 20 "once it has, the liveness probe ends it" restarted shell
within 10 "with what the program said" told shell "Liveness probe failed: cat: can't open '/tmp/alive'"

# ---- by gRPC: a server on the node, of the public library ----
if /usr/bin/python3 -c 'import grpc' 2>/dev/null; then
    daemon "$STAND/grpc.pid" "$STAND/grpc.log" a /usr/bin/python3 "$here/health.py" "$STAND/a/grpc"
    poll 20 test -s "$STAND/a/grpc.port" || stand_fail "no gRPC server: $(cat "$STAND/grpc.log")"
    port=$(<"$STAND/a/grpc.port")
    echo SERVING >"$STAND/a/grpc"
    pod called | jq '.spec.hostNetwork = true' |
        with "{\"readinessProbe\": {\"grpc\": {\"port\": $port, \"service\": \"db\"}, \"periodSeconds\": 1, \"failureThreshold\": 1}}" |
        apply >/dev/null
    within 30 "a service that serves is ready" running called
    echo NOT_SERVING >"$STAND/a/grpc"
    within 10 "one that does not is not" ready called false
    within 10 "by its own word" told called 'Readiness probe failed: service unhealthy \(responded with "NOT_SERVING"\)'
    rm "$STAND/a/grpc"
    within 10 "one that does not know the name" told called 'Readiness probe failed: error: health rpc probe failed: rpc error: code = NotFound'
    end_pid "$(cat "$STAND/grpc.pid")" TERM
    within 10 "one that is gone" told called 'Readiness probe failed: failed to connect service'
else
    bad "gRPC is not tried: python3-grpcio is not installed (tools/install test)"
fi

# ---- hooks ----
pod hooks 'echo main >>/shared/order; trap "echo term >>/shared/order; exit 0" TERM; while :; do sleep 0.1; done' |
    shared | jq '.spec.terminationGracePeriodSeconds = 20' |
    with '{"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "until [ -e /shared/go ]; do sleep 0.1; done; echo post >>/shared/order"]}},
        "preStop": {"exec": {"command": ["sh", "-c", "echo pre >>/shared/order; until [ -e /shared/bye ]; do sleep 0.1; done; echo over >>/shared/order"]}}}}' |
    apply >/dev/null
within 30 "a container runs while its hook does" said order
is "and has not started" "$(status hooks '.containerStatuses[0] | "\(.started) \(.ready)"')" "false false"
touch "$STAND/a/shared/go"
within 10 "it has when the hook is over" running hooks
lp delete pod hooks --wait=false >/dev/null
within 10 "before the stop there is a hook" grep -q pre "$STAND/a/shared/order"
for _ in 1 2 3; do
    node_kill a
    node_start a
    within 10 "an agent that is killed meanwhile comes back" ld a ps
done
node_kill a
hasnt "the container has not heard of the stop" "$(cat "$STAND/a/shared/order")" term
touch "$STAND/a/shared/bye"
within 5 "with no agent it is told to stop when the hook is over" grep -q term "$STAND/a/shared/order"
node_start a
within 25 "the pod is gone" gone hooks
is "its hook was run once" "$(tail -n 3 "$STAND/a/shared/order" | tr '\n' ' ')" 'pre over term '

# ---- postStart by HTTP, by sleeping; hooks that fail ----
pod greeted 'echo main >>/shared/greeted; trap "exit 0" TERM; while :; do sleep 0.1; done' | shared |
    with '{"lifecycle": {"postStart": {"httpGet": {"path": "/cgi-bin/hi", "port": 8083}}}}' |
    jq --arg serve 'mkdir -p /www/cgi-bin; printf "#!/bin/sh\necho hi >>/shared/greeted; echo; echo hi\n" >/www/cgi-bin/hi
        chmod +x /www/cgi-bin/hi; trap "exit 0" TERM; httpd -p 8083 -h /www; while :; do sleep 0.1; done' \
        '.spec.initContainers = [.spec.containers[0] | del(.lifecycle) | .name = "server" | .restartPolicy = "Always" |
            .command[2] = $serve | .startupProbe = {tcpSocket: {port: 8083}, periodSeconds: 1}]' | apply >/dev/null
pod dozes | jq '.spec.terminationGracePeriodSeconds = 5' |
    with '{"lifecycle": {"postStart": {"sleep": {"seconds": 3}}}}' | apply >/dev/null
pod sulks 'trap "exit 0" TERM; while :; do sleep 0.1; done' | shared |
    with '{"lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", "[ -e /shared/sulked ] || { touch /shared/sulked; exit 1; }"]}}}}' | apply >/dev/null
pod leaves 'trap "echo term >>/shared/leaves; exit 0" TERM; while :; do sleep 0.1; done' | shared |
    with '{"lifecycle": {"preStop": {"exec": {"command": ["false"]}}}}' | apply >/dev/null
within 30 "a hook asks over HTTP as its container starts" running greeted
is "once" "$(sort "$STAND/a/shared/greeted" | tr '\n' ' ')" 'hi main '
within 30 "one sleeps" running dozes
seconds() { date -d "$(status "$1" "$2")" +%s; }
is "until then its container has not started" \
    "$(($(seconds dozes '.conditions[] | select(.type == "Ready") | .lastTransitionTime') -
        $(seconds dozes '.containerStatuses[0].state.running.startedAt') >= 2))" 1
within 30 "one that fails ends its container, which starts anew" running sulks
is "once" "$(status sulks '.containerStatuses[0].restartCount')" 1
within 10 "for a reason" told sulks 'FailedPostStartHook: PostStartHook failed'
within 30 "a pod with a hook for the end that fails runs" running leaves
lp delete pod leaves --wait=false >/dev/null
within 20 "it ends" gone leaves
is "told to stop all the same" "$(cat "$STAND/a/shared/leaves")" term
within 10 "which is said" told leaves 'FailedPreStopHook: PreStopHook failed'
lp delete pod greeted dozes sulks >/dev/null

# ---- the agent killed anywhere: a hook is run once at the most, and no end is missed ----
for ((i = 0; i < 6; i++)); do
    pod "once$i" "trap \"echo term >>/shared/once$i; exit 0\" TERM; while :; do sleep 0.1; done" | shared |
        jq '.spec.terminationGracePeriodSeconds = 5' |
        with "{\"lifecycle\": {\"preStop\": {\"exec\": {\"command\": [\"sh\", \"-c\", \"echo pre >>/shared/once$i\"]}}}}" |
        apply >/dev/null
done
for ((i = 0; i < 6; i++)); do within 30 "a pod runs" running "once$i"; done
for ((i = 0; i < 6; i++)); do
    lp delete pod "once$i" --wait=false >/dev/null
    sleep "0.$(printf %02d $((i * i * 2)))"
    node_kill a
    node_start a
done
for ((i = 0; i < 6; i++)); do
    within 20 "it is gone" gone "once$i"
    has "after its hook, once, or none" "$(tr '\n' ' ' <"$STAND/a/shared/once$i")" '^(pre )?term $'
done

pod asleep | jq '.spec.terminationGracePeriodSeconds = 20' |
    with '{"lifecycle": {"preStop": {"sleep": {"seconds": 3}}}}' | apply >/dev/null
pod farewell 'mkdir -p /www/cgi-bin; printf "#!/bin/sh\necho bye >/shared/farewell; echo; echo bye\n" >/www/cgi-bin/bye
    chmod +x /www/cgi-bin/bye; trap "exit 0" TERM; httpd -p 8082 -h /www; while :; do sleep 0.1; done' | shared |
    with '{"readinessProbe": {"tcpSocket": {"port": 8082}, "periodSeconds": 1},
        "lifecycle": {"stopSignal": "SIGTERM", "preStop": {"httpGet": {"path": "/cgi-bin/bye", "port": 8082}}}}' |
    jq '.spec.os = {name: "linux"} | .spec.terminationGracePeriodSeconds = 20' | apply >/dev/null
within 30 "a pod with a hook that sleeps runs" running asleep
within 30 "one with a hook by HTTP, too" running farewell
since=$(now_us)
lp delete pod asleep farewell --wait=false >/dev/null
within 20 "they end" gone farewell
is "after the request" "$(cat "$STAND/a/shared/farewell")" bye
within 20 "in their grace" gone asleep
is "after the sleep" "$(($(now_us) - since >= 3000000))" 1

# ---- conditions of others ----
set_gate() {
    curl -sS --max-time 20 --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
        --key "$GW/state/trust/admin.key" -X PATCH -H 'Content-Type: application/strategic-merge-patch+json' \
        --data "{\"status\": {\"conditions\": [{\"type\": \"example.com/lb\", \"status\": \"$1\"}]}}" \
        "https://$HOST:$API_PORT/api/v1/namespaces/default/pods/gated/status" >/dev/null
}
is_ready() { [[ $(condition gated Ready status) == "$1" ]]; }
pod gated 'touch /tmp/ready; trap "exit 0" TERM; while :; do sleep 1; done' |
    jq '.spec.readinessGates = [{conditionType: "example.com/lb"}]' |
    with '{"readinessProbe": {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1, "failureThreshold": 1}}' |
    apply >/dev/null
within 30 "the containers of a pod with a gate are ready" matches True condition gated ContainersReady status
is "it is not" "$(condition gated Ready status) $(condition gated Ready reason)" "False ReadinessGatesNotReady"
set_gate True
within 5 "it is when the condition is there" is_ready True
in_pod gated 'rm /tmp/ready'
within 10 "and its containers are" is_ready False
in_pod gated 'touch /tmp/ready'
within 10 "its node leaves the condition in place" is_ready True
set_gate False
within 5 "a gate that closes is seen" is_ready False

# ---- the agent killed, again and again: what is ready stays so ----
in_pod web 'echo yes >/www/ready'
within 20 "a pod is ready" running web
since=$(condition web Ready lastTransitionTime)
for _ in 1 2 3; do
    node_kill a
    node_start a
    sleep 2 # more than a period of its probes, in each life of the agent
done
poll 20 runs_on a web
is "it was ready all the time" "$(condition web Ready status) $(condition web Ready lastTransitionTime)" "True $since"
pod calm 'trap "exit 0" TERM; mkdir /www; httpd -p 8081 -h /www; while :; do sleep 1; done' |
    with '{"livenessProbe": {"tcpSocket": {"port": 8081}, "periodSeconds": 1, "failureThreshold": 2}}' | apply >/dev/null
within 20 "another pod runs" running calm
node_kill a
node_start a
in_pod calm 'killall httpd'
within 20 "its probes go on" restarted calm

# ---- by the agent's only thread, and but for exec by no process ----
# A process is told by what its children took of memory pages, which counts when they have ended.
children() { awk '{ n += $11 } END { print n }' "/proc/$(node_pid a)/stat" "/proc/$(keepers a "$1")/stat"; }
asked() { grep -c 'response:200' "$STAND/a/shared/$1"; }
# no_process POD: it is asked three times more, without any.
no_process() {
    local before=$(children "$1") count=$(asked "$1")
    poll 15 eval "[[ \$(asked $1) -ge $((count + 3)) ]]" && [[ $(children "$1") == "$before" ]]
}
# On a busy machine no answer that is late ends a container, or keeps it from being ready.
for name in asked told; do
    pod "$name" "mkdir /www; echo yes >/www/index.html; exec httpd -f -v -p 8084 -h /www 2>>/shared/$name" | shared |
        with '{"livenessProbe": {"tcpSocket": {"port": 8084}},
            "readinessProbe": {"httpGet": {"path": "/", "port": 8084}}}' |
        jq 'if .metadata.name == "told" then .spec.containers[0].livenessProbe = {exec: {command: ["true"]}} else . end
            | .spec.containers[0][("livenessProbe", "readinessProbe")] += {periodSeconds: 1, timeoutSeconds: 10, failureThreshold: 1000}' |
        apply >/dev/null
    within 30 "a pod runs that is asked" running "$name"
done
within 30 "over HTTP and TCP again and again with no process" no_process asked
is "and by one thread" "$(ls "/proc/$(node_pid a)/task" | wc -l)" 1
if no_process told; then bad "one of a program would be seen"; else ok "one of a program would be seen"; fi
lp delete pod asked told >/dev/null

# ---- nobody to tell: gateway and broker are dead ----
poll 20 runs_on a calm
before=$(local_restarts calm)
gw_kill
in_pod web 'rm /www/ready'
within 10 "offline a pod gets unready" fails runs_on a web
in_pod calm 'killall httpd'
within 40 "offline a failing probe restarts its container" restarted_there calm $((before + 1))
in_pod web 'echo yes >/www/ready'
within 10 "and offline one gets ready" runs_on a web
gw_start
within 60 "which is told later" restarted calm $((before + 1))
conclude
