#!/usr/bin/env bash
# timeout: 240
# What is let in, and what is made of it: LimitRanges, priorities, service accounts, quotas, pod security, and what the
# audit trail says of it, as kubectl shows them.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

NS=shop

# pod_of NAME JQ: a pod that sleeps, changed by the filter; on standard output.
pod_of() { pod "$1" | jq "$2"; }
# makes_pod WHAT NAME JQ; refuses_pod WHAT PATTERN NAME JQ
makes_pod() { says "$1" "^pod/$2 created$" create -n "$NS" -f - < <(pod_of "$2" "$3"); }
refuses_pod() { refuses "$1" "$2" create -n "$NS" -f - < <(pod_of "$3" "$4"); }
# needs JQ: requests and limits of the pod's container.
needs() { echo ".spec.containers[0].resources = $1"; }

given() {
    k create namespace shop >/dev/null
    says "the classes that every cluster has" '^system-node-critical +2000001000 +false ' get priorityclasses
    makes_pod "a plain pod" plain .
    holds "  has its service account" pod/plain .spec.serviceAccountName default
    holds "  its priority" pod/plain '[.spec.priority, .spec.preemptionPolicy]' '[0,"PreemptLowerPriority"]'
    holds "  and tolerations" pod/plain '[.spec.tolerations[] | [.key, .effect, .tolerationSeconds]]' \
        '[["node.kubernetes.io/not-ready","NoExecute",300],["node.kubernetes.io/unreachable","NoExecute",300]]'
    within 30 "  and runs" matches '^plain +1/1 +Running ' k get pods -n shop
    says "describe tells of them" 'node.kubernetes.io/not-ready:NoExecute op=Exists for 300s' describe pod plain -n shop
    k create priorityclass high --value=1000 >/dev/null
    makes_pod "a pod of a class" high '.spec.priorityClassName = "high"'
    holds "  has its priority" pod/high .spec.priority 1000
    refuses_pod "a class that is not there" \
        '^Error from server \(Forbidden\): .* pods "p" is forbidden: no PriorityClass with name none was found$' \
        p '.spec.priorityClassName = "none"'
    refuses_pod "a service account that is not there" \
        'error looking up service account shop/robot: serviceaccount "robot" not found' p '.spec.serviceAccountName = "robot"'
    k create serviceaccount robot -n shop >/dev/null
    makes_pod "and one that is" robot '.spec.serviceAccountName = "robot"'
    k delete pods --all -n shop --wait=false >/dev/null
}

ranges() {
    k create -n shop -f - >/dev/null <<<'{"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"sizes"},"spec":{"limits":[
        {"type":"Container","max":{"cpu":"1"},"default":{"cpu":"500m","memory":"64Mi"},"defaultRequest":{"cpu":"100m"}}]}}'
    says "describe limits" '^Container +cpu +- +1 +100m +500m +-$' describe limits sizes -n shop
    makes_pod "a pod that says nothing" quiet .
    holds "  gets what is usual" pod/quiet .spec.containers[0].resources \
        '{"requests":{"cpu":"100m","memory":"64Mi"},"limits":{"cpu":"500m","memory":"64Mi"}}'
    refuses_pod "one that wants too much" \
        'pods "big" is forbidden: maximum cpu usage per Container is 1, but limit is 2' big "$(needs '{limits: {cpu: "2"}}')"
    refuses "so does a dry run" 'maximum cpu usage per Container is 1, but limit is 2' \
        create -n shop --dry-run=server -f - < <(pod_of big "$(needs '{limits: {cpu: "2"}}')")
    k delete limits sizes -n shop >/dev/null
    k delete pods --all -n shop >/dev/null
}

# used WHAT PATTERN: describe shows it soon.
used() { within 10 "$1" matches "$2" k describe quota q -n shop; }

# One ConfigMap is there already: kube-root-ca.crt.
quotas() {
    says "create quota" '^resourcequota/q created$' create quota q -n shop --hard=pods=2,requests.cpu=1,count/configmaps=2
    used "describe quota" '^pods +0 +2$'
    refuses_pod "what must be said" 'failed quota: q: must specify requests.cpu for: main$' p .
    makes_pod "one" one "$(needs '{requests: {cpu: "600m"}}')"
    used "is counted" '^requests.cpu +600m +1$'
    refuses_pod "too much" \
        'pods "two" is forbidden: exceeded quota: q, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1$' \
        two "$(needs '{requests: {cpu: "600m"}}')"
    says "a dry run" '^pod/two created \(server dry run\)$' \
        create -n shop --dry-run=server -f - < <(pod_of two "$(needs '{requests: {cpu: "100m"}}')")
    says "a configmap" '^configmap/a created$' create configmap a -n shop
    refuses "no more than that" 'exceeded quota: q, requested: count/configmaps=1, used: count/configmaps=2, limited: count/configmaps=2$' \
        create configmap b -n shop
    many
    one_more
    k delete pods --all -n shop >/dev/null
    used "what is deleted is free" '^pods +0 +2$'
    makes_pod "a pod that ends" brief "$(needs '{requests: {cpu: "1"}}') | .spec.restartPolicy = \"Never\" | .spec.containers[0].command = [\"true\"]"
    within 30 "  has ended" matches '^brief +0/1 +Completed ' k get pods -n shop
    used "  and is free too" '^pods +0 +2$'
    gw_stop
    gw_start
    within 60 "after a start of the gateway" matches '^count/configmaps +2 +2$' k describe quota q -n shop
    refuses "it holds" 'exceeded quota: q' create configmap b -n shop
    k delete quota q -n shop >/dev/null
    says "until it is gone" '^configmap/b created$' create configmap b -n shop
}

