#!/usr/bin/env bash
# guest: --kernel backports --memory 768
# timeout: 240
# Pods with a user namespace (hostUsers: false): whose ids they have, what their files look like from inside and from the
# host, what their root may do and what not; procMount Unmasked; exec, ephemeral containers, terminals; restarts.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
command -v jq >/dev/null || skip "needs jq (tools/install test)"

# with POD JQ [SCRIPT]: a pod with a user namespace on node a, changed by JQ.
with() { pod "$1" "${3:-exec sleep 1000}" | jq ".spec.nodeName = \"a\" | .spec.hostUsers = false | $2" | apply 2>&1; }
log_of() {
    within 30 "pod $1 ${2:-} runs" matches '^end$' lp logs "$@" >&2
    lp logs "$@"
}
field() { lp get pod "$1" -o json | jq -r "$2"; }
# base_of POD: its root's id on the host.
base_of() { awk '{ print $2 }' "/proc/$(main_pid a "$1")/uid_map"; }
# on_disk POD PATH: owner of a file in its emptyDir "disk", as the host sees it.
on_disk() { stat -c '%u:%g' "$STAND/a/state/pods/$(field "$1" .metadata.uid)/volumes/disk/$2"; }

stand_up main a
if [[ $(lp get node a -o json | jq -c '[.status.runtimeHandlers[].features.userNamespaces] | unique') != "[true]" ]]; then
    with refused . >/dev/null
    within 30 "a node that cannot turns the pod away" matches 'RuntimeHandler .*does not support user namespaces' \
        field refused '"\(.status.reason) \(.status.message)"'
    conclude
fi

