/* limpet token */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/bus/enroll.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

#define ID_LEN 6
#define SECRETS "/api/v1/namespaces/kube-system/secrets"
#define ATTEMPTS 5
#define CONFLICT 409
#define MIN_TTL_NS (60 * NS_PER_S)

struct token_options {
    int64_t ttl_ns;
    const char *output;
};

static void make_token(const char *ca_pem, struct enroll_token *ret)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
    *ret = (struct enroll_token){0};
    for (size_t i = 0; i < ID_LEN; i++)
        ret->id[i] = letters[rng_below(rng_system(), sizeof(letters) - 1)];
    rng_fill(rng_system(), ret->secret, sizeof(ret->secret));
    sha256_hex(ca_pem, strlen(ca_pem), ret->ca_hash);
}

static void set_data(struct value *data, const char *key, const char *text)
{
    autofree char *encoded = base64_encode(text, strlen(text));
    value_set_str(data, key, encoded);
}

/* What the gateway looks for when a node enrols: a bootstrap token as Kubernetes has them. */
static struct value *secret_of(const struct enroll_token *token, const char *expiration)
{
    struct value *object = value_new_map();
    value_set_str(object, "apiVersion", "v1");
    value_set_str(object, "kind", "Secret");
    value_set_str(object, "type", "bootstrap.kubernetes.io/token");
    struct value *meta = value_make_map(object, "metadata", NULL);
    autofree char *name = xasprintf("bootstrap-token-%s", token->id);
    value_set_str(meta, "name", name);
    value_set_str(meta, "namespace", "kube-system");
    char secret[2 * ENROLL_SECRET_LEN + 1];
    hex_encode(token->secret, ENROLL_SECRET_LEN, secret);
    struct value *data = value_set(object, "data", value_new_map());
    set_data(data, "token-id", token->id);
    set_data(data, "token-secret", secret);
    set_data(data, "expiration", expiration);
    set_data(data, "usage-bootstrap-authentication", "true");
    crypto_wipe(secret, sizeof(secret));
    return object;
}

/* 1 = the id is taken. */
static int store(struct cli *cli, const struct enroll_token *token, const char *expiration)
{
    cleanup(value_free) struct value *object = secret_of(token, expiration);
    cleanup(value_free) struct value *answer = NULL;
    cleanup(buf_done) struct buf body;
    buf_init(&body, 0);
    (void)json_write(object, &body);
    const struct client_request request = {
        .method = "POST", .path = SECRETS, .body = body.data, .body_len = body.len};
    int code = cli_call(cli, &request, &answer);
    crypto_wipe(body.data, body.len);
    return code == CONFLICT ? 1 : cli_check(code, answer);
}

static int print_token(const struct token_options *o, const struct enroll_token *token,
                       const char *expiration)
{
    cleanup(buf_done) struct buf text, json;
    buf_init(&text, 0);
    buf_init(&json, 0);
    (void)enroll_token_write(token, &text);
    if (!o->output) {
        puts(buf_str(&text));
        return EXIT_DONE;
    }
    cleanup(value_free) struct value *object = value_new_map();
    value_set_str(object, "token", buf_str(&text));
    value_set_str(object, "id", token->id);
    value_set_str(object, "expiration", expiration);
    (void)json_write_pretty(object, &json);
    fputs(buf_str(&json), stdout);
    return EXIT_DONE;
}

static int run_token(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct token_options *o = options;
    if (count != 1 || !str_eq(words[0], "create"))
        return cli_usage(&verb_token, "want 'create'");
    if (o->ttl_ns < MIN_TTL_NS)
        return cli_usage(&verb_token, "--ttl: must be a minute or more");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    if (!cli->config->ca_pem)
        return cli_fail("%s: holds no certificate-authority-data, which a token pins",
                        cli->config->file);
    char expiration[CLOCK_RFC3339_LEN];
    int64_t now = clock_wall(clock_system()), end;
    if (__builtin_add_overflow(now, o->ttl_ns, &end))
        return cli_usage(&verb_token, "--ttl: too long");
    clock_format(end, 0, expiration);
    for (int i = 0; i < ATTEMPTS; i++) {
        struct enroll_token token;
        make_token(cli->config->ca_pem, &token);
        int rc = store(cli, &token, expiration);
        int code = rc == 0 ? print_token(o, &token, expiration) : EXIT_FAILED;
        crypto_wipe(&token, sizeof(token));
        if (rc <= 0)
            return code;
    }
    return cli_fail("no free token id was found");
}

static const struct token_options defaults = {.ttl_ns = 24 * 3600 * NS_PER_S};

const struct verb verb_token = {
    .name = "token",
    .usage = "create [--ttl TIME]",
    .summary = "make a join token: 'limpetd join TOKEN' on a node then enrols it",
    .details = "The token proves the right to enrol until it expires, and holds what the node "
               "needs to know\nthat it is talking to this gateway. It is a Secret "
               "'bootstrap-token-ID' in the namespace\nkube-system: delete that, and the token is "
               "worth nothing.\n",
    .options =
        (const struct arg_option[]){
            {"ttl", 0, ARG_DURATION, offsetof(struct token_options, ttl_ns), "TIME",
             "how long it may be used: 30m, 7d (default 24h)", NULL},
            {"output", 'o', ARG_STRING, offsetof(struct token_options, output), "FORMAT",
             "json: token, id and expiration", "json"},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct token_options),
    .run = run_token,
};
