#!/bin/sh
# guest: --arch arm64 --cgroup v2 --memory 192 --package attr --append security=selinux --append enforcing=1 --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# guest-long: --arch x86_64 --cgroup v2 --memory 192 --package attr --append security=selinux --append enforcing=1 --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# guest-long: --arch arm64 --kernel backports --cgroup v2 --memory 192 --package attr --append security=selinux --append enforcing=1 --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# prepare: $LIMPET_SRC/tests/board/selinux.d/prepare disk.img $ARCH
# timeout: 300
# Pods on a kernel with SELinux that enforces a policy: each container and each program in it runs under the label that it
# asks for, or one of its pod's own; its files have it; what is another pod's or the node's it cannot reach, whatever path
# leads there; a pod whose label the policy does not know does not run.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/board/lib/node.sh
. /test/lib/node.sh

NEWLINE='
  '
AS=system_u:system_r
FILES=system_u:object_r:container_file_t
options() { echo "securityContext: {seLinuxOptions: {$1}}"; }
# host_path DIR CLAIM
volumes() { echo "volumes: [$1]"; }
# log_of POD CONTAINER: in one line, when it has come to its end.
ended() { ld logs "$1-board" "$2" | tr -d '\r' | grep -qx end; }
log_of() {
    within 20 ended "$1" "$2"
    ld logs "$1-board" "$2" | tr '\n\000' '  '
}
says() { [ "$(log_of "$1" "$2")" = "$3" ]; }
# shellcheck disable=SC2016
SELF='echo $(cat /proc/self/attr/current)'
# label FILE
label() { getfattr --absolute-names --only-values -n security.selinux "$1" | tr -d '\000'; }
# has FILE LABEL: as the first container of pod own sees it.
has() { [ "$(label "/proc/$(process own)/root$1")" = "$2" ]; }

