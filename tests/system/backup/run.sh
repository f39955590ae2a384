#!/usr/bin/env bash
# timeout: 240
# A gateway is backed up while it is written to, lost with its card, and brought back elsewhere: its node goes on
# with its pods, with those too that the backup does not know, until that is settled. Bad backups touch nothing.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
for program in jq curl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

FILE=$TEST_TMP/gateway.backup
printf 'correct horse battery\n' >"$TEST_TMP/passphrase"
printf 'another one altogether\n' >"$TEST_TMP/wrong"

backup() { lp backup "$1" --passphrase-file "$TEST_TMP/passphrase" 2>&1; }
restore() { lp restore "$@" --config "$GW/config.yaml" 2>&1; }
config_map() { jq -n --arg name "$1" '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: $name}, data: {a: "1"}}'; }

# What is written while a backup is made is in it whole or not at all; writing goes on.
while_written_to() {
    local writer count=0
    config_map before | apply >/dev/null
    (while :; do config_map "during-$((count++))" | apply >/dev/null 2>&1 || break; done) &
    writer=$!
    for _ in 1 2 3; do
        has "a backup is made while the gateway is written to" "$(backup "$FILE")" "^Backup of [0-9]+ KiB"
    done
    kill "$writer"
    wait "$writer" 2>/dev/null
    is "only its owner may read it" "$(stat -c %a "$FILE")" 600
    is "nothing else is left" "$(ls "$TEST_TMP"/*.part 2>/dev/null)" ""
    hasnt "no key and no object can be read in it" "$(strings "$FILE")" "PRIVATE KEY|ConfigMap|CERTIFICATE"
}

# refused WHAT PATTERN WORDS...: and the state folder is as it was.
refused() {
    local before after text
    before=$(state_sum)
    text=$(restore "${@:3}")
    after=$(state_sum)
    has "$1 is refused" "$text" "$2"
    is "$1 touches nothing" "$after" "$before"
}
state_sum() { find "$GW/state" -type f ! -name controller.lock -exec sha256sum {} + | sort | sha256sum; }

bad_backups() {
    local size bad=$TEST_TMP/bad
    size=$(stat -c %s "$FILE")
    head -c $((size - 1)) "$FILE" >"$bad"
    refused "a backup without its last byte" "cut off" "$bad" --passphrase-file "$TEST_TMP/passphrase"
    head -c 20 "$FILE" >"$bad"
    refused "a header cut short" "not a backup of Limpet" "$bad" --passphrase-file "$TEST_TMP/passphrase"
    cp "$FILE" "$bad"
    printf '\x5a\xa5' | dd of="$bad" bs=1 seek=$((size / 2)) conv=notrunc status=none
    refused "an altered backup" "damaged" "$bad" --passphrase-file "$TEST_TMP/passphrase"
    cp "$FILE" "$bad"
    printf '\x00\x02' | dd of="$bad" bs=1 seek=8 conv=notrunc status=none
    refused "a backup of a newer version" "newer Limpet" "$bad" --passphrase-file "$TEST_TMP/passphrase"
    cp "$TEST_TMP/busybox.tar" "$bad"
    refused "something else" "not a backup of Limpet" "$bad" --passphrase-file "$TEST_TMP/passphrase"
    refused "another passphrase" "passphrase is another one" "$FILE" --passphrase-file "$TEST_TMP/wrong"
    refused "a backup that is not there" "No such file" "$TEST_TMP/none" --passphrase-file "$TEST_TMP/passphrase"
    refused "a good one over a gateway that is there" "holds a gateway already" "$FILE" \
        --passphrase-file "$TEST_TMP/passphrase"
}

# A backup of several megabytes whose reader goes away in the middle is given up; the next one is whole.
reader_goes_away() {
    local i
    head -c 700000 /dev/urandom | base64 -w0 >"$TEST_TMP/big"
    for i in 1 2 3 4 5 6 7 8; do
        jq -n --arg name "big-$i" --rawfile text "$TEST_TMP/big" \
            '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: $name}, data: {a: $text}}' >"$TEST_TMP/big.json"
        in_net gw curl -sk --max-time 20 -X POST --cert "$GW/state/trust/admin.crt" --key "$GW/state/trust/admin.key" \
            "https://$HOST:$API_PORT/api/v1/namespaces/default/configmaps" -H 'Content-Type: application/json' \
            -d "@$TEST_TMP/big.json" >/dev/null
    done
    daemon "$STAND/slow.pid" "$STAND/slow.log" gw curl -sk --max-time 100 --limit-rate 20k -X POST \
        --cert "$GW/state/trust/admin.crt" --key "$GW/state/trust/admin.key" \
        "https://$HOST:$API_PORT/apis/limpet.io/v1/backup" -o "$TEST_TMP/slow" \
        -d "{\"rounds\":600000,\"salt\":\"$(printf %032d 0)\",\"key\":\"$(printf %064d 0)\"}"
    within 10 "a reader that is slow gets its first bytes" test -s "$TEST_TMP/slow"
    has "there is one backup at a time" "$(backup "$FILE.other")" "another backup is being made"
    is "nothing is left of the one that was refused" "$(ls "$FILE".other* 2>/dev/null)" ""
    is "the gateway answers others meanwhile" "$(lp get configmap before -o json | jq -r .data.a)" 1
    end_pid "$(cat "$STAND/slow.pid")" TERM
    within 20 "after it has gone the next one is made" made
    has "and holds it all" "$(stat -c %s "$FILE")" "^[0-9]{7,}$"
}
made() { lp backup "$FILE" --passphrase-file "$TEST_TMP/passphrase"; }

