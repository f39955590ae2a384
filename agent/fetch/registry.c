#include "agent/fetch/registry.h"

#include "agent/fetch/blob.h"
#include "agent/fetch/challenge.h"
#include "agent/fetch/http.h"
#include "agent/image/manifest.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define HOPS_MAX 6
#define TRIES 3
#define TELL_BYTES (64 * 1024)
#define TOKEN_MAX (64 * 1024)

struct registry {
    struct registry_spec spec;
    struct http *http;
    char host[300];      /* of the API: docker.io's has another name */
    char base[512];      /* "/v2" */
    bool plain;          /* may be spoken to without TLS */
    bool https, settled; /* settled: the scheme has been seen to work */
    char *authorization; /* NULL until the registry asks */
    size_t user;         /* of the endpoint's, the one that is tried */
    bool let_in;         /* what was asked for was given */
};

static void set_address(struct registry *r)
{
    const char *url = r->spec.endpoint->url, *host = r->spec.ref->registry;
    struct address at;
    snprintf(r->base, sizeof(r->base), "/v2");
    if (url && address_parse(url, &at) == 0) {
        const char *path = strchr(url + strlen(at.https ? "https://" : "http://"), '/');
        snprintf(r->host, sizeof(r->host), "%s", at.host);
        snprintf(r->base, sizeof(r->base), "%s", path ? path : "");
        r->https = at.https;
        r->plain = !at.https;
        r->settled = true;
        return;
    }
    bool hub = str_eq(host, "docker.io");
    snprintf(r->host, sizeof(r->host), "%s", hub ? "registry-1.docker.io" : host);
    r->plain = r->spec.insecure || address_is_loopback(host);
    r->https = !r->plain;
    r->settled = !r->plain;
}

struct registry *registry_new(const struct registry_spec *spec)
{
    struct registry *r = xcalloc(1, sizeof(*r));
    r->spec = *spec;
    set_address(r);
    return r;
}

const char *registry_host(const struct registry *r)
{
    return r->host;
}

void registry_free(struct registry *r)
{
    if (!r)
        return;
    http_free(r->http);
    free(r->authorization);
    free(r);
}

static int unavailable(struct registry *r, struct source_reply *reply, int code, struct err *err)
{
    snprintf(reply->reason, sizeof(reply->reason), "%s", "RegistryUnavailable");
    char why[256];
    snprintf(why, sizeof(why), "%s", err->msg);
    return err_set(err, code, "registry %.80s: %.160s", r->host, why);
}

/* Whether an address other than the registry's may be spoken to at all. */
static bool may_visit(struct registry *r, const struct address *to)
{
    return to->https || address_is_loopback(to->host) || (r->plain && str_eq(to->host, r->host));
}

static int collect(void *ctx, const struct http_response *response, const void *data, size_t len,
                   struct err *err)
{
    (void)response;
    if (buf_add(ctx, data, len) < 0)
        return err_set(err, -EFBIG, "the answer is longer than %zu bytes",
                       ((struct buf *)ctx)->max);
    return 0;
}

static char *basic(struct registry *r)
{
    if (r->user >= r->spec.endpoint->auth_count)
        return NULL;
    const struct job_auth *auth = &r->spec.endpoint->auth[r->user];
    autofree char *both = xasprintf("%s:%s", auth->username, auth->password);
    autofree char *text = base64_encode(both, strlen(both));
    return xasprintf("Basic %s", text);
}

static void add_query(struct buf *url, const char *name, const char *value)
{
    (void)buf_addf(url, "%c%s=", strchr(buf_str(url), '?') ? '&' : '?', name);
    for (const char *c = value; *c; c++) {
        bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                     (*c >= '0' && *c <= '9') || strchr("-._~/:,", *c);
        (void)(plain ? buf_addc(url, *c) : buf_addf(url, "%%%02X", (unsigned char)*c));
    }
}

