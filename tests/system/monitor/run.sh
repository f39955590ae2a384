#!/usr/bin/env bash
# timeout: 120
# What a running gateway tells of itself: metrics that Prometheus' own checker takes, who wrote what, health that
# follows the broker.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in curl jq promtool mosquitto_rr; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# ask WHO PATH: as admin, or as nobody (-); the answer, then its code.
ask() {
    local credentials=()
    [[ $1 == - ]] || credentials=(--cert "$GW/state/trust/$1.crt" --key "$GW/state/trust/$1.key")
    curl -sS --max-time 10 --cacert "$GW/state/trust/ca.crt" "${credentials[@]}" -w '\n%{http_code}\n' \
        "https://$HOST:$API_PORT$2" 2>&1
}
metric() { ask admin /metrics | awk -v name="$1 " 'index($0, name) == 1 { print $NF }'; }
positive() { [[ $(metric "$1") =~ ^[0-9.e+]+$ && $(metric "$1") != 0 ]]; }
config_map() { printf '{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "%s"}}\n' "$1"; }
answers() { [[ $(ask "$2" "$3" | tail -n 1) == "$1" ]]; }

stand_make one
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
config_map one | lp apply -f - >/dev/null

# ---- metrics ----
ask admin /metrics | sed '$d' >"$TEST_TMP/metrics"
is "promtool finds nothing to say" "$(promtool check metrics <"$TEST_TMP/metrics" 2>&1)" ""
is "who shows no certificate gets none" "$(ask - /metrics | tail -n 1)" 403
for name in process_resident_memory_bytes process_open_fds process_start_time_seconds process_cpu_seconds_total \
    limpet_store_memory_bytes apiserver_storage_size_bytes limpet_store_revision limpet_disk_free_bytes \
    limpet_store_commit_duration_seconds_count; do
    if positive "$name"; then ok "$name"; else bad "$name" "$(metric "$name")"; fi
done
is "objects are counted" "$(metric 'apiserver_storage_objects{resource="configmaps"}')" 5
started=$(metric process_start_time_seconds)
within 60 "it says when it was started" test "$(($(date +%s) - ${started%.*}))" -lt 120
resident=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$(gw_pid)/status")
said=$(metric process_resident_memory_bytes)
if ((said > resident / 2 && said < resident * 2)); then ok "its memory is what the kernel says"; else
    bad "its memory is what the kernel says" "$said, not $resident"
fi

# ---- the audit trail ----
told() { grep -F '"resource":"configmaps"' "$GW/state/audit.log" | jq -r "select(.objectRef.name == \"$1\") | $2"; }
config_map two >"$TEST_TMP/two.yaml"
as_admin mosquitto_rr -t limpet/v1/users/admin/apply -e limpet/v1/users/admin/reply \
    -m "$(cat "$TEST_TMP/two.yaml")" >/dev/null 2>&1
within 20 "a write of limpet is in it" matches '^[0-9a-f-]{36}$' told one .auditID
is "who, and from where" "$(told one '.user.username + " " + .sourceIPs[0]' | head -n 1)" "admin 127.0.0.1"
within 20 "a write over MQTT is in it" matches "^mqtt$" told two .userAgent

# ---- health ----
poll 30 answers 200 - /readyz || bad "it gets ready" "$(ask - '/readyz?verbose')"
for path in /healthz /livez /readyz; do
    is "$path" "$(ask - $path | head -n 1)" ok
done
has "what it looks at is listed" "$(ask - '/readyz?verbose')" '^\[\+\]store-writes ok$'
gw_stop
sed -i "s|^busPort:.*|&\nbrokerProgram: /bin/false|" "$GW/config.yaml"
gw_start
poll 60 answers 200 - /livez || bad "without a broker it is alive" "$(ask - '/livez?verbose')"
poll 30 answers 500 - /readyz || bad "without a broker it is not ready" "$(ask - '/readyz?verbose')"
has "it says that it is the broker" "$(ask - /readyz)" '^\[-\]broker failed: reason withheld$'
is "but for that it is ready" "$(ask - '/readyz?exclude=broker&exclude=bus' | head -n 1)" ok
conclude
