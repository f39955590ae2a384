#pragma once
/* The bodies of requests: which format a Content-Type means, and the value tree that is in it. */

#include "common/data/value.h"
#include "common/kinds/kinds.h"
#include "controller/http/http.h"

/* NULL with the tree in *ret (the caller's), or the Status to answer. len is capped by who read the
 * body; the tree by limits.h. */
typedef struct value *body_parse_fn(const char *body, size_t len, struct value **ret);
struct value *body_json(const char *body, size_t len, struct value **ret);
struct value *body_yaml(const char *body, size_t len, struct value **ret);

/* The media type of a header without its parameters, in lower case; "" if there is none. */
void body_media_type(const char *header, char *ret, size_t size);
/* 415, naming the formats that are known. */
struct value *body_unsupported(const char *type, const char *known);

/* The object that is the request's body, by its Content-Type; without one it is JSON (old clients).
 * Protobuf is read for the kinds that have field numbers, which those people define have not. As
 * body_parse_fn. */
struct value *body_object(const struct kinds *kinds, const struct http_request *request,
                          struct value **ret);
/* The same of bytes. */
struct value *body_parse(const struct kinds *kinds, const char *content_type, const char *body,
                         size_t len, struct value **ret);
