#pragma once
/* Value trees as HTTP answers. */

#include "common/data/diag.h"
#include "common/data/value.h"
#include "controller/http/http.h"

/* Both end the request. Takes object. */
void reply_json(struct http_request *request, int code, struct value *object);
void reply_text(struct http_request *request, int code, const char *text);
/* A Status under its own code. Takes it. */
void reply_status(struct http_request *request, struct value *status);
/* A Warning: 299 header; before the reply. */
void reply_warning(struct http_request *request, const char *text);
/* Such headers, and a note for the audit trail (gate.h); before the reply. NULL: none. */
void reply_warnings(struct http_request *request, const struct diags *warnings);
