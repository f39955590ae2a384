#!/usr/bin/env bash
# timeout: 180
# An image that does not exist, a digest that does not match, a registry that is down, a command that is not there:
# the pod says which, wherever one looks, and is tried again; nothing that runs is disturbed. And manifests with
# mistakes are refused whole, each mistake named.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/lib/registry.sh
. "$here/../lib/registry.sh"

for program in jq openssl mosquitto_rr docker-registry skopeo curl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# ---- a registry ----
registry_up() {
    registry_start gw "127.0.0.1:$REGISTRY_PORT"
    poll 30 curl -sf "http://127.0.0.1:$REGISTRY_PORT/v2/" || stand_fail "docker-registry does not start: $(tail -n 1 "$STAND/registry.log")"
}
push() { skopeo copy -q --dest-tls-verify=false "oci-archive:$TEST_TMP/busybox.tar" "docker://127.0.0.1:$REGISTRY_PORT/$1"; }

# ---- where a reason must stand ----
# says POD PATTERN: in get, describe, why, on the node, and on the bus.
says() {
    local pod=$1 pattern=$2 reason=$3 uid
    within 20 "$pod: get says $reason" matches "^$pod +0/1 +$reason" lp get pods
    within 10 "$pod: why says it" matches "$pattern" lp why "pod/$pod"
    within 5 "$pod: describe says it" matches "$pattern" lp describe "pod/$pod"
    within 5 "$pod: limpetd why says it" matches "$pattern" ld a why "$pod"
    uid=$(lp get pod "$pod" -o json | jq -r .metadata.uid)
    within 5 "$pod: the bus says it" matches "$pattern" \
        bus mosquitto_sub -t "limpet/v1/nodes/$(node_id a)/up/status/$uid" -C 1 -W 2
}
# waiting for an image: the pod with it.
with_image() { pod "$1" | jq --arg image "$2" '.spec.containers[0] |= (.image = $image | .imagePullPolicy = "Always")' | apply >/dev/null; }
tried() { grep -c "pod=default/$1 reason=\(Failed\|ErrImagePull\|BackOff\)" "$STAND/a/agent.log"; }
# no_trace UID: neither a control group nor a run folder.
no_trace() { [[ ! -e $STAND/a/run/pods/$1 && -z $(find /sys/fs/cgroup -type d -path "*/limpet-$ID/a/pod$1*") ]]; }
tried_again() { [[ $(tried "$1") -gt $2 ]]; }

stand_make main
stand_settle_gateway
gw_start
poll 60 lp get namespaces || stand_fail "the gateway does not answer"
node_make a
echo "insecureRegistries: [\"127.0.0.1:$REGISTRY_PORT\"]" >>"$STAND/a/config.yaml"
node_join a
node_start a
poll 60 matches '^a +Ready' lp get nodes || stand_fail "the node does not get ready"
registry_up

pod web | apply >/dev/null
within 10 "a pod runs" running web
BEFORE=$(fingerprint a web)

push good:1 || bad "an image is pushed"
with_image pulled "127.0.0.1:$REGISTRY_PORT/good:1"
within 20 "an image of a registry is pulled and runs" running pulled

# ---- no such image ----
with_image missing "127.0.0.1:$REGISTRY_PORT/nothing:1"
says missing 'nothing.*(not found|unknown|404)|no such image|not (found|there|exist)' '(ErrImagePull|ImagePullBackOff|RegistryUnavailable)'
is "missing: why names the image once" "$(lp why pod/missing | grep -o 'nothing:1' | wc -l)" 1
has "missing: its log says what it waits for" "$(lp logs missing 2>&1)" 'container "main" in pod "missing" is waiting to start: (ErrImagePull|ImagePullBackOff)'
has "missing: on the node too" "$(ld a logs missing 2>&1)" 'container "main" in pod "missing" is waiting to start'
push nothing:1
within 90 "missing: when the image comes it runs, with nobody's help" running missing

# ---- a digest that does not match ----
# A layer that the node does not have, spoilt on its way.
"$LIMPET_SRC/tools/image" --name fresh:1 --add "$0=/fresh" "$(uname -m | sed 's/aarch64/arm64/')" "$STAND/fresh.tar"
skopeo copy -q --dest-tls-verify=false "oci-archive:$STAND/fresh.tar" "docker://127.0.0.1:$REGISTRY_PORT/fresh:1"
digest=$(curl -sfI -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://127.0.0.1:$REGISTRY_PORT/v2/fresh/manifests/1" |
    tr -d '\r' | sed -n 's/^[Dd]ocker-[Cc]ontent-[Dd]igest: //p')
