/* limpet why */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "tools/cli/explain.h"
#include "tools/cli/resource.h"
#include "tools/cli/status.h"
#include "tools/cli/text.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

#define ASK_MS (15 * 1000) /* a node that is there answers in a second or two */
#define NODE_WHY_MAX (256 * 1024)

static void print_clean(struct buf *text)
{
    text_clean(text, 0);
    if (text->len == 0 || text->data[text->len - 1] != '\n')
        (void)buf_addc(text, '\n');
    fputs(buf_str(text), stdout);
}

/* The node's own words, which know most. True if it gave some. */
static bool ask_node(struct cli *cli, const char *pod_path)
{
    autofree char *path = xasprintf("%s/why", pod_path);
    const struct client_request request = {
        .method = "GET", .path = path, .accept = "text/plain, */*", .timeout_ms = ASK_MS};
    cleanup(client_answer_done) struct client_answer answer;
    struct err err = {0};
    if (client_call(cli->client, &request, &answer, &err) < 0 || answer.code >= 300 ||
        answer.body.len == 0 || answer.body.len > NODE_WHY_MAX)
        return false;
    print_clean(&answer.body);
    return true;
}

/* Its node's object; NULL if there is none. */
static struct value *node_of(struct cli *cli, const struct value *pod)
{
    const char *name = value_str(value_path(pod, "spec", "nodeName", NULL));
    if (str_empty(name))
        return NULL;
    cleanup(resource_free) struct resource *nodes = resource_find(cli, "nodes");
    autofree char *path = nodes ? resource_path(nodes, NULL, name) : NULL;
    cleanup(value_free) struct value *node = NULL;
    return path && cli_get(cli, path, &node) == 200 ? steal(node) : NULL;
}

static int why_pod(struct cli *cli, const char *name)
{
    cleanup(resource_free) struct resource *pods = resource_of(&kind_pod);
    autofree char *path = resource_path(pods, cli_namespace(cli), name);
    cleanup(value_free) struct value *pod = NULL;
    if (cli_get_ok(cli, path, &pod) < 0)
        return EXIT_FAILED;
    const char *bound = value_str(value_path(pod, "spec", "nodeName", NULL));
    if (!str_empty(bound) && ask_node(cli, path))
        return EXIT_DONE;
    cleanup(value_free) struct value *node = node_of(cli, pod);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    explain_pod(pod, node, &text);
    print_clean(&text);
    return EXIT_DONE;
}

static int why_node(struct cli *cli, const char *name)
{
    cleanup(resource_free) struct resource *nodes = resource_of(&kind_node);
    cleanup(resource_free) struct resource *pods = resource_of(&kind_pod);
    autofree char *path = resource_path(nodes, NULL, name);
    autofree char *all = resource_path(pods, NULL, NULL);
    autofree char *selector = xasprintf("spec.nodeName=%s", name);
    cleanup(buf_done) struct buf query, text;
    buf_init(&query, 0);
    buf_init(&text, 0);
    (void)buf_addstr(&query, all);
    query_add(&query, "fieldSelector", selector);
    cleanup(value_free) struct value *node = NULL;
    cleanup(value_free) struct value *bound = NULL;
    if (cli_get_ok(cli, path, &node) < 0 || cli_get_ok(cli, buf_str(&query), &bound) < 0)
        return EXIT_FAILED;
    explain_node(node, bound, &text);
    print_clean(&text);
    return EXIT_DONE;
}

static int run_why(struct cli *cli, const void *options, char **words, size_t count)
{
    static const struct {
        const struct schema_kind *kind;
        int (*why)(struct cli *cli, const char *name);
    } kinds[] = {{&kind_pod, why_pod}, {&kind_node, why_node}};
    (void)options;
    if (count != 1)
        return cli_usage(&verb_why, "say of which pod, or node/NODE");
    const char *slash = strchr(words[0], '/');
    autofree char *before = slash ? xstrndup(words[0], (size_t)(slash - words[0])) : NULL;
    const struct schema_kind *kind = before ? kinds_find_name(NULL, before) : &kind_pod;
    size_t i = 0;
    while (i < ARRAY_LEN(kinds) && kinds[i].kind != kind)
        i++;
    if (i == ARRAY_LEN(kinds))
        return cli_usage(&verb_why, "'%s': only pods and nodes can be asked about", words[0]);
    return cli_connect(cli) ? kinds[i].why(cli, slash ? slash + 1 : words[0]) : EXIT_FAILED;
}

const struct verb verb_why = {
    .name = "why",
    .usage = "[pod/]POD | node/NODE",
    .summary = "say why a pod is not (fully) running, or a node gets no pods",
    .details = "The pod's node is asked; when it cannot be reached, what the gateway knows is "
               "told.\nOn the node itself, 'limpetd why' answers with everything else dead.\n"
               "Of a node its conditions are told, and what keeps pods from being scheduled to "
               "it.\n",
    .run = run_why,
};
