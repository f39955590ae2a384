#!/usr/bin/env bash
# timeout: 180
# What nodes and pods use, on real containers: one that burns, one that holds memory; nothing is sent unasked, and who
# asks at once is answered by one question to each node.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq curl mosquitto_sub; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

METRICS=/apis/metrics.k8s.io/v1beta1
# raw PATH [CURL ARGUMENT...]: what the gateway answers the admin.
raw() {
    curl -sS --max-time 20 --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
        --key "$GW/state/trust/admin.key" "${@:2}" "https://$HOST:$API_PORT$1"
}
code() { raw "$1" -o /dev/null -w '%{http_code}'; }
# cores POD, kib POD: of its first container.
cores() { raw "$METRICS/namespaces/default/pods/$1" | jq -r '.containers[0].usage.cpu | sub("n$"; "") | tonumber'; }
kib() { raw "$METRICS/namespaces/default/pods/$1" | jq -r '.containers[0].usage.memory | sub("Ki$"; "") | tonumber'; }
between() { [[ $1 =~ ^[0-9]+$ && $1 -ge $2 && $1 -le $3 ]]; }
# ticks: hundredths of a second that the burner has used, as the kernel counts them.
ticks() { awk '{ print $14 + $15 }' "/proc/$(main_pid a burner)/stat"; }
# burns: more than half a core; less on a machine so busy that it gets no more, by the kernel's own count.
burns() {
    local before said got
    before=$(ticks)
    sleep 4
    said=$(cores burner)
    got=$((($(ticks) - before) * 10000000 / 4))
    echo "said $said, got $got"
    between "$said" $((got * 6 / 10 < 500000000 ? got * 6 / 10 : 500000000)) 2100000000 && [[ $got -gt 50000000 ]]
}
rests() { between "$(cores holder)" 0 100000000; }
holds_memory() { between "$(kib holder)" 24576 65536; }
questions() { grep -c '/down/rpc/' "$STAND/rpc"; }
messages() { grep -c '/rpc/' "$STAND/rpc"; }

stand_up main a b
pod burner 'trap "exit 0" TERM; while :; do :; done' | jq '.spec.nodeName = "a"' | apply >/dev/null
# 24 MiB in a file of its memory.
pod holder 'head -c 25165824 /dev/zero >/dev/shm/held; trap "exit 0" TERM; while :; do sleep 1; done' |
    jq '.spec.nodeName = "b" | .spec.volumes = [{name: "shm", emptyDir: {medium: "Memory"}}] |
        .spec.containers[0].volumeMounts = [{name: "shm", mountPath: "/dev/shm"}]' | apply >/dev/null
within 30 "a pod that burns runs" running burner
within 30 "a pod that holds memory runs" running holder
daemon "$STAND/rpc.pid" "$STAND/rpc" gw timeout 170 mosquitto_sub --unix "$GW/state/broker/sock" \
    -F '%t %l' -t 'limpet/v1/nodes/+/up/rpc/#' -t 'limpet/v1/nodes/+/down/rpc/#'

# ---- nobody asks ----
sleep 12
is "nothing is sent while nobody asks" "$(messages)" 0

# ---- somebody asks ----
is "many at once" "$(
    for _ in $(seq 20); do raw "$METRICS/nodes" | jq -r '[.items[].metadata.name] | join(" ")' & done | sort | uniq -c |
        tr -s ' '
    wait
)" " 20 a b"
within 10 "each node was asked" test "$(questions)" -ge 2
opened=$(cut -d' ' -f1 "$STAND/rpc" | grep '/down/rpc/' | sort -u | wc -l)
is "once" "$opened" 2
within 60 "it burns more than half a core" burns
within 40 "the other does not" rests
within 40 "it holds what it has written" holds_memory
is "a node uses what its pods use at least" "$(raw "$METRICS/nodes/a" |
    jq '(.usage.cpu | sub("n$"; "") | tonumber) > 50000000 and (.usage.memory | test("^[0-9]+Ki$"))')" true
is "by label" "$(raw "$METRICS/pods?fieldSelector=spec.nodeName%3Db" | jq -c '[.items[].metadata.name]')" '["holder"]'
is "of what is not there, nothing" "$(code "$METRICS/namespaces/default/pods/none")" 404
is "in the group's version" "$(raw $METRICS | jq -c '[.resources[] | .kind] | sort')" '["NodeMetrics","PodMetrics"]'

# ---- what Prometheus scrapes ----
raw /api/v1/nodes/a/proxy/metrics >"$TEST_TMP/scraped"
has "a node is scraped" "$(<"$TEST_TMP/scraped")" '^container_cpu_usage_seconds_total\{container="main",namespace="default",pod="burner"\} [0-9]'
has "and is ready" "$(<"$TEST_TMP/scraped")" '^kube_node_status_condition\{condition="Ready",node="a",status="true"\} 1$'
is "nothing else is reached by it" "$(code /api/v1/nodes/a/proxy/configz)" 404

# ---- a node that does not answer ----
kill -STOP "$(node_pid b)"
sleep 16 # longer than an answer is good
began=$SECONDS
is "it is left out" "$(raw "$METRICS/nodes" | jq -r '[.items[].metadata.name] | join(" ")')" a
within 1 "within 5 s" test $((SECONDS - began)) -le 7
kill -CONT "$(node_pid b)"
within 30 "it is back" matches '^a b$' eval "raw $METRICS/nodes | jq -r '[.items[].metadata.name] | join(\" \")'"

# ---- nobody asks any more ----
sleep 2
before=$(messages)
sleep 25
is "and nothing is sent again" "$(messages)" "$before"
end_pid "$(cat "$STAND/rpc.pid")" TERM
conclude
