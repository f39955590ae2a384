/* What yaml_parse_all takes, yaml_write writes so that it reads back the same. */

#include "common/data/yaml.h"

#include <errno.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static int read_back(void *ctx, int document, struct value *taken)
{
    (void)ctx;
    (void)document;
    cleanup(value_free) struct value *doc = taken;
    cleanup(value_free) struct value *back = NULL;
    cleanup(buf_done) struct buf text = {0};
    cleanup(diags_done) struct diags diags = {0};
    check(yaml_write(doc, &text) == 0);
    int r = yaml_parse(buf_str(&text), text.len, &back, &diags);
    if (r != -E2BIG)
        check(r == 0 && value_equal(doc, back));
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(diags_done) struct diags diags = {0};
    int r = yaml_parse_all((const char *)data, size, read_back, NULL, &diags);
    check((r == 0) == (diags.count == 0));
    return 0;
}
