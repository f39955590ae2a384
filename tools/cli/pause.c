/* limpet pause, limpet resume: an annotation of the pod, which its node obeys with no gateway too
 */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "tools/cli/resource.h"
#include "tools/cli/status.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

#define PAUSED "limpet.io/paused"

static int annotate(struct cli *cli, const char *name, bool paused)
{
    cleanup(resource_free) struct resource *pods = resource_of(&kind_pod);
    autofree char *path = resource_path(pods, cli_namespace(cli), name);
    cleanup(value_free) struct value *patch = value_new_map();
    struct value *annotations = value_make_map(patch, "metadata", "annotations", NULL);
    if (paused)
        value_set_str(annotations, PAUSED, "true");
    else
        value_set(annotations, PAUSED, value_new_null());
    cleanup(buf_done) struct buf body;
    buf_init(&body, 0);
    (void)json_write(patch, &body);
    const struct client_request request = {.method = "PATCH",
                                           .path = path,
                                           .type = "application/merge-patch+json",
                                           .body = body.data,
                                           .body_len = body.len};
    cleanup(value_free) struct value *answer = NULL;
    if (cli_check(cli_call(cli, &request, &answer), answer) < 0)
        return EXIT_FAILED;
    printf("pod/%s %s\n", name, paused ? "paused" : "resumed");
    return EXIT_DONE;
}

static int run(struct cli *cli, const struct verb *verb, char **words, size_t count, bool paused)
{
    int code = EXIT_DONE;
    if (count == 0)
        return cli_usage(verb, "say which pod");
    for (size_t i = 0; i < count; i++)
        if (strchr(words[i], '/') && !str_has_prefix(words[i], "pod/") &&
            !str_has_prefix(words[i], "pods/"))
            return cli_usage(verb, "'%s': only pods can be paused", words[i]);
    if (!cli_connect(cli))
        return EXIT_FAILED;
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(words[i], '/');
        if (annotate(cli, slash ? slash + 1 : words[i], paused) != EXIT_DONE)
            code = EXIT_FAILED;
    }
    return code;
}

static int run_pause(struct cli *cli, const void *options, char **words, size_t count)
{
    (void)options;
    return run(cli, &verb_pause, words, count, true);
}

static int run_resume(struct cli *cli, const void *options, char **words, size_t count)
{
    (void)options;
    return run(cli, &verb_resume, words, count, false);
}

const struct verb verb_pause = {
    .name = "pause",
    .usage = "[pod/]POD...",
    .summary = "freeze all processes of a pod where they stand",
    .details =
        "It keeps its memory and uses no processor time, through restarts of the agent too,\n"
        "until 'limpet resume'. It is the annotation limpet.io/paused: \"true\" of the pod.\n",
    .run = run_pause,
};

const struct verb verb_resume = {
    .name = "resume",
    .usage = "[pod/]POD...",
    .summary = "let a paused pod go on",
    .run = run_resume,
};
