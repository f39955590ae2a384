# shellcheck shell=bash
# Pods that stand still. Sourced by run.sh.

ticks() { ld a logs "$1" | tail -n 1; }
# moves POD: it writes on.
moves() {
    local before
    before=$(ticks "$1")
    sleep 0.5
    [[ $(ticks "$1") != "$before" ]]
}
reason() { lp get pod "$1" -o json | jq -r '.status.reason // ""'; }

pauses() {
    local before
    gw_start
    poll 60 lp get namespaces || stand_fail "the gateway does not answer"
    pod clock 'trap "exit 0" TERM; i=0; while :; do i=$((i + 1)); echo $i; usleep 100000; done' | apply >/dev/null
    within 20 "pause: the pod runs" running clock
    before=$(fingerprint a clock)
    is "pause: said by limpet" "$(lp pause pod/clock)" "pod/clock paused"
    within 10 "pause: the status says so" equals Paused reason clock
    is "pause: it is not ready" "$(lp get pod clock -o json | jq -r '.status.conditions[] | select(.type == "Ready") | .status + " " + .reason')" "False Paused"
    is "pause: it stands still" "$(moves clock && echo moves)" ""
    has "pause: limpetd why" "$(ld a why clock)" 'it is paused'
    has "pause: no program is begun in it" "$(ld a exec clock -- true 2>&1)" 'paused'
    node_kill a
    node_start a
    within 20 "pause: after a restart of the agent it is still known" equals Paused reason clock
    is "pause: and still stands" "$(moves clock && echo moves)" ""
    is "pause: resumed by limpet" "$(lp resume clock)" "pod/clock resumed"
    within 10 "pause: it goes on" moves clock
    within 10 "pause: and is ready" running clock
    is "pause: nothing was started anew" "$(fingerprint a clock)" "$before"
    lp pause clock >/dev/null
    within 10 "pause: once more" equals Paused reason clock
    lp delete pod/clock --wait=false >/dev/null
    within 15 "pause: one that is deleted ends" gone clock
    within 10 "pause: in order: nothing of it is left" fails local_pod a clock
}
