# shellcheck shell=bash
# Sourced by run.sh.

att() { ld a attach "$@"; }

attach_pods() {
    put talk <<'END'
apiVersion: v1
kind: Pod
metadata: {name: talk}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: once
    image: busybox:latest
    stdin: true
    stdinOnce: true
    command: [sh, -c, "while read -r line; do echo got $line; done; echo through; sleep 100000"]
  - name: open
    image: busybox:latest
    stdin: true
    command: [sh, -c, "while read -r line; do echo got $line; [ $line = end ] && exit 3; done; echo closed; sleep 100000"]
  - name: term
    image: busybox:latest
    stdin: true
    tty: true
    command: [sh]
  - name: chatty
    image: busybox:latest
    command: [sh, -c, "i=0; while :; do i=$((i + 1)); echo line $i; printf 'prompt> '; sleep 0.2; done"]
  - name: flood
    image: busybox:latest
    command: [sh, -c, "sleep 2; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done | dd bs=64k 2>/dev/null"]
END
    within 30 "attach: the pod runs" matches 'talk-a +5/5 +Running' ld a ps
}

attach_output() {
    local out
    out=$(timeout 3 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach talk-a -c chatty)
    has "attach: what it writes from now on" "$out" '^(prompt> )?line [0-9]+$'
    has "attach: parts of lines too" "$out" 'prompt> $'
    within 5 "attach: who leaves does not end it" matches 'talk-a +5/5 +Running' ld a ps
}

attach_stdin() {
    local out
    out=$(printf 'one\n' | timeout 2 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach -i talk-a -c open)
    has "attach: stdin reaches it" "$out" '^got one$'
    hasnt "attach: and stays open when one leaves" "$out" closed
    out=$(printf 'two\n' | timeout 2 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach -i talk-a -c open)
    has "attach: for the next one too" "$out" '^got two$'
    out=$(printf 'one\ntwo\n' | timeout 3 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach -i talk-a -c once)
    has "attach: stdinOnce: all of it comes, then the end" "$(tr '\n' ' ' <<<"$out")" 'got one got two through'
    out=$(printf 'late\n' | timeout 2 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach -i talk-a -c once)
    hasnt "attach: stdinOnce: nothing after it" "$out" late
    out=$(printf 'end\n' | timeout 10 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach -i talk-a -c open)
    is "attach: it ends when the container does" "$? $out" "0 got end"
}

attach_terminal() {
    local out
    out=$(TYPED='echo $((6 * 7))\n|stty size\n' term $((3 * ${PATIENCE:-1})) attach -it talk-a -c term)
    has "attach: a terminal: the shell answers" "$out" '^42'
    has "attach: a terminal: as large as ours" "$out" '^33 101'
    within 5 "attach: a terminal: its log has it" matches '^42' ld a logs talk-a -c term
    out=$(TYPED='echo still $((40 + 3))\n' term $((3 * ${PATIENCE:-1})) attach -it talk-a -c term)
    has "attach: a terminal: it is still the same shell" "$out" '^still 43'
}

attach_bounds() {
    local i out
    out=$(
        for i in $(seq 9); do timeout $((5 * ${PATIENCE:-1})) "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach talk-a -c chatty 2>&1 >/dev/null & done
        wait
    )
    has "attach: so many at once and no more" "$out" 'too many are attached'
    # One that does not read: the service goes on, and it is told.
    (
        timeout 20 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" attach talk-a -c flood 2>"$TEST_TMP/slow" |
            (sleep 4; cat >/dev/null)
    ) &
    within 15 "attach: who is too slow for a service is cut off" grep -q 'too slow' "$TEST_TMP/slow"
    wait $!
}