static int read_token(struct registry *r, const struct buf *answer, struct err *err)
{
    cleanup(value_free) struct value *doc = NULL;
    if (json_parse(buf_str(answer), answer->len, &doc, err) < 0)
        return err_wrap(err, "token");
    const char *token = value_get_str(doc, "token");
    token = token ? token : value_get_str(doc, "access_token");
    if (str_empty(token) || strpbrk(token, "\r\n"))
        return err_set(err, -EACCES, "the token server sent no token");
    free(r->authorization);
    r->authorization = xasprintf("Bearer %s", token);
    return 0;
}

/* What the registry says that it needs, which a mirror may call by another name, as long as it is
 * to read one repository. */
static char *scope_of(const struct registry *r, const struct challenge *challenge)
{
    const char *scope = challenge->scope;
    bool one = str_has_prefix(scope, "repository:") && str_has_suffix(scope, ":pull") &&
               !strpbrk(scope, " ,");
    return one ? xstrdup(scope) : xasprintf("repository:%s:pull", r->spec.ref->repository);
}

static int fetch_token(struct registry *r, const struct challenge *challenge, struct err *err)
{
    struct address at;
    if (address_parse(challenge->realm, &at) < 0 || !may_visit(r, &at))
        return err_set(err, -EACCES, "the token server \"%.100s\" is not https", challenge->realm);
    cleanup(buf_done) struct buf url, answer;
    buf_init(&url, 4096);
    buf_init(&answer, TOKEN_MAX);
    (void)buf_addstr(&url, challenge->realm);
    if (challenge->service[0])
        add_query(&url, "service", challenge->service);
    autofree char *scope = scope_of(r, challenge);
    add_query(&url, "scope", scope);
    autofree char *authorization = basic(r);
    const struct http_request request = {.url = buf_str(&url),
                                         .authorization = authorization,
                                         .no_proxy = address_is_loopback(at.host)};
    struct http_response response;
    int rc = http_get(r->http, &request, collect, &answer, &response, err);
    if (rc < 0)
        return err_wrap(err, "token server %.80s", at.host);
    bool no = response.status >= 400 && response.status < 500 && response.status != 429;
    if (response.status != 200)
        return err_set(err, no ? -EPERM : -EIO, "%s (token server %.80s: HTTP %d)",
                       no ? "access denied" : "no token", at.host, response.status);
    return read_token(r, &answer, err);
}

static int authenticate(struct registry *r, const struct http_response *response, struct err *err)
{
    struct challenge challenge;
    challenge_parse(response->challenge, &challenge);
    if (challenge.scheme == CHALLENGE_BEARER)
        return fetch_token(r, &challenge, err);
    free(r->authorization);
    r->authorization = challenge.scheme == CHALLENGE_BASIC ? basic(r) : NULL;
    if (!r->authorization)
        return err_set(err, -EPERM, "access denied: it wants a user and a password");
    return 0;
}

/* One request on its way through a challenge and redirects. */
struct journey {
    struct address here;
    char url[2048];
    bool asked; /* the challenge was answered */
    bool moved; /* away from the registry: its Authorization stays behind (CVE-2020-15157) */
};

static void start(struct registry *r, const char *path, struct journey *j)
{
    bool mirror = r->spec.endpoint->url != NULL; /* it may stand for several: which is meant */
    snprintf(j->url, sizeof(j->url), "%s://%s%s/%s/%s%s%s", r->https ? "https" : "http", r->host,
             r->base, r->spec.ref->repository, path, mirror ? "?ns=" : "",
             mirror ? r->spec.ref->registry : "");
    if (address_parse(j->url, &j->here) < 0)
        j->here = (struct address){0};
    j->moved = false;
}

static int redirect(struct registry *r, const struct http_response *response, struct journey *j,
                    struct err *err)
{
    struct address to;
    if (address_parse(response->location, &to) < 0)
        return err_set(err, -EPROTO, "it redirects to nowhere");
    if (!may_visit(r, &to))
        return err_set(err, -EACCES, "it redirects to plain http at %.100s", to.host);
    if (!address_same(&to, &j->here) && !WEAKENED(IMAGE_REDIRECT_AUTH))
        j->moved = true;
    j->here = to;
    snprintf(j->url, sizeof(j->url), "%s", response->location);
    return 0;
}

