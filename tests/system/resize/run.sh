#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 300
# Cpu and memory of pods that run change in place: as the kernel has it, with nothing started anew but what asked for it,
# when there is room and not before, whatever is killed meanwhile.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq curl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

SLEEP='trap "exit 0" TERM; while :; do sleep 1; done'
RESTART='[{"resourceName": "memory", "restartPolicy": "RestartContainer"}]'
status() { lp get pod "$1" -o json | jq -r ".status.$2"; }
condition() { status "$1" "conditions[] | select(.type == \"$2\") | .reason // .status"; }
# group POD BELOW CONTROLLER FILE: of the pod's control group, or of one below it, of either version.
group() {
    local uid file
    uid=$(lp get pod "$1" -o json | jq -r .metadata.uid)
    for file in "/sys/fs/cgroup/$3/limpet-$ID/a/pod$uid/$2$4" "/sys/fs/cgroup/limpet-$ID/a/pod$uid/$2$4"; do
        if [[ -r $file ]]; then cut -d" " -f1 "$file" && return; fi
    done
    echo "no $4"
}
memory_file=memory.limit_in_bytes quota_file=cpu.cfs_quota_us
if [[ ! -d /sys/fs/cgroup/memory ]]; then memory_file=memory.max quota_file=cpu.max; fi
memory() { group "$1" "$2" memory "$memory_file"; }
quota() { group "$1" "$2" cpu "$quota_file"; }
# with POD RESOURCES [SCRIPT]: a pod whose container has these.
with() {
    pod "$1" "${3:-$SLEEP}" | jq --argjson resources "$2" '.spec.nodeName = "a" | .spec.containers[0].resources = $resources'
}
sizes() { # CPU-REQUEST CPU-LIMIT MEMORY-REQUEST MEMORY-LIMIT
    printf '{"requests": {"cpu": "%s", "memory": "%s"}, "limits": {"cpu": "%s", "memory": "%s"}}' "$1" "$3" "$2" "$4"
}
patch() { # PATH BODY
    in_net gw curl -sk --max-time 20 -X PATCH --cert "$GW/state/trust/admin.crt" --key "$GW/state/trust/admin.key" \
        -H "Content-Type: application/strategic-merge-patch+json" -d "$2" \
        "https://$HOST:$API_PORT/api/v1/namespaces/default/pods/$1"
}
containers() { jq -nc --arg name "$1" --argjson resources "$2" '{spec: {containers: [{name: $name, resources: $resources}]}}'; }
resize() { patch "$1/resize" "$(containers "$2" "$3")" | jq -r '.message // "done"'; }

stand_up main a

# ---- up and down, with nothing started anew ----
with one "$(sizes 50m 200m 16Mi 64Mi)" 'for i in 1 2 3; do echo $i; done; trap "exit 0" TERM; while :; do sleep 1; done' |
    jq '.spec.volumes = [{name: "told", downwardAPI: {items: [{path: "limit",
        resourceFieldRef: {containerName: "main", resource: "limits.memory", divisor: "1Mi"}}]}}] |
        .spec.containers[0].volumeMounts = [{name: "told", mountPath: "/told"}]' | apply >/dev/null
with pair "$(sizes 50m 200m 16Mi 64Mi)" 'trap "echo term >>/said/log; exit 0" TERM; while :; do sleep 1; done' |
    jq --argjson policy "$RESTART" '.spec.volumes = [{name: "said", emptyDir: {}}] |
        .spec.containers[0] += {resizePolicy: $policy, volumeMounts: [{name: "said", mountPath: "/said"}],
            lifecycle: {preStop: {exec: {command: ["sh", "-c", "echo pre >>/said/log"]}}}} |
        .spec.containers += [.spec.containers[0] | .name = "second" | del(.resizePolicy)]' | apply >/dev/null
