#pragma once
/* An apply tried by the gateway before anything of it is made. */

#include "tools/cli/cli.h"
#include "tools/cli/manifests.h"

/* Asks what the gateway would make of all documents, one after the other. *ret is a list with a
 * result for each ({"action", and with `objects` "object"}: controller/server/dryrun_request.h);
 * the caller's. What is refused is added to `mistakes`, a line each. 0, or an exit code after
 * having said that it could not be asked. */
nodiscard int dryrun_manifests(struct cli *cli, const struct manifests *manifests, bool objects,
                               struct value **ret, struct buf *mistakes);
