#include "agent/limpetd/verbs.h"

#include "common/base/str.h"
#include "common/program/program.h"

#include <stdio.h>
#include <stdlib.h>

static const struct verb verbs[] = {
    {"run", "", "run the node's pods (what the service does)", verb_run},
    {"join", "TOKEN", "enrol this node at its gateway", verb_join},
    {"ps", "[-o json]", "list the pods of this node", verb_ps},
    {"why", "[NAMESPACE/]POD", "say why a pod is not (fully) running", verb_why},
    {"logs", "[-f] [--tail N] [NAMESPACE/]POD [CONTAINER]", "show a container's log", verb_logs},
    {"image", "load FILE [REFERENCE] | ls | prune [-o json]", "load, list, remove unused images",
     verb_image},
    {"teardown", "", "stop every pod, remove bridge and rules (uninstall)", verb_teardown},
};

static void help(FILE *to)
{
    fprintf(to, "limpetd runs the pods of a node, and shows them with everything else dead.\n\n"
                "Usage: limpetd [--config FILE] [--log-level LEVEL] VERB ...\n\nVerbs:\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        int width = 46 - (int)strlen(verbs[i].name);
        fprintf(to, "  %s %-*s %s\n", verbs[i].name, width, verbs[i].usage, verbs[i].help);
    }
    fprintf(to,
            "\nOptions:\n"
            "  --config FILE      configuration (default " CONFIG_FILE ", which may be missing)\n"
            "  --log-level LEVEL  error, warn, info (default) or debug\n"
            "  -h, --help         this text\n"
            "  --version          the version\n\n"
            "Exit codes: 0 done, 1 failed, 2 wrong usage. See limpetd(8).\n");
}

static int usage(const char *message, const char *what)
{
    fprintf(stderr, "limpetd: %s%s\nTry 'limpetd --help'.\n", message, what);
    return 2;
}

static const struct verb *find_verb(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (str_eq(verbs[i].name, name))
            return &verbs[i];
    return NULL;
}

static int run_verb(const struct verb *verb, const struct program_args *given, int argc,
                    char **argv)
{
    struct config *config = NULL;
    struct err err = {0};
    if (config_load(given->config_file, given->config_given, &config, &err) < 0) {
        fprintf(stderr, "limpetd: %s\n", err.msg);
        return 1;
    }
    const struct verb_args args = {.config = config, .argc = argc, .argv = argv};
    int code = verb->run(&args);
    if (code == 2)
        fprintf(stderr, "Usage: limpetd %s %s\n", verb->name, verb->usage);
    config_free(config);
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