# Of many at once exactly as many as there is room for.
many() {
    local i
    for i in 1 2 3 4 5 6; do
        pod_of "many$i" "$(needs '{requests: {cpu: "10m"}}')" | k create -n shop -f - >"many$i.out" 2>&1 &
        pids[i]=$!
    done
    wait "${pids[@]}"
    is "of six at once one is let in" "$(cat many*.out | grep -c created)" 1
    is "and five are refused" "$(cat many*.out | grep -c 'exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2')" 5
    used "as many as there is room for" '^pods +2 +2$'
}

# Not by any other way either.
one_more() {
    local full='exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    pod_of more "$(needs '{requests: {cpu: "10m"}}') | .metadata.namespace = \"shop\"" >more.json
    has "over MQTT there is no more room" "$(as_admin mosquitto_rr -t limpet/v1/users/admin/apply \
        -e limpet/v1/users/admin/reply -m "$(cat more.json)")" "$full"
    has "nor by limpet apply" "$(lp apply -f more.json 2>&1)" "$full"
    refuses "nor by apply --server-side" "$full" apply --server-side -f more.json
}

security() {
    local root='.spec.containers[0].securityContext = {privileged: true}'
    makes_pod "a pod that may do everything" root "$root"
    says "a level is warned of those that are there" \
        '^Warning: existing pods in namespace "shop" violate the new PodSecurity enforce level "baseline:latest"$' \
        label namespace shop pod-security.kubernetes.io/enforce=baseline
    refuses_pod "no other is let in" \
        '^Error from server \(Forbidden\): .* pods "two" is forbidden: violates PodSecurity "baseline:latest": privileged \(container "main" must not set securityContext.privileged=true\)$' \
        two "$root"
    says "a workload is warned of" \
        '^Warning: would violate PodSecurity "restricted:v1.30": allowPrivilegeEscalation != false .*, unrestricted capabilities .*, runAsNonRoot != true .*, seccompProfile \(.* "RuntimeDefault" or "Localhost"\)$' \
        create deployment web --image=busybox -n warned
    refuses "a level that is none" \
        '^The Namespace "shop" is invalid: metadata.labels\[pod-security.kubernetes.io/enforce\]: Invalid value: "strict": must be one of privileged, baseline, restricted$' \
        label --overwrite namespace shop pod-security.kubernetes.io/enforce=strict
}

# event JQ: how many events of the trail are so.
event() { jq -s "[.[] | select($1)] | length" "$GW/state/audit.log"; }
told() { [[ $(event "$1") -ge 1 ]]; }

audit() {
    cat >"$GW/policy.yaml" <<'END'
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- {level: RequestResponse, verbs: [create], resources: [{resources: [configmaps]}], omitManagedFields: true}
- {level: Metadata, verbs: [get], resources: [{resources: [configmaps]}]}
- {level: None, resources: [{resources: [pods]}]}
- {level: Request}
END
    gw_stop
    echo "auditPolicyFile: $GW/policy.yaml" >>"$GW/config.yaml"
    gw_start
    within 60 "a gateway with an audit policy" lp get namespaces
    k create configmap told -n shop --from-literal=word=sesame >/dev/null
    k get configmap told -n shop >/dev/null
    k create secret generic hidden -n shop --from-literal=word=opensesame >/dev/null
    k delete pods --all -n shop --wait=false >/dev/null
    within 10 "a creation is told with all of it" told \
        '.verb == "create" and .level == "RequestResponse" and .requestObject.data.word == "sesame" and .responseObject.metadata.uid'
    within 10 "a reading that it took place" told '.verb == "get" and .level == "Metadata" and .objectRef.name == "told"'
    within 10 "of a secret no more either" told '.objectRef.name == "hidden" and .level == "Metadata"'
    is "and never what it holds" "$(grep -c "$(printf opensesame | base64)" "$GW/state/audit.log")" 0
    is "of pods nothing" "$(event '.objectRef.resource == "pods" and .verb == "delete" and .level == "Request"')" 0
    echo 'rules: nonsense' >"$GW/policy.yaml"
    within 10 "a policy that is wrong is told of" bash -c \
        "timeout 20 '$KUBECTL' get configmap told -n shop >/dev/null; grep -q 'the audit policy is not read again' '$GW/log'"
    gw_stop
    is "and with it no gateway starts" "$(in_net gw timeout 20 "$LIMPET_BUILD/limpet-controller" --config "$GW/config.yaml" 2>&1 | grep -c 'policy.yaml:1: ')" 1
    sed -i '/^auditPolicyFile/d' "$GW/config.yaml"
    gw_start
    within 60 "without one it does" lp get namespaces
}

stand_up main a
given
ranges
quotas
k create namespace warned >/dev/null
k label namespace warned pod-security.kubernetes.io/warn=restricted pod-security.kubernetes.io/warn-version=v1.30 >/dev/null
security
audit
conclude
