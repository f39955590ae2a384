# shellcheck shell=bash
# What pods ask for. Sourced by run.sh. Each deletes what it made.

many_containers() {
    pod many | jq '.spec.containers += [{name: "two", image: "busybox:latest", imagePullPolicy: "IfNotPresent",
        command: ["sh", "-c", "while ! ping -c1 -w1 127.0.0.1 >/dev/null; do sleep 1; done; nc -l -p 8080 -e echo hi & echo two; exec sleep 1000"]}]
        | .spec.containers[0].command = ["sh", "-c", "echo started; while ! nc 127.0.0.1 8080 </dev/null; do sleep 0.2; done; exec sleep 1000"]' | apply >/dev/null
    within 10 "two containers run" matches 'many +2/2 +Running' lp get pods
    within 10 "each has its log" equals two lp logs many two
    within 10 "they share the network" matches '^hi$' lp logs many main
    has "a log of several wants a name" "$(lp logs many 2>&1)" 'two'
    lp delete pod/many >/dev/null
}

volumes() {
    mkdir -p "$STAND/host"
    echo outside >"$STAND/host/file"
    pod vol | jq --arg host "$STAND/host" '.spec.nodeName = "a"
        | .spec.volumes = [{name: "host", hostPath: {path: $host}}, {name: "empty", emptyDir: {}},
            {name: "tmp", emptyDir: {medium: "Memory", sizeLimit: "1Mi"}}]
        | .spec.containers[0].volumeMounts = [{name: "host", mountPath: "/host"}, {name: "empty", mountPath: "/empty"},
            {name: "tmp", mountPath: "/mem"}]
        | .spec.containers[0].command = ["sh", "-c", "cat /host/file; echo inside >/host/new; echo shared >/empty/x; mount | grep -o \"on /mem type tmpfs\"; exec sleep 1000"]
        | .spec.containers += [{name: "reader", image: "busybox:latest", imagePullPolicy: "IfNotPresent",
            volumeMounts: [{name: "empty", mountPath: "/here", readOnly: true}],
            command: ["sh", "-c", "until cat /here/x; do sleep 0.1; done 2>/dev/null; echo no 2>/dev/null >/here/y || echo read-only; exec sleep 1000"]}]' |
        apply >/dev/null
    within 10 "a pod with volumes runs" running vol
    within 10 "emptyDir in memory is a tmpfs" matches 'on /mem type tmpfs' lp logs vol main # the last that it does
    has "hostPath is read" "$(lp logs vol main)" outside
    is "hostPath is written" "$(cat "$STAND/host/new" 2>&1)" inside
    within 5 "emptyDir is shared" matches shared lp logs vol reader
    within 5 "readOnly holds" matches read-only lp logs vol reader
    lp delete pod/vol >/dev/null
    within 5 "its volumes are unmounted" fails grep -q "$STAND/a/.*volumes" /proc/self/mountinfo
}

