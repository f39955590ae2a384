#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 180
# Init containers, sidecars and ephemeral containers of real pods: their order, with the agent dead in the middle of it.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

command -v jq >/dev/null || skip "needs jq (tools/install test)"

# container NAME SCRIPT [JQ]: one that has the pod's folder at /v.
container() {
    jq -n --arg name "$1" --arg script "$2" '{name: $name, image: "busybox:latest", imagePullPolicy: "Never",
        command: ["sh", "-c", $script], volumeMounts: [{name: "v", mountPath: "/v"}]} | '"${3:-.}"
}
# static NAME JQ: a static pod of node a, with the folder $STAND/NAME.
static() {
    mkdir -p "$STAND/$1"
    jq -n --arg name "$1" --arg dir "$STAND/$1" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name},
        spec: {terminationGracePeriodSeconds: 5, volumes: [{name: "v", hostPath: {path: $dir}}]}} | '"$2" \
        "${@:3}" >"$STAND/$1.json"
    mv "$STAND/$1.json" "$STAND/a/manifests/$1.yaml"
}
lines() { tr '\n' ' ' <"$STAND/$1/log"; }
wrote() { [[ $(lines "$1") =~ ^$2\ $ ]]; } # POD PATTERN
began() { [[ $(lines "$1") == "$2 "* ]]; }
shows() { matches "^default +$1-a +$2" ld a ps; }
state() { local_pod a "$1-a" "$2" 2>&1; } # POD JQ
condition() { # POD TYPE
    state "$1" ".status.conditions[] | select(.type == \"$2\") | [.status, .reason, .message] | map(select(.)) | join(\" \")"
}

runs='trap "echo $n-end >>/v/log; exit 0" TERM; echo $n >>/v/log; while :; do sleep 0.1; done'

order() {
    static order '.spec.initContainers = [$one, $side, $two] | .spec.containers = [$main]' \
        --argjson one "$(container one 'echo one >>/v/log; until [ -e /v/go ]; do sleep 0.1; done')" \
        --argjson side "$(container side "n=side; $runs" '.restartPolicy = "Always"')" \
        --argjson two "$(container two 'echo two >>/v/log; [ $(grep -c two /v/log) -gt 1 ]')" \
        --argjson main "$(container main "n=main; $runs")"
    within 20 "an init container runs" wrote order one
    within 5 "it is shown" shows order '0/1 +Init:0/3'
    is "the pod waits for it" "$(state order '[.status.phase, (.status.containerStatuses[0].state.waiting.reason)] | join(" ")')" \
        'Pending PodInitializing'
    is "and says what for" "$(condition order Initialized)" \
        'False ContainersNotInitialized containers with incomplete status: [one side two]'
    is "so it is not ready" "$(condition order Ready)" 'False ContainersNotReady containers with unready status: [side main]'
    is "though it could be" "$(condition order PodReadyToStartContainers)" True
    node_kill a
    touch "$STAND/order/go"
    within 10 "without an agent it goes on: the sidecar, an init container that fails first, the rest" \
        wrote order 'one (side two|two side) two main' # the second begins once the sidecar runs, not once it wrote
    node_start a
    within 15 "the agent finds it running" shows order '1/1 +Running'
    within 10 "with what became of its init containers" equals 'one true false 0 side true true 0 two true false 1' \
        state order '[.status.initContainerStatuses[] | .name, .ready, .started, .restartCount] | join(" ")'
    within 10 "and its conditions" equals 'ContainersReady Initialized PodReadyToStartContainers PodScheduled Ready' \
        state order '[.status.conditions[] | select(.status == "True") | .type] | sort | join(" ")'
    rm "$STAND/a/manifests/order.yaml"
    within 15 "the sidecar ends after the container" wrote order 'one (side two|two side) two main main-end side-end'
    within 10 "and then the pod is gone" fails local_pod a order-a
}

