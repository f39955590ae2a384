#!/usr/bin/env bash
# timeout: 900
# A pod applied at a gateway until it runs on a node of this machine, image present: 100 one after the other, each with
# its own network; then ten at once; then ten from a file on the node, with no gateway in the way.
set -uo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
HERE=$(dirname "$(realpath "$0")")
COUNT=${BENCH_ROUNDS:-100} TENS=${BENCH_TENS:-10}
load_stand
need_programs python3

stamps() {
    mkdir -p "$TEST_TMP/stamps"
    find "$TEST_TMP/stamps" -type f -delete
}
# deploy COUNT GROUP FILE
deploy() {
    stamps
    in_net gw python3 "$HERE/apply.py" "$HOST" "$API_PORT" "$GW/state/trust/ca.crt" "$GW/state/trust/admin.crt" \
        "$GW/state/trust/admin.key" "$TEST_TMP/stamps" "$1" "$2" >"$3"
}
# column NUMBER FILE
column() { awk -v c="$1" '{ print $c }' "$2" >"$TEST_TMP/column$1"; echo "$TEST_TMP/column$1"; }

all_cpu() { echo "$(cpu_ns "$(gw_pid)") $(cpu_ns "$(broker_pid)") $(cpu_ns "$(node_pid n1)")"; }

one_by_one() {
    local all=$TEST_TMP/one before after i names=(limpet-controller mosquitto limpetd)
    before=$(all_cpu)
    deploy "$COUNT" 1 "$all"
    after=$(all_cpu)
    [[ $(wc -l <"$all") -eq $COUNT ]] || exit 1
    remark "n = $(wc -l <"$all"); POST over TLS on an open connection; the first instruction is seen by inotify"
    figure "request answered, p50" "$(median "$(column 1 "$all")")" ms
    figure "request answered, p99" "$(percentile 99 "$(column 1 "$all")")" ms "<= 50"
    figure "first instruction of the container, p50" "$(median "$(column 2 "$all")")" ms "<= 30"
    figure "first instruction of the container, p99" "$(percentile 99 "$(column 2 "$all")")" ms "<= 100"
    figure "watch says Running, p50" "$(median "$(column 3 "$all")")" ms "<= 30"
    figure "watch says Running, p99" "$(percentile 99 "$(column 3 "$all")")" ms "<= 100"
    for i in 0 1 2; do
        figure "processor time of ${names[i]}, applied to removed" \
            "$(calc "($(cut -d' ' -f$((i + 1)) <<<"$after") - $(cut -d' ' -f$((i + 1)) <<<"$before")) / $COUNT / 1e6")" ms
    done
}

ten_at_once() {
    deploy "$TENS" 10 "$TEST_TMP/tens"
    [[ $(wc -l <"$TEST_TMP/tens") -eq $TENS ]] || exit 1
    figure "10 pods through the gateway, one after the other on one connection, median" \
        "$(median "$(column 2 "$TEST_TMP/tens")")" ms
}

ten_from_a_file() {
    stamps
    python3 "$HERE/drop.py" "$STAND/n1/manifests" "$BENCH_RUN" "$TEST_TMP/stamps" "$TENS" 10 >"$TEST_TMP/drop" || exit 1
    [[ $(wc -l <"$TEST_TMP/drop") -eq $TENS ]] || exit 1
    figure "10 pods from one YAML file on the node, median" "$(median "$TEST_TMP/drop")" ms "<= 50"
}

machine
bench_stand deploy n1
deploy 3 1 /dev/null
one_by_one
ten_at_once
ten_from_a_file
machine
bench_down
