#!/usr/bin/env bash
# timeout: 300
# What it costs the gateway to find out who asks: gets, writes and lists of pods one by one on a connection that stays, by
# a client certificate, a token of the token file and a ServiceAccount's token. After it: the making of pods.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
load_stand
need_programs jq kubectl openssl
machine
STANDS=()
stand_make credentials
stand_settle_gateway
TOKEN=$(openssl rand -hex 16)
printf '%s,fritz,1,"system:masters"\n' "$TOKEN" >"$GW/tokens.csv"
chmod 600 "$GW/tokens.csv"
echo "tokenFile: $GW/tokens.csv" >>"$GW/config.yaml"
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"

# credentials NAME TOKEN: a folder for bench-api.
credentials() {
    mkdir -p "$TEST_TMP/$1"
    cp "$GW/state/trust/ca.crt" "$TEST_TMP/$1/"
    printf '%s' "$2" >"$TEST_TMP/$1/token"
}
kc create serviceaccount robot >/dev/null
kc create clusterrolebinding robot --clusterrole=cluster-admin --serviceaccount=default:robot >/dev/null
credentials account "$(kc create token robot 2>/dev/null ||
    kc create --raw /api/v1/namespaces/default/serviceaccounts/robot/token -f - <<<'{"spec":{}}' | jq -r .status.token)"
credentials file "$TOKEN"
ln -s "$GW/state/trust" "$TEST_TMP/cert"

# load WHO VERB COUNT: its microseconds go to $TEST_TMP/us.
load() { "$LIMPET_BUILD/bench-api" "$TEST_TMP/$1" "$API_PORT" "$2" "$3" 1 | sed -n 's/^us //p' >"$TEST_TMP/us"; }
ms() { calc "$(percentile "$1" "$TEST_TMP/us") / 1000" %.3f; }
load cert nodes 10
load cert create 200
figure "create of a pod, one by one, p50" "$(ms 50)" ms
figure "create of a pod, one by one, p99" "$(ms 99)" ms
for verb in get patch list; do
    for who in cert file account; do
        case $verb in
        get) load $who get 200 ;;
        patch) load $who patch 200 ;;
        list) load $who list 100 ;;
        esac
        figure "$verb by $who, p50" "$(ms 50)" ms
        figure "$verb by $who, p99" "$(ms 99)" ms
    done
done
stand_down_all || exit 1
trap - EXIT