ends() {
    static job '.spec.restartPolicy = "Never" | .spec.initContainers = [$side] | .spec.containers = [$main]' \
        --argjson side "$(container side "n=side; $runs" '.restartPolicy = "Always"')" \
        --argjson main "$(container main 'until [ -s /v/log ]; do sleep 0.1; done; echo main >>/v/log')"
    static broken '.spec.restartPolicy = "Never" | .spec.initContainers = [$side, $bad] | .spec.containers = [$main]' \
        --argjson side "$(container side "n=side; $runs" '.restartPolicy = "Always"')" \
        --argjson bad "$(container bad 'until [ -s /v/log ]; do sleep 0.1; done; echo bad >>/v/log; exit 3')" \
        --argjson main "$(container main 'echo main >>/v/log')"
    static loop '.spec.initContainers = [$bad] | .spec.containers = [$main]' \
        --argjson bad "$(container bad 'echo bad >>/v/log; exit 3')" \
        --argjson main "$(container main 'echo main >>/v/log')"
    within 20 "a job's end ends its sidecar" wrote job 'side main side-end'
    within 5 "which does not count: it has succeeded" shows job '0/1 +Completed'
    is "in its phase too" "$(state job .status.phase)" Succeeded
    is "and its conditions" "$(condition job Ready), $(condition job Initialized), $(condition job PodReadyToStartContainers)" \
        'False PodCompleted, True PodCompleted, False'
    within 20 "an init container that fails fails the pod, and ends the sidecar" wrote broken 'side bad side-end'
    within 5 "it is shown" shows broken '0/1 +Init:Error'
    is "in its phase too" "$(state broken .status.phase)" Failed
    is "and its conditions" "$(condition broken Ready), $(condition broken Initialized)" \
        'False PodFailed, False ContainersNotInitialized containers with incomplete status: [side bad]'
    within 20 "or is tried again" began loop 'bad bad'
    within 5 "with backoff" shows loop '0/1 +Init:CrashLoopBackOff'
    is "with its last end" "$(state loop '.status.initContainerStatuses[0] |
        [.state.waiting.reason, .lastState.terminated.exitCode, .lastState.terminated.reason, (.restartCount > 0), .ready] | join(" ")')" \
        'CrashLoopBackOff 3 Error true false'
    rm "$STAND/a/manifests/"{job,broken,loop}.yaml
    within 15 "all of them go" fails local_pod a loop-a
}

# Of containers that end by themselves: which come again, and under which name.
policies() {
    static retry '.spec.restartPolicy = "OnFailure" | .spec.containers = [$good, $bad]' \
        --argjson good "$(container good 'echo good >>/v/log')" \
        --argjson bad "$(container bad 'until [ -s /v/log ]; do sleep 0.1; done; echo bad >>/v/log; [ $(grep -c bad /v/log) -gt 1 ]')"
    static ever '.spec.containers = [$main]' --argjson main "$(container main 'echo ever >>/v/log
        [ $(grep -c ever /v/log) -gt 1 ] || exit 0; '"$runs" '.env = [{name: "n", value: "up"}]')"
    within 20 "OnFailure: who fails comes again, who succeeds does not" equals Succeeded state retry .status.phase
    is "with what they did" "$(lines retry)" 'good bad bad '
    is "which is told" "$(state retry '[.status.containerStatuses[] | .name, .restartCount, .state.terminated.reason] | join(" ")')" \
        'good 0 Completed bad 1 Completed'
    within 20 "Always: who succeeds comes again, too" wrote ever 'ever ever up'
    within 10 "as another" equals '1 Completed true' state ever '.status.containerStatuses[0] |
        [.restartCount, .lastState.terminated.reason, .containerID != .lastState.terminated.containerID] | join(" ")'
    rm "$STAND/a/manifests/"{retry,ever}.yaml
    within 15 "both go" fails local_pod a ever-a
}

