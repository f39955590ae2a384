#!/usr/bin/env bash
# timeout: 240
# Who may pull what, and from where: Debian's registry with passwords and with tokens, pull secrets, the node's
# registries.yaml with mirrors and certificates. See tools/test.d/scripts.sh for what a test gets.
set -euo pipefail

HERE=$(dirname "$0")
# shellcheck source=tests/system/lib/images.sh
. "$HERE/../lib/images.sh"
PASSWORD=correct-horse-staple # looked for in what must not show it

# secret KEY USER PASSWORD [KEY USER PASSWORD...]: a pull secret; prints its file
secret() {
    local auths='{}' file
    while (($# >= 3)); do
        auths=$(jq -c --arg k "$1" --arg u "$2" --arg p "$3" '.[$k] = {username: $u, password: $p}' <<<"$auths")
        shift 3
    done
    file=$(mktemp "$TEST_TMP/secret.XXXXXX")
    jq -n --argjson a "$auths" '{metadata: {name: "pull"}, type: "kubernetes.io/dockerconfigjson",
        data: {".dockerconfigjson": ({auths: $a} | tojson | @base64)}}' >"$file"
    echo "$file"
}
registries() { # YAML
    REGISTRIES=$(mktemp "$TEST_TMP/registries.XXXXXX")
    cat >"$REGISTRIES"
}
ensure() { driver ensure Always "$@"; }
denied() { fails_with "ErrImagePull image $1: registry " ensure Always "$1" && says "access denied"; }

htpasswd() { # USER PASSWORD: a line for the registry, which takes bcrypt alone
    python3 -W ignore -c 'import crypt, sys
print(sys.argv[1] + ":" + crypt.crypt(sys.argv[2], crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=16)))' "$@"
}

basic() {
    local web owner=$TEST_TMP/htpasswd
    htpasswd robot "$PASSWORD" >"$owner"
    stop_registry
    start_registry "" "auth: {htpasswd: {realm: test, path: $owner}}"
    web=127.0.0.1:$REGISTRY_PORT/web:1
    fresh
    check "a password is wanted" denied "$web"
    SECRET=$(secret "127.0.0.1:$REGISTRY_PORT" robot wrong) check "a wrong one does not do" denied "$web"
    check "... and is not shown" hides wrong
    SECRET=$(secret "other.local" robot "$PASSWORD") check "one for another registry stays at home" denied "$web"
    SECRET=$(secret "127.0.0.1:$REGISTRY_PORT" robot "$PASSWORD") check "a pull secret opens" ensure "$web"
    fresh
    SECRET=$(secret "127.0.0.1:$REGISTRY_PORT/web" robot wrong "127.0.0.1:$REGISTRY_PORT" robot "$PASSWORD") \
        check "where the better match is wrong the next is tried" ensure "$web"
    check "IfNotPresent takes what is there without one" driver ensure IfNotPresent "$web"
    check "Always asks the registry" denied "$web"
    registries <<<"configs: {'127.0.0.1:$REGISTRY_PORT': {auth: {username: robot, password: $PASSWORD}}}"
    REGISTRIES=$REGISTRIES check "the node's own password" ensure "$web"
    registries <<<"configs: {'127.0.0.1:$REGISTRY_PORT': {auth: {user: robot}}}"
    REGISTRIES=$REGISTRIES check "a mistake in registries.yaml is told with its line" \
        fails_with "$REGISTRIES:1: configs.127.0.0.1:$REGISTRY_PORT.auth.user: unknown key" ensure Always "$web"
    REGISTRIES=''
}
hides() { ! says "$1"; }

# The password is nowhere but in memory, while a pull runs and after it.
hidden() {
    local web=127.0.0.1:$REGISTRY_PORT/web:1 file
    file=$(secret "127.0.0.1:$REGISTRY_PORT" robot "$PASSWORD")
    fresh
    SECRET=$file strace -f -v -qq -e trace=execve,write -s 4096 -o "$TEST_TMP/trace" "$DRIVER" "$STORE" "$FETCH" ensure \
        Always "$web" >"$TEST_TMP/out" 2>&1
    check "a traced pull" says "ok $web"
    check "the password is in no argument and no environment, and written to nothing" \
        eval "! grep -qF '$PASSWORD' '$TEST_TMP/trace'"
    check "... nor left on the disk" eval "! grep -rqF '$PASSWORD' '$STORE'"
}

bearer() {
    local port web log=$TEST_TMP/tokens dir=$TEST_TMP/token
    mkdir -p "$dir"
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key" -out "$dir/crt" -subj /CN=tokens -days 2 2>/dev/null
    python3 "$HERE/token_server.py" "$dir/key" "$dir/crt" "$dir/port" "$log" &
    STARTED+=($!)
    wait_for 10 test -e "$dir/port"
    port=$(cat "$dir/port")
    stop_registry
    start_registry "" "auth: {token: {realm: 'http://127.0.0.1:$port/token', service: test, issuer: test, rootcertbundle: $dir/crt}}"
    web=127.0.0.1:$REGISTRY_PORT/web:1
    fresh
    check "a token is wanted" denied "$web"
    SECRET=$(secret "127.0.0.1:$REGISTRY_PORT" holder opener) check "a pull secret gets one" ensure "$web"
    check "... to read this repository alone" grep -qx "holder repository:web:pull 200" "$log"
    check "... once for the whole pull" test "$(grep -c '^holder' "$log")" = 1
    check "who is denied is not given the image that is here" denied "$web"
}

