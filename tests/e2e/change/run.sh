#!/usr/bin/env bash
# timeout: 180
# kubectl changes what is there: set, label, annotate, taint, cordon, patch, scale, rollout, and drain of an idle node.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

container='.spec.template.spec.containers[0]'

sets() {
    k create deployment web --image=busybox:1 --port=80 >/dev/null
    says "set image" '^deployment.apps/web image updated$' set image deployment/web busybox=busybox:2
    holds "it is set" deployment/web "$container.image" busybox:2
    refuses "of a container that is not there" 'unable to find container named "none"' set image deployment/web none=x
    says "set env" 'env updated$' set env deployment/web COLOUR=green SIZE=7
    holds "both are set" deployment/web "[$container.env[].name]" '["COLOUR","SIZE"]'
    says "set env NAME-" 'env updated$' set env deployment/web SIZE-
    holds "one is gone" deployment/web "[$container.env[].name]" '["COLOUR"]'
    says "set env --list" '^COLOUR=green$' set env deployment/web --list
    says "set resources" 'resource requirements updated$' set resources deployment web --limits=cpu=200m,memory=64Mi
    holds "they are set" deployment/web "$container.resources.limits" '{"cpu":"200m","memory":"64Mi"}'
    refuses "a quantity that is none" 'quantit' set resources deployment web --limits=cpu=lots
    says "set serviceaccount" 'serviceaccount updated$' set serviceaccount deployment web robot
    holds "it is set" deployment/web .spec.template.spec.serviceAccountName robot
    k create service clusterip web --tcp=80 >/dev/null
    says "set selector" 'selector updated$' set selector service web tier=front
    holds "it is set" service/web .spec.selector '{"tier":"front"}'
    k create rolebinding ann --clusterrole=view --user=ann >/dev/null
    says "set subject" 'subjects updated$' set subject rolebinding ann --group=ops
    holds "it is added" rolebinding/ann '[.subjects[].name]' '["ann","ops"]'
    holds "each change of the spec counted" deployment/web .metadata.generation 6
}

labels() {
    says "label" '^deployment.apps/web labeled$' label deployment web tier=front
    refuses "label of another value" "'tier' already has a value \\(front\\)" label deployment web tier=back
    says "label --overwrite" 'labeled$' label deployment web tier=back --overwrite
    holds "it is overwritten" deployment/web .metadata.labels.tier back
    says "label NAME-" 'labeled$' label deployment web tier-
    holds "it is gone" deployment/web .metadata.labels.tier null
    refuses "a label that is none" 'invalid label value: "tier=-x"' label deployment web tier=-x
    says "label --all" '^service/web labeled$' label service --all every=one
    says "label -l" '^service/web labeled$' label service -l every=one second=two
    says "label --resource-version of now" 'labeled$' label deployment web a=b \
        --resource-version="$(object deployment/web | jq -r .metadata.resourceVersion)"
    refuses "and of a while ago" 'Conflict' label deployment web a=c --overwrite --resource-version=1
    says "annotate" '^deployment.apps/web annotated$' annotate deployment web note='some words'
    holds "it is noted" deployment/web .metadata.annotations.note 'some words'
    says "annotate NAME-" 'annotated$' annotate deployment web note-
    holds "neither counts as a change of the spec" deployment/web .metadata.generation 6
}

nodes() {
    says "taint" '^node/a tainted$' taint node a dry=yes:NoSchedule
    holds "it is" node/a '[.spec.taints[] | [.key, .value, .effect]]' '[["dry","yes","NoSchedule"]]'
    pod shy | k create -f - >/dev/null
    within 10 "the scheduler heeds it" matches "had untolerated taint|didn.t tolerate" k describe pod shy
    says "taint NAME-" '^node/a untainted$' taint node a dry-
    holds "it is gone" node/a .spec.taints null
    within 20 "and the pod runs" running shy
    k delete pod shy >/dev/null
    says "cordon" '^node/a cordoned$' cordon a
    says "get nodes shows it" '^a +Ready,SchedulingDisabled ' get nodes
    says "uncordon" '^node/a uncordoned$' uncordon a
    says "uncordon once more" '^node/a already uncordoned$' uncordon a
    says "drain of a node with nothing on it" '^node/a drained$' drain a
    holds "cordons it" node/a .spec.unschedulable true
    k uncordon a >/dev/null
}

