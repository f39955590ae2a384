# shellcheck shell=bash
# Sourced by run.sh.

# put NAME: a pod from stdin, as a static one of node a; its name there is NAME-a.
put() { cat >"$STAND/a/manifests/$1.yaml"; }
# ex WORDS...: limpetd exec.
ex() { ld a exec "$@"; }
pods_run() { [[ $(ld a ps | awk '$4 == "Running"' | wc -l) -ge $1 ]]; }

exec_pods() {
    put web <<'END'
apiVersion: v1
kind: Pod
metadata: {name: web}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: app
    image: busybox:latest
    command: [sh, -c, "trap 'exit 0' TERM; while :; do sleep 1; done"]
    env: [{name: COLOUR, value: green}]
    workingDir: /srv
    securityContext: {runAsUser: 1000, runAsGroup: 1001, capabilities: {drop: [ALL]}}
  - name: root
    image: busybox:latest
    command: [sleep, "100000"]
END
    within 30 "the pod runs" matches 'web-a +2/2 +Running' ld a ps
    keeper=$(pgrep -f "limpet-keeper --pod default/web-a" | head -n 1)
}

exec_plain() {
    local out code
    is "exec: what it writes" "$(ex web-a -c app -- echo hello 2>&1)" hello
    out=$(ex web-a -c app -- sh -c 'echo out; echo err >&2; exit 7' 2>"$TEST_TMP/err")
    code=$?
    is "exec: its exit code" "$code" 7
    is "exec: its stdout" "$out" out
    is "exec: its stderr" "$(cat "$TEST_TMP/err")" err
    ex web-a -c app -- sh -c 'kill -9 $$'
    is "exec: 128 and the signal" "$?" 137
    is "exec: stdin reaches it, and its end" "$(printf 'a\nb\n' | ex -i web-a -c app -- wc -l)" 2
    is "exec: without -i stdin is empty" "$(echo lost | ex web-a -c app -- wc -c)" 0
    out=$(ex web-a -c app -- nosuch 2>&1)
    is "exec: a command that is not there: 127" "$?" 127
    has "exec: and says so" "$out" 'exec: "nosuch": executable file not found in \$PATH'
    out=$(ex web-a -c app -- /etc/passwd 2>&1)
    is "exec: one that may not be run: 126" "$?" 126
    out=$(ex web-a -c none -- true 2>&1)
    is "exec: a container that is not there" "$?" 1
    out=$(ex web-a -- true 2>&1)
    has "exec: the containers are named" "$out" 'app root'
}

# identity PID: what /proc says of a process of a container, but for what differs by nature.
identity() {
    local ns
    grep -E '^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapBnd|CapAmb|NoNewPrivs|Seccomp):' "/proc/$1/status"
    for ns in mnt pid net ipc uts cgroup; do readlink "/proc/$1/ns/$ns"; done
    readlink "/proc/$1/root" "/proc/$1/cwd"
    cat "/proc/$1/limits" "/proc/$1/cgroup" "/proc/$1/oom_score_adj"
    tr "\0" "\n" <"/proc/$1/environ" | sort
}
# Children of the keeper with that command.
child_of() { pgrep -P "$keeper" -f "$1"; }

exec_like_the_container() {
    local c asked
    for c in app root; do
        ex web-a -c $c -- sleep 4242 &
        asked=$!
        within 10 "exec in $c: it runs" child_of '^sleep 4242'
        is "exec in $c: all that /proc tells is as of its first process" "$(identity "$(child_of '^sleep 4242')")" \
            "$(identity "$(child_of "$([[ $c == app ]] && echo ^sh || echo '^sleep 100000')")")"
        kill "$(child_of '^sleep 4242')"
        wait $asked
    done
    is "exec: its user" "$(ex web-a -c app -- id -u)" 1000
    is "exec: its group" "$(ex web-a -c app -- id -g)" 1001
    is "exec: its working directory" "$(ex web-a -c app -- pwd)" /srv
    is "exec: its environment" "$(ex web-a -c app -- sh -c 'echo $COLOUR')" green
    is "exec: no capabilities" "$(ex web-a -c app -- sh -c 'grep CapBnd /proc/self/status' | tr -d '\t')" CapBnd:0000000000000000
}

exec_hostile() {
    local out
    is "exec: no descriptor is left open in it" \
        "$(ex web-a -c root -- ls /proc/self/fd | tr '\n' ' ')" "0 1 2 3 " # 3: the folder itself
    is "exec: nor with stdin" "$(ex -i web-a -c root -- ls /proc/self/fd </dev/null | tr '\n' ' ')" "0 1 2 3 "
    # CVE-2019-5736: the keeper's own program, run in the container, cannot be written from there.
    out=$(ex web-a -c root -- sh -c '
        ( exec /proc/self/exe --version ) >/dev/null 2>&1
        for i in 1 2 3 4 5 6 7 8 9 10; do
            for p in /proc/[0-9]*; do
                case $(readlink $p/exe) in *keeper*) : >>$p/exe && echo written ;; esac
            done
        done 2>/dev/null
        echo through')
    is "exec: the keeper's program cannot be written from a container" "$out" through
    # CVE-2024-21626: a working directory by a descriptor that leads outside.
    out=$(ex web-a -c root -- sh -c 'for i in 3 4 5 6 7 8 9 10 11 12; do ls /proc/self/fd/$i/etc/shadow 2>/dev/null; done; echo none')
    is "exec: no descriptor leads outside" "$out" none
    is "exec: nobody traces it from outside its container" "$(ex web-a -c root -- sh -c 'grep TracerPid /proc/self/status' | tr -d '\t')" TracerPid:0
}

