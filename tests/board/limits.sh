#!/bin/sh
# guest: --arch arm64 --cgroup v2 --memory 256 --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# guest-long: --arch x86_64 --cgroup v2 --memory 256 --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# prepare: $LIMPET_SRC/tests/board/limits.d/prepare disk.img $ARCH
# timeout: 400
# What a pod may have of its node on cgroup v2, as the kernel holds it and as it feels from inside; with swap, with the
# right to protect pods from the OOM killer, and so little memory that it really runs out.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/board/lib/node.sh
. /test/lib/node.sh

# group POD: of its first container. Looked for once: a look takes its time here.
group() {
    [ -e "$(cat "/run/$1.group" 2>/dev/null)" ] ||
        echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(process "$1")/cgroup")" >"/run/$1.group"
    cat "/run/$1.group"
}
# A pod of one container is one group.
whole() { group "$1" | sed 's|\(/pod[^/]*\).*|\1|'; }
# of POD FILE: of its first container's group; of_all: of the whole pod's.
of() { cat "$(group "$1")/$2" 2>&1; }
of_all() { cat "$(whole "$1")/$2" 2>&1; }
score() { cat "/proc/$(process "$1")/oom_score_adj"; }
figure() { of "$1" cpu.stat | sed -n "s/^$2 //p"; }

# A script that has so much memory, and keeps it; it ends when that is taken away.
fill() { echo "mkfifo /f; exec 3<>/f; dd if=/dev/zero of=/f bs=$1 count=1; exit 1"; }

# ---- as the kernel has it ----
shapes() {
    container main "$IDLE" 'resources: {limits: {memory: 64Mi, cpu: 500m}}' | static held
    container main "$IDLE" 'resources: {requests: {memory: 32Mi, cpu: 250m}}' | static asks
    container main "$IDLE" | static modest
    container main "$IDLE" | static critical 'priority: 2000001000'
    {
        container main "$IDLE" 'resources: {limits: {memory: 24Mi, cpu: 200m}}'
        container second "$IDLE" 'resources: {limits: {memory: 16Mi, cpu: 100m}}'
    } | static both
    for pod in held asks modest critical; do check "$pod runs" "within 60 runs $pod"; done
    check "both run" 'within 60 runs both'
    check "memory.max" '[ "$(of held memory.max)" = 67108864 ]' 'of held memory.max'
    check "cpu.max" '[ "$(of held cpu.max)" = "50000 100000" ]' 'of held cpu.max'
    check "cpu.weight by what is asked for" \
        '[ "$(of asks cpu.weight) $(of modest cpu.weight)" = "10 1" ]' 'of asks cpu.weight'
    check "pids.max" '[ "$(of modest pids.max)" = 4096 ]' 'of modest pids.max'
    check "who has no limit has none" '[ "$(of modest memory.max) $(of modest cpu.max)" = "max max 100000" ]'
    check "of the pod: what its containers may have together" '
        [ "$(of_all both memory.max) $(of_all both cpu.max) $(of_all both cpu.weight)" = "41943040 30000 100000 12" ]' \
        'of_all both memory.max; of_all both cpu.max; of_all both cpu.weight'
    check "the container sees its own limits" '
        [ "$(ld exec held-board -- sh -c "cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max" | tr "\n" " ")" = "67108864 50000 100000 " ]' \
        'ld exec held-board -- ls /sys/fs/cgroup'
    check "and cannot raise them" '! ld exec held-board -- sh -c "echo max >/sys/fs/cgroup/memory.max" 2>/dev/null &&
        [ "$(of held memory.max)" = 67108864 ]'
    check "no pod may swap" \
        '[ "$(of held memory.swap.max) $(of modest memory.swap.max) $(of_all both memory.swap.max)" = "0 0 0" ]'
    check "Guaranteed: protected from the OOM killer" '[ "$(score held)" = -997 ]' 'score held'
    check "so is what is critical" '[ "$(score critical)" = -997 ]' 'score critical'
    check "no pod uses up the node's open files: there are as many as there is memory for" \
        '[ "$(cat /proc/sys/fs/file-max)" = 9223372036854775807 ]' 'cat /proc/sys/fs/file-max'
    check "65,536 of them a process" '[ "$(ld exec held-board -- sh -c "ulimit -n; ulimit -Hn" | tr "\n" " ")" = "65536 524288 " ]' \
        'ld exec held-board -- sh -c "ulimit -n; ulimit -Hn"'
    check "who asked for nothing goes first" '[ "$(score modest)" = 1000 ]' 'score modest'
    check "then who uses more than it asked for" \
        '[ "$(score asks)" -gt 700 ] && [ "$(score asks)" -lt 1000 ]' 'score asks'
    check "seen from inside" \
        '[ "$(ld exec held-board -- cat /proc/1/oom_score_adj)" = -997 ]' \
        'ld exec held-board -- cat /proc/1/oom_score_adj'
    keeper=$(head -n 1 /sys/fs/cgroup/limpet/keepers/cgroup.procs)
    check "keepers stand before all pods" \
        '[ "$(cat "/proc/$keeper/oom_score_adj")" = -999 ]' 'cat "/proc/$keeper/oom_score_adj"'
    unstatic both asks critical
}

