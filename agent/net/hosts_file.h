#pragma once
/* The text of a pod's /etc/hosts, as a kubelet writes it. Pure. */

#include "common/base/buf.h"
#include "common/data/value.h"

struct hosts_file {
    const char *address;         /* of the pod, text; "" or NULL = it has none */
    const char *hostname;        /* its first label */
    const char *domain;          /* what follows it in the full name; NULL = it has none */
    const struct value *aliases; /* spec.hostAliases; may be NULL */
    /* A pod of the host's network sees the node's own file: its text, followed by the aliases, and
     * nothing of the above. NULL: a pod of its own network. */
    const char *node_text;
};

/* Appends the text. ret has no cap. */
void hosts_file_compose(const struct hosts_file *hosts, struct buf *ret);
