/* limpet logs */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/status.h"
#include "tools/cli/verbs.h"
#include "tools/cli/resource.h"

#include <errno.h>
#include <stdio.h>

struct logs_options {
    const char *container;
    int64_t tail;     /* lines; -1 = all */
    int64_t since_ns; /* -1 = from the beginning */
    int64_t limit;    /* bytes; -1 = none */
    bool follow, previous, timestamps;
};

static bool on_data(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    return fwrite(data, 1, len, stdout) == len && fflush(stdout) == 0;
}

/* A pod of several containers: the one that its annotation names, else the first. *ret NULL: the
 * server may choose. Returns 0 or -1. */
static int choose(struct cli *cli, const char *pod_path, const char *pod_name, char **ret)
{
    cleanup(value_free) struct value *pod = NULL;
    if (cli_get_ok(cli, pod_path, &pod) < 0)
        return -1;
    const struct value *list = value_path(pod, "spec", "containers", NULL);
    const char *first = value_get_str(value_at(list, 0), "name");
    const char *named = value_get_str(value_path(pod, "metadata", "annotations", NULL),
                                      "kubectl.kubernetes.io/default-container");
    if (value_len(list) < 2 || !first)
        return 0;
    *ret = xstrdup(named ? named : first);
    if (named)
        return 0;
    fprintf(stderr, "pod/%s has several containers; this is %s. Others:", pod_name, first);
    for (size_t i = 1; i < value_len(list); i++)
        fprintf(stderr, " %s", value_get_str(value_at(list, i), "name"));
    fputc('\n', stderr);
    return 0;
}

static void add_number(struct buf *path, const char *key, int64_t number)
{
    autofree char *text = xasprintf("%lld", (long long)number);
    query_add(path, key, number >= 0 ? text : NULL);
}

static void add_query(struct buf *path, const struct logs_options *o, const char *container)
{
    (void)buf_addstr(path, "/log");
    query_add(path, "container", container);
    query_add(path, "follow", o->follow ? "true" : NULL);
    query_add(path, "previous", o->previous ? "true" : NULL);
    query_add(path, "timestamps", o->timestamps ? "true" : NULL);
    add_number(path, "tailLines", o->tail);
    /* Whole seconds, and never 0, which is no time at all. */
    add_number(path, "sinceSeconds",
               o->since_ns < 0 ? -1 : (o->since_ns + NS_PER_S - 1) / NS_PER_S);
    add_number(path, "limitBytes", o->limit);
}

static int stream(struct cli *cli, const char *path)
{
    const struct client_request request = {
        .method = "GET", .path = path, .accept = "*/*", .stream = true, .data = on_data};
    cleanup(client_answer_done) struct client_answer answer;
    struct err err = {0};
    int rc = client_call(cli->client, &request, &answer, &err);
    if (rc == -ECANCELED)
        return cli_fail("cannot write: %m");
    if (rc < 0)
        return cli_fail("%s", err.msg);
    if (answer.code < 300)
        return EXIT_DONE;
    cleanup(value_free) struct value *status =
        status_parse(answer.code, buf_str(&answer.body), answer.body.len);
    return cli_check(answer.code, status) < 0 ? EXIT_FAILED : EXIT_DONE;
}

static int run_logs(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct logs_options *o = options;
    if (count < 1 || count > 2)
        return cli_usage(&verb_logs, "say of which pod");
    if (!cli_connect(cli))
        return EXIT_FAILED;
    const char *slash = strchr(words[0], '/');
    const char *pod = slash ? slash + 1 : words[0];
    if (slash && !str_has_prefix(words[0], "pod/") && !str_has_prefix(words[0], "pods/") &&
        !str_has_prefix(words[0], "po/"))
        return cli_usage(&verb_logs, "'%s': only pods have logs", words[0]);
    cleanup(resource_free) struct resource *pods = resource_find(cli, "pods");
    if (!pods)
        return EXIT_FAILED;
    autofree char *pod_path = resource_path(pods, cli_namespace(cli), pod), *chosen = NULL;
    const char *container = count == 2 ? words[1] : o->container;
    if (!container && choose(cli, pod_path, pod, &chosen) < 0)
        return EXIT_FAILED;
    cleanup(buf_done) struct buf path;
    buf_init(&path, 0);
    (void)buf_addstr(&path, pod_path);
    add_query(&path, o, container ? container : chosen);
    return stream(cli, buf_str(&path));
}

static const struct logs_options defaults = {.tail = -1, .since_ns = -1, .limit = -1};

const struct verb verb_logs = {
    .name = "logs",
    .usage = "[pod/]POD [CONTAINER]",
    .summary = "show what a container wrote",
    .options =
        (const struct arg_option[]){
            {"follow", 'f', ARG_FLAG, offsetof(struct logs_options, follow), NULL,
             "go on with what it writes", NULL},
            {"container", 'c', ARG_STRING, offsetof(struct logs_options, container), "NAME",
             "this container of the pod", NULL},
            {"previous", 'p', ARG_FLAG, offsetof(struct logs_options, previous), NULL,
             "the one before its last restart", NULL},
            {"tail", 0, ARG_INT, offsetof(struct logs_options, tail), "LINES",
             "only the last lines", NULL},
            {"since", 0, ARG_DURATION, offsetof(struct logs_options, since_ns), "TIME",
             "only what is newer than that: 90s, 2h", NULL},
            {"limit-bytes", 0, ARG_INT, offsetof(struct logs_options, limit), "BYTES",
             "no more than that", NULL},
            {"timestamps", 0, ARG_FLAG, offsetof(struct logs_options, timestamps), NULL,
             "the time before each line", NULL},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct logs_options),
    .run = run_logs,
};
