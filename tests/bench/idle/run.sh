#!/usr/bin/env bash
# timeout: 1500
# What an idle node writes and sends: one pod runs, beats every 10 s, for BENCH_MINUTES (10), scaled to a day. The node is
# in a network namespace of its own, whose IP bytes, both ways, are counted (no loopback traffic is in them).
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

# link: bytes of IPv4 that the node's network namespace has sent and received, and packets. Limpet speaks nothing else
# here; what the kernel itself says by IPv6 about a new interface is left out.
link() {
    # shellcheck disable=SC2016
    in_net n1 cat /proc/net/netstat | awk '
        $1 == "IpExt:" && $2 == "InNoRoutes" { split($0, name); next }
        $1 == "IpExt:" { for (i in name) v[name[i]] = $i }
        END { printf "%d %d %d\n", v["OutOctets"], v["InOctets"], v["InNoECTPkts"] }'
}
# written PID...: bytes handed to the block layer for these, and bytes written by calls.
written() {
    local pid
    for pid in "$@"; do cat "/proc/$pid/io" 2>/dev/null; done |
        awk '$1 == "write_bytes:" { n += $2 } $1 == "cancelled_write_bytes:" { n -= $2 } END { print n + 0 }'
}
count() {
    local pids
    mapfile -t pids < <(node_keepers n1)
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
read -r sent received packets node gateway broker node_ns gateway_ns broker_ns \
    < <(difference "$before" "$after")
remark "in $seconds s: IP sent $sent bytes, received $received in $packets packets"
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
