#!/bin/sh
# timeout: 240
# Containers as they see themselves, and keepers through every death: agent/runtime and agent/keeper on a real
# kernel, cgroup v1, hybrid or v2. POSIX sh and busybox only, so that a guest without a distribution runs it.
# LIMPET_BUILD: the folder of
# the programs; LIMPET_SRC: the tree; TEST_TMP: a folder of our own; EMULATED=1 where the processor is emulated: what
# takes a promised time may take five times as long there. Exit 0 pass, 77 skip (reason last).
set -u

BUILD=${LIMPET_BUILD:?}
T=${TEST_TMP:?}/runtime
DRIVER=$BUILD/runtime-driver
PROBE=$BUILD/runtime-probe
KEEPER=$BUILD/limpet-keeper
GROUP=limpet-test/runtime$$
[ "$(id -u)" = 0 ] || { echo "skip: needs root"; exit 77; }
BUSYBOX=${BUSYBOX:-$(command -v busybox)} || { echo "skip: needs busybox (busybox-static)"; exit 77; }

SLOWER=${EMULATED:+5}
SLOWER=${SLOWER:-1}

passed=0 failed=0
ok() { passed=$((passed + 1)); echo "ok - $1"; }
bad() { failed=$((failed + 1)); echo "not ok - $1"; [ $# -lt 2 ] || echo "     $2"; }
# is <what> <got> <wanted>
is() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "got: $2 | wanted: $3"; fi; }
# has <what> <text> <pattern of grep -E>
has() { if printf '%s\n' "$2" | grep -Eq -- "$3"; then ok "$1"; else bad "$1" "no /$3/ in: $2"; fi; }
hasnt() { if printf '%s\n' "$2" | grep -Eq -- "$3"; then bad "$1" "found /$3/ in: $2"; else ok "$1"; fi; }

# ---- time ----
# soon <command>...: until it succeeds; false after 30 s or more.
soon() {
    left=300
    until "$@" >/dev/null 2>&1; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.1
    done
}
# The driver's clock, in ms.
now() { read -r up _ </proc/uptime; echo "${up%.*}${up#*.}0"; }
# in_time <what> <from> <until, or nothing> <promised ms>
in_time() {
    took=$((${3:-$2} - $2))
    if [ -z "$3" ]; then
        bad "$1" "never"
    elif [ $took -le $(($4 * SLOWER)) ]; then
        ok "$1"
    else
        bad "$1" "too late"
    fi
    echo "     $took ms of $4 ms"
}

# ---- the driver ----
# What its containers may open: soft and hard limit. Who may not have more has what he was given.
FILES="65536 524288"
if ! (ulimit -Hn 524288 && ulimit -Sn 65536) 2>/dev/null; then
    FILES=$(ulimit -Hn)
    FILES="$((FILES < 65536 ? FILES : 65536)) $FILES"
fi
driver_pid=
driver_start() {
    rm -f "$T/in"; mkfifo "$T/in"
    : >>"$T/out"
    lines=$(wc -l <"$T/out")
    (ulimit -Sn 1000 && exec "$DRIVER" "$KEEPER" "$T/run" "$GROUP" <"$T/in" >>"$T/out" 2>>"$T/err") &
    driver_pid=$!
    exec 3>"$T/in"
    await '^ready|^error'
}
say() { lines=$(wc -l <"$T/out"); echo "$*" >&3; }
new_output() { tail -n +$((lines + 1)) "$T/out"; }
# await <pattern>: in what came since the last `say`
await() { soon came "$1" || { echo "     never came: /$1/"; return 1; }; }
came() { new_output | grep -Eq -- "$1"; }
# came_at <pattern>: when it did, by the driver's clock
came_at() { new_output | awk -v p="$1" '/^at / { at = $2 } $0 ~ p { print at; exit }'; }
newest() { grep -E "^(report|last) $1 " "$T/out" | tail -n 1; }

pod() { cat >"$T/pods/$1"; printf 'uid %s\nstate %s\n%s\n' "$1" "$T/state/$1" "$(cat "$T/pods/$1")" >"$T/pods/$1"; }
go() { say "spawn $T/pods/$1"; await "^report $1 sandbox|^error" && say "go $1"; }
run() { go "$1" && await "^report $1 ended"; }
gone() { say "remove $1"; await "^gone $1 "; }
# what container <log> printed
output() { sed 's/^[^ ]* [^ ]* [FP] //' "$T/log/$1" 2>/dev/null; }
printed() { output "$1" | grep -Eq -- "$2"; } # <log> <pattern>
keeper_of() { newest "$1" | sed 's/.* keeper=\([0-9]*\).*/\1/'; }
# pid of container <name> of pod <uid>
pid_of() { newest "$1" | tr '|' '\n' | sed -n "s/^ *$2 .* pid=\([0-9]*\).*/\1/p"; }

# A zombie that its new parent has not reaped yet is dead.
alive() { [ -n "$1" ] && grep -Eqs '^State:.[^Z]' "/proc/$1/status"; }
groups_left() { find /sys/fs/cgroup -type d -path "*/$GROUP/*" 2>/dev/null | grep -v '/keepers$'; }
no_groups() { [ -z "$(groups_left)" ]; }
processes_of() { grep -l "$T/" /proc/[0-9]*/cmdline 2>/dev/null; }

cleanup() {
    exec 3>&-
    [ -z "$driver_pid" ] || wait "$driver_pid" 2>/dev/null
    for file in "$T"/run/*/keeper.pid; do
        [ -f "$file" ] && kill -9 "$(head -n 1 "$file")" 2>/dev/null
    done
    soon no_groups
    find /sys/fs/cgroup -depth -type d -path "*/$GROUP*" -exec rmdir {} \; 2>/dev/null
    find /sys/fs/cgroup -depth -type d -name limpet-test -exec rmdir {} \; 2>/dev/null
}
trap cleanup EXIT

# ---- an image ----
rm -rf "$T"
mkdir -p "$T/pods" "$T/run" "$T/state" "$T/log" "$T/top/etc" "$T/layer/bin" "$T/layer/etc" "$T/layer/tmp" "$T/layer/proc"
cp "$BUSYBOX" "$T/layer/bin/busybox"
cp "$PROBE" "$T/layer/bin/probe"
for applet in sh cat ls id ps mount hostname pwd env sleep echo grep readlink ip touch mkdir chmod kill dd ln seq true false stat rm head wc test; do
    ln -s busybox "$T/layer/bin/$applet"
done
chmod 1777 "$T/layer/tmp"
cat >"$T/layer/etc/passwd" <<'X'
root:x:0:0:root:/root:/bin/sh
app:x:1000:1000:app:/home/app:/bin/sh
huge:x:4294967296:0::/:/bin/sh
X
cat >"$T/layer/etc/group" <<'X'
root:x:0:
app:x:1000:
staff:x:50:app
X
echo lower >"$T/layer/etc/which"
echo upper >"$T/top/etc/which"
printf '#!/no/such/interpreter\n' >"$T/layer/bin/script"
chmod 755 "$T/layer/bin/script"

# common <log> <shell text>: a container of the usual kind
common() {
    printf 'layer %s\nlayer %s\nenv PATH=/bin\nlog %s/%s 0 0\narg sh\narg -c\narg %s\n' \
        "$T/layer" "$T/top" "$T/log" "$1" "$2"
}

driver_start || { cat "$T/out" "$T/err"; echo "the driver does not start"; exit 1; }

. "${LIMPET_SRC:?}/tests/system/runtime/inside.sh"
. "$LIMPET_SRC/tests/system/runtime/lives.sh"
. "$LIMPET_SRC/tests/system/runtime/deaths.sh"

exec 3>&-
wait "$driver_pid"
driver_pid=
soon no_groups
is "no control group is left" "$(groups_left)" ""
is "no process is left" "$(processes_of)" ""
is "no mount is left" "$(grep -F "$T/" /proc/self/mountinfo)" ""
is "no run folder is left" "$(ls "$T/run")" ""
echo "$passed checks passed, $failed failed"
if [ $failed -gt 0 ]; then
    tail -n 40 "$T/out" "$T/err"
    exit 1
fi
