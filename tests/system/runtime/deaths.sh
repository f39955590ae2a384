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
sleep 1
is "containers live on without the agent" "$(alive "$pid1" && alive "$pid2" && echo alive)" "alive"
is "and are logged" "$([ "$(output k1.log | grep -c tick)" -gt "$before" ] && echo more)" "more"
kill -9 "$pid2"
sleep 1
hasnt "and are started again" "$(cat /proc/"$pid2"/cmdline 2>/dev/null)" .

# A pod whose keeper dies while no agent runs, and a group that nobody owns.
pod orphan <<X
container a
$(common o.log 'sleep 300')
X
driver_start
await '^report keep1 running' 30; is "the new agent adopts" $? 0
await '^report keep2 running.* a started restarts=1' 30; is "and sees what happened meanwhile" $? 0
await '^settled' 30
is "and has settled when all have reported" "$(new_output | grep -E '^(report|settled)' | cut -d' ' -f1,2 | sort -u | tr '\n' ' ')$(new_output | grep -E '^(report|settled)' | tail -n 1)" "report keep1 report keep2 settled settled"
is "the same process" "$(pid_of keep1 a)" "$pid1"
is "the same keeper" "$(keeper_of keep1)" "$keeper1"
"$DRIVER" "$KEEPER" "$T/run" "$GROUP" </dev/null >"$T/second" 2>&1
has "two agents do not share a run folder" "$(cat "$T/second")" 'another limpetd'

go orphan; await 'orphan running.* a started'
opid=$(pid_of orphan a)
kill -9 "$driver_pid"; wait "$driver_pid" 2>/dev/null; exec 3>&-
kill -9 "$(keeper_of orphan)"
n=20; while alive "$opid" && [ $n -gt 0 ]; do sleep 0.1; n=$((n - 1)); done
is "a keeper's death ends its containers, agent or not" "$([ $n -gt 0 ] && echo ended)" "ended"
driver_start
is "what a dead keeper left is swept at the start" "$(groups_left | grep podorphan)$(ls "$T/run" | grep orphan)" ""
await '^report keep2 running' 30
hasnt "and is not reported" "$(new_output)" '^report orphan'

# With the agent there: gone within 2 s, nothing left, and at once started anew.
pid=$(pid_of keep2 a) pidb=$(pid_of keep2 b)
lines=$(wc -l <"$T/out")
kill -9 "$(keeper_of keep2)"
await '^gone keep2 died' 20; is "the agent is told within 2 s" $? 0
is "its containers are dead" "$(alive "$pid" || alive "$pidb" || echo dead)" "dead"
is "nothing of it is left" "$(groups_left | grep podkeep2)$(ls "$T/run" | grep keep2)" ""
go keep2; await 'keep2 running.* a started.*b started' 30; is "it starts anew" $? 0
n=30; while ls "$T/state/keep2" | grep -q stale && [ $n -gt 0 ]; do sleep 0.1; n=$((n - 1)); done
is "the dead one's writable layers are removed" "$(ls "$T/state/keep2" | grep stale)" ""

# A keeper that is stopped, as one is that waits for its disk: the others do not wait long, and its pod runs on.
keeper2=$(keeper_of keep2) pid=$(pid_of keep2 a)
kill -STOP "$keeper2"
kill -9 "$driver_pid"; wait "$driver_pid" 2>/dev/null; exec 3>&-
driver_start
await '^report keep1 running' 30; is "a stopped keeper keeps no other from being adopted" $? 0
await '^settled' 80; is "nor the agent from going on" $? 0
has "it is told" "$(new_output)" '^silent keep2 test/pod'
sleep 3
is "it is not killed, and neither is its pod" "$(alive "$keeper2" && alive "$pid" && echo alive)" "alive"
kill -CONT "$keeper2"
await '^report keep2 running' 30; is "when it goes on it is adopted" $? 0
is "with the same process" "$(pid_of keep2 a)" "$pid"
gone keep2

# SIGTERM to a keeper: the machine goes down.
pod down <<X
grace 5
restart always
container a
$(common down.log 'trap "echo bye; exit 0" TERM; echo up; while :; do sleep 0.1; done')
X
go down; n=50; until output down.log | grep -q up || [ $n = 0 ]; do sleep 0.1; n=$((n - 1)); done
kill -TERM "$(keeper_of down)"
await '^gone down' 40
has "SIGTERM ends a pod in order" "$(output down.log)" '^bye$'
gone keep1
