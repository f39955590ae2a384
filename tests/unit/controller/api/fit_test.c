/* What is accepted can be kept and delivered: each kind just within its limit, and just beyond. */

#include "controller/api/fit.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/sealed.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/data/yaml.h"
#include "controller/manifest/manifest.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

struct answer {
    int code;
    struct value *object;
};

static void on_done(void *ctx, const struct api_answer *answer)
{
    struct answer *to = ctx;
    to->code = answer->code;
    to->object = value_copy(answer->object);
}

static int create(struct world *world, const struct schema_kind *kind, const struct value *object,
                  unsigned flags, struct value **ret)
{
    struct answer answer = {0};
    const struct api_ref ref = {kind, "default", ""};
    api_create(world->api, &admin, &ref, object, flags, on_done, &answer);
    world_settle(world);
    if (ret)
        *ret = steal(answer.object);
    value_free(answer.object);
    return answer.code;
}

/* n times the text. */
static char *times(const char *text, size_t n)
{
    size_t len = strlen(text);
    char *out = xmalloc(n * len + 1);
    for (size_t i = 0; i < n; i++)
        memcpy(out + i * len, text, len);
    out[n * len] = '\0';
    return out;
}

static struct value *with_data(const char *text, size_t n)
{
    struct value *object = parse("{metadata: {name: big}, data: {key: x}}");
    autofree char *data = times(text, n);
    value_set_str(value_get(object, "data"), "key", data);
    return object;
}

static struct value *one_line(size_t n)
{
    return with_data("x", n);
}

static struct value *many_lines(size_t n)
{
    return with_data("x\n", n);
}

/* Of which a seal makes sixteen bytes each, not five or six. */
static struct value *coded(size_t n)
{
    return with_data("AAAAAAAAAAAA", n);
}

static struct value *with_args(const char *text, size_t n)
{
    struct value *pod = parse("{metadata: {name: big}, spec: {containers: [{name: a, image: i}]}}");
    struct value *container = value_at(value_path(pod, "spec", "containers", NULL), 0);
    struct value *args = value_set(container, "args", value_new_list());
    for (size_t i = 0; i < n; i++)
        value_append(args, value_new_str(text));
    return pod;
}

/* As many values as a document may have, nearly. */
static struct value *short_args(size_t n)
{
    return with_args("an argument", n);
}

static struct value *long_args(size_t n)
{
    return with_args("an argument such as programs start with", n);
}

struct sized {
    const char *name;
    const struct schema_kind *kind;
    struct value *(*make)(size_t n);
    const char *says; /* beyond */
    size_t most;      /* does not fit, but for a little */
    size_t each;      /* bytes of which one more makes it larger */
};

static const struct sized cases[] = {
    {"a config map of one line", &kind_config_map, one_line, "bytes of JSON", 1048500, 1},
    {"a config map of short lines", &kind_config_map, many_lines, "bytes of YAML", 174800, 6},
    {"a secret", &kind_secret, coded, "sealed to one", 65600, 16},
    {"a pod", &kind_pod, short_args, "bytes of YAML", 58300, 18},
};

/* Of fewer values, which each write looks at. */
static const struct sized pod_of_few = {"a pod", &kind_pod, long_args, "bytes of YAML", 22900, 46};

/* By how many bytes it is too much, as the refusal tells: the first number and the last. */
static size_t excess(const struct value *refusal)
{
    const char *text = value_get_str(refusal, "message"), *has = strrchr(text, ' ');
    return strtoul(has, NULL, 10) - strtoul(strpbrk(text, "0123456789"), NULL, 10);
}

/* The most that is accepted, by what the refusal of more says: each try is much work. */
static size_t largest(struct world *world, const struct sized *sized)
{
    cleanup(value_free) struct value *object = sized->make(sized->most);
    cleanup(value_free) struct value *refusal = NULL;
    assert_int_equal(create(world, sized->kind, object, API_DRY_RUN, &refusal), 413);
    return sized->most - (excess(refusal) + sized->each - 1) / sized->each;
}

/* The node's limits, as it applies them. */
static void expect_node_takes(const struct schema_kind *kind, const struct value *object)
{
    cleanup(value_free) struct value *manifest = manifest_strip(object);
    for (int sealed = 0; sealed <= (kind == &kind_secret); sealed++) {
        cleanup(buf_done) struct buf text;
        cleanup(value_free) struct value *back = NULL;
        cleanup(diags_done) struct diags diags;
        diags_init(&diags);
        buf_init(&text, 0);
        assert_int_equal(yaml_write(manifest, &text), 0);
        assert_int_equal(yaml_parse(text.data, text.len, &back, &diags), 0);
        assert_true(value_equal(manifest, back));
        (void)sealed_sketch(manifest);
    }
}

