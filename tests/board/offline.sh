#!/bin/sh
# guest: --arch arm64 --cgroup v2 --disk disk.img --boots 12 --qemu -rtc --qemu base=1970-01-01T00:00:05,clock=vm
# guest-long: --arch x86_64 --cgroup v2 --disk disk.img --boots 12 --qemu -rtc --qemu base=1970-01-01T00:00:05,clock=vm
# guest-long: --arch arm64 --cgroup v1 --disk disk.img --boots 12 --qemu -rtc --qemu base=1970-01-01T00:00:05,clock=vm
# prepare: $LIMPET_SRC/tests/board/offline.d/prepare disk.img $ARCH
# timeout: 300
# A node that was enrolled once boots with no network, no gateway and the clock at 1970, again and again: every pod
# it knows runs. The first boot unpacks the image; each one after it follows a power cut, the first when all had
# settled, then in the middle of an image being loaded, manifests and logs being written.
# shellcheck disable=SC2317 # check calls them
CUTS=4 # in the middle of writes
RUNS='^default +(static|first|second)[^ ]* +1/1 +Running '

fail=0
check() {
    if eval "$2"; then echo "ok - $1"; else echo "not ok - $1"; fail=1; fi
}
# began POD: how long the kernel had been running when the pod's container began, in this boot.
began() {
    cat "/data/log/default_$1"*/main.log 2>/dev/null | sed -n "s/^.* stdout F $ID \\([0-9.]*\\) .*/\\1/p" | tail -n 1
}
running() {
    [ "$(limpetd --config /data/limpetd.yaml ps 2>/dev/null | grep -cE "$RUNS")" = 3 ] &&
        [ -n "$(began static)" ] && [ -n "$(began first)" ] && [ -n "$(began second)" ]
}
# all_run SECONDS: within that time all three pods run, and each has said so.
all_run() {
    left=$(($1 * 5))
    until running; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || return 1
        sleep 0.2
    done
}
show_agent() { tail -n 30 /run/agent.log; limpetd --config /data/limpetd.yaml ps; }

pod() {
    sed "s/\"name\": \"static\"/\"name\": \"$1\"/" /data/manifests/static.yaml
}

ID=$(cat /proc/sys/kernel/random/boot_id)
start=$(cut -d' ' -f1 /proc/uptime)
limpetd --config /data/limpetd.yaml run 2>/run/agent.log &
case $BOOT in 1) what='the image is loaded and every pod runs' limit=60 ;; *) what='every pod runs' limit=20 ;; esac
check "boot $BOOT, offline: $what" "all_run $limit"
[ $fail = 0 ] || show_agent
last=$(for name in static first second; do began $name; done | sort -n | tail -n 1)
echo "boot $BOOT: kernel hand-over to agent started $start s, to the last pod running $last s;" \
    "clock $(date -u +%Y-%m-%dT%H:%M:%SZ)"
# shellcheck disable=SC2016
check "boot $BOOT: the clock is wrong" '[ "$(date +%Y)" = 1970 ]'
[ $fail = 0 ] || exit 1

if [ "$BOOT" = 1 ]; then
    power-cut
elif [ "$BOOT" -le $((1 + CUTS)) ]; then
    # The next cut finds an archive half loaded, a manifest half written, a pod coming up.
    rm -f /data/manifests/more.yaml
    cp /data/state/images/busybox.tar /data/again.tar
    limpetd --config /data/limpetd.yaml image load /data/again.tar "again:$BOOT" >/dev/null 2>&1 &
    pod more >/data/manifests/more.yaml
    usleep $(((BOOT - 2) * 300000))
    rm -f /data/manifests/more.yaml
    power-cut
fi
exit $fail
