# Restarts, stops, what containers of a pod share, logs. Sourced by run.sh.

pod shared <<X
hostname together
container one
$(common s1.log 'for n in net ipc uts pid; do readlink /proc/self/ns/\$n; done; probe ipc make; echo hello >/dev/shm/file; sleep 60')
container two
$(common s2.log 'for n in net ipc uts pid; do readlink /proc/self/ns/\$n; done; until test -e /dev/shm/file; do sleep 0.1; done; probe ipc find; cat /dev/shm/file; ps; sleep 60')
X
go shared
soon printed s2.log 'sleep 60' # the last of what it does
one=$(output s1.log) two=$(output s2.log)
for kind in net ipc uts; do
    is "containers share $kind" "$(echo "$one" | grep "^$kind:")" "$(echo "$two" | grep "^$kind:")"
    hasnt "$kind is not the host's" "$one" "^$(readlink /proc/self/ns/$kind | sed 's/[][]/\\&/g')\$"
done
hasnt "PID namespaces are apart" "$two" "^$(echo "$one" | grep '^pid:' | sed 's/[][]/\\&/g')\$"
has "System V IPC is shared" "$two" '^ipc find ok$'
has "/dev/shm is shared" "$two" '^hello$'
hasnt "another container's processes are not seen" "$two" 'probe ipc make'
say "netns shared"; await '^netns'
has "netns gives the pod's" "$(new_output)" "$(echo "$one" | grep '^net:' | sed 's/[][]/\\&/g')"
say "spawn $T/pods/shared"; await '^error'
has "a pod has one keeper" "$(new_output)" 'has a keeper already'
keeper=$(keeper_of shared)
gone shared

pod first <<X
restart always
backoff 60000 60000 0
container a
$(common first.log 'exit 3')
X
go first; began=$(now); await 'restarts=1 '
in_time "the first restart is at once" "$began" "$(came_at 'restarts=1 ')" 10000
await 'waiting restarts=1 .*backoff='; is "then it backs off" $? 0
began=$(now)
say "stop first 600"; await '^report first ended'
in_time "a pod in backoff ends at once" "$began" "$(came_at '^report first ended')" 10000
gone first

pod again <<X
restart always
backoff 300 1000 0
container a
$(common again.log 'echo attempt; exit 3')
X
go again; await 'restarts=3 '; is "and starts again" $? 0
has "with the last exit" "$(newest again)" 'last=3/0/Error'
say "stop again 600"; await '^report again ended'
gone again
is "an attempt has a log of its own" "$(output again.log | grep -c attempt)" 1
is "and so has the one before" "$(output again.log.previous | grep -c attempt)" 1

