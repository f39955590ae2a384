#!/usr/bin/env bash
# guest-long: --memory 768 --qemu -set --qemu drive.disk0.throttling.bps-read=16777216
# guest-long: --memory 768 --cgroup hybrid --qemu -set --qemu drive.disk0.throttling.bps-read=16777216
# timeout: 240
# What a pod may have of its node: limits and shares as the kernel holds them, who goes first when memory is short, what
# a node turns away, and what it ends when it runs out of something.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/limits/disks.sh
. "$here/disks.sh"
command -v jq >/dev/null || skip "needs jq (tools/install test)"

SLEEP='trap "exit 0" TERM; while :; do sleep 1; done'
status() { lp get pod "$1" -o json | jq -r ".status.$2"; }
# group POD CONTROLLER FILE: of the pod's control group, of either version.
group() {
    local uid file
    uid=$(lp get pod "$1" -o json | jq -r .metadata.uid)
    for file in "/sys/fs/cgroup/$2/limpet-$ID/a/pod$uid/$3" "/sys/fs/cgroup/limpet-$ID/a/pod$uid/$3"; do
        if [[ -r $file ]]; then cat "$file" && return; fi
    done
    echo "no $3"
}
score() { cat "/proc/$(main_pid a "$1")/oom_score_adj"; }
# with POD RESOURCES: a pod whose container has these.
with() {
    pod "$1" "$SLEEP" | jq --argjson resources "$2" '.spec.nodeName = "a" | .spec.containers[0].resources = $resources'
}
# condition TYPE [NODE]
condition() { lp get node "${2:-a}" -o json | jq -r --arg type "$1" '.status.conditions[] | select(.type == $type) | .status'; }

# The disk of a guest is nobody else's: there it gets a scheduler that knows weights.
[[ ! -d /run/guest ]] || echo bfq >/sys/block/vda/queue/scheduler || bad "no bfq in the guest"
STORAGE_CHECK=2 stand_up main a

# ---- classes ----
with held '{"limits": {"memory": "64Mi", "cpu": "500m"}}' | apply >/dev/null
with asks '{"requests": {"memory": "32Mi", "cpu": "250m"}}' | apply >/dev/null
with modest '{}' | apply >/dev/null
with both '{"limits": {"memory": "24Mi", "cpu": "100m"}}' |
    jq '.spec.containers += [.spec.containers[0] | .name = "second"]' | apply >/dev/null
for name in held asks modest both; do within 30 "pod $name runs" running "$name"; done
is "the same asked as allowed" "$(status held qosClass)" Guaranteed
is "less asked than allowed" "$(status asks qosClass)" Burstable
is "nothing asked" "$(status modest qosClass)" BestEffort

