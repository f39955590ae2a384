#include "agent/probe/type.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/utf8.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

/* As TCP gives up by itself on a machine that does not answer. */
#define DIAL_MAX_NS (127 * NS_PER_S)

static const struct attempt_type *const types[] = {
    &attempt_exec, &attempt_http_get, &attempt_tcp_socket, &attempt_grpc, &attempt_sleep,
};

/* What a program or a server wrote becomes text for people: one that is cut, without what a
 * terminal obeys. */
static char *clean(const char *message)
{
    size_t len = strlen(message), at = 0;
    char *text = xcalloc(1, ATTEMPT_TEXT_MAX + 1);
    while (len > 0 && isspace((unsigned char)message[len - 1]))
        len--;
    for (size_t i = 0; i < len;) {
        size_t seq = utf8_seq(message + i, len - i);
        bool shown =
            seq > 1 ||
            (seq == 1 &&
             ((unsigned char)message[i] >= ' ' || message[i] == '\n' || message[i] == '\t') &&
             message[i] != 0x7f);
        size_t step = seq ? seq : 1, put = shown ? step : 1;
        if (at + put > ATTEMPT_TEXT_MAX)
            break;
        memcpy(text + at, shown ? message + i : "?", put);
        at += put;
        i += step;
    }
    return text;
}

void attempt_end(struct attempt *attempt, enum probe_outcome outcome, char *message)
{
    autofree char *given = message;
    autofree char *text = clean(given ? given : "");
    loop_timer_stop(attempt->timer);
    attempt->spec.done(attempt->spec.ctx, outcome, text);
}

static void late(void *ctx)
{
    struct attempt *attempt = ctx;
    attempt_end(attempt, PROBE_FAILURE, attempt->type->late(attempt));
}

static void begin(void *ctx)
{
    struct attempt *attempt = ctx;
    struct err err = {0};
    attempt->start = NULL;
    if (!attempt->type) {
        attempt_end(attempt, PROBE_ERROR, xstrdup("missing probe handler"));
        return;
    }
    if (attempt->spec.timeout_ns > 0)
        loop_timer_after(attempt->timer, attempt->spec.timeout_ns);
    if (attempt->type->begin(attempt, &err) < 0)
        attempt_end(attempt, PROBE_ERROR, xstrdup(err.msg));
}

static const struct attempt_type *type_of(const struct value *handler)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (value_get(handler, types[i]->field))
            return types[i];
    return NULL;
}

struct attempt *attempt_new(const struct attempt_spec *spec)
{
    struct attempt *attempt = xcalloc(1, sizeof(*attempt));
    const struct value *ports = value_get(spec->container, "ports");
    const char *name = value_get_str(spec->container, "name");
    attempt->spec = *spec;
    attempt->spec.container = NULL;
    attempt->type = type_of(spec->handler);
    attempt->spec.handler = value_copy(spec->handler);
    if (attempt->type)
        attempt->action = value_get(attempt->spec.handler, attempt->type->field);
    attempt->spec.address = xstrdup(spec->address ? spec->address : "");
    attempt->name = xstrdup(name ? name : "");
    attempt->ports = ports ? value_copy(ports) : NULL;
    attempt->timer = loop_timer_new(spec->loop, late, attempt);
    attempt->start = loop_defer(spec->loop, begin, attempt);
    return attempt;
}

void attempt_free(struct attempt *attempt)
{
    if (!attempt)
        return;
    if (attempt->start)
        loop_defer_free(attempt->start);
    if (attempt->state)
        attempt->type->close(attempt);
    loop_timer_free(attempt->timer);
    value_free((struct value *)attempt->spec.handler);
    value_free(attempt->ports);
    free((char *)attempt->spec.address);
    free(attempt->name);
    free(attempt);
}

/* ---- where it goes ---- */

/* The port of an action, by number or by the name of one of the container's ports; in Kubernetes'
 * words. */
static int port_of(const struct attempt *attempt, int *ret, struct err *err)
{
    const struct value *port = value_get(attempt->action, "port");
    int64_t number = value_int(port, 0);
    const char *name = value_str(port);
    uint64_t written;
    for (size_t i = 0; name && i < value_len(attempt->ports); i++)
        if (str_eq(value_get_str(value_at(attempt->ports, i), "name"), name))
            number = value_get_int(value_at(attempt->ports, i), "containerPort", 0);
    if (name && number == 0 && str_to_u64(name, &written) == 0 && written < 65536)
        number = (int64_t)written;
    if (name && number == 0)
        return err_set(err, -EINVAL, "couldn't find port: \"%.64s\"", name);
    if (number < 1 || number > 65535)
        return err_set(err, -EINVAL, "invalid port number: %lld", (long long)number);
    *ret = (int)number;
    return 0;
}

int attempt_peer(const struct attempt *attempt, const char **ret_host, int *ret_port,
                 struct err *err)
{
    const char *host = value_get_str(attempt->action, "host");
    int r = port_of(attempt, ret_port, err);
    if (r < 0)
        return r;
    *ret_host = str_empty(host) ? attempt->spec.address : host;
    return str_empty(*ret_host) ? err_set(err, -EADDRNOTAVAIL, "the pod has no address yet") : 0;
}

int64_t attempt_dial_ns(const struct attempt *attempt)
{
    /* A little longer than the attempt itself, whose words are better. */
    return attempt->spec.timeout_ns > 0 ? attempt->spec.timeout_ns + NS_PER_S : DIAL_MAX_NS;
}

/* ---- words ---- */

char *attempt_endpoint(const char *host, int port)
{
    return xasprintf(strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

char *attempt_refusal(const char *endpoint, int errno_value)
{
    autofree char *words = xstrdup(strerror(errno_value));
    words[0] = (char)tolower((unsigned char)words[0]);
    return xasprintf("dial tcp %s: connect: %s", endpoint, words);
}

char *attempt_duration(int64_t ns)
{
    if (ns % NS_PER_S)
        return xasprintf("%lldms", (long long)(ns / NS_PER_MS));
    return xasprintf("%llds", (long long)(ns / NS_PER_S));
}
