#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 240
# What a pod is told of itself and of the network: its variables from every source; /etc/hosts, /etc/hostname and
# /etc/resolv.conf, which follows the node's; its address and its limits in its environment; its fsGroup.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in jq python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# node_resolves TEXT: what the node's resolv.conf says, whole at once.
node_resolves() {
    printf '%b' "$1" >"$STAND/a/resolv.new"
    mv "$STAND/a/resolv.new" "$STAND/a/resolv.conf"
}
# seen POD [CONTAINER]: the last resolv.conf that a container of `watching` has told, in one line.
seen() { lp logs "$@" | sed -n 's/^resolv: //p' | tail -n 1; }
# seen_there: the same, from the node itself. The gateway asks a node that has just been started anew in vain, and waits
# for the answer longer than a look may take.
seen_there() { ld a logs "$@" | sed -n 's/^resolv: //p' | tail -n 1; }
# A script that tells its resolv.conf whenever it has changed.
watching='last=x; while :; do now=$(tr "\n" "," </etc/resolv.conf); if [ "$now" != "$last" ]; then echo "resolv: $now"; last=$now; fi; sleep 0.1; done'
# log_of POD: its log, when its script has come to its end.
log_of() {
    within 15 "pod $1 runs" matches '^end$' lp logs "$1" >&2
    lp logs "$1"
}

# Variables of all sources, and what is made of them in others and in the command line.
environment() {
    local log uid
    jq -n '{apiVersion: "v1", kind: "List", items: [
        {apiVersion: "v1", kind: "ConfigMap", metadata: {name: "settings"}, data: {colour: "green", size: "7", "a.b": "dots"}},
        {apiVersion: "v1", kind: "Secret", metadata: {name: "keys"}, stringData: {password: "sesame"}},
        {apiVersion: "v1", kind: "ServiceAccount", metadata: {name: "robot"}}]}' | apply >/dev/null
    pod vars 'tr "\0" "\n" </proc/1/environ; echo "args: $0, $1, $2, $3"; echo end; exec sleep 1000' |
        jq 'def field(n; p): {name: n, valueFrom: {fieldRef: {fieldPath: p}}};
            def key(n; kind; from; k): {name: n, valueFrom: {(kind): {name: from, key: k}}};
            .metadata.labels = {tier: "x"} | .metadata.annotations = {"a/note": "n 1"} | .spec.serviceAccountName = "robot"
            | .spec.containers[0] |= (.command += ["$(A)", "$$(A)", "$(NONE)", "$(PATH)"]
            | .envFrom = [{configMapRef: {name: "settings"}}, {prefix: "P_", configMapRef: {name: "settings"}},
                {prefix: "S_", secretRef: {name: "keys"}}, {configMapRef: {name: "none", optional: true}}]
            | .env = [{name: "A", value: "a"}, {name: "B", value: "$(A) $(P_colour) $$(A) $(NONE) $(LATER) $(A"},
                {name: "LATER", value: "l"}, {name: "size", value: "own"}, {name: "EMPTY"}, {name: "TWICE", value: "1"},
                {name: "TWICE", value: "$(TWICE)2"}, {name: "PATH", value: "$(PATH):/own:/bin:/usr/bin"},
                key("MAP"; "configMapKeyRef"; "settings"; "colour"), key("KEY"; "secretKeyRef"; "keys"; "password"),
                (key("NO"; "secretKeyRef"; "keys"; "none") | .valueFrom.secretKeyRef.optional = true),
                field("NAME"; "metadata.name"), field("NS"; "metadata.namespace"), field("ID"; "metadata.uid"),
                field("LABEL"; "metadata.labels[\u0027tier\u0027]"), field("NOTE"; "metadata.annotations[\u0027a/note\u0027]"),
                field("NODE"; "spec.nodeName"), field("ACCOUNT"; "spec.serviceAccountName")])' | apply >/dev/null
    log=$(log_of vars)
    uid=$(lp get pod vars -o json | jq -r .metadata.uid)
    for line in 'A=a' 'EMPTY=' 'MAP=green' 'KEY=sesame' 'colour=green' 'P_colour=green' 'S_password=sesame' 'a.b=dots' \
        'P_size=7' 'NAME=vars' 'NS=default' "ID=$uid" 'LABEL=x' 'NOTE=n 1' 'NODE=a' 'ACCOUNT=robot' 'HOSTNAME=vars'; do
        is "environment: $line" "$(grep -Fxc -- "$line" <<<"$log")" 1
    done
    is "env stands over envFrom" "$(grep -E '^size=' <<<"$log")" size=own
    is "of two of one name the later one" "$(grep -E '^TWICE=' <<<"$log")" TWICE=12
    is "others expand, once they are there; what is unknown stays as it is" "$(sed -n 's/^B=//p' <<<"$log")" \
        'a green $(A) $(NONE) $(LATER) $(A'
    is "what the image says is not expanded" "$(sed -n 's/^PATH=//p' <<<"$log")" '$(PATH):/own:/bin:/usr/bin'
    is "the command line expands" "$(sed -n 's/^args: //p' <<<"$log")" 'a, $(A), $(NONE), $(PATH):/own:/bin:/usr/bin'
    hasnt "optional ones that are not there are left out" "$log" '^NO='
    pod lacks 'echo "has $X"; echo end; exec sleep 1000' | jq '.spec.containers[0].env = [{name: "X", valueFrom: {configMapKeyRef: {name: "settings", key: "x"}}}]' |
        apply >/dev/null
    within 10 "a key that is not there is the reason" \
        matches "CreateContainerConfigError.*couldn't find key x in ConfigMap default/settings" waiting lacks
    lp delete configmap settings >/dev/null
    within 10 "then what it is of" matches 'CreateContainerConfigError.*configmap "settings" not found' waiting lacks
    jq -n '{apiVersion: "v1", kind: "ConfigMap", metadata: {name: "settings"}, data: {x: "come"}}' | apply >/dev/null
    has "and when it is there it runs" "$(log_of lacks)" '^has come$'
    lp delete pod/vars pod/lacks configmap/settings secret/keys serviceaccount/robot >/dev/null
}
waiting() { lp get pod "$1" -o json | jq -r '.status.containerStatuses[0].state.waiting | "\(.reason): \(.message)"'; }

