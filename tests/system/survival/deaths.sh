# shellcheck shell=bash
# kill -9 of each part, and a reboot with nobody there. Sourced by run.sh.

# status_right NODE POD: the gateway tells of the pod what the node knows, restarts included.
status_right() {
    local there here
    here=$(local_pod "$1" "$2" '[.status.phase, .status.podIP, .status.containerStatuses[0].restartCount,
        .status.containerStatuses[0].state.running.startedAt]') || return 1
    there=$(lp get pod "$2" -o json | jq -c '[.status.phase, .status.podIP, .status.containerStatuses[0].restartCount,
        .status.containerStatuses[0].state.running.startedAt]')
    [[ -n $there && $(jq -c . <<<"$here") == "$there" ]]
}
node_ready() { matches "^$1 +Ready" lp get nodes; }

# after_return WHAT SINCE: whoever was away comes back at SINCE or later; from when the broker accepts connections, all
# is right within 5 s, and nothing was started anew.
after_return() {
    poll 30 broker_answers || bad "$1: the broker accepts connections again"
    poll 60 all_right || bad "$1: status gets right" "$(all_right 2>&1)"
    in_time "$1: status is right within 5 s of the broker's return" "$(accepts_us "$2")" \
        "$(shown_us "node a" "pod web" "pod flaky")" 5
    is "$1: nothing was restarted" "$(fingerprint a web)" "$BEFORE"
    is "$1: nothing is doubled" "$(keepers a web | wc -l)" 1
}
all_right() { node_ready a && status_right a web && status_right a flaky; }

# crash POD WHAT: kills its container behind everybody's back; it must come back by itself.
crash() {
    local count pid
    count=$(local_pod a "$1" '.status.containerStatuses[0].restartCount')
    pid=$(main_pid a "$1")
    kill -9 "$pid"
    within 20 "$2: a crashed container is started again" has_new_main "$1" "$pid"
    if alive "$(node_pid a)"; then
        within 20 "$2: and counted" restarted "$1" "$count"
    fi
}
restarted() { runs_on a "$1" && [[ $(local_pod a "$1" '.status.containerStatuses[0].restartCount') -gt $2 ]]; }
has_new_main() {
    local pid
    pid=$(main_pid a "$1")
    alive "$pid" && [[ $pid != "$2" ]]
}

deaths() {
    local since count
    pod web | jq '.spec.nodeName = "a"' | apply >/dev/null
    # Restarted at once each time: it has run for longer than the backoff by then, or this is its first death.
    pod flaky | jq '.spec.nodeName = "a"' | apply >/dev/null
    within 15 "the pods run" running web
    within 15 "both of them" running flaky
    BEFORE=$(fingerprint a web)
    recorder_start

    since=$(now_us)
    broker_kill
    after_return "broker killed" "$since" # the controller starts it again

    controller_kill
    is "controller killed: the broker goes on" "$(broker_answers && echo yes)" yes
    crash flaky "controller killed"
    since=$(now_us)
    gw_start
    after_return "controller killed" "$since"

    node_kill a
    sleep 0.5
    is "agent killed: the pod runs" "$(fingerprint a web)" "$BEFORE"
    told_alone
    since=$(now_us)
    node_start a
    poll 30 said_us "$STAND/a/agent.log" "$since" 'agent ready pods=2$' # every keeper has reported
    in_time "agent killed: it has its pods back within 2 s" "$since" \
        "$(said_us "$STAND/a/agent.log" "$since" 'agent ready pods=2$')" 2
    after_return "agent killed" "$since"

    upgraded
    out_of_memory

    gw_kill
    node_kill a
    sleep 0.5
    is "all killed: the pod runs" "$(fingerprint a web)" "$BEFORE"
    within 10 "all killed: the node that lives says what keeps it from its bus now" \
        matches 'no connection to the bus.*Connection refused' cat "$STAND/b/agent.log"
    count=$(local_pod a flaky '.status.containerStatuses[0].restartCount')
    kill -9 "$(main_pid a flaky)"
    sleep 0.5
    node_start a
    within 60 "all killed: a crashed container is started again" restarted flaky "$count"
    since=$(now_us)
    gw_start
    after_return "all killed" "$since"
    has "all killed: a change is taken as before" "$(pod more | apply 2>&1)" created
    within 15 "all killed: and runs" running more
    lp delete pod/more >/dev/null 2>&1
}

# told_alone: what limpetd says of pods while no agent runs is what they do, not what the agent saw last.
told_alone() {
    local count
    count=$(local_pod a flaky '.status.containerStatuses[0].restartCount')
    kill -9 "$(main_pid a flaky)"
    within 20 "agent killed: a restart meanwhile is told" restarted flaky "$count"
    is "agent killed: limpetd says once that it is not there" "$(ld a ps 2>&1 >/dev/null | grep -c 'agent is not running')" 1
    has "agent killed: limpetd why" "$(ld a why web)" '^it runs$'
    has "agent killed: limpetd logs" "$(ld a logs web)" started
    kill -9 "$(keepers a flaky)"
    within 5 "agent killed: a pod whose keeper died is not told as running" matches 'flaky +0/1 +KeeperDied' ld a ps
    has "agent killed: and why says so" "$(ld a why flaky)" 'its keeper died'
    is "agent killed: nobody was disturbed" "$(fingerprint a web)" "$BEFORE"
}