mount -t selinuxfs selinuxfs /sys/fs/selinux
dd if=/data/policy of=/sys/fs/selinux/load bs=1M 2>/dev/null
check "the kernel enforces a policy" '[ "$(cat /sys/fs/selinux/enforce)$(cat /sys/fs/selinux/mls)" = 11 ]' 'dmesg | tail'
# As whoever makes a policy says of the folder of images.
setfattr -n security.selinux -v system_u:object_r:image_file_t:s0 /data/state/images /data/state/images/*
mkdir -p /data/plain
echo plain >/data/plain/f

{
    container writer "$SELF; echo mine | tee /v/of-own /v/f /m/f /root-file >/dev/shm/f && cat /v/f /m/f /root-file /dev/shm/f /d/name /etc/hostname; echo last >/dev/termination-log; echo end; $IDLE" \
        'volumeMounts: [{name: v, mountPath: /v}, {name: m, mountPath: /m}, {name: d, mountPath: /d}]'
    container reader "$SELF; until cat /v/f 2>/dev/null; do sleep 0.2; done; echo end; $IDLE" \
        "$(options 'type: other_t'), volumeMounts: [{name: v, mountPath: /v}]"
    container strict "$SELF; echo end; $IDLE" 'securityContext: {allowPrivilegeEscalation: false}'
    container screen "$SELF; echo end; $IDLE" 'tty: true'
    container mighty "$SELF; echo end; $IDLE" 'securityContext: {privileged: true}'
} | static own "$(options 'level: "s0:c1,c2"')$NEWLINE$(volumes '{name: v, emptyDir: {}}, {name: m, emptyDir: {medium: Memory}},
    {name: d, downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}')"
{
    container main "$IDLE" "$(options 'level: "s0:c8"')"
    container mate "$IDLE"
} | static apart "$(options 'level: "s0:c5,c6"')"
# What is begun in it by the node; files that the node makes, and makes again.
conf() {
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: conf}\ndata: {k: %s}\n' "$1" >/run/conf.yaml
    mv /run/conf.yaml /data/manifests/conf.yaml
}
conf old
# told FILE: it tells there, once, what it runs under.
told() { echo "exec: {command: [sh, -c, \"[ -s /v/$1 ] || cat /proc/self/attr/current >/v/$1\"]}"; }
container main "$SELF; echo \$(cat /c/k); until grep -q new /c/k; do sleep 0.2; done; echo end; $IDLE" \
    "readinessProbe: {$(told probe), periodSeconds: 1}, lifecycle: {postStart: {$(told hook)}},
    volumeMounts: [{name: v, mountPath: /v}, {name: c, mountPath: /c}]" |
    static watched "$(options 'level: "s0:c11,c12"')$NEWLINE$(volumes '{name: v, emptyDir: {}}, {name: c, configMap: {name: conf}}')"
container main "$SELF; id -u; echo mine >/v/f && cat /v/f; echo \$(cat /c/k); echo end; $IDLE" \
    'volumeMounts: [{name: v, mountPath: /v}, {name: c, mountPath: /c}]' |
    static inner "hostUsers: false$NEWLINE$(options 'level: "s0:c13,c14"')$NEWLINE$(volumes '{name: v, emptyDir: {}}, {name: c, configMap: {name: conf}}')"
for pod in usual another; do
    container main "$SELF; echo end; $IDLE" | static $pod
done
container main "$SELF; echo end; $IDLE" | static shared 'hostPID: true'
container main "$IDLE" "$(options 'type: nobody_t')" | static missing
agent_start
check "the pods run" 'within 60 runs own && within 20 runs usual && within 20 runs another && within 20 runs shared && within 20 runs apart' \
    'ld ps; ld why own-board; dmesg | grep avc | tail'

check "the pod's level, and what its containers share is theirs" \
    "says own writer '$AS:container_t:s0:c1,c2 mine mine mine mine own-boardown-board end '" 'log_of own writer; dmesg | grep avc | tail'
check "a type of its own" "says own reader '$AS:other_t:s0:c1,c2 mine end '" 'log_of own reader; dmesg | grep avc | tail'
check "one that may gain no rights has its label as well" "says own strict '$AS:container_t:s0:c1,c2 end '" 'log_of own strict'
check "one with a terminal, too" "log_of own screen | grep -q '^$AS:container_t:s0:c1,c2.* end'" 'log_of own screen'
check "privileged: the label of those that may do anything" "says own mighty '$AS:spc_t:s0 end '" 'log_of own mighty'
check "hostPID: the same" "says shared main '$AS:spc_t:s0 end '" 'log_of shared main'
pair() { log_of "$1" main | grep -Eo "^$AS:container_t:s0:c[0-9]+,c[0-9]+ end"; }
check "where nothing is said: a level that is the pod's own" \
    '[ -n "$(pair usual)" ] && [ -n "$(pair another)" ] && [ "$(pair usual)" != "$(pair another)" ]' 'log_of usual main; log_of another main'
under() { [ "$(ld exec -c "$2" "$1-board" -- cat /proc/self/attr/current | tr -d '\000')" = "$3" ]; }
check "so is a program that is begun in it later" \
    "under own writer $AS:container_t:s0:c1,c2 && under own reader $AS:other_t:s0:c1,c2 && under own mighty $AS:spc_t:s0" \
    'ld exec -c writer own-board -- cat /proc/self/attr/current'
for file in / /root-file /bin/busybox /dev /dev/null /dev/pts /dev/mqueue /dev/shm/f /dev/termination-log /v /v/f /m /m/f /d/name \
    /etc/hosts; do
    check "$file has the level" "has $file $FILES:s0:c1,c2" 'label /proc/$(process own)/root$file'
done

apart() { label "/proc/$(process apart)/root$1"; }
check "a container that asks for another level has that alone: what all of the pod share has the pod's" \
    "[ \"\$(apart /) \$(apart /dev/shm) \$(apart /dev/mqueue)\" = \"$FILES:s0:c8 $FILES:s0:c5,c6 $FILES:s0:c5,c6\" ]" \
    'apart /; apart /dev/shm; apart /dev/mqueue'

check "a pod with probes and hooks is ready" 'within 30 runs watched' 'ld why watched-board'
for what in probe hook; do
    check "its $what has its label" '[ "$(tr -d "\000" </proc/$(process watched)/root/v/$what)" = $AS:container_t:s0:c11,c12 ]' \
        'cat /proc/$(process watched)/root/v/$what'
done
conf new
check "it sees what becomes of a ConfigMap" "says watched main '$AS:container_t:s0:c11,c12 old end '" 'log_of watched main; dmesg | grep avc | tail'
check "whose file has its label" '[ "$(label /proc/$(process watched)/root/c/..data/k)" = $FILES:s0:c11,c12 ]' \
    'label /proc/$(process watched)/root/c/..data/k'
# ID-mapped mounts of tmpfs are of Linux 6.3.
if uname -r | grep -Eq '^([0-5]|6\.[0-2])\.'; then
    check "a pod with a user namespace that this kernel cannot give it does not run, and says why" \
        'within 20 eval "ld why inner-board | grep -q \"hostUsers is false, and the file system of\""' 'ld why inner-board'
else
    check "a pod with a user namespace runs" 'within 30 runs inner' 'ld why inner-board; dmesg | grep avc | tail'
    check "under its label, with its files" "log_of inner main | grep -Eq '^$AS:container_t:s0:c13,c14 0 mine (old|new) end '" \
        'log_of inner main; dmesg | grep avc | tail'
    check "which have its label" '[ "$(label /proc/$(process inner)/root/v/f)" = $FILES:s0:c13,c14 ]' 'label /proc/$(process inner)/root/v/f'
fi

HIS=$(dirname /data/state/pods/*/volumes/v/of-own)
for pod in spy:c1,c3 mate:c1,c2; do
    # shellcheck disable=SC2086
    container main "cat /h/f; cat /p/f; echo end; $IDLE" 'volumeMounts: [{name: h, mountPath: /h}, {name: p, mountPath: /p}]' |
        static ${pod%:*} "$(options "level: \"s0:${pod#*:}\"")$NEWLINE$(volumes "{name: h, hostPath: {path: $HIS}}, {name: p, hostPath: {path: /data/plain}}")"
