# shellcheck shell=bash
# limpetd ps. Sourced by run.sh.

# static NAME [SCRIPT]: a static pod of node a.
static() { pod "$@" | jq '.spec.containers[0].imagePullPolicy = "Never"' >"$STAND/a/manifests/$1.yaml"; }
no_empty_line() { [[ $("${@:2}" | tail -n 1) == "$1" ]]; }

ps_tells() {
    static zebra
    static ant
    pod done 'exit 0' | jq '.spec.restartPolicy = "Never" | .spec.containers[0].imagePullPolicy = "Never"' >"$STAND/a/manifests/done.yaml"
    pod stubborn 'trap "" TERM; while :; do sleep 1; done' |
        jq '.spec.terminationGracePeriodSeconds = 8 | .spec.containers[0].imagePullPolicy = "Never"' >"$STAND/a/manifests/stubborn.yaml"
    within 20 "ps: a pod that has done its work" matches '^default +done-a +0/1 +Completed ' ld a ps
    is "logs of a pod that has ended and wrote nothing: nothing" "$(ld a logs done-a 2>&1; echo "exit code $?")" 'exit code 0'
    has "logs of a container that was never restarted: no earlier one" "$(ld a logs -p done-a 2>&1)" 'previous terminated container .*not found'
    within 20 "ps: pods run" matches 'stubborn-a +1/1 +Running' ld a ps
    within 20 "ps: and the others" matches 'zebra-a +1/1 +Running' ld a ps
    is "ps: sorted by name" "$(ld a ps | awk 'NR > 1 { print $2 }')" "$(ld a ps | awk 'NR > 1 { print $2 }' | LC_ALL=C sort)"
    within 5 "ps -o json ends without an empty line" no_empty_line '}' ld a ps -o json
    within 5 "image ls -o json too" no_empty_line '}' ld a image ls -o json
    rm "$STAND/a/manifests/stubborn.yaml"
    within 5 "ps: a pod that is being stopped, with its containers" matches 'stubborn-a +1/1 +Terminating' ld a ps
    within 20 "ps: and then it is gone" fails local_pod a stubborn-a
}

ps_without_an_agent() {
    printf 'node: x\nrunDir: %s/none\n' "$TEST_TMP" >"$TEST_TMP/never.yaml"
    has "ps: where no agent has ever run, it says so" \
        "$("$LIMPET_BUILD/limpetd" --config "$TEST_TMP/never.yaml" ps 2>&1 >/dev/null)" 'the agent is not running'
    has "why: the same" "$("$LIMPET_BUILD/limpetd" --config "$TEST_TMP/never.yaml" why web 2>&1 >/dev/null)" 'the agent is not running'
}
