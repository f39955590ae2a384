/* limpet wait */

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/until.h"
#include "tools/cli/verbs.h"

#include <stdio.h>

#define CONDITION "condition="

struct wait_options {
    const char *what;
    int64_t timeout_ns;
};

/* "condition=Ready=True". *ret_owned holds what until points into; caller frees. */
static void parse_what(const char *text, struct until *ret, char **ret_owned)
{
    static const struct {
        const char *name;
        enum until_what what;
    } table[] = {
        {"ready", UNTIL_READY},
        {"delete", UNTIL_DELETED},
        {"create", UNTIL_EXISTS},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (str_eq(text, table[i].name))
            ret->what = table[i].what;
    if (!str_has_prefix(text, CONDITION))
        return;
    *ret_owned = xstrdup(text + strlen(CONDITION));
    ret->what = UNTIL_CONDITION;
    ret->condition = *ret_owned;
    char *equals = strchr(*ret_owned, '=');
    if (equals) {
        *equals = '\0';
        ret->status = equals + 1;
    }
}

static int run_wait(struct cli *cli, const void *options, char **words, size_t count)
{
    const struct wait_options *o = options;
    cleanup(targets_done) struct targets targets;
    int code = targets_connect(cli, &verb_wait, words, count, &targets);
    if (code != 0)
        return code;
    struct until until = {.deadline_boot_ns = clock_boot(clock_system()) + o->timeout_ns};
    autofree char *owned = NULL;
    parse_what(o->what, &until, &owned);
    for (size_t i = 0; i < targets.count; i++) {
        const struct target *target = &targets.items[i];
        if (!target->name)
            return cli_usage(&verb_wait, "say which %s", target->resource->singular);
        int one = until_wait(cli, target->resource, cli_namespace(cli), target->name, &until);
        if (one == EXIT_DONE)
            printf("%s/%s %s\n", target->resource->singular, target->name,
                   until.what == UNTIL_DELETED  ? "deleted"
                   : until.what == UNTIL_EXISTS ? "exists"
                   : until.what == UNTIL_READY  ? "ready"
                                                : "condition met");
        fflush(stdout);
        code = one != EXIT_DONE ? one : code;
    }
    return code;
}

static const struct wait_options defaults = {.what = "ready", .timeout_ns = 120 * NS_PER_S};

const struct verb verb_wait = {
    .name = "wait",
    .usage = "KIND NAME... | KIND/NAME... [--for=ready]",
    .summary = "wait until an object is ready, or gone, saying what it waits for",
    .details = "ready: a pod whose containers are all ready (or that has finished its work), a "
               "node that\nreports; what has no such state is ready when it is there. A pod that "
               "failed for good\nends the wait with 1, as the timeout does.\n",
    .options =
        (const struct arg_option[]){
            {"for", 0, ARG_STRING, offsetof(struct wait_options, what), "WHAT",
             "ready (default), delete, create or condition=TYPE[=STATUS]",
             "ready|delete|create|condition="},
            {"timeout", 0, ARG_DURATION, offsetof(struct wait_options, timeout_ns), "TIME",
             "give up after that: 90s, 5m (default 2m)", NULL},
            {0},
        },
    .defaults = &defaults,
    .size = sizeof(struct wait_options),
    .run = run_wait,
};
