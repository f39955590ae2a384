#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 240
# A pod's network: its address, who it is outside and for other pods; beside Docker's rules; ports of its node: who
# reaches them, who gets none; what is left of all that when agents and pods die.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/podnet/manager.sh
. "$here/manager.sh"
for program in jq nft curl python3; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# serving NAME HOSTPORT [JQ]: a pod on node a that says its name to whoever asks.
serving() {
    pod "$1" "echo $1 >/tmp/index.html; exec httpd -f -p 8080 -h /tmp" |
        jq --argjson port "$2" '.spec.nodeName = "a" |
            .spec.containers[0].ports = [{containerPort: 8080, hostPort: $port}]' | jq "${3:-.}"
}
status() { lp get pod "$1" -o json | jq -r ".status.$2"; }
node_address() { in_net a ip -4 -o addr show eth0 | awk '{ sub("/.*", "", $4); print $4 }'; }
# says WHO ADDRESS:PORT
says() { in_net "$1" curl -sf -m 2 "http://$2/index.html"; }
answers() { says "$1" "$2" >/dev/null; }
bridge() { sed -n 's/^bridge: //p' "$STAND/a/config.yaml"; }
rules() { in_net a nft list table ip "limpet-$(bridge)"; }
# left POD_UID ADDRESS: what the node still has of a pod's network.
left() {
    rules | grep -F "$2 " | sed 's/^/rule/'
    find "$STAND/a/run/ports" "$STAND/a/run/net" -name "$1" 2>/dev/null
    in_net a ip -o link show master "$(bridge)" | sed 's/^/link /'
}

STAND_NET=1
stand_up main a
address=$(node_address)

# ---- who reaches it ----
serving web 8181 | apply >/dev/null
within 30 "a pod with a port of its node runs" running web
is "it is reached from outside" "$(says gw "$address:8181")" web
is "from the node by its address" "$(says a "$address:8181")" web
in_net a ip link set lo up
is "from the node by 127.0.0.1" "$(says a 127.0.0.1:8181)" web
is "and from the pod itself" \
    "$(nsenter -n -t "$(main_pid a web)" curl -sf -m 2 "http://$address:8181/index.html")" web
is "its own port is not the node's" "$(says gw "$address:8080")" ""

# ---- who it is ----
# in_pod POD COMMAND...
in_pod() { nsenter -n -t "$(main_pid a "$1")" "${@:2}"; }
# The one outside, and the one in a pod, tell whoever asks who he is.
daemon "$STAND/who.pid" "$STAND/who.log" gw python3 -c 'import http.server
class Who(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.client_address[0].encode())
http.server.HTTPServer(("", 8090), Who).serve_forever()'
pod who 'mkdir -p /tmp/cgi-bin; printf "#!/bin/sh\necho; printf %%s \"\$REMOTE_ADDR\"\n" >/tmp/cgi-bin/who; chmod 755 /tmp/cgi-bin/who
    exec httpd -f -p 8080 -h /tmp' | jq '.spec.nodeName = "a"' | apply >/dev/null
within 30 "another pod runs" running who
ip=$(status web podIP)
other=$(status who podIP)
is "addresses are of the node's podCIDR" "$(python3 -c 'import ipaddress, sys
print(sum(ipaddress.ip_address(a) in ipaddress.ip_network(sys.argv[1]) for a in set(sys.argv[2:])))' \
    "$(sed -n 's/^podCIDR: //p' "$STAND/a/config.yaml")" "$ip" "$other")" 2
has "the pod has it, on its eth0" "$(in_pod web ip -4 -o addr show dev eth0)" " inet $ip/24 "
has "... and goes out by the node's bridge" "$(in_pod web ip route show default)" "^default via ${ip%.*}\.1 dev eth0"
has "another pod sees it as it is" "$(in_pod web curl -s -m 3 "http://$other:8080/cgi-bin/who")" "[^0-9]?$ip(\$|[^0-9])"
is "outside it is its node" "$(in_pod web curl -s -m 3 http://10.250.0.1:8090/)" "$address"
is "the node reaches it" "$(in_net a curl -s -m 3 "http://$ip:8080/index.html")" web
lp delete pod who --wait=false >/dev/null

