#include "tools/cli/client.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "tools/cli/header.h"

#include <curl/curl.h>

#include <errno.h>
#include <stdio.h>
#include <strings.h>

#define CONNECT_S 10
#define REQUEST_MS (60 * 1000)
#define MAX_WARNINGS 64

struct client {
    CURL *curl;
    char *server;                  /* as its URL begins */
    char *bearer;                  /* header, or NULL */
    struct curl_slist *connect_to; /* another name in TLS than the address */
    const char *shown;             /* borrowed: the server as the user knows it */
    char error[CURL_ERROR_SIZE];
};

struct call {
    struct client *client;
    const struct client_request *request;
    struct client_answer *answer;
    bool stopped;
    int64_t at; /* of an upload */
};

void client_answer_done(struct client_answer *answer)
{
    buf_done(&answer->body);
    for (size_t i = 0; i < answer->n_warning; i++)
        free(answer->warnings[i]);
    free(answer->warnings);
    free(answer->location);
    free(answer->range);
    *answer = (struct client_answer){0};
}

void client_free(struct client *client)
{
    if (!client)
        return;
    if (client->curl)
        curl_easy_cleanup(client->curl);
    curl_slist_free_all(client->connect_to);
    free(client->bearer);
    free(client->server);
    free(client);
}

static void set_blob(CURL *curl, CURLoption option, char *text)
{
    struct curl_blob blob = {text, text ? strlen(text) : 0, CURL_BLOB_COPY};
    if (text)
        curl_easy_setopt(curl, option, &blob);
}

/* https://HOST:PORT/PREFIX: HOST is what is after "https://", to ':' or '/'. */
static size_t host_length(const char *host)
{
    if (*host == '[')
        return strcspn(host, "]") + 1;
    return strcspn(host, ":/");
}

/* Another name in TLS: the URL has that name, and the connection goes where the kubeconfig says. */
static void set_server(struct client *client, const struct kubeconfig *config)
{
    const char *host = config->server + strlen("https://");
    size_t len = host_length(host);
    if (!config->tls_server_name) {
        client->server = xstrdup(config->server);
        return;
    }
    client->server = xasprintf("https://%s%s", config->tls_server_name, host + len);
    autofree char *to = xasprintf("::%.*s:", (int)len, host);
    client->connect_to = curl_slist_append(NULL, to);
    curl_easy_setopt(client->curl, CURLOPT_CONNECT_TO, client->connect_to);
}

/* As Go's clients do: what is on this machine is never asked for through a proxy. */
static bool is_local(const char *server)
{
    const char *host = server + strlen("https://");
    size_t len = host_length(host);
    static const char *const local[] = {"localhost", "[::1]"};
    for (size_t i = 0; i < ARRAY_LEN(local); i++)
        if (len == strlen(local[i]) && strncmp(host, local[i], len) == 0)
            return true;
    return str_has_prefix(host, "127.");
}

static void set_trust(CURL *curl, const struct kubeconfig *config)
{
    if (config->insecure || WEAKENED(CLI_TLS_VERIFY)) {
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 0L);
    }
    set_blob(curl, CURLOPT_CAINFO_BLOB, config->ca_pem);
    set_blob(curl, CURLOPT_SSLCERT_BLOB, config->cert_pem);
    set_blob(curl, CURLOPT_SSLKEY_BLOB, config->key_pem);
    curl_easy_setopt(curl, CURLOPT_SSLCERTTYPE, "PEM");
    curl_easy_setopt(curl, CURLOPT_SSLKEYTYPE, "PEM");
    curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    if (config->username && !config->token) {
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERNAME, config->username);
        curl_easy_setopt(curl, CURLOPT_PASSWORD, config->password ? config->password : "");
    }
}

static size_t on_read(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    const struct client_request *request = call->request;
    int64_t left = request->body_size - call->at;
    size_t want = size * count;
    if (left <= 0)
        return 0;
    ssize_t n = pread(request->body_fd, data, (int64_t)want < left ? want : (size_t)left,
                      request->body_at + call->at);
    if (n <= 0)
        return CURL_READFUNC_ABORT;
    call->at += n;
    if (request->sent)
        *request->sent = call->at;
    return (size_t)n;
}

