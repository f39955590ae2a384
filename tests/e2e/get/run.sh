#!/usr/bin/env bash
# timeout: 180
# kubectl looks: get in all its forms, describe of every kind, explain, what kinds there are, watching.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

things() {
    pod web | jq '.metadata.labels = {app: "web", tier: "front"}' >web.json
    pod db | jq '.metadata.labels = {app: "zoo"}' >db.json
    k create -f web.json >/dev/null
    k create -f db.json >/dev/null
    k create namespace far >/dev/null
    k create configmap there --from-literal=a=b -n far >/dev/null
    within 20 "two pods run on the node" running web
    within 20 "both" running db
}

discovery() {
    says "version tells both" '^Server Version: .*Major:"1", Minor:"33", GitVersion:"v1.33.0\+limpet' version
    says "cluster-info" "is running at .*https://$HOST:$API_PORT" cluster-info
    says "api-versions" '^apps/v1$' api-versions
    says "api-resources" '^deployments +deploy +apps/v1 +true +Deployment$' api-resources
    is "those that have no namespace" "$(k api-resources --namespaced=false -o name | sed -n '/^n/p' | tr '\n' ' ')" 'namespaces nodes nodes.metrics.k8s.io '
    is "those of a group" "$(k api-resources --api-group=policy -o name)" poddisruptionbudgets.policy
    is "every kind can be listed by kubectl" "$(
        for kind in $(k api-resources --verbs=list -o name); do k get "$kind" -A >/dev/null || echo "$kind"; done
    )" ''
    is "every kind with a short name by that" "$(
        for kind in po svc no ns cm ep ev pvc pv rc rs ds deploy sts sa quota limits hpa cj ing netpol pdb pc sc csr crd; do
            k get "$kind" -A >/dev/null || echo "$kind"
        done
    )" ''
    refuses "no kind" "the server doesn't have a resource type \"nothings\"" get nothings
}

forms() {
    says "get" '^web +1/1 +Running +0 +[0-9]+s$' get pods
    says "get -o wide" '^web +1/1 +Running +0 +[0-9]+s +10\.[0-9.]+ +a +<none> +<none>$' get pods -o wide
    says "get nodes -o wide" '^a +Ready +<none> +[0-9a-z]+ +v0[0-9.]+-limpet +[0-9.]+ +<none> .* limpet://' get nodes -o wide
    is "get -o yaml" "$(k get pod web -o yaml | grep -E '^(apiVersion|kind|  name):' | tr '\n' ' ')" \
        'apiVersion: v1 kind: Pod   name: web '
    is "get -o json of several is a List" "$(k get pods -o json | jq -c '[.kind, (.items | length), .items[0].kind]')" \
        '["List",2,"Pod"]'
    is "get -o name" "$(k get pods -o name | tr '\n' ' ')" 'pod/db pod/web '
    is "get -o jsonpath" "$(k get pods -o jsonpath='{range .items[*]}{.metadata.name}={.spec.nodeName} {end}')" 'db=a web=a '
    is "get -o go-template" "$(k get pods -o go-template='{{range .items}}{{.status.phase}} {{end}}')" 'Running Running '
    is "get -o custom-columns" "$(k get pods -o custom-columns=N:.metadata.name,I:.spec.containers[0].image | tr -s ' \n' ' ')" \
        'N I db busybox:latest web busybox:latest '
    says "get -A" '^far +there +1 ' get configmaps -A
    says "get --show-labels" '^web .* app=web,tier=front$' get pods --show-labels
    says "get -L" '^web .* front *$' get pods -L tier
    is "get --no-headers" "$(k get pods --no-headers | wc -l)" 2
    is "get -l" "$(k get pods -l 'app in (web,x),tier' -o name)" pod/web
    is "get -l with !=" "$(k get pods -l 'app!=web' -o name)" pod/db
    is "get --field-selector" "$(k get pods --field-selector spec.nodeName=a,metadata.name!=db -o name)" pod/web
    is "by phase" "$(k get pods --field-selector status.phase!=Running -o name)" ''
    refuses "a field that none selects by" 'field label not supported' get pods --field-selector spec.nothing=x
    is "get --sort-by" "$(k get pods --sort-by='{.metadata.labels.app}' -o name | tr '\n' ' ')" 'pod/web pod/db '
    says "several kinds" '^node/a +Ready' get nodes,pods
    says "KIND/NAME" '^pod/web ' get pod/web node/a
    says "get -f" '^web ' get -f web.json
    says "get --raw" '"kind": *"PodList"' get --raw /api/v1/namespaces/default/pods
    is "get all" "$(k get all -o name | tr '\n' ' ')" 'pod/db pod/web '
    says "nothing there" '^No resources found in far namespace.$' get pods -n far
    refuses "what is not there" '^Error from server \(NotFound\): pods "none" not found$' get pod none
    is "--ignore-not-found" "$(k get pod none --ignore-not-found)" ''
}

