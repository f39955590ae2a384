#!/bin/sh
# guest: --arch arm64 --cgroup v2 --disk disk.img
# guest-long: --arch x86_64 --cgroup v2 --disk disk.img
# guest-long: --arch arm64 --cgroup v1
# guest-long: --arch arm64 --cgroup hybrid
# The guest itself: what the tests beside this one stand on. A file that was synced survives a power cut.

fail=0
check() {
    if eval "$2"; then echo "ok - $1"; else echo "not ok - $1"; fail=1; fi
}

if [ "$BOOT" = 1 ] && [ -b /dev/vda ]; then
    echo kept >/data/file
    sync
    power-cut
fi
# shellcheck disable=SC2016
[ ! -b /dev/vda ] || check "a synced file survives a power cut" '[ "$BOOT" = 2 ] && [ "$(cat /data/file)" = kept ]'

case $CGROUP in
v2)
    for controller in cpu memory pids cpuset; do
        check "cgroup v2 has $controller" "grep -qw $controller /sys/fs/cgroup/cgroup.controllers"
    done
    ;;
*)
    for controller in cpu memory pids cpuset freezer devices; do
        check "cgroup v1 has $controller" "[ -e /sys/fs/cgroup/$controller/tasks ]"
    done
    ;;
esac
check "the root is not the initramfs, so pivot_root works" 'grep -q "^root / tmpfs" /proc/mounts'
# shellcheck disable=SC2016
check "the root can be entered by all" '[ "$(stat -c %a /)" = 755 ]'
check "overlayfs is there" 'grep -qw overlay /proc/filesystems'
# shellcheck disable=SC2016
check "the guest is small" '[ "$(awk "/MemTotal/ { print \$2 }" /proc/meminfo)" -lt 131072 ]'
exit $fail
