#!/usr/bin/env bash
# timeout: 300
# The controller's store alone: durable writes of 1 KiB, 256 in flight and one by one, and a list of 10,000.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
ROUNDS=${BENCH_ROUNDS:-3} COUNT=20000

# field NAME LINE
field() { sed -n "s/.* $1=\([0-9]*\).*/\1/p" <<<"$2"; }
machine
for ((i = 0; i < ROUNDS; i++)); do
    mkdir -p "$TEST_TMP/db"
    "$LIMPET_BUILD/bench-store" "$TEST_TMP/db" $COUNT 256 1024 >"$TEST_TMP/out"
    rm -r "$TEST_TMP/db"
    cat "$TEST_TMP/out"
    field per_s "$(sed -n 1p "$TEST_TMP/out")" >>"$TEST_TMP/many"
    field p99_us "$(sed -n 1p "$TEST_TMP/out")" >>"$TEST_TMP/many-p99"
    field p50_us "$(sed -n 2p "$TEST_TMP/out")" >>"$TEST_TMP/one"
    field p99_us "$(sed -n 2p "$TEST_TMP/out")" >>"$TEST_TMP/one-p99"
    field bytes "$(sed -n 5p "$TEST_TMP/out")" >>"$TEST_TMP/many-cost"
    field bytes "$(sed -n 7p "$TEST_TMP/out")" >>"$TEST_TMP/one-cost"
    field us "$(sed -n 3p "$TEST_TMP/out")" >>"$TEST_TMP/list"
done
ms() { calc "$(median "$TEST_TMP/$1") / 1000" %.3f; }
figure "durable writes, 256 in flight" "$(median "$TEST_TMP/many")" /s
figure "durable write, 256 in flight, p99" "$(ms many-p99)" ms "<= 50"
figure "durable write, one by one, p50" "$(ms one)" ms
figure "durable write, one by one, p99" "$(ms one-p99)" ms "<= 50"
figure "list of 10,000" "$(ms list)" ms "<= 1000"
figure "written to the card a write of 1 KiB, 256 in flight" "$(median "$TEST_TMP/many-cost")" bytes
figure "written to the card a write of 1 KiB, one by one" "$(median "$TEST_TMP/one-cost")" bytes
