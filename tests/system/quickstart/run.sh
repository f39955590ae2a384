#!/usr/bin/env bash
# timeout: 120
# tools/quickstart: up, again, after a crash of everything, down without a trace, down again; and where nobody has
# mounted control groups, as on a Debian without systemd. On the programs that are built already.
set -u

Q=$TEST_TMP/q
TOOL=$LIMPET_SRC/tools/quickstart
FAILED=0
ok() { echo "ok - $1"; }
bad() { FAILED=1; echo "not ok - $1"; printf '%s\n' "${@:2}" | tail -n 30 | sed 's/^/     /'; }
is() { if [[ $2 == "$3" ]]; then ok "$1"; else bad "$1" "got:    $2" "wanted: $3"; fi; }
has() { if grep -Eq -- "$3" <<<"$2"; then ok "$1"; else bad "$1" "no /$3/ in: $2"; fi; }

[[ $EUID -eq 0 ]] || { echo "must run as root"; exit 77; }
TAIL=$(printf '%s' "$Q" | sha256sum | cut -c1-6)
PORT=${2:-}
if [[ -z $PORT ]]; then
    exec {PORTS}< <(exec env -i "$LIMPET_BUILD/test-ports" 3)
    read -r PORT <&"$PORTS" || { echo "no ports"; exit 1; }
fi

quickstart() { timeout 100 "$TOOL" --no-install --no-build --dir "$Q" "$@" 2>&1 </dev/null; }
# everything that it could leave, by the names that only this one has
traces() {
    find /sys/fs/cgroup -type d -name "limpet-quickstart$TAIL*"
    grep -F "$Q/" /proc/self/mountinfo
    grep -F "/run/limpet-quickstart$TAIL" /proc/self/mountinfo
    ip -o link show | grep -o "limpetq$TAIL"
    nft list tables | grep -F "limpetq$TAIL"
    ls -d "$Q" "/run/limpet-quickstart$TAIL" 2>/dev/null
    pgrep -af "$Q/"
}
kill_all() {
    local pid
    for pid in $(head -qn 1 "$Q"/*.pid "$Q/gateway/broker/pid"); do kill -9 "$pid"; done
}
put_programs() {
    mkdir -p "$Q/programs"/{bin,sbin,libexec/limpet}
    touch "$Q/.quickstart"
    cp "$LIMPET_BUILD/limpet" "$Q/programs/bin"
    cp "$LIMPET_BUILD"/limpet{d,-controller} "$Q/programs/sbin"
    cp "$LIMPET_BUILD"/limpet-{keeper,fetch} "$Q/programs/libexec/limpet"
}
# Mount and control group namespace of its own, a group of its own as the root. The group can go only after the last of
# its processes, which may still be on its way out.
in_bare_machine() {
    local tree group
    tree=$(findmnt -rno TARGET -t cgroup2 | head -n 1)
    group=$tree/limpet-quickstart$TAIL-bare
    mkdir "$group"
    (echo "$BASHPID" >"$group/cgroup.procs" && exec unshare --mount --cgroup "$0" bare "$PORT") || FAILED=1
    for _ in {1..50}; do
        rmdir "$group" 2>/dev/null && return
        sleep 0.1
    done
}
bare_machine() {
    local before out
    umount -R /sys/fs/cgroup
    before=$(</proc/self/mountinfo)
    put_programs
    out=$(quickstart --port "$PORT")
    is "it comes up where no control groups are mounted" "$?" 0
    has "and says that it mounts them" "$out" 'mounting control groups'
    out=$(quickstart --down)
    is "--down" "$?" 0
    is "takes them away again" "$(</proc/self/mountinfo)" "$before"
}
trap 'quickstart --down >/dev/null' EXIT
chmod 0755 "$TEST_TMP"
if [[ ${1:-} == bare ]]; then
    bare_machine
    exit $FAILED
fi

put_programs
out=$(quickstart --port "$PORT"); code=$?
is "it comes up" "$code" 0
[[ $code -eq 0 ]] || { bad "why not" "$out" "$(tail -n 5 "$Q"/*.log)"; exit 1; }
has "it shows the pod's log" "$out" 'Hello, world, from hello'
has "it says what to try next" "$out" "KUBECONFIG=$Q/gateway/admin.kubeconfig"
# What it says to try, tried: the lines of mosquitto_rr, and the nodes with gateway and broker dead.
said=$(sed -n '/^ *mosquitto_rr/,/[^\\]$/p' <<<"$out")
hasnt() { if grep -Eq -- "$3" <<<"$2"; then bad "$1" "there is /$3/ in: $2"; else ok "$1"; fi; }
hasnt "the broker's certificate is checked in what it says" "$said" '--insecure'
has "the mosquitto_rr that it says works" "$(timeout 20 bash -c "$said" 2>&1)" '"ok": *true'
killing=$(sed -n 's/.*dead (\(kill -9 [0-9 ]*\)):$/\1/p' <<<"$out")
has "it says whom to kill" "$killing" '^kill -9 [0-9]+ [0-9]+$'
$killing
for _ in {1..100}; do
    pgrep -f "$Q/gateway/broker/|limpet-controller --config $Q/" >/dev/null || break
    sleep 0.1
done
is "then gateway and broker are dead" "$(pgrep -cf "$Q/gateway/broker/|limpet-controller --config $Q/")" 0
has "and what it says for the node works" "$("$Q/programs/sbin/limpetd" --config "$Q/limpetd.yaml" ps)" 'hello +1/1 +Running'
is "without colours, as this is no terminal" "$(grep -c $'\e' <<<"$out")" 0
out=$(quickstart); code=$?
is "after kill -9 of gateway and broker it comes up again" "$code" 0
before=$("$Q/programs/bin/limpet" --kubeconfig "$Q/gateway/admin.kubeconfig" get pod hello -o json | jq -c '[.metadata.uid, .status.containerStatuses[0].state]')
start=$SECONDS
out=$(quickstart); code=$?
is "a second run is fine" "$code" 0
is "and quick" "$((SECONDS - start < 15))" 1
kill_all
out=$(quickstart); code=$?
is "after kill -9 of gateway, broker and agent it comes up again" "$code" 0
is "and the pod ran all the while" "$("$Q/programs/bin/limpet" --kubeconfig "$Q/gateway/admin.kubeconfig" get pod hello -o json |
    jq -c '[.metadata.uid, .status.containerStatuses[0].state]')" "$before"
kill_all
out=$(quickstart --down); code=$?
is "--down after a crash" "$code" 0
is "nothing is left" "$(traces)" ""
in_bare_machine
is "nothing is left" "$(traces)" ""
has "--down again" "$(quickstart --down)" 'nothing is there'
mkdir -p "$Q"
echo mine >"$Q/file"
has "a folder with something else in it is not touched" "$(quickstart)$(quickstart --down)" 'not empty.*|not touched'
is "really not" "$(ls "$Q")" file
rm -r "$Q"
trap - EXIT
exit $FAILED