names() {
    local log
    pod called 'echo "name $(hostname) $(cat /etc/hostname) $HOSTNAME $(hostname -f)"; cat /etc/hosts; echo end; exec sleep 1000' >"$STAND/called"
    jq '.spec.hostname = "other" | .spec.subdomain = "sub"' "$STAND/called" | apply >/dev/null
    log=$(log_of called)
    has "hostname" "$log" '^name other other other other\.sub\.default\.svc\.cluster\.local$'
    has "and in its hosts" "$log" '^10\..*.other\.sub\.default\.svc\.cluster\.local.other$'
    jq '.metadata.name = "full" | .spec.subdomain = "sub" | .spec.setHostnameAsFQDN = true' "$STAND/called" | apply >/dev/null
    log=$(log_of full)
    has "setHostnameAsFQDN" "$log" '^name (full\.sub\.default\.svc\.cluster\.local ?){4}$'
    lp delete pod/called pod/full >/dev/null
}

# resolves POD: its resolv.conf, in one line.
resolves() { log_of "$1" | sed -n 's/^= //p' | tr '\n' ,; }
dns_policies() {
    local node='search lan,nameserver 192.0.2.53,options timeout:3,' policy
    node_resolves 'nameserver 192.0.2.53\nsearch lan\noptions timeout:3\n'
    pod dns 'sed "s/^/= /" /etc/resolv.conf; echo end; exec sleep 1000' >"$STAND/dns"
    for policy in Default ClusterFirst ClusterFirstWithHostNet None; do
        jq --arg p "$policy" '.metadata.name = ("dns-" + ($p | ascii_downcase)) | .spec.dnsPolicy = $p
            | if $p == "None" then .spec.dnsConfig = {nameservers: ["192.0.2.99", "192.0.2.98"], searches: ["only.me"],
                    options: [{name: "edns0"}, {name: "ndots", value: "5"}]}
              elif $p == "ClusterFirst" then .spec.dnsConfig = {nameservers: ["192.0.2.97"], searches: ["more"], options: [{name: "timeout", value: "1"}]}
              elif $p == "Default" then . else .spec.hostNetwork = true end' "$STAND/dns" | apply >/dev/null
    done
    is "dnsPolicy Default: as the node" "$(resolves dns-default)" "$node"
    is "ClusterFirst, with no servers of a cluster: too; dnsConfig adds, and changes options" "$(resolves dns-clusterfirst)" \
        'search lan more,nameserver 192.0.2.53,nameserver 192.0.2.97,options timeout:1,'
    is "ClusterFirstWithHostNet: too" "$(resolves dns-clusterfirstwithhostnet | tr , '\n' | sort | tr '\n' ,)" \
        "$(tr , '\n' <<<"${node%,}" | sort | tr '\n' ,)"
    is "None: what dnsConfig says alone" "$(resolves dns-none)" \
        'search only.me,nameserver 192.0.2.99,nameserver 192.0.2.98,options edns0 ndots:5,'
    lp delete pod/dns-default pod/dns-clusterfirst pod/dns-clusterfirstwithhostnet pod/dns-none >/dev/null
    node_resolves 'nameserver 192.0.2.53\n'
}

