# shellcheck shell=bash
# Taking a quick start away: the agent's own way first (limpetd teardown), then by hand what a crash or missing
# programs left. Sourced by tools/quickstart.

down() {
    need_root "ends processes and removes mounts, control groups and a bridge"
    if [[ ! -e $DIR && ! -e $RUN ]] && [[ -z $(left) ]]; then
        remove_build
        note "nothing is there"
        return
    fi
    if [[ -e $DIR && ! -e $DIR/.quickstart ]]; then
        die "$DIR was not made by $TOOL: not touched"
    fi
    say "ending gateway and agent"
    stop_all
    say "ending the pods, removing network and mounts"
    if [[ -x $PROGRAMS/sbin/limpetd && -f $DIR/limpetd.yaml ]]; then
        timeout 60 "$PROGRAMS/sbin/limpetd" --config "$DIR/limpetd.yaml" teardown || true
    fi
    sweep
    say "removing $DIR"
    # No other file system: a mount that is left must not lose its files.
    rm -rf --one-file-system "$DIR" "$RUN"
    remove_build
    if [[ -n $(left) || -e $DIR || -e $RUN ]]; then
        left >&2
        die "this is left (see above); run $TOOL --down$DIR_OPTION again"
    fi
    note "nothing is left"
}

# Quick starts in folders of their own may share the build.
remove_build() {
    if [[ $DIR == "$DEFAULT_DIR" && -d $BUILD_DIR ]]; then
        rm -rf "$BUILD_DIR"
        rmdir "$BUILD_ROOT" 2>/dev/null || true # other builds may be in it
    fi
}

# In case teardown could not do it.
sweep() {
    local i pid mount table
    for ((i = 0; i < 20; i++)); do
        [[ -n $(pod_processes) ]] || break
        for pid in $(pod_processes); do kill -9 "$pid" 2>/dev/null || true; done
        sleep 0.1
    done
    for mount in $(mounts); do umount -l "$mount" || true; done
    groups | sort -r | while IFS= read -r mount; do rmdir "$mount" 2>/dev/null || true; done
    if ip link show "$BRIDGE" >/dev/null 2>&1; then ip link del "$BRIDGE" || true; fi
    for table in $(tables); do nft delete table ip "$table" || true; done
    if [[ -f $RUN/node/ip_forward_was_off ]]; then echo 0 >/proc/sys/net/ipv4/ip_forward; fi
    if [[ -f $DIR/groups.mounted ]]; then unmount_groups; fi
}

# What was mounted for us stays as long as somebody else has groups in it.
unmount_groups() {
    if [[ $(find /sys/fs/cgroup -maxdepth 1 -mindepth 1 -type d | wc -l) -gt 0 ]]; then
        note "/sys/fs/cgroup stays mounted: others have control groups there"
    elif findmnt -rn -t cgroup2 /sys/fs/cgroup >/dev/null; then
        umount /sys/fs/cgroup
    fi
}

# Keepers and what runs in pods, by their control group.
pod_processes() {
    grep -lE ":/$CGROUP(/|\$)" /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3 || true
}
mounts() {
    awk -v a="$DIR/" -v b="$RUN/" 'index($5 "/", a) == 1 || index($5 "/", b) == 1 { print $5 }' /proc/self/mountinfo |
        sort -r
}
groups() {
    find /sys/fs/cgroup -type d \( -path "/sys/fs/cgroup/$CGROUP" -o -path "/sys/fs/cgroup/$CGROUP/*" \
        -o -path "/sys/fs/cgroup/*/$CGROUP" -o -path "/sys/fs/cgroup/*/$CGROUP/*" \) 2>/dev/null || true
}
tables() {
    nft list tables 2>/dev/null | awk -v t="limpet-$BRIDGE" '$3 == t { print $3 }' || true
}

# left: what there is outside the folder, a line each.
left() {
    pod_processes | sed 's/^/process /'
    brokers | sed 's/^/broker, process /'
    mounts | sed 's/^/mount /'
    groups | sed 's/^/control group /'
    if ip link show "$BRIDGE" >/dev/null 2>&1; then echo "interface $BRIDGE"; fi
    tables | sed 's/^/rules, table /'
}