# ---- who gets none ----
serving second 8181 | apply >/dev/null
within 30 "a second pod for the same port is turned away" equals Failed status second phase
is "with a kubelet's reason" "$(status second reason)" NodePorts
has "and words" "$(status second message)" \
    "^Predicate NodePorts failed: node\(s\) didn't have free ports for the requested pod ports$"
is "the first is not disturbed" "$(says gw "$address:8181")" web
serving third 8181 'del(.spec.nodeName)' | apply >/dev/null
within 30 "the scheduler does not place one there" matches "1 node\(s\) didn't have free ports" lp describe pod third
serving inward 8182 '.spec.containers[0].ports[0].hostIP = "127.0.0.1"' | apply >/dev/null
within 30 "a pod with a port of 127.0.0.1 runs" running inward
is "which the node reaches" "$(says a 127.0.0.1:8182)" inward
is "and nobody outside" "$(says gw "$address:8182")" ""
lp delete pod second third inward --wait >/dev/null 2>&1
within 20 "a port goes with its pod" fails answers a 127.0.0.1:8182

# ---- how fast ----
# slow NAME HOSTPORT RATE: a pod that has 2 MB to give away, and may send no faster.
slow() {
    serving "$1" "$2" | jq --arg rate "$3" '.metadata.annotations = {"kubernetes.io/egress-bandwidth": $rate} |
        .spec.containers[0].command[2] |= "head -c 2000000 /dev/zero >/tmp/much; \(.)"'
}
fetches() { [[ $(in_net gw curl -s -m 4 "http://$address:$1/much" | wc -c) -eq 2000000 ]]; }
slow quick 8184 1G | apply >/dev/null
slow slow 8185 1M | apply >/dev/null
slow odd 8186 1 | apply >/dev/null
within 30 "pods that may send so much a second run" running quick
within 30 "both" running slow
if lp describe pod slow | grep -q BandwidthNotLimited; then
    echo "     this kernel cannot limit"
else
    within 20 "2 MB come at 1 Gbit/s" fetches 8184
    within 20 "a pod of 1 Mbit/s answers" answers gw "$address:8185"
    if fetches 8185; then bad "and takes its time"; else ok "and takes its time"; fi
    is "what slows it down is there" "$(in_net a ip -o link show type ifb | grep -c ': li')" 2
fi
within 20 "a rate that is none is told" matches 'FailedCreatePodSandBox.*unreasonably small \(< 1kbit\)' lp describe pod odd
lp delete pod quick slow odd --wait >/dev/null 2>&1
within 20 "and goes with its pod" equals "" in_net a ip -o link show type ifb

# ---- deaths ----
before=$(fingerprint a web)
node_kill a
is "with the agent dead it is still reached" "$(says gw "$address:8181")" web
node_start a
within 30 "the agent is back" runs_on a web
is "nothing was started anew" "$(fingerprint a web)" "$before"
is "and it is reached" "$(says gw "$address:8181")" web
in_net a nft flush ruleset
node_stop a
node_start a
within 30 "rules that somebody flushed come back with the agent" answers gw "$address:8181"

