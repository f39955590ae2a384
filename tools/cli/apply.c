/* limpet apply */

#include "controller/server/apply.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tools/cli/manifests.h"
#include "tools/cli/resource.h"
#include "tools/cli/status.h"
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
    query_add(&query, "dryRun", a->options->dry_run ? "All" : NULL);
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
    status_text(code, status, &text);
    fflush(stdout);
    fprintf(stderr, "%s: %s", a->document->file, buf_str(&text));
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
    }
    puts(buf_str(&text));
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

static int apply_document(struct cli *cli, const struct apply_options *options,
                          const struct document *document)
{
    cleanup(resource_free) struct resource *resource = resource_of(document->kind);
    struct applier a = {.cli = cli, .options = options, .resource = resource, .document = document};
    a.ns = object_namespace(document->object);
    a.name = object_name(document->object);
    for (int i = 0; i < ATTEMPTS; i++) {
        int rc = apply_once(&a);
        if (rc <= 0)
            return rc;
    }
    return -cli_fail("%s: %s/%s: it changes faster than it can be written; try again",
                     document->file, resource->singular, a.name);
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
    for (size_t i = 0; i < manifests.count; i++)
        if (apply_document(cli, o, &manifests.items[i]) < 0)
            code = EXIT_FAILED;
    return code;
}

const struct verb verb_apply = {
    .name = "apply",
    .usage = "-f FILE|DIR|- [-f ...]",
    .summary = "make what runs be what the files say",
    .details = "The files are checked first: with one mistake anywhere, each is named by file, "
               "line, path\nand reason, and nothing is sent. What an earlier apply declared and "
               "this one does not,\ngoes; what others set, stays.\n",
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
