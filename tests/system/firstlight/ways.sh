# shellcheck shell=bash
# The ways in. Sourced by run.sh.

# A file dropped into a folder, with an image from a file; nothing else has ever existed.
no_controller() {
    pod static | jq '.spec.containers[0].imagePullPolicy = "Never"' >"$STAND/solo/manifests/one.yaml"
    within 10 "a file in the manifest folder runs with no controller ever" runs_on solo static-solo
    has "limpetd ps shows it" "$(ld solo ps)" 'static-solo +1/1 +Running'
    within 10 "limpetd logs shows its log" equals started ld solo logs static-solo
    has "limpetd why says that it runs" "$(ld solo why static-solo)" 'runs'
    local before since
    before=$(fingerprint solo static-solo)
    pod other >"$STAND/solo/manifests/two.yaml"
    within 10 "a second file runs too" runs_on solo other-solo
    is "the first was not touched" "$(fingerprint solo static-solo)" "$before"
    printf 'apiVersion: v1\nkind: Pod\nmetadata: {name: other}\nspec: {containers: [{name: x, imagee: y}]}\n' \
        >"$STAND/solo/manifests/two.yaml"
    within 5 "a file with a mistake is told, with file, line and path" \
        grep -Eq 'two.yaml:4: spec.containers\[0\].imagee' "$STAND/solo/agent.log"
    has "and its pod goes on as it was" "$(ld solo ps)" 'other-solo +1/1 +Running'
    rm "$STAND/solo/manifests/two.yaml"
    within 20 "a file taken away ends its pod" fails local_pod solo other-solo
    node_kill solo
    has "limpetd ps works with the agent dead" "$(ld solo ps)" 'static-solo +1/1 +Running'
    has "limpetd logs works with the agent dead" "$(ld solo logs static-solo)" started
    since=$(now_us)
    node_start solo
    poll 30 said_us "$STAND/solo/agent.log" "$since" 'agent ready pods=1$' || bad "the agent is ready again"
    is "an agent started again leaves the pod alone" "$(fingerprint solo static-solo)" "$before"
}

by_limpet() {
    local before
    has "limpet apply says created" "$(pod web | apply)" 'pod/web created'
    within 10 "limpet apply: the pod runs" running web
    within 10 "limpet logs shows its log" equals started lp logs web
    has "limpet get pods shows it" "$(lp get pods)" 'web +1/1 +Running +0 '
    has "limpet get -o wide shows node and address" "$(lp get pods -o wide)" 'web .* 10\.[0-9.]+ +[ab] '
    is "limpet get -o yaml has its status" "$(lp get pod web -o yaml | grep -c 'phase: Running')" 1
    within 5 "limpet describe shows its node's events" \
        matches '^  Normal +Started +[0-9]+s +limpetd +Started pod default/web$' events_of lp describe pod/web
    has "and the scheduler's" "$(events_of lp describe pod/web)" \
        '^  Normal +Scheduled +[0-9]+s +default-scheduler +Successfully assigned default/web to [ab]$'
    has "limpet describe node shows the node's" "$(events_of lp describe node/a)" \
        '^  Normal +NodeReady .* node-controller +Node a status is now: NodeReady$'
    has "limpet get events shows them" "$(lp get events)" '^[0-9]+s +Normal +Started +pod/web +Started pod default/web'
    has "in their order" "$(lp get events | awk '/pod\/web/ { print $3 }' | tr '\n' ' ')" 'Scheduled .*Started'
    is "and no line of them is written to the disk" "$(cat "$GW"/state/store.db* | grep -ac 'Successfully assigned')" 0
    has "limpet why says that it runs" "$(lp why pod/web)" 'it runs|running since'
    has "limpet why node/... says that nothing is in the way" "$(lp why node/a)" 'nothing keeps new pods from it'
    has "limpet get nodes shows them ready" "$(lp get nodes)" '^a +Ready'
    before=$(node_of web)
    has "a second apply changes nothing" "$(pod web | apply)" 'pod/web unchanged'
    # A pod's image may change in place, as in Kubernetes; the rest of its spec may not.
    ld "$before" image load "$TEST_TMP/busybox.tar" docker.io/library/busybox:other >/dev/null
    fingerprint "$before" web >"$STAND/before"
    has "a changed image is applied" "$(pod web | jq '.spec.containers[0].image = "busybox:other"' | apply)" configured
    within 20 "and the pod runs anew with it" changed_to_other "$before"
    has "a change that Kubernetes forbids is refused" "$(pod web 'sleep 5' | apply 2>&1)" 'spec'
    has "limpet delete says so" "$(lp delete pod/web)" 'deleted'
    within 10 "and the pod is gone" gone web
    within 5 "on the node too" fails local_pod "$before" web
    within 5 "nothing of it runs" equals "" pod_processes "$before"
}
node_of() { lp get pod "$1" -o json | jq -r .spec.nodeName; }
changed_to_other() {
    runs_on "$1" web && [[ $(local_pod "$1" web '.status.containerStatuses[0].image') == *busybox:other* ]] &&
        [[ $(fingerprint "$1" web) != "$(cat "$STAND/before")" ]] && running web
}

