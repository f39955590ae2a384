/* limpet delete */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tools/cli/manifests.h"
#include "tools/cli/until.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

#define NOT_FOUND 404

struct delete_options {
    struct arg_list files;
    const char *selector, *output;
    int64_t grace_s; /* -1 = the object's own */
    int64_t timeout_ns;
    bool all, wait, force, ignore_missing;
};

struct deleter {
    struct cli *cli;
    const struct delete_options *options;
};

static void write_options(const struct delete_options *o, struct buf *ret)
{
    cleanup(value_free) struct value *body = value_new_map();
    value_set_str(body, "kind", "DeleteOptions");
    value_set_str(body, "apiVersion", "v1");
    value_set_str(body, "propagationPolicy", "Background");
    if (o->grace_s >= 0 || o->force)
        value_set_int(body, "gracePeriodSeconds", o->force ? 0 : o->grace_s);
    (void)json_write(body, ret);
}

static void report(const struct deleter *d, const struct resource *r, const char *name)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    resource_add_name(r, name, &text);
    if (str_eq(d->options->output, "name"))
        puts(buf_str(&text));
    else
        printf("%s deleted%s\n", buf_str(&text), d->options->force ? " (at once)" : "");
    fflush(stdout);
}

/* An answer is the object that is on its way out, or a Status with its uid. */
static const char *uid_of(const struct value *answer)
{
    const char *uid = value_get_str(value_get(answer, "metadata"), "uid");
    return uid ? uid : value_get_str(value_get(answer, "details"), "uid");
}

static int delete_one(const struct deleter *d, const struct resource *r, const char *ns,
                      const char *name)
{
    autofree char *path = resource_path(r, ns, name);
    cleanup(buf_done) struct buf body;
    buf_init(&body, 0);
    write_options(d->options, &body);
    const struct client_request request = {
        .method = "DELETE", .path = path, .body = body.data, .body_len = body.len};
    cleanup(value_free) struct value *answer = NULL;
    int code = cli_call(d->cli, &request, &answer);
    if (code == NOT_FOUND && d->options->ignore_missing)
        return EXIT_DONE;
    if (cli_check(code, answer) < 0)
        return EXIT_FAILED;
    if (d->options->wait) {
        const struct until until = {.what = UNTIL_DELETED,
                                    .uid = uid_of(answer),
                                    .deadline_boot_ns =
                                        clock_boot(clock_system()) + d->options->timeout_ns};
        code = until_wait(d->cli, r, ns, name, &until);
        if (code != EXIT_DONE)
            return code;
    }
    report(d, r, name);
    return EXIT_DONE;
}

/* All of a kind, or those with the labels. */
static int delete_many(const struct deleter *d, const struct resource *r, const char *ns)
{
    autofree char *plain = resource_path(r, ns, NULL);
    cleanup(buf_done) struct buf path;
    buf_init(&path, 0);
    (void)buf_addstr(&path, plain);
    query_add(&path, "labelSelector", d->options->selector);
    cleanup(value_free) struct value *list = NULL;
    if (cli_get_ok(d->cli, buf_str(&path), &list) < 0)
        return EXIT_FAILED;
    const struct value *items = value_get(list, "items");
    int code = EXIT_DONE;
    for (size_t i = 0; i < value_len(items); i++) {
        const char *name = value_get_str(value_get(value_at(items, i), "metadata"), "name");
        if (name && delete_one(d, r, ns, name) != EXIT_DONE)
            code = EXIT_FAILED;
    }
    if (value_len(items) == 0)
        fprintf(stderr, "No resources found\n");
    return code;
}

