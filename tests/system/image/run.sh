#!/usr/bin/env bash
# timeout: 240
# Images on the node: pulled from a registry no one here wrote, loaded from files, shared, verified; hostile
# ones refused, with the host left as it was. See tools/test.d/scripts.sh for what a test gets.
set -euo pipefail

HERE=$(dirname "$0")
HOST=$TEST_TMP/host
# shellcheck source=tests/system/lib/images.sh
. "$HERE/../lib/images.sh"

# shellcheck disable=SC2317
unmount_all() {
    local dir
    for dir in "$TEST_TMP/merged" "$TEST_TMP/small"; do
        ! mountpoint -q "$dir" || umount "$dir"
    done
}
AT_END=unmount_all

# ---- what overlayfs makes of the layers

mount_image() {
    mkdir -p "$TEST_TMP/merged"
    mount -t overlay overlay -o "ro,lowerdir=$(layers_of)" "$TEST_TMP/merged"
}

is() { # FORMAT PATH EXPECTED
    local got
    got=$(stat -c "$1" "$TEST_TMP/merged/$2")
    [[ $got == "$3" ]] || { echo "$2: $got, not $3"; return 1; }
}
has() { [[ $(cat "$TEST_TMP/merged/$1") == "$2" ]] || { echo "$1 differs"; return 1; }; }
lacks() { [[ ! -e $TEST_TMP/merged/$1 && ! -L $TEST_TMP/merged/$1 ]] || { echo "$1 is there"; return 1; }; }

content_is_right() {
    has etc/motd new && has etc/motd2 new && has etc/keep keep && has opt/c c && has again/new new &&
        has etc/ünï utf8 && has deep/er/file deep && has "long/$(printf 'n%.0s' {1..200})" long
}
whiteouts_are_right() {
    lacks opt/a && lacks opt/b && lacks gone && lacks again/old && lacks etc/.wh.motd &&
        lacks opt/.wh..wh..opq
}
meta_is_right() {
    is '%a %u %g' bin/tool '4755 7 8' && is '%F' fifo fifo && is '%a' etc/motd 600 &&
        is '%h %i' bin/tool "2 $(stat -c %i "$TEST_TMP/merged/bin/again")" &&
        is '%N' bin/sh "'$TEST_TMP/merged/bin/sh' -> '/bin/tool'" && is '%a' tmp 1777 && is '%a' deep 755 &&
        [[ $(python3 -c 'import os, sys; print(os.getxattr(sys.argv[1], "user.colour").decode())' \
            "$TEST_TMP/merged/etc/attr") == blue ]]
}

# ---- groups

pulls() {
    local web=127.0.0.1:$REGISTRY_PORT/web digest first
    push plain web:1
    check "a pull by tag" driver ensure IfNotPresent "$web:1"
    first=$(layers_of)
    digest=$(awk '{ print $3; exit }' "$TEST_TMP/out")
    mount_image
    check "files of the image" content_is_right
    check "whiteouts and opaque folders hide what they should" whiteouts_are_right
    check "modes, owners, links and attributes" meta_is_right
    umount "$TEST_TMP/merged"
    check "a pull by digest" driver ensure Always "$web@$digest"
    check "... has the same layers" test "$(layers_of)" == "$first"
    check "layers are shared" test "$(layer_count)" == 3
    check "two names at once, one of them twice" driver ensure Always "$web:1" "$web:1" "$web@$digest"
    check "a missing tag says not found" fails_with "not found" ensure IfNotPresent "$web:none"
    check "... with the reason ErrImagePull" says "ErrImagePull image $web:none"
    check "a missing repository says not found" fails_with "not found" ensure IfNotPresent \
        "127.0.0.1:$REGISTRY_PORT/none:1"
    check "never to be pulled" fails_with "ErrImageNeverPull" ensure Never "127.0.0.1:$REGISTRY_PORT/none:1"
    check "a name that is none" fails_with "InvalidImageName" ensure Always "Web:1"
    check "nothing is left of a pull" nothing_left
}

