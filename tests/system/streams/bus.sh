# shellcheck shell=bash
# Streams over the bus: a real broker and node, the gateway's link alone (dialer.c) in the gateway's place. Sourced by
# run.sh.

# dial METHOD ARGUMENTS [COUNT [STALLED]]: ARGUMENTS without namespace and pod.
dial() {
    timeout $((120 * ${PATIENCE:-1})) "$LIMPET_BUILD/streams-dialer" "$GW/state/broker/sock" "$GW/state/trust/sealing.key" \
        "$STAND/a/state/identity/sealing.key" "$NODE" "$1" \
        "$(jq -nc --argjson a "$2" '{namespace: "default", pod: "web"} + $a')" "${@:3}"
}
# run_in FLAGS WORDS...: exec; FLAGS: i, t.
run_in() {
    dial exec "$(jq -nc --arg f "$1" '{container: "main", stdin: ($f | contains("i")), stdout: true, stderr: true,
        tty: ($f | contains("t")), command: $ARGS.positional}' --args -- "${@:2}")"
}
node_kb() { awk -v k="$1:" '$1 == k { print $2 }' "/proc/$(node_pid a)/smaps_rollup"; }
digest() { sha256sum | cut -d' ' -f1; }

bus_up() {
    stand_up live a
    pod web 'trap "exit 0" TERM; (while :; do nc -lp 8080 -e cat; done) & while :; do sleep 1; done' | apply >/dev/null
    within 20 "bus: the pod runs" running web
    NODE=$(node_id a)
    controller_kill
    is "bus: exec" "$(run_in '' echo hello)" hello
}

bus_exec() {
    local out
    run_in '' sh -c 'exit 7'
    is "bus: the exit code" $? 7
    out=$(run_in '' sh -c 'echo out; echo err >&2' 2>"$TEST_TMP/err")
    is "bus: stdout and stderr apart" "$out $(cat "$TEST_TMP/err")" "out err"
    out=$(run_in '' nosuch 2>&1)
    is "bus: a command that is not there" "$?" 127
    has "bus: and why" "$out" 'executable file not found in \$PATH'
    out=$(dial exec '{"container": "none", "stdout": true, "command": ["true"]}' 2>&1)
    is "bus: a container that is not there" "$out" '404 container not found ("none")'
    out=$(dial exec '{"container": "main", "uid": "1-2-3", "stdout": true, "command": ["true"]}' 2>&1)
    has "bus: another pod of that name" "$out" '^404 '
    out=$(dial exec '{"container": "main", "stdout": true, "command": []}' 2>&1)
    has "bus: no command" "$out" '^400 '
    is "bus: a terminal" "$(run_in t sh -c 'test -t 0 && echo yes' | tr -d '\r')" yes
}

bus_intact() {
    local megabytes=$((100 / ${PATIENCE:-1})) want # less where the processor is emulated
    head -c $((megabytes * 1000000)) /dev/urandom >"$TEST_TMP/big"
    want=$(digest <"$TEST_TMP/big")
    is "bus: $megabytes MB in arrive intact" "$(run_in i sha256sum <"$TEST_TMP/big" | cut -d' ' -f1)" "$want"
    is "bus: $megabytes MB in and out arrive intact" "$(run_in i cat <"$TEST_TMP/big" | digest)" "$want"
    rm "$TEST_TMP/big"
}

# seq_to LINES: of a program that says so many.
seq_to() { echo '{"container": "main", "stdout": true, "command": ["seq", "1", "'"$1"'"]}'; }
bus_many() {
    local want before pid lines=$((200000 / ${PATIENCE:-1}))
    want=$(seq 1 $lines | digest)
    before=$(node_kb Pss)
    dial exec "$(seq_to $lines)" 100 >"$TEST_TMP/many"
    is "bus: 100 streams at once, all whole" "$(awk -v w="$want" '$3 == w && $5 == 0 && $6 == 0' "$TEST_TMP/many" | wc -l)" 100
    lines=$(sort -n -k4 "$TEST_TMP/many" | awk 'NR == 1 { least = $4 } { most = $4 } END { print least / 1000, most / 1000 }')
    echo "     quickest and slowest, ms: $lines"
    dial exec '{"container": "main", "stdout": true, "command": ["yes"]}' 100 >/dev/null 2>&1 &
    pid=$!
    sleep 3
    echo "     agent with 100 streams that flow: PSS $(node_kb Pss) KB, before $before KB"
    if [[ $(($(node_kb Pss) - before)) -le $((100 * 64)) ]]; then ok "bus: each takes at most 64 KB of the agent"; else bad "bus: each takes at most 64 KB of the agent" "$(node_kb Pss) KB"; fi
    pkill -9 -f "streams-dialer $GW"
    wait $pid
}

bus_slow() {
    local want lines=$((200000 / ${PATIENCE:-1}))
    want=$(seq 1 $lines | digest)
    dial exec "$(seq_to $lines)" 20 5 >"$TEST_TMP/slow" 2>"$TEST_TMP/stalled"
    is "bus: five that do not read: the other fifteen go on" "$(head -n 15 "$TEST_TMP/slow" | awk '$1 >= 5' | wc -l)" 15
    is "bus: what is held for each is bounded" "$(awk '$4 <= 65536' "$TEST_TMP/stalled" | wc -l)" 5
    is "bus: and all is whole when they read" "$(awk -v w="$want" '$3 == w && $5 == 0' "$TEST_TMP/slow" | wc -l)" 20
}

bus_forward() {
    local out
    is "forward: what is sent comes back, and the end" "$(seq 1 5000 | dial portforward '{"port": 8080}' | digest)" "$(seq 1 5000 | digest)"
    out=$(dial portforward '{"port": 81}' </dev/null 2>&1)
    has "forward: nobody listens" "$out" '^502 failed to connect to localhost:81 inside namespace .*127.0.0.1:81: connect: connection refused .*\[::1\]:81'
    out=$(dial portforward '{"port": 0}' </dev/null 2>&1)
    has "forward: not a port" "$out" '^400 '
    is "forward: the agent is at home" "$(readlink "/proc/$(node_pid a)/ns/net")" "$(readlink /proc/self/ns/net)"
}

bus_ends() {
    local pid
    run_in '' sh -c 'echo on; sleep 4242' >"$TEST_TMP/out" 2>"$TEST_TMP/err" &
    pid=$!
    within 10 "ends: it runs" equals 1 sleepers
    pkill -9 -f "streams-dialer $GW"
    wait $pid
    # Nobody says "close": the gateway is gone. Its next life would say so; the node asks no longer than this.
    within 90 "ends: a gateway that is gone: the node ends it" equals 0 sleepers
    run_in '' sleep 4242 >"$TEST_TMP/out" 2>"$TEST_TMP/err" &
    pid=$!
    within 10 "ends: it runs again" equals 1 sleepers
    node_kill a
    wait $pid
    is "ends: kill -9 of the agent: an error" "$?" 100
    has "ends: and why" "$(cat "$TEST_TMP/err")" '^503 the connection to the node broke'
    within 5 "ends: and the program with it" equals 0 sleepers
    node_start a
    within 20 "ends: the agent is back" equals hello run_in '' echo hello
    run_in '' sleep 4242 >"$TEST_TMP/out" 2>"$TEST_TMP/err" &
    pid=$!
    within 10 "ends: it runs once more" equals 1 sleepers
    kill -9 "$(keepers a web)"
    wait $pid
    is "ends: kill -9 of the keeper: an error" "$?" 100
    within 5 "ends: nothing is left of it" equals 0 sleepers
}
