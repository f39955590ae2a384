/* limpet image */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"
#include "tools/cli/image_name.h"
#include "tools/cli/prepull.h"
#include "tools/cli/progress.h"
#include "tools/cli/push.h"
#include "tools/cli/text.h"
#include "tools/cli/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define PAGE 1000 /* names of a list at once */
#define ACCEPT                                                                                     \
    "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "        \
    "application/vnd.docker.distribution.manifest.list.v2+json, "                                  \
    "application/vnd.docker.distribution.manifest.v2+json"

#define NOT_GIVEN (-1) /* a time */

struct image_options {
    const char *output;
    struct prepull_options pull;
};

static bool wants_json(const struct image_options *o)
{
    return str_eq(o->output, "json");
}

static void print_json(const struct value *value)
{
    cleanup(buf_done) struct buf text = {0};
    (void)json_write_pretty(value, &text);
    fputs(buf_str(&text), stdout);
}

/* ---- push ---- */

#define BAR 20

/* "[=====>    ] 12.3 of 45.6 MB, part 2 of 5". */
static char *line_of(const struct push_state *state)
{
    char bar[BAR + 1];
    double done = (double)(state->done + state->sent), total = (double)state->total;
    int filled = total > 0 ? (int)(done / total * BAR) : 0;
    for (int i = 0; i < BAR; i++)
        bar[i] = i < filled ? '=' : i == filled ? '>' : ' ';
    bar[BAR] = '\0';
    if (state->waiting)
        return xasprintf("%s: waiting for the gateway, %.1f of %.1f MB sent", state->repository,
                         done / 1e6, total / 1e6);
    return xasprintf("%s [%s] %.1f of %.1f MB, part %zu of %zu", state->repository, bar, done / 1e6,
                     total / 1e6, state->step, state->steps);
}

struct pushing {
    struct progress progress;
    struct push push;
};

/* Elsewhere than on a terminal, a line each time that more than a tick tells: none for bytes. */
static bool on_tick(void *ctx)
{
    struct pushing *pushing = ctx;
    if (pushing->progress.terminal || pushing->push.state.waiting) {
        autofree char *line = line_of(&pushing->push.state);
        progress_say(&pushing->progress, line);
    }
    return true;
}

/* The name that it gets: the one that was given, or the archive's own. */
static int choose_name(const struct cli *cli, const struct bundle_image *image, const char *given,
                       struct image_name *ret, struct err *err)
{
    if (!given && !*image->name)
        return err_set(err, -EINVAL, "the image has no name in there: say which, NAME:TAG");
    int r = given ? image_name_parse(given, cli->config->server, ret, err)
                  : image_name_of_archive(image->name, ret, err);
    if (r == 0 && !*ret->tag)
        strcpy(ret->tag, "latest");
    if (r == 0 && given && strchr(given, '@'))
        return err_set(err, -EINVAL, "the digest of an image is its content's: say a tag");
    return r;
}

static int push_one(struct cli *cli, const struct image_options *o,
                    const struct bundle_image *image, const char *given, struct value *results)
{
    struct err err = {0};
    struct image_name name;
    struct pushing pushing = {0};
    char digest[72] = "";
    int r = choose_name(cli, image, given, &name, &err);
    if (r) {
        (void)cli_fail("%s", err.msg);
        return EXIT_USAGE;
    }
    progress_init(&pushing.progress);
    pushing.push = (struct push){.client = cli->client,
                                 .image = image,
                                 .repository = name.repository,
                                 .tag = name.tag,
                                 .tick = on_tick,
                                 .ctx = &pushing};
    r = push_image(&pushing.push, digest, &err);
    progress_done(&pushing.progress);
    if (r)
        return cli_fail("%s:%s: %s", name.repository, name.tag, err.msg);
    autofree char *reference = xasprintf(IMAGE_HERE "/%s:%s", name.repository, name.tag);
    if (!wants_json(o))
        printf("%s pushed (%s)\n", reference, digest);
    struct value *result = value_new_map();
    value_set_str(result, "image", reference);
    value_set_str(result, "digest", digest);
    value_append(results, result);
    return EXIT_DONE;
}

static bool on_reading(void *ctx)
{
    progress_say(ctx, "reading the archive");
    return true;
}

static int open_bundle(const char *path, struct bundle **ret)
{
    struct err err = {0};
    cleanup(progress_done) struct progress progress;
    progress_init(&progress);
    int r = bundle_open(path, on_reading, &progress, ret, &err);
    progress_clear(&progress);
    if (r)
        (void)cli_fail("%s", err.msg);
    return r;
}

static int push_all(struct cli *cli, const struct image_options *o, char **words, size_t count)
{
    cleanup(bundle_free) struct bundle *bundle = NULL;
    cleanup(value_free) struct value *results = value_new_list();
    int code = EXIT_DONE;
    if (count < 1 || count > 2)
        return cli_usage(&verb_image, "push: say which archive or folder, and perhaps NAME:TAG");
    if (open_bundle(words[0], &bundle) != 0)
        return EXIT_FAILED;
    if (count == 2 && bundle->count > 1)
        return cli_fail("%s: holds %zu images, which cannot all be %s", words[0], bundle->count,
                        words[1]);
    for (size_t i = 0; code == EXIT_DONE && i < bundle->count; i++)
        code = push_one(cli, o, &bundle->images[i], count == 2 ? words[1] : NULL, results);
    if (code == EXIT_DONE && wants_json(o))
        print_json(results);
    return code;
}

