# shellcheck shell=bash
# The results of a run: one line a case in $RESULTS (pass|fail|skip, name, reason; tab-separated), and what is
# printed of them. Sourced by tools/test.

# result STATUS NAME [REASON]
result() {
    printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >>"$RESULTS"
}

# result_line STATUS NAME SECONDS [REASON]: what the user sees when a test ends.
result_line() {
    local colour=$C_GREEN word=ok
    case $1 in
    fail) colour=$C_RED word=FAILED ;;
    skip) colour=$C_YELLOW word=skipped ;;
    esac
    printf '  %s%-8s%s%s (%d s)%s\n' "$colour" "$word" "$C_OFF" "$2" "$3" "${4:+: $4}"
}

count() {
    awk -F'\t' -v s="$1" '$1 == s { n++ } END { print n + 0 }' "$RESULTS"
}

# report: what failed and what was skipped, and the one line at the end. Exit code 1 if anything failed.
report() {
    local failed
    failed=$(count fail)
    awk -F'\t' -v red="$C_RED" -v off="$C_OFF" '
        $1 == "fail" { if (!n++) printf "\nFailed:\n"; printf "  %s%s%s%s\n", red, $2, off, $3 == "" ? "" : ": " $3 }
    ' "$RESULTS"
    awk -F'\t' -v yellow="$C_YELLOW" -v off="$C_OFF" '
        $1 == "skip" { if (!n++) printf "\nSkipped:\n"; printf "  %s%s%s: %s\n", yellow, $2, off, $3 == "" ? "no reason given" : $3 }
    ' "$RESULTS"
    [[ $OUTPUT != json ]] || report_json >&3
    printf '\n%d passed, %d failed, %d skipped\n' "$(count pass)" "$failed" "$(count skip)"
    [[ $failed -eq 0 ]]
}

report_json() {
    awk -F'\t' -v passed="$(count pass)" -v failed="$(count fail)" -v skipped="$(count skip)" '
        function quoted(s) {
            gsub(/\\/, "\\\\", s)
            gsub(/"/, "\\\"", s)
            gsub(/[\001-\037]/, " ", s)
            return "\"" s "\""
        }
        BEGIN { printf "{\"passed\":%d,\"failed\":%d,\"skipped\":%d,\"cases\":[", passed, failed, skipped }
        { printf "%s{\"status\":%s,\"name\":%s,\"reason\":%s}", NR > 1 ? "," : "", quoted($1), quoted($2), quoted($3) }
        END { print "]}" }' "$RESULTS"
}
