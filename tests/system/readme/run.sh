#!/usr/bin/env bash
# timeout: 90
# The first deployment of README.md, line by line.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"

for program in jq openssl mosquitto_rr; do
    command -v "$program" >/dev/null || skip "needs $program (tools/install test)"
done

# block FIRST LAST: the fenced block of README.md that has a line beginning so, without its fences.
block() {
    awk -v first="$1" '
        /^```/ { if (within && found) exit; within = !within; text = ""; next }
        within { text = text $0 "\n"; if (index($0, first) == 1) found = 1 }
        END { printf "%s", text }' "$LIMPET_SRC/README.md"
}
# line VERB: how limpet is called there to do that, without the comment.
line() { block "${2:-limpet apply}" | sed -n "/^limpet $1/{s/ *#.*//; s/^limpet/lp/; p}"; }

stand_up main a
cd "$TEST_TMP" || exit 1
block 'apiVersion: v1' >app.yaml
image=$(sed -n 's/^ *image: *\([^ ]*\).*/\1/p' app.yaml)
has "the image can be loaded as its comment says" \
    "$(ld a image load "$TEST_TMP/busybox.tar" "$(sed -n 's/.*image load FILE \([^ ]*\).*/\1/p' app.yaml)" 2>&1)" "loaded .*$image"
has "the first command applies it" "$(eval "$(line apply)")" 'pod/web created'
within 15 "it runs" running web
within 10 "it writes a line" matches '[0-9]{4}$' lp logs web
has "it can be paused" "$(eval "$(line pause)")" 'pod/web'
within 10 "and is seen to be" matches Paused lp get pod web -o yaml
eval "$(line 'user add' 'limpet user add')"
is "a user has credentials" "$(grep -c client-key-data jane.kubeconfig)" 1
has "and no rights that nobody gave" "$(lp get pods --kubeconfig "$PWD/jane.kubeconfig" 2>&1)" 'Forbidden'
has "and is refused when the admin says so" "$(eval "$(line 'user disable' 'limpet user add')" && \
    lp get pods --kubeconfig "$PWD/jane.kubeconfig" 2>&1)" 'Unauthorized'
eval "$(line pause | sed 's/pause/resume/')" >/dev/null
has "it tells why" "$(eval "$(line why)")" 'it runs'
start=$SECONDS
has "it is deleted" "$(eval "$(line delete)")" 'pod/web deleted'
is "and goes at once, when it is asked to" "$((SECONDS - start < 8))" 1

# MQTT, with the names of this stand put in.
cp "$GW/state/trust"/{ca.crt,admin.crt,admin.key} .
mqtt=$(block mosquitto_rr | sed '/^{/d' | sed "s/GATEWAY/$HOST/; s/8883/$BUS_PORT/")
want=$(block mosquitto_rr | sed -n '/^{/p')
is "mosquitto_rr answers what it says there" "$(in_net gw timeout 20 bash -c "$mqtt")" "$want"
within 15 "and the pod runs" running web
conclude
