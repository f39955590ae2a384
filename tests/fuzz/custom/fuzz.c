/* A schema in the first line, an object's spec and what stands beside it in the rest, both JSON. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "controller/custom/custom.h"
#include "controller/merge/apply.h"
#include "controller/merge/prune.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static const char frame[] =
    "{\"apiVersion\":\"apiextensions.k8s.io/v1\",\"kind\":\"CustomResourceDefinition\",\"metadata\":"
    "{\"name\":\"things.example.com\"},\"spec\":{\"group\":\"example.com\",\"scope\":\"Namespaced\","
    "\"names\":{\"plural\":\"things\",\"kind\":\"Thing\"},\"versions\":[{\"name\":\"v1\",\"served\":"
    "true,\"storage\":true,\"schema\":{}}]}}";

static struct value *parse(const char *text, size_t len)
{
    struct err err;
    struct value *value = NULL;
    return json_parse(text, len, &value, &err) == 0 ? value : NULL;
}

static bool is_right(const struct schema_kind *kind, const struct value *object)
{
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    int r = schema_check(kind, object, SCHEMA_CHECK_STATUS, &diags);
    check((r == 0) == (diags.count == 0));
    return r == 0;
}

/* What is right stays right when it is defaulted, and is not defaulted twice. */
static void use(const struct schema_kind *kind, struct value *object)
{
    value_set_str(object, "apiVersion", "example.com/v1");
    value_set_str(object, "kind", "Thing");
    value_set_str(value_make_map(object, "metadata", NULL), "name", "a");
    cleanup(value_free) struct value *whole = value_copy(object);
    (void)is_right(kind, object);
    prune(kind->type, object, NULL);
    bool right = is_right(kind, object);
    schema_default(kind, object);
    if (!right)
        return;
    cleanup(value_free) struct value *twice = value_copy(object);
    schema_default(kind, twice);
    check(value_equal(object, twice));
    value_free(apply_merge(kind, object, whole));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data, *end = memchr(text, '\n', size);
    size_t len = end ? (size_t)(end - text) : size;
    struct value *schema = parse(text, len);
    cleanup(value_free) struct value *object = end ? parse(end + 1, size - len - 1) : NULL;
    cleanup(value_free) struct value *definition = parse(frame, sizeof(frame) - 1);
    if (!schema)
        return 0;
    struct value *version = value_at(value_path(definition, "spec", "versions", NULL), 0);
    value_set(value_get(version, "schema"), "openAPIV3Schema", schema);
    if (!is_right(&kind_custom_resource_definition, definition))
        return 0;
    schema_default(&kind_custom_resource_definition, definition);
    struct custom *custom = custom_new(definition, false);
    if (value_type(object) == VALUE_MAP && value_type(value_get(object, "metadata")) <= VALUE_NULL)
        use(custom_stored(custom), object);
    custom_free(custom);
    return 0;
}