manifest=$(find "$STAND/registry" -path "*${digest#sha256:}/data")
layer=$(jq -r '.layers[-1].digest' "$manifest")
data=$(find "$STAND/registry" -path "*${layer#sha256:}/data")
size=$(stat -c %s "$data")
{ head -c $((size - 8)) "$data"; printf '\0\0\0\0\0\0\0\0'; } >"$STAND/spoilt"
cp "$data" "$STAND/whole"
cp "$STAND/spoilt" "$data"
with_image spoilt "127.0.0.1:$REGISTRY_PORT/fresh:1"
says spoilt 'digest|sha256' '(ErrImagePull|ImagePullBackOff|RegistryUnavailable)'
hasnt "spoilt: nothing of it is on the node" "$(ld a image ls)" 'fresh'
with_image pinned "127.0.0.1:$REGISTRY_PORT/good@sha256:$(printf '%064d' 0)"
within 20 "a digest that nobody has: get says so" matches '^pinned +0/1 +(ErrImagePull|ImagePullBackOff|RegistryUnavailable)' lp get pods
cp "$STAND/whole" "$data"
within 90 "spoilt: when the layer is whole it runs" running spoilt

# ---- the registry is down ----
push unseen:1
registry_stop
with_image copy "127.0.0.1:$REGISTRY_PORT/good:1"
within 20 "registry down: an image that the node has runs, though it should be pulled anew" running copy
with_image down "127.0.0.1:$REGISTRY_PORT/unseen:1"
says down '[Cc]onnect|refused|reach' '(ErrImagePull|ImagePullBackOff|RegistryUnavailable)'
count=$(tried down)
within 60 "down: it is tried again" tried_again down "$count"
within 10 "down: its events are counted" \
    matches '^  Warning +Failed +[0-9a-z]+ \(x[0-9]+ over [0-9a-z]+\) +limpetd ' events_of lp describe pod/down
registry_up
within 90 "down: when the registry is back it runs" running down

# ---- never to be pulled, and not there ----
pod never | jq '.spec.containers[0] |= (.image = "not-loaded:1" | .imagePullPolicy = "Never")' | apply >/dev/null
says never 'not-loaded' '(ErrImageNeverPull|ErrImagePull|ImagePullBackOff)'
ld a image load "$TEST_TMP/busybox.tar" docker.io/library/not-loaded:1 >/dev/null
within 60 "never: when it is loaded it runs" running never

# ---- a name that is none ----
has "an image's name that is none is refused at the door, or told" \
    "$(pod badname | jq '.spec.containers[0].image = "UPPER CASE"' | apply 2>&1; sleep 2; lp why pod/badname 2>&1)" 'UPPER CASE'

# ---- a command that is not there ----
pod command | jq '.spec.containers[0].command = ["/no/such/program"]' | apply >/dev/null
says command '/no/such/program' '(RunContainerError|StartError|CrashLoopBackOff|ContainerCannotRun)'
pod folder | jq '.spec.containers[0].workingDir = "/bin/sh"' | apply >/dev/null
within 20 "a working folder that is none: why says it" matches '/bin/sh|[Dd]irectory' lp why pod/folder

# ---- a sandbox that cannot be set up ----
# A sysctl of the pod's own that does not take its value.
pod sandbox | jq '.spec.securityContext.sysctls = [{name: "net.ipv4.ip_unprivileged_port_start", value: "77777"}]' | apply >/dev/null
says sandbox 'cannot set sysctl net.ipv4.ip_unprivileged_port_start=77777: Invalid argument' FailedCreatePodSandBox
within 5 "sandbox: it is tried again with backoff" matches 'failed [2-9][0-9]* times, next try in' ld a why sandbox
is "sandbox: it is told once" "$(grep -c 'event pod=default/sandbox reason=FailedCreatePodSandBox' "$STAND/a/agent.log")" 1
within 5 "sandbox: nothing of it is left between tries" no_trace "$(lp get pod sandbox -o json | jq -r .metadata.uid)"

# ---- manifests with mistakes ----
cat >"$STAND/wrong.yaml" <<'END'
apiVersion: v1
kind: ConfigMap
metadata:
  name: fine
---
apiVersion: v1
kind: Pod
metadata:
  name: Not_A_Name
spec:
  containers:
  - name: x
    image: busybox
    imagee: y
    ports:
    - containerPort: 70000
  restartPolicy: Sometimes
END
out=$(lp apply -f "$STAND/wrong.yaml" 2>&1)
code=$?
is "a manifest with mistakes: exit code 1" "$code" 1
has "the name, by file, line and path" "$out" 'wrong.yaml:9: .*metadata.name'
has "the unknown field, and what was meant" "$out" 'wrong.yaml:14: .*imagee.*image'
has "the port" "$out" 'wrong.yaml:16: .*containerPort.*1-65535'
has "the policy" "$out" 'wrong.yaml:17: .*restartPolicy'
has "nothing of the file is applied" "$(lp get configmap fine 2>&1)" 'not found'
printf 'a: [b\n' >"$STAND/torn.yaml"
has "a file that is no YAML: file and line" "$(lp apply -f "$STAND/torn.yaml" 2>&1)" 'torn.yaml:[12]'
has "a kind that is none" "$(printf 'apiVersion: v1\nkind: Pood\nmetadata: {name: x}\n' | lp apply -f - 2>&1)" 'Pood'

is "all the while, what ran was not disturbed" "$(fingerprint a web)" "$BEFORE"
registry_stop
conclude
