# shellcheck shell=bash
# The two processes of a quick start, gateway and agent: in sessions of their own, known by a file with process
# id and start time, so that a number that the kernel gave to somebody else is never signalled. Sourced by
# tools/quickstart.

# say TEXT: what it does now.
say() { printf '%s==>%s %s%s%s\n' "$C_GREEN" "$C_OFF" "$C_BOLD" "$*" "$C_OFF"; }

# start_time PID: in ticks since the boot; fails if there is none, or only its corpse.
start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    stat=${stat##*) }
    [[ $stat != Z* ]] || return 1
    cut -d' ' -f20 <<<"$stat"
}

# start NAME PROGRAM WORDS...: its output goes to NAME.log.
start() {
    local name=$1 i
    shift
    rm -f "$DIR/$name.pid"
    # The lock (8) is ours, not the daemon's. No name of ours in its environment: pods never see it anyway.
    # shellcheck disable=SC2016
    (cd / && env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin setsid -f sh -c 'echo $$ >"$0.new"; mv "$0.new" "$0"; exec "$@"' \
        "$DIR/$name.pid" "$@") >>"$DIR/$name.log" 2>&1 </dev/null 8>&-
    for ((i = 0; i < 50; i++)); do
        if [[ -s $DIR/$name.pid ]]; then break; fi
        sleep 0.1
    done
    remember "$name"
}

remember() {
    local pid
    pid=$(head -n 1 "$DIR/$1.pid")
    printf '%s\n%s\n' "$pid" "$(start_time "$pid" || echo ended)" >"$DIR/$1.pid"
}

pid_of() { head -n 1 "$DIR/$1.pid" 2>/dev/null || true; }

is_running() {
    local pid time
    { read -r pid && read -r time; } 2>/dev/null <"$DIR/$1.pid" || return 1
    [[ $(start_time "$pid") == "$time" ]]
}

# stop NAME: TERM, and KILL after 10 s.
stop() {
    local i signal
    for signal in TERM KILL; do
        is_running "$1" || break
        kill "-$signal" "$(pid_of "$1")" 2>/dev/null || true
        for ((i = 0; i < 100; i++)); do
            is_running "$1" || break
            sleep 0.1
        done
    done
    rm -f "$DIR/$1.pid"
}

# stop_broker: one that the gateway left behind, or could not end because it was killed itself.
stop_broker() {
    local pid i signal
    for signal in TERM KILL; do
        for pid in $(brokers); do kill "-$signal" "$pid" 2>/dev/null || true; done
        for ((i = 0; i < 50; i++)); do
            [[ -n $(brokers) ]] || return 0
            sleep 0.1
        done
    done
}

brokers() {
    local file words
    for file in /proc/[0-9]*/cmdline; do
        words=$(tr "\0" " " 2>/dev/null <"$file") || continue
        [[ $words != *"mosquitto -c $GATEWAY/broker/"* ]] || cut -d/ -f3 <<<"$file"
    done
}

stop_all() {
    stop agent
    stop gateway
    stop_broker
}

# wait_until SECONDS WHAT NAME COMMAND...: until it succeeds; NAME is the process that must live meanwhile.
wait_until() {
    local limit=$1 what=$2 name=$3 start=$SECONDS
    shift 3
    printf '    waiting until %s ' "$what"
    until "$@" >/dev/null 2>&1; do
        if ! is_running "$name"; then
            printf '\n'
            tail -n 5 "$DIR/$name.log" >&2
            die "the $name ended (see above); its log: $DIR/$name.log"
        fi
        if [[ $((SECONDS - start)) -ge $limit ]]; then
            printf '\n'
            tail -n 5 "$DIR/$name.log" >&2
            die "not after $limit s; the $name's log: $DIR/$name.log"
        fi
        printf .
        sleep 0.3
    done
    printf ' done\n'
}