changed_ms() { echo $(($(stat -c %.3Y "$1" | tr -d .))); } # FILE: when it was written last
grace() {
    local took
    static slow '.spec.terminationGracePeriodSeconds = 3 | .spec.containers = [$main]' --argjson main \
        "$(container main 'trap "echo term >>/v/log" TERM; echo main >>/v/log; while :; do echo >/v/last; sleep 0.1; done')"
    within 20 "a pod that does not heed its signal runs" wrote slow main
    rm "$STAND/a/manifests/slow.yaml"
    within 15 "it is told to stop" wrote slow 'main term'
    within 20 "and ended" fails local_pod a slow-a
    took=$(($(changed_ms "$STAND/slow/last") - $(changed_ms "$STAND/slow/log")))
    if [[ $took -gt 2000 ]]; then ok "not before its grace is over"; else bad "not before its grace is over"; fi
    in_time "and not long after" 0 $((took * 1000)) 5
}

# Namespaces that a pod has of its node, as one that has its own sees them.
of_the_node() {
    local see='for n in pid ipc net; do readlink /proc/self/ns/$n; done >/v/ns; echo seen >>/v/log
        kill -0 $host 2>/dev/null && echo alive >>/v/log || echo nobody >>/v/log; exec sleep 1000'
    sleep 1000 &
    local host=$! own
    own=$(for n in pid ipc net; do readlink "/proc/self/ns/$n"; done)
    static node '.spec.hostPID = true | .spec.hostIPC = true | .spec.hostNetwork = true | .spec.containers = [$main]' \
        --argjson main "$(container main "host=$host; $see")"
    static apart '.spec.containers = [$main]' --argjson main "$(container main "host=$host; $see")"
    within 20 "hostPID: it sees the node's processes" wrote node 'seen alive'
    is "hostPID, hostIPC, hostNetwork: the node's namespaces" "$(<"$STAND/node/ns")" "$own"
    is "and the node's address" "$(state node '.status.podIP == .status.hostIP and .status.hostIPs[0].ip == .status.hostIP')" true
    within 20 "another sees none" wrote apart 'seen nobody'
    is "and has its own" "$(comm -12 <(sort "$STAND/apart/ns") <(sort <<<"$own"))" ""
    kill "$host"
    rm "$STAND/a/manifests/"{node,apart}.yaml
    within 15 "both go" fails local_pod a node-a
}

farewells() {
    local i bye='echo pre-$0 >>/v/log; until [ -e /v/bye ]; do sleep 0.1; done; echo over-$0 >>/v/log'
    static bye '.spec.restartPolicy = "Never" | .spec.terminationGracePeriodSeconds = 20 |
        .spec.initContainers = ([$first, $second] | map(.restartPolicy = "Always" |
            .lifecycle.preStop.exec.command = ["sh", "-c", $bye, .name])) | .spec.containers = [$main]' --arg bye "$bye" \
        --argjson first "$(container first "n=first; $runs")" --argjson second "$(container second "n=second; $runs")" \
        --argjson main "$(container main 'until [ "$(wc -l </v/log)" -ge 2 ]; do sleep 0.1; done; echo main >>/v/log')"
    within 20 "at a job's end its sidecars' hooks run" wrote bye '(first second|second first) main pre-(first pre-second|second pre-first)'
    for ((i = 0; i < 3; i++)); do
        node_kill a
        node_start a
        within 10 "an agent that is killed meanwhile comes back" ld a ps
    done
    touch "$STAND/bye/bye"
    within 15 "each ran once, and then the last is told to stop, then the first" \
        wrote bye '.* main pre-[a-z]+ pre-[a-z]+ (over-first over-second second-end|over-second (over-first second-end|second-end over-first)) first-end'
    within 10 "the job has succeeded" equals Succeeded state bye .status.phase
    static early '.spec.activeDeadlineSeconds = 5 | .spec.containers = [$main | .lifecycle.preStop.exec.command = ["sh", "-c", "echo pre >>/v/log"]]' \
        --argjson main "$(container main "n=main; $runs")"
    within 20 "so do those of a pod whose time is over" wrote early 'main pre main-end'
    rm "$STAND/a/manifests/"{bye,early}.yaml
    within 15 "both go" fails local_pod a early-a
}

