/* Probes and lifecycle hooks. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <stdio.h>

static const struct schema_type type_exec_action = {
    .name = "ExecAction",
    DOC("A command in the container; well if it ends with 0."),
    FIELDS(F(1, "command", LIST(STRING), REQUIRED,
             DOC("The command and its arguments; no shell is around it."))),
};

static const struct schema_type type_http_header = {
    .name = "HTTPHeader",
    DOC("A header of a request."),
    FIELDS(
        F(1, "name", STRING, REQUIRED, DOC("Its name.")),
        F(2, "value", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY, DOC("Its value."))),
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
    DOC("A request by HTTP; well if answered with 200 to 399."),
    .check = check_port,
    FIELDS(F(1, "path", STRING, DEF("/"), DOC("The path.")),
           F(2, "port", INT_OR_STRING, REQUIRED, DOC("The port, by number or name.")),
           F(3, "host", STRING, DOC("The host; the pod itself if not given.")),
           F(4, "scheme", STRING, DEF("HTTP"), ONE_OF("HTTP", "HTTPS"),
             DOC("HTTP, or HTTPS with any certificate.")),
           F(5, "httpHeaders", LIST(OBJECT(type_http_header)), DOC("Headers of the request."))),
};

static const struct schema_type type_tcp_socket_action = {
    .name = "TCPSocketAction",
    DOC("A connection; well if it comes about."),
    .check = check_port,
    FIELDS(F(1, "port", INT_OR_STRING, REQUIRED, DOC("The port, by number or name.")),
           F(2, "host", STRING, DOC("The host; the pod itself if not given."))),
};

static const struct schema_type type_grpc_action = {
    .name = "GRPCAction",
    DOC("A question by gRPC's health protocol."),
    FIELDS(F(1, "port", INT32, REQUIRED, RULE(port), DOC("The port.")),
           F(2, "service", STRING, DOC("What service is asked for."))),
};

static const struct schema_type type_probe_handler = {
    .name = "ProbeHandler",
    DOC("How it is asked: one of the fields."),
    .union_of = "handler",
    .union_required = true,
    FIELDS(F(1, "exec", OBJECT(type_exec_action), DOC("By a command in the container.")),
           F(2, "httpGet", OBJECT(type_http_get_action), DOC("By HTTP.")),
           F(3, "tcpSocket", OBJECT(type_tcp_socket_action), DOC("By a connection.")),
           F(4, "grpc", OBJECT(type_grpc_action), DOC("By gRPC's health protocol."))),
};

const struct schema_type type_probe = {
    .name = "Probe",
    DOC("How a container is asked whether it has started, is ready, or is alive."),
    FIELDS(INLINE(1, "handler", type_probe_handler),
           F(2, "initialDelaySeconds", INT32, OMIT_ZERO, RULE(not_negative),
             DOC("From the container's start to the first time.")),
           F(3, "timeoutSeconds", INT32, OMIT_ZERO, DEF("1"), RULE(not_negative),
             DOC("How long an answer may take.")),
           F(4, "periodSeconds", INT32, OMIT_ZERO, DEF("10"), RULE(not_negative),
             DOC("How often it is asked.")),
           F(5, "successThreshold", INT32, OMIT_ZERO, DEF("1"), RULE(not_negative),
             DOC("How often in a row it must go well to count after a failure.")),
           F(6, "failureThreshold", INT32, OMIT_ZERO, DEF("3"), RULE(not_negative),
             DOC("How often in a row it must fail to count.")),
           F(7, "terminationGracePeriodSeconds", INT64, RANGE(1, INT32_MAX),
             DOC("From SIGTERM to SIGKILL when the probe ends the container; the pod's if not "
                 "given."))),
};

static const struct schema_type type_sleep_action = {
    .name = "SleepAction",
    DOC("A pause."),
    FIELDS(F(1, "seconds", INT64, REQUIRED, RULE(not_negative), DOC("How long."))),
};

static const struct schema_type type_lifecycle_handler = {
    .name = "LifecycleHandler",
    DOC("What is done: one of the fields."),
    .union_of = "handler",
    .union_required = true,
    FIELDS(F(1, "exec", OBJECT(type_exec_action), DOC("A command in the container.")),
           F(2, "httpGet", OBJECT(type_http_get_action), DOC("A request by HTTP.")),
           F(3, "tcpSocket", OBJECT(type_tcp_socket_action), DOC("Of no use any more.")),
           F(4, "sleep", OBJECT(type_sleep_action), DOC("A pause."))),
};

const struct schema_type type_lifecycle = {
    .name = "Lifecycle",
    DOC("What is done after a container's start and before its end."),
    FIELDS(F(1, "postStart", OBJECT(type_lifecycle_handler),
             DOC("Done right after the start; the container ends if it fails.")),
           F(2, "preStop", OBJECT(type_lifecycle_handler),
             DOC("Done before SIGTERM, within the grace period.")),
           F(3, "stopSignal", STRING,
             DOC("The signal that asks it to end, in place of SIGTERM or the image's."))),
};
