# shellcheck shell=bash
# The words and options of the verbs. Sourced by run.sh.

# code WANTED WORDS...: limpetd's exit code, with no configuration.
code() {
    "$LIMPET_BUILD/limpetd" --config "$TEST_TMP/empty.yaml" "${@:2}" >"$TEST_TMP/out" 2>"$TEST_TMP/err" </dev/null
    is "limpetd ${*:2}: exit code $1" "$?" "$1"
}

words() {
    local verb
    echo 'node: x' >"$TEST_TMP/empty.yaml"
    for verb in run join ps why logs exec attach image teardown; do
        code 0 "$verb" --help
        has "limpetd $verb --help says how it is used" "$(cat "$TEST_TMP/out")" "^Usage: limpetd $verb"
        is "limpetd $verb --help complains of nothing" "$(cat "$TEST_TMP/err")" ""
    done
    code 0 logs web -h
    has "an option is explained" "$(cat "$TEST_TMP/out")" '--tail LINES +only the last lines'
    code 2 logs
    has "wrong usage says how it is used" "$(cat "$TEST_TMP/err")" '^Usage: limpetd logs'
    code 2 ps --nonsense
    has "an unknown option is named" "$(cat "$TEST_TMP/err")" 'unknown option --nonsense'
    code 2 ps -o yaml
    code 2 exec web
    code 2 attach
    code 2 image load
    code 2 ps too many
}

# shellcheck disable=SC2016
logs() {
    pod talker 'for i in 1 2 3; do echo line $i; done; [ -f /tmp/again ] && exec sleep 1000; touch /tmp/again; sleep 1' |
        jq '.spec.containers[0].imagePullPolicy = "Never" | .spec.containers += [{name: "other", image: "busybox:latest",
            imagePullPolicy: "Never", command: ["sh", "-c", "echo other; exec sleep 1000"]}] |
            .spec.volumes = [{name: "t", emptyDir: {}}] | .spec.containers[0].volumeMounts = [{name: "t", mountPath: "/tmp"}]' \
            >"$STAND/a/manifests/talker.yaml"
    within 20 "a pod of two containers runs" runs_on a talker-a
    within 20 "one of them is started again" matches '^1$' local_pod a talker-a '.status.containerStatuses[0].restartCount'
    within 5 "logs: an option behind the words" equals 'line 3' ld a logs talker-a main --tail 1
    within 5 "logs: an option between the words" equals $'line 2\nline 3' ld a logs talker-a --tail=2 main
    within 5 "logs: the container as an option" equals other ld a logs -c other talker-a
    within 5 "logs: what it wrote before its restart" equals 'line 3' ld a logs -p talker-a main --tail 1
    has "logs: with several containers one must be named" "$(ld a logs talker-a 2>&1)" 'name one of the containers: main other'
}

# completed WORDS...: what bash offers for the last of them, in one line.
completed() {
    bash -c '. "$1"; COMP_WORDS=("${@:2}"); COMP_CWORD=$(($# - 2)); _limpetd; echo "${COMPREPLY[*]}"' - \
        "$LIMPET_SRC/agent/limpetd/limpetd.bash" "$LIMPET_BUILD/limpetd" "$@"
}
completion() {
    has "completion: the verbs" "$(completed '')" '^run join ps why logs exec attach image teardown$'
    is "completion: one of them" "$(completed te)" teardown
    is "completion: its options" "$(completed logs --t)" "--tail --timestamps"
    is "completion: behind an option of the program" "$(completed --config "$STAND/a/config.yaml" wh)" why
    is "completion: the program's own" "$(completed --l)" --log-level
    is "completion: what an option can be" "$(completed ps -o '')" json
    is "completion: of image" "$(completed image p)" "pull prune"
    has "completion: pods" "$(completed --config "$STAND/a/config.yaml" logs zeb)" "^zebra-a$"
    has "completion: with their namespace" "$(completed --config "$STAND/a/config.yaml" why default/zeb)" "^default/zebra-a$"
}
