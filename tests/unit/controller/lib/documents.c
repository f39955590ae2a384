#include "tests/unit/controller/lib/documents.h"

#include "common/data/json.h"
#include "common/data/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct value *document(const char *yaml)
{
    struct value *object = NULL;
    cleanup(diags_done) struct diags diags;
    struct err err = {0};
    diags_init(&diags);
    if (json_parse(yaml, strlen(yaml), &object, &err) != 0 &&
        yaml_parse(yaml, strlen(yaml), &object, &diags) != 0)
        fail_msg("no YAML: %s", yaml);
    return object;
}

void assert_document(const struct value *have, const char *want)
{
    cleanup(value_free) struct value *wanted = document(want);
    if (value_equal(have, wanted))
        return;
    cleanup(buf_done) struct buf text = {0};
    (void)json_write(have, &text);
    fail_msg("%s instead of %s", buf_str(&text), want);
}
