#include "tests/unit/controller/admission/gated.h"

#include "common/base/mem.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

int gated_setup(void **state)
{
    struct gated *gated = xcalloc(1, sizeof(*gated));
    gated->world = world_new();
    gated->admission = admission_new(gated->world->api, &ADMISSION_DEFAULTS);
    *state = gated;
    return 0;
}

int gated_teardown(void **state)
{
    struct gated *gated = *state;
    admission_free(gated->admission);
    world_free(gated->world);
    free(gated);
    return 0;
}

void gated_configure(struct gated *gated, const struct admission_config *config)
{
    admission_free(gated->admission);
    gated->admission = admission_new(gated->world->api, config);
}

void admitted(struct gated *gated, const struct schema_kind *kind, const char *yaml,
              struct value **ret)
{
    cleanup(value_free) struct value *answer = NULL;
    int code = do_create(gated->world, kind, kind->namespaced ? "default" : "", yaml, &answer);
    if (code != 201)
        fail_msg("%s: %s", yaml, value_get_str(answer, "message"));
    if (ret)
        *ret = steal(answer);
}

void refused(struct gated *gated, const struct schema_kind *kind, const char *yaml,
             const char *message)
{
    cleanup(value_free) struct value *answer = NULL;
    int code = do_create(gated->world, kind, kind->namespaced ? "default" : "", yaml, &answer);
    if (code < 400)
        fail_msg("let in: %s", yaml);
    assert_string_equal(value_get_str(answer, "message"), message);
    assert_int_equal(code, 403);
    assert_string_equal(value_get_str(answer, "reason"), "Forbidden");
}

char *at(const struct value *object, const char *path)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    autofree char *copy = xstrdup(path);
    char *rest = NULL;
    for (char *key = strtok_r(copy, ".", &rest); key; key = strtok_r(NULL, ".", &rest))
        object = value_type(object) == VALUE_LIST ? value_at(object, (size_t)atoi(key))
                                                  : value_get(object, key);
    if (object)
        json_write(object, &text);
    return xstrdup(buf_str(&text));
}

void pod_has(struct gated *gated, const char *spec, const char *path, const char *json)
{
    cleanup(value_free) struct value *pod = NULL;
    autofree char *yaml = xasprintf("{metadata: {generateName: p-}, spec: {%s}}", spec);
    admitted(gated, &kind_pod, yaml, &pod);
    autofree char *have = at(pod, path);
    assert_string_equal(have, json);
}
