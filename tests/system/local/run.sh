#!/usr/bin/env bash
# timeout: 120
# What a person does on the node itself, by limpetd's verbs.
set -u
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/system/lib/stand.sh
. "$here/../lib/stand.sh"
# shellcheck source=tests/system/local/join.sh
. "$here/join.sh"
# shellcheck source=tests/system/local/ps.sh
. "$here/ps.sh"
# shellcheck source=tests/system/local/words.sh
. "$here/words.sh"

command -v jq >/dev/null || skip "needs jq (tools/install test)"

words
ps_without_an_agent
stand_plain solo a
logs
ps_tells
completion
joining
conclude
