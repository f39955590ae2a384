# shellcheck shell=bash
# What every tool here shares: folders, messages, help, progress. Sourced, never run.

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOOL=tools/$(basename "$0")
# shellcheck disable=SC2034
readonly TOP TOOL

if [[ -t 1 && -z ${NO_COLOR:-} && ${TERM:-dumb} != dumb ]]; then
    C_RED=$'\e[31m' C_GREEN=$'\e[32m' C_YELLOW=$'\e[33m' C_BOLD=$'\e[1m' C_OFF=$'\e[0m'
else
    C_RED='' C_GREEN='' C_YELLOW='' C_BOLD='' C_OFF=''
fi
# shellcheck disable=SC2034
readonly C_RED C_GREEN C_YELLOW C_BOLD C_OFF

note() { printf '%s\n' "$*" >&2; }
warn() { printf '%s: warning: %s\n' "$TOOL" "$*" >&2; }
die() {
    printf '%s: %s\n' "$TOOL" "$*" >&2
    exit 1
}

# usage_error MESSAGE: for arguments that make no sense; exit code 2.
usage_error() {
    printf '%s: %s\nTry: %s --help\n' "$TOOL" "$1" "$TOOL" >&2
    exit 2
}

# show_help: the comment that opens the calling script is its help text.
show_help() {
    awk 'NR == 1 { next } !/^#/ { exit } { sub(/^# ?/, ""); print }' "$0"
}

# need_value OPTION COUNT: COUNT arguments are left, OPTION among them; it wants a value.
need_value() {
    [[ $2 -ge 2 ]] || usage_error "$1 wants a value"
}

# need_number OPTION VALUE: VALUE must be a positive whole number.
need_number() {
    [[ $2 =~ ^[1-9][0-9]*$ ]] || usage_error "$1 wants a positive number, not '$2'"
}

need_root() {
    [[ $EUID -eq 0 ]] || die "must be run as root (it $1)"
}

need_program() {
    command -v "$1" >/dev/null || die "$1 is missing: run tools/install $2"
}

# cache_dir: the folder for what is downloaded or built once and kept between clones.
cache_dir() {
    printf '%s\n' "${LIMPET_CACHE:-${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/limpet}"
}

# step TEXT COMMAND...: runs COMMAND with its output in a log that is shown if it fails, and prints
# TEXT with the seconds it took; on a terminal the log's last line shows how far it is.
step() {
    local text=$1 log rc=0 start=$SECONDS ticker=''
    shift
    log=$(mktemp)
    printf '%s ... ' "$text" >&2
    if [[ -t 2 ]]; then
        show_progress "$text" "$log" &
        ticker=$!
    fi
    "$@" >"$log" 2>&1 </dev/null || rc=$?
    if [[ -n $ticker ]]; then
        kill "$ticker" 2>/dev/null
        wait "$ticker" 2>/dev/null || true
        printf '\r\e[K%s ... ' "$text" >&2
    fi
    if [[ $rc -eq 0 ]]; then
        printf 'done (%d s)\n' $((SECONDS - start)) >&2
    else
        printf 'FAILED (exit %d)\n' "$rc" >&2
        grep -vE '^\[[0-9]+/[0-9]+\] ' "$log" >&2 || true # without ninja's progress
    fi
    rm -f "$log"
    return "$rc"
}

show_progress() {
    local start=$SECONDS line
    trap - EXIT INT TERM
    while sleep 1; do
        line=$(tail -n 1 "$2" | tr -d '\r\033' | cut -c1-60)
        printf '\r\e[K%s ... %d s  %s' "$1" $((SECONDS - start)) "$line" >&2
    done
}

# on_exit COMMAND: adds one to what runs when the script ends, last first. Also on INT and TERM.
ON_EXIT=()
on_exit() {
    [[ ${#ON_EXIT[@]} -gt 0 ]] || trap run_on_exit EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    ON_EXIT=("$1" "${ON_EXIT[@]}")
}
run_on_exit() {
    local rc=$? command
    trap '' INT TERM
    for command in "${ON_EXIT[@]}"; do
        eval "$command" || true
    done
    exit "$rc"
}

# The architectures of boards: Debian's name, the GNU triplet, CMake's processor, the kernel's name.
arch_field() {
    local row
    case $1 in
    x86_64) row="amd64 x86_64-linux-gnu x86_64 x86_64" ;;
    arm64) row="arm64 aarch64-linux-gnu aarch64 arm64" ;;
    armhf) row="armhf arm-linux-gnueabihf armv7l arm" ;;
    armel) row="armel arm-linux-gnueabi armv6l arm" ;;
    *) return 1 ;;
    esac
    local debian triplet processor kernel
    read -r debian triplet processor kernel <<<"$row"
    case $2 in
    debian) echo "$debian" ;;
    triplet) echo "$triplet" ;;
    processor) echo "$processor" ;;
    kernel) echo "$kernel" ;;
    esac
}

# machine: this one's, by the names of boards.
machine() {
    case $(uname -m) in
    aarch64) echo arm64 ;;
    armv7l) echo armhf ;;
    armv6l) echo armel ;;
    *) uname -m ;;
    esac
}

need_arch() {
    arch_field "$1" debian >/dev/null ||
        usage_error "unknown architecture '$1' (there are x86_64, arm64, armhf, armel)"
}
