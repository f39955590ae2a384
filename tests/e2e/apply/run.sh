#!/usr/bin/env bash
# timeout: 240
# kubectl apply, by the client and by the server, diff, dry runs, replace, edit and -k, as people use them on files.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

# configmap NAME DATA: a manifest on standard output.
configmap() {
    printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' "metadata: {name: $1, labels: {part: $1}}" "data: $2"
}
generation() { object "$1" | jq -r '"\(.metadata.generation) \(.metadata.resourceVersion)"'; }
# by_field OBJECT: a script for EDITOR that replaces text by sed.
editor() {
    printf '#!/bin/sh\nsed -i "%s" "$1"\n' "$1" >"$TEST_TMP/editor"
    chmod +x "$TEST_TMP/editor"
}

by_client() {
    local before
    configmap app '{one: "1", two: "2"}' >app.yaml
    says "apply creates" '^configmap/app created$' apply -f app.yaml
    before=$(generation configmap/app)
    says "apply of the same changes nothing" '^configmap/app unchanged$' apply -f app.yaml
    is "and writes nothing" "$(generation configmap/app)" "$before"
    k label configmap app mine=kept >/dev/null
    configmap app '{one: "1", three: "3"}' >app.yaml
    refuses "diff shows what apply would do, and ends with 1" '^\+  three: "3"$' diff -f app.yaml
    hasnt "and nothing that it would not" "$(k diff -f app.yaml | grep '^[-+] ')" 'part|resourceVersion|mine'
    says "apply --dry-run=client" '^configmap/app configured \(dry run\)$' apply -f app.yaml --dry-run=client
    says "apply --dry-run=server" '^configmap/app configured \(server dry run\)$' apply -f app.yaml --dry-run=server
    holds "and neither changes anything" configmap/app .data '{"one":"1","two":"2"}'
    says "apply changes" '^configmap/app configured$' apply -f app.yaml
    holds "what the file no longer says goes" configmap/app .data '{"one":"1","three":"3"}'
    holds "what it never said stays" configmap/app .metadata.labels.mine kept
    is "diff of what is applied says nothing" "$(k diff -f app.yaml)" ''
    says "apply view-last-applied" '^  three: "3"$' apply view-last-applied configmap/app
    says "apply set-last-applied" '^configmap/app configured$' apply set-last-applied -f app.yaml
    configmap pruned '{}' >pruned.yaml
    k apply -f pruned.yaml -l part=pruned >/dev/null
    configmap other '{}' | jq -Rrs 'sub("part: other"; "part: pruned")' >other.yaml
    says "apply --prune takes away what no file has any more" '^configmap/pruned pruned$' \
        apply -f other.yaml --prune -l part=pruned --prune-whitelist=core/v1/ConfigMap
    absent "it is gone" configmap/pruned
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: wrong}\ndatta: {a: b}\n' >wrong.yaml
    refuses "a field that is none is refused" 'unknown field "datta"' apply -f wrong.yaml
    refuses "and a namespace that is none" 'namespaces "nowhere" not found' apply -n nowhere -f other.yaml
}

by_server() {
    configmap owned '{one: "1"}' >owned.yaml
    says "apply --server-side creates" '^configmap/owned serverside-applied$' apply --server-side -f owned.yaml
    says "apply --server-side once more" '^configmap/owned serverside-applied$' apply --server-side -f owned.yaml
    configmap owned '{one: "9"}' >other.yaml
    refuses "another's field is a conflict" 'conflict with "kubectl": \.data\.one$' \
        apply --server-side --field-manager=other -f other.yaml
    holds "which changes nothing" configmap/owned .data '{"one":"1"}'
    says "but by force" 'serverside-applied$' apply --server-side --field-manager=other --force-conflicts -f other.yaml
    holds "it is taken" configmap/owned .data '{"one":"9"}'
    configmap dry '{}' >dry.yaml
    says "apply --server-side --dry-run=server" 'serverside-applied \(server dry run\)$' \
        apply --server-side --dry-run=server -f dry.yaml
    absent "creates nothing" configmap/dry
}

