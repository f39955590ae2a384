#!/usr/bin/env bash
# timeout: 120
# What newer clients send, by the shapes of their requests as they were recorded: protobuf bodies (kubectl 1.32),
# discovery in one document (1.27 and later), lists by a watch (WatchList), metadata alone. The clients themselves do not run.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"
command -v curl >/dev/null || skip "needs curl (tools/install test)"

BODIES=$LIMPET_SRC/tests/fuzz/proto/corpus # those of kubectl 1.32 among it

# ask ACCEPT PATH [CURL ARGUMENT...] -> $code, $type, $answer
ask() {
    code=$(curl -sS --max-time 30 --cacert "$GW/state/trust/ca.crt" --cert "$GW/state/trust/admin.crt" \
        --key "$GW/state/trust/admin.key" -H "Accept: $1" -o answer -w '%{http_code} %{content_type}' \
        "${@:3}" "https://$HOST:$API_PORT$2")
    type=${code#* } code=${code%% *}
    answer=$(tr -d '\0' <answer)
}
get() { jq -rc "$1" <<<"$answer" 2>&1; }

# posted BODY PATH JQ WANTED
posted() {
    ask 'application/vnd.kubernetes.protobuf,application/json' "$2?fieldManager=kubectl-create&fieldValidation=Strict" \
        -X POST -H 'Content-Type: application/vnd.kubernetes.protobuf' --data-binary "@$BODIES/$1"
    is "a $1 in protobuf" "$code $type $(get "$3")" "201 application/json $4"
}

bodies() {
    local core=/api/v1/namespaces/default
    posted namespace /api/v1/namespaces '[.kind, .status.phase]' '["Namespace","Active"]'
    posted configmap $core/configmaps .data '{"color":"blue","empty":""}'
    posted secret $core/secrets '[.type, (.data.user | @base64d)]' '["Opaque","admin"]'
    posted service $core/services '[.spec.type, .spec.ports[0].targetPort]' '["ClusterIP",8080]'
    posted serviceaccount $core/serviceaccounts .kind ServiceAccount
    posted quota $core/resourcequotas .spec.hard '{"pods":"4","requests.memory":"1Gi"}'
    posted deployment /apis/apps/v1/namespaces/default/deployments \
        '[.apiVersion, .spec.replicas, .spec.template.spec.containers[0].image]' '["apps/v1",0,"reg.local/web:2"]'
    posted job /apis/batch/v1/namespaces/default/jobs '.spec.template.spec.containers[0].command' '["echo","hi"]'
    posted cronjob /apis/batch/v1/namespaces/default/cronjobs .spec.schedule '0 3 * * *'
    posted pdb /apis/policy/v1/namespaces/default/poddisruptionbudgets .spec.minAvailable 0
    posted ingress /apis/networking.k8s.io/v1/namespaces/default/ingresses '.spec.rules[0].host' web.local
    posted priorityclass /apis/scheduling.k8s.io/v1/priorityclasses '[.value, .description]' '[100,"first"]'
    ask application/json $core/configmaps -X POST -H 'Content-Type: application/vnd.kubernetes.protobuf' \
        --data-binary "@$BODIES/truncated"
    is "half of one is refused" "$code $(get .reason)" '400 BadRequest'
    holds "kubectl 1.20 reads what was so made" deployment/web '.spec.template.spec.containers[0].ports[0].containerPort' 80
}

discovery() {
    local v2='application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
    local beta='application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'
    ask "$v2,$beta,application/json" /apis
    is "discovery in one document" "$code $type $(get .kind)" "200 $v2 APIGroupDiscoveryList"
    is "with what a kind can" "$(get '.items[] | select(.metadata.name == "apps").versions[0].resources[] |
        select(.resource == "deployments") | [.responseKind.kind, .scope, .shortNames[0], ([.subresources[].subresource] | sort | join(" "))]')" \
        '["Deployment","Namespaced","deploy","scale status"]'
    ask "$beta,application/json" /api
    is "in the version of 1.27" "$code $type $(get .apiVersion)" "200 $beta apidiscovery.k8s.io/v2beta1"
    ask application/json /apis
    is "and as it was before" "$code $(get .kind)" '200 APIGroupList'
    ask application/com.github.proto-openapi.spec.v2@v1.0+protobuf /openapi/v2
    is "OpenAPI v2 is protobuf" "$code $type" '200 application/com.github.proto-openapi.spec.v2.v1.0+protobuf'
    ask application/json /openapi/v3
    ask application/json "$(get '.paths["apis/apps/v1"].serverRelativeURL')"
    is "OpenAPI v3 is found by its address" "$code $(get '.openapi | split(".")[0]')" '200 3'
}

lists() {
    ask application/json "/api/v1/namespaces/default/configmaps?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1"
    is "a list by a watch ends with its mark" \
        "$code $(jq -rc '[.type, .object.metadata.name // .object.metadata.annotations["k8s.io/initial-events-end"]]' answer | head -n 3 | tr '\n' ' ')" \
        '200 ["ADDED","kube-root-ca.crt"] ["ADDED","settings"] ["BOOKMARK","true"] '
    ask 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json' /api/v1/namespaces/default/configmaps
    is "metadata alone" "$code $(get '[.kind, .items[1].metadata.name, .items[1].data]')" \
        '200 ["PartialObjectMetadataList","settings",null]'
    ask 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' '/api/v1/namespaces/default/configmaps?limit=500'
    is "a table" "$code $(get '[.kind, .rows[1].cells[0], .rows[1].object.kind]')" \
        '200 ["Table","settings","PartialObjectMetadata"]'
    ask application/json '/api/v1/namespaces/default/configmaps?fieldValidation=Strict' -X POST \
        -H 'Content-Type: application/json' -d '{"metadata":{"name":"x"},"datta":{}}'
    is "fields that are none, strictly" "$code $(get .message | grep -o '^strict decoding error: unknown field "datta"')" \
        '400 strict decoding error: unknown field "datta"'
}

stand_up main a
bodies
discovery
lists
conclude
