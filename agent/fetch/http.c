#include "agent/fetch/http.h"

#include "agent/fetch/curl_text.h"
#include "agent/fetch/sock.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_S 20L
#define SLOW_BYTES_S 16L /* slower than this... */
#define SLOW_S 60L       /* ...for so long is a connection that is gone */
#define HEADERS_MAX (64 * 1024)
#define SOCKS_MAX 4 /* the rest is as the kernel has it */

struct http {
    CURL *curl;
    int64_t rate, free_ns; /* when the line is another's again */
    struct curl_slist *connect;
    struct sock socks[SOCKS_MAX]; /* open; fd -1: none */
    char text[CURL_ERROR_SIZE];
};

struct transfer {
    struct http *http;
    http_body_fn *body;
    void *ctx;
    struct http_response *response;
    size_t header_bytes;
    int code; /* of body */
    struct err err;
};

static CURLcode set_blob(CURL *c, CURLoption option, const struct buf *pem)
{
    struct curl_blob blob = {
        .data = (void *)(uintptr_t)buf_str(pem), .len = pem->len, .flags = CURL_BLOB_COPY};
    return pem->len > 0 ? curl_easy_setopt(c, option, &blob) : CURLE_OK;
}

/* Whom to trust, and who we are. */
static CURLcode set_tls(CURL *c, const struct http_spec *spec)
{
    curl_easy_setopt(c, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(c, CURLOPT_CAPATH, NULL);
    CURLcode rc = set_blob(c, CURLOPT_CAINFO_BLOB, spec->ca);
    if (rc == CURLE_OK)
        rc = set_blob(c, CURLOPT_SSLCERT_BLOB, spec->cert);
    if (rc == CURLE_OK)
        rc = set_blob(c, CURLOPT_SSLKEY_BLOB, spec->key);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, spec->skip_verify ? 0L : 1L);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, spec->skip_verify ? 0L : 2L);
    return rc;
}

/* Of those that libcurl tries at once it keeps one. */
static int on_socket(void *ctx, curl_socket_t fd, curlsocktype purpose)
{
    struct http *http = ctx;
    (void)purpose;
    sock_prepare(fd);
    for (size_t i = 0; i < ARRAY_LEN(http->socks); i++)
        if (http->socks[i].fd < 0) {
            sock_init(&http->socks[i], fd);
            break;
        }
    return CURL_SOCKOPT_OK;
}

static int on_close(void *ctx, curl_socket_t fd)
{
    struct http *http = ctx;
    for (size_t i = 0; i < ARRAY_LEN(http->socks); i++)
        if (http->socks[i].fd == fd)
            http->socks[i].fd = -1;
    return close(fd);
}

/* Called with each piece that comes, also within a record of TLS, and each second. */
static int on_tick(void *ctx, curl_off_t total, curl_off_t now, curl_off_t up_total, curl_off_t up)
{
    struct http *http = ctx;
    (void)total;
    (void)now;
    (void)up_total;
    (void)up;
    for (size_t i = 0; i < ARRAY_LEN(http->socks); i++)
        if (http->socks[i].fd >= 0)
            sock_tend(&http->socks[i]);
    return 0;
}

static void set_line(struct http *http)
{
    CURL *c = http->curl;
    for (size_t i = 0; i < ARRAY_LEN(http->socks); i++)
        http->socks[i].fd = -1;
    curl_easy_setopt(c, CURLOPT_SOCKOPTFUNCTION, on_socket);
    curl_easy_setopt(c, CURLOPT_SOCKOPTDATA, http);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(c, CURLOPT_CLOSESOCKETDATA, http);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, http);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
}

int http_new(const struct http_spec *spec, struct http **ret, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return err_set(err, -EIO, "cannot set up HTTP");
    cleanup(http_free) struct http *http = xcalloc(1, sizeof(*http));
    http->curl = curl_easy_init();
    if (!http->curl)
        return err_set(err, -EIO, "cannot set up HTTP");
    CURL *c = http->curl;
    CURLcode rc = curl_easy_setopt(c, CURLOPT_ERRORBUFFER, http->text);
    if (rc == CURLE_OK)
        rc = set_tls(c, spec);
    if (rc == CURLE_OK)
        rc = curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
    if (rc != CURLE_OK)
        return err_set(err, -EIO, "cannot set up HTTP: %s", curl_easy_strerror(rc));
    autofree char *connect = spec->connect ? xasprintf("::%s", spec->connect) : NULL;
    if (connect)
        http->connect = curl_slist_append(NULL, connect);
    curl_easy_setopt(c, CURLOPT_CONNECT_TO, http->connect);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    http->rate = spec->rate;
    set_line(http);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_TIMEOUT_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_S);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, SLOW_S);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "limpet-fetch/" LIMPET_VERSION);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    *ret = steal(http);
    return 0;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    if (http->curl)
        curl_easy_cleanup(http->curl);
    curl_slist_free_all(http->connect);
    free(http);
}

static void take_challenge(struct http_response *response, const char *value)
{
    static const char *const spoken[] = {"Bearer ", "Basic"};
    for (size_t i = 0; i < ARRAY_LEN(spoken); i++)
        if (!response->challenge[0] && strncasecmp(value, spoken[i], strlen(spoken[i])) == 0)
            snprintf(response->challenge, sizeof(response->challenge), "%s", value);
}

