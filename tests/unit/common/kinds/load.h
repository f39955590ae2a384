#pragma once
/* Loading manifests in tests. */

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/yaml.h"
#include "common/kinds/manifest.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static inline int keep_object(void *ctx, const struct schema_kind *kind, struct value *object)
{
    (void)kind;
    value_append(ctx, object);
    return 0;
}

/* The objects of a manifest as a list, which the caller frees. */
static inline struct value *load(const char *text)
{
    struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    if (manifest_load(text, strlen(text), NULL, keep_object, objects, &diags) != 0)
        fail_msg("%s\n%s: %s", text, diags.items[0].path, diags.items[0].reason);
    return objects;
}

/* Asserts that a manifest is refused with these lines (no file name), or taken if want is "". */
static inline void expect_mistakes(const char *text, const char *want)
{
    cleanup(value_free) struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    int r = manifest_load(text, strlen(text), NULL, keep_object, objects, &diags);
    diags_print(&diags, NULL, &got);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s\ngave\n%snot\n%s", text, buf_str(&got), want);
    assert_int_equal(r, *want ? -EINVAL : 0);
    if (*want)
        assert_int_equal(value_len(objects), 0);
}

/* Asserts what a column shows of an object. */
static inline void expect_cell(const struct schema_kind *kind, const char *column, const char *text,
                               int64_t now_wall_ns, const char *want)
{
    cleanup(value_free) struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    for (const struct schema_column *at = kind->columns; at && at->name; at++)
        if (strcmp(at->name, column) == 0)
            schema_cell(at, object, now_wall_ns, &got);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s of %s: \"%s\", not \"%s\"", column, text, buf_str(&got), want);
}

/* An object as a manifest has it, status and all, defaulted; the caller frees it. */
static inline struct value *load_whole(const char *text)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    if (yaml_parse(text, strlen(text), &object, &diags) < 0)
        fail_msg("%s", text);
    const struct schema_kind *kind = kinds_of(NULL, object, &diags);
    assert_non_null(kind);
    if (schema_check(kind, object, SCHEMA_CHECK_STATUS, &diags) < 0)
        fail_msg("%s\n%s: %s", text, diags.items[0].path, diags.items[0].reason);
    schema_default(kind, object);
    return object;
}

/* Asserts that an update from one manifest to another is refused with these lines ("path: reason"),
 * or taken if want is "". */
static inline void expect_update(const char *before, const char *after, const char *want)
{
    cleanup(value_free) struct value *old = load_whole(before);
    cleanup(value_free) struct value *next = load_whole(after);
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf got = {0};
    int r = schema_check_update(kinds_of(NULL, next, NULL), old, next, &diags);
    for (size_t i = 0; i < diags.count; i++)
        buf_addf(&got, "%s: %s\n", diags.items[i].path, diags.items[i].reason);
    if (strcmp(buf_str(&got), want) != 0)
        fail_msg("%s\nto\n%s\ngave\n%snot\n%s", before, after, buf_str(&got), want);
    assert_int_equal(r, *want ? -EINVAL : 0);
}
