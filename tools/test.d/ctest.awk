# Reads ctest's JUnit file and prints one line a test case: pass|fail|skip, name, reason (tab-separated).
# The output of a cmocka program names its cases; any other program counts as one case.

function entities(s)
{
    gsub(/&lt;/, "<", s)
    gsub(/&gt;/, ">", s)
    gsub(/&quot;/, "\"", s)
    gsub(/&apos;/, "'", s)
    gsub(/&amp;/, "\\&", s)
    return s
}

function attribute(line, name,    at)
{
    if (!match(line, " " name "=\"[^\"]*\"")) {
        return ""
    }
    at = RSTART + length(name) + 3
    return entities(substr(line, at, RSTART + RLENGTH - 1 - at))
}

function result(status, name, reason)
{
    gsub(/[\t\r]/, " ", reason)
    printf "%s\t%s\t%s\n", status, name, reason
}

# A case that ran into nothing: the program ended in the middle of it.
function end_case(status, reason)
{
    if (current != "") {
        result(status, program ": " current, reason)
        cases++
        failed += status == "fail"
        current = ""
    }
}

/<testcase / {
    program = attribute($0, "name")
    verdict = attribute($0, "status")
    why = ""
    current = ""
    cases = failed = 0
}
/<failure / { why = attribute($0, "message") }
/<skipped / {
    why = attribute($0, "message")
    sub(/Unable to find executable/, "was not built", why)
}
{ sub(/^.*<system-out>/, "") }
/^\[ RUN      \] / {
    end_case("fail", "ended in the middle")
    current = $4
    last = ""
    next
}
/^\[       OK \] / && current != "" { end_case("pass", ""); next }
/^\[  SKIPPED \] / && current != "" { end_case("skip", last); next }
/^\[  FAILED  \] / && current != "" { end_case("fail", last); next }
current != "" && NF { last = entities($0) }
/<\/testcase>/ {
    end_case("fail", "ended in the middle: " why)
    if (verdict == "notrun" || verdict == "disabled") {
        result(why ~ /SKIP_RETURN_CODE|77/ ? "skip" : "fail", program, why == "" ? "did not run" : why)
    } else if (verdict == "fail" && !failed) {
        result("fail", program, why == "" ? "failed" : why)
    } else if (verdict == "run" && !cases) {
        result("pass", program, "")
    }
}
