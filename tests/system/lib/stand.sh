# shellcheck shell=bash
# A stand: a gateway and its nodes on this machine, for system tests. Sourced, never run; bash.
#
# Each stand has ports, folders (below TEST_TMP), bridges, address ranges and control groups of its own, so that
# several never meet. stand_down, also run at the test's end, takes everything away and fails the test if
# anything of the stand is left after the product's own clean-up (limpetd teardown).
#
#   stand_up NAME [NODE...]     a gateway, and nodes that are enrolled, have the image busybox and run
#   stand_plain NAME NODE...    nodes only: no gateway has ever existed
#   STAND_NET=1 before it       gateway, switch and each node in network namespaces of their own
#
# After it: $STAND (folder), $GW (gateway's folder), $KUBECONFIG. The functions below act on that stand;
# stand_use NAME goes back to another.

: "${LIMPET_BUILD:?}" "${LIMPET_SRC:?}" "${TEST_TMP:?}"

BEAT=${BEAT:-2} # seconds
CASES_FAILED=0

# ---- what a test says ----

ok() { printf 'ok - %s\n' "$1"; }
bad() {
    CASES_FAILED=$((CASES_FAILED + 1))
    printf 'not ok - %s\n' "$1"
    [[ $# -lt 2 ]] || printf '%s\n' "${@:2}" | sed 's/^/     /'
}
# is WHAT GOT WANTED
is() { if [[ $2 == "$3" ]]; then ok "$1"; else bad "$1" "got:    $2" "wanted: $3"; fi; }
# has WHAT TEXT PATTERN (of grep -E)
has() { if grep -Eq -- "$3" <<<"$2"; then ok "$1"; else bad "$1" "no /$3/ in: $2"; fi; }
hasnt() { if grep -Eq -- "$3" <<<"$2"; then bad "$1" "there is /$3/ in: $2"; else ok "$1"; fi; }
# within SECONDS WHAT COMMAND...: it must succeed in time; tried every 0.2 s. Its last output is shown if not.
within() {
    local limit=$1 what=$2
    shift 2
    if poll "$limit" "$@"; then ok "$what"; else bad "$what" "not within $((limit * ${PATIENCE:-1})) s: $*" "$("$@" 2>&1 | tail -n 20)"; fi
}
# poll SECONDS COMMAND... PATIENCE times as long, where the processor is emulated.
poll() {
    local end=$((${EPOCHREALTIME/./} + $1 * ${PATIENCE:-1} * 1000000))
    shift
    until "$@" >/dev/null 2>&1; do
        [[ ${EPOCHREALTIME/./} -lt $end ]] || return 1
        sleep 0.2
    done
}
# in_time WHAT FROM UNTIL SECONDS: what the product promises, by stamps (microseconds); UNTIL empty: it was not kept.
in_time() {
    local took=$(((${3:-$2} - $2) / 1000))
    [[ $took -ge 0 ]] || took=0
    if [[ -z $3 ]]; then
        bad "$1" "never"
    elif [[ $took -le $(($4 * ${PATIENCE:-1} * 1000)) ]]; then
        ok "$1"
    else
        bad "$1" "too late"
    fi
    echo "     $took ms of $4 s"
}
# matches PATTERN COMMAND...: its output has a line that matches.
matches() {
    local text
    text=$("${@:2}" 2>&1)
    grep -E -- "$1" <<<"$text" && return
    printf '%s\n' "$text"
    return 1
}
# events_of COMMAND...: of a description the lines below "Events:", and no others.
events_of() { "$@" 2>&1 | sed '1,/^Events:/d'; }
# equals TEXT COMMAND...
equals() {
    local text=$1
    shift
    [[ $("$@" 2>&1) == "$text" ]]
}
fails() { ! "$@"; }
# skip REASON: ends the test.
skip() {
    echo "$1"
    exit 77
}
# conclude: the last line of a test.
conclude() {
    stand_down_all
    trap - EXIT
    [[ $CASES_FAILED -eq 0 ]]
    exit
}

# ---- stamps: microseconds of the wall clock, which the programs' logs have ----

now_us() { echo "${EPOCHREALTIME/./}"; }
# said_us FILE SINCE PATTERN: when a program first said that in its log, at SINCE or later.
said_us() {
    grep -E -- "$3" "$1" | cut -d' ' -f1 | date -f - +%s%6N |
        awk -v since="$2" '$1 >= since { print; found = 1; exit } END { exit !found }'
}
# recorder_start: begins to write down what the gateway shows, and when (recorder.py), until stand_down.
recorder_start() {
    daemon "$STAND/recorder.pid" "$STAND/recorder" gw python3 "$LIMPET_SRC/tests/system/lib/recorder.py" \
        "$HOST" "$API_PORT" "$BUS_PORT" "$GW/state/trust"
    poll 30 grep -q ' api - up$' "$STAND/recorder" || stand_fail "nothing is recorded"
}
# shown_us THING...: since when the gateway has shown what it shows now of all these: "node a", "pod web".
shown_us() {
    awk -v things="$(IFS=,; echo "$*")" '
        $2 == "api" && $4 == "down" { split("", state) }
        {
            thing = $2 " " $3
            if (state[thing] != substr($0, length($1) + 1)) {
                state[thing] = substr($0, length($1) + 1)
                since[thing] = $1
            }
        }
        END {
            for (i = split(things, want, ","); i > 0; i--) {
                if (state[want[i]] == "") exit 1
                if (since[want[i]] > last) last = since[want[i]]
            }
            print last
        }' "$STAND/recorder"
}
# accepts_us SINCE: when the broker first accepted connections at SINCE or later; SINCE if it has all the while.
accepts_us() {
    awk -v since="$1" '$2 == "broker" && $4 == "up" && $1 >= since { print $1; found = 1; exit } END { if (!found) print since }' \
        "$STAND/recorder"
}

# ---- making and ending a stand ----

STANDS=()
declare -gA PORTS=() # the descriptor that keeps each stand's
stand_use() {
    STAND=$TEST_TMP/$1
    GW=$STAND/gw
    # shellcheck disable=SC1091
    . "$STAND/settings"
    export KUBECONFIG=$GW/state/admin.kubeconfig
}

stand_up() {
    local name=$1 node
    shift
    stand_make "$name"
    stand_settle_gateway
    gw_start
    poll 60 lp get namespaces || stand_fail "the gateway does not answer"
    for node in "$@"; do
        node_make "$node"
        node_join "$node"
        node_start "$node"
    done
    for node in "$@"; do
        poll 60 matches "^$node +Ready" lp get nodes || stand_fail "node $node does not get ready"
    done
}

stand_plain() {
    local name=$1 node
    shift
    stand_make "$name"
    for node in "$@"; do
        node_make "$node"
        node_start "$node"
    done
}

stand_fail() {
    echo "the stand does not come up: $1"
    tail -n 30 "$GW"/log "$STAND"/*/agent.log 2>/dev/null
    exit 1
}

stand_make() {
    STAND=$TEST_TMP/$1
    [[ $EUID -eq 0 ]] || skip "must run as root"
    mkdir -p "$STAND/gw"/{state,run}
    # mosquitto reads its files as a user of its own.
    chmod 0755 "$TEST_TMP" "$STAND"
    # Four hexadecimal digits tell stands apart, of other tests and checkouts too.
    local id
    id=$(printf '%s' "$STAND" | sha256sum | cut -c1-4)
    {
        printf 'ID=%s\nNET=%s\n' "$id" "${STAND_NET:-}"
        take_ports "$1"
        printf 'HOST=%s\n' "$([[ -n ${STAND_NET:-} ]] && echo 10.250.0.1 || echo 127.0.0.1)"
        printf 'POD_NET=10.%d\n' $((64 + 16#${id:0:2} / 2))
        printf 'POD_NET3=%d\n' $((16#${id:2:2}))
    } >"$STAND/settings"
    STANDS+=("$1")
    trap stand_down_all EXIT
    trap 'exit 143' TERM
    trap 'exit 130' INT
    stand_use "$1"
    [[ -z $NET ]] || net_make
    [[ -f $TEST_TMP/busybox.tar ]] ||
        "$LIMPET_SRC/tools/image" --name busybox:latest "$(uname -m | sed 's/aarch64/arm64/')" "$TEST_TMP/busybox.tar" ||
        stand_fail "no image"
}

# take_ports: settings with four ports that are the stand's own until stand_down (tests/lib/port.h).
take_ports() {
    local first fd
    exec {fd}< <(exec env -i "$LIMPET_BUILD/test-ports" 4)
    read -r first <&"$fd" || stand_fail "no ports"
    PORTS[$1]=$fd
    printf 'API_PORT=%d\nBUS_PORT=%d\nENROLL_PORT=%d\nREGISTRY_PORT=%d\n' "$first" $((first + 1)) $((first + 2)) $((first + 3))
}

stand_settle_gateway() {
    cat >"$GW/config.yaml" <<END
stateDir: $GW/state
runDir: $GW/run
apiAddress: $HOST
apiPort: $API_PORT
busAddress: $HOST
busPort: $BUS_PORT
enrollPort: $ENROLL_PORT
beatSeconds: $BEAT
stopBroker: true
names: [localhost]
addresses: [$HOST]
END
}

# node_make NODE: its folders and configuration, and the image.
node_make() {
    local node=$1 dir=$STAND/$1 number
    mkdir -p "$dir"/{state,run,log,manifests}
    cat /proc/sys/kernel/random/boot_id >"$dir/boot_id"
    echo "nameserver 192.0.2.53" >"$dir/resolv.conf" # of nobody: no test depends on the machine's
    number=$(find "$STAND" -mindepth 2 -maxdepth 2 -name boot_id | wc -l)
    cat >"$dir/config.yaml" <<END
node: $node
apiPort: $API_PORT
busPort: $BUS_PORT
enrollPort: $ENROLL_PORT
beatSeconds: $BEAT
manifestDir: $dir/manifests
stateDir: $dir/state
runDir: $dir/run
logDir: $dir/log
cgroup: limpet-$ID/$node
bridge: l${ID}b$number
podCIDR: $POD_NET.$(((POD_NET3 + number) % 256)).0/24
libexecDir: $LIMPET_BUILD
bootIdFile: $dir/boot_id
resolvConf: $dir/resolv.conf
evictionHard: "${EVICTION_HARD-}" # a full disk of the machine ends no pod of a test
registriesFile: $dir/registries.yaml
imageGCHighThresholdPercent: 100
storageCheckSeconds: ${STORAGE_CHECK-60}
END
    if [[ -f $GW/config.yaml ]]; then echo "gateway: $HOST" >>"$dir/config.yaml"; fi
    [[ -z $NET ]] || net_add_node "$node" "$number"
    ld "$node" image load "$TEST_TMP/busybox.tar" >>"$dir/agent.log" 2>&1 || stand_fail "the image is not loaded"
}

node_join() {
    local token
    token=$(lp token create) || stand_fail "no join token"
    ld_in "$1" timeout 60 "$LIMPET_BUILD/limpetd" --config "$STAND/$1/config.yaml" join "$token" \
        >>"$STAND/$1/agent.log" 2>&1 || stand_fail "node $1 cannot join"
}

stand_down_all() {
    local name code=$?
    trap '' INT TERM
    for name in "${STANDS[@]}"; do stand_down "$name"; done
    STANDS=()
    [[ $code -eq 0 && $CASES_FAILED -gt 0 ]] && code=1
    return "$code"
}

# stand_down NAME: ends everything, the product's way first, and says what that left.
stand_down() {
    local dir node left fd
    [[ " ${STANDS[*]} " == *" $1 "* ]] || return 0
    stand_use "$1"
    end_pid "$(cat "$STAND/recorder.pid" 2>/dev/null)" TERM
    gw_stop
    for dir in "$STAND"/*/boot_id; do
        [[ -f $dir ]] || continue
        node=$(basename "$(dirname "$dir")")
        node_stop "$node"
        ld_in "$node" timeout 30 "$LIMPET_BUILD/limpetd" --config "$STAND/$node/config.yaml" teardown \
            >>"$STAND/$node/agent.log" 2>&1 || bad "stand $1: limpetd teardown on $node" "$(tail -n 3 "$STAND/$node/agent.log")"
    done
    [[ -z $NET ]] || net_remove
    fd=${PORTS[$1]}
    exec {fd}<&-
    left=$(stand_left)
    if [[ -n $left ]]; then
        bad "stand $1: nothing is left" "$left"
        stand_force
    else
        ok "stand $1: nothing is left"
    fi
}

# stand_left: what there still is of the stand.
stand_left() {
    local pid
    for pid in $(stand_processes); do
        echo "process $pid: $({ tr "\0" " " <"/proc/$pid/cmdline"; } 2>/dev/null)"
    done
    find /sys/fs/cgroup -type d -path "*/limpet-$ID/*" 2>/dev/null | sed 's/^/control group /'
    awk -v d="$STAND/" 'index($5 "/", d) == 1 { print "mount " $5 }' /proc/self/mountinfo
    ip -o link show 2>/dev/null | awk -F': ' -v b="l${ID}b" 'index($2, b) == 1 { print "interface " $2 }'
    nft list tables 2>/dev/null | grep -F "limpet-l${ID}b" | sed 's/^/rules /'
}

# Those with the stand's mark in their environment; keepers and pods by their control group.
stand_processes() {
    {
        grep -lzxF "LIMPET_STAND=$ID" /proc/[0-9]*/environ 2>/dev/null
        grep -lF "limpet-$ID/" /proc/[0-9]*/cgroup 2>/dev/null
        pgrep -f "limpetd --config $STAND/|limpet-controller --config $STAND/|mosquitto -c $STAND/" |
            sed 's|.*|/proc/&/x|'
    } | cut -d/ -f3 | sort -un | while read -r pid; do
        [[ $pid == "$$" || $pid == "$BASHPID" ]] || alive "$pid" && echo "$pid"
    done
}

stand_force() {
    local thing end=$((SECONDS + 5))
    while [[ -n $(stand_processes) && $SECONDS -lt $end ]]; do
        for thing in $(stand_processes); do kill -9 "$thing" 2>/dev/null; done
        sleep 0.2
    done
    awk -v d="$STAND/" 'index($5 "/", d) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l
    find /sys/fs/cgroup -depth -type d -path "*/limpet-$ID*" -exec rmdir {} \; 2>/dev/null
    for thing in $(ip -o link show | awk -F': ' -v b="l${ID}b" 'index($2, b) == 1 { print $2 }'); do
        ip link del "$thing"
    done
    nft list tables 2>/dev/null | grep -F "limpet-l${ID}b" | sed 's/^/delete /' | nft -f - 2>/dev/null
}

# ---- network namespaces: gateway and nodes hang on a switch that is one more ----

net_make() {
    local ns
    for ns in gw sw; do ip netns add "l$ID$ns"; done
    ip -n "l${ID}sw" link add sw type bridge
    ip -n "l${ID}sw" link set sw up
    ip -n "l${ID}gw" link set lo up
    net_plug gw 1
}
# net_plug WHO NUMBER: an eth0 for WHO, its other end a port of the switch.
net_plug() {
    ip -n "l${ID}sw" link add "p$2" type veth peer name eth0 netns "l$ID$1"
    ip -n "l${ID}sw" link set "p$2" master sw up
    ip -n "l$ID$1" addr add "10.250.0.$2/24" dev eth0
    ip -n "l$ID$1" link set eth0 up
}
net_add_node() {
    ip netns add "l$ID$1"
    ip -n "l$ID$1" link set lo up
    net_plug "$1" $((10 + $2))
    echo $((10 + $2)) >"$STAND/$1/port"
}
net_remove() {
    local ns
    for ns in $(ip netns list | awk -v p="l$ID" 'index($1, p) == 1 { print $1 }'); do ip netns del "$ns"; done
}
# link_cut NODE, link_mend NODE: on the switch's side; nobody is told.
link_cut() { ip -n "l${ID}sw" link set "p$(cat "$STAND/$1/port")" down; }
link_mend() { ip -n "l${ID}sw" link set "p$(cat "$STAND/$1/port")" up; }

# in_net WHO COMMAND...: in the network of the gateway or a node. `ip netns exec` would hide /sys/fs/cgroup.
in_net() {
    local who=$1
    shift
    if [[ -n $NET ]]; then nsenter --net="/run/netns/l$ID$who" "$@"; else "$@"; fi
}
ld_in() { in_net "$@"; }

# ---- programs ----

# ld NODE WORDS...: limpetd's verbs. lp: limpet. kc: kubectl. Each is bounded.
ld() { ld_in "$1" timeout 30 "$LIMPET_BUILD/limpetd" --config "$STAND/$1/config.yaml" "${@:2}"; }
lp() { in_net gw timeout 60 "$LIMPET_BUILD/limpet" "$@"; }
kc() { in_net gw timeout 60 kubectl "$@"; }
# bus PROGRAM WORDS...: a mosquitto client on the broker's unix socket, which may do anything.
bus() { timeout 20 "$1" --unix "$GW/state/broker/sock" "${@:2}"; }
# as_admin PROGRAM WORDS...: a mosquitto client over TLS as the user admin.
as_admin() {
    in_net gw timeout 30 "$1" -V 5 -h "$HOST" -p "$BUS_PORT" --cafile "$GW/state/trust/ca.crt" \
        --cert "$GW/state/trust/admin.crt" --key "$GW/state/trust/admin.key" "${@:2}"
}

alive() { [[ -n ${1:-} ]] && grep -Eqs '^State:.[^Z]' "/proc/$1/status"; }
# end_pid PID SIGNAL: and waits until it is gone (10 s), then KILL.
end_pid() {
    alive "$1" || return 0
    kill "-$2" "$1" 2>/dev/null
    poll 10 fails alive "$1" || kill -9 "$1" 2>/dev/null
    poll 5 fails alive "$1"
}
# daemon PIDFILE LOG WHO COMMAND...
daemon() {
    local file=$1 log=$2 who=$3
    shift 3
    rm -f "$file"
    # shellcheck disable=SC2016
    LIMPET_STAND=$ID in_net "$who" setsid -f sh -c 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec "$@"' "$file" "$@" \
        >>"$log" 2>&1 </dev/null
    poll 30 test -s "$file"
}

gw_start() { daemon "$GW/pid" "$GW/log" gw "$LIMPET_BUILD/limpet-controller" --config "$GW/config.yaml"; }
gw_pid() { cat "$GW/pid" 2>/dev/null; }
broker_pid() { head -n 1 "$GW/state/broker/pid" 2>/dev/null; }
gw_stop() {
    end_pid "$(gw_pid)" TERM
    end_pid "$(broker_pid)" TERM
}
# kill -9: the controller only; the broker only; both.
controller_kill() { end_pid "$(gw_pid)" KILL; }
broker_kill() { end_pid "$(broker_pid)" KILL; }
gw_kill() {
    controller_kill
    broker_kill
}
broker_answers() { in_net gw timeout 1 bash -c "exec 3<>/dev/tcp/$HOST/$BUS_PORT" 2>/dev/null; }

node_start() { daemon "$STAND/$1/pid" "$STAND/$1/agent.log" "$1" "$LIMPET_BUILD/limpetd" --config "$STAND/$1/config.yaml" run; }
node_pid() { cat "$STAND/$1/pid" 2>/dev/null; }
node_stop() { end_pid "$(node_pid "$1")" TERM; }
node_kill() { end_pid "$(node_pid "$1")" KILL; }
node_id() { openssl x509 -in "$STAND/$1/state/identity/node.crt" -noout -subject -nameopt multiline | sed -n 's/ *commonName *= //p'; }

# node_reboot NODE: what a reboot does: everything dies at once, tmpfs and network are empty, the boot id is new.
node_reboot() {
    local node=$1 pid
    node_kill "$node"
    for pid in $(pod_processes "$node"); do kill -9 "$pid" 2>/dev/null; done
    poll 10 no_processes "$node"
    awk -v d="$STAND/$node/" 'index($5 "/", d) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l
    find /sys/fs/cgroup -depth -type d -path "*/limpet-$ID/$node*" -exec rmdir {} \; 2>/dev/null
    in_net "$node" ip link del "$(sed -n 's/^bridge: //p' "$STAND/$node/config.yaml")" 2>/dev/null
    in_net "$node" nft delete table ip "limpet-$(sed -n 's/^bridge: //p' "$STAND/$node/config.yaml")" 2>/dev/null
    find "$STAND/$node/run" -mindepth 1 -delete
    cat /proc/sys/kernel/random/uuid >"$STAND/$node/boot_id"
    node_start "$node"
}
# pod_processes NODE: keepers and containers.
pod_processes() { grep -lE ":/limpet-$ID/$1(/|$)" /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3; }
# keepers NODE POD: ids of the keepers that the pod has.
keepers() {
    local pid args
    for pid in $(pod_processes "$1"); do
        { mapfile -d "" -t args <"/proc/$pid/cmdline"; } 2>/dev/null || continue
        [[ "${args[*]:0:3}" != "limpet-keeper --pod default/$2" ]] || echo "$pid"
    done
}
no_processes() {
    local pid
    for pid in $(pod_processes "$1"); do
        if alive "$pid"; then return 1; fi
    done
}

# ---- pods ----

# phase POD: as the gateway has it.
phase() { lp get pod "$1" -o json | jq -r .status.phase; }
# (`jq -e` of 1.6 succeeds where there is no input at all: `input` does not.)
running() {
    lp get pod "$1" -o json 2>/dev/null |
        jq -ne 'input | [.status.conditions[]? | select(.type == "Ready") | .status] == ["True"]' >/dev/null 2>&1
}
gone() { fails lp get pod "$1"; }
# local_pod NODE POD [JQ]: as the node has it.
local_pod() { ld "$1" ps -o json | jq -ner --arg n "$2" "[input.items[] | select(.metadata.name == \$n)][0] | ${3:-.}"; }
runs_on() { [[ $(local_pod "$1" "$2" 'select([.status.containerStatuses[]?.ready] | all) | .status.phase') == Running ]]; }
# fingerprint NODE POD: changes if anything of the pod was started anew: uid, restarts, processes with start times. One of
# a pod of which nothing runs is like no other.
fingerprint() {
    local uid processes
    uid=$(local_pod "$1" "$2" .metadata.uid) || return 1
    echo "$uid $(local_pod "$1" "$2" '[.status.containerStatuses[] | "\(.name)=\(.restartCount)"] | join(",")')"
    processes=$(grep -lE ":/limpet-$ID/$1/pod$uid(/|\$)" /proc/[0-9]*/cgroup 2>/dev/null | cut -d/ -f3 | first_processes)
    echo "${processes:-nothing runs at $EPOCHREALTIME}"
}
# first_processes: of the ids on standard input those whose parent is a keeper, with their start times. A loop's `sleep`
# comes and goes.
first_processes() {
    local pid stat parent
    while read -r pid; do
        { read -r stat <"/proc/$pid/stat"; } 2>/dev/null || continue
        read -r -a stat <<<"${stat##*) }" # from the state, the third field, on
        { read -r parent <"/proc/${stat[1]}/comm"; } 2>/dev/null || continue
        [[ $parent != limpet-keeper ]] || echo "$pid ${stat[19]}"
    done
}
# main_pid NODE POD: of the first container's first process.
main_pid() { fingerprint "$1" "$2" | sed -n '2s/^\([0-9][0-9]*\) .*/\1/p'; }

# pod NAME [SCRIPT]: a manifest on standard output, its container runs SCRIPT by sh.
pod() {
    local script=${2:-'echo started; trap "exit 0" TERM; while :; do sleep 1; done'}
    jq -n --arg name "$1" --arg script "$script" '{apiVersion: "v1", kind: "Pod", metadata: {name: $name},
        spec: {terminationGracePeriodSeconds: 1, containers: [{name: "main", image: "busybox:latest",
        imagePullPolicy: "IfNotPresent", command: ["sh", "-c", $script]}]}}'
}
# apply: standard input, by limpet.
apply() { lp apply -f -; }