# Of an index the image for this machine, from a registry and from an archive; of the others not a byte.
indexes() {
    local several=127.0.0.1:$REGISTRY_PORT/several:1 mine
    mine=$(uname -m | sed 's|x86_64|linux/amd64|; s|aarch64|linux/arm64/v8|')
    of_mine() { [[ $(cat "$(layers_of)/etc/which") == "$mine" ]]; }
    fresh
    push several several:1 --all
    check "an index" driver ensure Always "$several"
    check "... gives the image for this machine" of_mine
    check "... and no other" test "$(layer_count)" == 1
    fresh
    check "an archive with an index" load "$ARCHIVES/several.tar"
    check "... is loaded" driver ensure Never test.local/several:1
    check "... for this machine" of_mine
    push others others:1 --all
    check "one that has none for it" fails_with "there is no image for ${mine%/v8}" ensure Always \
        "127.0.0.1:$REGISTRY_PORT/others:1"
    check "... says which there are" says "there is windows/amd64, linux/s390x"
    fresh
}

# The image that its tag names now.
moved_tag() {
    local web=127.0.0.1:$REGISTRY_PORT/web
    push second web:1
    check "IfNotPresent keeps what there is" driver ensure IfNotPresent "$web:1"
    check "... three layers" test "$(layers_of | tr ':' '\n' | wc -l)" == 3
    check "Always takes the newer" driver ensure Always "$web:1"
    check "... one layer" test "$(layers_of | tr ':' '\n' | wc -l)" == 1
    push plain web:1
}

# The gzip header of a layer gets another time: its content unpacks to the same, but it is not what was pushed.
corrupt_blob() {
    local web=127.0.0.1:$REGISTRY_PORT/web file
    fresh
    file=$(find "$TEST_TMP/registry" -path '*/blobs/sha256/*' -name data -size +200c -printf '%s %p\n' | sort -n |
        while read -r _ f; do
            [[ $(head -c 2 "$f" | od -An -tx1) != " 1f 8b" ]] || echo "$f"
        done | tail -n 1)
    cp "$file" "$TEST_TMP/good"
    printf '\x07' | dd of="$file" bs=1 seek=4 conv=notrunc status=none
    check "a corrupt blob is refused" fails_with "digest mismatch" ensure Always "$web:1"
    check "... and not kept for resuming" test -z "$(find "$STORE/partial" -type f -size +0)"
    cp "$TEST_TMP/good" "$file"
    check "... and the next pull of the right one works" driver ensure Always "$web:1"
}

down() {
    local web=127.0.0.1:$REGISTRY_PORT/web
    stop_registry
    check "a registry that is down" fails_with "RegistryUnavailable image $web:other: registry 127.0.0.1:$REGISTRY_PORT" \
        ensure Always "$web:other"
    check "a cached image runs all the same" driver ensure Always "$web:1"
}

# The same registry behind TLS, with a certificate that only our own CA vouches for.
tls() {
    local dir=$TEST_TMP/tls web
    certificate "$dir" tls
    start_registry ", tls: {certificate: $dir/tls.crt, key: $dir/tls.key}"
    web=localhost:$REGISTRY_PORT/web
    fresh
    check "a certificate nobody vouches for" fails_with "RegistryUnavailable" ensure Always "$web:1"
    check "... says so" says certificate
    CA_DIR=$dir/ca check "one of our own CA" driver ensure Always "$web:1"
    stop_registry
}

