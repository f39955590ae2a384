#pragma once
/* A kind with one field of each sort, to test what works on tables. */

#include "common/base/str.h"
#include "common/data/yaml.h"
#include "common/schema/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const struct schema_type type_choice = {
    .name = "Choice",
    .union_of = "choice",
    .union_required = true,
    FIELDS(F(1, "left", STRING), F(2, "right", STRING)),
};

static void check_part(const struct value *part, struct schema_walk *walk)
{
    if (value_get_int(part, "low", 0) > value_get_int(part, "high", 100))
        schema_mistake(walk, value_get(part, "low"), "low", CAUSE_INVALID, "must be below high");
}

static void fill_part(struct value *part)
{
    if (!value_get(part, "filled"))
        value_set_str(part, "filled", value_get_str(part, "name"));
}

static const struct schema_type type_part = {
    .name = "Part",
    .check = check_part,
    .fill = fill_part,
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_label)), F(2, "low", INT32),
           F(3, "high", INT32, DEF("100")), F(4, "filled", STRING),
           INLINE(5, "choice", type_choice)),
};

static const struct schema_type type_sub = {
    .name = "Sub",
    FIELDS(F(1, "text", STRING, DEF("hello")), F(2, "fixed", STRING, IMMUTABLE)),
};

static const struct schema_type type_meta = {
    .name = "Meta",
    FIELDS(F(1, "name", STRING), F(2, "namespace", STRING), F(3, "generateName", STRING)),
};

static const struct schema_type type_state = {
    .name = "State",
    FIELDS(F(1, "phase", STRING, DEF("New"))),
};

static const struct schema_type type_sample = {
    .name = "Sample",
    FIELDS(F(1, "metadata", OBJECT(type_meta)), F(2, "bool", BOOL, DEF("true")),
           F(3, "int32", INT32, DEF("7")), F(4, "int64", INT64), F(5, "port", INT32, RULE(port)),
           F(6, "double", DOUBLE), F(7, "quantity", QUANTITY, RULE(not_negative)),
           F(8, "intOrString", INT_OR_STRING), F(9, "time", TIME), F(10, "bytes", BYTES),
           F(11, "any", ANY), F(12, "policy", STRING, DEF("Always"), ONE_OF("Always", "Never")),
           F(13, "sub", OBJECT(type_sub), DEF("{}")), F(14, "other", OBJECT(type_sub)),
           F(15, "parts", LIST(OBJECT(type_part)), UNIQUE_BY("name")),
           F(16, "words", LIST(STRING), RULE(not_empty)),
           F(17, "set", LIST(INT64), .flags = SCHEMA_SET | SCHEMA_UNIQUE),
           F(18, "labels", MAP(STRING), KEYS(format_qualified_name), RULE(label_value)),
           F(19, "amounts", MAP(QUANTITY)), F(20, "byName", MAP(OBJECT(type_sub))),
           F(21, "secret", MAP(BYTES), .flags = SCHEMA_SECRET),
           F(22, "needed", LIST(STRING), REQUIRED),
           F(23, "empty", STRING, .flags = SCHEMA_REQUIRED | SCHEMA_MAY_BE_EMPTY),
           F(24, "status", OBJECT(type_state))),
};

static const struct schema_kind kind_sample = {
    .group = "test.limpet.io",
    .version = "v1",
    .kind = "Sample",
    .plural = "samples",
    .singular = "sample",
    .namespaced = true,
    .type = &type_sample,
    .name = format_dns1123_subdomain,
};

static inline struct value *yaml(const char *text)
{
    struct diags diags = {0};
    struct value *value = NULL;
    if (yaml_parse(text, strlen(text), &value, &diags) < 0)
        fail_msg("%s: %s", text, diags.items[0].reason);
    return value;
}

/* A right object with more lines below; what they give replaces nothing of it. */
#define SAMPLE "apiVersion: test.limpet.io/v1\nkind: Sample\nmetadata: {name: x}\n"
#define NEEDED "needed: [a]\nempty: ''\n"