deadline() {
    static late '.spec.activeDeadlineSeconds = 6 | .spec.containers = [$main]' --argjson main "$(container main "n=main; $runs")"
    within 20 "a pod with a deadline runs" wrote late main
    node_kill a
    within 15 "without an agent it is ended in time" wrote late 'main main-end'
    node_start a
    within 15 "and has failed" matches '^Failed DeadlineExceeded$' state late '[.status.phase, .status.reason] | join(" ")'
    is "its containers are not started again" "$(lines late)" 'main main-end '
    rm "$STAND/a/manifests/late.yaml"
    within 15 "it goes" fails local_pod a late-a
}

message() { state words ".status.$1[] | select(.name == \"$2\") | .state.terminated.message // \"\""; } # LIST NAME
last_words() {
    static words '.spec.restartPolicy = "Never" | .spec.initContainers = [$first]
            | .spec.containers = [$plain, $elsewhere, $log, $fine, $hostile]' \
        --argjson first "$(container first 'printf "from the first" >/dev/termination-log')" \
        --argjson plain "$(container plain 'head -c 5000 /dev/zero | tr "\0" x >/dev/termination-log; exit 1')" \
        --argjson elsewhere "$(container elsewhere 'printf said >/tmp/dir/words' '.terminationMessagePath = "/tmp/dir/words"
            | .securityContext.runAsUser = 1234')" \
        --argjson log "$(container log 'echo out; echo err >&2; exit 2' '.terminationMessagePolicy = "FallbackToLogsOnError"')" \
        --argjson fine "$(container fine 'echo out' '.terminationMessagePolicy = "FallbackToLogsOnError"')" \
        --argjson hostile "$(container hostile 'rm -f /dev/termination-log; ln -s /etc/passwd /dev/termination-log; mkfifo /dev/termination-log
            head -c 100000000 /dev/zero >/dev/termination-log')"
    within 30 "containers with last words end" shows words '0/5 +Error'
    is "in their file" "$(message initContainerStatuses first)" 'from the first'
    is "which is cut to its share of the pod's" "$(message containerStatuses plain | tr -d '\n' | wc -c)" 2048
    is "in another, as another user" "$(message containerStatuses elsewhere)" said
    is "in the log" "$(message containerStatuses log)" $'out\nerr'
    is "of those that fail" "$(message containerStatuses fine)" ''
    is "and a hostile one says nothing but blanks" "$(message containerStatuses hostile | tr -d ' \n')" ''
    rm "$STAND/a/manifests/words.yaml"
    within 15 "they go" fails local_pod a words-a
}

# Containers that see each other's processes. The orphan's parent is nobody in the pod.
sharing() {
    static sharing '.spec.shareProcessNamespace = true | .spec.containers = [$one, $two]' \
        --argjson one "$(container one 'echo $$$$ >/v/one; (sleep 0.5 &) ; trap "exit 0" TERM; while :; do sleep 0.2; done')" \
        --argjson two "$(container two 'until [ -s /v/one ]; do sleep 0.1; done; sleep 1; ps -o pid,stat,args >/v/ps
            cat /proc/1/environ >/v/env 2>&1; ls /proc/1/root/ >/v/root 2>&1; kill -TERM 1; kill -KILL 1; ls /proc/1/fd >/v/fd 2>&1
            echo done >/v/log; (trap "" TERM; while :; do sleep 1; done) & while :; do sleep 0.2; done')"
    within 20 "containers that share processes run" wrote sharing done
    local ps=$(<"$STAND/sharing/ps")
    has "one sees the other's" "$ps" 'echo .* >/v/one; .sleep'
    hasnt "neither is the first of all" "$ps" '^ *1 .*sh -c'
    hasnt "and nobody the keeper's arguments" "$ps" 'cgroup'
    hasnt "orphans are taken in" "$ps" '^ *[0-9]+ +Z'
    has "the first one has nothing to be looked at" "$(cat "$STAND/sharing/"{env,root,fd})" '[Pp]ermission denied'
    hasnt "indeed" "$(cat "$STAND/sharing/"{env,root,fd})" 'bin|HOME'
    is "exec works" "$(ld a exec -c one sharing-a -- sh -c 'kill -0 $(cat /v/one) && echo alive')" alive
    ld a exec -c one sharing-a -- sh -c 'kill -KILL $(cat /v/one)'
    within 15 "one that is killed comes again" matches '^1 0$' state sharing '[.status.containerStatuses[].restartCount] | join(" ")'
    rm "$STAND/a/manifests/sharing.yaml"
    within 15 "they end, and what they left in the background" fails local_pod a sharing-a
}