mirrors() {
    local dir=$TEST_TMP/tls mirror
    certificate "$dir" mirror
    stop_registry
    start_registry ", tls: {certificate: $dir/mirror.crt, key: $dir/mirror.key, clientcas: [$dir/ca/ours.crt]}"
    mirror=localhost:$REGISTRY_PORT
    certificate "$dir" node
    fresh
    registries <<-END
		mirrors:
		  reg.invalid: {endpoint: ["https://127.0.0.1:1", "https://$mirror"]}
		configs:
		  "$mirror": {tls: {ca_file: $dir/ca/ours.crt, cert_file: $dir/node.crt, key_file: $dir/node.key}}
	END
    REGISTRIES=$REGISTRIES check "a mirror has the image, behind one that is down" ensure reg.invalid/web:1
    REGISTRIES=$REGISTRIES check "what no mirror has is asked of the registry itself" \
        fails_with "registry reg.invalid: " ensure Always reg.invalid/none:1
    check "... and the mirror's word is told too" says "(before: registry 127.0.0.1:1: "
    registries <<<"mirrors: {reg.invalid: {endpoint: ['https://$mirror']}}"
    fresh
    REGISTRIES=$REGISTRIES check "without its CA it is not believed" fails_with "not trusted" ensure Always reg.invalid/web:1
    registries <<-END
		mirrors: {"*": {endpoint: ["https://$mirror"]}}
		configs: {"$mirror": {tls: {cert_file: $dir/node.crt, key_file: $dir/node.key, insecure_skip_verify: true}}}
	END
    REGISTRIES=$REGISTRIES check "unless that was written down" ensure reg.invalid/web:1
    REGISTRIES=''
}

# Packed anew on its way by skopeo, as newer builders push.
zstd() {
    local web=127.0.0.1:$REGISTRY_PORT/packed:1
    skopeo --insecure-policy copy -q --dest-decompress "oci-archive:$ARCHIVES/plain.tar" "dir:$TEST_TMP/bare"
    skopeo --insecure-policy copy -q --dest-compress --dest-compress-format zstd "dir:$TEST_TMP/bare" "dir:$TEST_TMP/packed"
    skopeo --insecure-policy copy -q --dest-tls-verify=false --preserve-digests "dir:$TEST_TMP/packed" "docker://$web"
    fresh
    check "layers are zstd" test "$(skopeo inspect --raw --tls-verify=false "docker://$web" |
        jq -r '[.layers[].mediaType | select(endswith("+zstd"))] | length')" = 3
    check "an image of zstd layers" ensure "$web"
    check "... is the same, unpacked" test "$(layers_of | sed "s|$STORE/layers/||g")" = "$PLAIN"
}

# ---- bounds

# An archive's image whose manifest asks for more than there is, on a disk of its own.
room() {
    local web=127.0.0.1:$REGISTRY_PORT/large:1 before
    mkdir -p "$TEST_TMP/small"
    mount -t tmpfs -o size=40m limpet-test "$TEST_TMP/small"
    STORE=$TEST_TMP/small/store
    check "an image that does not fit is refused" fails_with "no room: " ensure Always "$web"
    check "... before its first byte" test -z "$(find "$STORE/partial" -type f)"
    STORE=$TEST_TMP/store
    umount "$TEST_TMP/small"
}
unmount_small() { ! mountpoint -q "$TEST_TMP/small" || umount "$TEST_TMP/small"; }
AT_END=unmount_small

# The line is left to others: 1 MB at 400 kB a second for both pulls together.
rate() {
    local web=127.0.0.1:$REGISTRY_PORT/half:1 from took
    fresh
    from=${EPOCHREALTIME/./}
    RATE=400000 check "a pull at a bounded rate" ensure "$web"
    took=$(((${EPOCHREALTIME/./} - from) / 1000))
    check "... takes its time ($took ms)" test "$took" -ge 3000
}

main() {
    local need
    for need in docker-registry skopeo jq python3 openssl strace; do
        command -v "$need" >/dev/null || skip "$need is not installed"
    done
    [[ $EUID -eq 0 ]] || skip "not run as root"
    FETCH=$(realpath "$FETCH")
    mkdir -p "$ARCHIVES" "$TEST_TMP/host"
    python3 "$HERE/../image/make_images.py" "$ARCHIVES" "$TEST_TMP/host" plain large half
    start_registry
    push plain web:1
    push large large:1
    push half half:1
    check "a plain image" ensure "127.0.0.1:$REGISTRY_PORT/web:1"
    PLAIN=$(layers_of | sed "s|$STORE/layers/||g")
    zstd
    room
    rate
    basic
    hidden
    bearer
    mirrors
    exit "$FAILED"
}

main
