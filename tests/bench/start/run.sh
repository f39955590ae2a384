#!/usr/bin/env bash
# timeout: 900
# Start to exit of /bin/true from one image: the floor (what the kernel takes), Limpet through its keepers, Debian's
# crun with the same limits and profile. In turns, each start apart from the last; then in hot loops.
set -euo pipefail
# shellcheck source=tests/bench/lib.sh
. "$(dirname "$0")/../lib.sh"
need_root
need_programs busybox jq
T=$TEST_TMP
ROUNDS=${BENCH_ROUNDS:-5} STARTS=${BENCH_STARTS:-20} GAP=20 MANY=64
# As on a node, whose /run is a tmpfs.
RUN=/dev/shm/limpet-bench$$
[[ -d /dev/shm ]] || RUN=$T/run
GROUP=limpet-bench$$
leave_nothing() {
    # A bench that failed leaves its keepers.
    { grep -lF ":/$GROUP/" /proc/[0-9]*/cgroup 2>/dev/null || true; } | cut -d/ -f3 | xargs -r kill -9 || true
    rm -rf "$RUN"
    find /sys/fs/cgroup -depth -type d \( -path "*/$GROUP/*" -o -name "$GROUP" \) -exec rmdir {} + 2>/dev/null || true
}
trap leave_nothing EXIT

make_layer() {
    mkdir -p "$T"/layer/{bin,proc} "$T"/{floor,limpet,us}
    cp "$(command -v busybox)" "$T/layer/bin/busybox"
    ln -sf busybox "$T/layer/bin/true"
}

# crun_bundle: crun's own specification, with the limits that Limpet and the floor set, and the system call filter
# that podman gives it.
crun_bundle() {
    local filter=/usr/share/containers/seccomp.json
    rm -rf "$T/crun" && mkdir -p "$T/crun"
    crun spec -b "$T/crun" 2>/dev/null || (cd "$T/crun" && crun spec)
    [[ -f $filter ]] || {
        filter=$T/filter.json
        echo '{"syscalls": []}' >"$filter"
        remark "crun without a system call filter: Debian's golang-github-containers-common is not installed"
    }
    jq --arg root "$T/layer" --slurpfile filter "$filter" '
        .process.terminal = false | .process.args = ["/bin/true"] | .root.path = $root | .root.readonly = true |
        .linux.resources.memory = {limit: 67108864, swap: 67108864} |
        .linux.resources.cpu = {quota: 100000, period: 100000, shares: 1024} | .linux.resources.pids = {limit: 100} |
        ([$filter[0].syscalls[] | select(.action == "SCMP_ACT_ALLOW" and (.args // [] | length) == 0 and
            .includes.caps == null and .excludes.caps == null) | .names[]]) as $names |
        if ($names | length) > 0 then .linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO",
            syscalls: [{names: $names, action: "SCMP_ACT_ALLOW"}]} else . end |
        if $arch == "x86_64" and .linux.seccomp then
            .linux.seccomp.architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"] else . end' \
        --arg arch "$(uname -m)" "$T/crun/config.json" >"$T/crun/new"
    mv "$T/crun/new" "$T/crun/config.json"
}

# crun_times COUNT GAP. crun refuses a hybrid host whose unified tree has a controller: it runs in a mount
# namespace without that tree. Its root is read-only: it has no overlay of its own.
crun_times() {
    # shellcheck disable=SC2016
    unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null
        exec "$0" crun "$1" "$2" crun run -b "$3" "limpet-bench-$$"' \
        "$LIMPET_BUILD/bench-spawn" "$1" "$2" "$T/crun" 2>"$T/crun.err"
}
floor_times() { "$LIMPET_BUILD/bench-floor" "$@"; }
# limpet_times COUNT GAP CONTAINERS
limpet_times() {
    "$LIMPET_BUILD/bench-start" "$LIMPET_BUILD/limpet-keeper" "$T/limpet" "$RUN" "$GROUP" "$T/layer" "$@"
}

# keep PREFIX: the medians on standard input, each to a file of its name.
keep() {
    tee -a "$T/log" | while read -r name _ rest; do
        sed -n 's/^p50_us=\([0-9]*\).*/\1/p' <<<"$rest" >>"$T/us/$1$name"
    done
}
# ms NAME: of the rounds' medians, the median.
ms() { calc "$(median "$T/us/$1") / 1000"; }
ratio() { calc "$(median "$T/us/$1") / $(median "$T/us/$2")"; }

measure() {
    local round
    for ((round = 0; round < ROUNDS; round++)); do
        floor_times "$T/floor" "$T/layer" "$STARTS" $GAP | keep ''
        floor_times --pod "$T/floor" "$T/layer" "$STARTS" $GAP | keep ''
        limpet_times "$STARTS" $GAP 1 | keep ''
        [[ -z $CRUN ]] || crun_times 10 $GAP | keep ''
        floor_times "$T/floor" "$T/layer" 50 0 | keep hot-
        floor_times --pod "$T/floor" "$T/layer" 50 0 | keep hot-
        limpet_times 50 0 1 | keep hot-
        [[ -z $CRUN ]] || crun_times 10 0 | keep hot-
        limpet_times 4 $GAP $MANY | keep many-
    done
}

report() {
    remark "n = $((ROUNDS * STARTS)) apart by $GAP ms, $((ROUNDS * 50)) in hot loops; medians of the rounds' medians"
    figure "floor: full container" "$(ms floor-start-to-exit)" ms
    figure "floor: container in a pod that is there" "$(ms floor-in-pod)" ms
    figure "limpet: pod with one container" "$(ms limpet-start-to-exit)" ms "<= 4.5"
    figure "limpet: container in a pod that is there" "$(ms limpet-in-pod)" ms "<= 3"
    figure "limpet / floor: pod" "$(ratio limpet-start-to-exit floor-start-to-exit)" x "<= 1.3"
    figure "processor time of a start, all in: floor" "$(ms floor-cpu)" ms
    figure "processor time of a start, all in: limpet, pod" "$(ms limpet-cpu)" ms
    figure "processor time: limpet / floor, pod" "$(ratio limpet-cpu floor-cpu)" x
    figure "hot: floor, full container" "$(ms hot-floor-start-to-exit)" ms
    figure "hot: floor, in a pod" "$(ms hot-floor-in-pod)" ms
    figure "hot: limpet, pod" "$(ms hot-limpet-start-to-exit)" ms
    figure "hot: limpet, container in a pod" "$(ms hot-limpet-in-pod)" ms
    figure "limpet: starts in a pod of $MANY containers" "$(calc "$MANY * 1e6 / $(median "$T/us/many-limpet-in-pod")" %.0f)" /s ">= 700"
    [[ -n $CRUN ]] || return 0
    figure "crun: full profile, same limits" "$(ms crun)" ms
    figure "hot: crun" "$(ms hot-crun)" ms
    figure "processor time of a start, all in: crun" "$(ms crun-cpu)" ms
    figure "processor time: limpet / crun, pod" "$(ratio limpet-cpu crun-cpu)" x
    figure "limpet / crun: pod" "$(ratio limpet-start-to-exit crun)" x "<= 0.15"
    figure "limpet / crun: container in a pod" "$(ratio limpet-in-pod crun)" x
}

make_layer
CRUN=
if ! command -v crun >/dev/null; then
    remark "no crun: no ratio to it"
elif crun_bundle && crun_times 1 0 >/dev/null; then
    CRUN=1
else
    remark "crun does not run here, so there is no ratio to it: $(tail -n 1 "$T/crun.err")"
fi
machine
measure
machine
report
remark "the last round:"
tail -n 20 "$T/log"