within 30 "a pod of one container runs" running one
within 30 "and one of two" running pair
is "what it was given is told" "$(status one 'containerStatuses[0].allocatedResources.cpu')" 50m
is "and what it has" "$(status one 'containerStatuses[0].resources.limits.memory')" 64Mi
one=$(fingerprint a one) pair=$(fingerprint a pair)
is "it is given more" "$(resize one main "$(sizes 60m 500m 16Mi 96Mi)")" done
within 20 "its quota grows" equals 50000 quota one ""
is "and its memory" "$(memory one "")" $((96 << 20))
within 20 "the status follows" equals 500m status one 'containerStatuses[0].resources.limits.cpu'
within 20 "and nothing is under way any more" equals "" condition one PodResizeInProgress
within 20 "a file that tells of it follows" equals 96 in_net gw cat "$(find "$STAND/a/run" -path '*told*' -name limit 2>/dev/null | head -n 1)"
is "it is given less" "$(resize one main "$(sizes 10m 100m 8Mi 96Mi)")" done
within 20 "its quota shrinks" equals 10000 quota one ""
is "nothing of it was started anew" "$(fingerprint a one)" "$one"
is "one of the two is given more" "$(resize pair second "$(sizes 50m 300m 16Mi 128Mi)")" done
within 20 "its own memory grows" equals $((128 << 20)) memory pair c1/
is "and that of the pod" "$(memory pair "")" $((192 << 20))
is "and its quota" "$(quota pair c1/) $(quota pair "")" "30000 50000"
is "the other has what it had" "$(memory pair c0/)" $((64 << 20))
is "nothing of it was started anew" "$(fingerprint a pair)" "$pair"
is "its generation tells" "$(lp get pod pair -o json | jq .metadata.generation)" 2
# As Kubernetes 1.33 without the gate PodObservedGenerationTracking.
is "which is not said to be observed" "$(lp get pod pair -o json | jq '[.status | .. | .observedGeneration? // empty] | length')" 0

# ---- with a new start, where that is asked for ----
second=$(status pair 'containerStatuses[] | select(.name == "second") | .state.running.startedAt')
is "memory is taken from who starts anew for it" "$(resize pair main "$(sizes 50m 200m 16Mi 32Mi)")" done
# It is counted before it runs, and only then something can be run in it.
within 20 "it does" equals "1 running" \
    status pair 'containerStatuses[] | select(.name == "main") | "\(.restartCount) \(.state | keys[0])"'
is "with its hook first" "$(ld a exec pair -c main -- cat /said/log 2>&1 | tr '\n' ' ')" 'pre term '
within 20 "and has less" equals $((32 << 20)) memory pair c0/
within 20 "so has the pod" equals $((160 << 20)) memory pair ""
is "the other has run on" \
    "$(status pair 'containerStatuses[] | select(.name == "second") | "\(.restartCount) \(.state.running.startedAt)"')" "0 $second"
within 20 "that is all" equals "" condition pair PodResizeInProgress

# ---- what cannot be ----
has "memory in use is not taken" "$(resize one main "$(sizes 10m 100m 8Mi 32Mi)")" \
    'limits\[memory\]: Forbidden: memory limits cannot be decreased unless resizePolicy is RestartContainer'
has "the class stays" "$(resize one main "$(sizes 100m 100m 96Mi 96Mi)")" 'Pod QOS Class may not change'
has "not by the pod itself" "$(patch one "$(containers main "$(sizes 20m 100m 8Mi 96Mi)")" | jq -r .message)" \
    'pod updates may not change fields other than'
is "more than the node has is taken" "$(resize one main "$(sizes 900 900 8Mi 96Mi)")" done
within 20 "but is infeasible" equals Infeasible condition one PodResizePending
has "for a reason" "$(status one 'conditions[] | select(.type == "PodResizePending") | .message')" \
    "^Node didn't have enough capacity: cpu, requested: 900000, capacity: "
is "it runs as it did" "$(fingerprint a one) $(quota one "")" "$one 10000"
is "and is told to have that" "$(status one 'containerStatuses[0].resources.limits.cpu')" 100m

# ---- when there is room ----
cores=$(lp get node a -o json | jq -r '.status.allocatable.cpu | if endswith("m") then rtrimstr("m") | tonumber else tonumber * 1000 end')
with hog "{\"requests\": {\"cpu\": \"$((cores - 400))m\"}}" | apply >/dev/null
within 30 "another takes nearly all" running hog
is "it asks for half a core" "$(resize one main "$(sizes 500m 600m 8Mi 96Mi)")" done
within 20 "there is no room for that now" equals Deferred condition one PodResizePending
node_kill a
node_start a
within 30 "a killed agent is back" runs_on a one
is "it still waits" "$(condition one PodResizePending)" Deferred
is "and runs as it did" "$(fingerprint a one) $(quota one "")" "$one 10000"
node_reboot a
within 60 "after a reboot it has what it had" equals 10000 quota one ""
is "and waits" "$(condition one PodResizePending)" Deferred
within 30 "it runs" runs_on a one
one=$(fingerprint a one)
lp delete pod hog >/dev/null
within 30 "with the other gone there is room" equals 60000 quota one ""
within 20 "it does not wait any more" equals "" condition one PodResizePending
is "nothing of it was started anew" "$(fingerprint a one)" "$one"