chunks() {
    local i
    for i in $(seq 25); do configmap_of "c$i"; done | lp apply -f - >/dev/null
    is "a list in chunks is whole" "$(k get configmaps -n far --chunk-size=4 -o name | sort -u | wc -l)" 27
    has "and was asked for in chunks" "$(k get configmaps -n far --chunk-size=4 -v=6)" 'continue=[^&]+&limit=4'
}
configmap_of() { printf -- '---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: far}\n' "$1"; }

watching() {
    timeout 60 "$KUBECTL" get configmaps -w -n far --no-headers >watched 2>&1 &
    local pid=$!
    poll 20 grep -q '^there ' watched || bad "get -w lists first" "$(cat watched)"
    k create configmap late -n far >/dev/null
    within 10 "get -w shows what comes" grep -Eq '^late ' watched
    k create configmap last --from-literal=x=y -n far >/dev/null
    within 10 "and goes on" grep -Eq '^last +1 ' watched
    end_pid "$pid" TERM
    : >watched
    timeout 60 "$KUBECTL" get configmap late -n far -w --output-watch-events --no-headers >watched 2>&1 &
    pid=$!
    poll 20 grep -q '^ADDED ' watched || bad "get NAME -w shows it first" "$(cat watched)"
    k label configmap late -n far a=b >/dev/null
    within 10 "get NAME -w shows a change" grep -Eq '^MODIFIED +late ' watched
    k delete configmap late -n far >/dev/null
    within 10 "and the end" grep -Eq '^DELETED +late ' watched
    end_pid "$pid" TERM
}

described() {
    has "describe pod" "$(k describe pod web)" '^Status: +Running$'
    within 10 "with its events" matches '^  Normal +Started +' events_of k describe pod web
    has "describe node" "$(k describe node a)" '^  Ready +True '
    has "with what its pods have addresses of" "$(k describe node a | tr '\n' ' ')" 'PodCIDR: +([0-9./]+) +PodCIDRs: +\1 '
    has "with its pods" "$(k describe node a)" '^  default +web '
    says "describe by label" '^Name: +web$' describe pods -l app=web
    refuses "describe of what is not there" 'pods "none" not found' describe pod none
    says "events" ' +Normal +Started +pod/web ' get events
}

explained() {
    is "explain a field" "$(k explain pod.spec.containers.image | sed -n 's/^FIELD: *//p')" 'image <string>'
    has "explain --recursive" "$(k explain deployment --recursive)" '^ +terminationGracePeriodSeconds.<integer>$'
    has "of another version" "$(k explain cronjob.spec --api-version=batch/v1beta1)" '^ +concurrencyPolicy.<string>$'
    is "every kind is explained" "$(
        for kind in $(k api-resources --verbs=list -o name); do # 1.20 would take a group for a field
            k explain "${kind%%.*}" | grep -q '^DESCRIPTION:' || echo "$kind"
        done
    )" ''
    refuses "no field" 'field "nothing" does not exist' explain pod.spec.nothing
}

proxied() {
    timeout 60 "$KUBECTL" proxy --port=0 >proxy 2>&1 &
    local pid=$! port
    poll 20 grep -q '^Starting to serve' proxy || bad "proxy starts" "$(cat proxy)"
    port=$(sed -n 's/.*://p' proxy)
    is "proxy lets a browser in" "$(curl -s "http://127.0.0.1:$port/api/v1/nodes" | jq -r '.items[].metadata.name')" a
    end_pid "$pid" TERM
}

stand_up main a
things
discovery
forms
chunks
watching
described
explained
proxied
conclude
