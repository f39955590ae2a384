/* What the API accepts arrives: the largest objects that it takes, read by a pod on a node. */

#include "tests/sim/world/scenario.h"

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user admin = {.name = "admin", .groups = masters};

static void answered(void *ctx, const struct api_answer *answer)
{
    *(int *)ctx = answer->code;
}

static int create(struct world *world, const struct schema_kind *kind, const char *text, size_t n,
                  unsigned flags)
{
    int code = 0;
    size_t len = strlen(text);
    cleanup(value_free) struct value *object = value_new_map();
    autofree char *data = xmalloc(n * len + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(data + i * len, text, len);
    data[n * len] = '\0';
    value_set_str(value_make_map(object, "metadata", NULL), "name", "big");
    for (int i = 0; i < 200; i++) { /* many lines, whatever it holds */
        char label[16];
        snprintf(label, sizeof(label), "label-%d", i);
        value_set_str(value_make_map(object, "metadata", "labels", NULL), label, "1");
    }
    value_set_str(value_make_map(object, "data", NULL), "key", data);
    const struct api_ref ref = {kind, "default", "big"};
    api_create(world->gateway.api, &admin, &ref, object, flags, answered, &code);
    while (code == 0)
        assert_int_equal(loop_step(world->loop, 0), 0);
    return code;
}

/* The largest of n times the text that is accepted. */
static void create_largest(struct world *world, const struct schema_kind *kind, const char *text)
{
    size_t low = 1, high = 2 * 1024 * 1024;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        *(create(world, kind, text, mid, API_DRY_RUN) == 201 ? &low : &high) = mid;
    }
    assert_int_equal(create(world, kind, text, high, 0), 413);
    assert_int_equal(create(world, kind, text, low, 0), 201);
}

static void reader(struct world *world, const char *volume)
{
    autofree char *yaml = xasprintf("apiVersion: v1\n"
                                    "kind: Pod\n"
                                    "metadata: {name: web, namespace: default}\n"
                                    "spec:\n"
                                    "  nodeName: node-0\n"
                                    "  volumes:\n"
                                    "  - {name: v, %s}\n"
                                    "  containers:\n"
                                    "  - name: main\n"
                                    "    image: app\n"
                                    "    command: [run]\n"
                                    "    volumeMounts: [{name: v, mountPath: /v}]\n",
                                    volume);
    world_apply(world, yaml);
}

static const struct {
    const struct schema_kind *kind;
    const char *text, *volume;
} cases[] = {
    {&kind_secret, "AAAA", "secret: {secretName: big}"},
    {&kind_config_map, "x", "configMap: {name: big}"},
    {&kind_config_map, "x\n", "configMap: {name: big}"},
    {&kind_config_map, "\xf0\x9f\x8d\x8f", "configMap: {name: big}"},
};

static void test_size__the_largest_arrive(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world *world = world_new(*state, i + 1, 1);
        reader(world, cases[i].volume);
        world_run(world, 5 * S);
        assert_false(world_runs(world, 0, "web")); /* it waits for what it reads */
        create_largest(world, cases[i].kind, cases[i].text);
        world_settle(world, 30 * S);
        assert_true(world_runs(world, 0, "web"));
        world_restart_agent(world, 0);
        world_settle(world, 30 * S);
        world_free(world);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_size__the_largest_arrive),
    };
    return SCENARIOS(tests);
}
