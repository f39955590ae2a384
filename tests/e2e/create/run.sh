#!/usr/bin/env bash
# timeout: 180
# kubectl create, each of its sub-commands, expose, autoscale and run: one POST each; and each is described.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

NS=shop

# makes OBJECT JQ WANTED WORDS...: create says that it did, and the object is so.
makes() {
    says "create ${*:4}" '(created|exposed|autoscaled)$' -n "$NS" "${@:4}"
    holds "  $1 is so" "$1" "$2" "$3"
}

plain() {
    says "create namespace" '^namespace/shop created$' create namespace shop
    refuses "once more" '^Error from server \(AlreadyExists\): namespaces "shop" already exists$' create namespace shop
    refuses "a name that is none" '^The Namespace "No_Name" is invalid: metadata.name: .*"No_Name"' create namespace No_Name
    echo hello >file.txt
    printf 'A=1\nB=2\n' >vars.env
    makes configmap/literal .data '{"a":"b","c":"d=e"}' create configmap literal --from-literal=a=b --from-literal=c=d=e
    makes configmap/file .data '{"file.txt":"hello\n","other":"hello\n"}' \
        create configmap file --from-file=file.txt --from-file=other=file.txt
    makes configmap/vars .data '{"A":"1","B":"2"}' create configmap vars --from-env-file=vars.env
    head -c 64 /dev/zero | tr '\0' '\377' >binary
    makes configmap/binary '.binaryData.binary | length' 88 create configmap binary --from-file=binary
    makes secret/plain '[.type, (.data.a | @base64d)]' '["Opaque","b"]' create secret generic plain --from-literal=a=b
    openssl req -x509 -newkey rsa:2048 -nodes -keyout tls.key -out tls.crt -subj /CN=x -days 10 2>/dev/null
    makes secret/tls '[.type, (.data | keys[])]' '["kubernetes.io/tls","tls.crt","tls.key"]' \
        create secret tls tls --cert=tls.crt --key=tls.key
    makes secret/pull '[.type, (.data[".dockerconfigjson"] | @base64d | fromjson | .auths | keys[0])]' \
        '["kubernetes.io/dockerconfigjson","registry.example"]' \
        create secret docker-registry pull --docker-server=registry.example --docker-username=u --docker-password=p
    makes serviceaccount/robot .kind ServiceAccount create serviceaccount robot
    makes resourcequota/small .spec.hard '{"configmaps":"20","pods":"5"}' create quota small --hard=pods=5,configmaps=20
    makes priorityclass/high '[.value, .description]' '[1000,"first"]' create priorityclass high --value=1000 --description=first
    makes poddisruptionbudget/keep '[.spec.minAvailable, .spec.selector.matchLabels.app]' '[1,"web"]' \
        create poddisruptionbudget keep --selector=app=web --min-available=1
}

workloads() {
    makes deployment/web '[.spec.replicas, .spec.strategy.type, .spec.template.spec.containers[0].ports[0].containerPort]' \
        '[3,"RollingUpdate",80]' create deployment web --image=busybox:latest --replicas=3 --port=80
    makes job/once '[.spec.completions, .spec.template.spec.containers[0].command]' '[1,["sh","-c","true"]]' \
        create job once --image=busybox -- sh -c true
    makes cronjob/often '[.apiVersion, .spec.schedule, .spec.concurrencyPolicy]' '["batch/v1","*/5 * * * *","Allow"]' \
        create cronjob often --image=busybox --schedule='*/5 * * * *' -- date
    refuses "a schedule that is none" '^error: .* "never" is invalid: spec.schedule: .*61 ' \
        -n "$NS" create cronjob never --image=busybox --schedule='61 * * * *' -- date
    makes hpa/web '[.spec.minReplicas, .spec.maxReplicas, .spec.metrics[0].resource.target.averageUtilization]' '[1,3,50]' \
        autoscale deployment web --min=1 --max=3 --cpu-percent=50
    says "run --dry-run=client" '^  - image: x$' run dry --image=x --dry-run=client -o yaml
    says "run --dry-run=server" '^pod/dry created \(server dry run\)$' run dry --image=x --dry-run=server -n "$NS"
    absent "makes no pod" pod/dry
}

services() {
    makes service/inside '[.spec.type, .spec.ports[0].targetPort]' '["ClusterIP",8080]' create service clusterip inside --tcp=80:8080
    makes service/none .spec.clusterIP None create service clusterip none --clusterip=None
    makes service/node '[.spec.type, .spec.ports[0].nodePort]' '["NodePort",30123]' \
        create service nodeport node --tcp=80:8080 --node-port=30123
    makes service/balanced .spec.type LoadBalancer create service loadbalancer balanced --tcp=80:8080
    makes service/outside .spec.externalName x.example create service externalname outside --external-name=x.example
    makes service/exposed '[.spec.selector.app, .spec.ports[0].port]' '["web",8000]' \
        expose deployment web --port=8000 --name=exposed
    makes ingress/way '[.spec.rules[0].host, .spec.rules[0].http.paths[0].backend.service.name, .spec.tls[0].secretName]' \
        '["a.example","inside","tls"]' create ingress way --rule='a.example/*=inside:80,tls=tls'
}

rights() {
    makes role/look '.rules[0].verbs' '["get","list"]' create role look --verb=get,list --resource=pods
    makes clusterrole/nodes '.rules[0].resources' '["nodes"]' create clusterrole nodes --verb=get --resource=nodes
    makes rolebinding/ann '[.roleRef.name, .subjects[0].name]' '["look","ann"]' create rolebinding ann --role=look --user=ann
    makes clusterrolebinding/ops '[.roleRef.kind, .subjects[0].kind]' '["ClusterRole","Group"]' \
        create clusterrolebinding ops --clusterrole=nodes --group=ops
}

# shown PATTERN WORDS...
shown() { says "describe ${*:2}" "$1" describe "${@:2}" -n "$NS"; }
described() {
    shown '^Status: +Active$' namespace shop
    shown '^hello$' configmap file
    shown '^a: +1 bytes$' secret plain
    shown '^Name: +robot$' serviceaccount robot
    shown '^Name: +small$' quota small
    shown '^Value: +1000$' priorityclass high
    shown '^Min available: +1$' poddisruptionbudget keep
    shown '^Replicas: +3 desired ' deployment web
    shown '^Completions: +1$' job once
    shown '^Schedule: +\*/5 ' cronjob often
    shown '^Reference: +Deployment/web$' hpa web
    shown '^TargetPort: +8080/TCP$' service inside
    shown '^ +/ +inside:80 ' ingress way
    shown '^  pods +\[\] +\[\] +\[get list\]$' role look
    shown '^  nodes +\[\] +\[\] +\[get\]$' clusterrole nodes
    shown '^  User  ann ' rolebinding ann
    shown '^  Group  ops ' clusterrolebinding ops
}

stand_up main a
plain
workloads
services
rights
described
conclude
