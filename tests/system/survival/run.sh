#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 240
# The point of it all: pods run on through the death of broker, controller, agent and all three, through a reboot
# with the gateway down, a wiped disk, and desired state that is not to be believed; what pods leave that end amid it
# goes.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/survival/deaths.sh
. "$here/deaths.sh"
# shellcheck source=tests/system/survival/leftovers.sh
. "$here/leftovers.sh"
# shellcheck source=tests/system/survival/lies.sh
. "$here/lies.sh"
# shellcheck source=tests/system/survival/departed.sh
. "$here/departed.sh"

for program in jq openssl mosquitto_pub python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

stand_up main a b
deaths
reboot_alone
wiped
leftovers
lies
departed
conclude
