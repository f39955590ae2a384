#include "controller/server/document.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "controller/server/accept.h"
#include "controller/openapi/discovery.h"
#include "controller/openapi/openapi.h"
#include "controller/openapi/openapi_index.h"
#include "controller/openapi/openapi_v3.h"
#include "controller/http/pieces.h"
#include "controller/server/reply.h"
#include "controller/api/status.h"

#include <stdio.h>

struct documents {
    struct kinds *kinds;
    struct pieces_line pieces;  /* answers under way */
    struct openapi_index index; /* the hashes of OpenAPI v3's documents */
};

struct document_ask {
    struct documents *documents;
    const struct kinds *kinds;
    struct http_request *request;
    const struct url *url;
    const struct route *route;
};

/* What is being sent may be of the kind that goes: the client asks again. */
static void on_change(void *ctx, const struct schema_kind *kind, bool added)
{
    struct documents *documents = ctx;
    (void)kind;
    openapi_index_done(&documents->index);
    if (!added)
        pieces_abort_all(&documents->pieces);
}

struct documents *documents_new(struct loop *loop, struct kinds *kinds)
{
    struct documents *documents = xcalloc(1, sizeof(*documents));
    documents->kinds = kinds;
    pieces_init(&documents->pieces, loop);
    kinds_observe(kinds, on_change, documents);
    return documents;
}

void documents_free(struct documents *documents)
{
    if (!documents)
        return;
    kinds_unobserve(documents->kinds, documents);
    pieces_free_all(&documents->pieces);
    openapi_index_done(&documents->index);
    free(documents);
}

static bool answer(const struct document_ask *ask, struct value *object)
{
    if (object)
        reply_json(ask->request, 200, object);
    return object;
}

static bool answer_version(const struct document_ask *ask)
{
    return answer(ask, discovery_version());
}

/* Discovery in one document, for clients that ask for it so. */
static const struct accept_form discovery_forms[] = {
    {"application/json", NULL, NULL, NULL},
    {"application/json", "APIGroupDiscoveryList", "v2", "apidiscovery.k8s.io"},
    {"application/json", "APIGroupDiscoveryList", "v2beta1", "apidiscovery.k8s.io"},
};

/* Tags what is answered, and tells a client that has it already no more than that: true. The type
 * is told again: kubectl puts the headers of a 304 in the place of those that it kept. */
static bool answer_known(struct http_request *request, const char *type, const char *hash)
{
    char tag[SHA256_HEX + 3];
    snprintf(tag, sizeof(tag), "\"%s\"", hash);
    const char *known = http_header(request, "If-None-Match");
    bool same = known && strstr(known, tag);
    http_answer_header(request, "ETag", tag);
    http_answer_header(request, "Vary", "Accept");
    if (same)
        http_answer(request, 304, type, "", 0);
    return same;
}

static bool answer_discovery(const struct document_ask *ask, bool core)
{
    const char *header = http_header(ask->request, "Accept");
    int form = accept_form(header, discovery_forms, ARRAY_LEN(discovery_forms));
    if (form <= 0) /* who asks for what we have not gets JSON all the same, as from Kubernetes */
        return answer(ask, core ? discovery_api_versions() : discovery_groups(ask->kinds));
    const struct accept_form *chosen = &discovery_forms[form];
    cleanup(value_free) struct value *all = discovery_all(ask->kinds, core, chosen->version);
    char type[128], hash[SHA256_HEX + 1];
    cleanup(buf_done) struct buf body = {0};
    json_write(all, &body);
    buf_addc(&body, '\n');
    snprintf(type, sizeof(type), "%s;g=%s;v=%s;as=%s", chosen->type, chosen->group, chosen->version,
             chosen->as);
    sha256_hex(body.data, body.len, hash);
    if (!answer_known(ask->request, type, hash))
        http_answer_buf(ask->request, 200, type, &body);
    return true;
}

static bool answer_api_versions(const struct document_ask *ask)
{
    return answer_discovery(ask, true);
}

static bool answer_groups(const struct document_ask *ask)
{
    return answer_discovery(ask, false);
}

static bool answer_group(const struct document_ask *ask)
{
    return answer(ask, discovery_group(ask->kinds, ask->route->group));
}

static bool answer_resources(const struct document_ask *ask)
{
    return answer(ask, discovery_resources(ask->kinds, ask->route->group, ask->route->version));
}

