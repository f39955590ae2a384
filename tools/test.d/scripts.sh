# shellcheck shell=bash
# System and end-to-end tests: programs of any kind. Sourced by tools/test.
#
# A test is tests/system/NAME.sh, tests/system/NAME/run.sh or tests/e2e/NAME/run.sh, executable. It gets
# LIMPET_BUILD (folder of the built programs), LIMPET_SRC (top of the tree), TEST_TMP (a folder of its own,
# also its working directory), LIMPET_LONG=1 if the long form is wanted. Exit code 0: passed; 77: skipped, the
# last line says why; any other: failed. Lines "ok - NAME", "not ok - NAME" and "ok - NAME # SKIP why" count as
# cases. A line "# timeout: SECONDS" in its first ten lines replaces the 120 s it may take. What it leaves behind
# (processes with its TEST_TMP in their environment, mounts below it) is a failure, and is removed.

# header_value FILE KEY: of a line "# KEY: VALUE" among the first ten.
header_value() {
    head -n 10 "$1" | sed -n "s/^# $2: *//p" | head -n 1
}

LEFT_BEHIND=199 # stands for the exit code of a test that passed, but left something

wanted() {
    [[ -z $FILTER || $1 =~ $FILTER ]]
}

# left_processes FOLDER: ids of those whose environment names the folder as theirs.
left_processes() {
    grep -lzxF "TEST_TMP=$1" /proc/[0-9]*/environ 2>/dev/null | cut -d/ -f3 || true
}

left_mounts() {
    awk -v d="$1/" 'index($5 "/", d) == 1 { print $5 }' /proc/self/mountinfo | sort -r
}

# clean_up FOLDER: ends and unmounts what a test left; says what it was.
clean_up() {
    local pid mounts processes
    processes=$(left_processes "$1")
    for pid in $processes; do
        printf 'left running: %s %s\n' "$pid" "$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null || true)"
        kill -9 "$pid" 2>/dev/null || true
    done
    mounts=$(left_mounts "$1")
    for pid in $mounts; do
        printf 'left mounted: %s\n' "$pid"
        umount -l "$pid" 2>/dev/null || true
    done
    rm -rf --one-file-system "$1"
}

remove_work() {
    local folder
    for folder in "$WORK"/test.*; do
        [[ ! -d $folder ]] || clean_up "$folder" >/dev/null
    done
    rm -rf --one-file-system "$WORK"
}

# make_work NAME: WORK, the folder of one run of tests or benches; gone at the end with whatever was left in it.
make_work() {
    WORK=$(mktemp -d "${TMPDIR:-/tmp}/$1.XXXXXX")
    chmod 0711 "$WORK" # a test's broker, a user of its own, passes through to its files
    on_exit remove_work
}

