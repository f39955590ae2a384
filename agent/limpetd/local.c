/* What works with everything else dead. */

#include "agent/limpetd/verbs.h"

#include "agent/limpetd/local_pods.h"
#include "agent/logs/logs.h"
#include "agent/pod/status.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/pod_summary.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int fail(const struct err *err)
{
    fprintf(stderr, "limpetd: %s\n", err->msg);
    return 1;
}

/* ps */

static const char *or_unknown(const char *text)
{
    return str_empty(text) ? "?" : text;
}

/* What `limpet get` shows, and that it is on its way out, which only the node knows at once. */
static void add_state(const struct value *pod, struct buf *ret)
{
    if (value_get_bool(pod, "stopping", false))
        (void)buf_addstr(ret, "Terminating");
    else
        pod_summary(pod, ret);
}

static void print_row(const struct value *pod)
{
    const struct value *meta = value_get(pod, "metadata"), *status = value_get(pod, "status");
    const struct value *containers = value_get(status, "containerStatuses");
    const char *ip = value_get_str(status, "podIP");
    size_t ready = 0;
    int64_t restarts = 0;
    for (size_t i = 0; i < value_len(containers); i++) {
        const struct value *c = value_at(containers, i);
        ready += value_get_bool(c, "ready", false);
        restarts += value_get_int(c, "restartCount", 0);
    }
    cleanup(buf_done) struct buf state;
    buf_init(&state, 0);
    add_state(pod, &state);
    printf("%-16s %-32s %zu/%-4zu %-24s %-9lld %s\n", or_unknown(value_get_str(meta, "namespace")),
           or_unknown(value_get_str(meta, "name")), ready, value_len(containers), buf_str(&state),
           (long long)restarts, str_empty(ip) ? "-" : ip);
}

static int compare(const struct value *a, const struct value *b)
{
    const struct value *x = value_get(a, "metadata"), *y = value_get(b, "metadata");
    int order = strcmp(or_unknown(value_get_str(x, "namespace")),
                       or_unknown(value_get_str(y, "namespace")));
    return order
               ? order
               : strcmp(or_unknown(value_get_str(x, "name")), or_unknown(value_get_str(y, "name")));
}

/* By namespace and name. */
static void insert_sorted(struct value *list, const struct value *pod)
{
    size_t i = value_len(list);
    while (i > 0 && compare(pod, value_at(list, i - 1)) < 0)
        i--;
    value_insert(list, i, value_copy(pod));
}

static int collect(void *ctx, const struct value *pod)
{
    insert_sorted(ctx, pod);
    return 0;
}

static void print_json(const struct value *pods)
{
    cleanup(value_free) struct value *list = value_new_map();
    value_set_str(list, "apiVersion", "v1");
    value_set_str(list, "kind", "List");
    value_set(list, "items", value_copy(pods));
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write_pretty(list, &text);
    fputs(buf_str(&text), stdout);
}

static void print_table(const struct value *pods)
{
    printf("%-16s %-32s %-6s %-24s %-9s %s\n", "NAMESPACE", "NAME", "READY", "STATUS", "RESTARTS",
           "IP");
    for (size_t i = 0; i < value_len(pods); i++)
        print_row(value_at(pods, i));
}

struct ps_options {
    const char *output;
};

static int ps(const struct verb_args *args)
{
    const struct ps_options *options = args->options;
    cleanup(value_free) struct value *pods = value_new_list();
    struct err err = {0};
    if (args->argc != 0)
        return 2;
    if (local_pods_each(args->config, collect, pods, &err) < 0)
        return fail(&err);
    if (options->output)
        print_json(pods);
    else
        print_table(pods);
    return 0;
}

const struct verb verb_ps = {
    .name = "ps",
    .usage = "[-o json]",
    .help = "list the pods of this node",
    .options =
        (const struct arg_option[]){
            {"output", 'o', ARG_STRING, offsetof(struct ps_options, output), "FORMAT", "json",
             "json"},
            {0},
        },
    .size = sizeof(struct ps_options),
    .run = ps,
};

static int why(const struct verb_args *args)
{
    if (args->argc != 1)
        return 2;
    struct err err = {0};
    cleanup(value_free) struct value *pod = NULL;
    if (local_pod_find(args->config, args->argv[0], &pod, &err) < 0)
        return fail(&err);
    const char *text = value_get_str(pod, "why");
    fputs(text ? text : "nothing is known\n", stdout);
    return 0;
}

const struct verb verb_why = {
    .name = "why",
    .usage = "[NAMESPACE/]POD",
    .help = "say why a pod is not (fully) running",
    .run = why,
};

/* logs */

struct logs_options {
    const char *container;
    int64_t tail; /* -1 = all */
    bool follow, previous, timestamps;
};

static size_t print_data(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    size_t done = fwrite(data, 1, len, stdout);
    fflush(stdout);
    return done;
}

static void print_end(void *ctx, int code, const char *message)
{
    if (code < 0)
        fprintf(stderr, "limpetd: %s\n", message);
    loop_stop(ctx, code < 0 ? 1 : 0);
}

static int show_log(const char *path, const struct logs_query *query)
{
    static const struct logs_sink sink = {print_data, print_end};
    struct err err = {0};
    struct loop *loop = NULL;
    struct logs *logs = NULL;
    int rc = loop_new(clock_system(), &loop, &err);
    if (rc == 0)
        rc = logs_open(loop, path, query, &sink, loop, &logs, &err);
    int code = rc < 0 ? fail(&err) : loop_run(loop);
    logs_free(logs);
    loop_free(loop);
    return code;
}

static int run_logs(const struct verb_args *args)
{
    const struct logs_options *o = args->options;
    if (args->argc < 1 || args->argc > 2)
        return 2;
    struct err err = {0};
    cleanup(value_free) struct value *pod = NULL;
    const char *container = NULL;
    if (local_pod_find(args->config, args->argv[0], &pod, &err) < 0 ||
        local_pod_container(pod, args->argc == 2 ? args->argv[1] : o->container, &container, &err) <
            0)
        return fail(&err);
    const struct value *meta = value_get(pod, "metadata");
    const char *name = value_get_str(meta, "name");
    autofree char *path =
        xasprintf("%s/%s_%s_%s/%s.log%s", args->config->log_dir, value_get_str(meta, "namespace"),
                  name, value_get_str(meta, "uid"), container, o->previous ? ".previous" : "");
    if (!o->follow && access(path, F_OK) < 0 &&
        pod_status_has_run(value_get(pod, "status"), name, container, o->previous, &err) < 0)
        return fail(&err);
    const struct logs_query query = {
        .tail_lines = o->tail, .follow = o->follow, .timestamps = o->timestamps};
    return show_log(path, &query);
}

static const struct logs_options logs_defaults = {.tail = -1};

const struct verb verb_logs = {
    .name = "logs",
    .usage = "[-f] [--tail N] [NAMESPACE/]POD [CONTAINER]",
    .help = "show a container's log",
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
            {"timestamps", 0, ARG_FLAG, offsetof(struct logs_options, timestamps), NULL,
             "the time before each line", NULL},
            {0},
        },
    .defaults = &logs_defaults,
    .size = sizeof(struct logs_options),
    .run = run_logs,
};
