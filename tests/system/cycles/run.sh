#!/usr/bin/env bash
# timeout: 300
# Containers that start and end, over and over, in every way they can: 480 of them, 100,000 in the long form. Nothing is
# left of them, and nothing grows: not the agent, not its folders, not what the kernel has of it.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in jq lsns; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

PODS=10 CONTAINERS=8
WARM=3 # rounds until every list, cache and history has its size
ROUNDS=6
[[ -z ${LIMPET_LONG:-} ]] || PODS=50 ROUNDS=250
FIRST=100001              # the number of the first round that counts
LAST_KILL=$((FIRST + 95)) # the agent is killed now and then up to here, and lives on through all that come later
GROWTH_KB=96 # of the agent's own memory, from the warm rounds to the last

# round_of NUMBER: its pods. Of each, five containers run until they are ended, two end at once, one fails; every other
# pod is given no time to end.
round_of() {
    jq -n --arg n "$1" --argjson pods "$PODS" --argjson containers "$CONTAINERS" '
        ["trap \"exit 0\" TERM; sleep 1000 & wait", "true", "exit 3", "true"] as $scripts |
        {apiVersion: "v1", kind: "List", items: [range($pods) as $i | {apiVersion: "v1", kind: "Pod",
            metadata: {name: "c\($n)-\($i)"}, spec: {restartPolicy: "Never",
            terminationGracePeriodSeconds: (if $i % 2 == 0 then 5 else 0 end),
            volumes: [{name: "scratch", emptyDir: {}}, {name: "memory", emptyDir: {medium: "Memory"}}],
            containers: [range($containers) as $j | {name: "m\($j)", image: "busybox:latest",
                imagePullPolicy: "Never",
                volumeMounts: [{name: "scratch", mountPath: "/scratch"}, {name: "memory", mountPath: "/memory"}],
                command: ["sh", "-c", (if $j < 5 then $scripts[0] else $scripts[$j - 4] end)]}]}}]}'
}
# begun: all of the round's have begun, and those that end have ended.
begun() {
    ld a ps -o json | jq -ne --argjson pods "$PODS" --argjson containers "$CONTAINERS" 'input |
        (.items | length) == $pods and all(.items[]; [.status.containerStatuses[] |
            select(.state.running or .state.terminated)] | length == $containers) and
        all(.items[]; [.status.containerStatuses[] | select(.state.terminated)] | length >= $containers - 5)'
}
none() { ld a ps -o json | jq -ne 'input.items == []'; }

# first_of POD: the first process of its first container.
first_of() { main_pid a "$1-a"; }
# strike NUMBER: two of the round's are hit from outside.
strike() {
    kill -9 "$(keepers a "c$1-3-a")" 2>/dev/null
    kill -9 "$(first_of "c$1-4")" 2>/dev/null
    if [[ $(($1 % 10)) == 5 && $1 -le $LAST_KILL ]]; then
        node_kill a
        node_start a
        poll 20 ld a ps || bad "round $1: the agent answers again"
    fi
}
# round NUMBER: false if it does not come to its end.
round() {
    round_of "$1" >"$STAND/new"
    mv "$STAND/new" "$STAND/a/manifests/round.json"
    poll 120 begun || { bad "round $1 begins" "$(ld a ps 2>&1)"; return 1; }
    strike "$1"
    rm "$STAND/a/manifests/round.json"
    poll 120 none || { bad "round $1 ends" "$(ld a ps 2>&1)"; return 1; }
}

# ---- what there is: a line a thing, "NUMBER WHAT" ----
counts() {
    local pid
    pid=$(node_pid a)
    pod_processes a | wc -l | sed 's/$/ processes/'
    find /proc/"$pid"/fd -mindepth 1 | wc -l | sed 's/$/ open files of the agent/'
    find /proc/"$pid"/task -mindepth 1 -maxdepth 1 | wc -l | sed 's/$/ threads of the agent/'
    find /sys/fs/cgroup -type d -path "*/limpet-$ID/*" | wc -l | sed 's/$/ control groups/'
    awk -v d="$STAND/" 'index($5, d) == 1' /proc/self/mountinfo | wc -l | sed 's/$/ mounts/'
    ip -o link show master "l${ID}b1" 2>/dev/null | wc -l | sed 's/$/ links of the bridge/'
    nft list ruleset 2>/dev/null | awk -v t="limpet-l${ID}b" 'index($0, t) { on = 1 } on; /^}/ { on = 0 }' | wc -l |
        sed 's/$/ lines of rules/'
    find "$STAND/a/run" "$STAND/a/state" "$STAND/a/log" -mindepth 1 | wc -l | sed 's/$/ files and folders/'
}
# The bytes of its files; and its own memory, which may grow a little.
kilobytes() { du -sk --apparent-size "$STAND/a/state" "$STAND/a/run" | awk '{ n += $1 } END { print n }'; }
memory() { awk '/^Private_Dirty:/ { print $2 }' "/proc/$(node_pid a)/smaps_rollup"; }
settled() { [[ $(counts) == "$(sleep 0.3; counts)" ]]; }

stand_plain main a
poll 20 none || stand_fail "the agent does not answer"
for ((n = 1; n <= WARM; n++)); do round "$n" || break; done
node_kill a # so that what is compared are lives of the same age
node_start a
for ((n = WARM + 1; n <= 2 * WARM; n++)); do round "$((n * 10))" || break; done
poll 20 settled
before=$(counts) kilobytes=$(kilobytes) memory=$(memory) done_before=0
start=$(now_us)
done=0
for ((n = 1; n <= ROUNDS; n++)); do
    round $((FIRST + n - 1)) || break
    done=$((done + PODS * CONTAINERS))
    # A life of its own begins with each kill: it is compared with what the last of them is once it has seen everything.
    [[ $((FIRST + n - 1)) != $((LAST_KILL + 2 * WARM)) ]] || memory=$(memory) done_before=$done
done
is "all rounds come to their end" "$done" $((ROUNDS * PODS * CONTAINERS))
echo "     $done containers of $((ROUNDS * PODS)) pods in $((($(now_us) - start) / 1000)) ms"
within 20 "nothing is left, nothing is more" equals "$before" counts
within 20 "nor are files longer" equals "$kilobytes" kilobytes
now=$(memory)
if [[ $now -le $((memory + GROWTH_KB)) ]]; then ok "the agent does not grow"; else bad "the agent does not grow"; fi
echo "     $memory KB of its own, $now KB after $((done - done_before)) containers more"
conclude