# count_cases NAME LOG: records the cases that a test reports itself, of one that failed the indented lines below it,
# too; says how many there are and have failed.
count_cases() {
    awk -v name="$1" -v results="$RESULTS" '
        function record() {
            if (status != "") {
                gsub(/\t/, " ", reason)
                printf "%s\t%s: %s\t%s\n", status, name, line, substr(reason, 1, 500) >>results
            }
            status = ""
        }
        /^ +[^ ]/ && status == "fail" {
            text = $0
            sub(/^ +/, "", text)
            reason = reason (reason == "" ? "" : "; ") text
            next
        }
        { record() }
        /^(not )?ok( |$)/ {
            line = $0
            status = sub(/^not ok/, "", line) ? "fail" : (sub(/^ok/, "", line) ? "pass" : "")
            sub(/^ *[0-9]* *(- *)?/, "", line)
            reason = ""
            if (match(line, /# *[Ss][Kk][Ii][Pp] */)) {
                status = "skip"
                reason = substr(line, RSTART + RLENGTH)
                line = substr(line, 1, RSTART - 1)
                sub(/ +$/, "", line)
            }
            gsub(/\t/, " ", line)
            n++
            failed += status == "fail"
        }
        END { record(); print n + 0, failed + 0 }' "$2"
}

# conclude NAME CODE LOG SECONDS LIMIT: records and shows how a test ended; one test at a time.
conclude() {
    local name=$1 code=$2 log=$3 took=$4 limit=$5 cases failed last lock
    exec {lock}>"$WORK/conclude.lock"
    flock "$lock"
    read -r cases failed < <(count_cases "$name" "$log")
    last=$(grep -v '^[[:space:]]*$' "$log" | tail -n 1 | tr '\t' ' ' || true)
    if [[ $code -eq 0 && $failed -eq 0 ]]; then
        [[ $cases -gt 0 ]] || result pass "$name"
        result_line pass "$name" "$took"
    elif [[ $code -eq 77 && $failed -eq 0 ]]; then
        result skip "$name" "$last"
        result_line skip "$name" "$took" "$last"
    else
        [[ $failed -gt 0 ]] || result fail "$name" "$(how_it_ended "$code" "$limit")"
        result_line fail "$name" "$took" "$(how_it_ended "$code" "$limit")"
        awk '!/^ok( |$)/ { print "    " $0 }' "$log"
    fi
    exec {lock}>&-
}

how_it_ended() {
    case $1 in
    124 | 137) echo "not done after $2 s" ;;
    "$LEFT_BEHIND") echo "it left processes or mounts behind" ;;
    *) echo "exit code $1" ;;
    esac
}

# run_script TIER FILE BUILD: one test on the programs in the folder BUILD.
run_script() {
    local tier=$1 file=$2 name start code=0 log tmp limit left
    name=$tier/$(script_name "$file")
    limit=$(header_value "$file" timeout)
    limit=$((${limit:-120} * TIMES))
    tmp=$(mktemp -d "$WORK/test.XXXXXX")
    log=$tmp.log
    start=$SECONDS
    (
        cd "$tmp"
        TEST_TMP=$tmp LIMPET_BUILD=$3 LIMPET_SRC=$TOP \
            exec timeout -k 10 "$limit" "$file"
    ) >"$log" 2>&1 </dev/null || code=$?
    left=$(clean_up "$tmp")
    if [[ -n $left ]]; then
        printf '%s\n' "$left" >>"$log"
        [[ $code -ne 0 && $code -ne 77 ]] || code=$LEFT_BEHIND
    fi
    conclude "$name" "$code" "$log" $((SECONDS - start)) "$limit"
}

script_name() {
    local name=${1#"$TOP"/tests/*/}
    name=${name%/run.sh}
    echo "${name%.sh}"
}

# run_beside AT_ONCE COMMAND...: runs it beside what it was called with before, at most so many at once.
BESIDE=0
run_beside() {
    if [[ $BESIDE -ge $1 ]]; then
        wait -n || true
        BESIDE=$((BESIDE - 1))
    fi
    set -m # or the tests' programs would ignore SIGINT
    "${@:2}" &
    set +m
    BESIDE=$((BESIDE + 1))
}

# wait_beside: until all of them have ended.
wait_beside() {
    wait
    BESIDE=0
}

# run_scripts TIER AT_ONCE: all tests of tests/TIER.
run_scripts() {
    local file
    for file in "$TOP/tests/$1"/*/run.sh "$TOP/tests/$1"/*.sh; do
        [[ -f $file && ${file##*/} != lib.sh ]] || continue
        wanted "$1/$(script_name "$file")" || continue
        if [[ ! -x $file ]]; then
            result fail "$1/$(script_name "$file")" "not executable: $file"
            continue
        fi
        if [[ $EUID -ne 0 ]]; then
            result skip "$1/$(script_name "$file")" "not run as root"
            continue
        fi
        run_beside "$2" run_script "$1" "$file" "$BUILD_ROOT/release/bin"
    done
    wait_beside
}
