#!/usr/bin/env bash
# shellcheck disable=SC2317 # the tests are called by name
# The CLI against the API server by itself (api-serve), and kubectl where both must agree.
# timeout: 180
set -euo pipefail

L=$LIMPET_BUILD/limpet
DIR=$TEST_TMP/server
FAILED=0

# ok NAME COMMAND...: the command must succeed.
ok() {
    local name=$1
    shift
    if "$@" >"$TEST_TMP/out" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/#   /' "$TEST_TMP/out"
        FAILED=1
    fi
}

# gives CODE TEXT COMMAND...: ends with CODE, and what it prints matches the extended regular expression.
gives() {
    local want=$1 text=$2 code=0
    shift 2
    "$@" >"$TEST_TMP/said" 2>&1 || code=$?
    cat "$TEST_TMP/said"
    if [[ $code != "$want" ]]; then
        echo "exit code $code, want $want"
        return 1
    fi
    grep -qE -e "$text" "$TEST_TMP/said" || {
        echo "no line matches: $text"
        return 1
    }
}

start_server() {
    mkdir -p "$DIR"
    : >"$DIR/out"
    "$LIMPET_BUILD/api-serve" "$DIR" >"$DIR/out" 2>"$DIR/err" &
    SERVER=$!
    soon grep -q "^port" "$DIR/out" || { cat "$DIR/err"; return 1; }
}

stop_server() {
    kill "$SERVER" 2>/dev/null || true
    wait "$SERVER" 2>/dev/null || true
}

write_manifests() {
    cat >web.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  containers:
  - {name: app, image: "busybox:1", command: [httpd, -f]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cfg, namespace: shop, labels: {one: "1", two: "2"}}
data: {a: "1", b: "2"}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Secret
metadata: {name: pw, namespace: shop}
stringData: {user: me, pw: geheim}
END
    cat >bad.yaml <<'END'
apiVersion: v1
kind: Pod
metadata: {name: bad}
spec:
  containers:
  - {name: app, image: b, ports: [{containerPort: 70000}]}
  bla: 1
END
}

created_then_unchanged() {
    gives 0 '^pod/web created$' "$L" apply -f web.yaml &&
        [[ $(head -n 1 "$TEST_TMP/said") == "namespace/shop created" ]] &&
        gives 0 '^pod/web unchanged$' "$L" apply -f web.yaml &&
        [[ $(grep -c unchanged "$TEST_TMP/said") == 4 ]]
}

# What an earlier apply declared and this one does not, goes; what others set, stays.
removed_fields_go() {
    kubectl -n shop label configmap cfg other=stays &&
        sed 's/, two: "2"//; s/{a: "1", b: "2"}/{a: "3"}/; s/user: me, //' web.yaml >less.yaml &&
        gives 0 '^configmap/cfg configured$' "$L" apply -f less.yaml &&
        [[ $("$L" get cm cfg -n shop -o json | jq -c '[.data, .metadata.labels]') == \
            '[{"a":"3"},{"one":"1","other":"stays"}]' ]] &&
        [[ $("$L" get secret pw -n shop -o json | jq -c .data) == '{"pw":"Z2VoZWlt"}' ]] &&
        gives 0 '^configmap/cfg unchanged$' "$L" apply -f less.yaml
}

defaults_are_not_declared() {
    ! "$L" get pod web -n shop -o json |
        jq -r '.metadata.annotations["kubectl.kubernetes.io/last-applied-configuration"]' |
        grep -q restartPolicy
}

# Who declared it, does not matter.
goes_on_after_kubectl() {
    printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata: {name: theirs}' 'data: {a: "1", b: "2"}' >theirs.yaml
    kubectl apply -f theirs.yaml --validate=false &&
        gives 0 '^configmap/theirs configured$' "$L" apply -f theirs.yaml && # what it remembers is worded anew
        gives 0 '^configmap/theirs unchanged$' "$L" apply -f theirs.yaml &&
        sed -i 's/, b: "2"//' theirs.yaml &&
        gives 0 '^configmap/theirs configured$' "$L" apply -f theirs.yaml &&
        [[ $(kubectl get cm theirs -o json | jq -c .data) == '{"a":"1"}' ]]
}