# ready_again WHAT SINCE: an agent that begins at SINCE or later has its pods back in time, as they were.
ready_again() {
    poll 30 said_us "$STAND/a/agent.log" "$2" 'agent ready pods=2$'
    in_time "$1: it has its pods back within 2 s" "$2" "$(said_us "$STAND/a/agent.log" "$2" 'agent ready pods=2$')" 2
    is "$1: nothing was restarted" "$(fingerprint a web)" "$BEFORE"
}

# What a package does: other files in the place of all the programs, then a new start. Keepers that run are those of before.
upgraded() {
    local since keeper was program
    keeper=$(keepers a web)
    was=$(stat -Lc %d:%i "/proc/$keeper/exe")
    mkdir "$STAND/new"
    cp "$LIMPET_BUILD"/limpetd "$LIMPET_BUILD"/limpet-{keeper,fetch} "$STAND/new/"
    sed -i "s|^libexecDir: .*|libexecDir: $STAND/new|" "$STAND/a/config.yaml"
    node_stop a
    since=$(now_us)
    daemon "$STAND/a/pid" "$STAND/a/agent.log" a "$STAND/new/limpetd" --config "$STAND/a/config.yaml" run
    ready_again upgraded "$since"
    is "upgraded: by the new program" "$(readlink "/proc/$(node_pid a)/exe")" "$STAND/new/limpetd"
    is "upgraded: the keeper is the one of before" "$(keepers a web) $(stat -Lc %d:%i "/proc/$keeper/exe")" "$keeper $was"
    is "upgraded: which serves the new agent" "$(ld a exec web -- echo inside)" inside
    crash flaky upgraded
    has "upgraded: a new pod" "$(pod more | jq '.spec.nodeName = "a"' | apply 2>&1)" created
    within 15 "upgraded: runs" running more
    lp delete pod/more >/dev/null 2>&1
    within 15 "upgraded: and ends" fails local_pod a more
}

# The kernel kills the agent for its memory, and nothing else: pods and keepers are in groups of their own.
out_of_memory() {
    local since group=/sys/fs/cgroup/memory/limpet-$ID/oom file=memory.limit_in_bytes swap i
    if [[ ! -d /sys/fs/cgroup/memory ]]; then
        group=/sys/fs/cgroup/limpet-$ID/oom file=memory.max
    fi
    if ! mkdir "$group" || ! echo 3000000 >"$group/$file"; then
        bad "out of memory: a group for the agent"
        rmdir "$group"
        return
    fi
    # Nor may it swap instead; of version 1 both are limited together, where the kernel counts them.
    for swap in memory.swap.max:0 memory.memsw.limit_in_bytes:3000000; do
        [[ ! -e $group/${swap%:*} ]] || echo "${swap#*:}" >"$group/${swap%:*}"
    done
    echo "$(node_pid a)" >"$group/cgroup.procs"
    for ((i = 0; i < 12; i++)); do
        jq -n --arg name "big$i" --arg text "$(head -c 60000 /dev/zero | tr '\0' x)" '{apiVersion: "v1", kind: "ConfigMap",
            metadata: {name: $name}, data: ([range(12) | {key: "k\(.)", value: $text}] | from_entries)}' \
            >"$STAND/a/manifests/big$i.json"
    done
    within 20 "out of memory: the kernel kills the agent" fails alive "$(node_pid a)"
    has "out of memory: for that" "$(cat "$group"/memory.{oom_control,events} 2>/dev/null)" '^oom_kill [1-9]'
    is "out of memory: pods run" "$(fingerprint a web)" "$BEFORE"
    rm "$STAND"/a/manifests/big*
    node_kill a # if it lives
    poll 10 rmdir "$group" || bad "out of memory: its group goes"
    since=$(now_us)
    node_start a
    ready_again "out of memory" "$since"
}

# A reboot while the gateway is down. Also twice at once: the power comes back and goes again.
reboot_alone() {
    local uid since
    uid=$(local_pod a web .metadata.uid)
    gw_kill
    node_reboot a
    within 20 "reboot, gateway down: the pod runs" runs_on a web
    within 20 "reboot, gateway down: the other too" runs_on a flaky
    is "reboot: the same pod" "$(local_pod a web .metadata.uid)" "$uid"
    node_reboot a
    within 20 "rebooted again: it runs" runs_on a web
    within 20 "rebooted again: the other too" runs_on a flaky
    crash flaky "reboot, gateway down"
    BEFORE=$(fingerprint a web)
    since=$(now_us)
    gw_start
    after_return "reboot" "$since"
    has "reboot: logs are there" "$(lp logs web 2>&1)" started
}

# A disk that lost all but the identity: retained messages alone bring everything back.
wiped() {
    local since
    controller_kill
    node_stop a
    ld a teardown >/dev/null 2>&1
    find "$STAND/a/state" -mindepth 1 -maxdepth 1 ! -name identity ! -name images -exec rm -rf {} +
    find "$STAND/a/run" -mindepth 1 -delete
    node_start a
    within 20 "wiped node, controller dead: the pod runs from retained messages" runs_on a web
    within 20 "wiped node, controller dead: the other too" runs_on a flaky
    BEFORE=$(fingerprint a web)
    since=$(now_us)
    gw_start
    after_return "wiped node" "$since"
}
