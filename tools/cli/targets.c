#include "common/base/mem.h"
#include "common/base/str.h"
#include "tools/cli/resource.h"

void targets_done(struct targets *targets)
{
    for (size_t i = 0; i < targets->resource_count; i++)
        resource_free(targets->resources[i]);
    for (size_t i = 0; i < targets->owned_count; i++)
        free(targets->owned[i]);
    free(targets->resources);
    free(targets->owned);
    free(targets->items);
    *targets = (struct targets){0};
}

static struct resource *find(struct cli *cli, struct targets *targets, const char *name)
{
    struct resource *found = resource_find(cli, name);
    if (!found)
        return NULL;
    for (size_t i = 0; i < targets->resource_count; i++) {
        struct resource *known = targets->resources[i];
        if (str_eq(known->plural, found->plural) && str_eq(known->group, found->group)) {
            resource_free(found);
            return known;
        }
    }
    targets->resources =
        xreallocarray(targets->resources, targets->resource_count + 1, sizeof(*targets->resources));
    return targets->resources[targets->resource_count++] = found;
}

static void add(struct targets *targets, struct resource *resource, const char *name)
{
    targets->items = xreallocarray(targets->items, targets->count + 1, sizeof(*targets->items));
    targets->items[targets->count++] = (struct target){resource, name};
}

static const char *keep(struct targets *targets, const char *piece, size_t len)
{
    targets->owned =
        xreallocarray(targets->owned, targets->owned_count + 1, sizeof(*targets->owned));
    return targets->owned[targets->owned_count++] = xstrndup(piece, len);
}

/* "pod/web" each. */
static int parse_pairs(struct cli *cli, const struct verb *verb, char **words, size_t count,
                       struct targets *ret)
{
    for (size_t i = 0; i < count; i++) {
        const char *slash = strchr(words[i], '/');
        if (!slash || !slash[1] || slash == words[i])
            return cli_usage(verb, "'%s': want KIND/NAME, as the words before it", words[i]);
        struct resource *r = find(cli, ret, keep(ret, words[i], (size_t)(slash - words[i])));
        if (!r)
            return EXIT_FAILED;
        add(ret, r, slash + 1);
    }
    return 0;
}

/* "pods" or "pods,nodes". */
static int parse_kinds(struct cli *cli, const char *word, struct targets *ret)
{
    for (const char *at = word; *at;) {
        size_t len = strcspn(at, ",");
        struct resource *r = find(cli, ret, keep(ret, at, len));
        if (!r)
            return EXIT_FAILED;
        add(ret, r, NULL);
        at += len + (at[len] == ',');
    }
    return 0;
}

int targets_parse(struct cli *cli, const struct verb *verb, char **words, size_t count,
                  struct targets *ret)
{
    *ret = (struct targets){0};
    if (count == 0)
        return cli_usage(verb, "say of what kind: for example '%s pods'", verb->name);
    if (strchr(words[0], '/'))
        return parse_pairs(cli, verb, words, count, ret);
    if (count == 1)
        return parse_kinds(cli, words[0], ret);
    struct resource *r = find(cli, ret, words[0]);
    if (!r)
        return EXIT_FAILED;
    for (size_t i = 1; i < count; i++) {
        if (str_empty(words[i]) || strchr(words[i], '/'))
            return cli_usage(verb, "'%s': not a name", words[i]);
        add(ret, r, words[i]);
    }
    return 0;
}

int targets_connect(struct cli *cli, const struct verb *verb, char **words, size_t count,
                    struct targets *ret)
{
    *ret = (struct targets){0};
    return cli_connect(cli) ? targets_parse(cli, verb, words, count, ret) : EXIT_FAILED;
}