own_files() {
    local log address
    pod told 'cat /etc/hosts; echo "name $(hostname) $(cat /etc/hostname) $HOSTNAME"; echo "full $(hostname -f)"
            cat /etc/resolv.conf; stat -c "mode %a %n" /etc/hosts /etc/hostname /etc/resolv.conf
            for f in hosts hostname resolv.conf; do echo x 2>&1 >>/etc/$f; mv /etc/$f /tmp/x 2>&1; done
            echo "ip $IP $IPS host $HOST $HOSTS"; echo end; exec sleep 1000' |
        jq '.spec.subdomain = "sub" | .spec.hostAliases = [{ip: "192.0.2.7", hostnames: ["db", "db.example.com"]}]
            | .spec.dnsConfig = {searches: ["my.dns"], options: [{name: "ndots", value: "2"}]}
            | .spec.containers[0].securityContext = {runAsUser: 1000}
            | .spec.containers[0].env = [{name: "IP", valueFrom: {fieldRef: {fieldPath: "status.podIP"}}},
                {name: "IPS", valueFrom: {fieldRef: {fieldPath: "status.podIPs"}}},
                {name: "HOST", valueFrom: {fieldRef: {fieldPath: "status.hostIP"}}},
                {name: "HOSTS", valueFrom: {fieldRef: {fieldPath: "status.hostIPs"}}}]' | apply >/dev/null
    log=$(log_of told)
    address=$(lp get pod told -o json | jq -r .status.podIP)
    has "hosts: localhost" "$log" '^127\.0\.0\.1.localhost$'
    has "hosts: its address with its names" "$log" "^$address.told\\.sub\\.default\\.svc\\.cluster\\.local.told\$"
    has "hosts: aliases" "$log" '^192\.0\.2\.7.db.db\.example\.com$'
    has "hostname, /etc/hostname and \$HOSTNAME are one" "$log" '^name told told told$'
    has "its full name" "$log" '^full told\.sub\.default\.svc\.cluster\.local$'
    has "resolv.conf: the node's server" "$log" '^nameserver 192\.0\.2\.53$'
    has "resolv.conf: dnsConfig" "$(tr '\n' , <<<"$log")" ',search my\.dns,nameserver 192\.0\.2\.53,options ndots:2,'
    is "any user reads them" "$(grep -c '^mode 644 /etc/' <<<"$log")" 3
    has "environment: podIP, podIPs" "$log" "^ip $address $address host "
    has "environment: hostIP, hostIPs" "$log" ' host ([^ ]*) \1$'
    is "they cannot be taken away" "$(grep -Ec "mv: can't rename '/etc/" <<<"$log")" 3
    lp delete pod/told >/dev/null
}

# Not by root either: what fills such a file fills the node's memory (CVE-2020-8557).
read_only() {
    local log
    pod filler 'for f in hosts hostname resolv.conf; do { echo x >>/etc/$f; } 2>&1; done; echo end; exec sleep 1000' |
        apply >/dev/null
    log=$(log_of filler)
    is "no container writes its /etc/hosts, hostname, resolv.conf" "$(grep -c 'Read-only file system' <<<"$log")" 3
    lp delete pod/filler >/dev/null
}

own_mounts() {
    local log
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine}\ndata: {hosts: "my own hosts\\n"}\n' | apply >/dev/null
    pod mounts 'cat /etc/hosts; cat /etc/hostname; echo end; exec sleep 1000' |
        jq '.spec.volumes = [{name: "mine", configMap: {name: "mine"}}]
            | .spec.containers[0].volumeMounts = [{name: "mine", mountPath: "/etc/hosts", subPath: "hosts"}]' | apply >/dev/null
    pod covers 'echo "in it: $(ls /etc)"; echo end; exec sleep 1000' |
        jq '.spec.volumes = [{name: "mine", configMap: {name: "mine", items: [{key: "hosts", path: "only"}]}}]
            | .spec.containers[0].volumeMounts = [{name: "mine", mountPath: "/etc"}]' | apply >/dev/null
    log=$(log_of mounts)
    has "a mount of one's own at /etc/hosts stands" "$log" '^my own hosts$'
    has "and the others are there" "$log" '^mounts$'
    has "a volume at /etc covers them all" "$(log_of covers)" '^in it: only$'
    lp delete pod/mounts pod/covers configmap/mine >/dev/null
}

