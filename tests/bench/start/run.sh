#!/bin/sh
# timeout: 600
# Start to exit of /bin/true from the same image: the floor (what the kernel takes), Limpet through its keeper,
# Debian's crun. One after the other in turns, each start apart from the last.
set -eu
BUILD=${LIMPET_BUILD:?} T=${TEST_TMP:?} ROUNDS=${BENCH_ROUNDS:-5} STARTS=${BENCH_STARTS:-20} GAP=20
[ "$(id -u)" = 0 ] || { echo "needs root"; exit 77; }
BUSYBOX=$(command -v busybox) || { echo "needs busybox-static"; exit 77; }
# As on a node, whose /run is a tmpfs.
RUN=/dev/shm/limpet-bench$$
[ -d /dev/shm ] || RUN=$T/run
trap 'rm -rf "$RUN"' EXIT
mkdir -p "$T/layer/bin" "$T/layer/proc" "$T/floor" "$T/limpet"
cp "$BUSYBOX" "$T/layer/bin/busybox"
ln -sf busybox "$T/layer/bin/true"

# A bundle of crun's usual profile.
crun_bundle() {
    rm -rf "$T/crun" && mkdir -p "$T/crun"
    (cd "$T/crun" && crun spec && sed -i \
        -e 's/"terminal": true/"terminal": false/' -e 's/"sh"/"\/bin\/true"/' \
        -e "s|\"path\": \"rootfs\"|\"path\": \"$T/layer\"|" config.json)
}
# crun_times <n>: microseconds of each. crun refuses a hybrid host whose unified tree has a controller: it runs
# in a mount namespace without that tree.
crun_times() {
    unshare -m sh -c '
        umount /sys/fs/cgroup/unified 2>/dev/null
        cd "$1/crun" || exit 1
        n=0
        while [ $n -lt "$2" ]; do
            begin=$(date +%s%N)
            crun run "limpet-bench-$$" >/dev/null 2>"$1/crun.err" || exit 1
            end=$(date +%s%N)
            echo $(((end - begin) / 1000))
            sleep 0.02
            n=$((n + 1))
        done' sh "$T" "$1"
}
have_crun=
if command -v crun >/dev/null && crun_bundle && crun_times 1 >/dev/null; then have_crun=1; fi
[ -n "$have_crun" ] || echo "crun does not run here: no ratio to it"

: >"$T/floor.us"
: >"$T/limpet.us"
: >"$T/crun.us"
p50() { sed -n "s/^$1 .*p50_us=\([0-9]*\).*/\1/p"; }
round=0
while [ $round -lt "$ROUNDS" ]; do
    "$BUILD/bench-floor" "$T/floor" "$T/layer" "$STARTS" $GAP | p50 floor-start-to-exit >>"$T/floor.us"
    "$BUILD/bench-start" "$BUILD/limpet-keeper" "$T/limpet" "$RUN" "$T/layer" "$STARTS" $GAP >"$T/out"
    cat "$T/out"
    p50 limpet-start-to-exit <"$T/out" >>"$T/limpet.us"
    [ -z "$have_crun" ] || crun_times 5 >>"$T/crun.us"
    round=$((round + 1))
done

median() { sort -n "$1" | awk '{ a[NR] = $1 } END { if (NR) print a[int((NR + 1) / 2)] }'; }
figure() { printf 'figure\t%s\t%s\t%s\t%s\n' "$1" "$2" "$3" "${4:-}"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }
ms() { awk -v a="$1" 'BEGIN { printf "%.2f", a / 1000 }'; }
floor=$(median "$T/floor.us") limpet=$(median "$T/limpet.us") crun=$(median "$T/crun.us")
figure "floor, start to exit" "$(ms "$floor")" ms
figure "limpet, start to exit" "$(ms "$limpet")" ms "<= 4.5"
figure "limpet / floor" "$(ratio "$limpet" "$floor")" x "<= 1.3"
if [ -n "$crun" ]; then
    figure "crun, start to exit" "$(ms "$crun")" ms
    figure "limpet / crun" "$(ratio "$limpet" "$crun")" x "<= 0.15"
fi
