#!/usr/bin/env bash
# timeout: 900
# The gateway's API under load, on disk, by TLS: writes, reads and lists of 10,000 pods, 1,000 watchers, memory, start.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
ROUNDS=${BENCH_ROUNDS:-10} PODS=10000 WATCHERS=1000 SOME=2000 IN_FLIGHT=16
load_stand
machine
STANDS=()
stand_make api
stand_settle_gateway
TRUST=$GW/state/trust

# load VERB ARGUMENT ARGUMENT: its microseconds go to $TEST_TMP/VERB.
load() { "$LIMPET_BUILD/bench-api" "$TRUST" "$API_PORT" "$@" | tee "$TEST_TMP/out" | sed -n 's/^us //p' >"$TEST_TMP/$1"; }
ms() { calc "$(percentile "$1" "$TEST_TMP/$2") / 1000" %.3f; }
# p50_p99 NAME VERB [GOAL of p99]
p50_p99() {
    figure "$1, p50" "$(ms 50 "$2")" ms
    figure "$1, p99" "$(ms 99 "$2")" ms "${3:-}"
}
rss() { awk '/^VmRSS/ { print $2 }' "/proc/$(gw_pid)/status"; }
mib() { calc "$1 / 1024"; }
up() {
    gw_start
    poll 60 lp get namespaces || stand_fail "the gateway does not answer"
}
# start NAME: from exec to the answer of a gateway that was there before.
start() {
    local i
    gw_stop
    : >"$TEST_TMP/starts"
    for ((i = 0; i < ROUNDS; i++)); do
        load start "$LIMPET_BUILD/limpet-controller" "$GW/config.yaml"
        cat "$TEST_TMP/start" >>"$TEST_TMP/starts"
    done
    figure "start, $1" "$(ms 50 starts)" ms "${2:-}"
    up
}

up
start "nothing stored" "<= 100"
idle=$(rss)
figure "RSS, nothing stored" "$(mib "$idle")" MiB "<= 16"
load nodes 10 1
load create $PODS $IN_FLIGHT
figure "creates, $IN_FLIGHT at once" "$(calc "$PODS * 1000000 / $(sed -n 's/^all //p' "$TEST_TMP/out")" %.0f)" /s
p50_p99 "create, $IN_FLIGHT at once" create "<= 50"
for verb in update patch; do
    load $verb $SOME $IN_FLIGHT
    p50_p99 "$verb, $IN_FLIGHT at once" $verb "<= 50"
done
load get $PODS $IN_FLIGHT
p50_p99 "get, $IN_FLIGHT at once" get "<= 20"
load patch 500 1
p50_p99 "patch, one by one" patch "<= 50"
load get $SOME 1
p50_p99 "get, one by one" get "<= 20"
full=$(rss)
figure "RSS, 10,000 pods" "$(mib "$full")" MiB
figure "memory a pod" "$(calc "($full - $idle) * 1024 / $PODS" %.0f)" bytes
load list "$ROUNDS" 1
figure "list of 10,000" "$(ms 50 list)" ms "<= 1000"
figure "list of 10,000, slowest" "$(ms 100 list)" ms
load table "$ROUNDS" 1
figure "list of 10,000 as a table" "$(ms 50 table)" ms "<= 1000"
for kind in list table; do
    load beside-$kind $SOME 1
    p50_p99 "get, one by one beside a $kind of 10,000" beside-$kind "<= 20"
done
figure "RSS after lists" "$(mib "$(rss)")" MiB

mkfifo "$TEST_TMP/hold"
before=$(rss)
"$LIMPET_BUILD/bench-api" "$TRUST" "$API_PORT" watch $WATCHERS 100 <"$TEST_TMP/hold" >"$TEST_TMP/watch.out" &
watch=$!
exec 9>"$TEST_TMP/hold"
poll 120 grep -q watching "$TEST_TMP/watch.out" || stand_fail "watches do not come up"
figure "RSS, 1,000 watchers more" "$(mib "($(rss) - $before)")" MiB
exec 9>&-
wait "$watch"
sed -n 's/^us //p' "$TEST_TMP/watch.out" >"$TEST_TMP/watch"
p50_p99 "write acknowledged until 1,000 watchers have it" watch

start "10,000 pods stored"
gw_stop
figure "disk a pod" "$(calc "$(stat -c %s "$GW/state/store.db") / $PODS" %.0f)" bytes
up
load delete $SOME $IN_FLIGHT
p50_p99 "delete, $IN_FLIGHT at once" delete "<= 50"
stand_down_all || exit 1
trap - EXIT
