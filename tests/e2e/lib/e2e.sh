# shellcheck shell=bash
# What end-to-end tests share: a stand (tests/system/lib/stand.sh) and Debian's kubectl on it. Sourced, never run; bash.

# shellcheck source=tests/system/lib/stand.sh
. "$LIMPET_SRC/tests/system/lib/stand.sh"

for program in jq openssl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done
KUBECTL=$("$LIMPET_SRC/tools/clients" kubectl) || skip "needs Debian's kubectl, and it cannot be fetched"
export LIMPET_CACHE=${LIMPET_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/limpet}
# Programs of others keep caches and settings where the home is.
export HOME=$TEST_TMP/home
mkdir -p "$HOME"

# k WORDS...: kubectl, bounded; both its outputs, without the warnings that nothing acts on a kind yet.
k() {
    timeout 60 "$KUBECTL" "$@" 2>&1 | grep -Ev '^Warning: (.*: accepted and kept; nothing acts on (it|them) yet|and [0-9]+ more)$'
    return "${PIPESTATUS[0]}"
}
# says WHAT PATTERN WORDS...: kubectl succeeds with these words, and a line of what it prints matches.
says() {
    local text
    if text=$(k "${@:3}"); then
        has "$1" "$text" "$2"
    else
        bad "$1" "kubectl ${*:3} failed: $text"
    fi
}
# refuses WHAT PATTERN WORDS...: it does not succeed, and says so.
refuses() {
    local text
    if text=$(k "${@:3}"); then
        bad "$1" "kubectl ${*:3} succeeded: $text"
    else
        has "$1" "$text" "$2"
    fi
}
# holds WHAT KIND/NAME JQ WANTED: what the gateway has of an object, as text; in $NS. Not asked through kubectl.
holds() { is "$1" "$(object "$2" | jq -rc "$3" 2>&1)" "$4"; }
object() { lp get "$1" -n "${NS:-default}" -o json 2>&1; }
# absent WHAT KIND/NAME
absent() { has "$1" "$(object "$2")" 'not found'; }
