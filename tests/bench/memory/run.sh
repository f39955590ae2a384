#!/usr/bin/env bash
# timeout: 600
# Memory of the programs, idle, the node connected by TLS: with no, 1 and 10 pods; the release build, and the static
# board build if tools/cross made one. And how large the programs are, and how fast the controller starts.
set -uo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
load_stand
need_programs strip
SETTLE=${BENCH_SETTLE:-3}
BOARD=$LIMPET_SRC/build/cross-$(uname -m | sed 's/aarch64/arm64/')/stripped

# kb FIELD PID...: the sum of a field of smaps_rollup.
kb() {
    local field=$1 pid
    shift
    for pid in "$@"; do cat "/proc/$pid/smaps_rollup" 2>/dev/null; done | awk -v f="$field:" '$1 == f { n += $2 } END { print n + 0 }'
}
private() { echo $(($(kb Private_Dirty "$@") + $(kb Private_Clean "$@"))); }

# node_memory BUILD PODS [GOAL]
node_memory() {
    local pids pods agent
    sleep "$SETTLE"
    agent=$(node_pid n1)
    mapfile -t pids < <(node_keepers n1)
    pods=${#pids[@]}
    [[ $pods -eq $2 ]] || stand_fail "$pods keepers for $2 pods"
    figure "$1: limpetd with $2 pods, PSS" "$(kb Pss "$agent")" KiB "$([[ $1 == board && $2 -eq 0 ]] && echo "<= 1024")"
    figure "$1: limpetd with $2 pods, private" "$(private "$agent")" KiB
    [[ $pods -gt 0 ]] || return 0
    figure "$1: a keeper of $2, PSS" "$(calc "$(kb Pss "${pids[@]}") / $pods" %.0f)" KiB
    figure "$1: a keeper of $2, private and dirty" "$(calc "$(kb Private_Dirty "${pids[@]}") / $pods" %.0f)" KiB \
        "$([[ $1 == board ]] && echo "<= 64")"
    figure "$1: limpetd and all keepers of $2 pods, PSS" "$(kb Pss "$agent" "${pids[@]}")" KiB \
        "$([[ $1 == board && $2 -eq 10 ]] && echo "<= 2048")"
}

# measure BUILD: a node without pods, with one, with ten.
measure() {
    local i
    node_memory "$1" 0
    pod m0 | apply >/dev/null
    poll 30 running m0 || stand_fail "no pod runs"
    node_memory "$1" 1
    for i in {1..9}; do pod "m$i" | apply >/dev/null; done
    for i in {1..9}; do poll 30 running "m$i" || stand_fail "pod m$i does not run"; done
    node_memory "$1" 10
    lp delete pods m{0..9} >/dev/null
    for i in {0..9}; do poll 30 gone "m$i" || stand_fail "pod m$i does not end"; done
}

controller() {
    local began pid
    pid=$(gw_pid)
    figure "limpet-controller idle, 1 node, RSS" "$(kb Rss "$pid")" KiB "<= 16384"
    figure "limpet-controller idle, 1 node, PSS" "$(kb Pss "$pid")" KiB
    figure "mosquitto beside it, PSS" "$(kb Pss "$(broker_pid)")" KiB
    : >"$TEST_TMP/starts"
    gw_stop
    for _ in {1..9}; do
        began=${EPOCHREALTIME/./}
        LIMPET_STAND=$ID "$LIMPET_BUILD/limpet-controller" --config "$GW/config.yaml" >>"$GW/log" 2>&1 &
        pid=$!
        until (exec 3<>"/dev/tcp/$HOST/$API_PORT") 2>/dev/null; do sleep 0.001; done
        echo $(((${EPOCHREALTIME/./} - began) / 1000)) >>"$TEST_TMP/starts"
        poll 20 broker_answers
        end_pid "$pid" TERM
        wait "$pid" 2>/dev/null
    done
    gw_start
    figure "limpet-controller: start until its port answers, median of 9" "$(median "$TEST_TMP/starts")" ms "<= 100"
}

# sizes WHAT FOLDER: stripped.
sizes() {
    local program
    for program in limpetd limpet-keeper limpet-fetch limpet-controller limpet; do
        [[ -f $2/$program ]] || continue
        strip -o "$TEST_TMP/stripped" "$2/$program"
        figure "$1: $program, stripped" "$(calc "$(stat -c %s "$TEST_TMP/stripped") / 1024" %.0f)" KiB \
            "$([[ $1 == board && $program == limpetd ]] && echo "<= 1024")"
    done
}

machine
bench_stand memory n1
measure release
if [[ -x $BOARD/limpetd && -x $BOARD/limpet-keeper ]]; then
    node_stop n1
    sed -i "s|^libexecDir:.*|libexecDir: $BOARD|" "$STAND/n1/config.yaml"
    daemon "$STAND/n1/pid" "$STAND/n1/agent.log" n1 "$BOARD/limpetd" --config "$STAND/n1/config.yaml" run
    poll 20 matches '^n1 +Ready' lp get nodes || stand_fail "the board build does not get ready"
    measure board
    sizes board "$BOARD"
else
    remark "no board build of this machine's architecture: tools/cross $(uname -m)"
fi
sizes release "$LIMPET_BUILD"
controller
bench_down
