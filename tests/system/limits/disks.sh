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

# Two that read all the time, past the cache. A guest's disk is slow enough (see the head of run.sh) that they wait for it
# and not for the processor.
rounds() { lp logs "$1" | tail -n 1; }
# reads POD RESOURCES: reads a file of 8 MiB, again and again, and counts.
reads() {
    pod "$1" "trap 'exit 0' TERM; head -c 8M /dev/zero >/d/file; sync; echo 0; until [ -e /d/go ]; do sleep 0.1; done
        while dd if=/d/file of=/dev/null bs=128k iflag=direct 2>/dev/null; do n=\$((n + 1)); echo \$n; done" |
        jq --argjson resources "$2" '.spec.nodeName = "a" | .spec.volumes = [{name: "d", emptyDir: {}}]
            | .spec.containers[0].volumeMounts = [{name: "d", mountPath: "/d"}]
            | .spec.containers[0].resources = $resources' | apply >/dev/null
}
shared() {
    [[ -d /run/guest ]] || return 0
    reads few '{}'
    reads many '{"requests": {"cpu": "500m"}}'
    within 30 "a pod that asked for nothing" matches '^0$' lp logs few
    within 30 "beside one that asked for half a processor" matches '^0$' lp logs many
    local name few many
    for name in many few; do ld a exec "$name" -- touch /d/go; done
    reached() { [[ $(rounds many) -ge 24 ]]; }
    within 60 "that reads 192 MiB" reached
    few=$(rounds few) many=$(rounds many)
    echo "     $few and $many times 8 MiB"
    is "a disk that is busy is shared by what they asked for" "$((many > 4 * few))" 1
    lp delete pod few many --grace-period=1 >/dev/null
}
