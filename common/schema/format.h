#pragma once
/* What strings of objects must look like: functions of type schema_format_fn (NULL if right, else
 * what is wrong) after Kubernetes' apimachinery/pkg/util/validation, and the rules that tables
 * share. */

#include "common/schema/schema.h"

const char *format_dns1123_label(const char *s);     /* RFC 1123 label: <= 63 */
const char *format_dns1123_subdomain(const char *s); /* labels with dots: <= 253 */
const char *format_dns1035_label(const char *s);     /* a label that begins with a letter */
const char *format_qualified_name(const char *s);    /* [prefix/]name: label and annotation keys */
const char *format_label_value(const char *s);
const char *format_env_name(const char *s);      /* printable ASCII but '=' */
const char *format_config_key(const char *s);    /* keys of ConfigMap and Secret: <= 253 */
const char *format_path_absolute(const char *s); /* no ".." element */
const char *format_path_relative(const char *s); /* not absolute, no ".." element */
/* A path of a node, which may be one of Windows: not empty, no ".." element. */
const char *format_host_path(const char *s);
const char *format_mount_path(const char *s); /* not empty */
const char *format_image(const char *s); /* an OCI reference: [host[:port]/]path[:tag][@digest] */
const char *format_port_name(const char *s); /* IANA service name: <= 15 */
const char *format_ip(const char *s);
const char *format_cidr(const char *s);
const char *format_uid(const char *s);          /* <= 128 characters of [A-Za-z0-9-_.:] */
const char *format_path_segment(const char *s); /* what can stand between two '/' of a URL */
const char *format_not_empty(const char *s);

extern const struct schema_rule rule_dns1123_label, rule_dns1123_subdomain, rule_dns1035_label,
    rule_qualified_name, rule_label_value, rule_env_name, rule_config_key, rule_path_relative,
    rule_path_absolute, rule_host_path, rule_mount_path, rule_image, rule_port_name, rule_ip,
    rule_cidr, rule_port, rule_uid, rule_not_empty, rule_not_negative, rule_positive,
    rule_file_mode, rule_id;
