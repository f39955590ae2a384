#include "common/kinds/host_ports.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static int compare_place(const struct host_port *a, const struct host_port *b)
{
    if (a->port != b->port)
        return a->port < b->port ? -1 : 1;
    return (int)a->protocol - (int)b->protocol;
}

static int compare(const void *a, const void *b)
{
    const struct host_port *x = a, *y = b;
    int by_place = compare_place(x, y);
    return by_place ? by_place : strcmp(x->ip, y->ip);
}

static void push(struct host_ports *ports, const struct host_port *port)
{
    ports->items = xreallocarray(ports->items, ports->count + 1, sizeof(*ports->items));
    ports->items[ports->count++] = *port;
}

static uint8_t protocol_of(const char *name)
{
    if (str_empty(name) || str_eq(name, "TCP"))
        return IPPROTO_TCP;
    if (str_eq(name, "UDP"))
        return IPPROTO_UDP;
    return str_eq(name, "SCTP") ? IPPROTO_SCTP : 0;
}

static void read_container(struct host_ports *ret, const struct value *container)
{
    const struct value *list = value_get(container, "ports");
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *from = value_at(list, i);
        int64_t port = value_get_int(from, "hostPort", 0);
        int64_t inside = value_get_int(from, "containerPort", 0);
        const char *ip = value_get_str(from, "hostIP");
        struct host_port one = {.protocol = protocol_of(value_get_str(from, "protocol"))};
        if (port <= 0 || port > UINT16_MAX || inside <= 0 || inside > UINT16_MAX || !one.protocol ||
            (ip && strlen(ip) >= sizeof(one.ip)))
            continue;
        one.port = (uint16_t)port;
        one.container = (uint16_t)inside;
        if (ip && !str_eq(ip, "0.0.0.0") && !str_eq(ip, "::"))
            strcpy(one.ip, ip);
        push(ret, &one);
    }
}

void host_ports_read(struct host_ports *ret, const struct value *spec)
{
    *ret = (struct host_ports){0};
    const struct value *inits = value_get(spec, "initContainers");
    for (size_t i = 0; i < value_len(inits); i++)
        if (str_eq(value_get_str(value_at(inits, i), "restartPolicy"), "Always"))
            read_container(ret, value_at(inits, i));
    const struct value *containers = value_get(spec, "containers");
    for (size_t i = 0; i < value_len(containers); i++)
        read_container(ret, value_at(containers, i));
    if (ret->count > 0)
        qsort(ret->items, ret->count, sizeof(*ret->items), compare);
}

void host_ports_done(struct host_ports *ports)
{
    free(ports->items);
    *ports = (struct host_ports){0};
}

/* The first of that port and protocol, or where it would be. */
static size_t find(const struct host_ports *ports, const struct host_port *port)
{
    size_t low = 0, high = ports->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (compare_place(&ports->items[mid], port) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool is_taken(const struct host_ports *taken, const struct host_port *port)
{
    for (size_t i = find(taken, port);
         i < taken->count && compare_place(&taken->items[i], port) == 0; i++)
        if (!*port->ip || !*taken->items[i].ip || str_eq(port->ip, taken->items[i].ip))
            return true;
    return false;
}

bool host_ports_clash(const struct host_ports *a, const struct host_ports *b)
{
    for (size_t i = 0; i < a->count; i++)
        if (is_taken(b, &a->items[i]))
            return !WEAKENED(HOST_PORT_CLASH);
    return false;
}

bool host_ports_same(const struct host_ports *a, const struct host_ports *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (compare(&a->items[i], &b->items[i]) != 0 ||
            a->items[i].container != b->items[i].container)
            return false;
    return true;
}

void host_ports_add(struct host_ports *taken, const struct host_ports *ports)
{
    if (ports->count == 0)
        return;
    for (size_t i = 0; i < ports->count; i++)
        push(taken, &ports->items[i]);
    qsort(taken->items, taken->count, sizeof(*taken->items), compare);
}

/* Both are sorted: one walk. */
void host_ports_drop(struct host_ports *taken, const struct host_ports *ports)
{
    size_t kept = 0, at = 0;
    for (size_t i = 0; i < taken->count; i++) {
        while (at < ports->count && compare(&ports->items[at], &taken->items[i]) < 0)
            at++;
        if (at < ports->count && compare(&ports->items[at], &taken->items[i]) == 0)
            at++;
        else
            taken->items[kept++] = taken->items[i];
    }
    taken->count = kept;
    if (kept == 0)
        host_ports_done(taken);
}
