# Sizes of C functions and files (tools/check): a function may have 100 lines between its braces, a file 1000,
# both without their tables. Prints "fail|long|ok<TAB>text" for each; "long" is what is worth a look.
# The code is formatted (tools/check sees to it): a function's braces, and a table's end, stand in column one.

function end_file()
{
    if (file != "") {
        what = lines > 1000 ? "fail" : lines > 500 ? "long" : "ok"
        printf "%s\t%s: %d lines without tables (aim 500, limit 1000)\n", what, file, lines
    }
}
FNR == 1 {
    end_file()
    file = FILENAME
    lines = 0
    start = 0
    table = 0
}
/^(static |const )*(static|const) .*= \{$/ { table = 1 }
!table { lines++ }
table && /^\};/ { table = 0; next }
/^\{$/ { start = FNR; name = previous; exempt = inside = 0; next }
start && /^ +.* = \{$/ { inside = 1 }
start && inside { exempt++ }
/^ +\};$/ { inside = 0 }
/^\}/ && start {
    length_ = FNR - start - 1 - exempt
    sub(/\(.*/, "", name)
    sub(/.*[ *]/, "", name)
    what = length_ > 100 ? "fail" : length_ > 60 ? "long" : "ok"
    printf "%s\t%s:%d: %s: %d lines without tables (aim 40, limit 100)\n", what, file, start, name, length_
    start = 0
}
/^[a-z].*\(/ { previous = $0 }
END { end_file() }