torn() {
    local web=127.0.0.1:$REGISTRY_PORT/web layer
    driver ensure IfNotPresent "$web:1"
    layer=$(layers_of)
    layer=${layer%%:*}
    rm "$layer.json"
    check "a layer without its record is not trusted" fails_with RegistryUnavailable ensure IfNotPresent "$web:1"
    fresh
    load "$ARCHIVES/plain.tar"
    check "an image whose manifest has a flipped bit" driver ensure Never test.local/plain:1
    for file in "$STORE"/manifests/*; do
        printf ' ' >>"$file"
    done
    check "... is not trusted" fails_with ErrImageNeverPull ensure Never test.local/plain:1
    check "... until it is loaded again" load "$ARCHIVES/plain.tar"
    check "... and then is" driver ensure Never test.local/plain:1
}

archives() {
    fresh
    check "an OCI archive" load "$ARCHIVES/plain.tar"
    check "... under the name it has" driver ensure Never test.local/plain:1
    check "... and another" load "$ARCHIVES/plain.tar" other.local/name:3
    check "... which is the same image" driver ensure Never other.local/name:3
    check "... not twice on disk" test "$(layer_count)" == 3
    skopeo --insecure-policy copy -q "oci-archive:$ARCHIVES/plain.tar" "oci-archive:$TEST_TMP/bare.tar:latest"
    check "one that does not name its image is refused" load_fails_with "give a reference" "$TEST_TMP/bare.tar"
    fresh
    mkdir -p "$STORE"
    cp "$ARCHIVES/plain.tar" "$STORE/"
    cp "$ARCHIVES/dotdot.tar" "$STORE/"
    check "archives in the store's folder are loaded" driver ensure Never test.local/plain:1
    check "... once" test -n "$(ls "$STORE/loaded")"
    rm "$STORE/dotdot.tar"
    check "their images stay while they do" driver prune
    check "... with their layers" test "$(layer_count)" == 3
    mv "$STORE/plain.tar" "$STORE/plain.kept"
    check "an image whose archive is gone is removed" driver prune
    check "... with its layers" test "$(layer_count)" == 0
    mv "$STORE/plain.kept" "$STORE/plain.tar"
    check "... and loaded again when it is wanted" driver ensure Never test.local/plain:1
}

prunes() {
    fresh
    load "$ARCHIVES/plain.tar" && load "$ARCHIVES/second.tar"
    check "an image that is held stays" driver prune test.local/plain:1
    check "... whole" driver ensure Never test.local/plain:1
    check "... and the other is gone" fails_with ErrImageNeverPull ensure Never test.local/second:1
}

# host_state: everything a hostile layer could have touched.
host_state() {
    find "$HOST" -printf '%p %y %m %U %G %s %l %T@\n' | sort
    python3 -c 'import os, sys
for path in sys.argv[1:]: print(path, sorted(os.listxattr(path)))' "$HOST" "$HOST/sentinel"
    ls -la "$TEST_TMP/.." | grep -c escape || true
}

hostile() {
    local before case refused=(dotdot dotdot-inside hard-dotdot hard-host hard-through-link whiteout-dotdot
        whiteout-parent whiteout-self whiteout-nothing root-link owner-overflow owner-minus too-deep long-name
        size-lie pax-size-lie sparse-lie bomb-zstd zstd-window no-tar wrong-diff-id truncated bomb ambiguous schema1 bad-digest foreign size-differs oversize
        other-machine volume link-opaque)
    local taken=(absolute link-escape link-dotdot link-whiteout link-mode replaced devices attributes empty twice)
    before=$(host_state)
    for case in "${refused[@]}"; do
        fresh
        check "refused: $case" load_fails_with "\"error\":\"$ARCHIVES/$case.tar: " "$ARCHIVES/$case.tar"
        check "... and nothing of it stays" nothing_of_it
    done
    for case in "${taken[@]}"; do
        fresh
        check "harmless: $case" load "$ARCHIVES/$case.tar"
    done
    check "the host is untouched" test "$(host_state)" == "$before"
    check "no file of the root was made" test ! -e /etc/absolute -a ! -e /escape
}
nothing_of_it() { nothing_left && [[ $(layer_count) -eq 0 && -z $(ls "$STORE/refs") ]]; }

specials() {
    fresh
    load "$ARCHIVES/devices.tar"
    check "devices are left out" test -z "$(find "$STORE/layers" -type b -o -type c)"
    fresh
    load "$ARCHIVES/attributes.tar"
    check "only attributes that mean no harm" attributes_are_right
    fresh
    load "$ARCHIVES/twice.tar"
    driver ensure Never test.local/twice:1
    mount_image
    check "an image with one layer twice mounts" has x 1
    umount "$TEST_TMP/merged"
    mkdir -p "$TEST_TMP/small"
    mount -t tmpfs -o size=256m,nr_inodes=3000 limpet-test "$TEST_TMP/small"
    STORE=$TEST_TMP/small/store
    check "a layer of too many files" load_fails_with "files" "$ARCHIVES/inodes.tar"
    check "... leaves nothing" nothing_of_it
    STORE=$TEST_TMP/store
    umount "$TEST_TMP/small"
}
attributes_are_right() {
    python3 - "$(find "$STORE/layers" -name a -path '*/etc/a')" <<-'END'
		import os, sys
		names = sorted(os.listxattr(sys.argv[1]))
		assert names == ["user.fine"], names
	END
}

