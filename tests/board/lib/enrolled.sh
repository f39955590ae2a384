# shellcheck shell=bash
# Disks of guests that were enrolled once. Sourced by a test's prepare, bash; LIMPET_SRC, LIMPET_BUILD (programs for
# this machine), TEST_TMP: a folder.
#
#   enrolled_begin         a gateway on this machine, and the node board; then `pod NAME SCRIPT | apply` and so on
#   enrolled_end IMAGE ARCH [SIZE]
#                          ends them, and makes IMAGE: /data of the guest with the node's identity, what it was told, an
#                          archive for ARCH with a layer in zstd that no one has loaded yet, the configuration
#                          limpetd.yaml and the folder manifests, and what is in $ENROLLED by then

# shellcheck source=tests/system/lib/stand.sh
. "$LIMPET_SRC/tests/system/lib/stand.sh"
ENROLLED=$TEST_TMP/disk

enrolled_begin() {
    stand_up here board
    mkdir -p "$ENROLLED"/{manifests,state/images,log}
}

enrolled_end() {
    if [[ $CASES_FAILED -gt 0 ]]; then
        lp get pods -o wide
        lp get events
        tail -n 30 "$STAND/board/agent.log" "$GW/log"
    fi 2>&1
    node_stop board
    cp -a "$STAND/board/state"/{identity,desired} "$ENROLLED/state/"
    {
        grep -E '^(node|gateway|busPort|enrollPort):' "$STAND/board/config.yaml"
        printf '%s: %s\n' manifestDir /data/manifests stateDir /data/state logDir /data/log libexecDir /usr/bin
    } >"$ENROLLED/limpetd.yaml"
    "$LIMPET_SRC/tools/image" --zstd --name busybox:latest "$2" "$ENROLLED/state/images/busybox.tar" ||
        bad "an image for $2"
    stand_down_all
    trap - EXIT
    mke2fs -q -F -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 -d "$ENROLLED" "$1" "${3:-64M}"
    [[ $CASES_FAILED -eq 0 ]]
}
