#!/bin/sh
# guest: --arch host --root root.img --memory 384 --boots 2
# prepare: $LIMPET_SRC/tests/board/systemd.d/prepare root.img
# timeout: 400
# A Debian with systemd as init system, and the units that `cmake --install` brings: the controller, the agent and the
# pods' anchor start, restart, are killed, stopped and rebooted by systemctl, and pods go on as promised. And what only
# a guest shows: the keepers' protection from the OOM killer, memory limits below a delegated cgroup v2 group.
# shellcheck disable=SC2317 # check calls them
export NO_COLOR=1
PODS=/sys/fs/cgroup/system.slice/limpet-pods.service/pods
MANIFESTS=/etc/limpet/manifests

fail=0
check() {
    if eval "$2"; then echo "ok - $1"; else echo "not ok - $1"; fail=1; fi
}
now() { cut -d' ' -f1 /proc/uptime; }
# within SECONDS COMMAND...: it succeeds within that time.
within() {
    until=$(($(cut -d. -f1 /proc/uptime) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt $until ] || return 1
        sleep 0.2
    done
}
# phase PHASE POD...: as the agent has it, with everything else dead.
phase() {
    for pod in $(echo "$@" | cut -s -d' ' -f2-); do
        limpetd ps | grep -Eq "^default +$pod(-guest)? +.* $1 " || return 1
    done
}
# process POD: its container's, which is a child of its keeper.
process() {
    for keeper in $(cat "$PODS/keepers/cgroup.procs" 2>/dev/null); do
        if grep -Eqzx "default/$1(-guest)?" "/proc/$keeper/cmdline"; then
            tr -d ' ' <"/proc/$keeper/task/$keeper/children"
        fi
    done
}
group() { echo "/sys/fs/cgroup$(cut -d: -f3 "/proc/$(process "$1")/cgroup")"; }
# What changes when anything of the pods is started anew: processes, and when each began.
all_processes() {
    for pod in web once; do
        pid=$(process $pod)
        echo "$pid:$(cut -d')' -f2 "/proc/$pid/stat" | cut -d' ' -f21)"
    done
}
unit_pid() { systemctl show -P MainPID "$1"; }
broker() { cat /var/lib/limpet/controller/broker/pid; }
oom_told() { limpetd why hog | grep -q OOMKilled; }
node_ready() { limpet get nodes | grep -Eq '^guest +Ready'; }
# ready_since UPTIME: the agent told systemd so after that time; prints how long after.
ready_since() {
    systemctl show -P ActiveEnterTimestampMonotonic limpetd |
        awk -v since="$1" '$1 / 1e6 <= since { exit 1 } { printf "%.1f\n", $1 / 1e6 - since }'
}
# adopted UPTIME [SECONDS]: the agent has started anew after that time, and nothing of the pods changed. It may take 2 s; an
# emulated machine that shares its cores takes a multiple of that.
adopted() {
    within 15 ready_since "$1" && within 15 phase Running web once && [ "$(all_processes)" = "$BEFORE" ] || return 1
    took=$(ready_since "$1")
    echo "# adopted after $took s"
    [ "${took%.*}" -lt "${2:-10}" ]
}
show() {
    systemctl --no-pager status 'limpet*' | cat
    limpetd ps
    journalctl -b --no-pager -n 200 -o short-monotonic | grep -v kernel:
}

pod() {
    cat <<END
apiVersion: v1
kind: Pod
metadata: {name: $1}
spec:
  restartPolicy: $2
  terminationGracePeriodSeconds: 5
  containers:
  - name: main
    image: busybox:latest
    imagePullPolicy: IfNotPresent
    command: [sh, -c]
    args: ['$3']
    resources: {limits: {memory: 32Mi}}
---
END
}

first_boot() {
    check "systemd is up" 'systemctl is-system-running --quiet'
    check "the controller starts" 'systemctl start limpet-controller'
    check "the API answers when systemctl returns" 'limpet get namespaces >/dev/null'
    printf 'gateway: 127.0.0.1\nbeatSeconds: 5\n' >/etc/limpet/limpetd.yaml
    check "the node joins" 'token=$(limpet token create) && limpetd join "$token"'
    check "the agent starts, at each boot too" 'systemctl enable --quiet --now limpetd'
    check "and with it the anchor of pods" 'systemctl is-active --quiet limpet-pods'
    check "the node becomes ready" 'within 20 node_ready'
    limpetd image load /srv/busybox.tar >/dev/null
    {
        pod web Always 'trap "exit 0" TERM; while :; do sleep 1; done'
        pod once Never 'trap "exit 0" TERM; while :; do sleep 1; done'
    } | limpet apply -f - >/dev/null
    check "pods from an image archive run" 'limpet wait pod/web pod/once --timeout 60s >/dev/null'
    BEFORE=$(all_processes)
}

accounting() {
    keeper=$(head -n 1 "$PODS/keepers/cgroup.procs")
    check "the pod's limit stands below the delegated group" '[ "$(cat "$(group web)/memory.max")" = 33554432 ]'
    check "its memory is counted, in the unit too" '
        [ "$(cat "$(group web)/memory.current")" -gt 0 ] &&
        [ "$(systemctl show -P MemoryCurrent limpet-pods)" -ge "$(cat "$(group web)/memory.current")" ]'
    check "the agent and its keepers are protected from the OOM killer" '
        [ "$(cat "/proc/$keeper/oom_score_adj")" = -999 ] && [ "$(cat "/proc/$(unit_pid limpetd)/oom_score_adj")" = -900 ]'
    check "containers are not" '[ "$(cat "/proc/$(process web)/oom_score_adj")" -ge 3 ]'
    pod hog Never 'x=0123456789abcdef; while :; do x=$x$x; done' | limpet apply -f - >/dev/null
    check "a container beyond its limit is killed, and says so" 'within 30 oom_told'
    check "which disturbs nobody" '[ "$(all_processes)" = "$BEFORE" ] && systemctl is-active --quiet limpet-pods limpetd'
    limpet delete pod/hog >/dev/null
}

restarts() {
    start=$(now)
    systemctl restart limpetd
    check "systemctl restart limpetd: pods go on and are adopted" 'adopted "$start"'
    start=$(now)
    systemctl kill -s KILL limpetd
    check "systemctl kill -s KILL limpetd: pods go on and are adopted" 'adopted "$start"'
    was=$(broker)
    systemctl restart limpet-controller
    check "systemctl restart limpet-controller: the broker goes on and is taken over" '
        [ "$(broker)" = "$was" ] && [ -d "/proc/$was" ] && within 20 node_ready'
    systemctl kill -s KILL --kill-whom=main limpet-controller
    within 5 systemctl is-active limpet-controller
    check "systemctl kill -s KILL limpet-controller: the same" '
        [ "$(broker)" = "$was" ] && [ -d "/proc/$was" ] && within 20 node_ready'
    check "no pod was restarted for it" '[ "$(all_processes)" = "$BEFORE" ]'
    systemctl stop limpetd
    systemctl daemon-reload
    sleep 2
    check "systemctl stop limpetd, daemon-reload: pods go on" '[ "$(all_processes)" = "$BEFORE" ]'
    check "with their limits" '[ "$(cat "$(group web)/memory.max")" = 33554432 ]'
    start=$(now)
    systemctl start limpetd
    check "systemctl start limpetd: pods are adopted" 'adopted "$start"'
    pod file Always 'sleep 1000' >$MANIFESTS/file.yaml
    check "systemctl reload limpetd reads the manifests" 'systemctl reload limpetd && within 15 phase Running file'
}

anchor() {
    systemctl kill -s KILL limpet-pods
    check "everything killed by the kernel's list: the pods start anew" 'within 30 phase Running web file'
    check "in groups of a new anchor" 'systemctl is-active --quiet limpet-pods limpetd && [ -n "$(process web)" ]'
    systemctl stop limpet-pods
    check "systemctl stop limpet-pods ends agent and pods" '! systemctl is-active --quiet limpetd && [ ! -e $PODS ]'
    check "systemctl start limpetd: pods run again" 'systemctl start limpetd && within 30 phase Running web once file'
}

# An agent whose loop no longer turns. Only with --long: it takes its time.
watchdog() {
    mkdir -p /run/systemd/system/limpetd.service.d
    printf '[Service]\nWatchdogSec=8s\nTimeoutAbortSec=1s\n' >/run/systemd/system/limpetd.service.d/watchdog.conf
    systemctl daemon-reload
    systemctl restart limpetd
    pid=$(unit_pid limpetd)
    BEFORE=$(all_processes)
    sleep 20
    check "an agent that works feeds the watchdog" '[ "$(unit_pid limpetd)" = "$pid" ]'
    start=$(now)
    kill -STOP "$pid"
    within 40 ready_since "$start"
    check "one that hangs is started anew, pods go on" '[ "$(unit_pid limpetd)" != "$pid" ] && adopted "$start" 40'
    rm -r /run/systemd/system/limpetd.service.d
}

ours() { journalctl --no-pager -o cat "$@" -t limpetd -t limpet-controller -t limpet-pods -t limpet-keeper; }

second_boot() {
    check "reboot, the controller is off: the pods run" 'within 60 phase Running web once file'
    echo "# $(now) s after the kernel"
    check "really off" '! systemctl is-active --quiet limpet-controller'
    check "the shutdown was in order" '
        ! journalctl --no-pager -b -1 --since "$(cat /srv/rebooted)" | grep -E "limpet.*(timed out|SIGKILL|left-over)"'
    check "no unit failed" '[ -z "$(systemctl --failed --no-legend)" ]'
    check "the journal has no error of ours" '[ -z "$(ours -b -1 -p err; ours -b -p err)" ]'
    check "systemd has nothing to complain about in the units" '
        ! journalctl --no-pager -b -1 | grep -E "limpet.*service:[0-9]+:|limpet.*Unknown"'
}

if [ "$BOOT" = 1 ]; then
    first_boot
    [ $fail = 0 ] && accounting
    [ $fail = 0 ] && restarts
    [ $fail = 0 ] && anchor
    [ $fail = 0 ] && [ -n "$LIMPET_LONG" ] && watchdog
    if [ $fail = 0 ]; then
        date '+%Y-%m-%d %H:%M:%S' >/srv/rebooted
        boot-again
    fi
else
    second_boot
fi
[ $fail = 0 ] || show
exit $fail