mistakes_are_named_and_nothing_is_sent() {
    mkdir -p dir
    cp bad.yaml dir/
    printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: never}\n' >dir/good.yaml
    gives 1 '^.*bad.yaml:6: spec.containers\[0\].ports\[0\].containerPort: 70000: ' \
        "$L" apply -f dir &&
        grep -q 'bad.yaml:7: spec.bla: ' "$TEST_TMP/said" &&
        gives 1 NotFound "$L" get cm never &&
        # With no gateway at all, too.
        gives 1 'bad.yaml:7: spec.bla: ' "$L" --kubeconfig /nowhere apply -f bad.yaml
}

# What only the gateway can know: a namespace that is not there, a change that it forbids.
refused_whole() {
    cat >mixed.yaml <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: first, namespace: shop}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: lost, namespace: nowhere}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec:
  containers:
  - {name: app, image: "busybox:1", command: [other]}
END
    gives 1 '^mixed.yaml:5: namespaces "nowhere" not found \(document 2, configmap/lost\)$' \
        "$L" apply -f mixed.yaml &&
        grep -Eq '^mixed.yaml:12: spec: .*may not change fields other than.* \(document 3, pod/web\)$' "$TEST_TMP/said" &&
        grep -qx 'limpet: nothing was applied' "$TEST_TMP/said" &&
        gives 1 NotFound "$L" get cm first -n shop
}

# What a document needs may be made by one before it.
a_namespace_and_what_is_in_it() {
    printf '%s\n' 'apiVersion: v1' 'kind: ConfigMap' 'metadata: {name: c, namespace: late}' --- \
        'apiVersion: v1' 'kind: Namespace' 'metadata: {name: late}' >both.yaml
    gives 0 '^configmap/c created \(dry run\)$' "$L" apply --dry-run -f both.yaml &&
        gives 1 NotFound "$L" get ns late &&
        [[ $("$L" apply --dry-run -o json -f both.yaml | jq -rs 'map(.metadata.name) | join(" ")') == "late c" ]] &&
        gives 0 '^configmap/c created$' "$L" apply -f both.yaml &&
        gives 0 '^configmap/c unchanged \(dry run\)$' "$L" apply --dry-run -f both.yaml &&
        gives 0 deleted "$L" delete -f both.yaml
}

# More than one request takes: the namespaces go with each.
a_large_apply_is_tried_too() {
    local i
    head -c 200000 /dev/zero | tr '\0' x >big
    {
        printf '# Large.\n%s\n' '{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"large"}}'
        for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
            echo ---
            jq -cn --arg n "b$i" --rawfile big big '{apiVersion: "v1", kind: "ConfigMap",
                metadata: {name: $n, namespace: "large"}, data: {big: $big}}'
        done
    } >large.yaml
    sed '$s/"large"/"nowhere"/' large.yaml >large-bad.yaml
    gives 1 '^large-bad.yaml:26: namespaces "nowhere" not found \(document 13, configmap/b12\)$' \
        "$L" apply -f large-bad.yaml &&
        [[ $(wc -l <"$TEST_TMP/said") == 2 ]] &&
        gives 1 NotFound "$L" get ns large &&
        gives 0 '^configmap/b12 created$' "$L" apply -f large.yaml &&
        gives 0 deleted "$L" delete ns large
}

same_tables_as_kubectl() {
    local what
    for what in "pods -A" "pods -n shop -o wide" "cm,secret -n shop" "pod web -n shop" "ns -o name" \
        "pods -n shop --show-labels -l app=web" "pods -n shop -l app!=web" "cm -n shop --no-headers"; do
        # Ages may differ by a second.
        diff <(eval "$L get $what" 2>&1 | sed -E 's/[0-9]+s +/AGE /; s/[0-9]+s$/AGE/; s/ +/ /g') \
            <(eval "kubectl get $what" 2>&1 | sed -E 's/[0-9]+s +/AGE /; s/[0-9]+s$/AGE/; s/ +/ /g') ||
            { echo "differs: get $what"; return 1; }
    done
}

json_is_what_kubectl_prints() {
    diff <("$L" get pods -n shop -o json | jq -S 'del(.metadata)') \
        <(kubectl get pods -n shop -o json | jq -S 'del(.metadata)') &&
        diff <("$L" get pod web -n shop -o yaml | "$L" apply --dry-run -o json -f - | jq -S .spec) \
            <(kubectl get pod web -n shop -o json | jq -S .spec)
}

wait_names_the_reason() {
    gives 1 '^limpet: timed out waiting for pod/web: ' "$L" wait pod web -n shop --timeout 2s &&
        gives 0 '^secret/pw ready$' "$L" wait secret/pw -n shop
}

