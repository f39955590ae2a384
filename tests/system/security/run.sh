#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 240
# What a pod's securityContext does, as seen from inside its containers: seccomp profiles of the node, pods whose
# profile is missing or wrong, users, groups and rights, capabilities, privileged containers, settings of the kernel,
# profiles of AppArmor and runtimes that the node has not.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
command -v jq >/dev/null || skip "needs jq (tools/install test)"

# with POD JQ [SCRIPT]: a pod on node a, changed by JQ.
with() { pod "$1" "${3:-exec sleep 1000}" | jq ".spec.nodeName = \"a\" | $2" | apply 2>&1; }
status() { lp get pod "$1" -o json | jq -r ".status.$2"; }
verdict() { lp get pod "$1" -o json | jq -r '.status | "\(.phase) \(.reason) \(.message)"'; }
waiting() { status "$1" 'containerStatuses[0].state.waiting | "\(.reason): \(.message)"'; }
# log_of POD [CONTAINER]: its log, when its script has come to its end.
log_of() {
    within 30 "pod $1 ${2:-} runs" matches '^end$' lp logs "$@" >&2
    lp logs "$@"
}

# ---- seccomp ----
profile() { cat >"$PROFILES/$1"; }
# try TEXT: a script that makes system calls that profiles refuse, and tells.
TRY='grep ^Seccomp: /proc/self/status; chmod 600 /tmp/f 2>&1; mkdir /tmp/d 2>&1 && echo made; echo end; exec sleep 1000'
local_profile() { echo "{type: \"Localhost\", localhostProfile: \"$1\"}"; }