by_kubectl() {
    pod kube >"$STAND/kube.json"
    has "kubectl create" "$(kc create -f "$STAND/kube.json" 2>&1)" 'pod/kube created'
    within 10 "kubectl: the pod runs" matches 'kube +1/1 +Running' kc get pods
    within 10 "kubectl logs" equals started kc logs kube
    within 5 "kubectl describe shows its events" \
        matches '^  Normal +Started +[0-9]+s +limpetd +Started pod default/kube$' events_of kc describe pod kube
    has "in their order" "$(events_of kc describe pod kube | awk '{ print $2 }' | tr '\n' ' ')" 'Scheduled .*Started'
    has "describe node shows where its pods' addresses are from" "$(kc describe node a)" '^PodCIDR: +10\.'
    has "of a node too" "$(events_of kc describe node a)" 'NodeReady +.* node-controller +Node a status is now'
    has "kubectl get events" "$(kc get events -o wide)" '^[0-9]+s +Normal +Started +pod/kube +limpetd, [ab] +Started pod'
    has "by their fields" "$(kc get events --field-selector reason=Scheduled,involvedObject.name=kube -o name)" '^event/kube\.'
    own_event
    is "kubectl wait" "$(kc wait --for=condition=Ready pod/kube --timeout=5s 2>&1)" 'pod/kube condition met'
    has "kubectl get nodes" "$(kc get nodes 2>&1)" '^a +Ready'
    has "kubectl delete" "$(kc delete pod kube 2>&1)" 'pod "kube" deleted'
    has "kubectl: it is gone" "$(kc get pod kube 2>&1)" 'NotFound'
}

# A person's event is an object like any other.
own_event() {
    local uid
    uid=$(kc get pod kube -o json | jq -r .metadata.uid)
    jq -n --arg uid "$uid" '{apiVersion: "v1", kind: "Event", metadata: {name: "kube.mine"}, type: "Warning",
        involvedObject: {kind: "Pod", namespace: "default", name: "kube", uid: $uid}, reason: "Mine", message: "seen",
        source: {component: "me"}, count: 5, firstTimestamp: "2026-01-01T00:00:00Z", lastTimestamp: (now | todate)}' |
        kc create -f - >/dev/null 2>&1
    has "kubectl describe shows an event of one's own" "$(events_of kc describe pod kube)" \
        '^  Warning +Mine +[0-9]+s \(x5 over [0-9a-z]+\) +me +seen$'
    has "limpet describe does" "$(events_of lp describe pod kube)" '^  Warning +Mine +[0-9]+s \(x5 over [0-9a-z]+\) +me +seen$'
    has "kubectl deletes it" "$(kc delete event kube.mine 2>&1)" 'event "kube.mine" deleted'
    has "it is gone" "$(kc get event kube.mine 2>&1)" NotFound
}

