#pragma once
/* `limpet image pull`: images brought onto nodes ahead of the pods. */

#include "tools/cli/cli.h"

struct prepull_options {
    struct arg_list nodes;
    const char *selector; /* of nodes; NULL */
    bool all;
    bool json;
    int64_t timeout_ns;
};

/* Orders them, and waits until every node has each of them or cannot have it. An exit code; what is
 * wrong is on stderr. */
int prepull_images(struct cli *cli, const struct prepull_options *o, char **words, size_t count);
