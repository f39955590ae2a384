#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 480
# Programs in containers that run, and what people type into them: by the pods' keepers
# alone; then the same, and ports, over the bus.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/streams/exec.sh
. "$here/exec.sh"
# shellcheck source=tests/system/streams/attach.sh
. "$here/attach.sh"
# shellcheck source=tests/system/streams/bus.sh
. "$here/bus.sh"
# shellcheck source=tests/system/streams/pause.sh
. "$here/pause.sh"

for program in jq python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

stand_plain alone a
exec_pods
exec_plain
exec_like_the_container
exec_hostile
exec_terminal
exec_ends
exec_bytes
attach_pods
attach_output
attach_stdin
attach_terminal
attach_bounds
stand_down alone
bus_up
bus_exec
bus_forward
bus_intact
bus_many
bus_slow
bus_ends
pauses
conclude