seccomp_profiles() {
    local log name
    mkdir -p "$PROFILES/team"
    profile team/no-mkdir.json <<'X'
{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]}],
 "syscalls": [{"names": ["mkdir", "mkdirat", "of_another_kernel"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
X
    profile other.json <<'X'
{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}]}
X
    with local ".spec.securityContext.seccompProfile = $(local_profile team/no-mkdir.json)
        | .spec.containers += [.spec.containers[0] * {name: \"own\", securityContext: {seccompProfile: $(local_profile other.json)}},
            .spec.containers[0] * {name: \"free\", securityContext: {seccompProfile: {type: \"Unconfined\"}}},
            .spec.containers[0] * {name: \"usual\", securityContext: {seccompProfile: {type: \"RuntimeDefault\"}}},
            .spec.containers[0] * {name: \"nnp\", securityContext: {runAsUser: 1000, allowPrivilegeEscalation: false}}]" \
        "$TRY" >/dev/null
    log=$(log_of local main)
    has "Localhost: a filter is on" "$log" '^Seccomp:.2$'
    has "what the profile refuses fails, as it says" "$log" 'mkdir: .*Operation not supported|mkdir: .*Not supported'
    log=$(log_of local own)
    has "a container's profile stands over its pod's" "$log" 'mkdir: .*No space left'
    log=$(log_of local free)
    has "Unconfined: no filter" "$log" '^Seccomp:.0$'
    has "and nothing is refused" "$log" '^made$'
    log=$(log_of local usual)
    has "RuntimeDefault over the pod's profile" "$log" '^Seccomp:.2$'
    has "lets through what it does" "$log" '^made$'
    has "with no_new_privs and another user" "$(log_of local nnp)" 'mkdir: .*(Operation n|N)ot supported'
    lp delete pod/local >/dev/null
}

seccomp_refused() {
    local before
    with beside . >/dev/null
    within 30 "a pod runs" running beside
    before=$(fingerprint a beside)
    truncate -s 100000000 "$PROFILES/huge.json"
    head -c 100000 /dev/zero | tr '\0' '[' >"$PROFILES/deep.json"
    mkfifo "$PROFILES/pipe.json"
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mkdir"], "action": "SCMP_ACT_NOTIFY"}]}' | profile action.json
    echo '{"defaultAction": "SCMP_ACT_ALLOW", "sycalls": []}' | profile typo.json
    for name in huge deep pipe action typo missing; do
        with "$name" ".spec.containers[0].securityContext.seccompProfile = $(local_profile $name.json)" >/dev/null
    done
    within 30 "a profile that is not there" matches 'CreateContainerConfigError: .*cannot load seccomp profile ".*/missing.json": .*No such file' waiting missing
    within 10 "one of 100 MB" matches 'huge.json": .*more than 1048576 bytes' waiting huge
    within 10 "one nested too deep" matches 'deep.json": ' waiting deep
    within 10 "a pipe in its place" matches 'pipe.json": .*not a regular file' waiting pipe
    within 10 "an action that nobody serves" matches 'action.json": syscalls.0.: action "SCMP_ACT_NOTIFY" is not known' waiting action
    within 10 "a field that nobody knows" matches 'typo.json": "sycalls" is not known' waiting typo
    for name in huge deep pipe action typo missing; do
        is "$name: its container never ran" "$(status "$name" 'containerStatuses[0].lastState // {} | keys | length')" 0
    done
    echo '{"defaultAction": "SCMP_ACT_ALLOW"}' | profile missing.json
    within 60 "it starts when the profile is there" running missing
    is "what ran goes on" "$(fingerprint a beside)" "$before"
    has "a path out of the folder is refused by the gateway" \
        "$(with out ".spec.securityContext.seccompProfile = $(local_profile ../../x)")" 'localhostProfile'
    lp delete pod/{beside,huge,deep,pipe,action,typo,missing} >/dev/null
    rm -f "$PROFILES/huge.json"
}

# ---- groups and rights ----
# An image whose user 1000 is in the groups 50 and 51, by a volume at its /etc.
groups_and_rights() {
    local log text
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: etc}\ndata: {passwd: "root:x:0:0::/:/bin/sh\\napp:x:1000:1000::/:/bin/sh\\n",
        group: "staff:x:50:app\\naudio:x:51:app\\n"}\n' | apply >/dev/null
    for policy in Merge Strict; do
        with "${policy,,}" ".spec.securityContext = {runAsUser: 1000, runAsGroup: 3000, supplementalGroups: [4000], fsGroup: 5000,
                supplementalGroupsPolicy: \"$policy\", fsGroupChangePolicy: \"OnRootMismatch\"}
            | .spec.volumes = [{name: \"etc\", configMap: {name: \"etc\"}}]
            | .spec.containers[0].volumeMounts = [{name: \"etc\", mountPath: \"/etc\"}]
            | .spec.containers[0].securityContext = {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true,
                capabilities: {drop: [\"ALL\"]}}" \
            'id -u; id -g; echo "groups:" $(grep ^Groups: /proc/self/status | cut -f 2); grep -E "^(NoNewPrivs|Cap)" /proc/self/status
             touch /x 2>&1; echo x 2>&1 >/proc/sys/kernel/shm_rmid_forced; echo end; exec sleep 1000' >"$TEST_TMP/said"
        hasnt "$policy: no field of it is said to be without effect" "$(cat "$TEST_TMP/said")" 'nothing acts on it'
    done
    log=$(log_of merge)
    has "Merge: the image's groups count, with runAsGroup too" "$log" '^groups: 50 51 4000 5000$'
    has "runAsUser" "$log" '^1000$'
    has "runAsGroup" "$log" '^3000$'
    has "allowPrivilegeEscalation: false" "$log" '^NoNewPrivs:.1$'
    has "no capability is left" "$log" '^CapBnd:.0000000000000000$'
    has "the root is for reading only" "$log" 'touch: /x: Read-only file system'
    has "/proc/sys is for reading only" "$log" 'shm_rmid_forced: Read-only|shm_rmid_forced: Permission'
    has "Strict: they do not" "$(log_of strict)" '^groups: 4000 5000$'
    is "the node says that it knows the difference" "$(lp get node a -o json | jq .status.features.supplementalGroupsPolicy)" true
    text=$(with unmasked '.spec.containers[0].securityContext = {procMount: "Unmasked"}')
    has "procMount Unmasked is for user namespaces" "$text" 'procMount: .*`hostUsers` must be false to use `Unmasked`'
    text=$(with both '.spec.containers[0].securityContext = {privileged: true, allowPrivilegeEscalation: false}')
    has "privileged without privilege escalation is refused" "$text" 'allowPrivilegeEscalation'
    lp delete pod/merge pod/strict configmap/etc >/dev/null
}

# ---- users ----
users() {
    local log
    # Nobody's name in the image; of the pod, of a container, of neither.
    with users '.spec.securityContext = {runAsUser: 1000, runAsGroup: 3000} | .spec.containers += [
            .spec.containers[0] * {name: "own", securityContext: {runAsUser: 2000}},
            .spec.containers[0] * {name: "root", securityContext: {runAsUser: 0, runAsGroup: 0}}]' \
        'echo "is $(id -u):$(id -g)"; touch /etc/x 2>&1; kill -0 1 && echo "its own"; echo end; exec sleep 1000' >/dev/null
    log=$(log_of users main)
    has "runAsUser, runAsGroup of the pod" "$log" '^is 1000:3000$'
    has "who is not root writes no file of root" "$log" 'touch: /etc/x: Permission denied'
    has "a container's own user, the pod's group" "$(log_of users own)" '^is 2000:3000$'
    log=$(log_of users root)
    has "a container that is root where the pod is not" "$log" '^is 0:0$'
    hasnt "... writes" "$log" 'touch:'
    with nonroot '.spec.securityContext.runAsNonRoot = true | .spec.containers += [
            .spec.containers[0] * {name: "user", securityContext: {runAsUser: 1000}},
            .spec.containers[0] * {name: "may", securityContext: {runAsNonRoot: false}}]' 'echo "is $(id -u)"; echo end; exec sleep 1000' >/dev/null
    has "runAsNonRoot: who is not root runs" "$(log_of nonroot user)" '^is 1000$'
    has "... and a container of which it is not asked" "$(log_of nonroot may)" '^is 0$'
    within 20 "... root does not, in a kubelet's words" matches \
        '^CreateContainerConfigError: .*container has runAsNonRoot and image will run as root' waiting nonroot
    is "... it never ran" "$(lp logs nonroot main 2>/dev/null)" ""
    lp delete pod/users pod/nonroot >/dev/null
}

# ---- capabilities ----
capabilities() {
    local log all
    all=$(sed -n 's/^CapBnd:.//p' /proc/self/status) # what root may have on this machine
    with caps '.spec.containers[0].securityContext.capabilities = {drop: ["ALL"], add: ["NET_ADMIN"]} | .spec.containers += [
            .spec.containers[0] * {name: "most", securityContext: {capabilities: {add: ["ALL"], drop: ["NET_ADMIN", "CAP_CHOWN"]}}},
            .spec.containers[0] * {name: "both", securityContext: {capabilities: {add: ["CHOWN"], drop: ["CHOWN"]}}},
            .spec.containers[0] * {name: "user", securityContext: {runAsUser: 1000, capabilities: {drop: [], add: ["NET_ADMIN"]}}},
            .spec.containers[0] * {name: "usual", securityContext: null}]' \
        'grep -E "^Cap(Inh|Prm|Eff|Bnd|Amb)" /proc/self/status | tr -s "\t\n" "  "; echo; touch /f; chown 7 /f 2>/dev/null && echo gave
            ip link set lo mtu 1400 2>/dev/null && echo tuned; echo end; exec sleep 1000' >/dev/null
    log=$(log_of caps main)
    has "drop ALL, add NET_ADMIN leaves one" "$log" 'CapPrm: 0000000000001000 CapEff: 0000000000001000 CapBnd: 0000000000001000 '
    has "... which works" "$log" '^tuned$'
    hasnt "... and no other" "$log" '^gave$'
    log=$(log_of caps most)
    is "add ALL, drop two: all but these" "$(sed -n 's/.*CapEff: \([0-9a-f]*\) .*/\1/p' <<<"$log")" \
        "$(printf '%016x' $((0x$all & ~(1 << 12 | 1 << 0))))"
    hasnt "... which do not work" "$log" '^(tuned|gave)$'
    hasnt "of one that is added and dropped nothing is left" "$(log_of caps both)" '^gave$'
    log=$(log_of caps user)
    has "who is not root has none, though added" "$log" 'CapPrm: 0000000000000000 CapEff: 0000000000000000 CapBnd: 00000000a80435fb CapAmb: 0000000000000000'
    hasnt "... whatever it tries" "$log" '^(tuned|gave)$'
    log=$(log_of caps usual)
    has "where nothing is said: those of Docker, none to inherit" "$log" \
        '^CapInh: 0000000000000000 CapPrm: 00000000a80425fb CapEff: 00000000a80425fb CapBnd: 00000000a80425fb CapAmb: 0000000000000000'
    has "... which work" "$log" '^gave$'
    hasnt "... and no more" "$log" '^tuned$'
    with nosuch '.spec.containers[0].securityContext.capabilities = {add: ["FLY"]}' >/dev/null
    within 20 "a capability that is none is the reason" matches 'capability "FLY" is not known' lp why pod/nosuch
    lp delete pod/caps pod/nosuch >/dev/null
}

# ---- privileged ----
privileged() {
    local log
    with mighty '.spec.containers[0].securityContext = {privileged: true, capabilities: {drop: ["ALL"]}} | .spec.containers += [
            .spec.containers[0] * {name: "meek", securityContext: null}]
            | .spec.initContainers = [.spec.containers[1] * {name: "before", command: ["true"]}]' \
        'grep -E "^(CapEff|Seccomp|NoNewPrivs):" /proc/self/status; mkdir -p /m; mount -t tmpfs none /m 2>/dev/null && echo mounted
            ls /dev/kmsg /dev/mem /dev/fuse 2>/dev/null; [ -w /proc/sys/kernel/shm_rmid_forced ] && touch /proc/sys/kernel/shm_rmid_forced && echo settings
            grep -q " /sys sysfs rw" /proc/mounts && echo sys; grep -q " /proc/[a-z]" /proc/mounts || echo unmasked
            for d in /sys/fs/cgroup/pids /sys/fs/cgroup; do [ -e $d/cgroup.procs ] && mkdir $d/mine 2>/dev/null && rmdir $d/mine && echo groups && break; done
            unshare -Ur true 2>/dev/null && echo users; unshare -Urm mount -t cgroup -o memory none /m 2>/dev/null && echo hierarchy; echo end; exec sleep 1000' >/dev/null
    log=$(log_of mighty main)
    has "privileged: every capability, whatever is dropped" "$log" "^CapEff:.$(sed -n 's/^CapBnd:.//p' /proc/self/status)\$"
    has "... no filter" "$log" '^Seccomp:.0$'
    for what in mounted settings sys unmasked groups users; do has "... $what" "$log" "^$what\$"; done
    for device in /dev/kmsg /dev/mem /dev/fuse; do
        if [[ -c $device ]]; then has "... the node's $device" "$log" "^$device\$"; fi
    done
    log=$(log_of mighty meek)
    has "beside it: a filter" "$log" '^Seccomp:.2$'
    hasnt "... and nothing of that" "$log" '^(mounted|settings|sys|unmasked|groups|users|hierarchy|/dev/.*)$'
    lp delete pod/mighty >/dev/null
}

# ---- settings of the kernel ----
sysctls() {
    local log own sysctl
    own=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax)
    with tuned '.spec.securityContext.sysctls = [{name: "net.ipv4.ip_unprivileged_port_start", value: "77"},
            {name: "kernel/msgmax", value: "4321"}]' \
        'echo "has: $(cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax | tr "\n" " ")"; echo end; exec sleep 1000' >/dev/null
    log=$(log_of tuned)
    has "a safe setting, and one that the node allows" "$log" '^has: 77 4321 $'
    is "the node's own are as they were" "$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/kernel/msgmax)" "$own"
    for sysctl in net.core.somaxconn vm.swappiness; do
        with "un${sysctl##*.}" ".spec.securityContext.sysctls = [{name: \"$sysctl\", value: \"1\"}]" >/dev/null
    done
    for sysctl in net.core.somaxconn vm.swappiness; do
        within 30 "$sysctl is turned away" equals "Failed SysctlForbidden forbidden sysctl: \"$sysctl\" not allowlisted" \
            verdict "un${sysctl##*.}"
    done
    is "its container never ran" "$(status unsomaxconn 'containerStatuses[0].state | keys[0]')" waiting
    # CVE-2022-0811: more settings in the value of one that is allowed.
    own=$(cat /proc/sys/kernel/core_pattern)
    with sneaky '.spec.securityContext.sysctls = [{name: "kernel.shm_rmid_forced", value: "1+kernel.core_pattern=|/bin/sh\nkernel.core_pattern=|/bin/sh"}]' >/dev/null
    within 30 "a value is one value" matches 'cannot set sysctl kernel.shm_rmid_forced=.*: Invalid argument' lp describe pod/sneaky
    is "and the node has no other" "$(cat /proc/sys/kernel/core_pattern)" "$own"
    lp delete pod/tuned pod/unsomaxconn pod/unswappiness pod/sneaky >/dev/null
}

# ---- another system ----
systems() {
    with windows '.spec.os = {name: "windows"} | .spec.nodeName = "a"' >"$TEST_TMP/said"
    hasnt "the system is not said to be without effect" "$(cat "$TEST_TMP/said")" 'nothing acts on it'
    within 30 "a pod for another system is turned away" equals \
        "Failed PodOSNotSupported Failed to admit pod as the OS field doesn't match node OS" verdict windows
    with linux '.spec.os = {name: "linux"}' >/dev/null
    within 30 "one for this system runs" running linux
    lp delete pod/windows pod/linux >/dev/null
}

# ---- AppArmor ----
# A node that has it refuses a profile that is not loaded, any other all of them.
apparmor() {
    local why='AppArmor is not enabled on the host'
    if [[ $(cat /sys/module/apparmor/parameters/enabled 2>/dev/null) == Y ]]; then why='profile ".*" is not loaded'; fi
    with field '.spec.containers[0].securityContext.appArmorProfile = {type: "Localhost", localhostProfile: "limpet-nobody-has-it"}' >"$TEST_TMP/said"
    with noted '.metadata.annotations["container.apparmor.security.beta.kubernetes.io/main"] = "localhost/limpet-nobody-has-it"' >/dev/null
    with unconfined '.spec.securityContext.appArmorProfile = {type: "Unconfined"}' >/dev/null
    hasnt "the field is not said to be without effect" "$(cat "$TEST_TMP/said")" 'nothing acts on it'
    within 30 "a profile that the node has not is refused" matches "^Failed AppArmor Cannot enforce AppArmor: $why\$" verdict field
    within 30 "and so by annotation" matches "^Failed AppArmor Cannot enforce AppArmor: $why\$" verdict noted
    within 30 "Unconfined runs" running unconfined
    lp delete pod/field pod/noted pod/unconfined >/dev/null
}

# ---- SELinux ----
# A node that has none runs what asks for labels as if it did not (board/selinux has the others).
selinux() {
    hasnt "labels are not said to be without effect" \
        "$(with labelled '.spec.securityContext |= (.seLinuxOptions = {level: "s0:c1,c2"} | .seLinuxChangePolicy = "Recursive")' 2>&1)" \
        'nothing acts on it'
    within 30 "and their pod runs" running labelled
    if [[ ! -e /sys/fs/selinux/mls ]]; then
        has "a node without SELinux says that they have no effect there" "$(ld a why labelled)" 'seLinuxOptions have no effect'
    fi
    lp delete pod/labelled >/dev/null
}

# ---- RuntimeClass ----
# leads_to HANDLER: the pod "usual", as its node keeps it.
leads_to() { grep -rlE '^  name: "?usual' "$STAND/a/state/desired" | xargs -r grep -q "runtime-handler: $1"; }
runtimes() {
    local text before
    text=$(printf 'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: %s}\nhandler: %s\n---\n' usual limpet vm kata | apply 2>&1)
    text+=$(with usual '.spec.runtimeClassName = "usual"' 2>&1)
    with vm '.spec.runtimeClassName = "vm" | .metadata.annotations = {"limpet.io/runtime-handler": "limpet"}' >/dev/null
    hasnt "neither class nor field are said to be without effect" "$text" 'nothing acts on it'
    within 30 "a handler that the node has runs" running usual
    within 30 "another is refused, whatever the pod says of itself" equals \
        'Failed RuntimeHandler no runtime for "kata" is configured' verdict vm
    is "its container never ran" "$(status vm 'containerStatuses[0].state | keys[0]')" waiting
    has "a class that is not there is refused by the gateway" "$(with none '.spec.runtimeClassName = "none"')" \
        'RuntimeClass "none" not found'
    is "the node tells its handlers" "$(lp get node a -o json | jq -c '[.status.runtimeHandlers[].name]')" '["","limpet"]'
    is "and that they make read-only what is mounted below" \
        "$(lp get node a -o json | jq -c '[.status.runtimeHandlers[].features.recursiveReadOnlyMounts] | unique')" '[true]'
    # Its handler is looked up when a pod begins; what runs is not asked again.
    before=$(fingerprint a usual)
    lp delete runtimeclass usual >/dev/null
    within 20 "the node is told that a class is gone" fails leads_to limpet
    printf 'apiVersion: node.k8s.io/v1\nkind: RuntimeClass\nmetadata: {name: usual}\nhandler: kata\n' | apply >/dev/null
    within 20 "and where it leads when it comes again" leads_to kata
    is "what runs runs on, untouched" "$(fingerprint a usual) $(phase usual)" "$before Running"
    lp delete pod/usual pod/vm runtimeclass/usual runtimeclass/vm >/dev/null
}

# ---- the node ----
stand_make main
PROFILES=$STAND/profiles
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
node_make a
printf 'seccompProfileDir: %s\nallowedUnsafeSysctls: ["kernel.msg*"]\n' "$PROFILES" >>"$STAND/a/config.yaml"
node_join a
node_start a
poll 60 matches '^a +Ready' lp get nodes || stand_fail "the node does not get ready"

seccomp_profiles
seccomp_refused
groups_and_rights
users
capabilities
privileged
sysctls
systems
apparmor
selinux
runtimes
conclude
