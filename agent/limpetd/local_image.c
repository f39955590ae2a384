/* limpetd image: load an image from a file, list what there is, remove what nobody wants. Safe
 * while the agent runs. */

#include "agent/limpetd/verbs.h"

#include "agent/image/fetcher.h"
#include "agent/image/image_store.h"
#include "agent/limpetd/unused_images.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>
#include <unistd.h>

static int fail(const char *message)
{
    fprintf(stderr, "limpetd: %s\n", message);
    return 1;
}

static char *images_root(const struct config *config)
{
    return xasprintf("%s/images", config->state_dir);
}

/* Takes doc. */
static void print_json(struct value *doc)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write_pretty(doc, &text);
    fputs(buf_str(&text), stdout);
    value_free(doc);
}

/* load, pull */

struct fetching {
    struct loop *loop;
    bool pull;
};

static void fetched(void *ctx, int code, const char *const *images, const char *reason,
                    const char *message)
{
    const struct fetching *f = ctx;
    (void)reason;
    if (isatty(STDERR_FILENO) && f->pull)
        fputs("\r\033[K", stderr);
    for (size_t i = 0; code == 0 && images[i]; i++)
        printf("%s %s\n", f->pull ? "pulled" : "loaded", images[i]);
    loop_stop(f->loop, code < 0 ? fail(message) : 0);
}

static void progressed(void *ctx, int64_t done, int64_t total)
{
    (void)ctx;
    if (total > 0 && isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%.1f of %.1f MB", (double)done / 1e6, (double)total / 1e6);
}

static int fetch(const struct config *config, const struct fetcher_job *job)
{
    struct err err = {0};
    autofree char *root = images_root(config);
    autofree char *program = xasprintf("%s/limpet-fetch", config->libexec_dir);
    const struct images_spec spec = {
        .root = root,
        .fetch_path = program,
        .insecure_registries = (const char *const *)config->insecure_registries,
        .ca_dir = str_empty(config->registry_ca_dir) ? NULL : config->registry_ca_dir,
        .registries_file = config->registries_file,
        .pulls_max = (unsigned)config->pulls_max,
        .rate = config->pull_rate,
    };
    struct fetching f = {.pull = job->file == NULL};
    struct fetcher *fetcher = NULL;
    int code = loop_new(clock_system(), &f.loop, &err);
    if (code == 0)
        code = fetcher_new(f.loop, &spec, job, fetched, f.pull ? progressed : NULL, &f, &fetcher,
                           &err);
    code = code < 0 ? fail(err.msg) : loop_run(f.loop);
    fetcher_free(fetcher);
    loop_free(f.loop);
    return code != 0;
}

static int load(const struct config *config, const char *file, const char *reference)
{
    struct err err = {0};
    char path[PATH_MAX];
    if (!realpath(file, path)) {
        (void)err_errno(&err, errno, "%s", file);
        return fail(err.msg);
    }
    return fetch(config, &(const struct fetcher_job){.reference = reference, .file = path});
}

/* For pods to come: as the node itself, with what registries.yaml holds. */
static int pull(const struct config *config, const char *reference)
{
    struct reference ref;
    struct err err = {0};
    if (reference_parse(reference, &ref, &err) < 0)
        return fail(err.msg);
    char text[REFERENCE_MAX + 256];
    reference_format(&ref, text);
    return fetch(config, &(const struct fetcher_job){.reference = text});
}

/* ls */

static int print_row(void *ctx, const struct stored *image)
{
    (void)ctx;
    char when[CLOCK_RFC3339_LEN];
    clock_format(image->time * NS_PER_S, 0, when);
    printf("%-48s %.19s %8.1f MB  %s\n", image->reference, image->id, (double)image->bytes / 1e6,
           when);
    return 0;
}

static int collect(void *ctx, const struct stored *image)
{
    char when[CLOCK_RFC3339_LEN];
    clock_format(image->time * NS_PER_S, 0, when);
    struct value *item = value_new_map();
    value_set_str(item, "reference", image->reference);
    value_set_str(item, "digest", image->digest);
    value_set_str(item, "id", image->id);
    value_set_int(item, "bytes", image->bytes);
    value_set_int(item, "layers", (int64_t)image->config->diff_id_count);
    value_set_str(item, "created", when);
    value_append(ctx, item);
    return 0;
}

static int list(const struct config *config, bool json)
{
    struct err err = {0};
    cleanup(image_store_free) struct image_store *store = NULL;
    cleanup(value_free) struct value *doc = value_new_map();
    autofree char *root = images_root(config);
    struct value *items = value_set(doc, "images", value_new_list());
    int rc = image_store_open(root, &store, &err);
    if (rc == 0 && !json)
        printf("%-48s %-19s %11s  %s\n", "IMAGE", "ID", "SIZE", "LOADED");
    if (rc == 0)
        rc = image_store_list(store, json ? collect : print_row, items, &err);
    if (rc < 0)
        return fail(err.msg);
    if (json)
        print_json(steal(doc));
    return 0;
}

/* prune */

static struct value *freed_document(const struct image_store_freed *freed)
{
    struct value *doc = value_new_map();
    struct value *images = value_set(doc, "images", value_new_list());
    const char *reference = NULL;
    for (size_t i = 0; map_next(freed->images, &i, &reference, NULL);)
        value_append(images, value_new_str(reference));
    value_set_int(doc, "layers", (int64_t)freed->layers);
    value_set_int(doc, "bytes", freed->bytes);
    return doc;
}

static void print_freed(const struct image_store_freed *freed)
{
    const char *reference = NULL;
    for (size_t i = 0; map_next(freed->images, &i, &reference, NULL);)
        printf("removed %s\n", reference);
    printf("%zu images and %zu layers removed, %.1f MB freed\n", map_len(freed->images),
           freed->layers, (double)freed->bytes / 1e6);
}

struct image_options {
    const char *output;
    int64_t unused_for_ns;
    int64_t down_to; /* per cent of the disk; -1: all that is not needed */
};

/* How much is in the way of what somebody wants to be free; 0: nothing. */
static int64_t bytes_above(const char *path, int64_t percent)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0)
        return 0;
    double used = (double)(fs.f_blocks - fs.f_bavail), wanted = (double)fs.f_blocks / 100.0;
    double above = (used - wanted * (double)percent) * (double)fs.f_frsize;
    return above > 0 ? (int64_t)above : 0;
}

