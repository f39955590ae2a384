#!/usr/bin/env bash
# timeout: 180
# npm's @kubernetes/client-node 1.4.0 creates, lists, patches in every way it knows, watches, keeps an informer.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

command -v node >/dev/null || skip "needs node (tools/install test)"
modules=$("$LIMPET_SRC/tools/clients" client-node) || skip "needs @kubernetes/client-node, and it cannot be fetched"

stand_up main a
ln -s "$modules" node_modules # programs look for theirs beside themselves
cp "$LIMPET_SRC/tests/e2e/client-node/drive.mjs" .
# Its lines are cases of this test.
timeout 120 node drive.mjs >report 2>&1 || bad "it comes to its end" "$(tail -n 8 report)"
cat report
CASES_FAILED=$((CASES_FAILED + $(grep -c '^not ok' report)))
conclude
