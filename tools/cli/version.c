/* limpet version */

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

struct version_options {
    const char *output;
    bool client;
};

static int run_version(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct version_options *o = options;
    if (count > 0)
        return cli_usage(&verb_version, "'%s': no words are wanted", words[0]);
    cleanup(value_free) struct value *all = value_new_map(), *server = NULL;
    value_set_str(value_make_map(all, "clientVersion", NULL), "version", LIMPET_VERSION);
    if (!o->output)
        printf("Client: limpet " LIMPET_VERSION "\n");
    int code = EXIT_DONE;
    if (!o->client && cli_get_ok(cli, "/version", &server) < 0)
        code = EXIT_FAILED;
    if (server && !o->output) {
        const char *version = value_get_str(server, "gitVersion");
        printf("Server: Kubernetes API %s\n", version ? version : "of an unknown version");
    }
    if (server)
        value_set(all, "serverVersion", steal(server));
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    if (str_eq(o->output, "json") && json_write_pretty(all, &text) == 0)
        fputs(buf_str(&text), stdout);
    if (str_eq(o->output, "yaml") && yaml_write(all, &text) == 0)
        fputs(buf_str(&text), stdout);
    return code;
}

const struct verb verb_version = {
    .name = "version",
    .usage = "",
    .summary = "show the versions of this program and of the gateway",
    .options =
        (const struct arg_option[]){
            {"client", 0, ARG_FLAG, offsetof(struct version_options, client), NULL,
             "of this program only", NULL},
            {"output", 'o', ARG_STRING, offsetof(struct version_options, output), "FORMAT",
             "json or yaml", "json|yaml"},
            {0},
        },
    .size = sizeof(struct version_options),
    .run = run_version,
};
