#pragma once
/* Which labels of SELinux a container and its files are to have (core/v1 SELinuxOptions), on a node
 * that has SELinux: as a kubelet and the usual runtimes choose them. Pure. */

#include "common/base/cleanup.h"
#include "common/data/value.h"

#include <stdbool.h>

/* What the node says: "user:role:type:level" of containers and of their files. */
struct selinux_defaults {
    char *process, *files;
    bool levels; /* the node's policy knows them: MCS, MLS */
};
/* Of the text of a file lxc_contexts, and what is not in it (NULL: nothing) as most policies have
 * it. Caller ends it with selinux_defaults_done. */
struct selinux_defaults selinux_defaults(const char *lxc_contexts, bool levels);
void selinux_defaults_done(struct selinux_defaults *defaults);
CLEANUP_DEFINE_VALUE(struct selinux_defaults, selinux_defaults_done);

/* The value of a line `key = "value"`, quoted or not; otherwise, if there is none. Caller frees. */
char *selinux_setting(const char *text, const char *key, const char *otherwise);

struct selinux_labels {
    char *process, *files; /* files: NULL: as their file systems have it */
    bool asked;            /* the manifest says something of them */
};
void selinux_labels_done(struct selinux_labels *labels);
CLEANUP_DEFINE_VALUE(struct selinux_labels, selinux_labels_done);

/* Whether the pod or one of its containers says something of labels. */
bool selinux_is_asked(const struct value *spec);
/* The labels of a container; container NULL: of what the pod's containers share, its volumes. */
struct selinux_labels selinux_asked(const struct selinux_defaults *defaults,
                                    const struct value *pod, const char *pod_uid,
                                    const struct value *container);