/* ---- list ---- */

/* HTTP's answer, which must be a success. */
static int fetch(struct cli *cli, const char *method, const char *path,
                 struct client_answer *answer)
{
    struct err err = {0};
    const struct client_request request = {.method = method, .path = path, .accept = ACCEPT};
    int r = client_call(cli->client, &request, answer, &err);
    if (r == 0 && answer->code >= 300) {
        push_explain(answer, &err);
        r = err.code;
    }
    if (r)
        (void)cli_fail("%s", err.msg);
    return r;
}

/* Calls fn for each name of a list, a page at a time, until it does not return 0. */
static int each_name(struct cli *cli, const char *path, const char *key,
                     int (*fn)(void *ctx, const char *name), void *ctx)
{
    autofree char *last = xstrdup("");
    for (;;) {
        cleanup(client_answer_done) struct client_answer answer = {0};
        cleanup(value_free) struct value *body = NULL;
        struct err err = {0};
        autofree char *page = xasprintf("%s?n=%d%s%s", path, PAGE, *last ? "&last=" : "", last);
        if (fetch(cli, "GET", page, &answer) != 0)
            return -1;
        if (json_parse(buf_str(&answer.body), answer.body.len, &body, &err) != 0) {
            (void)cli_fail("the answer is not JSON: %s", err.msg);
            return -1;
        }
        const struct value *names = value_get(body, key);
        size_t count = value_len(names);
        for (size_t i = 0; i < count; i++) {
            const char *name = value_str(value_at(names, i));
            int r = name ? fn(ctx, name) : 0;
            if (r)
                return r;
        }
        if (count < PAGE)
            return 0;
        free(last);
        last = xstrdup(value_str(value_at(names, count - 1)));
    }
}

struct listing {
    struct cli *cli;
    const char *repository;
    struct value *items;
};

static int64_t size_of(const struct value *manifest)
{
    const struct value *layers = value_get(manifest, "layers");
    int64_t size = value_get_int(value_get(manifest, "config"), "size", 0);
    for (size_t i = 0; i < value_len(layers); i++)
        size += value_get_int(value_at(layers, i), "size", 0);
    return size;
}

static int list_tag(void *ctx, const char *tag)
{
    struct listing *listing = ctx;
    cleanup(client_answer_done) struct client_answer answer = {0};
    cleanup(value_free) struct value *manifest = NULL;
    struct err err = {0};
    char digest[72] = "sha256:";
    autofree char *path = xasprintf("/v2/%s/manifests/%s", listing->repository, tag);
    if (fetch(listing->cli, "GET", path, &answer) != 0)
        return -1;
    if (json_parse(buf_str(&answer.body), answer.body.len, &manifest, &err) != 0)
        return cli_fail("%s:%s: %s", listing->repository, tag, err.msg);
    sha256_hex(buf_str(&answer.body), answer.body.len, digest + strlen(digest));
    struct value *item = value_new_map();
    value_set_str(item, "repository", listing->repository);
    value_set_str(item, "tag", tag);
    value_set_str(item, "digest", digest);
    if (!value_get(manifest, "manifests"))
        value_set_int(item, "size", size_of(manifest));
    value_append(listing->items, item);
    return 0;
}

static int list_repository(void *ctx, const char *repository)
{
    struct listing *listing = ctx;
    autofree char *path = xasprintf("/v2/%s/tags/list", repository);
    listing->repository = repository;
    return each_name(listing->cli, path, "tags", list_tag, listing);
}

static void print_table(const struct value *items)
{
    int width = (int)strlen("NAME");
    cleanup(buf_done) struct buf text = {0};
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        int len = (int)(strlen(value_get_str(item, "repository")) + 1 +
                        strlen(value_get_str(item, "tag")));
        width = len > width ? len : width;
    }
    buf_addf(&text, "%-*s   %-19s   %s\n", width, "NAME", "DIGEST", "SIZE");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *item = value_at(items, i);
        int64_t size = value_get_int(item, "size", -1);
        autofree char *name =
            xasprintf("%s:%s", value_get_str(item, "repository"), value_get_str(item, "tag"));
        autofree char *bytes =
            size < 0 ? xstrdup("several") : xasprintf("%.1f MB", (double)size / 1e6);
        buf_addf(&text, "%-*s   %.19s   %s\n", width, name, value_get_str(item, "digest"), bytes);
    }
    text_clean(&text, 0);
    fputs(buf_str(&text), stdout);
}

