/* limpet apply */

#include "controller/merge/apply.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "tools/cli/dryrun.h"
#include "tools/cli/manifests.h"
#include "tools/cli/mistake.h"
#include "tools/cli/resource.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

#define ATTEMPTS 5
enum { HTTP_NOT_FOUND = 404, HTTP_CONFLICT = 409 };

struct apply_options {
    struct arg_list files;
    const char *output;
    bool dry_run;
};

struct applier {
    struct cli *cli;
    const struct apply_options *options;
    struct resource *resource;
    const struct document *document;
    const char *ns, *name;
};

static const char *revision(const struct value *object)
{
    return value_get_str(value_get(object, "metadata"), "resourceVersion");
}

static int send_object(const struct applier *a, const char *method, const struct value *object,
                       struct value **ret)
{
    bool create = str_eq(method, "POST");
    autofree char *path = resource_path(a->resource, a->ns, create ? NULL : a->name);
    cleanup(buf_done) struct buf query, body;
    buf_init(&query, 0);
    buf_init(&body, 0);
    (void)buf_addstr(&query, path);
    query_add(&query, "fieldManager", "limpet");
    query_add(&query, "fieldValidation", "Strict");
    (void)json_write(object, &body);
    const struct client_request request = {
        .method = method, .path = buf_str(&query), .body = body.data, .body_len = body.len};
    return cli_call(a->cli, &request, ret);
}

static int refuse(const struct applier *a, int code, const struct value *status)
{
    if (code < 0)
        return -1; /* said already */
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    mistake_add_status(&text, a->document, code, status);
    fflush(stdout);
    fputs(buf_str(&text), stderr);
    return -1;
}

static int report(const struct applier *a, const char *what, const struct value *object)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    if (str_eq(a->options->output, "json")) {
        (void)json_write_pretty(object, &text);
    } else {
        resource_add_name(a->resource, a->name, &text);
        if (!str_eq(a->options->output, "name"))
            (void)buf_addf(&text, " %s%s", what, a->options->dry_run ? " (dry run)" : "");
        (void)buf_addc(&text, '\n');
    }
    fputs(buf_str(&text), stdout);
    fflush(stdout);
    return 0;
}

/* 1 = somebody else was faster: again. */
static int create(const struct applier *a)
{
    cleanup(value_free) struct value *wanted =
        apply_merge(a->resource->known, NULL, a->document->object);
    cleanup(value_free) struct value *answer = NULL;
    int code = send_object(a, "POST", wanted, &answer);
    if (code == HTTP_CONFLICT && str_eq(value_get_str(answer, "reason"), "AlreadyExists"))
        return 1;
    if (code < 0 || code >= 300)
        return refuse(a, code, answer);
    return report(a, "created", answer);
}

static int update(const struct applier *a, const struct value *stored)
{
    cleanup(value_free) struct value *wanted =
        apply_merge(a->resource->known, stored, a->document->object);
    bool theirs = revision(wanted) != NULL; /* the document names the revision it means */
    if (!theirs)
        value_set_str(value_get(wanted, "metadata"), "resourceVersion", revision(stored));
    if (value_equal(wanted, stored))
        return report(a, "unchanged", stored);
    cleanup(value_free) struct value *answer = NULL;
    int code = send_object(a, "PUT", wanted, &answer);
    if ((code == HTTP_CONFLICT && !theirs) || code == HTTP_NOT_FOUND)
        return 1;
    if (code < 0 || code >= 300)
        return refuse(a, code, answer);
    bool same = str_eq(revision(answer), revision(stored));
    return report(a, same ? "unchanged" : "configured", answer);
}

static int apply_once(const struct applier *a)
{
    autofree char *path = resource_path(a->resource, a->ns, a->name);
    cleanup(value_free) struct value *stored = NULL;
    int code = cli_get(a->cli, path, &stored);
    if (code == HTTP_NOT_FOUND)
        return create(a);
    if (code < 0 || code >= 300)
        return refuse(a, code, stored);
    return update(a, stored);
}

static struct applier applier_of(struct cli *cli, const struct apply_options *options,
                                 const struct document *document)
{
    return (struct applier){.cli = cli,
                            .options = options,
                            .resource = resource_of(document->kind),
                            .document = document,
                            .ns = object_namespace(document->object),
                            .name = object_name(document->object)};
}

static int apply_document(struct cli *cli, const struct apply_options *options,
                          const struct document *document)
{
    struct applier a = applier_of(cli, options, document);
    int rc = 1;
    for (int i = 0; i < ATTEMPTS && rc > 0; i++)
        rc = apply_once(&a);
    if (rc > 0)
        rc = -cli_fail("%s: %s/%s: it changes faster than it can be written; try again",
                       document->file, a.resource->singular, a.name);
    resource_free(a.resource);
    return rc;
}

