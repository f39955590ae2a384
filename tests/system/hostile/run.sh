#!/usr/bin/env bash
# timeout: 600
# The API under attack: what a client of bad will may send, and how. Each request gets Kubernetes' own answer, the gateway
# stays within its memory, a good client beside is served, and watches go on.
# run.sh [PART...]: only these of the programs beside it.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in python3 jq openssl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

parts=("$@")
[[ $# -gt 0 ]] || parts=(framing targets options bodies patches customs slow floods)

stand_make main
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
first=$(gw_pid)

for part in "${parts[@]}"; do
    echo "---- $part"
    out=$(PYTHONDONTWRITEBYTECODE=1 timeout 200 python3 "$here/$part.py" "$HOST" "$API_PORT" "$GW/state/trust" "$(gw_pid)" 2>&1)
    code=$?
    echo "$out"
    CASES_FAILED=$((CASES_FAILED + $(grep -c '^not ok' <<<"$out")))
    [[ $code -eq 0 ]] || grep -q '^not ok' <<<"$out" || bad "$part ends by itself" "exit code $code"
done

is "the gateway is still the one that was started" "$(gw_pid)" "$first"
is "and serves" "$(lp get namespace default -o json | jq -r .metadata.name)" default
hasnt "its log complains of nothing" "$(cat "$GW/log")" 'level=error|AddressSanitizer|runtime error'
conclude