# Nothing but a program of mosquitto and a file.
by_mqtt() {
    local answer
    pod bus >"$STAND/bus.yaml"
    answer=$(as_admin mosquitto_rr -t limpet/v1/users/admin/apply -e limpet/v1/users/admin/reply -m "$(cat "$STAND/bus.yaml")")
    has "mosquitto_rr applies" "$answer" 'created'
    within 10 "MQTT: the pod runs" running bus
    # That of Debian 12 takes -f and sends nothing.
    has "mosquitto_rr -f works, or is told what it does" "$(as_admin mosquitto_rr -t limpet/v1/users/admin/apply \
        -e limpet/v1/users/admin/reply -f "$STAND/bus.yaml")" 'unchanged|empty message: .*mosquitto_rr -m'
    answer=$(as_admin mosquitto_rr -t limpet/v1/users/admin/apply -e limpet/v1/users/admin/reply -m "$(
        printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata:' '  name: fine' --- 'apiVersion: v1' 'kind: Pod' 'metadata:' \
            '  name: wrong' 'spec:' '  containers:' '  - name: x' '    image: y' '    ports:' '    - containerPort: 70000'
    )")
    has "a mistake's document is named" "$answer" '"document": *2,'
    has "its line" "$answer" '"line": *15'
    has "its path" "$answer" 'spec.containers\[0\].ports\[0\].containerPort'
    has "its reason" "$answer" '1-65535'
    has "its object" "$answer" '"object": *"pod/wrong"'
    has "and nothing of that message was applied" "$(lp get configmap fine 2>&1)" 'not found'
    answer=$(as_admin mosquitto_rr -t limpet/v1/users/admin/apply -e limpet/v1/users/admin/reply -m "$(
        printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata: {name: fine}' --- 'apiVersion: v1' 'kind: ConfigMap' \
            'metadata: {name: lost, namespace: nowhere}'
    )")
    has "what only the gateway can know: document, line, object, reason" "$answer" \
        '"document": *2,"line": *5,"object": *"configmap/lost","path": *"","reason": *"namespaces .*nowhere.* not found"'
    has "and nothing of that message was applied either" "$(lp get configmap fine 2>&1)" 'not found'
    as_admin mosquitto_pub -q 1 -t limpet/v1/users/admin/delete -m "$(cat "$STAND/bus.yaml")"
    within 10 "mosquitto_pub deletes" gone bus
    as_admin mosquitto_pub -q 1 -t limpet/v1/users/other/apply -m "$(pod stolen)" 2>/dev/null
    answer=$(as_admin mosquitto_rr -t limpet/v1/users/admin/apply -e limpet/v1/users/admin/reply -m "$(pod after)")
    has "what was sent after it has been applied" "$answer" 'created'
    has "in another user's name nobody applies" "$(lp get pod stolen 2>&1)" 'not found'
    lp delete pod/after >/dev/null
}

# Broker, controller, agent: all dead. What limpetd tells needs none of them.
everything_dead() {
    pod alone | jq '.spec.nodeName = "a"' | apply >/dev/null
    within 10 "a pod with nodeName runs there" runs_on a alone
    within 10 "and says so" equals started ld a logs alone
    gw_kill
    node_kill a
    has "all dead: limpetd ps" "$(ld a ps)" 'alone +1/1 +Running'
    is "all dead: limpetd logs" "$(ld a logs alone)" started
    has "all dead: limpetd why" "$(ld a why pod/alone)" 'runs'
    has "all dead: limpetd image ls" "$(ld a image ls)" 'busybox:latest'
    gw_start
    node_start a
    within 20 "all started again: the pod is ready" running alone
    within 20 "all started again: the node is ready" matches '^a +Ready' lp get nodes
    lp delete pod/alone >/dev/null
}