/* A registry that may be plain is asked plainly first; one that speaks TLS says 400, or nothing. */
static bool try_tls(struct registry *r, int rc, const struct http_response *response)
{
    if (r->settled)
        return false;
    r->settled = true;
    bool tls = rc == -EPROTO || rc == -EPIPE || (rc == 0 && response->status == 400);
    r->https = tls;
    return tls;
}

static int send_request(struct registry *r, const char *path, const char *accept, int64_t from,
                        http_body_fn *body, void *ctx, struct http_response *ret, struct err *err)
{
    struct journey j = {0};
    int rc = 0;
    const struct http_spec spec = {.rate = r->spec.rate,
                                   .ca = r->spec.ca,
                                   .cert = r->spec.cert,
                                   .key = r->spec.key,
                                   .connect = r->spec.endpoint->connect,
                                   .skip_verify = r->spec.endpoint->skip_verify};
    if (!r->http)
        rc = http_new(&spec, &r->http, err);
    start(r, path, &j);
    for (int hop = 0; rc == 0 && hop < HOPS_MAX; hop++) {
        const struct http_request request = {
            .url = j.url,
            .accept = accept,
            .authorization = j.moved ? NULL : r->authorization,
            .from = from,
            .no_proxy = address_is_loopback(j.here.host),
        };
        rc = http_get(r->http, &request, body, ctx, ret, err);
        if (try_tls(r, rc, ret)) {
            start(r, path, &j);
            rc = 0;
        } else if (rc == 0 && ret->status == 401 && !j.asked && !j.moved) {
            j.asked = true;
            rc = authenticate(r, ret, err);
        } else if (rc == 0 && ret->status >= 300 && ret->status < 400 && ret->location[0]) {
            rc = redirect(r, ret, &j, err);
        } else {
            return rc;
        }
    }
    return rc < 0 ? rc : err_set(err, -ELOOP, "too many redirects");
}

static bool is_transport(int code)
{
    return code == -ECONNREFUSED || code == -EHOSTUNREACH || code == -ETIMEDOUT ||
           code == -EPROTO || code == -EPIPE || code == -EIO;
}

/* The answer is not what was asked for. */
static int refused(struct registry *r, int rc, int status, const char *what,
                   struct source_reply *reply, struct err *err)
{
    if (rc < 0 && (is_transport(rc) || rc == -EACCES))
        return unavailable(r, reply, rc, err);
    if (rc < 0)
        return err_wrap(err, "registry %.80s", r->host);
    if (status == 404)
        return err_set(err, -ENOENT, "registry %.80s: %.100s%snot found", r->host, what,
                       *what ? " " : "");
    if (status == 401 || status == 403)
        return err_set(err, -EPERM, "registry %.80s: access denied (HTTP %d)", r->host, status);
    (void)err_set(err, -EIO, "HTTP %d%s", status, status == 429 ? ", too many requests" : "");
    return unavailable(r, reply, -EIO, err);
}

static int get_manifest(struct registry *r, const struct source_request *request, int fd,
                        struct source_reply *reply, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, MANIFEST_MAX_BYTES);
    char path[300];
    const char *name = request->digest[0] ? request->digest : request->tag;
    snprintf(path, sizeof(path), "manifests/%s", name);
    struct http_response response = {0};
    int rc = send_request(r, path, MANIFEST_ACCEPT, 0, collect, &text, &response, err);
    if (rc < 0 || response.status != 200)
        return refused(r, rc, response.status, "", reply, err);
    snprintf(reply->type, sizeof(reply->type), "%s", response.type);
    struct blob_file file;
    blob_begin(&file, fd, (int64_t)text.len);
    rc = blob_restart(&file, err);
    if (rc == 0)
        rc = blob_add(&file, buf_str(&text), text.len, err);
    blob_end(&file);
    return rc;
}

struct blob_fetch {
    struct blob_file *file;
    struct source_peer *peer;
    int64_t told, told_ns;
    bool begun; /* of this answer */
};

