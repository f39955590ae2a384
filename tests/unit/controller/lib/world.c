#include "tests/unit/controller/lib/world.h"

#include "common/base/mem.h"
#include "common/data/yaml.h"
#include "controller/reconcile/policy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const char *const masters[] = {"system:masters", NULL};
static const char *const friends[] = {"friends", NULL};
const struct api_user admin = {"admin", masters};
const struct api_user guest = {"guest", friends};

struct world *world_new(void)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err = {0};
    rng_seeded_init(&world->rng, 1);
    assert_int_equal(loop_new(clock_system(), &world->loop, &err), 0);
    assert_int_equal(store_open(world->loop, NULL, &world->store, &err), 0);
    struct api_spec spec = {world->loop, world->store, clock_system(), &world->rng.rng};
    assert_int_equal(api_new(&spec, &world->api, &err), 0);
    world_settle(world);
    return world;
}

void world_free(struct world *world)
{
    api_stop(world->api);
    store_close(world->store);
    api_free(world->api);
    loop_free(world->loop);
    free(world);
}

void world_settle(struct world *world)
{
    for (int i = 0; i < 30; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
}

static void on_policy(void *ctx, int code, const char *message)
{
    if (code != 0)
        fail_msg("default roles: %s", message);
    *(bool *)ctx = true;
}

void world_policy(struct world *world)
{
    bool done = false;
    struct policy *policy = policy_new(world->api, on_policy, &done);
    for (int i = 0; i < 1000 && !done; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    assert_true(done);
    policy_free(policy);
}

struct value *parse(const char *yaml)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    assert_int_equal(yaml_parse(yaml, strlen(yaml), &object, &diags), 0);
    return object;
}

struct result {
    int code, calls;
    struct value *object;
};

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct result *result = ctx;
    result->calls++;
    result->code = answer->code;
    result->object = value_copy(answer->object);
}

static int finish(struct world *world, struct result *result, struct value **ret)
{
    assert_int_equal(result->calls, 0); /* never from inside the call */
    for (int i = 0; i < 100 && !result->calls; i++)
        assert_int_equal(loop_step(world->loop, 0), 0);
    assert_int_equal(result->calls, 1);
    if (ret)
        *ret = steal(result->object);
    value_free(result->object);
    return result->code;
}

static struct api_ref ref_of(const struct schema_kind *kind, const char *ns,
                             const struct value *object)
{
    const char *name = object_name(object);
    return (struct api_ref){kind, ns, name ? name : ""};
}

int do_create(struct world *world, const struct schema_kind *kind, const char *ns, const char *yaml,
              struct value **ret)
{
    struct result result = {0};
    cleanup(value_free) struct value *object = parse(yaml);
    struct api_ref ref = {kind, ns, ""};
    api_create(world->api, &admin, &ref, object, 0, on_done, &result);
    return finish(world, &result, ret);
}

int do_update(struct world *world, const struct schema_kind *kind, const char *ns,
              const struct value *object, unsigned flags, struct value **ret)
{
    struct result result = {0};
    struct api_ref ref = ref_of(kind, ns, object);
    api_update(world->api, &admin, &ref, object, flags, on_done, &result);
    return finish(world, &result, ret);
}

int do_apply(struct world *world, const struct schema_kind *kind, const char *ns, const char *yaml,
             struct value **ret)
{
    struct result result = {0};
    cleanup(value_free) struct value *object = parse(yaml);
    struct api_ref ref = ref_of(kind, ns, object);
    api_apply(world->api, &admin, &ref, object, 0, on_done, &result);
    return finish(world, &result, ret);
}

int do_apply_as(struct world *world, const struct api_user *user, const struct schema_kind *kind,
                const char *ns, const char *yaml)
{
    struct result result = {0};
    cleanup(value_free) struct value *object = parse(yaml);
    struct api_ref ref = ref_of(kind, ns, object);
    api_apply(world->api, user, &ref, object, 0, on_done, &result);
    return finish(world, &result, NULL);
}

int do_delete(struct world *world, const struct schema_kind *kind, const char *ns, const char *name,
              int64_t grace_s, struct value **ret)
{
    struct result result = {0};
    struct api_ref ref = {kind, ns, name};
    struct api_delete_options options = {.grace_s = grace_s};
    api_delete(world->api, &admin, &ref, &options, 0, on_done, &result);
    return finish(world, &result, ret);
}

struct value *get(struct world *world, const struct schema_kind *kind, const char *ns,
                  const char *name)
{
    struct value *object = NULL;
    struct api_ref ref = {kind, ns, name};
    int r = api_get(world->api, &admin, &ref, &object);
    if (r == 0)
        return object;
    assert_int_equal(r, -404);
    value_free(object);
    return NULL;
}

int list_as_text(struct world *world, const struct api_ref *ref, const struct api_list_query *query,
                 struct value **ret)
{
    struct api_listing *listing = NULL;
    int r = api_listing_new(world->api, &admin, ref, query, &listing, ret);
    if (r)
        return r;
    struct value *items = value_new_list();
    enum api_listed listed;
    do {
        cleanup(buf_done) struct buf text = {0};
        listed = api_listing_text(listing, &text);
        assert_int_not_equal(listed, API_LISTED_LOST);
        if (listed == API_LISTED_ONE)
            value_append(items, parse(buf_str(&text)));
        else
            assert_int_equal(text.len, 0);
    } while (listed != API_LISTED_END);
    *ret = api_listing_head(listing);
    value_set(*ret, "items", items);
    api_listing_free(listing);
    return 0;
}