# ---- by kubectl ----
by_kubectl() {
    local version answer
    version=$(timeout 20 kubectl version --client 2>/dev/null | sed -n 's/^Client Version: v1\.\([0-9]*\).*/\1/p')
    if [[ ${version:-0} -lt 32 ]]; then
        echo "ok - kubectl --subresource resize # SKIP there is no kubectl of 1.32 or later on this machine"
        return
    fi
    answer=$(kc patch pod one --subresource resize --patch "$(containers main "$(sizes 50m 250m 8Mi 100Mi)")" 2>&1)
    is "kubectl 1.$version: patch --subresource resize" "$answer" 'pod/one patched'
    within 20 "it is done" equals 25000 quota one ""
    answer=$(in_net gw env KUBE_EDITOR="sed -i 's/cpu: 250m/cpu: 300m/'" timeout 60 kubectl edit pod one --subresource resize 2>&1)
    is "kubectl 1.$version: edit --subresource resize" "$answer" 'pod/one edited'
    within 20 "it is done" equals 30000 quota one ""
    is "kubectl 1.$version: get --subresource resize" \
        "$(kc get pod one --subresource resize -o jsonpath='{.spec.containers[0].resources.limits.cpu}' 2>&1)" 300m
    answer=$(kc patch pod one --subresource resize --patch "$(containers main "$(sizes 400m 300m 8Mi 100Mi)")" 2>&1)
    has "kubectl 1.$version: what cannot be is refused" "$answer" \
        'resources\.requests: Invalid value: "400m": must be less than or equal to cpu limit of 300m'
    answer=$(kc patch pod one --patch "$(containers main "$(sizes 50m 350m 8Mi 100Mi)")" 2>&1)
    has "kubectl 1.$version: so is a change beside the subresource" "$answer" 'pod updates may not change fields other than'
    is "nothing of it was started anew" "$(fingerprint a one)" "$one"
}
by_kubectl

# ---- whatever dies ----
node_kill a
is "it is given more while no agent is there" "$(resize one main "$(sizes 50m 700m 8Mi 112Mi)")" done
node_start a
within 30 "the next agent gives it" equals 70000 quota one ""
is "memory too" "$(memory one "")" $((112 << 20))
is "nothing of it was started anew" "$(fingerprint a one)" "$one"
for ((i = 0; i < 5; i++)); do
    resize one main "$(sizes 50m $((710 + i * 10))m 8Mi $((113 + i))Mi)" >/dev/null
    sleep "0.0$((RANDOM % 10))"
    node_kill a
    node_start a
done
within 30 "killed again and again while it is given more, agents get there" equals 75000 quota one ""
within 20 "with memory" equals $((117 << 20)) memory one ""
is "nothing of it was started anew" "$(fingerprint a one)" "$one"
kill -9 "$(main_pid a one)"
within 30 "who crashes starts anew" equals 1 status one 'containerStatuses[0].restartCount'
is "with what it was given last" "$(quota one "") $(memory one "")" "75000 $((117 << 20))"

# ---- below what is used ----
with full "$(sizes 50m 200m 8Mi 64Mi)" '[ -e /ram/much ] || head -c 41943040 /dev/zero >/ram/much; '"$SLEEP" |
    jq --argjson policy "$RESTART" '.spec.containers[0].resizePolicy = $policy |
        .spec.volumes = [{name: "ram", emptyDir: {medium: "Memory"}}] |
        .spec.containers[0].volumeMounts = [{name: "ram", mountPath: "/ram"}]' | apply >/dev/null
holds_much() { running full && [[ -n $(find "$STAND/a/run" -path '*ram*' -name much -size 41943040c) ]]; }
within 30 "a pod holds much" holds_much
is "it is to have less than it uses" "$(resize full main "$(sizes 50m 200m 8Mi 32Mi)")" done
within 30 "that is under way, and cannot be" equals Error condition full PodResizeInProgress
has "for a reason" "$(status full 'conditions[] | select(.type == "PodResizeInProgress") | .message')" \
    'memory limit \(33554432\) below current usage \([0-9]+\)'
within 20 "it runs" running full
is "with what it had" "$(memory full "")" $((64 << 20))
find "$STAND/a/run" -path '*ram*' -name much -delete
within 70 "with the memory free it is done" equals $((32 << 20)) memory full ""
within 20 "and nothing is under way any more" equals "" condition full PodResizeInProgress
is "it was started anew once, and never killed for it" "$(status full 'containerStatuses[0].restartCount')" 1
conclude
