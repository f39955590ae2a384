# Makes ctest's output short: a line a test, and the whole output of those that fail.
/^ *[0-9]+\/[0-9]+ Test +#/ {
    passed = / Passed /
    sub(/^ */, "")
    sub(/Test +#[0-9]+: /, "")
    gsub(/ \.+ */, "  ")
    if (passed) {
        sub(/Passed +/, "ok  ")
    }
    print "  " $0
    system("")
    next
}
/^Could not find executable|^Looked in the following|^Unable to find executable/ { next }
/^\/?[^ ]*\/build\// { next }
/^ +Start +[0-9]+: |^Test project |^Internal ctest|^Test timeout/ { next }
/tests passed, .* failed out of/ { summary = 1 }
!summary && NF { print "    " $0; system("") }
