/* Label and field selectors, as both. */

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/kinds/kinds.h"
#include "controller/api/selector.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_result(int r, const struct selector *selector, const struct err *err)
{
    check(r == 0 || ((r == -EINVAL || r == -E2BIG) && !selector && *err->msg && err->code == r));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = xstrndup((const char *)data, size);
    cleanup(selector_free) struct selector *labels = NULL;
    cleanup(selector_free) struct selector *fields = NULL;
    cleanup(value_free) struct value *object = value_new_map();
    struct err err = {0};
    value_set_str(value_make_map(object, "metadata", "labels", NULL), "app", "web");
    value_set_str(value_make_map(object, "spec", NULL), "nodeName", "pi");
    check_result(selector_parse_labels(text, &labels, &err), labels, &err);
    check_result(selector_parse_fields(text, &kind_pod, &fields, &err), fields, &err);
    selector_match(labels, object);
    selector_match(fields, object);
    selector_required(fields, "metadata.name");
    return 0;
}