# ---- beside Docker ----
# As Docker leaves a machine: what nobody allows is not passed on. And a way out with a smaller MTU.
if in_net a iptables -V 2>/dev/null | grep -q nf_tables; then
    node_stop a
    in_net a iptables -P FORWARD DROP
    in_net a iptables -N DOCKER-USER
    in_net a iptables -A DOCKER-USER -j RETURN
    in_net a iptables -I FORWARD -j DOCKER-USER
    in_net a iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
    theirs=$(in_net a iptables -S)
    outside() { in_pod "$1" curl -s -m 1 http://10.250.0.1:8090/; }
    is "another's rules let no pod out" "$(outside web)" ""
    in_net a ip route add default via 10.250.0.1
    in_net a ip link set eth0 mtu 1400
    node_start a
    within 30 "the agent is back" runs_on a web
    within 20 "a pod is let out" equals "$address" outside web
    is "and reached by its port" "$(says gw "$address:8181")" web
    is "all of their rules are as they were" "$(in_net a iptables -S | grep -v limpet-)" "$theirs"
    serving narrow 8187 | apply >/dev/null
    within 30 "a pod that begins" running narrow
    is "... has the MTU of the way out" "$(in_pod narrow ip -o link show eth0 | grep -o 'mtu [0-9]*')" "mtu 1400"
    within 10 "... is let out" equals "$address" outside narrow
    is "... and reached" "$(says gw "$address:8187")" narrow
    lp delete pod narrow --wait >/dev/null
    in_net a ip link set eth0 mtu 1500
    in_net a ip route del default
    node_stop a
    in_net a iptables -P FORWARD ACCEPT
    node_start a
    within 30 "and without them again" runs_on a web
else
    ok "beside Docker's rules # SKIP needs an iptables that speaks nf_tables (tools/install test)"
fi

# ---- beside NetworkManager ----
# As it comes: it sees the bridge and the pods' interfaces, and is not told what they are.
if manager_is_there; then
    # of_node: what the node's interfaces are and have, less what is on its way.
    of_node() { in_net a ip -o addr | sed 's/ tentative / /; s/ *valid_lft.*//' | sort; }
    before=$(of_node)
    processes=$(fingerprint a web)
    manager_start a
    within 30 "NetworkManager sees the bridge" matches '^(unmanaged|connected \(externally\))$' managed "$(bridge)"
    serving managed 8188 | apply >/dev/null
    within 30 "a pod begins beside it" running managed
    link=$(in_net a ip -o link show master "$(bridge)" | sed -n '$s/^[0-9]*: \([^@]*\)@.*/\1/p')
    within 20 "whose interface is not its business" matches '^(unmanaged|connected \(externally\))$' managed "$link"
    is "the pod is reached" "$(says gw "$address:8188")" managed
    is "the other one, too" "$(says gw "$address:8181")" web
    lp delete pod managed --wait >/dev/null 2>&1
    within 20 "an interface goes with its pod" fails in_net a ip link show "$link"
    is "it has changed nothing of the node's" "$(of_node)" "$before"
    manager_stop
    is "nor when it ends" "$(of_node)" "$before"
    is "the pod was not touched, and is reached" "$(fingerprint a web) $(says gw "$address:8181")" "$processes web"
else
    ok "beside NetworkManager # SKIP NetworkManager is not here"
fi
end_pid "$(cat "$STAND/who.pid")" TERM

uid=$(lp get pod web -o json | jq -r .metadata.uid)
ip=$(status web podIP)
node_kill a
lp delete pod web --wait=false >/dev/null 2>&1
node_start a
within 40 "a pod that is deleted while the agent is dead goes" gone web
within 20 "and nothing of its network is left" equals "" left "$uid" "$ip"

# appears FOLDER: a pod's file there, looked for all the time: the agent is to die right behind it.
appears() {
    local end=$((SECONDS + 20))
    until compgen -G "$STAND/a/run/$1/????????-*" >/dev/null; do
        [[ $SECONDS -lt $end ]] || return 1
    done
}
# Killed in the middle of its wiring, with an address or with the ports written down: the next agent finishes it, and
# nothing is left later.
for round in 1 2 3 4 5 6; do
    folder=$([[ $((round % 2)) -eq 0 ]] && echo net || echo ports)
    serving "torn$round" 8183 | apply >/dev/null
    appears "$folder" || bad "round $round: the pod is wired"
    kill -9 "$(node_pid a)"
    node_kill a
    node_start a
    poll 30 running "torn$round" || bad "round $round: the pod runs" "$(lp describe pod "torn$round")"
    answers gw "$address:8183" || poll 5 answers gw "$address:8183" || bad "round $round: it is reached" "$(rules)"
    uid=$(lp get pod "torn$round" -o json | jq -r .metadata.uid)
    ip=$(status "torn$round" podIP)
    node_kill a
    lp delete pod "torn$round" --wait=false >/dev/null 2>&1
    node_start a
    poll 40 gone "torn$round" || bad "round $round: the pod goes"
    poll 20 equals "" left "$uid" "$ip" || bad "round $round: nothing is left" "$(left "$uid" "$ip")"
done
ok "six pods whose wiring was interrupted"

conclude