done
printf 'apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: kept}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}\n' \
    >/data/manifests/kept.yaml
KEPT=$(volumes '{name: c, persistentVolumeClaim: {claimName: kept}}')
container main "mkdir -p /c/d && echo kept >/c/d/f; echo end; $IDLE" 'volumeMounts: [{name: c, mountPath: /c}]' |
    static first "$(options 'level: "s0:c5,c6"')$NEWLINE$KEPT"
check "a pod of other categories does not read its files by another way, and one of the same does" \
    "says spy main 'cat: can'\"'\"'t open '\"'\"'/h/f'\"'\"': Permission denied cat: can'\"'\"'t open '\"'\"'/p/f'\"'\"': Permission denied end ' &&
     says mate main 'mine cat: can'\"'\"'t open '\"'\"'/p/f'\"'\"': Permission denied end '" 'log_of spy main; log_of mate main; dmesg | grep avc | tail'
check "what is the node's stays the node's" '[ "$(label /data/plain/f)" = system_u:object_r:node_file_t:s0 ]' 'label /data/plain/f'
check "a claim is its pod's" "says first main 'end ' && [ \"\$(label /data/state/volumes/default_kept/d/f)\" = $FILES:s0:c5,c6 ]" \
    'log_of first main; ld why first-board; label /data/state/volumes/default_kept/d/f'
unstatic first
within 20 eval '! ps_says first-board .'
container main "cat /c/d/f; echo end; $IDLE" 'volumeMounts: [{name: c, mountPath: /c}]' |
    static second "$(options 'level: "s0:c7,c8"')$NEWLINE$KEPT"
check "and then the next one's" "says second main 'kept end ' && [ \"\$(label /data/state/volumes/default_kept/d/f)\" = $FILES:s0:c7,c8 ]" \
    'log_of second main; ld why second-board; label /data/state/volumes/default_kept/d/f'

check "what came from the gateway is labelled, too" 'within 20 ps_says told "1/1 +Running" &&
    [ "$(ld exec told -- cat /proc/self/attr/current | tr -d "\000")" = system_u:system_r:other_t:s0:c7,c9 ]' 'ld ps; ld why told'
for pod in absent missing-board; do
    check "a label that the policy does not know: $pod does not run, and says why" '! ps_says $pod "1/1" &&
        ld why $pod | grep -q "CreateContainerConfigError: .*SELinux: the node.s policy does not know the label \"system_u:system_r:nobody_t:s0:c"' \
        'ld ps; ld why $pod'
done
kill "$AGENT"
wait "$AGENT"
printf %s $AS:plain_t:s0 >/proc/self/attr/exec
agent_start
echo >/proc/self/attr/exec
check "agent: another label" 'within 10 eval "grep -q :plain_t: /proc/$AGENT/attr/current"' 'cat /proc/$AGENT/attr/current'
container main "$SELF; echo end; $IDLE" | static plain
container main "$IDLE" "$(options 'type: other_t')" | static proud
check "an agent that may not label runs what asks for none, as it runs itself" "says plain main '$AS:plain_t:s0 end '" 'ld ps; ld why plain-board; log_of plain main'
check "and what asks for one does not run, with the reason" 'within 20 eval "ld why proud-board | grep -q \"does not let limpetd start what has the label\"" &&
    ! ps_says proud-board "1/1"' 'ld ps; ld why proud-board'
check "what ran goes on" 'runs own' 'ld ps'
[ $fail = 0 ] || { tail -n 30 /run/agent.log; dmesg | grep avc | tail -n 30; }
echo "# until $(now) s"
exit $fail
