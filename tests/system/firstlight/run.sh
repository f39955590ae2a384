#!/usr/bin/env bash
# timeout: 240
# A YAML manifest becomes a running container, by every way in: limpet, kubectl, MQTT, a file in a folder; and
# every kind of thing a pod can ask for.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/firstlight/ways.sh
. "$here/ways.sh"
# shellcheck source=tests/system/firstlight/pods.sh
. "$here/pods.sh"

for program in jq openssl mosquitto_rr kubectl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

stand_plain alone solo
no_controller

stand_up main a b
by_limpet
by_kubectl
by_mqtt
everything_dead
many_containers
volumes
configuration
placement
users
limits
restarts
networks
conclude
