#pragma once
/* POST /apis/limpet.io/v1/dryrun: what an apply of all these objects, one after the other, would
 * come to (dryrun.h). {"objects":[...]} is answered with 200 and
 * {"kind":"DryRun","apiVersion":"limpet.io/v1","results":[...]}, one for each object in order:
 * {"action":"created|configured|unchanged"}, with ?objects=true the "object" as it would stand; or
 * {"action":"refused","status":{Status}}. dryRun=All of the single writes sees no other object's.
 */

#include "controller/api/api.h"
#include "controller/http/http.h"
#include "controller/http/url.h"

void dryrun_request(struct api *api, const struct api_user *user, struct http_request *request,
                    const struct url *url);