odd() {
    local case web log=$TEST_TMP/odd.log other
    python3 "$HERE/odd_registry.py" "$ARCHIVES/plain.tar" "$TEST_TMP/ports" "$log" &
    STARTED+=($!)
    wait_for 10 test -e "$TEST_TMP/ports"
    read -r web other <"$TEST_TMP/ports"
    web=127.0.0.1:$web
    for case in auth redirect broken no-range expiring; do
        fresh
        check "a registry with $case" driver ensure Always "$web/$case/web:1"
    done
    echo "configs: {'$web': {auth: {username: u, password: p}}}" >"$TEST_TMP/registries.yaml"
    fresh
    REGISTRIES=$TEST_TMP/registries.yaml check "a registry with a password and redirects" driver ensure Always \
        "$web/basic-redirect/web:1"
    check "no token and no password goes to another host" no_token_elsewhere "$log" "$other"
    check "a token that ends in the middle of a layer is renewed" test "$(grep -c "/token/expiring" "$log")" -ge 2
    check "... and the layer carried on with" grep -q "expiring/web/blobs.*range=bytes=[1-9]" "$log"
    check "a broken download carries on where it stopped" grep -q "broken/web/blobs.*range=bytes=[1-9]" "$log"
    fresh
    check "a blob that differs" fails_with "digest mismatch" ensure Always "$web/flipped/web:1"
    check "a blob that is longer than it should be" fails_with "more than" ensure Always "$web/longer/web:1"
    check "a blob that always ends early" fails_with "RegistryUnavailable" ensure Always "$web/short/web:1"
    check "a manifest of megabytes" fails_with "longer than" ensure Always "$web/big/web:1"
    check "a manifest under the wrong type" fails_with "ambiguous" ensure Always "$web/type/web:1"
    check "another manifest than the digest says" fails_with "digest mismatch" ensure Always \
        "$web/other/web@$(manifest_digest)"
    check "a redirect to plain http" fails_with "plain http" ensure Always "$web/redirect-out/web:1"
    check "redirects without end" fails_with "too many redirects" ensure Always "$web/loop/web:1"
    check "a token server that is not https" fails_with "not https" ensure Always "$web/evil-realm/web:1"
    check "a registry that wants a password" fails_with "access denied" ensure Always "$web/basic/web:1"
    check "a registry that denies" fails_with "access denied" ensure Always "$web/denied/web:1"
    check "a registry that is busy" fails_with "RegistryUnavailable" ensure Always "$web/busy/web:1"
    check "nothing is left of them" nothing_of_it
    killed "$web" "$log"
}
manifest_digest() { tar xOf "$ARCHIVES/plain.tar" index.json | jq -r '.manifests[0].digest'; }
no_token_elsewhere() { # LOG PORT
    grep -q "^$2 /elsewhere/.*authorization=None" "$1" && ! grep "^$2 " "$1" | grep -v "authorization=None"
}

# A fetch killed in the middle of a layer; then one whose caller goes away.
killed() {
    local web=$1 log=$2 pid
    fresh
    job pull "$web/slow/web:1" | "$FETCH" >"$TEST_TMP/out" 2>&1 &
    pid=$!
    wait_for 20 partial_has_bytes
    check "it goes first when memory is short" [ "$(oom_scores "$pid")" = 500 ]
    kill -9 "$pid"
    wait "$pid" 2>/dev/null || true
    check "killed in the middle: no layer, no image" nothing_of_it
    check "... no process is left" wait_for 5 no_fetch_left
    check "the next pull works" driver ensure Always "$web/slow/web:1"
    check "... from where it stopped" grep -q "slow/web/blobs.*range=bytes=[1-9]" "$log"
    check "... and leaves nothing" nothing_left
    fresh
    check "a pull that is cancelled" driver cancel 300 "$web/slow/web:1"
    check "... leaves no image" nothing_of_it
    check "... and no process" wait_for 5 no_fetch_left
}
oom_scores() { # PID: its own and its children's
    local p
    for p in "$1" $(pgrep -P "$1"); do cat "/proc/$p/oom_score_adj"; done | sort -u
}
partial_has_bytes() { [[ -n $(find "$STORE/partial" -type f -size +0 2>/dev/null) ]]; }
no_fetch_left() {
    local p
    for p in /proc/[0-9]*; do
        [[ $(readlink "$p/exe" 2>/dev/null) != "$FETCH" ]] || return 1
    done
}

main() {
    local need
    for need in docker-registry skopeo jq python3 openssl zstd; do
        command -v "$need" >/dev/null || skip "$need is not installed"
    done
    [[ $EUID -eq 0 ]] || skip "not run as root"
    FETCH=$(realpath "$FETCH")
    mkdir -p "$HOST" "$ARCHIVES"
    echo s >"$HOST/sentinel"
    python3 "$HERE/make_images.py" "$ARCHIVES" "$HOST"
    start_registry
    indexes
    pulls
    moved_tag
    corrupt_blob
    down
    torn
    tls
    archives
    prunes
    hostile
    specials
    odd
    exit "$FAILED"
}

main
