#!/usr/bin/env bash
# timeout: 240
# kubectl delete, in every form, wait, and pods from run to their end: logs, events, force.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

maps() {
    local name
    for name in "$@"; do k create configmap "$name" >/dev/null; done
}
# Every namespace has one of its own.
names() { k get configmaps -o name | grep -v /kube-root-ca.crt | tr '\n' ' '; }

chosen() {
    maps one two three four five
    says "delete NAME" '^configmap "one" deleted$' delete configmap one
    absent "it is gone" configmap/one
    refuses "once more" 'configmaps "one" not found' delete configmap one
    is "delete --ignore-not-found" "$(k delete configmap one --ignore-not-found)" ''
    k label configmap two three of=pair >/dev/null
    says "delete --dry-run=server" '^configmap "two" deleted \(server dry run\)$' delete configmap -l of=pair --dry-run=server
    says "delete --dry-run=client" '^configmap "two" deleted \(dry run\)$' delete configmap -l of=pair --dry-run=client
    is "neither deletes" "$(k get configmap -l of=pair -o name | wc -l)" 2
    says "delete -l" '^configmap "three" deleted$' delete configmap -l of=pair
    is "others stay" "$(names)" 'configmap/five configmap/four '
    k get configmap five -o yaml >five.yaml
    says "delete -f" '^configmap "five" deleted$' delete -f five.yaml
    says "delete --field-selector" '^configmap "four" deleted$' delete configmap --field-selector metadata.name=four
    maps six seven
    says "delete --all" '^configmap "seven" deleted$' delete configmap --all
    is "none is left" "$(names)" ''
    maps six
    says "delete KIND/NAME -o name" '^configmap/six$' delete configmap/six -o name
    maps raw-map
    says "delete --raw" '"status": *"Success"|"kind": *"ConfigMap"' delete --raw /api/v1/namespaces/default/configmaps/raw-map
}

# owned OWNER NAME: a configmap that a deployment owns.
owned() {
    jq -n --arg name "$2" --arg owner "$1" --arg uid "$(object "deployment/$1" | jq -r .metadata.uid)" '{apiVersion: "v1",
        kind: "ConfigMap", metadata: {name: $name, ownerReferences: [{apiVersion: "apps/v1", kind: "Deployment", name: $owner,
        uid: $uid, blockOwnerDeletion: true}]}}' | k create -f - >/dev/null
}
no_owner() { [[ $(object "$1" | jq -c .metadata.ownerReferences) == null ]]; }
there_not() { fails lp get "$1"; }

cascades() {
    local way
    for way in background orphan foreground; do
        k create deployment "$way" --image=busybox >/dev/null
        owned "$way" "of-$way"
        says "delete --cascade=$way" '^deployment.apps "'$way'" deleted$' delete deployment "$way" --cascade=$way
        absent "the owner is gone" "deployment/$way"
    done
    absent "foreground: what it owned was gone before" configmap/of-foreground
    within 20 "background: what it owned goes" there_not configmap/of-background
    within 20 "orphan: what it owned stays, and has no owner" no_owner configmap/of-orphan
    k delete configmap of-orphan >/dev/null
}

finalized() {
    maps held
    k patch configmap held --type merge -p '{"metadata":{"finalizers":["example.com/hold"]}}' >/dev/null
    says "delete --wait=false does not wait" '^configmap "held" deleted$' delete configmap held --wait=false
    has "what has a finalizer is being deleted" "$(object configmap/held | jq -r .metadata.deletionTimestamp)" '^20'
    refuses "delete waits for it" 'timed out' delete configmap held --timeout=1s
    "$KUBECTL" wait --for=delete configmap/held --timeout=30s -v=6 >waited 2>&1 &
    poll 20 grep -q 'watch=true' waited || bad "wait --for=delete watches" "$(cat waited)"
    k patch configmap held --type merge -p '{"metadata":{"finalizers":null}}' >/dev/null
    wait $!
    is "wait --for=delete ends once the finalizer is gone" "$? $(grep -v '^I' waited)" "0 configmap/held condition met"
    absent "it is gone" configmap/held
}

pods() {
    says "run" '^pod/web created$' run web --image=busybox:latest --image-pull-policy=IfNotPresent --labels=app=web \
        --env=WORD=hello --overrides='{"spec":{"terminationGracePeriodSeconds":1}}' --command -- \
        sh -c 'echo $WORD; echo again; trap "exit 0" TERM; while :; do sleep 0.1; done'
    says "wait --for=condition" '^pod/web condition met$' wait --for=condition=Ready pod/web --timeout=30s
    within 10 "logs" equals $'hello\nagain' k logs web
    is "logs --tail" "$(k logs web --tail=1)" again
    has "logs --timestamps" "$(k logs web --timestamps)" '^20[0-9-]+T[0-9:.]+Z hello$'
    is "logs -l" "$(k logs -l app=web --tail=-1 | tr '\n' ' ')" 'hello again '
    is "logs --limit-bytes" "$(k logs web --limit-bytes=3)" hel
    refuses "logs of a container that it has not" 'container none is not valid' logs web -c none
    refuses "logs of a pod that is not there" 'pods "none" not found' logs none
    refuses "wait for what does not come" 'timed out' wait --for=condition=Nothing pod/web --timeout=1s
    says "events" 'Started +pod/web ' get events --field-selector involvedObject.name=web
    says "delete of a pod waits for its end" '^pod "web" deleted$' delete pod web
    is "nothing of it runs" "$(pod_processes a)" ''
    says "run --restart=Never" '^pod/once created$' run once --image=busybox:latest --image-pull-policy=IfNotPresent \
        --restart=Never --command -- sh -c 'echo done'
    within 20 "it completes" matches '^once +0/1 +Completed ' k get pods
    is "its log stays" "$(k logs once)" 'done'
    says "delete --grace-period=0 --force" '^pod "once" force deleted$' delete pod once --grace-period=0 --force
    absent "it is gone" pod/once
}

namespaces() {
    k create namespace brief >/dev/null
    k create configmap inside -n brief >/dev/null
    pod runs | k create -n brief -f - >/dev/null
    within 20 "a pod runs in a namespace" matches '^runs +1/1 +Running' k get pods -n brief
    says "delete namespace waits" '^namespace "brief" deleted$' delete namespace brief
    refuses "it is gone" 'namespaces "brief" not found' get namespace brief
    is "and all in it" "$(k get configmaps,pods -n brief 2>&1 | tail -n 1)" 'No resources found in brief namespace.'
    is "nothing of its pod runs" "$(pod_processes a)" ''
    refuses "the namespace default stays" 'Forbidden' delete namespace default
}

stand_up main a
chosen
cascades
finalized
pods
namespaces
conclude
