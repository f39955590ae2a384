/* Probes and lifecycle hooks. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <stdio.h>

static const struct schema_type type_exec_action = {
    .name = "ExecAction",
    FIELDS(F(1, "command", LIST(STRING), REQUIRED)),
};

static const struct schema_type type_http_header = {
    .name = "HTTPHeader",
    FIELDS(F(1, "name", STRING, REQUIRED),
           F(2, "value", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY)),
};

/* A number from 1 to 65535, or the name of one of the container's ports. */
static void check_port(const struct value *action, struct schema_walk *walk)
{
    const struct value *port = value_get(action, "port");
    int64_t number = value_int(port, 1);
    const char *name = value_str(port), *wrong;
    if (number < 1 || number > 65535)
        schema_mistake(walk, port, "port", CAUSE_INVALID, "%lld: must be 1-65535",
                       (long long)number);
    if (name && (wrong = format_port_name(name)))
        schema_mistake(walk, port, "port", CAUSE_INVALID, "\"%.32s\": %s", name, wrong);
}

static const struct schema_type type_http_get_action = {
    .name = "HTTPGetAction",
    .check = check_port,
    FIELDS(F(1, "path", STRING, DEF("/")), F(2, "port", INT_OR_STRING, REQUIRED),
           F(3, "host", STRING), F(4, "scheme", STRING, DEF("HTTP"), ONE_OF("HTTP", "HTTPS")),
           F(5, "httpHeaders", LIST(OBJECT(type_http_header)))),
};

static const struct schema_type type_tcp_socket_action = {
    .name = "TCPSocketAction",
    .check = check_port,
    FIELDS(F(1, "port", INT_OR_STRING, REQUIRED), F(2, "host", STRING)),
};

static const struct schema_type type_grpc_action = {
    .name = "GRPCAction",
    FIELDS(F(1, "port", INT32, REQUIRED, RULE(port)), F(2, "service", STRING)),
};

static const struct schema_type type_probe_handler = {
    .name = "ProbeHandler",
    .union_of = "handler",
    .union_required = true,
    FIELDS(F(1, "exec", OBJECT(type_exec_action)), F(2, "httpGet", OBJECT(type_http_get_action)),
           F(3, "tcpSocket", OBJECT(type_tcp_socket_action)),
           F(4, "grpc", OBJECT(type_grpc_action))),
};

const struct schema_type type_probe = {
    .name = "Probe",
    DOC("How a container is asked whether it has started, is ready, or is alive."),
    FIELDS(INLINE(1, "handler", type_probe_handler),
           F(2, "initialDelaySeconds", INT32, RULE(not_negative)),
           F(3, "timeoutSeconds", INT32, DEF("1"), RULE(not_negative)),
           F(4, "periodSeconds", INT32, DEF("10"), RULE(not_negative)),
           F(5, "successThreshold", INT32, DEF("1"), RULE(not_negative)),
           F(6, "failureThreshold", INT32, DEF("3"), RULE(not_negative)),
           F(7, "terminationGracePeriodSeconds", INT64, RANGE(1, INT32_MAX))),
};

static const struct schema_type type_sleep_action = {
    .name = "SleepAction",
    FIELDS(F(1, "seconds", INT64, REQUIRED, RULE(not_negative))),
};

static const struct schema_type type_lifecycle_handler = {
    .name = "LifecycleHandler",
    .union_of = "handler",
    .union_required = true,
    FIELDS(F(1, "exec", OBJECT(type_exec_action)), F(2, "httpGet", OBJECT(type_http_get_action)),
           F(3, "tcpSocket", OBJECT(type_tcp_socket_action)),
           F(4, "sleep", OBJECT(type_sleep_action))),
};

const struct schema_type type_lifecycle = {
    .name = "Lifecycle",
    DOC("What is done after a container's start and before its end."),
    FIELDS(F(1, "postStart", OBJECT(type_lifecycle_handler)),
           F(2, "preStop", OBJECT(type_lifecycle_handler)), F(3, "stopSignal", STRING)),
};
