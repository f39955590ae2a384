# shellcheck shell=bash
# limpetd join: a token that is not one (any more) ends it; a gateway that cannot be reached is waited for, for a
# while, with the reason shown. Sourced by run.sh.

# joins NODE WORDS...: its output and exit code in OUT and CODE, the seconds it took in TOOK.
joins() {
    local start=$SECONDS
    OUT=$(ld_in "$1" timeout 60 "$LIMPET_BUILD/limpetd" --config "$STAND/$1/config.yaml" join "${@:2}" 2>&1)
    CODE=$?
    TOOK=$((SECONDS - start))
}
refused() {
    is "$1: exit code 1" "$CODE" 1
    has "$1: it says why" "$OUT" "$2"
    is "$1: within 15 s" "$((TOOK <= 15))" 1
}

joining() {
    local token id zeros
    stand_make joins
    stand_settle_gateway
    gw_start
    poll 20 lp get namespaces || stand_fail "the gateway does not answer"
    node_make a
    node_make b

    token=$(lp token create)
    id=$(cut -d. -f2 <<<"$token")
    zeros=$(printf '%064d' 0)
    joins a "limpet1.$id.$zeros.$(cut -d. -f4 <<<"$token")"
    refused "a token with a wrong secret" 'the token is wrong, was deleted, or has expired'
    lp delete "secret/bootstrap-token-$id" -n kube-system >/dev/null
    joins a "$token"
    refused "a deleted token" 'the token is wrong, was deleted, or has expired'

    token=$(lp token create)
    joins a "$token" # made this very moment
    is "a good token: exit code 0" "$CODE" 0
    has "a good token: it says who it is" "$OUT" '^enrolled as a\.[0-9a-f]{8}$'
    joins b "$token"
    refused "a token that another node has used" 'used by another node'

    controller_kill
    joins b --timeout 6s "$token"
    is "a dead controller: exit code 1" "$CODE" 1
    has "a dead controller: it says what it waits for" "$OUT" 'the gateway does not answer; trying again'
    broker_kill
    joins b "$token" --timeout 3s
    is "no gateway: exit code 1" "$CODE" 1
    has "no gateway: it says why at once" "$OUT" 'Connection refused; trying again'
    has "no gateway: it says that it has given up" "$OUT" 'given up after 3 s: .*Connection refused'
    is "no gateway: it tries as long as it was told" "$((TOOK >= 2 && TOOK <= 10))" 1
}
