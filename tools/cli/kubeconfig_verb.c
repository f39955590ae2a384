/* limpet kubeconfig */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/credentials.h"
#include "tools/cli/verbs.h"

struct kubeconfig_options {
    const char *server;
};

static int run_kubeconfig(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct kubeconfig_options *o = options;
    (void)words;
    if (count != 0)
        return cli_usage(&verb_kubeconfig, "wants no words");
    if (o->server && !str_has_prefix(o->server, "https://"))
        return cli_usage(&verb_kubeconfig, "--server: must begin with https://");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    const struct kubeconfig *config = cli->config;
    if (!config->cert_pem && !config->token)
        return cli_fail("%s: holds neither a certificate nor a token", config->file);
    cleanup(credentials_done) struct credentials shown = {
        .user = config->username ? config->username : "admin",
        .server = o->server ? o->server : config->server,
        .ca_pem = config->ca_pem,
        .cert_pem = config->cert_pem ? xstrdup(config->cert_pem) : NULL,
        .key_pem = config->key_pem ? xstrdup(config->key_pem) : NULL,
        .token = config->token ? xstrdup(config->token) : NULL,
    };
    return credentials_print(&shown) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static const struct kubeconfig_options defaults;

const struct verb verb_kubeconfig = {
    .name = "kubeconfig",
    .usage = "[--server URL]",
    .summary = "print a kubeconfig that holds all that kubectl needs, to take elsewhere",
    .details = "On the gateway it is the admin's, unless --kubeconfig says otherwise. It holds "
               "his key:\nfor others, 'limpet user add' makes credentials of their own.\n",
    .options =
        (const struct arg_option[]){
            {"server", 0, ARG_STRING, offsetof(struct kubeconfig_options, server), "URL",
             "the gateway's address as it is seen from there: https://gateway.local:6443", NULL},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct kubeconfig_options),
    .run = run_kubeconfig,
};
