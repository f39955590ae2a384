#!/bin/sh
# guest: --arch arm64 --cgroup v2 --memory 192 --package apparmor --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# guest-long: --arch x86_64 --cgroup v2 --memory 192 --package apparmor --disk disk.img --add $LIMPET_SRC/tests/board/lib=/test/lib
# prepare: $LIMPET_SRC/tests/board/apparmor.d/prepare disk.img $ARCH
# timeout: 300
# Pods on a kernel with AppArmor: each container runs under the profile that it asks for, programs that are begun in it
# later too, and what the profile denies is denied; a pod whose profile is not loaded does not run.
# shellcheck disable=SC2317 # check calls them
# shellcheck source=tests/board/lib/node.sh
. /test/lib/node.sh

# profile NAME FILE: all but writing FILE.
profile() {
    printf 'profile %s flags=(attach_disconnected,mediate_deleted) {\n  file, network, capability, signal, unix, umount,\n  deny %s w,\n}\n' \
        "$1" "$2"
}
localhost() { echo "securityContext: {appArmorProfile: {type: Localhost, localhostProfile: $1}}"; }
type() { echo "securityContext: {appArmorProfile: {type: $1}}"; }
# Tells what it runs under and what it may write, and goes on.
# shellcheck disable=SC2016
TRY='cat /proc/self/attr/current; for f in guest default free; do echo x >/$f && echo "wrote $f"; done; echo end; '$IDLE
# log_of POD CONTAINER: in one line, when it has come to its end.
ended() { ld logs "$1-board" "$2" | grep -qx end; }
log_of() {
    within 20 ended "$1" "$2"
    ld logs "$1-board" "$2" | tr '\n' ' '
}

mount -t securityfs securityfs /sys/kernel/security
mkdir -p /etc/apparmor.d
{ profile limpet-guest /guest; profile limpet-default /default; } >/run/profiles
check "the kernel has AppArmor" '[ "$(cat /sys/module/apparmor/parameters/enabled)" = Y ]'
check "and takes profiles" 'apparmor_parser --config-file /dev/null -K -a /run/profiles' 'cat /run/profiles'

{
    container own "$TRY" "$(localhost limpet-guest)"
    container usual "$TRY" "$(type RuntimeDefault)"
    container free "$TRY" "$(type Unconfined)"
    container none "$TRY"
    container mighty "$TRY" 'securityContext: {privileged: true, appArmorProfile: {type: RuntimeDefault}}'
} | static shown
container main "$TRY" | static whole "$(localhost limpet-guest)"
container main "$TRY" | ANNOTATIONS='container.apparmor.security.beta.kubernetes.io/main: localhost/limpet-guest' static noted
container main "$TRY" "$(localhost limpet-nobody-has-it)" | static missing
agent_start
check "the pods run" 'within 60 runs shown && within 20 runs whole && within 20 runs noted' 'ld ps'
check "Localhost: under that profile, which denies what it denies" '
    [ "$(log_of shown own)" = "limpet-guest (enforce) sh: can'"'"'t create /guest: Permission denied wrote default wrote free end " ]' 'log_of shown own'
check "RuntimeDefault: under the default of the node" '
    [ "$(log_of shown usual)" = "limpet-default (enforce) wrote guest sh: can'"'"'t create /default: Permission denied wrote free end " ]' 'log_of shown usual'
for name in free none mighty; do
    check "$name: under none" \
        '[ "$(log_of shown $name)" = "unconfined wrote guest wrote default wrote free end " ]' "log_of shown $name"
done
check "of the whole pod" 'log_of whole main | grep -q "^limpet-guest (enforce)"' 'log_of whole main'
check "by annotation" 'log_of noted main | grep -q "^limpet-guest (enforce)"' 'log_of noted main'
under() { [ "$(ld exec -c "$1" shown-board -- cat /proc/self/attr/current)" = "$2" ]; }
check "so is a program that is begun in it later" \
    'under own "limpet-guest (enforce)" && under usual "limpet-default (enforce)"' \
    'ld exec -c own shown-board -- cat /proc/self/attr/current'
check "and one where there is none is free" 'under none unconfined'

check "what came from the gateway runs confined, too" 'within 20 ps_says told "1/1 +Running" &&
    [ "$(ld exec told -- cat /proc/self/attr/current)" = "limpet-guest (enforce)" ]' 'ld ps; ld why told'
check "a profile that is not loaded: the pod does not run" '
    within 20 ps_says absent "0/1 +AppArmor" && ld why absent | grep -q "Cannot enforce AppArmor: profile \"limpet-nobody-has-it\" is not loaded"' \
    'ld ps; ld why absent'
check "nor does one of the node" '! ps_says missing-board "1/1" && [ -z "$(ld logs missing-board)" ] &&
    ld why missing-board | grep -q "cannot enforce AppArmor profile \"limpet-nobody-has-it\""' 'ld ps; ld why missing-board'
[ $fail = 0 ] || tail -n 30 /run/agent.log
echo "# until $(now) s"
exit $fail