static int on_seek(void *ctx, curl_off_t offset, int from)
{
    struct call *call = ctx;
    if (from != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    call->at = offset;
    return CURL_SEEKFUNC_OK;
}

/* Takes the value of that header. */
static void take_header(const char *data, size_t len, const char *name, char **ret)
{
    size_t at = strlen(name);
    if (len <= at || strncasecmp(data, name, at) != 0)
        return;
    while (at < len && data[at] == ' ')
        at++;
    size_t end = at;
    while (end < len && data[end] != '\r' && data[end] != '\n')
        end++;
    free(*ret);
    *ret = xstrndup(data + at, end - at);
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    struct client_answer *answer = call->answer;
    take_header(data, size * count, "Location:", &answer->location);
    take_header(data, size * count, "Range:", &answer->range);
    char *text = answer->n_warning < MAX_WARNINGS ? header_warning(data, size * count) : NULL;
    if (text) {
        answer->warnings = xreallocarray(answer->warnings, answer->n_warning + 1, sizeof(char *));
        answer->warnings[answer->n_warning++] = text;
    }
    return size * count;
}

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct call *call = ctx;
    size_t len = size * count;
    long code = 0;
    curl_easy_getinfo(call->client->curl, CURLINFO_RESPONSE_CODE, &code);
    if (!call->request->stream || code >= 300)
        return buf_add(&call->answer->body, data, len) < 0 ? 0 : len;
    call->stopped = !call->request->data(call->request->ctx, data, len);
    return call->stopped ? 0 : len;
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    struct call *call = ctx;
    if (call->request->tick && !call->request->tick(call->request->ctx))
        call->stopped = true;
    return call->stopped;
}

int client_new(const struct kubeconfig *config, struct client **ret, struct err *err)
{
    cleanup(client_free) struct client *client = xcalloc(1, sizeof(*client));
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0 || !(client->curl = curl_easy_init()))
        return err_set(err, -ENOMEM, "libcurl does not start");
    CURL *curl = client->curl;
    client->shown = config->server;
    set_server(client, config);
    set_trust(curl, config);
    if (config->token)
        client->bearer = xasprintf("Authorization: Bearer %s", config->token);
    if (is_local(config->server))
        curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPIDLE, 30L);
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPINTVL, 10L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "limpet/" LIMPET_VERSION);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, client->error);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(curl, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    *ret = steal(client);
    return 0;
}

static int code_of(CURLcode code)
{
    static const struct {
        CURLcode curl;
        int code;
    } table[] = {
        {CURLE_COULDNT_CONNECT, -ECONNREFUSED},    {CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH},
        {CURLE_OPERATION_TIMEDOUT, -ETIME},        {CURLE_PEER_FAILED_VERIFICATION, -EKEYREJECTED},
        {CURLE_SSL_CACERT_BADFILE, -EKEYREJECTED}, {CURLE_SSL_CERTPROBLEM, -EKEYREJECTED},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].curl == code)
            return table[i].code;
    return -EIO;
}

static struct curl_slist *headers_of(const struct client *client,
                                     const struct client_request *request)
{
    autofree char *accept =
        xasprintf("Accept: %s", request->accept ? request->accept : "application/json");
    autofree char *type =
        xasprintf("Content-Type: %s", request->type ? request->type : "application/json");
    struct curl_slist *headers = curl_slist_append(NULL, accept);
    if (request->body || request->upload)
        headers = curl_slist_append(headers, type);
    if (request->header)
        headers = curl_slist_append(headers, request->header);
    headers = curl_slist_append(headers, "Expect:"); /* no pause before a large body */
    if (client->bearer)
        headers = curl_slist_append(headers, client->bearer);
    return headers;
}

static int finish(struct call *call, CURLcode rc, struct err *err)
{
    long code = 0;
    struct client *client = call->client;
    curl_easy_getinfo(client->curl, CURLINFO_RESPONSE_CODE, &code);
    call->answer->code = (int)code;
    if (rc == CURLE_OK && code > 0)
        return 0;
    if (call->stopped)
        return err_set(err, -ECANCELED, "ended");
    if (rc == CURLE_WRITE_ERROR)
        return err_set(err, -E2BIG, "%s: the answer is larger than %d bytes", client->shown,
                       CLIENT_MAX_ANSWER);
    const char *why = *client->error ? client->error : curl_easy_strerror(rc);
    return err_set(err, code_of(rc), "cannot reach the gateway at %s: %s", client->shown, why);
}

int client_call(struct client *client, const struct client_request *request,
                struct client_answer *ret, struct err *err)
{
    *ret = (struct client_answer){0};
    buf_init(&ret->body, CLIENT_MAX_ANSWER);
    CURL *curl = client->curl;
    struct call call = {.client = client, .request = request, .answer = ret};
    autofree char *url = xasprintf("%s%s", client->server, request->path);
    struct curl_slist *headers = headers_of(client, request);
    int64_t timeout = request->timeout_ms;
    if (timeout == 0 && !request->stream && !request->upload)
        timeout = REQUEST_MS;
    /* An upload takes as long as it takes, while something goes. */
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, request->upload ? REQUEST_MS / 1000L : 0L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, request->upload ? 1L : 0L);
    *client->error = '\0';
    curl_easy_setopt(curl, CURLOPT_HTTPGET, 1L);
    if (str_eq(request->method, "HEAD"))
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (request->upload) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body_size);
        curl_easy_setopt(curl, CURLOPT_READDATA, &call);
        curl_easy_setopt(curl, CURLOPT_SEEKDATA, &call);
    } else if (request->body) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request->body);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_len);
    }
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &call);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &call);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &call);
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    return finish(&call, rc, err);
}
