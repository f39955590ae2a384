#!/usr/bin/env bash
# timeout: 300
# Every document of tests/manifests, a field of every kind each: posted, its status written, read back, nothing lost;
# then applied, described, changed and deleted by kubectl.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

/usr/bin/python3 -c 'import yaml' 2>/dev/null || skip "needs python3-yaml, which python3-kubernetes brings (tools/install test)"

posted() {
    mkdir lists
    # Its lines are cases of this test.
    /usr/bin/python3 "$LIMPET_SRC/tests/e2e/manifests/post.py" "$HOST" "$API_PORT" "$GW/state/trust" lists \
        "$LIMPET_SRC/tests/e2e/manifests/needed.yaml" "$LIMPET_SRC"/tests/manifests/*.yaml >report 2>&1
    cat report
    CASES_FAILED=$((CASES_FAILED + $(grep -c '^not ok' report)))
    has "all are accepted, and their status is" "$(tail -n 1 report)" ' accepted, 0 refused, [1-9][0-9]* statuses written$'
}

# words PATTERN COMMAND...: of a file's objects those of which kubectl does not say PATTERN.
words() { k "${@:2}" | grep -Ev -- "$1"; }

driven() {
    local list name
    for list in lists/*.json; do
        name=$(basename "$list" .yaml.json)
        # That of endpoint slices asks 1.20 for a version that Kubernetes has given up.
        if [[ $name != endpointslices.* ]]; then
            is "$name: describe" "$(k describe -f "$list" >described || tail -n 3 described)" ''
            has "$name: describe tells something" "$(cat described)" '^Name: '
        fi
        # 1.20 finds no way through data of which no schema says what is in it, and dies of it.
        [[ $name != controllerrevisions.* ]] || continue
        is "$name: apply" "$(words ' (created|configured)$' apply -f "$list" | grep -v '^Warning: resource .* is missing the')" ''
        jq '.items[].metadata.labels.changed = "yes"' "$list" >changed.json
        is "$name: apply of a change" "$(words ' configured$' apply -f changed.json)" ''
        is "$name: it is changed" "$(k get -f changed.json -o json | jq -c '[(.items // [.])[].metadata.labels.changed] | unique')" '["yes"]'
    done
    for list in lists/*.json; do
        name=$(basename "$list" .yaml.json)
        is "$name: delete" "$(words ' deleted$' delete -f "$list" --wait=false --ignore-not-found --grace-period=0)" ''
    done
}

stand_up main a
posted
driven
conclude
