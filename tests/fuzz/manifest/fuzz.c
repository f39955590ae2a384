/* Any text is refused with a reason, or gives objects that stay right: checked again, defaulted
 * again, written as YAML and loaded again, they are the same. */

#include "common/data/yaml.h"
#include "common/kinds/manifest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int keep(void *ctx, const struct schema_kind *kind, struct value *object)
{
    (void)kind;
    value_append(ctx, object);
    return 0;
}

static void reload(const struct value *object)
{
    cleanup(buf_done) struct buf text = {0};
    cleanup(diags_done) struct diags diags = {0};
    cleanup(value_free) struct value *again = value_new_list();
    check(yaml_write(object, &text) == 0);
    int r = manifest_load(buf_str(&text), text.len, NULL, keep, again, &diags);
    if (r == -E2BIG)
        return;
    check(r == 0 && value_len(again) == 1 && value_equal(value_at(again, 0), object));
}

static int examine(void *ctx, const struct schema_kind *kind, struct value *taken)
{
    (void)ctx;
    cleanup(value_free) struct value *object = taken;
    cleanup(diags_done) struct diags diags = {0};
    char before[SCHEMA_HASH_LEN + 1], after[SCHEMA_HASH_LEN + 1];
    check(schema_check(kind, object, SCHEMA_CHECK_STATUS, &diags) == 0);
    check(schema_check_update(kind, object, object, &diags) == 0);
    schema_hash(kind->type, object, before);
    schema_default(kind, object);
    schema_hash(kind->type, object, after);
    check(strcmp(before, after) == 0);
    reload(object);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(diags_done) struct diags diags = {0};
    cleanup(buf_done) struct buf text = {0};
    int r = manifest_load((const char *)data, size, NULL, examine, NULL, &diags);
    check((r == 0) == (diags.count == 0));
    diags_print(&diags, "f.yaml", &text);
    return 0;
}
