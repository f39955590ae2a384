#include "tools/cli/cli.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/answer.h"
#include "tools/cli/status.h"
#include "tools/cli/text.h"

#include <errno.h>
#include <stdio.h>

const struct arg_option cli_options[] = {
    {"kubeconfig", 0, ARG_STRING, offsetof(struct cli, kubeconfig), "FILE",
     "where the gateway is and who we are", NULL},
    {"context", 0, ARG_STRING, offsetof(struct cli, context), "NAME", "the context of it to use",
     NULL},
    {"namespace", 'n', ARG_STRING, offsetof(struct cli, ns), "NS", "the namespace to work in",
     NULL},
    {"help", 'h', ARG_FLAG, offsetof(struct cli, help), NULL, "how this is used", NULL},
    {0},
};

int cli_fail(const char *fmt, ...)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    va_list args;
    va_start(args, fmt);
    autofree char *message = NULL;
    if (vasprintf(&message, fmt, args) >= 0)
        (void)buf_addstr(&text, message);
    va_end(args);
    text_clean(&text, 0);
    fflush(stdout);
    fprintf(stderr, "limpet: %s\n", buf_str(&text));
    return EXIT_FAILED;
}

int cli_usage(const struct verb *verb, const char *fmt, ...)
{
    fprintf(stderr, "limpet %s: ", verb->name);
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fprintf(stderr, "\nUsage: limpet %s %s\nTry 'limpet %s --help'.\n", verb->name, verb->usage,
            verb->name);
    return EXIT_USAGE;
}

bool cli_connect(struct cli *cli)
{
    struct err err = {0};
    if (cli->client)
        return true;
    if ((!cli->config && kubeconfig_load(cli->kubeconfig, cli->context, &cli->config, &err) < 0) ||
        client_new(cli->config, &cli->client, &err) < 0) {
        (void)cli_fail("%s", err.msg);
        return false;
    }
    return true;
}

const char *cli_namespace(const struct cli *cli)
{
    if (!str_empty(cli->ns))
        return cli->ns;
    return cli->config ? cli->config->ns : "default";
}

static void print_warnings(const struct client_answer *answer)
{
    for (size_t i = 0; i < answer->n_warning; i++)
        fprintf(stderr, "Warning: %s\n", answer->warnings[i]);
}

int cli_try(struct cli *cli, const struct client_request *request, struct value **ret,
            struct err *err)
{
    cleanup(client_answer_done) struct client_answer answer;
    int rc = client_call(cli->client, request, &answer, err);
    print_warnings(&answer);
    if (rc < 0)
        return rc;
    const char *body = buf_str(&answer.body);
    if (answer.code >= 300) {
        *ret = status_parse(answer.code, body, answer.body.len);
        return answer.code;
    }
    rc = answer_parse(body, answer.body.len, ret, err);
    return rc < 0 ? err_wrap(err, "the answer of %s", request->path) : answer.code;
}

int cli_call(struct cli *cli, const struct client_request *request, struct value **ret)
{
    if (!cli_connect(cli))
        return -ENOTCONN;
    struct err err = {0};
    int code = cli_try(cli, request, ret, &err);
    if (code < 0)
        (void)cli_fail("%s", err.msg);
    return code;
}

int cli_check(int code, const struct value *answer)
{
    if (code < 0)
        return -1;
    if (code < 300)
        return 0;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    status_text(code, answer, &text);
    fflush(stdout);
    fputs(buf_str(&text), stderr);
    return -1;
}

int cli_call_ok(struct cli *cli, const struct client_request *request, struct value **ret)
{
    cleanup(value_free) struct value *value = NULL;
    int code = cli_call(cli, request, &value);
    if (cli_check(code, value) < 0)
        return -1;
    *ret = steal(value);
    return 0;
}

int cli_get(struct cli *cli, const char *path, struct value **ret)
{
    const struct client_request request = {.method = "GET", .path = path};
    return cli_call(cli, &request, ret);
}

int cli_get_ok(struct cli *cli, const char *path, struct value **ret)
{
    const struct client_request request = {.method = "GET", .path = path};
    return cli_call_ok(cli, &request, ret);
}
