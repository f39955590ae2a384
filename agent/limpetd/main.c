#include "agent/limpetd/verbs.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/program/program.h"

#include <stdio.h>
#include <stdlib.h>

static const struct verb *const verbs[] = {
    &verb_run,  &verb_join,   &verb_ps,    &verb_why,      &verb_logs,
    &verb_exec, &verb_attach, &verb_image, &verb_teardown,
};

static void help(FILE *to)
{
    fprintf(to, "limpetd runs the pods of a node, and shows them with everything else dead.\n\n"
                "Usage: limpetd [--config FILE] [--log-level LEVEL] VERB ...\n\nVerbs:\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        int width = 46 - (int)strlen(verbs[i]->name);
        fprintf(to, "  %s %-*s %s\n", verbs[i]->name, width, verbs[i]->usage, verbs[i]->help);
    }
    fprintf(to,
            "\nOptions:\n"
            "  --config FILE      configuration (default " CONFIG_FILE ", which may be missing)\n"
            "  --log-level LEVEL  error, warn, info (default) or debug\n"
            "  -h, --help         this text\n"
            "  --version          the version\n\n"
            "Exit codes: 0 done, 1 failed, 2 wrong usage. See 'limpetd VERB --help' and "
            "limpetd(8).\n");
}

static int usage(const char *message, const char *what)
{
    fprintf(stderr, "limpetd: %s%s\nTry 'limpetd --help'.\n", message, what);
    return 2;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eq(verbs[i]->name, name))
            return verbs[i];
    return NULL;
}

static void print_usage(const struct verb *verb, FILE *to)
{
    fprintf(to, "Usage: limpetd %s%s%s\n", verb->name, *verb->usage ? " " : "", verb->usage);
}

static int verb_help(const struct verb *verb)
{
    cleanup(buf_done) struct buf options;
    buf_init(&options, 0);
    if (verb->options)
        args_help(verb->options, &options);
    printf("limpetd %s: %s\n\n", verb->name, verb->help);
    print_usage(verb, stdout);
    if (options.len > 0)
        printf("\nOptions:\n%s", buf_str(&options));
    return 0;
}

static int call(const struct verb *verb, const struct program_args *given, struct verb_args *args)
{
    struct err err = {0};
    struct config *config =
        program_config_load(&config_type, given->config_file, given->config_given, &err);
    if (!config) {
        fprintf(stderr, "limpetd: %s\n", err.msg);
        return 1;
    }
    args->config = config;
    args->config_file = given->config_given ? given->config_file : NULL;
    int code = verb->run(args);
    program_config_free(&config_type, config);
    return code;
}

static int run_verb(const struct verb *verb, const struct program_args *given, int argc,
                    char **argv)
{
    struct shared {
        bool help;
    } shared = {false};
    static const struct arg_option shared_options[] = {
        {"help", 'h', ARG_FLAG, offsetof(struct shared, help), NULL, "how this is used", NULL},
        {0},
    };
    autofree void *options = xcalloc(1, verb->size + 1);
    if (verb->defaults)
        memcpy(options, verb->defaults, verb->size);
    const struct arg_set sets[] = {{shared_options, &shared}, {verb->options, options}, {0}};
    struct err err = {0};
    int words = args_parse(sets, argc, argv, &err);
    struct verb_args args = {.options = options, .argc = words, .argv = argv};
    if (shared.help)
        return verb_help(verb);
    if (words < 0)
        fprintf(stderr, "limpetd %s: %s\n", verb->name, err.msg);
    int code = words < 0 ? 2 : call(verb, given, &args);
    if (code == 2) {
        print_usage(verb, stderr);
        fprintf(stderr, "Try 'limpetd %s --help'.\n", verb->name);
    }
    return code;
}

int main(int argc, char **argv)
{
    static const struct program program = {"limpetd", CONFIG_FILE, help};
    struct program_args args;
    int code = program_parse(&program, argc, argv, &args);
    if (code >= 0)
        return code;
    if (args.next == argc) {
        help(stderr);
        return 2;
    }
    const struct verb *verb = find_verb(argv[args.next]);
    if (!verb)
        return usage("no such verb: ", argv[args.next]);
    return run_verb(verb, &args, argc - args.next - 1, argv + args.next + 1);
}
