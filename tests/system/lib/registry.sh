# shellcheck shell=bash
# Debian's registry beside a stand (stand.sh is sourced before), for images that are not the gateway's.

# registry_start WHO ADDRESS [SETTING]: in the network of WHO, with what lies in its folder. SETTING: one more line.
registry_start() {
    local who=$1 address=$2 more=${3:-}
    mkdir -p "$STAND/registry"
    cat >"$STAND/registry.yml" <<-END
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $STAND/registry}, delete: {enabled: true}}
		http: {addr: "$address"}
		$more
	END
    daemon "$STAND/registry.pid" "$STAND/registry.log" "$who" docker-registry serve "$STAND/registry.yml"
}
registry_stop() { end_pid "$(cat "$STAND/registry.pid" 2>/dev/null)" TERM; }