# soon COMMAND...: it must succeed within 30 s.
soon() {
    local end=$((SECONDS + 30))
    until "$@"; do
        ((SECONDS < end)) || { echo "not within 30 s: $*"; return 1; }
        sleep 0.05
    done
}
has_lines() { [[ $(wc -l <"$1") -ge $2 ]]; }
stop_watching() {
    kill "$1"
    wait "$1" 2>/dev/null || true
    cat watched
}

# Each begins to watch before it says what it waits for.
wait_sees_it_come_and_go() {
    "$L" wait pod/later --for=create --timeout 60s >created 2>&1 &
    local first=$!
    soon grep -q 'pod/later: it does not exist yet' created || return 1
    printf '%s\n' 'apiVersion: v1' 'kind: Pod' 'metadata: {name: later}' \
        'spec: {containers: [{name: a, image: b}]}' | "$L" apply -f -
    wait "$first" || return 1
    "$L" wait pod/later --for=delete --timeout 60s >gone 2>&1 &
    local then=$!
    soon grep -q '^pod/later: ' gone || return 1
    gives 0 '^pod/later deleted$' "$L" delete pod later && wait "$then" &&
        grep -qx 'pod/later deleted' gone
}

watch_shows_changes() {
    : >watched
    "$L" get cm -n shop -w -o name >watched 2>&1 &
    local watcher=$!
    soon has_lines watched 1 &&
        kubectl -n shop annotate cm cfg x=y &&
        printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: fence}\n' | "$L" apply -n shop -f - &&
        soon grep -qx configmap/fence watched
    stop_watching "$watcher"
    "$L" delete -n shop cm fence
    # What came twice has come before the fence.
    [[ $(tr '\n' ' ' <watched) == "configmap/cfg configmap/cfg configmap/fence " ]]
}

# Not when the watch begins: only when it changes.
watch_of_one_shows_it_once() {
    : >watched
    "$L" get cm cfg -n shop -w >watched 2>&1 &
    local watcher=$!
    soon has_lines watched 2 &&
        kubectl -n shop annotate cm cfg y=z &&
        soon has_lines watched 3
    stop_watching "$watcher"
    [[ $(wc -l <watched) == 3 ]]
}

logs_are_asked_for() {
    gives 0 'log of shop/web container app tail 5' "$L" logs -n shop --tail 5 pod/web &&
        gives 1 'NotFound' "$L" logs nobody
}

why_without_a_node() {
    gives 0 '^no node: ' "$L" why pod/web -n shop && gives 1 NotFound "$L" why nobody
}

why_a_node_gets_no_pods() {
    printf '%s\n' 'apiVersion: v1' 'kind: Node' 'metadata: {name: barn}' 'spec: {unschedulable: true}' | "$L" apply -f - &&
        gives 0 '^no new pods: it is cordoned' "$L" why node/barn &&
        grep -qx 'it has not reported yet' "$TEST_TMP/said" &&
        gives 1 NotFound "$L" why node/none &&
        gives 2 'only pods and nodes' "$L" why cm/cfg &&
        gives 0 deleted "$L" delete node barn
}

tokens_pin_the_ca() {
    local token id
    token=$("$L" token create --ttl 1h)
    [[ $token =~ ^limpet1\.([a-z0-9]{6})\.([0-9a-f]{64})\.([0-9a-f]{64})$ ]] || return 1
    id=${BASH_REMATCH[1]}
    local secret=${BASH_REMATCH[2]} hash=${BASH_REMATCH[3]}
    [[ $(sha256sum <"$DIR/ca.pem") == "$hash  -" ]] || return 1
    kubectl -n kube-system get secret "bootstrap-token-$id" -o json |
        jq -e --arg s "$secret" --arg i "$id" '.type == "bootstrap.kubernetes.io/token" and
            (.data["token-secret"] | @base64d) == $s and (.data["token-id"] | @base64d) == $i and
            (.data["usage-bootstrap-authentication"] | @base64d) == "true" and
            (.data.expiration | @base64d | fromdate) > (now + 3500) and
            (.data.expiration | @base64d | fromdate) < (now + 3700)' &&
        gives 2 'a minute or more' "$L" token create --ttl 5s
}