# ns CONTAINER WHICH: of its first process, by an exec in it.
ns() { ld a exec -c "$1" debugged-a -- readlink "/proc/self/ns/$2"; }

debugging() {
    local debugs before
    static debugged '.spec.containers = [$main]' --argjson main "$(container main "n=main; $runs")"
    within 20 "a pod of one container runs" shows debugged '1/1 +Running'
    before=$(fingerprint a debugged-a)
    debugs=$(container dbg 'ps; touch /tmp/own; trap "exit 7" TERM; while :; do sleep 0.1; done' '.targetContainerName = "main"
        | del(.volumeMounts)')
    static debugged '.spec.containers = [$main] | .spec.ephemeralContainers = [$dbg, $far]' \
        --argjson main "$(container main "n=main; $runs")" --argjson dbg "$debugs" \
        --argjson far "$(container far 'ps >/v/far; echo far >>/v/log; exit 3')"
    within 15 "an ephemeral container starts" matches '^ *1 .*n=main' ld a logs -c dbg debugged-a
    is "what runs is untouched" "$(fingerprint a debugged-a | grep -Fxc "$before")" "$(wc -l <<<"$before")"
    is "it shares the target's processes" "$(ns dbg pid)" "$(ns main pid)"
    is "and the pod's network" "$(ns dbg net)" "$(ns main net)"
    is "with files of its own" "$(ld a exec -c main debugged-a -- ls /tmp/own 2>/dev/null)" ""
    within 10 "another without target ends" matches '^3$' state debugged \
        '.status.ephemeralContainerStatuses[1].state.terminated.exitCode'
    hasnt "and did not see them" "$(<"$STAND/debugged/far")" 'n=main'
    is "and is not started again" "$(state debugged '.status.ephemeralContainerStatuses[1].restartCount')" 0
    node_kill a
    node_start a
    within 15 "an agent that starts anew knows of them" \
        matches 'running terminated' state debugged '[.status.ephemeralContainerStatuses[].state | keys[0]] | join(" ")'
    within 5 "and the pod is ready" shows debugged '1/1 +Running'
    node_kill a
    kill -9 "$(keepers a debugged-a)"
    node_start a
    within 20 "when agent and keeper both die, the pod starts anew" matches '^main far main ' lines debugged
    within 10 "they have ended, for a reason" equals '137 ContainerStatusUnknown 3 Error' state debugged \
        '[.status.ephemeralContainerStatuses[].state.terminated | .exitCode, .reason] | join(" ")'
    before=$(fingerprint a debugged-a)
    node_reboot a
    within 20 "after a reboot, too" fails equals "$before" fingerprint a debugged-a
    within 20 "it runs" shows debugged '1/1 +Running'
    is "they have ended" "$(state debugged '[.status.ephemeralContainerStatuses[].state | keys[0]] | join(" ")')" 'terminated terminated'
    cp "$STAND/a/manifests/debugged.yaml" "$STAND/later.json"
    jq '.spec.ephemeralContainers += [.spec.ephemeralContainers[1] | .name = "later"]' "$STAND/later.json" >"$STAND/later.new"
    mv "$STAND/later.new" "$STAND/a/manifests/debugged.yaml"
    within 20 "another comes to the pod as ever" matches '^terminated terminated 3$' state debugged \
        '[.status.ephemeralContainerStatuses[].state] | "\(.[0] | keys[0]) \(.[1] | keys[0]) \(.[2].terminated.exitCode)"'
    is "and none of the others did" "$(lines debugged | tr ' ' '\n' | grep -c far)" 2
    rm "$STAND/a/manifests/debugged.yaml"
    within 15 "it ends with the pod" fails local_pod a debugged-a
}

stand_plain solo a
order
ends
policies
grace
of_the_node
farewells
deadline
last_words
sharing
debugging
conclude
