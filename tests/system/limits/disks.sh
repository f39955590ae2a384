# shellcheck shell=bash
# Shares of the disks: the weight that a pod has, and what it is worth where the disk is the bottleneck. Sourced by run.sh.

# the_weight POD: as the scheduler of the machine's disks has it, or "no …".
the_weight() {
    local file weight
    weight=$(group "$1" blkio blkio.bfq.weight)
    for file in io.bfq.weight io.weight; do
        [[ $weight != no* ]] || weight=$(group "$1" unified "$file")
    done
    echo "${weight#default }"
}

weights() {
    with disks '{"requests": {"cpu": "1"}}' | apply >/dev/null
    within 30 "pod disks runs" running disks
    if [[ $(the_weight disks) == no* ]] && ! grep -q '\[bfq\]' /sys/block/*/queue/scheduler; then
        echo "no disk here has a scheduler that knows weights"
    else
        is "a share of the disks goes with that of the processors" "$(the_weight disks)" 39
    fi
    lp delete pod disks >/dev/null
}

# A disk of 32 MiB in memory that reads 8 MB a second, in a guest: the processor is not what the two wait for there.
SLOW=/sys/kernel/config/nullb/limpet
slow_disk_make() {
    modprobe null_blk nr_devices=0 && mkdir "$SLOW" || return 1
    local setting
    for setting in size=32 memory_backed=1 mbps=8 power=1; do
        echo "${setting#*=}" >"$SLOW/${setting%=*}" || return 1
    done
    SLOW_NAME=/dev/nullb$(cat "$SLOW/index")
    mkfs.ext4 -q "$SLOW_NAME" && mkdir -p "$STAND/slow" && mount "$SLOW_NAME" "$STAND/slow" || return 1
    head -c 8M /dev/zero >"$STAND/slow/few" && cp "$STAND/slow/few" "$STAND/slow/many"
    echo bfq >"/sys/block/${SLOW_NAME#/dev/}/queue/scheduler"
}
slow_disk_take_away() {
    umount -l "$STAND/slow" 2>/dev/null
    [[ ! -d $SLOW ]] || { echo 0 >"$SLOW/power"; rmdir "$SLOW"; }
}
rounds() { lp logs "$1" | tail -n 1; }
# reads POD RESOURCES: reads its file past the cache, again and again, and counts.
reads() {
    pod "$1" "trap 'exit 0' TERM; until [ -e /slow/go ]; do sleep 0.1; done
        while dd if=/slow/$1 of=/dev/null bs=128k count=16 iflag=direct 2>/dev/null; do n=\$((n + 1)); echo \$n; done" |
        jq --arg path "$STAND/slow" --argjson resources "$2" '.spec.nodeName = "a"
            | .spec.volumes = [{name: "slow", hostPath: {path: $path}}]
            | .spec.containers[0].volumeMounts = [{name: "slow", mountPath: "/slow"}]
            | .spec.containers[0].resources = $resources' | apply >/dev/null
}
shared() {
    [[ -d /run/guest ]] || return 0
    slow_disk_make || { bad "a slow disk in the guest" "$(dmesg | tail -n 3)"; return; }
    reads few '{}'
    reads many '{"requests": {"cpu": "500m"}}'
    within 30 "a pod that asked for nothing reads" running few
    within 30 "beside one that asked for half a processor" running many
    touch "$STAND/slow/go"
    reached() { [[ $(rounds many) -ge 40 ]]; }
    within 60 "it reads 80 MiB" reached
    local few many
    few=$(rounds few) many=$(rounds many)
    echo "     of a disk that is busy: ${few:-0} and $many parts"
    is "a disk that is busy is shared by what they asked for" "$((many > 4 * ${few:-0}))" 1
    lp delete pod few many --grace-period=1 >/dev/null
    within 30 "they end" equals "" eval "lp get pods -o name | grep -E 'few|many'"
    slow_disk_take_away
}