static void take_header(struct http_response *response, const char *name, const char *value)
{
    if (strcasecmp(name, "content-type") == 0)
        snprintf(response->type, sizeof(response->type), "%s", value);
    else if (strcasecmp(name, "www-authenticate") == 0)
        take_challenge(response, value);
    else if (strcasecmp(name, "content-range") == 0)
        snprintf(response->range, sizeof(response->range), "%s", value);
}

static size_t on_header(char *data, size_t one, size_t len, void *ctx)
{
    struct transfer *t = ctx;
    char line[2048];
    t->header_bytes += len;
    if (t->header_bytes > HEADERS_MAX)
        return 0;
    if (len > 5 && memcmp(data, "HTTP/", 5) == 0) /* another answer begins (100 Continue) */
        *t->response = (struct http_response){0};
    snprintf(line, sizeof(line), "%.*s", (int)(len * one), data);
    line[strcspn(line, "\r\n")] = '\0';
    char *colon = strchr(line, ':');
    if (colon) {
        *colon = '\0';
        take_header(t->response, line, colon + 1 + strspn(colon + 1, " \t"));
    }
    return len * one;
}

/* Bytes that are not read yet are not sent: TCP holds the sender back. libcurl's own limit reads a
 * megabyte before it looks. */
static void pace(struct http *http, size_t len)
{
    if (http->rate <= 0)
        return;
    int64_t now = clock_boot(clock_system());
    int64_t from = http->free_ns > now ? http->free_ns : now;
    http->free_ns = from + (int64_t)((double)len * 1e9 / (double)http->rate);
    int64_t wait = http->free_ns - now;
    const struct timespec time = {.tv_sec = (time_t)(wait / NS_PER_S),
                                  .tv_nsec = (long)(wait % NS_PER_S)};
    nanosleep(&time, NULL);
}

static size_t on_body(char *data, size_t one, size_t len, void *ctx)
{
    struct transfer *t = ctx;
    long status = 0;
    curl_easy_getinfo(t->http->curl, CURLINFO_RESPONSE_CODE, &status);
    t->response->status = (int)status;
    if (status >= 200 && status < 300)
        t->code = t->body(t->ctx, t->response, data, len * one, &t->err);
    pace(t->http, len * one);
    return t->code < 0 ? 0 : len * one;
}

static int curl_failed(struct http *http, CURLcode rc, struct err *err)
{
    static const struct {
        CURLcode rc;
        int code;
    } codes[] = {
        {CURLE_COULDNT_CONNECT, -ECONNREFUSED},
        {CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH},
        {CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH},
        {CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT},
        {CURLE_SSL_CONNECT_ERROR, -EPROTO},
        {CURLE_GOT_NOTHING, -EPROTO},
        {CURLE_PEER_FAILED_VERIFICATION, -EACCES},
        {CURLE_SSL_CACERT_BADFILE, -EACCES},
        {CURLE_PARTIAL_FILE, -EPIPE},
        {CURLE_RECV_ERROR, -EPIPE},
        {CURLE_SEND_ERROR, -EPIPE},
        {CURLE_UNSUPPORTED_PROTOCOL, -EPROTO},
        {CURLE_WEIRD_SERVER_REPLY, -EPROTO},
    };
    const char *text = http->text[0] ? http->text : curl_easy_strerror(rc);
    curl_text_timeless(http->text);
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].rc == rc)
            return err_set(err, codes[i].code, "%s%.180s",
                           codes[i].code == -EACCES ? "its certificate is not trusted: " : "",
                           text);
    return err_set(err, -EIO, "%.180s", text);
}

static struct curl_slist *headers_of(const struct http_request *request)
{
    struct curl_slist *list = NULL;
    if (request->accept) {
        autofree char *line = xasprintf("Accept: %s", request->accept);
        list = curl_slist_append(list, line);
    }
    if (request->authorization) {
        autofree char *line = xasprintf("Authorization: %s", request->authorization);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_location(CURL *c, struct http_response *ret)
{
    const char *url = NULL;
    if (curl_easy_getinfo(c, CURLINFO_REDIRECT_URL, &url) == CURLE_OK && url &&
        strlen(url) < sizeof(ret->location))
        snprintf(ret->location, sizeof(ret->location), "%s", url);
}

int http_get(struct http *http, const struct http_request *request, http_body_fn *body, void *ctx,
             struct http_response *ret, struct err *err)
{
    struct http_response response = {0};
    struct transfer t = {.http = http, .body = body, .ctx = ctx, .response = &response};
    CURL *c = http->curl;
    char range[32];
    snprintf(range, sizeof(range), "%lld-", (long long)request->from);
    struct curl_slist *headers = headers_of(request);
    http->text[0] = '\0';
    curl_easy_setopt(c, CURLOPT_URL, request->url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_RANGE, request->from > 0 ? range : NULL);
    bool direct = request->no_proxy || t.http->connect;
    curl_easy_setopt(c, CURLOPT_PROXY, direct ? "" : NULL);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, &t);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &t);
    CURLcode rc = curl_easy_perform(c);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    if (t.code < 0)
        return err_set(err, t.code, "%s", t.err.msg);
    if (rc != CURLE_OK)
        return curl_failed(http, rc, err);
    long status = 0;
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    response.status = (int)status;
    set_location(c, &response);
    *ret = response;
    return 0;
}