/* Whether the answer carries on where the file ends, or begins anew. */
static int begin_body(struct blob_fetch *fetch, const struct http_response *response,
                      struct err *err)
{
    fetch->begun = true;
    if (response->status == 206 && content_range_start(response->range) == fetch->file->have)
        return 0;
    return blob_restart(fetch->file, err);
}

static int on_blob(void *ctx, const struct http_response *response, const void *data, size_t len,
                   struct err *err)
{
    struct blob_fetch *fetch = ctx;
    int rc = fetch->begun ? 0 : begin_body(fetch, response, err);
    if (rc == 0)
        rc = blob_add(fetch->file, data, len, err);
    int64_t now = clock_boot(clock_system());
    bool due = fetch->file->have - fetch->told >= TELL_BYTES || now - fetch->told_ns >= NS_PER_S;
    if (rc == 0 && due) {
        fetch->told = fetch->file->have;
        fetch->told_ns = now;
        source_tell(fetch->peer, fetch->file->have);
    }
    return rc;
}

static void pause_s(int seconds)
{
    const struct timespec time = {.tv_sec = seconds};
    nanosleep(&time, NULL);
}

/* Carries on through broken connections as long as there is progress. */
static int download(struct registry *r, const char *digest, struct blob_fetch *fetch,
                    struct source_reply *reply, struct err *err)
{
    char path[100];
    snprintf(path, sizeof(path), "blobs/%s", digest);
    struct blob_file *file = fetch->file;
    int rc = 0;
    for (int tries = 0; file->have < file->size; tries++) {
        int64_t before = file->have;
        struct http_response response = {0};
        fetch->begun = false;
        rc = send_request(r, path, NULL, before, on_blob, fetch, &response, err);
        int status = response.status;
        if (rc == 0 && status == 416 && before > 0) {
            rc = blob_restart(file, err);
            continue;
        }
        if (rc == 0 && status != 200 && status != 206)
            return refused(r, 0, status, digest, reply, err);
        if (rc < 0 && !is_transport(rc))
            return refused(r, rc, 0, digest, reply, err);
        if (file->have > before)
            tries = 0;
        if (file->have < file->size && tries + 1 >= TRIES) {
            if (rc == 0)
                rc = err_set(err, -EPIPE, "%s ends after %lld of %lld bytes", digest,
                             (long long)file->have, (long long)file->size);
            return refused(r, rc, 0, digest, reply, err);
        }
        if (file->have < file->size)
            pause_s(1 + tries);
    }
    return rc < 0 && file->have < file->size ? rc : 0;
}

static int get_blob(struct registry *r, const struct source_request *request, int fd,
                    struct source_peer *peer, struct source_reply *reply, struct err *err)
{
    struct blob_file file;
    struct blob_fetch fetch = {.file = &file, .peer = peer};
    blob_begin(&file, fd, request->size);
    int rc = blob_resume(&file, err);
    int64_t resumed = file.have;
    if (rc == 0)
        rc = download(r, request->digest, &fetch, reply, err);
    if (rc == 0)
        rc = blob_check(&file, request->digest, err);
    if (rc == -EBADMSG && resumed > 0) { /* the damage may be in what was there already */
        rc = download(r, request->digest, &fetch, reply, err);
        if (rc == 0)
            rc = blob_check(&file, request->digest, err);
    }
    blob_end(&file);
    return rc;
}

/* Many say "not found" to who may not know that it is there. */
static bool next_user(struct registry *r, int rc, const struct source_reply *reply)
{
    bool denied = (rc == -EPERM || rc == -ENOENT) && !reply->reason[0];
    if (!denied || r->let_in || r->user + 1 >= r->spec.endpoint->auth_count)
        return false;
    r->user++;
    free(r->authorization);
    r->authorization = NULL;
    return true;
}

int registry_get(struct registry *r, const struct source_request *request, int fd,
                 struct source_peer *peer, struct source_reply *reply, struct err *err)
{
    int rc = 0;
    do {
        rc = request->kind == SOURCE_MANIFEST ? get_manifest(r, request, fd, reply, err)
                                              : get_blob(r, request, fd, peer, reply, err);
    } while (next_user(r, rc, reply));
    r->let_in |= rc == 0;
    return rc;
}