host_network() {
    local log
    node_resolves 'nameserver 127.0.0.53\noptions edns0\n# as it is\n'
    pod host 'cat /etc/hosts; cat /etc/resolv.conf; sed "s/^.* /socket: /" /proc/net/unix; echo "name $(hostname) $(cat /etc/hostname) $HOSTNAME"; echo end; exec sleep 1000' |
        jq '.spec.hostNetwork = true | .spec.hostAliases = [{ip: "192.0.2.8", hostnames: ["alias"]}]' | apply >/dev/null
    pod net "$watching" | apply >/dev/null
    log=$(log_of host)
    is "host network: the node's hosts" "$(grep -Fvxc -f <(echo "$log") /etc/hosts)" 0
    has "host network: and aliases" "$log" '^192\.0\.2\.8.alias$'
    has "host network: the node's resolv.conf as it is" "$log" '^# as it is$'
    has "host network: a server on loopback" "$log" '^nameserver 127\.0\.0\.53$'
    has "host network: the machine's name" "$log" "^name $(hostname) $(hostname) $(hostname)\$"
    # CVE-2020-15257: it sees the sockets of the node, but reaches what has a path by that alone.
    has "host network: it sees which sockets the node has" "$log" "^socket: $STAND/a/run/"
    hasnt "host network: none of ours has an abstract name" \
        "$(grep '^socket: @' <<<"$log" | grep -v '@limpet-test-port-')" "$STAND|limpet|keeper"
    if [[ -e /run/systemd/resolve/resolv.conf ]]; then
        ok "a pod's own network: no server on loopback # SKIP this machine runs systemd-resolved"
    else
        within 10 "a pod's own network: no server on loopback" equals 'options edns0,' seen net
    fi
    lp delete pod/host pod/net >/dev/null
}

# The node learns its name servers while the pod runs.
follows() {
    local before address answer
    node_resolves ''
    pod watch "$watching" | jq '.spec.containers += [{name: "ask", image: "busybox:latest", imagePullPolicy: "IfNotPresent",
        command: ["sh", "-c", "until nslookup -type=a some.where; do sleep 0.2; done; exec sleep 1000"]}]' | apply >/dev/null
    within 10 "a pod starts on a node without a name server" running watch
    within 5 "and has none" matches '^resolv: $' lp logs watch main
    before=$(fingerprint a watch)
    address=$(ip -o -4 addr show dev "$(sed -n 's/^bridge: //p' "$STAND/a/config.yaml")" | awk '{ sub("/.*", "", $4); print $4 }')
    python3 "$here/name_server.py" "$address" >"$STAND/dns.log" 2>&1 &
    NAME_SERVER=$!
    poll 30 grep -q ready "$STAND/dns.log" || bad "the test's name server runs" "$(cat "$STAND/dns.log")"
    node_resolves "nameserver $address\nsearch lan\n"
    within 5 "it sees the node's name server when there is one" equals "search lan,nameserver $address," seen watch main
    within 10 "and names are answered" matches 'Address:? .*10\.9\.8\.7' lp logs watch ask
    printf 'nameserver 192.0.2.1\n' >"$STAND/a/resolv.conf" # in place
    within 5 "a file that is written in place is seen" equals 'nameserver 192.0.2.1,' seen watch main
    mkdir "$STAND/a/elsewhere"
    echo "nameserver 192.0.2.2" >"$STAND/a/elsewhere/stub"
    ln -s elsewhere/stub "$STAND/a/link"
    mv -T "$STAND/a/link" "$STAND/a/resolv.conf"
    within 5 "a link in its place is seen" equals 'nameserver 192.0.2.2,' seen watch main
    echo "nameserver 192.0.2.3" >"$STAND/a/elsewhere/new"
    mv "$STAND/a/elsewhere/new" "$STAND/a/elsewhere/stub"
    within 5 "so is a change of what it leads to" equals 'nameserver 192.0.2.3,' seen watch main
    rm "$STAND/a/elsewhere/stub"
    sleep 1
    answer=$(seen watch main)
    is "a file that is away takes nothing away" "$answer" 'nameserver 192.0.2.3,'
    node_kill a
    node_resolves 'nameserver 192.0.2.4\n'
    node_start a
    within 30 "the agent is back" runs_on a watch
    within 10 "what changed while the agent was dead is seen" equals 'nameserver 192.0.2.4,' seen_there watch main
    is "nothing was started anew" "$(fingerprint a watch)" "$before"
    node_resolves 'nameserver 192.0.2.5\n'
    node_reboot a
    within 20 "after a reboot it runs" running watch
    within 10 "with files made anew" equals 'nameserver 192.0.2.5,' seen watch main
    end_pid "$NAME_SERVER" TERM
    lp delete pod/watch >/dev/null
}

