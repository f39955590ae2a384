/* limpet describe */

#include "tools/cli/describe.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_mirror.h"
#include "tools/cli/order.h"
#include "tools/cli/resource.h"
#include "tools/cli/text.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

struct describe_options {
    const char *selector;
};

struct describer {
    struct cli *cli;
    size_t shown;
};

static void add_events(struct cli *cli, const struct value *object, struct buf *text)
{
    /* A node tells of its static pods by the uid that it knows them by. */
    const char *shown = object_annotation(object, POD_MIRROR);
    const char *uid = shown ? shown : object_uid(object);
    const char *ns = value_get_str(value_get(object, "metadata"), "namespace");
    cleanup(resource_free) struct resource *resource = resource_of(&kind_event);
    autofree char *plain = resource_path(resource, ns, NULL); /* of what is in none: all */
    struct buf path;
    buf_init(&path, 0);
    (void)buf_addstr(&path, plain);
    autofree char *field = xasprintf("involvedObject.uid=%s", uid ? uid : "");
    query_add(&path, "fieldSelector", field);
    cleanup(value_free) struct value *events = NULL;
    if (uid && cli_get(cli, buf_str(&path), &events) == 200) {
        order_by_time(events, kind_event.sorted_by);
        describe_events(events, clock_wall(clock_system()), text);
    }
    buf_done(&path);
}

static void describe_one(struct describer *d, const struct value *object)
{
    struct buf text;
    buf_init(&text, 0);
    if (d->shown++ > 0)
        (void)buf_addc(&text, '\n');
    describe_object(object, clock_wall(clock_system()), &text);
    add_events(d->cli, object, &text);
    text_clean(&text, 0);
    fputs(buf_str(&text), stdout);
    buf_done(&text);
}

static int describe_target(struct describer *d, const struct target *target, const char *selector)
{
    autofree char *plain = resource_path(target->resource, cli_namespace(d->cli), target->name);
    cleanup(buf_done) struct buf path;
    buf_init(&path, 0);
    (void)buf_addstr(&path, plain);
    if (!target->name)
        query_add(&path, "labelSelector", selector);
    cleanup(value_free) struct value *answer = NULL;
    if (cli_get_ok(d->cli, buf_str(&path), &answer) < 0)
        return EXIT_FAILED;
    struct value *items = value_get(answer, "items");
    if (value_type(items) != VALUE_LIST) {
        describe_one(d, answer);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < value_len(items); i++) {
        /* Items of a list need not say what they are. */
        value_set_str(value_at(items, i), "kind", target->resource->kind);
        describe_one(d, value_at(items, i));
    }
    return EXIT_DONE;
}

static int run_describe(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct describe_options *o = options;
    cleanup(targets_done) struct targets targets;
    int code = targets_connect(cli, &verb_describe, words, count, &targets);
    if (code != 0)
        return code;
    struct describer d = {.cli = cli};
    for (size_t i = 0; i < targets.count; i++) {
        int one = describe_target(&d, &targets.items[i], o->selector);
        code = one != EXIT_DONE ? one : code;
    }
    if (d.shown == 0 && code == EXIT_DONE)
        fprintf(stderr, "No resources found\n");
    return code;
}

const struct verb verb_describe = {
    .name = "describe",
    .usage = "KIND [NAME...] | KIND/NAME...",
    .summary = "tell all about objects: state, conditions, events",
    .options =
        (const struct arg_option[]){
            {"selector", 'l', ARG_STRING, offsetof(struct describe_options, selector), "LABELS",
             "those with these labels", NULL},
            {0},
        },
    .size = sizeof(struct describe_options),
    .run = run_describe,
};
