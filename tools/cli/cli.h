#pragma once
/* What every verb has: the options that all share, the server, the table of verbs. */

#include "common/data/value.h"
#include "common/program/args.h"
#include "tools/cli/client.h"

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

struct cli {
    const char *kubeconfig, *context, *ns; /* options; NULL = not given */
    bool help;
    struct kubeconfig *config; /* after cli_connect */
    struct client *client;
};

struct verb {
    const char *name;
    const char *usage;                /* the words behind it: "KIND [NAME...]" */
    const char *summary;              /* one line */
    const char *details;              /* more for its --help: lines; may be NULL */
    const struct arg_option *options; /* NULL: none */
    const void *defaults;             /* of the struct that options fill, size bytes */
    size_t size;
    /* words end with NULL. Returns an exit code; EXIT_USAGE after having said what is wrong. */
    int (*run)(struct cli *cli, const void *options, char **words, size_t count);
};
extern const struct verb *const verbs[]; /* ends with NULL */
const struct verb *verb_find(const char *name);
extern const struct arg_option cli_options[]; /* of struct cli */

/* The whole program. argv as main() has it. */
int cli_main(int argc, char **argv);

/* Reads the kubeconfig and prepares the connection; does not connect yet. False after having said
 * why not. */
nodiscard bool cli_connect(struct cli *cli);
/* The namespace to work in: -n, the context's, "default". After cli_connect. */
const char *cli_namespace(const struct cli *cli);

/* "limpet: ..." on stderr; returns EXIT_FAILED or EXIT_USAGE. */
int cli_fail(const char *fmt, ...) printf_like(1, 2);
int cli_usage(const struct verb *verb, const char *fmt, ...) printf_like(2, 3);

/* A request whose answer is JSON. Returns HTTP's code with the answer in *ret (a Status if >= 400),
 * or a negative errno after having said why. Warnings go to stderr. Caller frees *ret. */
nodiscard int cli_call(struct cli *cli, const struct client_request *request, struct value **ret);
/* The same, but a negative errno is told in err instead of printed. */
nodiscard int cli_try(struct cli *cli, const struct client_request *request, struct value **ret,
                      struct err *err);
/* Of what cli_call gave: prints what is not a success. 0 or -1. */
nodiscard int cli_check(int code, const struct value *answer);
/* Both; *ret is only filled on success. 0 or -1. */
nodiscard int cli_call_ok(struct cli *cli, const struct client_request *request,
                          struct value **ret);
/* GET of a path. As cli_call, cli_call_ok. */
nodiscard int cli_get(struct cli *cli, const char *path, struct value **ret);
nodiscard int cli_get_ok(struct cli *cli, const char *path, struct value **ret);
