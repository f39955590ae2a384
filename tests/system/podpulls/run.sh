#!/usr/bin/env bash
# guest-long: --memory 768
# timeout: 200
# A pod's pull from end to end: its secrets go from the gateway to the node, sealed; a ServiceAccount's are its pods';
# what the pull says of itself is seen in events, in `get pods` and by the node's own words.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/lib/registry.sh
. "$here/../lib/registry.sh"
for program in docker-registry skopeo jq python3 openssl; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

PASSWORD=correct-horse-staple
machine=$(uname -m | sed 's/aarch64/arm64/')
# make_image NAME TEXT: an archive in $STAND with a layer of its own, in which /mark says TEXT.
make_image() {
    printf '%s' "$2" >"$STAND/mark"
    "$LIMPET_SRC/tools/image" --name "$1" --add "$STAND/mark=/mark" "$machine" "$STAND/${1%:*}.tar" >/dev/null
}
push() { # NAME
    skopeo --insecure-policy copy -q --dest-tls-verify=false --dest-creds "robot:$PASSWORD" \
        "oci-archive:$STAND/${1%:*}.tar" "docker://127.0.0.1:$REGISTRY_PORT/$1"
}
# secret NAME PASSWORD
secret() {
    jq -n --arg name "$1" --arg key "127.0.0.1:$REGISTRY_PORT" --arg p "$2" '{apiVersion: "v1", kind: "Secret",
        metadata: {name: $name}, type: "kubernetes.io/dockerconfigjson",
        stringData: {".dockerconfigjson": ({auths: {($key): {username: "robot", password: $p}}} | tojson)}}'
}
# with_image NAME IMAGE [SECRET...]: a pod that is to pull it anew.
with_image() {
    local name=$1 image=$2
    shift 2
    pod "$name" | jq --arg image "$image" '.spec.containers[0] |= (.image = $image | .imagePullPolicy = "Always")
        | .spec.imagePullSecrets = [$ARGS.positional[] | {name: .}]' --args "$@"
}
events() { events_of lp describe "pod/$1"; }
row() { lp get pods --no-headers | awk -v pod="$1" '$1 == pod { print $3 }'; }

