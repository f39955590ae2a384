/* What json_parse takes, the writers write so that it reads back the same; and cJSON reads the
 * same, and takes the rest only where it is known to be lax. */

#include "common/data/json.h"
#include "tests/fuzz/json/oracle.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void read_back(const struct value *value, int (*write)(const struct value *, struct buf *))
{
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *back = NULL;
    check(write(value, &text) == 0);
    int r = json_parse(buf_str(&text), text.len, &back, NULL);
    if (r == -E2BIG) /* escapes or spaces made it longer than the cap */
        return;
    check(r == 0 && value_equal(value, back));
}

static void ask_oracle(const char *text, size_t len, const struct value *value)
{
    char why[128];
    if (oracle_agrees(text, len, value, why, sizeof(why)))
        return;
    fprintf(stderr, "%s\n", why);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(value_free) struct value *value = NULL;
    struct err err = {0};
    int r = json_parse((const char *)data, size, &value, &err);
    ask_oracle((const char *)data, size, value);
    if (r < 0) {
        check(!value && err.code == r && *err.msg);
        return 0;
    }
    read_back(value, json_write);
    read_back(value, json_write_canonical);
    read_back(value, json_write_pretty);
    cleanup(value_free) struct value *copy = value_copy(value);
    check(value_equal(value, copy));
    return 0;
}
