#pragma once
/* The environment of a container and the command line it expands into (core/v1 Container env,
 * envFrom, command, args; "Define Dependent Environment Variables"): pure. */

#include "agent/volume/volume.h"
#include "common/data/value.h"

#define ENV_TEXT_MAX (127 * 1024)  /* of one variable or argument: MAX_ARG_STRLEN less its name */
#define ENV_TOTAL_MAX (512 * 1024) /* of the whole environment, and of the arguments */

struct env_input {
    const struct value *pod;       /* the whole Pod */
    const struct value *container; /* one of spec.containers */
    const char *const *image_env;  /* NULL-terminated "K=V" */
    const struct volume_source *source;
    const char *node_name, *host_ip;
    const char *pod_ip;              /* "" = it has none */
    const char *hostname;            /* as the kernel tells it in the container */
    const struct value *allocatable; /* what the node has for pods (Node's status.allocatable) */
};

/* An ordered list of strings, terminated by NULL in `items`. */
struct strings {
    char **items;
    size_t count;
    size_t bytes; /* of all items, their NULs included */
    size_t named; /* of an environment: so many from the first are the pod's own, the others are the
                     image's and the node's, which no $(NAME) means */
};
void strings_add(struct strings *strings, char *item); /* takes item */
void strings_done(struct strings *strings);
CLEANUP_DEFINE_VALUE(struct strings, strings_done);

/* "K=V" each, later definitions replacing earlier ones. PATH and HOSTNAME are there in any case.
 * -ENOENT: a ConfigMap, Secret or key is not here ("configmap \"app\" not found", "couldn't find
 * key x in ConfigMap default/app": a kubelet's words); -EINVAL. *ret is initialised and untouched
 * on failure. */
nodiscard int env_build(const struct env_input *input, struct strings *ret, struct err *err);
/* A copy of text with $(NAME) replaced from what env has of the pod's own; $$(NAME) stays $(NAME),
 * an unknown name stays as written. Caller frees; NULL: it would be larger than ENV_TEXT_MAX. */
char *env_expand(const struct strings *env, const char *text);
/* The same; NULL (-EINVAL in err) as well if a name is not known. */
char *env_expand_known(const struct strings *env, const char *text, struct err *err);
