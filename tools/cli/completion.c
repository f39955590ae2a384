/* limpet completion, and limpet complete, which its script calls. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "tools/cli/resource.h"
#include "tools/cli/verbs.h"

#include <fcntl.h>
#include <stdio.h>

#define ASK_MS 1500 /* nobody waits longer behind a key */

extern const char completion_script[]; /* limpet.bash */

static int run_completion(struct cli *cli, const void *options, char **words, size_t count)
{
    (void)cli, (void)options;
    if (count != 1 || !str_eq(words[0], "bash"))
        return cli_usage(&verb_completion, "for which shell? There is 'bash'");
    fputs(completion_script, stdout);
    return EXIT_DONE;
}

const struct verb verb_completion = {
    .name = "completion",
    .usage = "bash",
    .summary = "print the script that completes words in a shell",
    .details = "For this shell: source <(limpet completion bash). Installed from a package, it is "
               "there already.\n",
    .run = run_completion,
};

static void offer_options(const struct arg_option *options)
{
    for (; options && options->name; options++)
        printf("--%s\n", options->name);
}

static const struct arg_option *option_of(const struct arg_option *options, const char *word)
{
    for (; options && options->name; options++) {
        bool is_short = options->letter && word[0] == '-' && word[1] == options->letter && !word[2];
        if (is_short || (str_has_prefix(word, "--") && str_eq(word + 2, options->name)))
            return options->type == ARG_FLAG ? NULL : options;
    }
    return NULL;
}

/* The values that an option takes: listed ones, files, namespaces. */
static void offer_values(const struct arg_option *option)
{
    if (str_eq(option->meta, "FILE"))
        puts(":files");
    for (const char *at = option->values; at && *at;) {
        size_t len = strcspn(at, "|");
        printf("%.*s\n", (int)len, at);
        at += len + (at[len] == '|');
    }
}

static void offer_kinds(const char *suffix)
{
    const struct schema_kind *kind;
    for (size_t i = 0; (kind = kinds_at(NULL, i)); i++)
        if (schema_has_verb(kind, "get"))
            printf("%s%s\n", *suffix ? kind->singular : kind->plural, suffix);
}

/* Names of objects, from the server if it is quick. Silent: nobody reads errors here. */
static void offer_names(struct cli *cli, const char *kind_name, const char *prefix)
{
    const struct schema_kind *kind = kinds_find_name(NULL, kind_name);
    struct err err = {0};
    if (!kind || kubeconfig_load(cli->kubeconfig, cli->context, &cli->config, &err) < 0 ||
        client_new(cli->config, &cli->client, &err) < 0)
        return;
    cleanup(resource_free) struct resource *r = resource_of(kind);
    autofree char *path = resource_path(r, cli_namespace(cli), NULL);
    const struct client_request request = {.method = "GET", .path = path, .timeout_ms = ASK_MS};
    cleanup(value_free) struct value *list = NULL;
    if (cli_call(cli, &request, &list) != 200)
        return;
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const char *name = value_get_str(value_get(value_at(items, i), "metadata"), "name");
        if (name)
            printf("%s%s\n", prefix, name);
    }
}

struct completion {
    struct cli *cli;
    const struct verb *verb;
    char **words; /* behind the verb, the last is the one that is being typed */
    size_t count;
};

/* Words of the verb that are not options nor their values, without the last; ret holds count. */
static size_t plain_words(const struct completion *c, const char **ret)
{
    size_t n = 0;
    for (size_t i = 0; i + 1 < c->count; i++) {
        const char *word = c->words[i];
        if (option_of(c->verb->options, word) || option_of(cli_options, word)) {
            bool is_namespace = str_eq(word, "-n") || str_eq(word, "--namespace");
            i++;
            if (is_namespace && i + 1 < c->count)
                c->cli->ns = c->words[i];
        } else if (word[0] != '-') {
            ret[n++] = word;
        }
    }
    return n;
}

static void offer_words(const struct completion *c)
{
    const char *last = c->words[c->count - 1];
    autofree const char **plain = xcalloc(c->count, sizeof(*plain));
    size_t n = plain_words(c, plain);
    const char *slash = strchr(last, '/');
    bool many = c->verb == &verb_pause || c->verb == &verb_resume;
    if (c->verb == &verb_logs || many || (c->verb == &verb_why && !slash)) {
        if (n == 0 || many)
            offer_names(c->cli, "pods", slash ? "pod/" : "");
    } else if (c->verb == &verb_user) {
        puts("add\nlist\ndisable\nenable\nremove");
    } else if (c->verb == &verb_image) {
        puts(n == 0 ? "push\nlist\nremove\npull" : str_eq(plain[0], "push") ? ":files" : "");
    } else if (c->verb == &verb_token || c->verb == &verb_completion) {
        puts(c->verb == &verb_token ? "create" : "bash");
    } else if (c->verb == &verb_backup || c->verb == &verb_restore) {
        puts(":files");
    } else if (c->verb == &verb_help) {
        for (const struct verb *const *verb = verbs; *verb; verb++)
            puts((*verb)->name);
    } else if (slash) {
        autofree char *kind = xstrndup(last, (size_t)(slash - last));
        autofree char *prefix = xasprintf("%s/", kind);
        offer_names(c->cli, kind, prefix);
    } else if (n == 0) {
        offer_kinds("");
        offer_kinds("/");
    } else if (!strchr(plain[0], '/')) {
        offer_names(c->cli, plain[0], "");
    }
}

/* words: what stands behind "limpet" so far; the last one is being typed. */
static int run_complete(struct cli *cli, const void *options, char **words, size_t count)
{
    (void)options;
    size_t at = 0;
    while (at + 1 < count && words[at][0] == '-')
        at += option_of(cli_options, words[at]) ? 2 : 1;
    if (at + 1 >= count) {
        offer_options(cli_options);
        for (const struct verb *const *verb = verbs; *verb; verb++)
            if (*(*verb)->summary)
                puts((*verb)->name);
        return EXIT_DONE;
    }
    const struct completion c = {cli, verb_find(words[at]), words + at + 1, count - at - 1};
    if (!c.verb)
        return EXIT_FAILED;
    const char *last = c.words[c.count - 1], *before = c.count > 1 ? c.words[c.count - 2] : "";
    autofree char *name = xstrndup(last, strcspn(last, "="));
    if (strchr(last, '=') && last[0] == '-')
        before = name;
    const struct arg_option *option = option_of(c.verb->options, before);
    if (!option)
        option = option_of(cli_options, before);
    if (option && str_eq(option->meta, "NS")) {
        offer_names(cli, "namespaces", "");
    } else if (option) {
        offer_values(option);
    } else if (last[0] == '-') {
        offer_options(c.verb->options);
        offer_options(cli_options);
    } else {
        offer_words(&c);
    }
    return EXIT_DONE;
}

/* Without a summary it stands in no list. */
const struct verb verb_complete = {
    .name = "complete",
    .usage = "-- WORD...",
    .summary = "",
    .run = run_complete,
};