# term SECONDS WORDS...: limpetd exec -it, at a terminal; what stands in $TYPED is typed, with pauses at "|".
term() { TYPED=$TYPED python3 "$here/terminal.py" "$1" "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" "${@:2}"; }

exec_terminal() {
    local out
    out=$(TYPED='' term 10 exec -it web-a -c root -- sh -c 'tty; sleep 0.5; stty size; echo $TERM; test -t 0 && test -t 1 && test -t 2 && echo all')
    has "terminal: one of the container's own" "$out" '^/dev/pts/0'
    has "terminal: as large as ours" "$out" '^33 101'
    has "terminal: what it is called" "$out" '^xterm'
    has "terminal: all three are it" "$out" '^all'
    out=$(TYPED='echo $((6 * 7))\n|exit 5\n' term 10 exec -it web-a -c root -- sh)
    has "terminal: a shell answers" "$out" '^42'
    has "terminal: its exit code" "$out" '^exit code 5$'
    out=$(TYPED='~resize|stty size\n|exit\n' term 10 exec -it web-a -c root -- sh)
    has "terminal: it follows the size of ours" "$out" '^20 60'
    out=$(TYPED='sleep 100\n|\x03|echo back\n|exit\n' term 10 exec -it web-a -c root -- sh)
    has "terminal: ^C ends what runs in it, not the shell" "$out" '^back'
    out=$(TYPED='' term 10 exec -it web-a -c app -- sh -c 'tty; id -u; echo me >/dev/tty')
    has "terminal: it is its user's" "$out" '^me'
    for _ in $(seq 20); do
        out=$(TYPED='' term 10 exec -it web-a -c root -- sh -c 'seq 300')
        [[ $(grep -c '^[0-9]' <<<"$out") -eq 300 ]] || break
    done
    is "terminal: the last words of a program are all shown" "$(grep -c '^[0-9]' <<<"$out")" 300
}

# Processes of the pod that sleep for 4242 s.
sleepers() { pgrep -f '^sleep 4242$' | wc -l; }

exec_ends() {
    local pid i
    timeout 60 "$LIMPET_BUILD/limpetd" --config "$STAND/a/config.yaml" exec web-a -c root -- \
        sh -c 'sleep 4242 & setsid -c sleep 424299 & (trap "" HUP TERM; sleep 4242) & wait' &
    pid=$!
    within 10 "end: it runs" equals 2 sleepers
    pkill -9 -P $pid
    wait $pid
    within 5 "end: who asked is killed: the program ends, and what it left in its session" equals 0 sleepers
    pkill -f '^sleep 424299'
    ex web-a -c root -- sh -c 'sleep 4242 >/dev/null 2>&1 &'
    is "end: what it left in the background when it ended by itself goes on" "$(sleepers)" 1
    pkill -f '^sleep 4242'
    for i in 1 2 3; do ex web-a -c root -- sleep 4242 >/dev/null 2>&1 & done
    within 10 "end: three run" equals 3 sleepers
    rm "$STAND/a/manifests/web.yaml"
    within 20 "end: the pod is gone" fails matches web-a ld a ps
    is "end: and they with it" "$(sleepers)" 0
    within 10 "end: who asked is told" fails pgrep -f "$STAND/a/config.yaml exec"
    exec_pods
}

# What no other keeper shares: the program's own pages are clean.
private_kb() { awk '/^Private_Dirty:/ { print $2 }' "/proc/$keeper/smaps_rollup"; }

exec_bytes() {
    local fds i
    head -c 20000000 /dev/urandom >"$TEST_TMP/bytes"
    is "bytes: 20 MB in and out again are the same" \
        "$(ex -i web-a -c root -- cat <"$TEST_TMP/bytes" | sha256sum)" "$(sha256sum <"$TEST_TMP/bytes")"
    fds=$(ls "/proc/$keeper/fd" | wc -l)
    for i in $(seq 30); do ex web-a -c root -- true; done
    for i in $(seq 30); do ex web-a -c root -- sleep 1 & done
    wait $(jobs -p)
    within 5 "bytes: the keeper has as many descriptors as before" equals "$fds" eval "ls /proc/$keeper/fd | wc -l"
    echo "     private memory of the keeper after 80 programs: $(private_kb) KB"
    if [[ $(private_kb) -le 64 ]]; then ok "bytes: the keeper stays small"; else bad "bytes: the keeper stays small" "$(private_kb) KB"; fi
}