static int list(struct cli *cli, const struct image_options *o, char **words, size_t count)
{
    cleanup(value_free) struct value *items = value_new_list();
    struct listing listing = {cli, NULL, items};
    struct image_name name;
    struct err err = {0};
    if (count > 1)
        return cli_usage(&verb_image, "list: of one repository, or of all");
    if (count == 1 && image_name_parse(words[0], cli->config->server, &name, &err) != 0)
        return cli_usage(&verb_image, "%s", err.msg);
    int r = count == 1 ? list_repository(&listing, name.repository)
                       : each_name(cli, "/v2/_catalog", "repositories", list_repository, &listing);
    if (r)
        return EXIT_FAILED;
    if (wants_json(o))
        print_json(items);
    else if (value_len(items) == 0)
        fputs("No images found.\n", stderr);
    else
        print_table(items);
    return EXIT_DONE;
}

/* ---- remove ---- */

static int remove_images(struct cli *cli, const struct image_options *o, char **words, size_t count)
{
    (void)o;
    if (count == 0)
        return cli_usage(&verb_image, "remove: say which, NAME:TAG or NAME@DIGEST");
    for (size_t i = 0; i < count; i++) {
        cleanup(client_answer_done) struct client_answer answer = {0};
        struct image_name name;
        struct err err = {0};
        if (image_name_parse(words[i], cli->config->server, &name, &err) != 0)
            return cli_usage(&verb_image, "%s", err.msg);
        if (!*name.tag)
            return cli_usage(&verb_image, "remove: %s: say which tag or digest", words[i]);
        autofree char *path = xasprintf("/v2/%s/manifests/%s", name.repository, name.tag);
        if (fetch(cli, "DELETE", path, &answer) != 0)
            return EXIT_FAILED;
        printf("%s%c%s removed\n", name.repository, strchr(name.tag, ':') ? '@' : ':', name.tag);
    }
    return EXIT_DONE;
}

/* ---- pull ---- */

static int pull(struct cli *cli, const struct image_options *o, char **words, size_t count)
{
    struct prepull_options options = o->pull;
    options.json = wants_json(o);
    if (options.timeout_ns == NOT_GIVEN)
        options.timeout_ns = 3600 * NS_PER_S;
    return prepull_images(cli, &options, words, count);
}

/* ---- the verb ---- */

static const struct {
    const char *word;
    int (*run)(struct cli *cli, const struct image_options *o, char **words, size_t count);
} actions[] = {{"push", push_all}, {"list", list}, {"remove", remove_images}, {"pull", pull}};

static const struct image_options defaults = {.pull = {.timeout_ns = NOT_GIVEN}};

static bool is_for_pull(const struct image_options *o)
{
    const struct prepull_options *pull = &o->pull;
    return pull->nodes.count > 0 || pull->selector || pull->all || pull->timeout_ns != NOT_GIVEN;
}

static int run_image(struct cli *cli, const void *options, char **words, size_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(actions) && count > 0; i++) {
        if (!str_eq(actions[i].word, words[0]))
            continue;
        if (actions[i].run != pull && is_for_pull(options))
            return cli_usage(&verb_image,
                             "%s: --node, -l, --all-nodes and --timeout are of pull alone",
                             actions[i].word);
        if (!cli_connect(cli))
            return EXIT_FAILED;
        return actions[i].run(cli, options, words + 1, count - 1);
    }
    return cli_usage(&verb_image, "want 'push', 'list', 'remove' or 'pull'");
}

const struct verb verb_image = {
    .name = "image",
    .usage = "push ARCHIVE|DIR [NAME[:TAG]] | list [NAME] | remove NAME:TAG... |\n"
             "                    pull IMAGE... --node NODE|-l SELECTOR|--all-nodes",
    .summary = "images that the gateway keeps for its nodes, and those of nodes ahead of pods",
    .details =
        "'push' sends an image from an OCI archive or layout folder, or from what 'docker save' "
        "wrote,\nunder the name that it has there unless another is given. What the gateway has "
        "already is\nnot sent again; what breaks off goes on from where it was. Pods use it as\n" IMAGE_HERE
        "/NAME:TAG. 'remove' takes a name away; what only it led to goes\nlater. 'pull' has nodes "
        "fetch images, named as in pods, before any pod wants them, and waits until\nthey have; a "
        "node goes on with it when nobody waits any more.\n",
    .options =
        (const struct arg_option[]){
            {"output", 'o', ARG_STRING, offsetof(struct image_options, output), "FORMAT",
             "json: for programs", "json"},
            {"node", 0, ARG_LIST, offsetof(struct image_options, pull.nodes), "NODE",
             "of pull: on this node; may be given again", NULL},
            {"selector", 'l', ARG_STRING, offsetof(struct image_options, pull.selector), "SELECTOR",
             "of pull: on nodes with these labels", NULL},
            {"all-nodes", 0, ARG_FLAG, offsetof(struct image_options, pull.all), NULL,
             "of pull: on every node", NULL},
            {"timeout", 0, ARG_DURATION, offsetof(struct image_options, pull.timeout_ns), "TIME",
             "of pull: wait no longer than that: 90s, 2h (default 1h)", NULL},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct image_options),
    .run = run_image,
};
