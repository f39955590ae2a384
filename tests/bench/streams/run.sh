#!/usr/bin/env bash
# timeout: 300
# Streams between a gateway's link and a node: how long a program in a container takes from the asking to its end, how
# much goes through, and what streams that are open cost the agent.
set -uo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
load_stand
here=$LIMPET_SRC/tests/system/streams
# shellcheck source=tests/system/streams/bus.sh
. "$here/bus.sh"
need_programs jq
ROUNDS=${BENCH_ROUNDS:-200}

stand_up streams a
pod web | apply >/dev/null
poll 30 running web || stand_fail "no pod runs"
NODE=$(node_id a)
controller_kill

dial exec '{"container": "main", "stdout": true, "command": ["true"]}' "-$ROUNDS" | awk '{ print $4 }' >"$TEST_TMP/trips"
figure "exec of true, asked to ended, p50" "$(calc "$(percentile 50 "$TEST_TMP/trips") / 1000" %.1f)" ms
figure "exec of true, asked to ended, p99" "$(calc "$(percentile 99 "$TEST_TMP/trips") / 1000" %.1f)" ms

many_run() { [[ $(pod_processes a | wc -l) -ge 100 ]]; }
before=$(node_kb Pss)
dial exec '{"container": "main", "stdin": true, "stdout": true, "command": ["cat"]}' 100 >/dev/null 2>&1 < <(sleep 30) &
poll 20 many_run || stand_fail "no 100 streams are open"
sleep 3
figure "an open stream, idle: PSS of the agent" "$(calc "($(node_kb Pss) - $before) / 100" %.1f)" KiB
pkill -9 -f "streams-dialer $GW"

began=$(now_us)
run_in '' head -c 100000000 /dev/zero >/dev/null
figure "one stream to the gateway" "$(calc "100 * 1000000 / ($(now_us) - $began)" %.0f)" MB/s
began=$(now_us)
head -c 100000000 /dev/zero | run_in i sh -c 'cat >/dev/null'
figure "one stream to the node" "$(calc "100 * 1000000 / ($(now_us) - $began)" %.0f)" MB/s

stand_down_all
