/* The program: which verb, its options, its help. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/verbs.h"

#include <locale.h>
#include <stdio.h>

static void print_verbs(FILE *to)
{
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (*(*verb)->summary)
            fprintf(to, "  %-12s %s\n", (*verb)->name, (*verb)->summary);
}

static void print_help(FILE *to)
{
    cleanup(buf_done) struct buf options;
    buf_init(&options, 0);
    args_help(cli_options, &options);
    fprintf(to, "limpet talks to a Limpet gateway: what shall run where, and what does.\n\n"
                "Usage: limpet VERB [WORDS] [OPTIONS]\n\nVerbs:\n");
    print_verbs(to);
    fprintf(to,
            "\nOptions of every verb:\n%s"
            "\nThe kubeconfig is the first there is of: --kubeconfig, $LIMPET_KUBECONFIG, "
            "$KUBECONFIG,\n/etc/limpet/admin.kubeconfig, "
            "/var/lib/limpet/controller/admin.kubeconfig, ~/.kube/config.\n"
            "Exit codes: 0 done, 1 failed or timed out, 2 wrong usage. See limpet(1), and "
            "'limpet VERB --help'.\n",
            buf_str(&options));
}

static int print_verb_help(const struct verb *verb)
{
    cleanup(buf_done) struct buf options;
    buf_init(&options, 0);
    if (verb->options)
        args_help(verb->options, &options);
    args_help(cli_options, &options);
    printf("limpet %s: %s\n\nUsage: limpet %s%s%s\n\nOptions:\n%s", verb->name, verb->summary,
           verb->name, *verb->usage ? " " : "", verb->usage, buf_str(&options));
    if (verb->details)
        printf("\n%s", verb->details);
    return EXIT_DONE;
}

const struct verb *verb_find(const char *name)
{
    for (const struct verb *const *verb = verbs; *verb; verb++)
        if (str_eq((*verb)->name, name))
            return *verb;
    return NULL;
}

static int unknown_verb(const char *name)
{
    fprintf(stderr, "limpet: no such verb: %s\nTry 'limpet help'.\n", name);
    return EXIT_USAGE;
}

static int run_help(struct cli *cli, const void *options, char **words, size_t count)
{
    (void)cli, (void)options;
    if (count == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    const struct verb *verb = verb_find(words[0]);
    return verb ? print_verb_help(verb) : unknown_verb(words[0]);
}

const struct verb verb_help = {
    .name = "help",
    .usage = "[VERB]",
    .summary = "show the verbs, or how one is used",
    .run = run_help,
};

/* The first word is the verb; options that all verbs share may stand before it. */
static int verb_at(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || !argv[i][1])
            return i;
        if (str_eq(argv[i], "--"))
            return i + 1 < argc ? i + 1 : 0;
        for (const struct arg_option *o = cli_options; o->name; o++) {
            bool is_long = argv[i][1] == '-' && str_eq(argv[i] + 2, o->name);
            bool is_short = o->letter && argv[i][1] == o->letter && !argv[i][2];
            if (o->type != ARG_FLAG && (is_long || is_short))
                i++; /* its value */
        }
    }
    return 0;
}

static int run_verb(struct cli *cli, const struct verb *verb, int argc, char **argv)
{
    autofree void *options = xcalloc(1, verb->size + 1);
    if (verb->defaults)
        memcpy(options, verb->defaults, verb->size);
    const struct arg_set sets[] = {
        {cli_options, cli},
        {verb->options, options}, /* NULL ends */
        {0},
    };
    struct err err = {0};
    int count = args_parse(sets, argc, argv, &err);
    if (count < 0)
        return cli_usage(verb, "%s", err.msg);
    if (cli->help)
        return print_verb_help(verb);
    argv[count] = NULL;
    return verb->run(cli, options, argv, (size_t)count);
}

/* "limpet", "limpet --help", "limpet --version". */
static int run_bare(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (str_eq(argv[i], "-h") || str_eq(argv[i], "--help")) {
            print_help(stdout);
            return EXIT_DONE;
        }
        if (str_eq(argv[i], "--version")) {
            puts("limpet " LIMPET_VERSION);
            return EXIT_DONE;
        }
    }
    print_help(stderr);
    return EXIT_USAGE;
}

int cli_main(int argc, char **argv)
{
    setlocale(LC_CTYPE, "C.UTF-8");
    int at = verb_at(argc, argv);
    if (at == 0)
        return run_bare(argc, argv);
    const struct verb *verb = verb_find(argv[at]);
    if (!verb)
        return unknown_verb(argv[at]);
    /* Without the verb: what stood before it counts too. */
    autofree char **rest = xcalloc((size_t)argc, sizeof(*rest));
    int count = 0;
    for (int i = 1; i < argc; i++)
        if (i != at)
            rest[count++] = argv[i];
    struct cli cli = {0};
    int code = run_verb(&cli, verb, count, rest);
    client_free(cli.client);
    kubeconfig_free(cli.config);
    if (fflush(stdout) != 0 && code == EXIT_DONE)
        code = cli_fail("cannot write: %m");
    return code;
}
