# shellcheck shell=bash
# Static pods that are taken away while their agent and their keeper are both dead. Sourced by run.sh.

# static_pod NAME: with volumes on disk and in memory, each with a file.
static_pod() {
    pod "$1" 'echo up; echo x >/disk/file; echo x >/memory/file; trap "exit 0" TERM; while :; do sleep 1; done' |
        jq '.spec.volumes = [{name: "disk", emptyDir: {}}, {name: "memory", emptyDir: {medium: "Memory"}}] |
            .spec.containers[0].volumeMounts = [{name: "disk", mountPath: "/disk"}, {name: "memory", mountPath: "/memory"}]' \
            >"$STAND/b/manifests/$1.json"
}
# traces UID: what there is of a pod on node b.
traces() {
    find "$STAND"/b/{state/pods,run/pods,run/volumes,run/status,log} -mindepth 1 -maxdepth 1 -name "*$1*"
    grep -F "/$1/" /proc/self/mountinfo
}
# kill_both POD: agent and keeper of node b.
kill_both() {
    node_kill b
    kill -9 "$(keepers b "$1")"
    poll 5 fails has_processes_of "$2"
}
has_processes_of() { grep -lqF "/pod$1" /proc/[0-9]*/cgroup 2>/dev/null; }

leftovers() {
    local kiosk stays before link=11111111-2222-3333-4444-555555555555
    static_pod kiosk
    static_pod stays
    within 15 "static pods run" runs_on b kiosk-b
    within 15 "both of them" runs_on b stays-b
    kiosk=$(local_pod b kiosk-b .metadata.uid)
    stays=$(local_pod b stays-b .metadata.uid)
    within 5 "with a volume in memory" grep -qF "/$kiosk/volumes/memory" /proc/self/mountinfo
    is "what a pod has: state, keeper, volumes, status, logs, a mount" "$(traces "$kiosk" | wc -l)" 6

    # A manifest that cannot be read is not one that is not there.
    kill_both kiosk-b "$kiosk"
    echo 'kind: [' >"$STAND/b/manifests/kiosk.json"
    before=$(traces "$kiosk" | grep -v /run/pods/)
    node_start b
    within 10 "manifest torn: the other pod is there" runs_on b stays-b
    sleep 1
    is "manifest torn: all of the pod stays" "$(traces "$kiosk")" "$before"

    # Names that are not ours, and links by names that could be.
    node_kill b
    mkdir -p "$STAND/b/state/pods/notes" "$STAND/elsewhere/volumes/precious"
    mount -t tmpfs elsewhere "$STAND/elsewhere/volumes/precious"
    touch "$STAND/elsewhere/volumes/precious/file"
    for before in state/pods run/volumes; do ln -s "$STAND/elsewhere" "$STAND/b/$before/$link"; done
    ln -s "$STAND/elsewhere" "$STAND/b/log/default_web_$link"
    rm "$STAND/b/manifests/kiosk.json"
    before=$(fingerprint b stays-b)
    node_start b
    within 10 "manifest gone: nothing of the pod is left" equals "" traces "$kiosk"
    within 10 "links by such names go" equals "" traces "$link"
    is "what they led to stays" "$(ls "$STAND/elsewhere/volumes/precious")" file
    is "a folder of another name stays" "$(ls "$STAND/b/state/pods" | grep notes)" notes
    is "a pod that is wanted keeps all" "$(traces "$stays" | wc -l)" 6
    is "and was not touched" "$(fingerprint b stays-b)" "$before"
    umount "$STAND/elsewhere/volumes/precious"
    rm "$STAND/b/manifests/stays.json"
    within 15 "a pod that goes while all live leaves nothing either" equals "" traces "$stays"
}