deployments() {
    k create deployment web --image=busybox:1 --dry-run=client -o yaml | grep -v 'null\|^status' >web.yaml
    says "create --dry-run=client makes manifests that apply takes" '^deployment.apps/web created$' apply -f web.yaml
    k scale deployment web --replicas=5 >/dev/null
    sed -i 's/busybox:1/busybox:2/; /replicas:/d' web.yaml
    k apply -f web.yaml >/dev/null
    holds "a field given up by the file is defaulted again" deployment/web .spec.replicas 1
    holds "the image is the file's" deployment/web '.spec.template.spec.containers[0].image' busybox:2
    holds "each change of the spec counts" deployment/web .metadata.generation 3
    cat web.yaml - >two.yaml <<'END'
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
END
    is "several documents, each with its word" "$(k apply -f two.yaml | tr '\n' ' ')" \
        'deployment.apps/web unchanged service/web created '
    k delete -f two.yaml >/dev/null
}

replaced() {
    local uid
    configmap swap '{a: b}' >swap.yaml
    refuses "replace of what is not there" 'configmaps "swap" not found' replace -f swap.yaml
    k create -f swap.yaml >/dev/null
    k get configmap swap -o yaml >old.yaml
    sed -i 's/a: b/a: c/' swap.yaml
    says "replace" '^configmap/swap replaced$' replace -f swap.yaml
    holds "replaces" configmap/swap .data '{"a":"c"}'
    refuses "replace of an old version is a conflict" 'Conflict.*the object has been modified' replace -f old.yaml
    says "replace --dry-run=server" 'replaced \(server dry run\)' replace --dry-run=server -f swap.yaml
    uid=$(object configmap/swap | jq -r .metadata.uid)
    says "replace --force deletes and creates" '^configmap/swap replaced$' replace --force -f swap.yaml
    hasnt "it is another object" "$(object configmap/swap | jq -r .metadata.uid)" "^$uid\$"
}

edited() {
    export EDITOR=$TEST_TMP/editor
    editor 's/a: c/a: edited/'
    says "edit" '^configmap/swap edited$' edit configmap swap
    holds "what the editor left is kept" configmap/swap .data.a edited
    says "edit without a change" '^Edit cancelled, no changes made.$' edit configmap swap
    editor 's/a: edited/a: [no, text]/'
    TMPDIR=$TEST_TMP refuses "what the server refuses is shown, and the text is kept" "$TEST_TMP/kubectl-edit-" edit configmap swap
    holds "and nothing is changed" configmap/swap .data.a edited
    pod edited | k create -f - >/dev/null
    editor 's/^spec:/spec:\n  activeDeadlineSeconds: 999/'
    is "edit of a pod warns of nothing that the gateway has set" "$(timeout 60 "$KUBECTL" edit pod edited 2>&1)" 'pod/edited edited'
    holds "it is edited" pod/edited .spec.activeDeadlineSeconds 999
    editor 's/part: app/part: last/'
    says "apply edit-last-applied" 'configmap/app edited' apply edit-last-applied configmap app
}

kustomized() {
    mkdir -p kz
    configmap base '{a: b}' >kz/base.yaml
    printf '%s\n' 'resources: [base.yaml]' 'namePrefix: big-' 'commonLabels: {of: kz}' 'configMapGenerator:' \
        '- {name: made, literals: [c=d]}' >kz/kustomization.yaml
    says "kustomize" '^  name: big-base$' kustomize kz
    says "apply -k" '^configmap/big-base created$' apply -k kz
    is "get -k has both" "$(k get -k kz -o name | wc -l)" 2
    holds "labels are the kustomization's" configmap/big-base .metadata.labels.of kz
    says "delete -k" '^configmap "big-base" deleted$' delete -k kz
    absent "and it is gone" configmap/big-base
}

stand_up main a
by_client
by_server
deployments
replaced
edited
kustomized
conclude
