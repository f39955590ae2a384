# kill -9 of the agent (the driver) and of keepers. Sourced by run.sh.

pod keep1 <<X
restart always
container a
$(common k1.log 'echo up; while :; do echo tick; sleep 0.2; done')
X
pod keep2 <<X
restart always
backoff 200 400 0
container a
$(common k2.log 'echo up; sleep 300')
container b
$(common k3.log 'echo up; sleep 300')
X
go keep1; await 'keep1 running.* a started'
go keep2; await 'keep2 running.* a started.*b started'
pid1=$(pid_of keep1 a) pid2=$(pid_of keep2 a) keeper1=$(keeper_of keep1) keeper2=$(keeper_of keep2)

# The keeper's program cannot be overwritten through /proc/<pid>/exe, and the keeper is in no session of ours.
chmod 755 "/proc/$keeper1/exe" 2>"$T/exe"
has "the keeper's program cannot be written" "$(cat "$T/exe")" 'Read-only file system|Operation not permitted'
has "the keeper ignores no signal: it has none to take from its containers" "$(cat "/proc/$keeper1/status")" '^SigIgn:.0000000000000000$'
is "the keeper has a session of its own" "$(cut -d' ' -f6 "/proc/$keeper1/stat")" "$keeper1"
hasnt "the keeper is not in the agent's control group" "$(cat "/proc/$keeper1/cgroup")" ":memory:$(sed -n 's/.*:memory://p' /proc/self/cgroup | head -n 1)\$"
has "the keeper is in the keepers' group" "$(cat "/proc/$keeper1/cgroup")" "/$GROUP/keepers\$"

kill -9 "$driver_pid"; wait "$driver_pid" 2>/dev/null; exec 3>&-
before=$(output k1.log | grep -c tick)
more_ticks() { [ "$(output k1.log | grep -c tick)" -gt "$before" ]; }
soon more_ticks; is "containers are logged without the agent" $? 0
is "and live on" "$(alive "$pid1" && alive "$pid2" && echo alive)" "alive"
kill -9 "$pid2"
started_again() { printed k2.log.previous up && printed k2.log up; }
soon started_again; is "and are started again" $? 0

# A pod whose keeper dies while no agent runs, and a group that nobody owns.
pod orphan <<X
container a
$(common o.log 'sleep 300')
X
began=$(now)
driver_start
await '^report keep1 running'; in_time "the new agent adopts within 2 s" "$began" "$(came_at '^report keep1 running')" 2000
await '^report keep2 running.* a started restarts=1'; is "and sees what happened meanwhile" $? 0
await '^settled'
is "and has settled when all have reported" "$(new_output | grep -E '^(report|settled)' | cut -d' ' -f1,2 | sort -u | tr '\n' ' ')$(new_output | grep -E '^(report|settled)' | tail -n 1)" "report keep1 report keep2 settled settled"
is "the same process" "$(pid_of keep1 a)" "$pid1"
is "the same keeper" "$(keeper_of keep1)" "$keeper1"
"$DRIVER" "$KEEPER" "$T/run" "$GROUP" </dev/null >"$T/second" 2>&1
has "two agents do not share a run folder" "$(cat "$T/second")" 'another limpetd'

go orphan; await 'orphan running.* a started'
opid=$(pid_of orphan a)
kill -9 "$driver_pid"; wait "$driver_pid" 2>/dev/null; exec 3>&-
kill -9 "$(keeper_of orphan)"
dead() { ! alive "$1"; }
soon dead "$opid"; is "a keeper's death ends its containers, agent or not" $? 0
driver_start
is "what a dead keeper left is swept at the start" "$(groups_left | grep podorphan)$(ls "$T/run" | grep orphan)" ""
await '^settled'
hasnt "and is not reported" "$(new_output)" '^report orphan'

# With the agent there: gone within 2 s, nothing left, and at once started anew.
pid=$(pid_of keep2 a) pidb=$(pid_of keep2 b)
lines=$(wc -l <"$T/out")
began=$(now)
kill -9 "$(keeper_of keep2)"
await '^gone keep2 died'; in_time "the agent is told within 2 s" "$began" "$(came_at '^gone keep2 died')" 2000
is "its containers are dead" "$(alive "$pid" || alive "$pidb" || echo dead)" "dead"
is "nothing of it is left" "$(groups_left | grep podkeep2)$(ls "$T/run" | grep keep2)" ""
go keep2; await 'keep2 running.* a started.*b started'; is "it starts anew" $? 0
nothing_stale() { ! ls "$T/state/keep2" | grep -q stale; }
soon nothing_stale
is "the dead one's writable layers are removed" "$(ls "$T/state/keep2" | grep stale)" ""

# A keeper that is stopped, as one is that waits for its disk: the others do not wait long, and its pod runs on.
keeper2=$(keeper_of keep2) pid=$(pid_of keep2 a)
kill -STOP "$keeper2"
kill -9 "$driver_pid"; wait "$driver_pid" 2>/dev/null; exec 3>&-
driver_start
await '^report keep1 running'; is "a stopped keeper keeps no other from being adopted" $? 0
await '^settled'; is "nor the agent from going on" $? 0
has "it is told" "$(new_output)" '^silent keep2 test/pod'
sleep 3
is "it is not killed, and neither is its pod" "$(alive "$keeper2" && alive "$pid" && echo alive)" "alive"
kill -CONT "$keeper2"
await '^report keep2 running'; is "when it goes on it is adopted" $? 0
is "with the same process" "$(pid_of keep2 a)" "$pid"
gone keep2

# SIGTERM to a keeper: the machine goes down.
pod down <<X
grace 5
restart always
container a
$(common down.log 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.1; done')
X
go down; soon printed down.log up
kill -TERM "$(keeper_of down)"
await '^gone down'
has "SIGTERM ends a pod in order" "$(output down.log)" '^bye$'
gone keep1
