/* limpet user */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/rng.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/data/json.h"
#include "tools/cli/credentials.h"
#include "tools/cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#define USERS "/apis/limpet.io/v1/users"
#define REQUESTS "/apis/certificates.k8s.io/v1/certificatesigningrequests"
#define SIGNER "kubernetes.io/kube-apiserver-client"
#define CONFLICT 409
#define MIN_VALID_NS (600 * NS_PER_S)
#define WAIT_NS (30 * NS_PER_S)

struct user_options {
    struct arg_list groups;
    int64_t valid_ns;
    const char *dir, *server;
};

static int send_json(struct cli *cli, const char *method, const char *path, const char *type,
                     const struct value *body, struct value **ret)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(body, &text);
    const struct client_request request = {
        .method = method, .path = path, .type = type, .body = text.data, .body_len = text.len};
    return cli_call(cli, &request, ret);
}

static struct value *object_of(const char *version, const char *kind, const char *name)
{
    struct value *object = value_new_map();
    value_set_str(object, "apiVersion", version);
    value_set_str(object, "kind", kind);
    value_set_str(value_make_map(object, "metadata", NULL), "name", name);
    return object;
}

/* ---- add ---- */

/* 0, or -1 after having said why not. One that is there is given further credentials. */
static int make_user(struct cli *cli, const struct user_options *o, const char *name)
{
    cleanup(value_free) struct value *object = object_of("limpet.io/v1", "User", name);
    cleanup(value_free) struct value *answer = NULL;
    struct value *groups =
        value_set(value_make_map(object, "spec", NULL), "groups", value_new_list());
    for (size_t i = 0; i < o->groups.count; i++)
        value_append(groups, value_new_str(o->groups.items[i]));
    int code = send_json(cli, "POST", USERS, NULL, object, &answer);
    if (code != CONFLICT)
        return cli_check(code, answer);
    if (o->groups.count > 0) {
        (void)cli_fail("there is a user %s: its groups stand in its object (kubectl edit user %s)",
                       name, name);
        return -1;
    }
    autofree char *path = xasprintf(USERS "/%s", name);
    cleanup(value_free) struct value *there = NULL;
    if (cli_get_ok(cli, path, &there) < 0)
        return -1;
    if (!value_get(value_get(there, "metadata"), "deletionTimestamp"))
        return 0;
    (void)cli_fail("user %s was removed, and certificates in its name are not over: choose another "
                   "name",
                   name);
    return -1;
}

static char *request_name(const char *user)
{
    uint8_t random[5];
    char hex[2 * sizeof(random) + 1];
    rng_fill(rng_system(), random, sizeof(random));
    hex_encode(random, sizeof(random), hex);
    return xasprintf("limpet-user-%s-%s", user, hex);
}

static int post_request(struct cli *cli, const struct user_options *o, const char *name,
                        const char *pem, struct value **ret)
{
    static const char *const usages[] = {"client auth", "digital signature"};
    cleanup(value_free) struct value *object =
        object_of("certificates.k8s.io/v1", "CertificateSigningRequest", name);
    struct value *spec = value_make_map(object, "spec", NULL);
    autofree char *coded = base64_encode(pem, strlen(pem));
    value_set_str(spec, "request", coded);
    value_set_str(spec, "signerName", SIGNER);
    value_set_int(spec, "expirationSeconds", o->valid_ns / NS_PER_S);
    struct value *list = value_set(spec, "usages", value_new_list());
    for (size_t i = 0; i < ARRAY_LEN(usages); i++)
        value_append(list, value_new_str(usages[i]));
    cleanup(value_free) struct value *answer = NULL;
    int rc = cli_check(send_json(cli, "POST", REQUESTS, NULL, object, &answer), answer);
    if (rc == 0)
        *ret = steal(answer);
    return rc;
}

static int approve(struct cli *cli, const char *path, struct value *request)
{
    autofree char *approval = xasprintf("%s/approval", path);
    struct value *condition = value_new_map();
    value_set_str(condition, "type", "Approved");
    value_set_str(condition, "status", "True");
    value_set_str(condition, "reason", "LimpetUserAdd");
    value_set_str(condition, "message", "by limpet user add");
    struct value *list = value_new_list();
    value_append(list, condition);
    value_set(value_make_map(request, "status", NULL), "conditions", list);
    cleanup(value_free) struct value *answer = NULL;
    return cli_check(send_json(cli, "PUT", approval, NULL, request, &answer), answer);
}

/* What the signer says against it; NULL: nothing. Borrowed. */
static const char *failure_of(const struct value *request)
{
    const struct value *conditions = value_path(request, "status", "conditions", NULL);
    for (size_t i = 0; i < value_len(conditions); i++)
        if (str_eq(value_get_str(value_at(conditions, i), "type"), "Failed"))
            return value_get_str(value_at(conditions, i), "message");
    return NULL;
}

/* The certificate, PEM; the caller's. NULL after having said why there is none. */
static char *await_certificate(struct cli *cli, const char *path)
{
    int64_t end = clock_boot(clock_system()) + WAIT_NS;
    for (;;) {
        cleanup(value_free) struct value *request = NULL;
        uint8_t *pem = NULL;
        size_t len;
        if (cli_get_ok(cli, path, &request) < 0)
            return NULL;
        const char *coded = value_get_str(value_get(request, "status"), "certificate");
        if (!str_empty(coded) && base64_decode(coded, strlen(coded), &pem, &len) == 0)
            return (char *)pem;
        const char *why = failure_of(request);
        if (why || clock_boot(clock_system()) > end) {
            (void)cli_fail("no certificate was issued: %s", why ? why : "nobody signs it");
            return NULL;
        }
        nanosleep(&(struct timespec){.tv_nsec = 50 * NS_PER_MS}, NULL);
    }
}