# A disk that is too small for the backup: said, and no gateway starts on half of it.
no_room() {
    local state=$GW/state
    mkdir "$STAND/small"
    mount -t tmpfs -o size=1m none "$STAND/small"
    mkdir "$STAND/small/state"
    sed "s|^stateDir: .*|stateDir: $STAND/small/state|" "$GW/config.yaml" >"$STAND/small.yaml"
    has "a disk that is too small is told" "$(lp restore "$FILE" --config "$STAND/small.yaml" \
        --passphrase-file "$TEST_TMP/passphrase" 2>&1)" "not restored: .*(No space left|space)"
    has "and no gateway starts on half a restore" \
        "$(timeout 20 "$LIMPET_BUILD/limpet-controller" --config "$STAND/small.yaml" 2>&1)" "did not come to its end"
    umount "$STAND/small"
    is "what was there is untouched" "$(test -s "$state/store.db" && echo yes)" yes
}

only_for_admins() {
    in_net gw curl -sk -X POST "https://$HOST:$API_PORT/apis/limpet.io/v1/backup" -o "$TEST_TMP/answer" -d '{}'
    is "a stranger gets no backup" "$(jq .code "$TEST_TMP/answer")" 403
}

stand_up main a
pod old | apply >/dev/null
within 30 "a pod runs" running old
only_for_admins
while_written_to
reader_goes_away
old=$(fingerprint a old)
pod late | apply >/dev/null
within 30 "a pod that is made after the backup runs" running late
late=$(fingerprint a late)
generation=$(lp get node a -o json | jq -r .metadata.uid)
has "a gateway that runs is not replaced" "$(restore "$FILE" --force --passphrase-file "$TEST_TMP/passphrase")" "stop it first"
gw_kill
bad_backups
no_room

# The card is lost: a new one, with nothing on it.
mv "$GW/state" "$STAND/lost"
mkdir "$GW/state"
has "the backup is restored" "$(restore "$FILE" --passphrase-file "$TEST_TMP/passphrase")" "^Restored the backup of 2"
gw_start
within 60 "the gateway answers again" lp get namespaces
within 60 "the node is back" matches '^a +Ready' lp get nodes
is "it is the node that it was" "$(lp get node a -o json | jq -r .metadata.uid)" "$generation"
within 10 "what was there at the backup is there" lp get configmap before
within 30 "the pod of the backup is told to run" running old
is "the pod that is made later is not known" "$(lp get pod late 2>&1 | grep -c 'not found')" 1
is "the pod of the backup runs on" "$(fingerprint a old)" "$old"
is "the later one runs on" "$(fingerprint a late)" "$late"
pod new | apply >/dev/null
within 30 "what is new runs" running new
node_kill a
node_start a
within 30 "after a restart of the agent the later one is there" runs_on a late
is "and was not started anew" "$(fingerprint a late)" "$late"

is "what nodes keep is told" "$(lp restore --kept 2>&1)" "default/late on a"
has "it is settled" "$(lp restore --settle 2>&1)" "^Settled"
within 30 "what the gateway does not know goes" fails runs_on a late
is "what it knows runs on" "$(fingerprint a old)" "$old"
has "there is nothing more to settle" "$(lp restore --settle 2>&1)" "nothing to settle"

# Once more over what is there.
gw_kill
has "with --force what is there is moved aside" "$(restore "$FILE" --force --passphrase-file "$TEST_TMP/passphrase")" "What was there is in"
is "and is still there" "$(find "$GW/state" -path '*/before-*/store.db' | wc -l)" 1
gw_start
within 60 "the gateway answers once more" lp get namespaces
within 30 "its pod runs" running old
is "and was never started anew" "$(fingerprint a old)" "$old"
conclude
