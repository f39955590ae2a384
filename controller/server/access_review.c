#include "controller/server/access_review.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/access.h"
#include "controller/authz/authz.h"

#include <stdlib.h>

/* ---- may he ---- */

static const char *text(const struct value *map, const char *key)
{
    const char *found = value_get_str(map, key);
    return found ? found : "";
}

static struct rbac_ask what_of(const struct value *spec)
{
    const struct value *path = value_get(spec, "nonResourceAttributes");
    const struct value *at = value_get(spec, "resourceAttributes");
    if (path)
        return (struct rbac_ask){.verb = text(path, "verb"), .path = text(path, "path")};
    return (struct rbac_ask){text(at, "verb"),        NULL,
                             text(at, "group"),       text(at, "resource"),
                             text(at, "subresource"), text(at, "namespace"),
                             text(at, "name")};
}

static void answer(const struct computed_ask *ask, const struct rbac_user *user, api_done_fn *done,
                   void *ctx)
{
    cleanup(value_free) struct value *review = value_copy(ask->object);
    cleanup(buf_done) struct buf reason = {0};
    const struct authz_ask question = {*user, what_of(value_get(review, "spec"))};
    bool allowed = access_ask(ask->api, &question, &reason);
    struct value *status = value_make_map(review, "status", NULL);
    value_set_bool(status, "allowed", allowed);
    if (reason.len > 0)
        value_set_str(status, "reason", buf_str(&reason));
    const struct api_answer answer = {.code = 201, .object = review};
    done(ctx, &answer);
}

void access_review_answer(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    const struct value *spec = value_get(ask->object, "spec"), *list = value_get(spec, "groups");
    size_t count = value_type(list) == VALUE_LIST ? value_len(list) : 0;
    /* Never without the list, even an empty one: that is how the gateway's own are known. */
    autofree const char **groups = xcalloc(count + 1, sizeof(*groups));
    for (size_t i = 0, at = 0; i < count; i++)
        if (value_str(value_at(list, i)))
            groups[at++] = value_str(value_at(list, i));
    const struct rbac_user user = {text(spec, "user"), groups};
    answer(ask, &user, done, ctx);
}

void access_review_answer_self(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    const struct rbac_user user = {ask->user->name, ask->user->groups};
    answer(ask, &user, done, ctx);
}

/* ---- what may he ---- */

#define RULES_MAX 4000 /* told; more are left out, and that is told */

static void set_words(struct value *map, const char *key, char *const *words)
{
    struct value *list = *words ? value_set(map, key, value_new_list()) : NULL;
    for (; *words; words++)
        value_append(list, value_new_str(*words));
}

struct listing {
    struct value *objects, *paths;
    bool incomplete;
};

static int add_rule(void *ctx, const struct rbac_grant *grant)
{
    struct listing *listing = ctx;
    const struct rbac_rule *rule = grant->rule;
    if (value_len(listing->objects) + value_len(listing->paths) >= RULES_MAX) {
        listing->incomplete = true;
        return 1;
    }
    struct value *out = value_new_map();
    set_words(out, "verbs", rule->verbs);
    if (*rule->urls) {
        set_words(out, "nonResourceURLs", rule->urls);
        value_append(listing->paths, out);
        return 0;
    }
    set_words(out, "apiGroups", rule->groups);
    set_words(out, "resources", rule->resources);
    set_words(out, "resourceNames", rule->names);
    value_append(listing->objects, out);
    return 0;
}

void access_review_list_rules(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    cleanup(value_free) struct value *review = value_copy(ask->object);
    struct value *status = value_make_map(review, "status", NULL);
    struct listing listing = {value_set(status, "resourceRules", value_new_list()),
                              value_set(status, "nonResourceRules", value_new_list()), false};
    const struct rbac_user user = {ask->user->name, ask->user->groups};
    access_each_rule(ask->api, &user, text(value_get(review, "spec"), "namespace"), add_rule,
                     &listing);
    value_set_bool(status, "incomplete", listing.incomplete);
    const struct api_answer answer = {.code = 201, .object = review};
    done(ctx, &answer);
}
