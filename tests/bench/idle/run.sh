#!/usr/bin/env bash
# timeout: 1500
# What an idle node writes and sends: one pod runs, beats every 10 s, for BENCH_MINUTES (10), scaled to a day. The node is
# in a network namespace of its own, and counted is what passes its end of the veth, Ethernet headers taken off.
#   tests/bench/idle/run.sh --minutes N
set -uo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
MINUTES=${BENCH_MINUTES:-10}
[[ ${1:-} != --minutes ]] || MINUTES=${2:?}
BEAT=${BENCH_BEAT:-10}
STAND_NET=1
load_stand
need_programs ip

# link: bytes of IP and packets, sent and received by the node. An Ethernet header is 14 bytes.
link() {
    local name values=()
    for name in tx_bytes tx_packets rx_bytes rx_packets; do
        values+=("$(in_net n1 ip -s -j link show eth0 | jq ".[0].stats64.${name%_*}.${name#*_}")")
    done
    echo "$((values[0] - 14 * values[1])) ${values[1]} $((values[2] - 14 * values[3])) ${values[3]}"
}
# written PID...: bytes handed to the block layer for these, and bytes written by calls.
written() {
    local pid
    for pid in "$@"; do cat "/proc/$pid/io" 2>/dev/null; done |
        awk '$1 == "write_bytes:" { n += $2 } $1 == "cancelled_write_bytes:" { n -= $2 } END { print n + 0 }'
}
count() {
    local pids
    mapfile -t pids < <(keepers n1)
    echo "$(link) $(written "$(node_pid n1)" "${pids[@]}") $(written "$(gw_pid)") $(written "$(broker_pid)")" \
        "$(cpu_ns "$(node_pid n1)" "${pids[@]}") $(cpu_ns "$(gw_pid)") $(cpu_ns "$(broker_pid)")"
}
difference() { awk 'NR == 1 { split($0, a) } NR == 2 { for (i = 1; i <= NF; i++) printf "%.0f ", $i - a[i] }' <<<"$1"$'\n'"$2"; }

machine
bench_stand idle n1
pod idle 'while :; do sleep 3600; done' | apply >/dev/null
poll 30 running idle || stand_fail "no pod runs"
sleep "${BENCH_SETTLE:-25}" # what the deployment made is sent and written
remark "idle for $MINUTES minutes, beats every $BEAT s"
before=$(count)
began=${EPOCHREALTIME/./}
sleep $((MINUTES * 60))
after=$(count)
seconds=$(calc "(${EPOCHREALTIME/./} - $began) / 1e6" %.3f)
read -r sent sent_packets received received_packets node gateway broker node_ns gateway_ns broker_ns \
    < <(difference "$before" "$after")
remark "in $seconds s: sent $sent bytes in $sent_packets packets, received $received in $received_packets"
matches '^n1 +Ready' lp get nodes || stand_fail "the node did not stay ready"
day() { calc "$1 * 86400 / $seconds ${2:-}" "${3:-%.0f}"; }
figure "IP bytes sent by the node, a day" "$(day "$sent")" bytes
figure "IP bytes received by the node, a day" "$(day "$received")" bytes
figure "idle traffic, both ways" "$(calc "($sent + $received) * 8 / $seconds / 1000" %.3f)" kbit/s "<= 0.15"
figure "IP bytes a beat, both ways" "$(calc "($sent + $received) / ($seconds / $BEAT)" %.0f)" bytes
figure "written by limpetd and keepers, a day" "$(day "$node")" bytes "<= 0"
figure "written by limpet-controller, a day" "$(day "$gateway")" bytes
figure "written by mosquitto, a day" "$(day "$broker")" bytes
figure "processor time of limpetd and keepers, a day" "$(day "$node_ns" "/ 1e9" %.2f)" s
figure "processor time of limpet-controller, a day" "$(day "$gateway_ns" "/ 1e9" %.2f)" s
figure "processor time of mosquitto, a day" "$(day "$broker_ns" "/ 1e9" %.2f)" s
bench_down