foreign_servers_are_refused() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem \
        -subj /CN=other -days 2 2>/dev/null
    sed "s/certificate-authority: ca.pem/certificate-authority-data: $(base64 -w0 other.pem)/" \
        "$DIR/kubeconfig" >"$DIR/foreign" &&
        gives 1 'cannot reach the gateway at https://127.0.0.1:[0-9]+: .*certificate' \
            "$L" --kubeconfig "$DIR/foreign" get pods
}

strangers_are_told() {
    sed '/^users:/s/{client.*}}/{}}/' "$DIR/kubeconfig" >"$DIR/nobody" &&
        gives 1 'Error from server \(Forbidden\): ' "$L" --kubeconfig "$DIR/nobody" get pods
}

exit_codes() {
    gives 2 'no such verb: fly' "$L" fly &&
        gives 2 'unknown option --fly' "$L" get pods --fly &&
        gives 2 'say of what kind' "$L" get &&
        gives 1 "knows no kind 'wings'" "$L" get wings &&
        gives 0 '^Usage: limpet apply' "$L" apply --help &&
        gives 0 '^Usage: limpet VERB' "$L" help && gives 2 '^Usage: limpet VERB' "$L" &&
        gives 1 'cannot write' bash -c "'$L' help >/dev/full"
}

# complete WORDS...: what bash offers for the last word.
complete() {
    # shellcheck disable=SC2016 # bash -c expands them
    env -i PATH="$PATH" HOME=/nowhere KUBECONFIG="$KUBECONFIG" bash -c '
        source <('"$L"' completion bash); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"
        COMP_POINT=${#COMP_LINE}; _limpet; printf "%s\n" "${COMPREPLY[@]}"' _ "$L" "$@" |
        LC_ALL=C sort | tr '\n' ' '
}

words_are_completed() {
    [[ $(complete ap) == "apply " && $(complete get "secre") == "secret/ secrets " ]] &&
        [[ $(complete get pod -n shop w) == "web " ]] &&
        [[ $(complete get pods -o "") == "json name wide yaml " ]] &&
        [[ $(complete wait pod/web -n sh) == "shop " ]] &&
        [[ $(complete get pods --no-h) == "--no-headers " ]] &&
        [[ $(complete why -n shop w) == "web " && $(complete why -n shop pod/w) == "pod/web " ]] &&
        cmp <("$L" completion bash) "$LIMPET_SRC/tools/cli/limpet.bash"
}

delete_waits_until_it_is_gone() {
    gives 0 '^namespace/shop deleted$' "$L" delete -f web.yaml &&
        gives 1 NotFound "$L" get ns shop &&
        gives 1 NotFound "$L" delete pod web -n shop &&
        "$L" delete pod web -n shop --ignore-not-found
}

# A list is larger than one object may be.
large_lists_arrive() {
    local i
    head -c 200000 /dev/zero | tr '\0' x >big
    for i in 1 2 3 4 5 6; do
        jq -n --arg n "big$i" --rawfile big big '{apiVersion: "v1", kind: "ConfigMap",
            metadata: {name: $n, labels: {big: "1"}}, data: {big: $big}}' | "$L" apply -f - || return 1
    done
    [[ $("$L" get cm -l big=1 -o json | wc -c) -gt 1500000 ]] &&
        gives 0 '^configmap/big5 deleted$' "$L" delete cm -l big=1
}

main() {
    cd "$TEST_TMP"
    command -v kubectl jq openssl >/dev/null || { echo "kubectl, jq or openssl is missing"; exit 77; }
    trap stop_server EXIT
    start_server
    export KUBECONFIG=$DIR/kubeconfig HOME=$TEST_TMP
    unset LIMPET_KUBECONFIG
    write_manifests
    local test
    for test in created_then_unchanged removed_fields_go defaults_are_not_declared goes_on_after_kubectl \
        mistakes_are_named_and_nothing_is_sent refused_whole a_namespace_and_what_is_in_it \
        a_large_apply_is_tried_too same_tables_as_kubectl json_is_what_kubectl_prints \
        wait_names_the_reason wait_sees_it_come_and_go watch_shows_changes watch_of_one_shows_it_once \
        logs_are_asked_for why_without_a_node why_a_node_gets_no_pods tokens_pin_the_ca foreign_servers_are_refused \
        strangers_are_told exit_codes words_are_completed delete_waits_until_it_is_gone \
        large_lists_arrive; do
        ok "$test" "$test"
    done
    exit "$FAILED"
}

main "$@"