# Its kernel maps no ids of a tmpfs, and /run is one (Linux 6.3 is the first that does). A pod of the node's own folder
# is not turned away before it starts.
users() {
    container main "$IDLE" | static mapped 'hostUsers: false'
    refused() { ld why mapped-board | grep -Eq "StartError: hostUsers is false, and .* cannot be mounted with ids mapped"; }
    check "a pod with a user namespace does not run with the node's where it can have none" \
        'within 30 refused && ! runs mapped' 'ld ps; ld why mapped-board'
    check "which the agent has said" 'grep -q "the kernel cannot map the ids of what lies at /run/limpet" /run/agent.log'
    unstatic mapped
}

# ---- what it feels like ----
# shares: what the two have used of the processor in 3 s.
shares() {
    few=$(figure few usage_usec) many=$(figure many usage_usec)
    sleep 3
    few=$(($(figure few usage_usec) - few)) many=$(($(figure many usage_usec) - many))
}
processor() {
    container main 'while :; do :; done' 'resources: {limits: {cpu: 100m, memory: 16Mi}}' | static slow
    check "slow runs" 'within 30 runs slow'
    used=$(figure slow usage_usec) from=$(now | tr -d .)
    sleep 3
    used=$(($(figure slow usage_usec) - used)) from=$(($(now | tr -d .) - from))
    check "a tenth of a processor is a tenth" \
        '[ $((used / from)) -lt 1500 ] && [ $((used / from)) -gt 500 ]' 'echo "$used us of $from/100 s"'
    check "it was held back" '[ "$(figure slow nr_throttled)" -gt 5 ]'
    unstatic slow
    container main 'while :; do :; done' 'resources: {requests: {cpu: 100m}}' | static few
    container main 'while :; do :; done' 'resources: {requests: {cpu: 500m}}' | static many
    check "two that want all of it" 'within 30 runs few && within 30 runs many'
    shares
    check "it is shared by what they asked for" '[ "$many" -gt $((few * 2)) ]' 'echo "$few and $many us"'
    unstatic few many
}

no_swap() {
    fallocate -l 96M /data/swap
    mkswap /data/swap >/dev/null && chmod 0600 /data/swap && swapon /data/swap
    check "the node has swap" '[ "$(sed -n "s/^SwapTotal: *\([0-9]*\) kB/\1/p" /proc/meminfo)" -gt 90000 ]'
    container main "$(fill 64M)" 'resources: {limits: {memory: 16Mi}}' | static full 'restartPolicy: Never'
    check "who fills its memory is killed, it does not swap" 'within 40 ps_says full-board "0/1 +OOMKilled"' 'ld ps'
    check "with the reason and the code" \
        'ld ps -o json | grep -q "\"OOMKilled\"" && ld why full-board | grep -q OOMKilled' 'ld why full-board'
    check "nothing of it went to swap" '[ "$(free | sed -n "s/^Swap: *[0-9]* *\([0-9]*\) .*/\1/p")" -lt 2000 ]' free
    check "its neighbour goes on" 'ps_says held-board "1/1 +Running +0 "' 'ld ps'
    unstatic full
}

