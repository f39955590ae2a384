#!/usr/bin/env bash
# timeout: 120
# kubectl top: of nodes, of pods, of containers, by label and namespace; get of the same.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

pods() {
    pod web | jq '.metadata.labels = {app: "web"} | .spec.containers += [.spec.containers[0] | .name = "side"]' | k create -f - >/dev/null
    pod db | jq '.metadata.labels = {app: "db"}' | k create -f - >/dev/null
    k create namespace far >/dev/null
    pod there | jq '.metadata.namespace = "far"' | k create -f - >/dev/null
    within 30 "pods run" running web
    within 30 "both" running db
    within 30 "and the third" eval '[[ $(lp get pod there -n far -o json | jq -r .status.phase) == Running ]]'
}

top() {
    within 20 "top nodes" matches '^a +[0-9]+m +[0-9]+% +[0-9]+Mi +[0-9]+%' k top nodes
    says "top node NAME" '^a +[0-9]+m ' top node a
    says "top nodes -l" '^a ' top nodes -l kubernetes.io/hostname=a
    within 20 "top pods" matches '^web +[0-9]+m +[0-9]+Mi *$' k top pods
    is "of the namespace" "$(k top pods --no-headers | cut -d' ' -f1 | sort | tr '\n' ' ')" 'db web '
    within 20 "top pods -A" matches '^far +there +[0-9]+m ' k top pods -A
    is "top pods -l" "$(k top pods -l app=db --no-headers | cut -d' ' -f1)" db
    says "top pod NAME" '^db ' top pod db
    is "top pods --containers" "$(k top pods web --containers --no-headers | awk '{ print $2 }' | sort | tr '\n' ' ')" 'main side '
    is "top pods --sort-by" "$(k top pods --sort-by=memory --no-headers | wc -l)" 2
    refuses "of a pod that is not there" 'NotFound.*"default/none" not found|pods "none" not found' top pod none
    refuses "of a node that is not there" 'NotFound.*"none" not found' top node none
}

got() {
    says "get podmetrics" '^web +[0-9]+[nm]? +[0-9]+Ki ' get podmetrics
    says "get nodes.metrics.k8s.io" '^a +[0-9]+[nm]? +[0-9]+Ki ' get nodes.metrics.k8s.io
    says "it is a group" '^metrics.k8s.io/v1beta1$' api-versions
    says "of two kinds" '^pods +metrics.k8s.io/v1beta1 +true +PodMetrics$' api-resources --api-group=metrics.k8s.io
    refuses "they are not written" 'MethodNotAllowed|not allow' delete podmetrics web
}

# newer: the same by a newer kubectl, where there is one.
newer() {
    local version
    KUBECTL=$(command -v kubectl) || KUBECTL=
    version=$([[ -n $KUBECTL ]] && k version --client | sed -n 's/^Client Version: v1\.\([0-9]*\).*/\1/p')
    if [[ ${version:-0} -lt 31 ]]; then
        echo "ok - a newer kubectl # SKIP there is none of 1.31 or later on this machine"
        return
    fi
    echo "# kubectl 1.$version"
    top
    got
    says "top pods --sum" '^ +[0-9]+m +[0-9]+Mi *$' top pods --sum
    is "top pods --field-selector" "$(k top pods --field-selector metadata.name=db --no-headers | cut -d' ' -f1)" db
}

stand_up main a
pods
top
got
newer
conclude