limits() {
    local log allocatable
    pod limits 'echo "own $CPU $MILLI $MEM $REQ node $NCPU $NMEM $NDISK"; echo end; exec sleep 1000' |
        jq 'def ref(r; d): {valueFrom: {resourceFieldRef: {resource: r, divisor: d}}};
            .spec.containers[0].resources = {limits: {cpu: "1500m", memory: "33Mi"}, requests: {cpu: "100m", memory: "1Mi"}}
            | .spec.containers += [.spec.containers[0] * {name: "other", command: ["sleep", "1000"], resources: null}]
            | .spec.containers[0].env = [({name: "CPU"} + ref("limits.cpu"; "1")), ({name: "MILLI"} + ref("limits.cpu"; "1m")),
                ({name: "MEM"} + ref("limits.memory"; "1Mi")), ({name: "REQ"} + ref("requests.memory"; "1Ki")),
                ({name: "NCPU"} + ref("limits.cpu"; "1")), ({name: "NMEM"} + ref("limits.memory"; "1Ki")),
                ({name: "NDISK"} + ref("limits.ephemeral-storage"; "1Ki"))]
            | .spec.containers[0].env[4,5,6].valueFrom.resourceFieldRef.containerName = "other"' | apply >/dev/null
    within 15 "pod limits runs" matches '^end$' lp logs limits main
    log=$(lp logs limits main)
    allocatable=$(lp get node a -o json | jq -r '.status.allocatable | "\(.cpu) \(.memory | rtrimstr("Ki")) \(.["ephemeral-storage"] | rtrimstr("Ki"))"')
    has "limits and requests, rounded up" "$log" '^own 2 1500 33 1024 '
    has "without a limit, what the node has for pods" "$log" " node $allocatable\$"
    lp delete pod/limits >/dev/null
}

fs_group() {
    local log
    printf 'apiVersion: v1\nkind: Secret\nmetadata: {name: key}\nstringData: {token: open}\n' | apply >/dev/null
    pod group 'id; touch /data/new /mem/new && stat -c "new %a %u %g" /data/new /mem/new; stat -c "dir %a %g" /data /mem
            cat /key/token; stat -Lc " token %a %u %g" /key/token; { echo x >/key/token; } 2>&1; echo end; exec sleep 1000' |
        jq '.spec.securityContext = {runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000, fsGroupChangePolicy: "OnRootMismatch"}
            | .spec.volumes = [{name: "data", emptyDir: {}}, {name: "mem", emptyDir: {medium: "Memory"}},
                {name: "key", secret: {secretName: "key", defaultMode: 256}}]
            | .spec.containers[0].volumeMounts = [{name: "data", mountPath: "/data"}, {name: "mem", mountPath: "/mem"},
                {name: "key", mountPath: "/key"}]' | apply >/dev/null
    log=$(log_of group)
    has "fsGroup is one of its groups" "$log" 'groups=.*2000'
    is "emptyDir, disk and memory: what it makes is the group's" "$(grep -c '^new 644 1000 2000$' <<<"$log")" 2
    is "and the folders are" "$(grep -c '^dir 2777 2000$' <<<"$log")" 2
    has "a secret of mode 0400 is read through the group" "$log" '^open token 440 0 2000$'
    lp delete pod/group secret/key >/dev/null
}

refused() {
    local text
    text=$(pod bad | jq '.spec.dnsPolicy = "None" | .spec.hostAliases = [{ip: "nowhere"}] | .spec.dnsConfig = {searches: ["a b"]}
        | .spec.containers[0].env = [{name: "A", valueFrom: {resourceFieldRef: {resource: "limits.gpu"}}}]' | apply 2>&1)
    for field in hostAliases.0..ip dnsConfig.searches.0. dnsConfig.nameservers valueFrom.resourceFieldRef.resource; do
        has "a mistake in $field is named" "$text" "$field"
    done
    pod long | jq '.spec.subdomain = "a123456789b123456789c123456789d123456789e123456789" | .spec.setHostnameAsFQDN = true' |
        apply >/dev/null
    within 10 "a full name that is too long is the reason" matches 'at most 64' lp why pod/long
    lp delete pod/long >/dev/null
}

NAME_SERVER=
stand_up main a
environment
names
own_files
dns_policies
read_only
own_mounts
host_network
limits
fs_group
follows
refused
conclude
