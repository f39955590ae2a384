#!/usr/bin/env bash
# timeout: 300
# Streams between a gateway's link and a node: how long a program in a container takes from the asking to its end, how
# much goes through, and what streams that are open cost the agent. Then logs, through the whole gateway, and what readers
# that are slow cost it.
set -uo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
load_stand
here=$LIMPET_SRC/tests/system/streams
# shellcheck source=tests/system/streams/bus.sh
. "$here/bus.sh"
need_programs curl jq kubectl
ROUNDS=${BENCH_ROUNDS:-200}

LINE=$(printf '%099d' 0) # of the log: 100 bytes
LINES=160000 # what the node keeps
SLOW=20 # readers

# logs_of [CURL'S OPTION...] QUERY: the log of web, as kubectl asks for it.
logs_of() {
    in_net gw curl -sS --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" --key "$GW/state/trust/admin.key" \
        "${@:1:$#-1}" "https://$HOST:$API_PORT/api/v1/namespaces/default/pods/web/log?container=main&${!#}"
}
# write_log LINES: the pod's first program says that many, then "done".
write_log() { kc exec web -- sh -c "{ yes $LINE | head -n $1; echo done; } >/proc/1/fd/1"; }
first_line() { logs_of limitBytes=8 2>/dev/null; }
log_done() { [[ $(logs_of tailLines=1) == "done" ]]; }
gw_kb() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$(gw_pid)/smaps_rollup"; }
# rate BEGAN BYTES: MB/s since then.
rate() { calc "$2 / ($(now_us) - $1)" %.1f; }

bench_logs() {
    local began bytes pid before most=0 now slow=()
    write_log "$LINES"
    poll 60 log_done || stand_fail "the log does not come"
    began=$(now_us)
    bytes=$(logs_of '' | wc -c)
    figure "logs of $((bytes / 1000000)) MB, one reader" "$(rate "$began" "$bytes")" MB/s
    logs_of 'follow=true&tailLines=0' 2>/dev/null | {
        read -r _
        began=$(now_us)
        bytes=$(head -n 100000 | wc -c)
        rate "$began" "$bytes" >"$TEST_TMP/followed"
    } &
    pid=$!
    write_log 110000
    wait "$pid"
    figure "logs -f while the pod writes, one reader" "$(cat "$TEST_TMP/followed")" MB/s
    before=$(gw_kb Rss)
    for ((i = 0; i < SLOW; i++)); do
        logs_of --limit-rate 50k --max-time 8 '' >/dev/null 2>&1 &
        slow+=($!)
    done
    (
        began=$(now_us)
        bytes=$(logs_of limitBytes=10000000 | wc -c)
        rate "$began" "$bytes" >"$TEST_TMP/beside"
    ) &
    pid=$!
    began=$(now_us)
    while (($(now_us) - began < 6000000)); do
        now=$(gw_kb Rss)
        most=$((now > most ? now : most))
    done
    wait "$pid"
    figure "$SLOW readers of 50 kB/s: RSS of the gateway, a reader" "$(calc "($most - $before) / $SLOW" %.0f)" KiB
    figure "... logs of 10 MB to another beside them" "$(cat "$TEST_TMP/beside")" MB/s
    figure "RSS of the gateway with them" "$(calc "$most / 1024" %.1f)" MiB
    wait "${slow[@]}" || true # cut off by --max-time
}

stand_up streams a
pod web | apply >/dev/null
poll 30 running web || stand_fail "no pod runs"
# shellcheck disable=SC2034
NODE=$(node_id a)
machine
controller_kill

dial exec '{"container": "main", "stdout": true, "command": ["true"]}' "-$ROUNDS" | awk '{ print $4 }' >"$TEST_TMP/trips"
figure "exec of true, asked to ended, p50" "$(calc "$(percentile 50 "$TEST_TMP/trips") / 1000" %.1f)" ms
figure "exec of true, asked to ended, p99" "$(calc "$(percentile 99 "$TEST_TMP/trips") / 1000" %.1f)" ms

many_run() { [[ $(pod_processes a | wc -l) -ge 100 ]]; }
before=$(node_kb Pss)
mkfifo "$TEST_TMP/hold"
dial exec '{"container": "main", "stdin": true, "stdout": true, "command": ["cat"]}' 100 >/dev/null 2>&1 <"$TEST_TMP/hold" &
pid=$!
exec {hold}>"$TEST_TMP/hold"
poll 20 many_run || stand_fail "no 100 streams are open"
sleep 3
figure "an open stream, idle: PSS of the agent" "$(calc "($(node_kb Pss) - $before) / 100" %.1f)" KiB
exec {hold}>&-
wait "$pid"

began=$(now_us)
run_in '' head -c 100000000 /dev/zero >/dev/null
figure "one stream to the gateway" "$(calc "100 * 1000000 / ($(now_us) - $began)" %.0f)" MB/s
began=$(now_us)
head -c 100000000 /dev/zero | run_in i sh -c 'cat >/dev/null'
figure "one stream to the node" "$(calc "100 * 1000000 / ($(now_us) - $began)" %.0f)" MB/s

gw_start
poll 20 running web || stand_fail "the gateway does not come back"
poll 20 equals started first_line || stand_fail "the node does not come back"
bench_logs

stand_down_all