stand_up main a
make_image closed:1 closed
python3 -W ignore -c 'import crypt, sys
print("robot:" + crypt.crypt(sys.argv[1], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' "$PASSWORD" >"$STAND/htpasswd"
registry_start a "127.0.0.1:$REGISTRY_PORT" "auth: {htpasswd: {realm: test, path: $STAND/htpasswd}}"
poll 20 push closed:1 || stand_fail "nothing can be pushed"
image=127.0.0.1:$REGISTRY_PORT/closed:1

# ---- secrets ----
with_image without "$image" | apply >/dev/null
within 20 "without a secret it is denied" matches 'access denied' lp describe pod/without
has "... and waits" "$(row without)" '^(ErrImagePull|ImagePullBackOff)$'
secret wrong guessed | apply >/dev/null
with_image wrong "$image" wrong missing | apply >/dev/null
within 20 "a wrong password is denied" matches 'access denied' lp describe pod/wrong
within 10 "a secret that is not there is told" matches \
    'FailedToRetrieveImagePullSecret .*Unable to retrieve some image pull secrets \(missing\)' events wrong
secret right "$PASSWORD" | apply >/dev/null
with_image web "$image" right | apply >/dev/null
within 30 "the pod's secret opens" running web
within 10 "it says that it pulls" matches "Pulling .*Pulling image \"$image\"" events web
within 10 "... and what has come" matches \
    "Pulled .*Successfully pulled image \"$image\" in [0-9.]+s \([0-9.]+s including waiting\)\. Image size: [0-9]+ bytes\." events web
jq -n '{apiVersion: "v1", kind: "ServiceAccount", metadata: {name: "puller"}, imagePullSecrets: [{name: "right"}]}' |
    apply >/dev/null
with_image robot "$image" | jq 'del(.spec.imagePullSecrets) | .spec.serviceAccountName = "puller"' | apply >/dev/null
within 30 "its ServiceAccount's is the pod's" running robot
with_image present "$image" | jq '.spec.containers[0].imagePullPolicy = "IfNotPresent"' | apply >/dev/null
within 20 "IfNotPresent takes what is here without one" running present
within 10 "... and says so" matches "Pulled .*Container image \"$image\" already present on machine" events present
hasnt "the password is in no file of the node, and in no log" \
    "$(grep -rlF "$PASSWORD" "$STAND/a" 2>/dev/null; grep -rlF "$(printf 'robot:%s' "$PASSWORD" | base64)" "$STAND/a")" .
hasnt "nor is it told" "$(lp describe pods; lp get events)" "$PASSWORD|guessed"
secret wrong "$PASSWORD" | apply >/dev/null
within 60 "when the secret is right the pod runs" running wrong

# ---- before anybody needs it ----
make_image early:1 early
push early:1
early=127.0.0.1:$REGISTRY_PORT/early:1
has "without a password nothing is pulled by hand" "$(ld a image pull "$early" 2>&1)" 'access denied'
echo "configs: {'127.0.0.1:$REGISTRY_PORT': {auth: {username: robot, password: $PASSWORD}}}" >"$STAND/a/registries.yaml"
is "with the node's own it is" "$(ld a image pull "$early" 2>&1)" "pulled $early"
rm "$STAND/a/registries.yaml"
with_image early "$early" | jq '.spec.containers[0].imagePullPolicy = "Never"' | apply >/dev/null
within 20 "a pod runs from it that pulls nothing" running early

# ---- a layer that rots on the medium ----
check() { ld a image check -o json | jq -c '[[.bad[] | .kept], .unknown]'; }
layer=$(dirname "$(grep -l '^early' "$STAND"/a/state/images/layers/*/mark)")
is "all layers are as they were unpacked" "$(check)" '[[],0]'
printf E | dd of="$layer/mark" conv=notrunc status=none
out=$(ld a image check 2>&1)
is "one that is not is found" $? 1
has "... but a pod runs from it" "$out" "^layer sha256:${layer##*/}: it is not what was unpacked: kept: it is in use"
is "... and goes on" "$(ld a exec early -- cat /mark)" Early
lp delete pod/early >/dev/null
within 20 "without the pod it is thrown away" equals '[[false],0]' check
with_image anew "$early" right | jq '.spec.containers[0].imagePullPolicy = "IfNotPresent"' | apply >/dev/null
within 30 "who wants it fetches it again" running anew
is "... as it was" "$(ld a exec anew -- cat /mark)" early
is "all is well again" "$(check)" '[[],0]'

# ---- how far it has come ----
make_image slow:1 "$(head -c 60000 /dev/urandom | base64 -w0)"
daemon "$STAND/odd.pid" "$STAND/odd.out" a python3 "$here/../image/odd_registry.py" "$STAND/slow.tar" "$STAND/odd" \
    "$STAND/odd.log"
poll 10 test -e "$STAND/odd" || stand_fail "no slow registry: $(cat "$STAND/odd.out")"
read -r port _ <"$STAND/odd"
with_image slow "127.0.0.1:$port/slow/web:1" | apply >/dev/null
within 30 "how far it has come is in get pods" matches '^slow +0/1 +Pulling:[0-9]+% ' lp get pods
has "... in describe" "$(lp describe pod/slow)" '[0-9]+% of 0\.[0-9] MB'
has "... in why" "$(lp why pod/slow)" 'is being pulled: [0-9]+% of 0\.[0-9] MB'
has "... and on the node" "$(ld a ps)" 'Pulling:[0-9]+%'
node_kill a
node_start a
within 10 "the agent is back" runs_on a web
within 20 "after that the pull goes on where it was" grep -Eq 'slow/web/blobs.*range=bytes=[1-9]' "$STAND/odd.log"
lp delete pod/slow >/dev/null 2>&1
within 20 "who goes before it has come leaves no pull behind" fails pgrep -P "$(node_pid a)" -x limpet-fetch
for file in registry odd; do end_pid "$(cat "$STAND/$file.pid")" TERM; done
conclude
