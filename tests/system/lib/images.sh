# shellcheck shell=bash
# shellcheck disable=SC2034 # what scripts use
# The image store and limpet-fetch for system tests, without an agent: image-driver, Debian's registry, archives.
# Sourced, never run; bash. AT_END may name a function that the test's end runs.

FETCH=$LIMPET_BUILD/limpet-fetch
DRIVER=$LIMPET_BUILD/image-driver
STORE=$TEST_TMP/store
ARCHIVES=$TEST_TMP/archives
FAILED=0
STARTED=()

skip() {
    echo "$1"
    exit 77
}

# shellcheck disable=SC2317
cleanup() {
    local pid
    for pid in "${STARTED[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    ${AT_END:-true}
}
trap cleanup EXIT

# check NAME COMMAND...
check() {
    local name=$1
    shift
    if "$@" >"$TEST_TMP/check.log" 2>&1; then
        echo "ok - $name"
    else
        echo "not ok - $name"
        sed 's/^/  | /' "$TEST_TMP/check.log" "$TEST_TMP/out" 2>/dev/null || true
        FAILED=1
    fi
}

# driver VERB...: its output is in $TEST_TMP/out
driver() {
    INSECURE="${INSECURE:-}" CA_DIR="${CA_DIR:-}" REGISTRIES="${REGISTRIES:-}" SECRET="${SECRET:-}" \
        RATE="${RATE:-}" "$DRIVER" "$STORE" "$FETCH" "$@" >"$TEST_TMP/out" 2>&1
}
says() { grep -qF -- "$1" "$TEST_TMP/out"; }
fails_with() { # TEXT VERB...
    local text=$1
    shift
    ! driver "$@" && says "$text"
}
job() { jq -nc --arg verb "$1" --arg root "$STORE" --arg reference "$2" --arg file "${3:-}" '$ARGS.named'; }
load() { job load "${2:-}" "$1" | "$FETCH" >"$TEST_TMP/out" 2>&1; }
load_fails_with() { # TEXT FILE
    ! load "$2" && says "$1"
}
layers_of() { awk '$1 == "ok" { print $4; exit }' "$TEST_TMP/out"; }
layer_count() { find "$STORE/layers" -mindepth 1 -maxdepth 1 -type d | wc -l; }
nothing_left() { [[ -z $(ls -A "$STORE/tmp") ]]; }
fresh() { rm -rf --one-file-system "$STORE"; }

wait_for() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.05
    done
}

answers() { (exec 9<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# start_registry [MORE HTTP SETTINGS [MORE SETTINGS]]: Debian's, at $REGISTRY_PORT, with what lies in its folder.
start_registry() {
    local ports # kept open: the port is ours
    exec {ports}< <(exec env -i "$LIMPET_BUILD/test-ports" 1)
    read -r REGISTRY_PORT <&"$ports"
    mkdir -p "$TEST_TMP/registry"
    cat >"$TEST_TMP/registry.yml" <<-END
		version: 0.1
		log: {level: error, accesslog: {disabled: true}}
		storage: {filesystem: {rootdirectory: $TEST_TMP/registry}}
		http: {addr: "127.0.0.1:$REGISTRY_PORT"${1:-}}
		${2:-}
	END
    docker-registry serve "$TEST_TMP/registry.yml" >"$TEST_TMP/registry.log" 2>&1 &
    REGISTRY_PID=$!
    STARTED+=("$REGISTRY_PID")
    wait_for 30 answers "$REGISTRY_PORT"
}
stop_registry() {
    kill "$REGISTRY_PID"
    wait "$REGISTRY_PID" 2>/dev/null || true
}

push() { # CASE NAME [OPTION OF SKOPEO...]
    skopeo --insecure-policy copy -q "${@:3}" --dest-tls-verify=false "oci-archive:$ARCHIVES/$1.tar" \
        "docker://127.0.0.1:$REGISTRY_PORT/$2"
}

# certificate FOLDER NAME [SUBJECT ALTERNATIVE NAME]: a CA in FOLDER/ca/ours.crt, and FOLDER/NAME.crt and .key of it.
certificate() {
    local dir=$1 name=$2
    mkdir -p "$dir/ca"
    [[ -e $dir/ca/ours.crt ]] ||
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/ca.key" \
            -out "$dir/ca/ours.crt" -subj "/CN=test CA" -days 2 2>/dev/null
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$dir/$name.key" \
        -out "$dir/$name.csr" -subj "/CN=$name" 2>/dev/null
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca/ours.crt" -CAkey "$dir/ca.key" -CAcreateserial \
        -out "$dir/$name.crt" -days 2 -extfile <(echo "subjectAltName=DNS:${3:-localhost}") 2>/dev/null
}