# ---- as seen from inside ----
inside() {
    local log base text
    mkdir -p "$STAND/shared"
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {key: value}\n' | apply >/dev/null
    text=$(with inside ".spec.volumes = [{name: \"disk\", emptyDir: {}}, {name: \"mem\", emptyDir: {medium: \"Memory\"}},
            {name: \"conf\", configMap: {name: \"conf\"}}, {name: \"shared\", hostPath: {path: \"$STAND/shared\"}}]
        | .spec.securityContext.sysctls = [{name: \"net.ipv4.ip_unprivileged_port_start\", value: \"77\"}, {name: \"net.ipv4.ping_group_range\", value: \"0 2000\"}]
        | .spec.containers[0].volumeMounts = [{name: \"disk\", mountPath: \"/disk\"}, {name: \"mem\", mountPath: \"/mem\"},
            {name: \"conf\", mountPath: \"/conf\"}, {name: \"shared\", mountPath: \"/shared\"}, {name: \"disk\", mountPath: \"/sub\", subPath: \"a/b\"}]" \
        'echo "map: $(tr -s " " < /proc/self/uid_map | sed "s/^ //")"; echo "gmap: $(tr -s " " </proc/self/gid_map)"
         echo "id: $(id -u):$(id -g)"; grep -E "^Cap(Eff|Bnd)" /proc/self/status
         for d in disk mem shared; do touch /$d/root && touch /$d/app && chown 1000:2000 /$d/app && echo "$d: $(stat -c %u:%g /$d/root /$d/app | tr "\n" " ")"; done
         echo "conf: $(stat -Lc %u:%g /conf/key) $(cat /conf/key)"; echo "etc: $(stat -c %u:%g /etc/hosts)"; echo "sub: $(stat -c %u:%g /sub)"
         touch /made && chown 5:6 /made && echo "made: $(stat -c %u:%g /made)"; echo "bin: $(stat -c %u:%g /bin/busybox /bin)" 
         echo "dev: $(stat -c %u:%g /dev /dev/null /dev/shm | tr "\n" " ")"; echo x >/dev/null && echo "null works"
         echo "proc: $(stat -c %u /proc/1) $(stat -c %u /proc/sys/net/ipv4/ip_forward)"; echo "port: $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)"; echo "groups: $(tr "\t" " " </proc/sys/net/ipv4/ping_group_range)"
         ping -c 1 -W 2 127.0.0.1 >/dev/null && echo "ping works"; mount -t tmpfs none /mnt 2>&1; umount /conf 2>&1; mknod /tmp/d b 8 0 2>&1
         echo said >/dev/termination-log; echo "interrupts: $(stat -c %t:%T /proc/interrupts)"; echo 1 2>&1 >/proc/sys/kernel/shm_rmid_forced; echo end; exec sleep 1000')
    hasnt "no field is said to be without effect" "$text" 'nothing acts on it'
    log=$(log_of inside)
    base=$(base_of inside)
    is "65,536 ids that are others outside" "$(grep ^map: <<<"$log")" "map: 0 $base 65536"
    has "of a range that nobody else has" "$base" '^18[0-9]{8}$|^19[0-9]{8}$'
    is "groups, too" "$(grep ^gmap: <<<"$log" | tr -s ' ')" "gmap: 0 $base 65536"
    has "root inside" "$log" '^id: 0:0$'
    is "nobody outside" "$(stat -c %u:%g "/proc/$(main_pid a inside)")" "$base:$base"
    for where in disk mem shared; do has "$where: files have the ids that the pod sees" "$log" "^$where: 0:0 1000:2000 \$"; done
    is "and on the disk the same" "$(on_disk inside root) $(on_disk inside app)" "0:0 1000:2000"
    is "on the host's folder too" "$(stat -c %u:%g "$STAND/shared/app")" 1000:2000
    has "a ConfigMap is root's" "$log" '^conf: 0:0 value$'
    has "so are the files of /etc" "$log" '^etc: 0:0$'
    has "and a subPath that was made" "$log" '^sub: 0:0$'
    is "on the disk, too" "$(on_disk inside a/b)" 0:0
    has "the root file system can be written and given away" "$log" '^made: 5:6$'
    has "/dev is root's" "$log" '^dev: 0:0 0:0 0:0 $'
    has "with devices that work" "$log" '^null works$'
    has "/proc has the pod's ids" "$log" '^proc: 0 0$'
    has "sysctls of the pod" "$log" '^port: 77$'
    has "whose groups are its own" "$log" '^groups: 0 2000$'
    has "raw sockets in its own network" "$log" '^ping works$'
    has "no mounting without the right" "$log" 'mount: .*([Pp]ermission denied|not permitted)'
    has "nor unmounting" "$log" "umount: .*([Pp]ermission|not permitted)"
    has "no devices" "$log" 'mknod: .*not permitted'
    has "what is masked is masked" "$log" '^interrupts: 1:3$'
    has "the node's settings are out of reach" "$log" 'shm_rmid_forced: (Read-only|Permission)'
}

# ---- others come in ----
company() {
    local base text pid
    base=$(base_of inside)
    text=$(ld a exec inside -- sh -c 'id -u; cat /proc/self/uid_map; touch /disk/byexec; stat -c %u /disk/byexec' 2>&1)
    has "exec is in the namespace" "$text" " $base "
    is "and root there" "$(sed -n '1p;$p' <<<"$text" | tr '\n' ' ')" "0 0 "
    is "its file is root's" "$(on_disk inside byexec)" 0:0
    text=$(script -qec "'$LIMPET_BUILD/limpetd' --config '$STAND/a/config.yaml' exec -it inside -- sh -c 'echo tty: \$(stat -c %u:%g \$(tty))'" /dev/null </dev/null 2>&1)
    has "with a terminal that is root's" "$text" 'tty: 0:5'
    with both '.spec.shareProcessNamespace = true | .spec.containers += [.spec.containers[0] * {name: "second", tty: true, stdin: true,
        command: ["/bin/sh", "-c"], args: ["echo tty: $(tty) $(stat -c %u:%g $(tty)); ls -l /proc/1/exe >/dev/null 2>&1 || echo hidden; echo end; exec sleep 1000"],
        securityContext: {runAsUser: 1000}}]' \
        'sleep 1; echo "second: $(ps | grep -c "sleep 1000")"; touch /dev/shm/x && echo "shm: $(stat -c %u /dev/shm /dev/shm/x | tr "\n" " ")"; echo end; exec sleep 1000' >/dev/null
    text=$(log_of both main)
    has "they share processes" "$text" '^second: [1-9]'
    has "and memory" "$text" '^shm: 0 0 $'
    within 30 "a container with a terminal" matches '^end' lp logs both second
    has "which is its user's" "$(lp logs both second)" '^tty: /dev/(console|pts/0) 1000:5'
    has "other ids than another pod" "$(base_of both)" "^$((base + 65536))\$"
    hasnt "no pod has another's ids" "$base" "^$(base_of both)\$"
}

# manifest [JQ]: a pod of the node's own folder, whose ephemeral container tells what it sees.
manifest() { pod local 'exec sleep 1234' | jq ".spec.hostUsers = false | ${1:-.}"; }
debugged() {
    local before
    manifest >"$STAND/a/manifests/local.json"
    within 30 "a static pod runs" matches Running ld a ps
    within 30 "ready" runs_on a local-a
    before=$(fingerprint a local-a)
    manifest '.spec.ephemeralContainers = [.spec.containers[0] * {name: "dbg", targetContainerName: "main",
        command: ["/bin/sh", "-c"], args: ["cat /proc/self/uid_map; ps; stat -c owner:%u:%g /bin; echo end; exec sleep 1000"]}]' \
        >"$STAND/a/manifests/.new"
    mv "$STAND/a/manifests/.new" "$STAND/a/manifests/local.json"
    within 30 "an ephemeral container comes to it" matches '^end$' ld a logs -c dbg local-a
    is "nothing else of it is touched" "$(fingerprint a local-a | grep -Fxc "$before")" "$(wc -l <<<"$before")"
    has "it sees its target" "$(ld a logs -c dbg local-a)" 'sleep 1234'
    is "with the same ids" "$(ld a logs -c dbg local-a | awk '$1 == 0 { print $2; exit }')" "$(base_of local-a)"
    has "with files of root" "$(ld a logs -c dbg local-a)" '^owner:0:0$'
    rm "$STAND/a/manifests/local.json"
    within 30 "it goes with its pod" fails local_pod a local-a
}

# ---- procMount ----
unmasked() {
    local log
    with unmasked '.spec.containers[0].securityContext = {procMount: "Unmasked", seccompProfile: {type: "Unconfined"}}' \
        'echo "masks: $(grep -c " /proc/" /proc/mounts)"; unshare -Urpfm sh -c "mount -t proc proc /proc && echo nested: \$(ls -d /proc/[0-9]* | wc -l)" 2>&1
         echo end; exec sleep 1000' >"$TEST_TMP/said"
    hasnt "Unmasked is not said to be without effect" "$(cat "$TEST_TMP/said")" 'nothing acts on it'
    log=$(log_of unmasked)
    has "Unmasked: nothing lies over /proc" "$log" '^masks: 0$'
    has "so that another one can be mounted in it" "$log" '^nested: [1-9]'
    with masked '.spec.containers[0].securityContext = {seccompProfile: {type: "Unconfined"}}' \
        'echo "masks: $(grep -c " /proc/" /proc/mounts)"; unshare -Urpfm sh -c "mount -t proc proc /proc && echo nested" 2>&1; echo end; exec sleep 1000' >/dev/null
    log=$(log_of masked)
    has "Default: there does" "$log" '^masks: [1-9]'
    hasnt "and no other one can be mounted" "$log" '^nested'
    has "Unmasked with the host's users is refused" \
        "$(with no '.spec.hostUsers = true | .spec.containers[0].securityContext = {procMount: "Unmasked"}')" '`hostUsers` must be false'
    for host in hostNetwork hostPID hostIPC; do
        has "$host is refused" "$(with no ".spec.$host = true")" "$host: when \`hostUsers\` is false"
    done
}

# ---- rights ----
rights() {
    local log
    with strong '.spec.volumes = [{name: "ro", configMap: {name: "conf"}}]
        | .spec.containers[0].volumeMounts = [{name: "ro", mountPath: "/ro"}]
        | .spec.containers[0].securityContext = {privileged: true}' \
        'mkdir /m && mount -t tmpfs none /m && echo mounted; mount -o remount,rw,bind /ro 2>&1 && touch /ro/x && echo wrote; umount /ro 2>&1 && echo unmounted
         mknod /tmp/d b 8 0 2>&1; echo "disk: $(dd if=$(ls /dev/vda /dev/sda /dev/nvme0n1 2>/dev/null | head -n 1) of=/dev/null count=1 2>&1 | tr "\n" " ")"
         echo 1 2>&1 >/proc/sys/vm/drop_caches; echo end; exec sleep 1000' >/dev/null
    log=$(log_of strong)
    has "a privileged one mounts in its namespaces" "$log" '^mounted$'
    hasnt "but cannot lift what the node has set" "$log" '^(wrote|unmounted)$'
    has "nor make devices" "$log" 'mknod: .*not permitted'
    has "nor read the node's disks" "$log" '^disk: .*(Permission denied|not permitted|No such file)'
    has "nor change the node" "$log" 'drop_caches: .*[Pp]ermission denied'
}

# ---- it holds ----
holds() {
    local base before
    base=$(base_of inside)
    before=$(fingerprint a inside)
    node_stop a
    node_start a
    within 30 "the restarted agent has its pods" running inside
    is "untouched" "$(fingerprint a inside)" "$before"
    has "and goes into them" "$(ld a exec inside -- cat /proc/self/uid_map 2>&1)" " $base "
    kill -9 "$(main_pid a inside)"
    within 40 "it is restarted" matches '^1$' field inside '.status.containerStatuses[0].restartCount'
    within 30 "and runs" running inside
    is "with the same ids" "$(base_of inside)" "$base"
    is "and its last words were heard" "$(field inside '.status.containerStatuses[0].lastState.terminated.message')" said
    kill -9 "$(keepers a inside)"
    within 40 "its keeper dies, and it starts anew" matches '^[1-9]' main_pid a inside
    within 30 "with the same ids" equals "$base" base_of inside
    lp delete pod inside both >/dev/null
    within 40 "they go" gone inside
    with next . >/dev/null
    within 30 "the next pod runs" running next
    is "and has the ids that came free" "$(base_of next)" "$base"
    lp delete pod next strong masked unmasked >/dev/null
}

inside
company
debugged
unmasked
rights
holds
conclude