static int issue(struct cli *cli, const struct user_options *o, const char *user,
                 struct credentials *ret)
{
    struct err err = {0};
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf request, secret;
    cleanup(value_free) struct value *posted = NULL;
    autofree char *name = request_name(user);
    autofree char *path = xasprintf(REQUESTS "/%s", name);
    buf_init(&request, 0);
    buf_init(&secret, 0);
    if (key_generate(&key, &err) < 0 || key_write_private(key, &secret, &err) < 0 ||
        csr_write(key, user, NULL, &request, &err) < 0) {
        (void)cli_fail("%s", err.msg);
        return -1;
    }
    ret->key_pem = buf_steal(&secret, NULL);
    if (post_request(cli, o, name, request.data, &posted) < 0 || approve(cli, path, posted) < 0)
        return -1;
    ret->cert_pem = await_certificate(cli, path);
    return ret->cert_pem ? 0 : -1;
}

static int add(struct cli *cli, const struct user_options *o, const char *name)
{
    cleanup(credentials_done) struct credentials made = {.user = name};
    if (o->valid_ns < MIN_VALID_NS)
        return cli_usage(&verb_user, "--valid: must be ten minutes or more");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    made.server = o->server ? o->server : cli->config->server;
    made.ca_pem = cli->config->ca_pem;
    if (make_user(cli, o, name) < 0 || issue(cli, o, name, &made) < 0)
        return EXIT_FAILED;
    struct err err = {0};
    int rc = o->dir ? credentials_save(&made, o->dir, &err) : credentials_print(&made);
    return rc < 0 ? cli_fail("%s", err.msg) : EXIT_DONE;
}

/* ---- the rest ---- */

static int set_disabled(struct cli *cli, const char *name, bool disabled)
{
    cleanup(value_free) struct value *patch = value_new_map();
    cleanup(value_free) struct value *answer = NULL;
    autofree char *path = xasprintf(USERS "/%s", name);
    value_set_bool(value_make_map(patch, "spec", NULL), "disabled", disabled);
    int code = send_json(cli, "PATCH", path, "application/merge-patch+json", patch, &answer);
    if (cli_check(code, answer) < 0)
        return EXIT_FAILED;
    printf("user/%s %s\n", name, disabled ? "disabled" : "enabled");
    return EXIT_DONE;
}

static int disable(struct cli *cli, const struct user_options *o, const char *name)
{
    (void)o;
    return set_disabled(cli, name, true);
}

static int enable(struct cli *cli, const struct user_options *o, const char *name)
{
    (void)o;
    return set_disabled(cli, name, false);
}

static int remove_user(struct cli *cli, const struct user_options *o, const char *name)
{
    cleanup(value_free) struct value *answer = NULL;
    autofree char *path = xasprintf(USERS "/%s", name);
    const struct client_request request = {.method = "DELETE", .path = path};
    (void)o;
    if (cli_call_ok(cli, &request, &answer) < 0)
        return EXIT_FAILED;
    bool kept = value_get(value_get(answer, "metadata"), "deletionTimestamp");
    printf("user/%s removed%s\n", name,
           kept ? "; its name stays taken until its certificates are over" : "");
    return EXIT_DONE;
}

static int list(struct cli *cli)
{
    char words[] = "users.limpet.io", *all[] = {words, NULL};
    autofree void *options = xcalloc(1, verb_get.size);
    if (verb_get.defaults)
        memcpy(options, verb_get.defaults, verb_get.size);
    return verb_get.run(cli, options, all, 1);
}

static const struct {
    const char *word;
    int (*run)(struct cli *cli, const struct user_options *o, const char *name);
} actions[] = {{"add", add}, {"disable", disable}, {"enable", enable}, {"remove", remove_user}};

static int run_user(struct cli *cli, const void *options, char **words, size_t count)
{
    if (count == 1 && str_eq(words[0], "list"))
        return list(cli);
    for (size_t i = 0; i < ARRAY_LEN(actions) && count > 0; i++) {
        if (!str_eq(actions[i].word, words[0]))
            continue;
        if (count != 2 || strchr(words[1], '/'))
            return cli_usage(&verb_user, "%s: say which one user", words[0]);
        return actions[i].run(cli, options, words[1]);
    }
    return cli_usage(&verb_user, "want 'add', 'list', 'disable', 'enable' or 'remove'");
}

static const struct user_options defaults = {.valid_ns = INT64_C(90) * 24 * 3600 * NS_PER_S};

const struct verb verb_user = {
    .name = "user",
    .usage = "add NAME [--group G]... [--valid TIME] [--dir DIR] | list | disable NAME | enable "
             "NAME | remove NAME",
    .summary = "people and programs: their credentials for the API and the bus",
    .details = "'add' makes the User, a key and a certificate, and prints a kubeconfig with them; "
               "with --dir\nit writes ca.crt, client.crt, client.key and kubeconfig into that "
               "folder. The same\ncertificate is good for MQTT. Added once more, a user gets a "
               "further certificate.\nWhoever is disabled or removed is refused at once, and what "
               "he has open is ended.\n",
    .options =
        (const struct arg_option[]){
            {"group", 0, ARG_LIST, offsetof(struct user_options, groups), "GROUP",
             "a group it is in; may be given again", NULL},
            {"valid", 0, ARG_DURATION, offsetof(struct user_options, valid_ns), "TIME",
             "how long the certificate holds: 12h, 30d (default 90d, at most 365d)", NULL},
            {"dir", 0, ARG_STRING, offsetof(struct user_options, dir), "DIR",
             "write files there instead", NULL},
            {"server", 0, ARG_STRING, offsetof(struct user_options, server), "URL",
             "the gateway's address in the kubeconfig", NULL},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct user_options),
    .run = run_user,
};