patches() {
    says "patch, strategic" '^deployment.apps/web patched$' patch deployment web -p \
        '{"spec":{"template":{"spec":{"containers":[{"name":"busybox","env":[{"name":"EXTRA","value":"x"}]}]}}}}'
    holds "merges lists by their key" deployment/web "[$container.image, ($container.env | map(.name) | sort)]" \
        '["busybox:2",["COLOUR","EXTRA"]]'
    says "patch --type merge" 'patched$' patch deployment web --type merge -p '{"spec":{"template":{"spec":{"nodeSelector":{"a":"b"}}}}}'
    says "null deletes" 'patched$' patch deployment web --type merge -p '{"spec":{"template":{"spec":{"nodeSelector":null}}}}'
    holds "it is gone" deployment/web .spec.template.spec.nodeSelector null
    says "patch --type json" 'patched$' patch deployment web --type json -p '[{"op":"replace","path":"/spec/replicas","value":2}]'
    holds "it is replaced" deployment/web .spec.replicas 2
    says "patch that changes nothing" 'patched \(no change\)$' patch deployment web -p '{"spec":{"replicas":2}}'
    refuses "a path that is not there" 'invalid' patch deployment web --type json -p '[{"op":"remove","path":"/spec/nothing"}]'
    refuses "a value that is wrong" 'spec.replicas' patch deployment web -p '{"spec":{"replicas":-1}}'
    refuses "what may not change" 'field is immutable' patch deployment web -p \
        '{"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}}}}}'
    printf 'spec:\n  replicas: 3\n' >patch.yaml
    says "patch of a file in YAML" 'patched$' patch deployment web -p "$(cat patch.yaml)"
    holds "and nothing refused has changed anything" deployment/web .spec.replicas 3
}

scales() {
    says "scale" '^deployment.apps/web scaled$' scale deployment web --replicas=5
    refuses "scale --current-replicas of another" 'Expected replicas to be 4, was 5' \
        scale deployment web --current-replicas=4 --replicas=1
    says "scale --current-replicas" 'scaled$' scale deployment web --current-replicas=5 --replicas=1
    holds "it is scaled" deployment/web .spec.replicas 1
    refuses "scale of what has none" "could not find the requested resource|NotFound" scale configmap web --replicas=1
}

rollouts() {
    says "rollout restart" '^deployment.apps/web restarted$' rollout restart deployment/web
    has "its template says when" "$(object deployment/web | jq -r '.spec.template.metadata.annotations | keys[]')" \
        '^kubectl.kubernetes.io/restartedAt$'
    says "rollout pause" '^deployment.apps/web paused$' rollout pause deployment/web
    holds "it is paused" deployment/web .spec.paused true
    refuses "once more" 'is already paused' rollout pause deployment/web
    says "rollout resume" '^deployment.apps/web resumed$' rollout resume deployment/web
    holds "it goes on" deployment/web .spec.paused null
    says "rollout history of none" '^No rollout history found.$' rollout history deployment/web
    object deployment/web | jq '{apiVersion: "apps/v1", kind: "ReplicaSet", metadata: {name: "web-1", labels: {app: "web"},
        annotations: {"deployment.kubernetes.io/revision": "1"}, ownerReferences: [{apiVersion: "apps/v1", kind: "Deployment",
        name: "web", uid: .metadata.uid, controller: true}]}, spec: {selector: .spec.selector, template: .spec.template}}
        | .spec.template.spec.containers[0].image = "busybox:old"' >set.json
    k create -f set.json >/dev/null
    says "rollout history of stored sets" '^1 +<none>$' rollout history deployment/web
    says "rollout history --revision" 'Image:.*busybox:old$' rollout history deployment/web --revision=1
    says "rollout undo" '^deployment.apps/web rolled back$' rollout undo deployment/web --to-revision=1
    holds "the template is the old one" deployment/web "$container.image" busybox:old
}

stand_up main a
sets
labels
patches
scales
rollouts
nodes
conclude
