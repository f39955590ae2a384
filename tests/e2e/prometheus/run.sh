#!/usr/bin/env bash
# timeout: 240
# Debian's Prometheus, with a ServiceAccount's token and no more rights than it needs, scrapes the gateway, and the node
# through it. Debian builds it without the Kubernetes discovery: of that, the requests are made, with the same rights, and
# Debian's VictoriaMetrics, which reads the same configuration and has the discovery, finds nodes, pods, services and
# endpoints by itself.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"
for program in prometheus victoria-metrics curl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

identity() {
    k create namespace monitoring >/dev/null
    k create -n monitoring serviceaccount prometheus >/dev/null
    k apply -f - >/dev/null <<'END'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: prometheus}
rules:
- {apiGroups: [""], resources: [nodes, services, endpoints, pods], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [nodes/proxy], verbs: [get]}
- {nonResourceURLs: [/metrics], verbs: [get]}
END
    k create clusterrolebinding prometheus --clusterrole=prometheus --serviceaccount=monitoring:prometheus >/dev/null
    token prometheus token
    k create -n monitoring serviceaccount stranger >/dev/null
    token stranger stranger
}
# token ACCOUNT FILE: that the gateway issues.
token() {
    echo '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{"expirationSeconds":3600}}' |
        k create --raw "/api/v1/namespaces/monitoring/serviceaccounts/$1/token" -f - | jq -r .status.token >"$2"
}

configuration() {
    cat <<END
global: {scrape_interval: 2s, scrape_timeout: 2s}
scrape_configs:
- job_name: gateway
  scheme: https
  authorization: {credentials_file: $PWD/token}
  tls_config: {ca_file: $GW/state/trust/ca.crt}
  static_configs: [{targets: ["$HOST:$API_PORT"]}]
- job_name: nodes
  scheme: https
  authorization: {credentials_file: $PWD/token}
  tls_config: {ca_file: $GW/state/trust/ca.crt}
  file_sd_configs: [{files: ["$PWD/nodes.json"]}]
  relabel_configs:
  - {source_labels: [__address__], target_label: instance}
  - {source_labels: [__address__], target_label: __metrics_path__, replacement: "/api/v1/nodes/\$1/proxy/metrics"}
  - {target_label: __address__, replacement: "$HOST:$API_PORT"}
END
    k get nodes -o json | jq '[{targets: [.items[].metadata.name]}]' >nodes.json
}

# What its Kubernetes discovery asks (which Debian leaves out of its build), with its rights: a list, then a watch from there.
discovery() {
    local role revision
    for role in nodes pods services endpoints; do
        get "/api/v1/$role?limit=500&resourceVersion=0" >list
        is "discovery lists $role" "$(jq -r '.kind | ascii_downcase' list)" \
            "$(sed 's/s$//; s/endpoint$/endpoints/' <<<"$role")list"
        revision=$(jq -r .metadata.resourceVersion list)
        get "/api/v1/$role?allowWatchBookmarks=true&resourceVersion=$revision&timeout=2s&timeoutSeconds=2&watch=true" >watch
        is "and watches them" "$(jq -r .kind watch | grep -c Status)" 0
    done
    is "a pod has what it makes a target of" "$(get /api/v1/pods | jq -c '[.items[] | select(.metadata.name == "web") |
        (.status.podIP | test("^10\\.")), .spec.containers[0].ports[0].containerPort, .spec.nodeName]')" '[true,8080,"a"]'
    is "a node has" "$(get /api/v1/nodes | jq -c '[.items[0].status.addresses[].type] | contains(["InternalIP"])')" true
}

