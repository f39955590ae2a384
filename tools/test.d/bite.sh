# shellcheck shell=bash
# tools/test --bite: do the tests notice when a check is gone? Sourced by tools/test.
#
# tests/bite/table.tsv names weakenings (tests/bite/README.md) and the test that must fail with each. One build
# folder goes from weakening to weakening; only the files that use one are compiled again.

TABLE=$TOP/tests/bite/table.tsv

bite_rows() {
    grep -v '^#' "$TABLE" | grep -v '^[[:space:]]*$' || true
}

# Each row: NAME, ctest name[:case] or system/NAME or e2e/NAME, what it proves.
check_table() {
    bite_rows | awk -F'\t' -v file="$TABLE" '
        NF < 3 || $1 !~ /^[A-Z][A-Z0-9_]*$/ { printf "%s: bad row: %s\n", file, $0; bad = 1 }
        seen[$1 "\t" $2]++ { printf "%s: %s with %s stands twice\n", file, $1, $2; bad = 1 }
        END { exit bad }' || die "the table of weakenings is wrong"
}

# choose_rows [WORD...]: all rows; those whose weakening is named; or, for a number, that many, other ones
# from commit to commit.
choose_rows() {
    local seed
    if [[ $# -eq 0 ]]; then
        bite_rows
    elif [[ $# -eq 1 && $1 =~ ^[0-9]+$ ]]; then
        seed=$(git -C "$TOP" rev-parse HEAD 2>/dev/null || echo none)
        bite_rows | shuf -n "$1" --random-source=<(yes "$seed")
    else
        local word
        for word in "$@"; do
            bite_rows | awk -F'\t' -v w="$word" '$1 == w { print; n++ } END { exit !n }' ||
                die "$TABLE has no weakening '$word'"
        done
    fi
}

# bite_build TEST: which build the test runs on.
bite_build() {
    if [[ $1 == */* ]]; then echo bite-release; else echo bite-sanitize; fi
}

# build_weakened BUILD NAMES TARGET...
build_weakened() {
    build_configure "$1" "-DLIMPET_WEAKEN=$2" && build_targets "$1" "${@:3}"
}

# script_file TEST: the program of system/NAME or e2e/NAME.
script_file() {
    local file
    for file in "$TOP/tests/$1.sh" "$TOP/tests/$1/run.sh"; do
        if [[ -x $file ]]; then
            echo "$file"
            return
        fi
    done
    return 1
}

# bite_run TEST: its exit code; its output goes to $WORK/bite.log.
bite_run() {
    local test=$1 build program case
    build=$(bite_build "$test")
    if [[ $test == */* ]]; then
        local RESULTS=$WORK/bite.results
        : >"$RESULTS"
        run_script "${test%%/*}" "$(script_file "$test")" "$BUILD_ROOT/$build/bin" >"$WORK/bite.log" 2>&1
        ! grep -q '^fail' "$RESULTS"
        return
    fi
    program=${test%%:*} case=${test#*:}
    (
        sanitizer_environment
        ctest --test-dir "$BUILD_ROOT/$build" -R "^$program\$" --no-tests=error --output-on-failure --verbose \
            --timeout 120
    ) >"$WORK/bite.log" 2>&1 && return 0
    # A named case must be among those that failed, or have been running when the program ended.
    [[ $case == "$program" ]] || grep -qE "\[  FAILED  \] $case|\[ RUN      \] $case" "$WORK/bite.log" || return 0
    return 1
}

# targets_of TEST: what must be built for it.
targets_of() {
    if [[ $1 == */* ]]; then echo all; else echo "${1%%:*}"; fi
}

# baseline ROWS: builds without any weakening; a test that fails already then proves nothing. Sets BROKEN.
declare -A BROKEN=()
baseline() {
    local build tests targets test
    for build in bite-sanitize bite-release; do
        mapfile -t tests < <(cut -f2 <<<"$1" | while read -r test; do
            [[ $(bite_build "$test") != "$build" ]] || echo "${test%%:*}"
        done | sort -u)
        [[ ${#tests[@]} -gt 0 ]] || continue
        mapfile -t targets < <(for test in "${tests[@]}"; do targets_of "$test"; done | sort -u)
        step "build: $build, nothing weakened" build_weakened "$build" "" "${targets[@]}" ||
            die "without a weakening the build fails already"
        for test in "${tests[@]}"; do
            bite_run "$test" || BROKEN[$test]=1
        done
    done
}

bite_row() {
    local name=$1 test=$2 proves=$3 build start=$SECONDS
    build=$(bite_build "$test")
    if [[ -n ${BROKEN[${test%%:*}]:-} ]]; then
        result fail "$name" "$test fails without the weakening too"
    elif ! build_weakened "$build" "$name" "$(targets_of "$test")" >"$WORK/bite.log" 2>&1; then
        result fail "$name" "does not build with it"
        tail -n 30 "$WORK/bite.log"
    elif bite_run "$test"; then
        result fail "$name" "$test passes all the same, but should show that $proves"
    else
        result pass "$name"
    fi
    result_line "$(tail -n 1 "$RESULTS" | cut -f1)" "$name ($test)" $((SECONDS - start)) \
        "$(tail -n 1 "$RESULTS" | cut -f3)"
}

run_bite() {
    local rows name test proves
    [[ -f $TABLE ]] || die "$TABLE is missing"
    check_table
    rows=$(choose_rows "$@")
    [[ -n $rows ]] || die "$TABLE has no weakening"
    baseline "$rows"
    # In the order of the table, one build after the other.
    while IFS=$'\t' read -r name test proves; do
        bite_row "$name" "$test" "$proves" </dev/null
    done < <(sort -s -t "$(printf '\t')" -k2 <<<"$rows")
}
