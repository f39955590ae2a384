# shellcheck shell=bash
# What the benches share. Sourced, never run; bash.
: "${LIMPET_BUILD:?}" "${LIMPET_SRC:?}" "${TEST_TMP:?}"

# figure NAME VALUE UNIT [GOAL]: a line that tools/bench reads.
figure() { printf 'figure\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}"; }
# remark WORDS...: how a figure came about.
remark() { printf '%s\n' "$*"; }
cannot() {
    echo "$1"
    exit 77
}
need_root() { [[ $EUID -eq 0 ]] || cannot "must run as root"; }
need_programs() {
    local name
    for name in "$@"; do command -v "$name" >/dev/null || cannot "$name is missing: tools/install test"; done
}
# calc EXPRESSION [FORMAT]: of awk.
calc() { awk "BEGIN { printf \"${2:-%.2f}\", $1 }"; }
# percentile P FILE: of the numbers in it, one a line.
percentile() { sort -n "$2" | awk -v p="$1" '{ a[NR] = $1 } END { if (NR) print a[int((NR - 1) * p / 100) + 1] }'; }
median() { percentile 50 "$1"; }

# load_stand: the gateway and nodes that system tests use too; what they say is a remark.
load_stand() {
    need_root
    need_programs jq mosquitto ss setsid nsenter
    # shellcheck source=tests/system/lib/stand.sh
    . "$LIMPET_SRC/tests/system/lib/stand.sh"
}

# machine: what the figures were measured on, and how busy it was.
machine() {
    remark "$(nproc) cores, Linux $(uname -r), $(grep -m1 -oP '^model name\s*: \K.*' /proc/cpuinfo || uname -m)," \
        "cgroup $([[ -f /sys/fs/cgroup/cgroup.controllers ]] && echo v2 || echo v1), load $(cut -d' ' -f1-3 /proc/loadavg)"
}

# bench_stand NAME NODE: like stand_up, with the node's run folder on a tmpfs, where a node has it. Undo: bench_down.
bench_stand() {
    local name=$1 node=$2
    BENCH_RUN=$(mktemp -d "$([[ -d /dev/shm ]] && echo /dev/shm || echo "$TEST_TMP")/limpet-bench.XXXXXX")
    stand_make "$name"
    trap bench_down EXIT
    stand_settle_gateway
    gw_start
    poll 20 lp get namespaces || stand_fail "the gateway does not answer"
    node_make "$node"
    sed -i "s|^runDir:.*|runDir: $BENCH_RUN|" "$STAND/$node/config.yaml"
    node_join "$node"
    node_start "$node"
    poll 20 matches "^$node +Ready" lp get nodes || stand_fail "node $node does not get ready"
}
# bench_down: ends the stand; a bench that leaves something behind has failed.
bench_down() {
    local code=$?
    stand_down_all || code=1
    rm -rf "${BENCH_RUN:?}"
    trap - EXIT
    exit "$code"
}

# cpu_ns PID...: processor time that they took so far.
cpu_ns() {
    local pid
    for pid in "$@"; do cat /proc/"$pid"/task/*/schedstat 2>/dev/null; done | awk '{ n += $1 } END { printf "%.0f\n", n }'
}
# node_keepers NODE: process ids of a node's keepers.
node_keepers() {
    local pid
    for pid in $(pod_processes "$1"); do
        if [[ $(cat "/proc/$pid/comm" 2>/dev/null) == limpet-keeper ]]; then echo "$pid"; fi
    done
}
