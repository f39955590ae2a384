#pragma once
/* Addresses as objects write them. */

/* "IPv4" or "IPv6"; NULL if it is none. */
const char *address_family(const char *ip);
/* A schema_format_fn: an address that a machine elsewhere can have (not unspecified, loopback,
 * link-local or link-local multicast). */
const char *format_plain_ip(const char *ip);