# The same, by whoever discovers: one job a role.
discovering() {
    local role
    echo "scrape_configs:"
    for role in node pod service endpoints; do
        cat <<END
- job_name: $role
  scrape_interval: 2s
  scheme: https
  authorization: {credentials_file: $PWD/token}
  tls_config: {ca_file: $GW/state/trust/ca.crt}
  kubernetes_sd_configs:
  - role: $role
    api_server: https://$HOST:$API_PORT
    authorization: {credentials_file: $PWD/token}
    tls_config: {ca_file: $GW/state/trust/ca.crt}
END
        [[ $role == node ]] || continue
        cat <<END
  relabel_configs:
  - {source_labels: [__meta_kubernetes_node_name], target_label: instance}
  - {source_labels: [__meta_kubernetes_node_name], target_label: __metrics_path__, replacement: "/api/v1/nodes/\$1/proxy/metrics"}
  - {target_label: __address__, replacement: "$HOST:$API_PORT"}
END
    done
}
# found ROLE LABEL: the values of a label that the discovery has of its targets.
found() {
    asked 'targets?state=active' | jq -r --arg j "$1" --arg l "__meta_kubernetes_$2" \
        '[.data.activeTargets[] | select(.scrapePool == $j or .labels.job == $j or .discoveredLabels.job == $j)
            | .discoveredLabels[$l] // empty] | unique | join(" ")'
}
found_by_itself() {
    discovering >discovering.yml
    daemon "$STAND/victoria.pid" "$STAND/victoria.log" gw victoria-metrics -promscrape.config="$PWD/discovering.yml" \
        -storageDataPath="$PWD/victoria" -httpListenAddr="127.0.0.1:$REGISTRY_PORT" -promscrape.kubernetesSDCheckInterval=2s
    within 40 "VictoriaMetrics discovers the node" equals a found node node_name
    within 40 "and scrapes it through the gateway" equals up up node
    within 20 "the pod" equals web found pod pod_name
    is "where it is" "$(found pod pod_node_name) $(found pod pod_label_app) $(found pod pod_container_port_number)" "a web 8080"
    within 20 "the service" matches '(^| )web( |$)' found service service_name
    within 20 "and its endpoints" matches '(^| )web( |$)' found endpoints endpoints_name
    k run later --image=busybox:latest --labels=app=later --port=8081 --command -- sleep 600 >/dev/null
    within 30 "and a pod that comes later, by its watch" matches '(^| )later( |$)' found pod pod_name
    end_pid "$(cat "$STAND/victoria.pid")" TERM
}

asked() { curl -sS --max-time 10 "${@:2}" "http://127.0.0.1:$REGISTRY_PORT/api/v1/$1"; }
# up JOB: the health of its targets, as Prometheus has it.
up() { asked 'targets?state=active' | jq -r --arg j "$1" '[.data.activeTargets[] | select(.labels.job == $j) | .health] | join(" ")'; }
value() { asked query -G --data-urlencode "query=$1" | jq -r '.data.result[0].value[1]'; }
positive() { [[ $(value "$1") =~ ^[0-9.e+-]+$ && $(value "$1") != 0 ]]; }
get() {
    curl -sS --max-time 20 --cacert "$GW/state/trust/ca.crt" -H "Authorization: Bearer $(<token)" "https://$HOST:$API_PORT$1"
}
status() {
    curl -sS --max-time 20 -o /dev/null -w '%{http_code}' --cacert "$GW/state/trust/ca.crt" \
        -H "Authorization: Bearer $(<"$1")" "https://$HOST:$API_PORT$2"
}

stand_up main a
pod web | jq '.metadata.labels = {app: "web"} | .spec.containers[0].ports = [{containerPort: 8080}]' | k create -f - >/dev/null
k create service clusterip web --tcp=80:8080 >/dev/null
k apply -f - >/dev/null <<'END'
{"apiVersion": "v1", "kind": "Endpoints", "metadata": {"name": "web"},
 "subsets": [{"addresses": [{"ip": "192.0.2.80"}], "ports": [{"port": 8080}]}]}
END
within 30 "a pod runs" running web
identity
is "who is not bound scrapes no node" "$(status stranger /api/v1/nodes/a/proxy/metrics)" 403
is "nor reads metrics" "$(status stranger /apis/metrics.k8s.io/v1beta1/nodes)" 403
is "who is bound to it does" "$(status token /api/v1/nodes/a/proxy/metrics)" 200
is "and sees nothing else of it" "$(status token /api/v1/nodes/a/proxy/pods)" 404
discovery
configuration >prometheus.yml
daemon "$STAND/prometheus.pid" "$STAND/prometheus.log" gw prometheus --config.file="$PWD/prometheus.yml" \
    --storage.tsdb.path="$PWD/tsdb" --web.listen-address="127.0.0.1:$REGISTRY_PORT"

within 40 "the gateway is up" equals up up gateway
within 40 "the node is up" equals up up nodes
within 20 "what a container has used is stored" positive 'container_cpu_usage_seconds_total{pod="web"}'
within 20 "what the node uses" positive 'node_memory_working_set_bytes{instance="a"}'
within 20 "that it is ready" positive 'kube_node_status_condition{condition="Ready",status="true"}'
within 20 "what the gateway counts" positive 'apiserver_storage_objects{resource="pods"}'
node_stop a
within 40 "a node that is gone is down" equals down up nodes
end_pid "$(cat "$STAND/prometheus.pid")" TERM
node_start a
within 40 "the node is back" matches "^a +Ready" lp get nodes
found_by_itself
conclude
