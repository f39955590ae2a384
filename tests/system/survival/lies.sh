# shellcheck shell=bash
# Desired state that is forged, older, empty, torn or for somebody else, published by one who owns the broker.
# Sourced by run.sh.

lies() {
    local topic good old before generation case
    topic=limpet/v1/nodes/$(node_id a)/down/desired
    old=$STAND/index.old good=$STAND/index.good
    bus mosquitto_sub -t "$topic" -C 1 -W 5 -N >"$old"
    pod new | jq '.spec.nodeName = "a"' | apply >/dev/null
    within 15 "one more pod runs" running new
    bus mosquitto_sub -t "$topic" -C 1 -W 5 -N >"$good"
    is "the index has moved on" "$(cmp -s "$old" "$good" && echo same)" ""
    before=$(fingerprint a web)$(fingerprint a flaky)$(fingerprint a new)
    controller_kill # who would put it right at once

    mkdir -p "$STAND/lies"
    : >"$STAND/lies/empty"
    echo '{}' >"$STAND/lies/nothing"
    cp "$old" "$STAND/lies/older"
    head -c $(($(stat -c %s "$good") / 2)) "$good" >"$STAND/lies/torn"
    bus mosquitto_sub -t "limpet/v1/nodes/$(node_id b)/down/desired" -C 1 -W 5 -N >"$STAND/lies/of-another-node"
    # Bodies that were changed under the proof they had; proofs that were changed or taken away; a key of one's own.
    openssl ecparam -name prime256v1 -genkey -noout -out "$STAND/own.key" 2>/dev/null
    python3 - "$good" "$STAND/lies" "$STAND/own.key" <<'END'
import base64, json, subprocess, sys
good = open(sys.argv[1], 'rb').read()
body, proof = good.splitlines()
def put(name, data): open(f'{sys.argv[2]}/{name}', 'wb').write(data)
def changed(**keys): return json.dumps({**json.loads(body), **keys}, separators=(',', ':')).encode()
generation = json.loads(body)['generation']
raised = changed(generation=generation + 1)
put('generation-raised', raised + b'\n' + proof + b'\n')
put('epoch-raised', changed(epoch=2, generation=1) + b'\n' + proof + b'\n')
put('nothing-listed', changed(generation=generation + 1, manifests=[]) + b'\n' + proof + b'\n')
put('other-node-named', changed(node='b.00000000') + b'\n' + proof + b'\n')
put('no-proof', raised + b'\n')
put('no-signature', raised + b'\n{"alg":"none","path":[],"sig":""}\n')
sign = subprocess.run(['openssl', 'dgst', '-sha256', '-sign', sys.argv[3]], input=raised, capture_output=True).stdout
own = json.dumps({'alg': 'ES256', 'path': [], 'sig': base64.b64encode(sign).decode()}, separators=(',', ':'))
put('own-key', raised + b'\n' + own.encode() + b'\n')
flipped = bytearray(good)
flipped[len(body) // 2] ^= 1
put('a-bit-flipped', bytes(flipped))
put('noise', bytes(range(256)) * 64)
put('much-noise', b'[' * 1000000)
END
    generation=$(grep -c 'desired state committed' "$STAND/a/agent.log")
    for case in "$STAND"/lies/*; do
        if [[ -s $case ]]; then
            bus mosquitto_pub -t "$topic" -r -q 1 -f "$case"
        else
            bus mosquitto_pub -t "$topic" -r -q 1 -n
        fi
        sleep 0.4
        is "index ${case##*/}: nothing changes" "$(fingerprint a web)$(fingerprint a flaky)$(fingerprint a new)" "$before"
    done
    is "none was committed" "$(grep -c 'desired state committed' "$STAND/a/agent.log")" "$generation"
    # The agent starts with the last of them retained.
    node_kill a
    node_start a
    within 5 "with a lie retained, a restarted agent keeps its pods" runs_on a new
    sleep 1
    is "and touches none" "$(fingerprint a web)$(fingerprint a flaky)$(fingerprint a new)" "$before"
    node_kill a
    gw_start
    node_start a
    poll 20 lp get namespaces
    within 10 "the controller puts it right" index_good "$topic"
    pod after | apply >/dev/null
    within 15 "and goes on from there" running after
    lp delete pod/new pod/after >/dev/null 2>&1
}
index_good() { bus mosquitto_sub -t "$1" -C 1 -W 2 -N 2>/dev/null | grep -q '"generation"'; }
