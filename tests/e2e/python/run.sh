#!/usr/bin/env bash
# timeout: 180
# Debian's python3-kubernetes creates, lists, watches, patches and deletes, as programs do.
set -u
# shellcheck source=tests/e2e/lib/e2e.sh
. "$LIMPET_SRC/tests/e2e/lib/e2e.sh"

/usr/bin/python3 -c 'import kubernetes' 2>/dev/null || skip "needs python3-kubernetes (tools/install test)"

stand_up main a
# Its lines are cases of this test.
timeout 120 /usr/bin/python3 "$LIMPET_SRC/tests/e2e/python/drive.py" >report 2>&1 || bad "it comes to its end" "$(tail -n 5 report)"
cat report
CASES_FAILED=$((CASES_FAILED + $(grep -c '^not ok' report)))
conclude