configuration() {
    cat >"$STAND/config.yaml" <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
data: {colour: green, size: "7"}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {password: open-sesame}
---
apiVersion: v1
kind: Pod
metadata: {name: conf, labels: {tier: test}}
spec:
  nodeName: a
  terminationGracePeriodSeconds: 1
  volumes:
  - {name: settings, configMap: {name: settings}}
  - {name: keys, secret: {secretName: keys, defaultMode: 0400}}
  containers:
  - name: main
    image: busybox:latest
    imagePullPolicy: IfNotPresent
    workingDir: /tmp
    command: [sh, -c]
    args: ['echo "$COLOUR $PASSWORD $size $PLAIN $(POD) $WHERE"; cat /settings/colour /keys/password; echo; stat -Lc %a /keys/password; pwd; exec sleep 1000']
    env:
    - {name: COLOUR, valueFrom: {configMapKeyRef: {name: settings, key: colour}}}
    - {name: PASSWORD, valueFrom: {secretKeyRef: {name: keys, key: password}}}
    - {name: PLAIN, value: plain}
    - {name: POD, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
    - {name: WHERE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
    envFrom:
    - {prefix: '', configMapRef: {name: settings}}
    - {prefix: X_, configMapRef: {name: settings}}
    volumeMounts:
    - {name: settings, mountPath: /settings}
    - {name: keys, mountPath: /keys, readOnly: true}
END

    apply <"$STAND/config.yaml" >/dev/null
    within 10 "a pod with ConfigMap and Secret runs" running conf
    within 10 "workingDir holds" matches '^/tmp$' lp logs conf # the last that it says
    has "environment: from ConfigMap, Secret, fields, other variables" "$(lp logs conf)" 'green open-sesame 7 plain conf a'
    has "files: from ConfigMap and Secret" "$(lp logs conf | tr '\n' ' ')" 'greenopen-sesame'
    has "a Secret's file has its mode" "$(lp logs conf)" '^400$'
    nowhere_in_the_clear
    lp delete pod/conf configmap/settings secret/keys >/dev/null
    pod waits | jq '.spec.containers[0].envFrom = [{configMapRef: {name: "later"}}]' | apply >/dev/null
    within 10 "a missing ConfigMap is the reason" matches 'later' lp why pod/waits
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: later}\ndata: {a: b}\n' | apply >/dev/null
    within 20 "when it comes the pod runs" running waits
    lp delete pod/waits configmap/later >/dev/null
}

# The Secret's value, as it was given and as a manifest has it. Where it is looked for, the ConfigMap is found.
nowhere_in_the_clear() {
    local clear=open-sesame coded messages
    coded=$(printf %s "$clear" | base64)
    messages=$(bus mosquitto_sub -t 'limpet/v1/nodes/#' -W 2 -v | tr -d '\0')
    has "the node's disk has the ConfigMap" "$(grep -rls 'colour.*green' "$STAND/a/state")" .
    hasnt "the Secret is not there in the clear" "$(grep -rlsE "$clear|$coded" "$STAND/a/state")" .
    has "the bus has it" "$messages" 'colour.*green'
    hasnt "nor is the Secret there" "$messages" "$clear|$coded"
}

placement() {
    kc label node b disk=fast >/dev/null 2>&1
    pod picky | jq '.spec.nodeSelector = {disk: "fast"}' | apply >/dev/null
    within 10 "nodeSelector: it runs" running picky
    is "nodeSelector: there" "$(node_of picky)" b
    pod nowhere | jq '.spec.nodeSelector = {disk: "none"}' | apply >/dev/null
    within 5 "nodeSelector: no node has it, and it says so" matches 'node' lp why pod/nowhere
    is "and it waits" "$(phase nowhere)" Pending
    kc label node a disk=none >/dev/null 2>&1
    within 10 "a node that gets the label gets the pod" running nowhere
    pod fat | jq '.spec.containers[0].resources.requests = {memory: "900Gi"}' | apply >/dev/null
    within 5 "no room: it says what is missing" matches 'memory' lp why pod/fat
    lp delete pod/picky pod/nowhere pod/fat >/dev/null
}

users() {
    pod user 'id -u; id -g; touch /x 2>/dev/null || echo denied; exec sleep 1000' |
        jq '.spec.containers[0].securityContext = {runAsUser: 1000, runAsGroup: 2000, readOnlyRootFilesystem: true}' | apply >/dev/null
    within 10 "a pod with a user runs" running user
    within 10 "user and group, and a root that cannot be written" equals $'1000\n2000\ndenied' lp logs user
    pod root 'exec sleep 1000' | jq '.spec.securityContext = {runAsNonRoot: true}' | apply >/dev/null
    within 10 "runAsNonRoot is kept, and the reason is said" matches '[Rr]oot' lp why pod/root
    isnt_running root
    lp delete pod/user pod/root >/dev/null
}
isnt_running() { if running "$1"; then bad "$1 does not run"; else ok "$1 does not run"; fi; }

limits() {
    pod eater 'echo start; x=a; while :; do x=$x$x; done' |
        jq '.spec.restartPolicy = "Never" | .spec.containers[0].resources.limits = {memory: "16Mi", cpu: "500m"}' | apply >/dev/null
    within 30 "too much memory: OOMKilled" matches OOMKilled lp get pod eater
    is "the pod failed, with the code of a kill" "$(lp get pod eater -o json |
        jq -r '"\(.status.phase) \(.status.containerStatuses[0].state.terminated.exitCode)"')" 'Failed 137'
    pod ends 'echo bye; exit 0' | jq '.spec.restartPolicy = "Never"' | apply >/dev/null
    within 10 "a pod that ends well has succeeded" equals Succeeded phase ends
    is "its log stays" "$(lp logs ends)" bye
    pod seven 'exit 7' | jq '.spec.restartPolicy = "Never"' | apply >/dev/null
    within 10 "one that ends badly has failed" equals Failed phase seven
    is "with its code" "$(lp get pod seven -o json | jq '.status.containerStatuses[0].state.terminated.exitCode')" 7
    has "and why says so" "$(lp why pod/seven)" 'last exit: code 7, Error'
    lp delete pod/eater pod/ends pod/seven >/dev/null
}