#define PARTS_S 3600 /* a pull that was cut is tried again within minutes */

static int prune(const struct config *config, const struct image_options *options)
{
    bool json = options->output != NULL;
    bool some = options->down_to >= 0 || options->unused_for_ns > 0;
    int64_t now_s = clock_wall(clock_system()) / NS_PER_S;
    struct err err = {0};
    struct image_store_freed freed = {0};
    autofree char *root = images_root(config);
    struct image_policy policy = {.parts_before_s = some ? now_s - PARTS_S : 0};
    if (options->unused_for_ns > 0)
        policy.unused_since_s = now_s - options->unused_for_ns / NS_PER_S;
    if (options->down_to >= 0)
        policy.bytes = bytes_above(root, options->down_to);
    bool nothing = options->down_to >= 0 && policy.bytes == 0;
    freed.images = nothing ? map_new() : NULL;
    if (!nothing && unused_images_remove(config, root, &policy, &freed, &err) < 0)
        return fail(err.msg);
    if (json)
        print_json(freed_document(&freed));
    else
        print_freed(&freed);
    map_free(freed.images, NULL);
    return 0;
}

/* check */

static void print_bad(const char *name, const char *problem, const char *kept)
{
    printf("layer sha256:%s: %s: %s%s\n", name, problem, kept ? "kept: " : "thrown away",
           kept ? kept : "");
}

static int check(const struct config *config, bool json)
{
    struct err err = {0};
    struct image_store_checked checked = {0};
    autofree char *root = images_root(config);
    if (unused_images_check(config, root, &checked, &err) < 0)
        return fail(err.msg);
    struct value *doc = value_new_map();
    struct value *list = value_set(doc, "bad", value_new_list());
    const char *name = NULL;
    void *problem = NULL;
    for (size_t i = 0; map_next(checked.bad, &i, &name, &problem);) {
        const char *kept = map_get(checked.kept, name);
        struct value *item = value_new_map();
        autofree char *digest = xasprintf("sha256:%s", name);
        value_set_str(item, "layer", digest);
        value_set_str(item, "problem", problem);
        value_set_bool(item, "kept", kept != NULL);
        if (kept)
            value_set_str(item, "reason", kept);
        value_append(list, item);
        if (!json)
            print_bad(name, problem, kept);
    }
    value_set_int(doc, "layers", (int64_t)checked.layers);
    value_set_int(doc, "unknown", (int64_t)checked.unknown);
    if (!json)
        printf("%zu layers read, %zu bad; %zu of an earlier release could only be read\n",
               checked.layers, map_len(checked.bad), checked.unknown);
    if (json)
        print_json(doc);
    else
        value_free(doc);
    bool left = map_len(checked.kept) > 0;
    image_store_checked_done(&checked);
    return left;
}

static int image(const struct verb_args *args)
{
    const struct image_options *options = args->options;
    char **argv = args->argv;
    if (args->argc < 1)
        return 2;
    if (str_eq(argv[0], "load") && (args->argc == 2 || args->argc == 3) && !options->output)
        return load(args->config, argv[1], args->argc == 3 ? argv[2] : NULL);
    if (str_eq(argv[0], "pull") && args->argc == 2 && !options->output)
        return pull(args->config, argv[1]);
    if (str_eq(argv[0], "ls") && args->argc == 1)
        return list(args->config, options->output != NULL);
    if (str_eq(argv[0], "prune") && args->argc == 1)
        return prune(args->config, options);
    if (str_eq(argv[0], "check") && args->argc == 1)
        return check(args->config, options->output != NULL);
    return 2;
}

const struct verb verb_image = {
    .name = "image",
    .usage = "load FILE [REFERENCE] | pull REFERENCE | ls | prune | check [-o json]",
    .help = "load, pull, list, check, remove unused images",
    .options =
        (const struct arg_option[]){
            {"output", 'o', ARG_STRING, offsetof(struct image_options, output), "FORMAT", "json",
             "json"},
            {"unused-for", 0, ARG_DURATION, offsetof(struct image_options, unused_for_ns), "TIME",
             "prune: only what nobody has used for so long", NULL},
            {"down-to", 0, ARG_INT, offsetof(struct image_options, down_to), "PERCENT",
             "prune: the least recently used first, until the disk is no fuller", NULL},
            {0},
        },
    .defaults = &(const struct image_options){.down_to = -1},
    .size = sizeof(struct image_options),
    .run = image,
};