/* ---- OpenAPI ---- */

static bool not_acceptable(const struct document_ask *ask, const char *known)
{
    reply_status(ask->request,
                 status_failure(406, "only the following media types are accepted: %s", known));
    return true;
}

static bool send_pieces(const struct document_ask *ask, const char *type,
                        const struct pieces_source *source)
{
    if (str_eq(http_method(ask->request), "HEAD")) {
        source->free(source->ctx);
        http_answer(ask->request, 200, type, "", 0);
    } else {
        pieces_send(&ask->documents->pieces, ask->request, type, source);
    }
    return true;
}

static int next_v2(void *ctx, struct buf *ret)
{
    return openapi_next(ctx, ret);
}

static void free_v2(void *ctx)
{
    openapi_free(ctx);
}

/* In protobuf alone: no kubectl copes with JSON here. */
static bool answer_openapi_v2(const struct document_ask *ask)
{
    static const struct accept_form forms[] = {
        {OPENAPI_TYPE, NULL, NULL, NULL},
        {"application/com.github.proto-openapi.spec.v2@v1.0+protobuf", NULL, NULL, NULL},
        {"application/octet-stream", NULL, NULL, NULL},
    };
    if (accept_form(http_header(ask->request, "Accept"), forms, ARRAY_LEN(forms)) < 0)
        return not_acceptable(ask, OPENAPI_TYPE);
    const struct pieces_source source = {next_v2, free_v2, openapi_new(ask->kinds)};
    return send_pieces(ask, OPENAPI_TYPE, &source);
}

static bool answer_openapi_v3(const struct document_ask *ask)
{
    return answer(ask, openapi_index_paths(&ask->documents->index, ask->kinds));
}

static int next_v3(void *ctx, struct buf *ret)
{
    return openapi_v3_next(ctx, ret);
}

static void free_v3(void *ctx)
{
    openapi_v3_free(ctx);
}

/* Elsewhere than under its hash: who asks for an older one is sent to the present one. */
static bool redirect(const struct document_ask *ask, const char *hash)
{
    autofree char *path = url_path(ask->url);
    autofree char *location = xasprintf("%s?hash=%s", path, hash);
    http_answer_header(ask->request, "Location", location);
    http_answer(ask->request, 301, "text/plain", "", 0);
    return true;
}

/* Under the hash that the index tells, a document never changes. */
static bool answer_openapi_v3_resources(const struct document_ask *ask)
{
    static const struct accept_form forms[] = {{"application/json", NULL, NULL, NULL}};
    const struct route *route = ask->route;
    const char *hash =
        openapi_index_hash(&ask->documents->index, ask->kinds, route->group, route->version);
    const char *asked = url_param(ask->url, "hash");
    if (!hash)
        return false;
    if (accept_form(http_header(ask->request, "Accept"), forms, ARRAY_LEN(forms)) < 0)
        return not_acceptable(ask, "application/json");
    if (asked && !str_eq(asked, hash))
        return redirect(ask, hash);
    if (asked)
        http_answer_header(ask->request, "Cache-Control", "public, immutable, max-age=31536000");
    if (answer_known(ask->request, "application/json", hash))
        return true;
    const struct pieces_source source = {next_v3, free_v3,
                                         openapi_v3_new(ask->kinds, route->group, route->version)};
    return send_pieces(ask, "application/json", &source);
}

bool documents_answer(struct documents *documents, struct http_request *request,
                      const struct url *url, const struct route *route)
{
    static bool (*const table[])(const struct document_ask *ask) = {
        [ROUTE_VERSION] = answer_version,
        [ROUTE_API_VERSIONS] = answer_api_versions,
        [ROUTE_GROUPS] = answer_groups,
        [ROUTE_GROUP] = answer_group,
        [ROUTE_RESOURCES] = answer_resources,
        [ROUTE_OPENAPI_V2] = answer_openapi_v2,
        [ROUTE_OPENAPI_V3] = answer_openapi_v3,
        [ROUTE_OPENAPI_V3_RESOURCES] = answer_openapi_v3_resources,
    };
    const struct document_ask ask = {documents, documents->kinds, request, url, route};
    size_t what = route->what;
    return what < ARRAY_LEN(table) && table[what] && table[what](&ask);
}