static void test_fit__both_sides(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        size_t n = largest(world, &cases[i]);
        cleanup(value_free) struct value *fits = cases[i].make(n), *beyond = cases[i].make(n + 1);
        cleanup(value_free) struct value *refusal = NULL;
        assert_int_equal(create(world, cases[i].kind, beyond, 0, &refusal), 413);
        assert_string_equal(value_get_str(refusal, "reason"), "RequestEntityTooLarge");
        if (!strstr(value_get_str(refusal, "message"), cases[i].says))
            fail_msg("%s: %s", cases[i].name, value_get_str(refusal, "message"));
        const struct value *causes = value_path(refusal, "details", "causes", NULL);
        assert_string_equal(value_get_str(value_at(causes, 0), "reason"), "FieldValueTooLong");
        assert_null(get(world, cases[i].kind, "default", "big"));
        assert_int_equal(create(world, cases[i].kind, fits, 0, NULL), 201);
        cleanup(value_free) struct value *stored = get(world, cases[i].kind, "default", "big");
        assert_non_null(stored);
        expect_node_takes(cases[i].kind, stored);
        assert_int_equal(do_delete(world, cases[i].kind, "default", "big", 0, NULL), 200);
    }
}

/* An update is held to the same as a creation. */
static void test_fit__update(void **state)
{
    struct world *world = *state;
    assert_int_equal(do_create(world, &kind_secret, "default",
                               "{metadata: {name: big}, data: {key: QUJD}}", NULL),
                     201);
    cleanup(value_free) struct value *stored = get(world, &kind_secret, "default", "big");
    autofree char *data = times("AAAA", 200000);
    value_set_str(value_get(stored, "data"), "key", data);
    assert_int_equal(do_update(world, &kind_secret, "default", stored, 0, NULL), 413);
    cleanup(value_free) struct value *still = get(world, &kind_secret, "default", "big");
    assert_string_equal(value_get_str(value_get(still, "data"), "key"), "QUJD");
}

static int bind(struct world *world, const char *pod, const char *node)
{
    struct answer answer = {0};
    api_bind(world->api, &admin, "default", pod, node, 0, on_done, &answer);
    world_settle(world);
    value_free(answer.object);
    return answer.code;
}

/* A status of that many bytes, and some. By how many it is too much; 0: it is taken. */
static size_t report(struct world *world, const struct value *pod, size_t len)
{
    cleanup(value_free) struct value *next = value_copy(pod), *answer = NULL;
    autofree char *message = times("m", len);
    value_del(value_get(next, "metadata"), "resourceVersion");
    value_set_str(value_make_map(next, "status", NULL), "message", message);
    if (do_update(world, &kind_pod, "default", next, API_STATUS, &answer) == 200)
        return 0;
    assert_non_null(strstr(value_get_str(answer, "message"), "it may have"));
    return excess(answer);
}

/* As large as it may be: it can still be bound, reported on, and deleted, and a node that fills its
 * status does not keep anybody from that. */
static void test_fit__room_for_its_life(void **state)
{
    struct world *world = *state;
    cleanup(value_free) struct value *pod = long_args(largest(world, &pod_of_few));
    autofree char *node = times("node-name.", 25);
    node[strlen(node) - 1] = '\0';
    assert_int_equal(create(world, &kind_pod, pod, 0, NULL), 201);
    assert_int_equal(bind(world, "big", node), 200);
    cleanup(value_free) struct value *bound = get(world, &kind_pod, "default", "big");
    assert_int_equal(report(world, bound, 60 * 1024), 0);
    size_t over = report(world, bound, DATA_MAX_BYTES);
    assert_true(over > 0);
    assert_int_equal(report(world, bound, DATA_MAX_BYTES - over + 1), 1);
    assert_int_equal(report(world, bound, DATA_MAX_BYTES - over), 0);
    assert_int_equal(do_delete(world, &kind_pod, "default", "big", 30, NULL), 200);
    cleanup(value_free) struct value *marked = get(world, &kind_pod, "default", "big");
    assert_non_null(value_path(marked, "metadata", "deletionTimestamp", NULL));
    expect_node_takes(&kind_pod, marked);
    assert_int_equal(do_delete(world, &kind_pod, "default", "big", 0, NULL), 200);
}

/* Merged from documents that were small enough each, it could not be read back. */
static void test_fit__values(void **state)
{
    (void)state;
    for (size_t n = DATA_MAX_NODES - 6; n < DATA_MAX_NODES - 3; n++) {
        cleanup(value_free) struct value *object = parse("{metadata: {name: big}}");
        struct value *list =
            value_set(value_make_map(object, "spec", NULL), "finalizers", value_new_list());
        for (size_t i = 0; i < n; i++)
            value_append(list, value_new_int(1));
        cleanup(buf_done) struct buf text;
        cleanup(value_free) struct value *back = NULL;
        struct err err = {0};
        buf_init(&text, 0);
        assert_int_equal(json_write(object, &text), 0);
        bool reads = json_parse(text.data, text.len, &back, &err) == 0;
        cleanup(value_free) struct value *refusal =
            fit_refusal(&kind_namespace, object, 0, text.len);
        assert_int_equal(refusal == NULL, reads);
        assert_int_equal(reads, n <= DATA_MAX_NODES - 5);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_fit__both_sides, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fit__update, setup, teardown),
        cmocka_unit_test_setup_teardown(test_fit__room_for_its_life, setup, teardown),
        cmocka_unit_test(test_fit__values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
