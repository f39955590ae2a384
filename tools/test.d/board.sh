# shellcheck shell=bash
# Board tests: tests/board/NAME.sh runs inside a QEMU guest (tools/guest). Sourced by tools/test.
#
# Each line "# guest: OPTIONS" among the first ten of the script is one run, with those options of tools/guest
# (relative file names are below the test's own folder, so that "--disk disk.img" is a fresh disk; $LIMPET_SRC is
# the top of the tree);
# "# guest-long: OPTIONS" only with --long. "# prepare: COMMAND" runs on the host before, in that folder, with
# LIMPET_SRC, LIMPET_BUILD (this machine's programs), TEST_TMP and ARCH. "# timeout: SECONDS" replaces the 120 s.
# The static programs are in /usr/bin of the guest, but for "--root": then the preparation puts what is wanted into
# the image. Exit code and "ok - NAME" lines are those of system tests.
#
# A system test with a line "# guest: OPTIONS" or "# guest-long: OPTIONS" is run once more as board/system/NAME, as it is,
# in a Debian in a guest (tests/board/lib/system.sh): gateway, broker and node on cgroup v2, or as --cgroup says. There it
# may take IN_GUEST times as long.
IN_GUEST=6
GUESTS=2 # at once: each has one processor

# board_variants FILE: the options of each run, one a line.
board_variants() {
    local keys='guest'
    [[ -z $LONG ]] || keys='guest\(-long\)\?'
    head -n 10 "$1" | sed -n "s/^# $keys: *//p"
}

variant_arch() {
    if [[ " $1 " == *" --arch host "* ]]; then
        machine
    elif [[ " $1 " =~ \ --arch\ +([a-z0-9_]+)\  ]]; then
        echo "${BASH_REMATCH[1]}"
    else
        echo arm64
    fi
}

has_root() {
    [[ " $1 " == *" --root "* ]]
}

# Builds the static programs of an architecture once a run.
declare -A CROSS_BUILT=()
RELEASE_BUILT=
cross_build() {
    if [[ -z ${CROSS_BUILT[$1]:-} ]]; then
        CROSS_BUILT[$1]=failed
        if "$TOP/tools/cross" "$1"; then
            CROSS_BUILT[$1]=built
        else
            result fail "build: static $1"
        fi
    fi
    [[ ${CROSS_BUILT[$1]} == built ]]
}

# run_board FILE OPTIONS
run_board() {
    local file=$1 options=$2 arch name tmp log start=$SECONDS code=0 limit prepare words
    arch=$(variant_arch "$options")
    name=board/$(script_name "$file")
    options=${options:+ $options}
    name+=${options// --/ }
    limit=$(header_value "$file" timeout)
    limit=$((${limit:-120} * TIMES))
    prepare=$(header_value "$file" prepare)
    read -ra words <<<"${options//\$LIMPET_SRC/$TOP}"
    has_root "$options" || words+=(--bin "$BUILD_ROOT/cross-$arch/stripped")
    tmp=$(mktemp -d "$WORK/test.XXXXXX")
    log=$tmp.log
    (
        cd "$tmp" || exit
        export LIMPET_BUILD=$BUILD_ROOT/release/bin LIMPET_SRC=$TOP ARCH=$arch TEST_TMP=$tmp
        if [[ -z $prepare ]] || bash -euo pipefail -c "$prepare"; then
            exec timeout -k 10 $((limit + 300)) "$TOP/tools/guest" --arch "$arch" --script "$file" \
                --timeout "$limit" --env "LIMPET_LONG=$LONG" "${words[@]}"
        fi
        echo "the preparation failed: $prepare"
        exit 1
    ) >"$log" 2>&1 </dev/null || code=$?
    clean_up "$tmp" >>"$log"
    conclude "$name" "$code" "$log" $((SECONDS - start)) "$limit"
}

# The disk of the guests in which system tests run, made once a run; no guest changes it.
SYSTEM_ROOT=
system_root() {
    if [[ -z $SYSTEM_ROOT ]]; then
        SYSTEM_ROOT=$WORK/system.img
        mkdir "$WORK/system"
        if ! LIMPET_BUILD=$BUILD_ROOT/release/bin LIMPET_SRC=$TOP ARCH=$(machine) TEST_TMP=$WORK/system \
            step "a Debian with system tests" "$TOP/tests/board/lib/system-root" "$SYSTEM_ROOT"; then
            result fail "build: a Debian with system tests"
            rm -f "$SYSTEM_ROOT"
        fi
    fi
    [[ -f $SYSTEM_ROOT ]]
}

# run_system_board FILE OPTIONS
run_system_board() {
    local file=$1 options=$2 test name log start=$SECONDS code=0 limit words
    test=$(script_name "$file")
    name=board/system/$test
    [[ ! $options =~ --cgroup\ +([a-z0-9]+) ]] || name+=" cgroup ${BASH_REMATCH[1]}"
    log=$(mktemp "$WORK/system.XXXXXX")
    limit=$(header_value "$file" timeout)
    limit=$((${limit:-120} * IN_GUEST))
    read -ra words <<<"$options"
    "$TOP/tools/guest" --arch host --root "$SYSTEM_ROOT" --qemu -snapshot --timeout "$limit" --env "TEST=$test" \
        "${words[@]}" --script "$TOP/tests/board/lib/system.sh" >"$log" 2>&1 </dev/null || code=$?
    conclude "$name" "$code" "$log" $((SECONDS - start)) "$limit"
}

release_build() {
    if [[ -z $SYSTEM$E2E$RELEASE_BUILT ]]; then
        prepare_build release
        RELEASE_BUILT=1
    fi
}

run_boards() {
    local file options
    for file in "$TOP"/tests/board/*.sh; do
        [[ -f $file && ${file##*/} != lib.sh ]] || continue
        wanted "board/$(script_name "$file")" || continue
        if [[ $EUID -ne 0 ]]; then
            result skip "board/$(script_name "$file")" "not run as root"
            continue
        fi
        [[ -z $(header_value "$file" prepare) ]] || release_build
        while IFS= read -r options; do
            has_root "$options" || cross_build "$(variant_arch "$options")" || continue
            run_beside "$GUESTS" run_board "$file" "$options"
        done < <(board_variants "$file")
    done
    run_system_boards
    wait_beside
}

run_system_boards() {
    local file options
    for file in "$TOP"/tests/system/*/run.sh; do
        options=$(board_variants "$file")
        [[ -n $options ]] || continue
        wanted "board/system/$(script_name "$file")" || continue
        if [[ $EUID -ne 0 ]]; then
            result skip "board/system/$(script_name "$file")" "not run as root"
            continue
        fi
        release_build
        system_root || return 0
        while IFS= read -r options; do
            run_beside "$GUESTS" run_system_board "$file" "$options"
        done <<<"$options"
    done
}
