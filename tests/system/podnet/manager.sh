# shellcheck shell=bash
# NetworkManager in the network of a node of the stand, with mounts and a D-Bus of its own; /sys is read-only there, so
# that it does not wait for a udev that never comes. Sourced by run.sh.

manager_is_there() { command -v NetworkManager >/dev/null && command -v nmcli >/dev/null && command -v dbus-daemon >/dev/null; }

# manager_start NODE
manager_start() {
    MANAGER=$STAND/manager
    mkdir -p "$MANAGER"
    cat >"$MANAGER/bus.conf" <<'END'
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow own="*"/><allow send_type="method_call"/><allow send_destination="*"/><allow receive_sender="*"/>
  </policy>
</busconfig>
END
    cat >"$MANAGER/begin" <<'END'
set -e
mount --make-rprivate /
mount -t sysfs -o ro sysfs /sys
mount -t tmpfs limpet-test /run
mkdir -p /run/dbus /run/NetworkManager /run/upper /run/work
mount -t overlay -o lowerdir=/etc,upperdir=/run/upper,workdir=/run/work overlay /etc
mkdir -p /etc/NetworkManager/conf.d
mount -t tmpfs limpet-test /var/lib
mkdir -p /var/lib/NetworkManager
dbus-daemon --config-file="$1/bus.conf" --fork --print-pid=3 3>"$1/bus.pid"
exec NetworkManager --no-daemon
END
    daemon "$MANAGER/pid" "$MANAGER/log" "$1" unshare -m bash "$MANAGER/begin" "$MANAGER"
}
manager_stop() {
    end_pid "$(cat "$MANAGER/pid")" TERM
    end_pid "$(cat "$MANAGER/bus.pid")" TERM
}
# managed INTERFACE: its state, in NetworkManager's words.
managed() {
    nsenter -t "$(cat "$MANAGER/pid")" -m -n nmcli -t -f DEVICE,STATE device 2>/dev/null | sed -n "s/^$1://p"
}