# ---- as the kernel has them ----
memory_file=memory.limit_in_bytes cpu_file=cpu.shares quota_file=cpu.cfs_quota_us
if [[ ! -d /sys/fs/cgroup/memory ]]; then memory_file=memory.max cpu_file=cpu.weight quota_file=cpu.max; fi
is "a limit of memory" "$(group held memory "$memory_file")" $((64 << 20))
has "a limit of cpu" "$(group held cpu "$quota_file")" '^50000( 100000)?$'
has "a share of cpu" "$(group asks cpu "$cpu_file")" '^(256|10)$'
is "a limit of processes, though none was asked for" "$(group modest pids pids.max)" 4096
is "the limit of the pod is that of its containers together" "$(group both memory "$memory_file")" $((48 << 20))
has "and its quota" "$(group both cpu "$quota_file")" '^20000( 100000)?$'
# With CAP_SYS_RESOURCE alone: elsewhere nothing can be protected.
if (((16#$(sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status) >> 24) & 1)); then
    is "who asked for all it may have goes last" "$(score held)" -997
fi
is "who asked for nothing goes first" "$(score modest)" 1000
has "then who uses more than it asked for" "$(score asks)" '^9[0-9][0-9]$'

# ---- what the node keeps for itself ----
room() { lp get node a -o json | jq -r ".status.$1 | rtrimstr(\"Ki\")"; }
kept=$(($(room capacity.memory) - $(room allocatable.memory)))
is "a tenth of its memory, or 32 MiB" "$((kept >= $(room capacity.memory) / 10 && kept >= 32768))" 1
is "a tenth of its disk" "$(($(room 'allocatable["ephemeral-storage"]') * 10 <= $(room 'capacity["ephemeral-storage"]') * 9 + 10))" 1
is "it runs so many pods" "$(room allocatable.pods)" 110

# ---- what a node turns away ----
with huge '{"requests": {"memory": "9000Gi"}}' | apply >/dev/null
within 30 "more than the node has is turned away" equals Failed status huge phase
is "with the reason" "$(status huge reason)" OutOfmemory
has "and the figures" "$(status huge message)" "^Node didn't have enough resource: memory, requested: 9663676416000, used: "
with card '{"limits": {"vendor.example/card": "1"}}' | apply >/dev/null
within 30 "so is what asks for a device that is not there" equals OutOfvendor.example/card status card reason
has "limpetd why tells" "$(ld a why huge 2>&1)" 'OutOfmemory: Node'

node_stop a
echo 'extendedResources: ["vendor.example/card=1"]' >>"$STAND/a/config.yaml"
node_start a
within 30 "a node that has one says so" equals 1 eval "lp get node a -o json | jq -r '.status.allocatable[\"vendor.example/card\"]'"
with first '{"limits": {"vendor.example/card": "1"}}' | apply >/dev/null
within 30 "and one pod gets it" running first
with second '{"limits": {"vendor.example/card": "1"}}' | apply >/dev/null
within 30 "another does not" equals OutOfvendor.example/card status second reason
has "for this reason" "$(status second message)" 'vendor.example/card, requested: 1, used: 1, capacity: 1$'
with third '{"limits": {"vendor.example/card": "1"}}' | jq 'del(.spec.nodeName)' | apply >/dev/null
within 20 "nor is one sent to where there is none left" matches 'Insufficient vendor.example/card' \
    status third 'conditions[] | select(.type == "PodScheduled") | .message'
lp delete pod first second >/dev/null
within 30 "until there is" running third
lp delete pod third >/dev/null

# ---- more on disk than it may ----
pod hoarder 'head -c 4194304 /dev/zero >/data/much; trap "exit 0" TERM; while :; do sleep 1; done' |
    jq '.spec.nodeName = "a" | .spec.volumes = [{name: "data", emptyDir: {sizeLimit: "2Mi"}}] |
        .spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}]' | apply >/dev/null
pod writer 'head -c 4194304 /dev/zero >/much; trap "exit 0" TERM; while :; do sleep 1; done' | jq '.spec.nodeName = "a" |
    .spec.containers[0].resources = {limits: {"ephemeral-storage": "2Mi"}}' | apply >/dev/null
with thrifty '{"limits": {"ephemeral-storage": "2Mi"}}' | apply >/dev/null
within 60 "an emptyDir that is too full ends its pod" equals Evicted status hoarder reason
is "with the reason" "$(status hoarder message)" 'Usage of EmptyDir volume "data" exceeds the limit "2Mi".'
within 60 "so does a container that writes too much" equals Evicted status writer reason
is "with the reason" "$(status writer message)" 'Pod ephemeral local storage usage exceeds the total limit of containers 2Mi.'
within 30 "who keeps to it runs" running thrifty
lp delete pod thrifty >/dev/null

# ---- running out ----
node_stop a
sed -i 's/^evictionHard: .*/evictionHard: "memory.available<999Ti"/' "$STAND/a/config.yaml"
node_start a
evicted() { equals Evicted status "$1" reason; }
within 60 "a node that is short of memory ends who asked for none" evicted modest
is "for good" "$(status modest phase)" Failed
has "with the reason" "$(status modest message)" '^The node was low on resource: memory\. Threshold quantity: 999Ti, available: '
disrupted() { status "$1" 'conditions[] | select(.type == "DisruptionTarget") | "\(.status) \(.reason)"'; }
is "which was not its own doing" "$(disrupted modest)" 'True TerminationByKubelet'
is "other than of who held too much" "$(disrupted hoarder)" ''
within 30 "its processes are gone" equals "" main_pid a modest
within 30 "the node says so" equals True condition MemoryPressure
is "and nothing else" "$(condition DiskPressure) $(condition PIDPressure)" "False False"
within 60 "then the next" evicted asks
within 60 "and at last who kept to what it asked for" evicted held
with late '{}' | apply >/dev/null
within 30 "who asks for nothing is not taken on" evicted late
has "with the reason" "$(status late message)" 'MemoryPressure'
is "its container never ran" "$(status late 'containerStatuses[0].state | keys[0]')" waiting

# ---- it holds ----
node_stop a
sed -i 's/^evictionHard: .*/evictionHard: ""/' "$STAND/a/config.yaml"
node_start a
with again '{}' | apply >/dev/null
within 30 "with enough memory a new pod runs" running again
is "what was ended is not started again" "$(status modest phase) $(status modest reason)" "Failed Evicted"
is "what became of its container" "$(status modest 'containerStatuses[0].state | keys[0]')" terminated
lp delete pod again >/dev/null

# ---- a node that really runs out of disk, inodes and processes: one whose disk is small ----
free_tasks() {
    echo $(($(printf '%s\n' "$(</proc/sys/kernel/pid_max)" "$(</proc/sys/kernel/threads-max)" | sort -n | head -n 1) -
        $(cut -d' ' -f4 /proc/loadavg | cut -d/ -f2)))
}
full_node() {
    local free before name more
    # Of the tasks that there may be 700 have to be taken, and twice as many will be, whatever comes and goes on the machine
    # meanwhile.
    free=$(free_tasks)
    if [[ $free -lt 4000 ]]; then
        ok "a node that runs out of disk, inodes and processes # SKIP this machine has room for $free tasks, which is too few"
        return
    fi
    mkdir -p "$STAND/b/state"
    mount -t tmpfs -o size=64m,nr_inodes=20k small "$STAND/b/state"
    EVICTION_HARD="nodefs.available<24Mi,nodefs.inodesFree<5000,pid.available<$((free - 700))" node_make b
    node_join b
    node_start b
    poll 60 matches '^b +Ready' lp get nodes || stand_fail "node b does not get ready"
    wants() { pod "$1" "until [ -s /go ]; do sleep 0.1; done; $2; $SLEEP" | jq '.spec.nodeName = "b"
        | .spec.volumes = [{name: "d", emptyDir: {}}] | .spec.containers[0].volumeMounts = [{name: "d", mountPath: "/d"}]' | apply >/dev/null; }
    wants calm true
    wants bytes 'head -c 44000000 /dev/zero >/d/much'
    wants inodes 'cd /d; seq 15500 | xargs touch'
    wants tasks 'for i in $(seq $(cat /go)); do sleep 1000 & done'
    for name in calm bytes inodes tasks; do within 30 "pod $name runs" running "$name"; done
    is "nothing is short" "$(condition DiskPressure b) $(condition PIDPressure b) $(condition MemoryPressure b)" "False False False"
    before=$(fingerprint b calm)
    more=$(($(free_tasks) - free + 1400)) # what others took or gave back since then is not the test's
    echo "     $free tasks were free, $more will be taken"
    for name in calm bytes inodes tasks; do ld b exec "$name" -- sh -c "echo $more >/go"; done
    for name in bytes:ephemeral-storage inodes:inodes tasks:pids; do
        within 60 "who takes too much of it is ended: ${name#*:}" evicted "${name%:*}"
        has "with the reason" "$(status "${name%:*}" message)" "^The node was low on resource: ${name#*:}\. Threshold quantity: "
        is "for good" "$(status "${name%:*}" phase) $(disrupted "${name%:*}")" 'Failed True TerminationByKubelet'
    done
    within 20 "the node says so" equals "True True False" eval \
        'echo "$(condition DiskPressure b) $(condition PIDPressure b) $(condition MemoryPressure b)"'
    within 30 "what they held is there again" equals "" find "$STAND/b/state" -name much -o -name 15500
    pod after | jq '.spec.nodeName = "b"' | apply >/dev/null
    within 30 "it takes nothing new now" evicted after
    has "for this reason" "$(status after message)" '^The node had condition: \[DiskPressure\]\.$'
    is "who took nothing goes on" "$(fingerprint b calm)" "$before"
    node_stop b
    ld b teardown >/dev/null 2>&1
    umount "$STAND/b/state"
}
full_node

# ---- huge pages, and shares of the disks ----
PAGES=/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages
BEFORE=$(cat "$PAGES" 2>/dev/null)
give_back() { if [[ -n $BEFORE ]]; then echo "$BEFORE" >"$PAGES"; fi; }
trap 'give_back; stand_down_all' EXIT
if [[ -z $BEFORE ]] || ! echo $((BEFORE + 4)) 2>/dev/null >"$PAGES" || [[ $(cat "$PAGES") != $((BEFORE + 4)) ]]; then
    echo "no huge pages here"
else
    node_stop a
    node_start a
    has_pages() { equals "$((2 * BEFORE + 8))Mi" eval "lp get node a -o json | jq -r '.status.allocatable[\"hugepages-2Mi\"]'"; }
    within 30 "a node tells of its huge pages" has_pages
    pod paged 'echo "is: $(grep " /huge " /proc/mounts)"; fallocate -l 4M /huge/fits && echo fits; fallocate -l 2M /huge/more || echo full
        echo end; exec sleep 1000' | jq '.spec.nodeName = "a" | .spec.volumes = [{name: "h", emptyDir: {medium: "HugePages"}}]
        | .spec.containers[0].resources = {limits: {memory: "16Mi", cpu: "100m", "hugepages-2Mi": "4Mi"}}
        | .spec.containers[0].volumeMounts = [{name: "h", mountPath: "/huge"}]' | apply >/dev/null
    within 30 "a pod has huge pages" matches '^end$' lp logs paged
    has "a volume of them" "$(lp logs paged)" '^is: .* hugetlbfs .*pagesize=2M'
    has "as many as it may have" "$(lp logs paged)" '^fits$'
    has "and no more" "$(lp logs paged)" '^full$'
    with none '{}' | apply >/dev/null
    within 30 "another pod runs" running none
    hugetlb() {
        local tree
        for tree in "hugetlb hugetlb.2MB.limit_in_bytes" "hugetlb hugetlb.2MB.max" "unified hugetlb.2MB.max"; do
            # shellcheck disable=SC2086 # two words
            group "$1" $tree | grep -v '^no ' && return
        done
    }
    is "who asks for none gets none" "$(hugetlb none)" 0
    with hungry '{"limits": {"memory": "16Mi", "cpu": "100m", "hugepages-2Mi": "2Gi"}}' | apply >/dev/null
    within 30 "more than there are is turned away" equals OutOfhugepages-2Mi status hungry reason
    lp delete pod paged none hungry >/dev/null
fi
give_back
weights
shared
conclude