/* What the files name; the last first, so that a namespace goes after what is in it. */
static int delete_files(const struct deleter *d)
{
    cleanup(manifests_done) struct manifests manifests;
    manifests_init(&manifests);
    cleanup(buf_done) struct buf mistakes;
    buf_init(&mistakes, 0);
    if (manifests_read(&manifests, &d->options->files, cli_namespace(d->cli), &mistakes) < 0) {
        fprintf(stderr, "%slimpet: nothing was deleted\n", buf_str(&mistakes));
        return EXIT_FAILED;
    }
    manifests_sort(&manifests);
    int code = EXIT_DONE;
    for (size_t i = manifests.count; i-- > 0;) {
        const struct document *document = &manifests.items[i];
        cleanup(resource_free) struct resource *r = resource_of(document->kind);
        const char *name = object_name(document->object), *ns = object_namespace(document->object);
        if (name && delete_one(d, r, ns, name) != EXIT_DONE)
            code = EXIT_FAILED;
    }
    return code;
}

static int delete_targets(const struct deleter *d, const struct targets *targets)
{
    const struct delete_options *o = d->options;
    int code = EXIT_DONE;
    for (size_t i = 0; i < targets->count; i++) {
        const struct target *target = &targets->items[i];
        const char *ns = cli_namespace(d->cli);
        bool many = o->all || o->selector;
        if (many && target->name)
            return cli_usage(&verb_delete, "a name does not go with --all or --selector");
        if (!many && !target->name)
            return cli_usage(&verb_delete, "say which %s, or --all", target->resource->plural);
        int one = many ? delete_many(d, target->resource, ns)
                       : delete_one(d, target->resource, ns, target->name);
        code = one != EXIT_DONE ? one : code;
    }
    return code;
}

static int run_delete(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct deleter d = {cli, options};
    if (d.options->files.count > 0 && count > 0)
        return cli_usage(&verb_delete, "give files or names, not both");
    if (d.options->files.count == 0 && count == 0)
        return cli_usage(&verb_delete, "say what: KIND NAME, or -f FILE");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    if (d.options->files.count > 0)
        return delete_files(&d);
    cleanup(targets_done) struct targets targets;
    int code = targets_parse(cli, &verb_delete, words, count, &targets);
    return code != 0 ? code : delete_targets(&d, &targets);
}

static const struct delete_options defaults = {
    .grace_s = -1, .timeout_ns = 120 * NS_PER_S, .wait = true};

const struct verb verb_delete = {
    .name = "delete",
    .usage = "KIND NAME... | KIND/NAME... | -f FILE|DIR|-",
    .summary = "delete objects, and wait until they are gone",
    .details = "A pod is stopped by its node, within its grace period. --force forgets it without "
               "asking the\nnode: for nodes that never come back.\n",
    .options =
        (const struct arg_option[]){
            {"filename", 'f', ARG_LIST, offsetof(struct delete_options, files), "FILE",
             "what these files name; a folder; - for standard input", NULL},
            {"grace-period", 0, ARG_INT, offsetof(struct delete_options, grace_s), "SECONDS",
             "time that a pod has to end by itself", NULL},
            {"wait", 0, ARG_FLAG, offsetof(struct delete_options, wait), NULL,
             "until they are gone (default; --wait=false goes on at once)", NULL},
            {"timeout", 0, ARG_DURATION, offsetof(struct delete_options, timeout_ns), "TIME",
             "give up waiting after that (default 2m)", NULL},
            {"force", 0, ARG_FLAG, offsetof(struct delete_options, force), NULL,
             "at once, without the node", NULL},
            {"all", 0, ARG_FLAG, offsetof(struct delete_options, all), NULL,
             "all of that kind in the namespace", NULL},
            {"selector", 'l', ARG_STRING, offsetof(struct delete_options, selector), "LABELS",
             "those with these labels", NULL},
            {"ignore-not-found", 0, ARG_FLAG, offsetof(struct delete_options, ignore_missing), NULL,
             "what is not there is no error", NULL},
            {"output", 'o', ARG_STRING, offsetof(struct delete_options, output), "FORMAT", "name",
             "name"},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct delete_options),
    .run = run_delete,
};