restarts() {
    pod crash 'echo round; sleep 0.5; exit 3' | jq '.spec.nodeName = "a"' | apply >/dev/null
    within 20 "a crashing container is started again" matches 'crash .* [1-9][0-9]* ' lp get pods
    within 40 "then it waits: CrashLoopBackOff" matches CrashLoopBackOff lp get pods
    within 15 "why says code and when next" matches 'next start in [1-9][0-9]* s; last exit: code 3, Error' lp why pod/crash
    within 15 "limpetd why says it too" matches 'next start in [1-9][0-9]* s; last exit: code 3, Error' ld a why crash
    has "the previous log is there" "$(lp logs crash --previous 2>&1)" round
    lp delete pod/crash >/dev/null
    pod once | jq '.spec.nodeName = "a"' | apply >/dev/null
    within 10 "a pod runs" running once
    local before keeper
    before=$(local_pod a once .metadata.uid)
    kill -9 "$(main_pid a once)"
    within 15 "its killed container is started again" matches '^1$' local_pod a once '.status.containerStatuses[0].restartCount'
    within 15 "and ready" running once
    is "in the same pod" "$(local_pod a once .metadata.uid)" "$before"
    keeper=$(keepers a once)
    kill -9 "$keeper"
    within 10 "its killed keeper takes the pod with it, and it starts anew" runs_by_another a once "$keeper"
    is "one keeper" "$(keepers a once | wc -l)" 1
    lp delete pod/once >/dev/null
}

runs_by_another() { runs_on "$1" "$2" && [[ -n $(keepers "$1" "$2") && $(keepers "$1" "$2") != "$3" ]]; }

networks() {
    pod one | jq '.spec.nodeName = "a"' | apply >/dev/null
    pod host "echo started; hostname; exec sleep 1000" | jq '.spec.nodeName = "a" | .spec.hostNetwork = true' | apply >/dev/null
    within 10 "a pod of the bridge runs" running one
    within 10 "a pod of the host's network runs" running host
    local address
    address=$(lp get pod one -o json | jq -r .status.podIP)
    has "it has an address of its range" "$address" "^10\\.[0-9]+\\.[0-9]+\\.[0-9]+$"
    pod ping "ping -c1 -w3 $address >/dev/null && echo reached; ping -c1 -w3 127.0.0.1 >/dev/null && echo itself; exec sleep 1000" |
        jq '.spec.nodeName = "a"' | apply >/dev/null
    within 10 "pods reach each other" matches reached lp logs ping
    within 5 "and their loopback" matches itself lp logs ping
    is "no two pods have one address" "$(lp get pods -o json | jq -r '[.items[] | select(.spec.hostNetwork != true) | .status.podIP] | length - (unique | length)')" 0
    lp delete pod/one pod/host pod/ping >/dev/null
}