# Whoever cleans up empty control groups (a service manager, a person) finds those of pods in backoff.
pod regroup1 <<X
restart always
backoff 3000 3000 0
container a
$(common rg1.log 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; exit 3')
limit pids 77
X
pod regroup2 <<X
restart always
backoff 3000 3000 0
pod-memory 67108864
container a
$(common rg2.log 'cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max 2>/dev/null; exit 3')
limit pids 77
container b
$(common rg3.log 'exit 3')
X
groups_of() { find /sys/fs/cgroup -depth -type d -path "*/$GROUP/pod$1*" 2>/dev/null; }
# pod_memory UID: what its group says in each tree
pod_memory() { for g in $(groups_of "$1" | grep "/pod$1\$"); do cat "$g/memory.limit_in_bytes" "$g/memory.max" 2>/dev/null; done; }
# newest_is UID PATTERN [tenths of a second]
newest_is() {
    n=${3:-100}
    until newest "$1" | grep -Eq -- "$2"; do
        n=$((n - 1))
        [ $n -gt 0 ] || return 1
        sleep 0.1
    done
}
for uid in regroup1 regroup2; do
    go "$uid"
    newest_is "$uid" 'a waiting restarts=1 .*backoff='
    [ "$uid" = regroup1 ] || newest_is "$uid" 'b waiting restarts=1 .*backoff='
    limit=$(pod_memory "$uid")
    count=$(groups_of "$uid" | wc -l)
    groups_of "$uid" | while read -r g; do rmdir "$g"; done
    is "$uid: its control groups are removed" "$(groups_of "$uid")" ""
    newest_is "$uid" 'a (started|waiting) restarts=2'
    is "$uid: its container starts again" $? 0
    hasnt "$uid: without a failure" "$(newest "$uid")" 'StartError'
    is "$uid: the groups are there again" "$(groups_of "$uid" | wc -l)" "$count"
    is "$uid: with the limit of the pod" "$(pod_memory "$uid")" "$limit"
    say "stop $uid 0"; await "^report $uid ended" 50
done
is "with the limit of the container" "$(output rg1.log)" 77
is "in a pod of several too" "$(output rg2.log)" 77
gone regroup1
gone regroup2

pod onfail <<X
restart on-failure
backoff 100 100 0
container good
$(common of1.log 'exit 0')
container flaky
$(common of2.log 'test -e /vol/flag && exit 0; touch /vol/flag; exit 1')
bind $T/vol /vol
X
run onfail
has "on-failure: success is final" "$(newest onfail)" 'good terminated restarts=0'
has "on-failure: failure is not" "$(newest onfail)" 'flaky terminated restarts=1 .*last=0'
say "exits $T/state/onfail h1"; await '^exits|^error'
has "exit records" "$(new_output)" '^exits onfail ended .*flaky terminated'
say "exits $T/state/onfail other"; await '^error'
has "exit records of another manifest do not count" "$(new_output)" 'of another manifest'
gone onfail
say "exits $T/state/onfail h1"; await '^exits|^error'
has "exit records stay" "$(new_output)" '^exits onfail ended'

pod graceful <<X
container a
$(common g.log 'trap "echo bye; exit 5" TERM; echo up; while :; do sleep 0.1; done')
X
go graceful; soon printed g.log up
say "stop graceful 600"; await '^report graceful ended'
has "TERM is heard" "$(newest graceful)" 'last=5/0/Error'
has "and the last words are logged" "$(output g.log)" '^bye$'
say "exits $T/state/graceful h1"; await '^exits|^error'
has "a stopped pod has no exit record" "$(new_output)" '^error'
gone graceful

pod stubborn <<X
container a
$(common st.log 'trap "" TERM; echo up; while :; do sleep 0.1; done')
X
go stubborn; soon printed st.log up
say "stop stubborn 600"; await 'stubborn stopping'
say "stop stubborn 1"; await '^report stubborn ended'
is "a shorter grace counts; KILL follows TERM" $? 0
has "killed" "$(newest stubborn)" 'last=137/9/Error'
gone stubborn

pod stopsig <<X
container a
$(common ss.log 'trap "exit 9" INT; echo up; while :; do sleep 0.1; done')
stop-signal 2
X
go stopsig; soon printed ss.log up
say "stop stopsig 600"; await '^report stopsig ended'
has "the image's stop signal" "$(newest stopsig)" 'last=9/0'
gone stopsig

pod unused <<X
container a
$(common un.log 'echo never')
X
say "spawn $T/pods/unused"; await 'unused sandbox'
say "stop unused 0"; await 'unused ended'; is "a sandbox ends without having run" $? 0
gone unused
is "and nothing ran" "$(output un.log)" ""

pod logs <<X
container a
layer $T/layer
env PATH=/bin
log $T/log/rot.log 20000 3
arg sh
arg -c
arg echo first; echo second >&2; i=0; while [ \$i -lt 3000 ]; do echo "line \$i of a log that turns"; i=\$((i + 1)); done; echo -n unfinished
X
run logs
is "rotation: three files" "$(ls "$T/log" | grep -c '^rot.log')" "3"
big=$(find "$T/log" -name 'rot.log*' -size +21k)
is "none is larger than it may be" "$big" ""
has "the end is in the newest" "$(tail -n 2 "$T/log/rot.log")" ' stdout P unfinished'
has "an open line is closed" "$(tail -n 1 "$T/log/rot.log")" ' stdout F $'
hasnt "every line has its form" "$(cat "$T"/log/rot.log* | grep -Ev '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{9}Z std(out|err) [FP] ')" .
# Pieces (P) belong to the line that the next F ends.
joined() { awk '{ full = $3; sub(/^[^ ]* [^ ]* [FP] ?/, ""); printf "%s%s", $0, full == "F" ? "\n" : "" }' "$@"; }
count=$(joined "$T/log/rot.log.1" "$T/log/rot.log" | grep -c '^line ')
first=$(joined "$T/log/rot.log.1" "$T/log/rot.log" | sed -n 's/^line \([0-9]*\) of.*/\1/p' | head -n 1)
# The first may be the rest of a line whose beginning was in the file before.
is "no line is lost between files" "$([ $((first + count)) -ge 3000 ] && echo all)" "all"
gone logs

pod flood <<X
container a
$(common flood.log 'while :; do echo 0123456789012345678901234567890123456789012345678901234567890123456789; done')
X
sed -i 's|flood.log 0 0|flood.log 100000 2|' "$T/pods/flood"
go flood; soon test -s "$T/log/flood.log.1" # it has turned
keeper=$(keeper_of flood)
rss=$(sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$keeper/status")
is "a flood does not grow the keeper (${rss} KiB)" "$([ "$rss" -lt 4096 ] && echo small)" "small"
say "stop flood 0"; await '^report flood ended'; is "and does not keep it from stopping" $? 0
gone flood

lasts=3$(now) # seconds that no other process on the machine sleeps for
sleepers() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' | grep -c "^$lasts\$"; } # not the grep itself
pod hostpid <<X
host pid
host network
container a
env LASTS=$lasts
$(common hp.log 'readlink /proc/self/ns/net; sh -c "sleep $LASTS && true" & sleep $LASTS & until [ "$(ps | grep -c "[s]leep $LASTS\$")" = 2 ]; do sleep 0.1; done; echo both sleep; echo pid $$; exit 0')
X
run hostpid
is "host network" "$(output hp.log | grep '^net:')" "$(readlink /proc/self/ns/net)"
hasnt "host PID namespace" "$(output hp.log)" '^pid 1$'
gone hostpid
has "it left processes behind in the host's PID namespace" "$(output hp.log)" '^both sleep$'
is "they are ended" "$(sleepers)" "0"

pod sysctl <<X
sysctl net.ipv4.ip_local_port_range=2000 3000
container a
$(common sy.log 'cat /proc/sys/net/ipv4/ip_local_port_range')
X
run sysctl
has "a sysctl of the pod" "$(output sy.log)" '^2000.3000$'
gone sysctl
pod evilctl <<X
sysctl kernel.core_pattern=|/tmp/x
container a
$(common ec.log 'true')
X
say "spawn $T/pods/evilctl"; await '^gone evilctl'
has "a sysctl of the host is refused" "$(new_output)" 'gone evilctl died'
has "and says why" "$(new_output)" 'gone evilctl died failure=sysctl kernel.core_pattern is not one of'

