# shellcheck shell=sh
# A node alone in a guest, with the disk of enrolled.sh. Sourced by the guest's script, busybox's sh. $fail is the exit
# code that is due.
# shellcheck disable=SC2317 # check calls them
fail=0
# check WHAT CONDITION [SHOW]: evaluated; SHOW if it does not hold.
check() {
    if eval "$2"; then
        echo "ok - $1"
    else
        echo "not ok - $1"
        [ $# -lt 3 ] || eval "$3" 2>&1 | sed 's/^/     /'
        fail=1
    fi
}
# within SECONDS COMMAND...: it succeeds within that time; thrice as long, since guests share cores with whatever runs.
within() {
    until=$(($(cut -d. -f1 /proc/uptime) + 3 * $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(cut -d. -f1 /proc/uptime)" -lt $until ] || return 1
        sleep 0.2
    done
}
now() { cut -d' ' -f1 /proc/uptime; }
ld() { limpetd --config /data/limpetd.yaml "$@"; }
# ps_says POD PATTERN: of its line, from the column READY on.
ps_says() { ld ps | grep -Eq "^default +$1 +$2"; }
agent_start() {
    limpetd --config /data/limpetd.yaml run 2>>/run/agent.log &
    AGENT=$!
}

# ---- pods of the node's own folder: their names end in -board ----
IDLE='trap "exit 0" TERM; while :; do sleep 0.3; done'
# container NAME SCRIPT [FIELDS]: no ' in it.
container() {
    printf "  - {name: %s, image: 'busybox:latest', imagePullPolicy: Never, command: [sh, -c, '%s']%s}\n" \
        "$1" "$2" "${3:+, $3}"
}
# static POD [SPEC]: with the containers on standard input. $ANNOTATIONS
static() {
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: %s, annotations: {%s}}\nspec:\n' \
        "$1" "${ANNOTATIONS:-}" >"/run/$1.yaml"
    printf '  %s\n' "terminationGracePeriodSeconds: 1" ${2:+"$2"} containers: >>"/run/$1.yaml"
    cat >>"/run/$1.yaml"
    mv "/run/$1.yaml" "/data/manifests/$1.yaml"
}
unstatic() {
    for name in "$@"; do rm "/data/manifests/$name.yaml"; done
}
runs() { ps_says "$1-board" '([0-9]+)/\1 +Running'; }
# process POD: of its first container, a child of its keeper.
process() {
    for keeper in $(cat /sys/fs/cgroup/limpet/keepers/cgroup.procs); do
        if grep -Eqzx "default/$1(-board)?" "/proc/$keeper/cmdline"; then
            cut -d' ' -f1 "/proc/$keeper/task/$keeper/children"
        fi
    done
}
