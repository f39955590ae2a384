/* /exec, /attach and /portforward of a pod: whether it may be, and what exactly is asked. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/status.h"
#include "controller/server/container.h"
#include "controller/server/reply.h"
#include "controller/server/rest_impl.h"

#define MAX_WORDS 128 /* of a command; a URL has no more parameters */

/* What a URL says, until it is handed on. */
struct connect {
    struct stream_ask ask;
    const char *command[MAX_WORDS + 1];
    uint16_t ports[STREAM_MAX_PORTS];
};

static struct value *parse_flags(const struct url *url, struct pod_dial *ret)
{
    struct err err = {0};
    int r = url_param_bool(url, "stdin", false, &ret->stdin_open, &err);
    if (r == 0)
        r = url_param_bool(url, "stdout", false, &ret->stdout_open, &err);
    if (r == 0)
        r = url_param_bool(url, "stderr", false, &ret->stderr_open, &err);
    if (r == 0)
        r = url_param_bool(url, "tty", false, &ret->tty, &err);
    if (r != 0)
        return status_failure(400, "%s", err.msg);
    if (!ret->stdin_open && !ret->stdout_open && !ret->stderr_open)
        return status_failure(400, "you must specify at least 1 of stdin, stdout, stderr");
    ret->stderr_open &= !ret->tty; /* a terminal has one way out */
    return NULL;
}

static struct value *parse_attach(const struct ask *ask, const struct value *pod,
                                  struct connect *ret)
{
    struct value *status = parse_flags(ask->url, &ret->ask.dial);
    if (!status)
        ret->ask.dial.container = container_choose(pod, url_param(ask->url, "container"), &status);
    return status;
}

static struct value *parse_exec(const struct ask *ask, const struct value *pod, struct connect *ret)
{
    size_t words = 0;
    for (size_t i = 0; i < ask->url->param_count && words < MAX_WORDS; i++)
        if (str_eq(ask->url->params[i].name, "command"))
            ret->command[words++] = ask->url->params[i].value;
    ret->ask.dial.command = ret->command;
    if (words == 0 || !*ret->command[0])
        return status_failure(400, "you must specify at least one command for the container");
    return parse_attach(ask, pod, ret);
}

/* Of the older form over WebSocket, ?ports=80; others name a port a connection. */
static struct value *parse_portforward(const struct ask *ask, const struct value *pod,
                                       struct connect *ret)
{
    uint64_t port;
    (void)pod;
    ret->ask.ports = ret->ports;
    for (size_t i = 0; i < ask->url->param_count; i++) {
        const struct url_param *param = &ask->url->params[i];
        if (!str_eq(param->name, "ports"))
            continue;
        if (str_to_u64(param->value, &port) != 0 || port < 1 || port > UINT16_MAX)
            return status_failure(400, "port \"%.16s\" is not between 1 and 65535", param->value);
        if (ret->ask.port_count == STREAM_MAX_PORTS)
            return status_failure(400, "at most %d ports can be forwarded at once",
                                  STREAM_MAX_PORTS);
        ret->ports[ret->ask.port_count++] = (uint16_t)port;
    }
    return NULL;
}

static const struct {
    const char *what; /* the subresource */
    /* NULL, or the Status to answer instead. */
    struct value *(*parse)(const struct ask *ask, const struct value *pod, struct connect *ret);
} connects[] = {{"exec", parse_exec}, {"attach", parse_attach}, {"portforward", parse_portforward}};

static struct value *parse(const struct ask *ask, const struct value *pod, struct connect *ret)
{
    const char *node = value_get_str(value_get(pod, "spec"), "nodeName");
    const char *phase = value_get_str(value_get(pod, "status"), "phase");
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(connects) && !str_eq(connects[i].what, ask->route->subresource))
        i++;
    *ret =
        (struct connect){.ask = {.user = ask->user->name,
                                 .dial = {.what = connects[i].what,
                                          .ns = ask->route->ns,
                                          .pod = ask->route->name,
                                          .uid = value_get_str(value_get(pod, "metadata"), "uid"),
                                          .node = node}}};
    if (str_empty(node))
        return status_failure(400, "pod %s does not have a host assigned", ask->route->name);
    if (str_eq(phase, "Succeeded") || str_eq(phase, "Failed"))
        return status_failure(400, "pod %s is over: its phase is %s", ask->route->name, phase);
    return connects[i].parse(ask, pod, ret);
}

/* Who may have a stream (permit.h) need not be allowed to read the pod. */
static struct value *read_pod(const struct ask *ask, struct value **ret)
{
    static const struct api_user self = {.name = "system:limpet:streams"};
    struct api_ref ref = ask_ref(ask);
    struct value *pod = NULL;
    if (api_get(ask->rest->spec.api, &self, &ref, &pod) != 0)
        return pod;
    *ret = pod;
    return NULL;
}

void connect_start(const struct ask *ask)
{
    const struct server_hooks *hooks = ask->rest->spec.hooks;
    cleanup(value_free) struct value *pod = NULL;
    struct connect connect;
    struct value *status = read_pod(ask, &pod);
    if (!status)
        status = parse(ask, pod, &connect);
    if (!status && (!hooks || !hooks->stream))
        status = status_failure(503, "this gateway cannot reach its nodes");
    if (status)
        reply_status(ask->request, status);
    else
        hooks->stream(hooks->streams, ask->request, &connect.ask);
}