# ---- freezing and ending ----
counts() { ld logs ticks-board | tail -n 1; }
freezing() {
    ticks=$(container main 'i=0; while :; do i=$((i + 1)); echo $i; sleep 0.1; done')
    echo "$ticks" | static ticks
    check "ticks runs" 'within 30 runs ticks'
    pid=$(process ticks)
    echo "$ticks" | ANNOTATIONS='limpet.io/paused: "true"' static ticks
    kill -HUP "$AGENT"
    check "a paused pod is frozen" \
        'within 20 grep -q "^frozen 1" "$(whole ticks)/cgroup.events"' 'ld ps; of_all ticks cgroup.events'
    was=$(counts)
    sleep 1
    check "it does nothing" '[ "$(counts)" = "$was" ]'
    echo "$ticks" | static ticks
    kill -HUP "$AGENT"
    check "and goes on" 'within 20 grep -q "^frozen 0" "$(whole ticks)/cgroup.events"'
    went_on() { [ "$(counts)" -gt "$was" ]; }
    check "where it was" 'within 10 went_on && [ "$(process ticks)" = "$pid" ]' counts
    echo "$ticks" | ANNOTATIONS='limpet.io/paused: "true"' static ticks
    kill -HUP "$AGENT"
    check "frozen again" 'within 20 grep -q "^frozen 1" "$(whole ticks)/cgroup.events"'
    all=$(whole ticks)
    unstatic ticks
    check "it can be ended nevertheless" 'within 20 [ ! -e "$all" ]' 'ld ps'
}

# Processes in the node's own process namespace, in sessions of their own, which take no hints.
ending() {
    container main 'trap "" TERM; i=0; while [ $i -lt 30 ]; do setsid sleep 987654 & i=$((i + 1)); done; wait; while :; do wait; sleep 1; done' |
        static crowd 'hostPID: true'
    sleepers() { ps -o args | grep -c "^sleep 98765[4]"; }
    all_sleep() { [ "$(sleepers)" = 30 ]; }
    none_sleeps() { [ "$(sleepers)" = 0 ]; }
    check "30 processes of a pod among those of the node" 'within 40 all_sleep' sleepers
    all=$(whole crowd)
    unstatic crowd
    check "its end ends them all" 'within 60 none_sleeps && within 10 [ ! -e "$all" ]' 'sleepers; ls "$all"'
}

# A pod of one container has one group, with processes in it: another container comes below, without limits.
debugging() {
    said() { [ "$(ld logs -c dbg debugged-board)" = here ]; }
    container main "$IDLE" 'resources: {limits: {memory: 32Mi}}' | static debugged
    check "a pod of one container" 'within 20 runs debugged'
    pid=$(process debugged)
    {
        container main "$IDLE" 'resources: {limits: {memory: 32Mi}}'
        echo '  ephemeralContainers:'
        container dbg 'echo here; exec sleep 1000' 'targetContainerName: main'
    } | static debugged
    kill -HUP "$AGENT"
    check "an ephemeral container runs in it" \
        'within 20 said' 'ld why debugged-board; ld ps -o json | grep -A 8 ephemeralContainerStatuses'
    check "within the limits of the pod" \
        '[ "$(of_all debugged memory.max)" = 33554432 ] && [ -n "$(cat "$(whole debugged)/c1/cgroup.procs")" ]' \
        'find "$(whole debugged)" -name cgroup.procs'
    kill -9 "$pid"
    back() { ps_says debugged-board "1/1 +Running +1" && [ -n "$(process debugged)" ]; }
    check "which is restarted beside it" 'within 30 back' 'ld ps; ld why debugged-board'
    unstatic debugged
}

