#pragma once
/* What people and programs send over the bus: manifests on users/<user>/apply and /delete, answered
 * on users/<user>/reply with the request's correlation data. The topic says who asks: the broker's
 * ACL gives each user their own subtree. */

#include "common/bus/bus.h"
#include "controller/link/outqueue.h"
#include "controller/api/api.h"
#include "controller/auth/authn.h"
#include "controller/monitor/audit.h"

struct people;

/* Everything is borrowed. authn: as whom the user of a topic is known
 * (NULL: nobody is); audit NULL: there is no
 * trail. */
struct people *people_new(struct api *api, struct outqueue *queue, struct authn *authn,
                          struct audit *audit);
void people_free(struct people *people);
/* The answer is JSON:
 * {"ok":true,"objects":[{"object":"pod/web","namespace","action":"created|configured|unchanged|
 * deleted"}]} or {"ok":false,"objects":[...],"errors":[{"document","line","object","path",
 * "reason"}]}; beside either, if there is something to tell of what was written, "warnings" of the
 * same form as errors. An apply is tried first, as a dry run of all documents: with one mistake
 * anywhere, each is named and nothing is written. `objects` are those that were written all the
 * same: if a real write fails after that, or of a deletion. */
void people_apply(struct people *people, const char *user, const struct bus_msg *msg);
void people_delete(struct people *people, const char *user, const struct bus_msg *msg);