/* Only reached if something has changed since the gateway was asked: said is what was written. */
static int apply_all(struct cli *cli, const struct apply_options *options,
                     const struct manifests *manifests)
{
    size_t done = 0;
    for (size_t i = 0; i < manifests->count; i++)
        done += apply_document(cli, options, &manifests->items[i]) == 0;
    if (done == manifests->count)
        return EXIT_DONE;
    if (done == 0)
        return cli_fail("nothing was applied");
    return cli_fail("%zu of %zu objects were applied (those named above)", done, manifests->count);
}

static int report_dry_run(struct cli *cli, const struct apply_options *options,
                          const struct manifests *manifests, const struct value *results)
{
    for (size_t i = 0; i < manifests->count; i++) {
        struct applier a = applier_of(cli, options, &manifests->items[i]);
        const struct value *result = value_at(results, i);
        (void)report(&a, value_get_str(result, "action"), value_get(result, "object"));
        resource_free(a.resource);
    }
    return EXIT_DONE;
}

/* The gateway looks at every document before the first is written. */
static int try_and_apply(struct cli *cli, const struct apply_options *options,
                         const struct manifests *manifests)
{
    cleanup(value_free) struct value *results = NULL;
    cleanup(buf_done) struct buf mistakes;
    buf_init(&mistakes, 0);
    bool objects = options->dry_run && str_eq(options->output, "json");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    int code = dryrun_manifests(cli, manifests, objects, &results, &mistakes);
    if (code != EXIT_DONE)
        return code;
    if (mistakes.len > 0 && !WEAKENED(CLI_TRY_ALL)) {
        fprintf(stderr, "%slimpet: nothing was applied\n", buf_str(&mistakes));
        return EXIT_FAILED;
    }
    return options->dry_run ? report_dry_run(cli, options, manifests, results)
                            : apply_all(cli, options, manifests);
}

static int check(struct cli *cli, const struct manifests *manifests)
{
    int code = EXIT_DONE;
    for (size_t i = 0; i < manifests->count; i++) {
        const struct document *document = &manifests->items[i];
        const char *ns = object_namespace(document->object);
        if (cli->ns && document->kind->namespaced && !str_eq(ns, cli->ns))
            code = cli_fail("%s: %s: its namespace is '%s', which is not '%s' of --namespace",
                            document->file, object_name(document->object), ns, cli->ns);
        else if (!object_name(document->object))
            code =
                cli_fail("%s: %s: apply needs metadata.name", document->file, document->kind->kind);
    }
    return code;
}

static int run_apply(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct apply_options *o = options;
    if (count > 0)
        return cli_usage(&verb_apply, "'%s': files are given with -f", words[0]);
    if (o->files.count == 0)
        return cli_usage(&verb_apply, "say which files: -f FILE");
    /* Mistakes are told even with no gateway in reach. */
    cleanup(manifests_done) struct manifests manifests;
    manifests_init(&manifests);
    cleanup(buf_done) struct buf mistakes;
    buf_init(&mistakes, 0);
    struct err err = {0};
    bool have = kubeconfig_load(cli->kubeconfig, cli->context, &cli->config, &err) == 0;
    if (manifests_read(&manifests, &o->files, cli_namespace(cli), &mistakes) < 0) {
        fprintf(stderr, "%slimpet: nothing was applied\n", buf_str(&mistakes));
        return EXIT_FAILED;
    }
    int code = check(cli, &manifests);
    if (code != EXIT_DONE)
        return code;
    if (!have)
        return cli_fail("%s", err.msg);
    manifests_sort(&manifests);
    return try_and_apply(cli, o, &manifests);
}

const struct verb verb_apply = {
    .name = "apply",
    .usage = "-f FILE|DIR|- [-f ...]",
    .summary = "make what runs be what the files say",
    .details = "All files are checked first, here and then by the gateway: with one mistake "
               "anywhere, each is\nnamed by file, line, path and reason, and nothing is applied. "
               "What an earlier apply declared\nand this one does not, goes; what others set, "
               "stays.\n",
    .options =
        (const struct arg_option[]){
            {"filename", 'f', ARG_LIST, offsetof(struct apply_options, files), "FILE",
             "YAML or JSON; a folder; - for standard input", NULL},
            {"dry-run", 0, ARG_FLAG, offsetof(struct apply_options, dry_run), NULL,
             "ask the gateway, but change nothing", NULL},
            {"output", 'o', ARG_STRING, offsetof(struct apply_options, output), "FORMAT",
             "json or name", "json|name"},
            {0},
        },
    .size = sizeof(struct apply_options),
    .run = run_apply,
};