# ---- running out ----
storage() {
    ld exec writer -- touch /go
    check "a container that writes too much is ended" 'within 40 ps_says writer "0/1 +Evicted"' 'ld ps'
    check "with the reason" \
        'ld why writer | grep -q "Pod ephemeral local storage usage exceeds the total limit of containers 2Mi"' \
        'ld why writer'
}

# second LINE-PATTERN: of the day, when the agent first said so.
second() { grep -m 1 "$1" /run/agent.log | awk -F '[T:.]' '{ print $2 * 3600 + $3 * 60 + $4 }'; }
eviction() {
    go=/proc/$(process hungry)/root/go
    sed -i 's/^evictionHard: .*/evictionHard: memory.available<150Mi/' /data/limpetd.yaml
    kill "$AGENT"
    wait "$AGENT"
    : >/run/agent.log
    agent_start
    filled() { [ "$(of hungry memory.current)" -gt 67000000 ]; }
    triggers() { ls -l "/proc/$AGENT/fd" | grep /proc/pressure/memory; }
    check "a node listens to PSI" 'within 10 triggers' 'ls -l "/proc/$AGENT/fd"'
    sleep 1.5 # it has looked for the first time, and does so again some 10 s after its start if nobody tells it
    touch "$go"
    within 10 filled
    mkdir /sys/fs/cgroup/press
    echo 6M >/sys/fs/cgroup/press/memory.high
    sh -c "echo 0 >/sys/fs/cgroup/press/cgroup.procs; $(fill 40M)" 2>/dev/null &
    pressed=$(date -u +%T | awk -F : '{ print $1 * 3600 + $2 * 60 + $3 }')
    check "when it is short of memory it ends who has most beyond what it asked for" \
        'within 30 ps_says hungry "0/1 +Evicted"' 'free; ld ps'
    check "with the reason and the figures" '
        ld why hungry | grep -Eq "The node was low on resource: memory. Threshold quantity: 150Mi, available: .*The pod was using .*, request is 0"' 'ld why hungry'
    began=$(second .) found=$(second condition=MemoryPressure)
    check "the node knows" '[ -n "$found" ]' 'cat /run/agent.log'
    echo "# short of memory $((pressed - began)) s after the agent began, found after ${found:+$((found - began))} s"
    # A machine that took so long to get there cannot tell.
    [ $((pressed - began)) -gt 4 ] ||
        check "at once, since programs had to wait for memory" \
            '[ $((found - began)) -le 7 ]' 'cat /proc/pressure/memory /run/agent.log'
    check "the others go on" \
        'ps_says calm "1/1 +Running +0 " && ps_says held-board "1/1 +Running +0 " && ps_says modest-board "1/1 +Running +0 "' \
        'ld ps'
    echo 1 >/sys/fs/cgroup/press/cgroup.kill
}

# The kernel is faster than any agent: then the scores decide.
out_of_memory() {
    swapoff /data/swap
    echo 1 >/proc/sys/vm/overcommit_memory
    container main "$(fill 400M)" | static glutton 'restartPolicy: Never'
    check "a node that is out of memory loses who asked for nothing" \
        'within 60 ps_says glutton-board "0/1 +OOMKilled"' 'free; ld ps'
    check "agent, keepers and who is protected go on" \
        'kill -0 "$AGENT" && ps_says held-board "1/1 +Running +0 "' 'ld ps'
}

# Nothing is short before it is to be.
printf 'storageCheckSeconds: 2\nevictionHard: ""\n' >>/data/limpetd.yaml
echo 5000 >/proc/sys/fs/file-max
agent_start
for part in shapes users processor no_swap freezing ending debugging storage eviction out_of_memory; do
    $part
    echo "# $part: until $(now) s"
done
[ $fail = 0 ] || { tail -n 30 /run/agent.log; ld ps; }
exit $fail
