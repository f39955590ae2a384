#!/usr/bin/env bash
# timeout: 180
# kill -9 of the gateway at any moment while pods are made and deleted under a quota and certificate requests are approved:
# nothing that was acknowledged is lost, the quota counts what is there, and what is approved gets signed.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq kubectl openssl python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done
KILLS=${STRUCK_KILLS:-12}
QUOTA=20

stand_make one
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
kc create namespace burst >/dev/null
kc create quota q -n burst --hard="pods=$QUOTA,requests.memory=1Gi" >/dev/null
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout "$TEST_TMP/u.key" -subj /CN=u \
    -out "$TEST_TMP/u.csr" 2>/dev/null

python3 "$here/burst.py" "$API_PORT" "$GW/state/trust" "$TEST_TMP/u.csr" "$TEST_TMP/stop" "$QUOTA" >"$TEST_TMP/out" 2>&1 &
burst=$!
for ((i = 0; i < KILLS; i++)); do
    # Anywhere between its first steps and a second of work; what comes of it is looked at, not when.
    sleep "0.$((RANDOM % 900 + 100))"
    controller_kill
    gw_start
    # One kill in three may hit the start.
    ((i % 3 == 0)) || poll 20 lp get namespaces || stand_fail "the gateway does not come back"
done
poll 20 lp get namespaces || stand_fail "the gateway does not come back"
touch "$TEST_TMP/stop"
wait "$burst"
is "after $KILLS kills all holds" "$(sed '$d' "$TEST_TMP/out" | sed '/^$/d')" ""
numbers=$(tail -n 1 "$TEST_TMP/out")
echo "     $numbers"
has "and it was a lot" "$numbers" '^pods [0-9]{2,} deleted [0-9]{2,} requests [0-9]+'
conclude
