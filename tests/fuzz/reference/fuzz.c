/* The name of an image, as it stands in a manifest. */

#include "agent/image/reference.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What is accepted has one canonical form, and nothing in it steps out of a path. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = xstrndup((const char *)data, size);
    struct reference ref, again;
    struct err err = {0};
    char one[REFERENCE_MAX + 256], two[REFERENCE_MAX + 256];
    int rc = reference_parse(text, &ref, &err);
    if (rc < 0) {
        check(err.code == rc && *err.msg);
        return 0;
    }
    reference_format(&ref, one);
    check(reference_parse(one, &again, NULL) == 0);
    reference_format(&again, two);
    check(strcmp(one, two) == 0);
    check(!strstr(ref.registry, "..") && !strstr(ref.repository, "..") &&
          !strstr(ref.repository, "//") && ref.repository[0] != '/' && !strchr(ref.tag, '/'));
    check(!*ref.digest || digest_valid(ref.digest));
    return 0;
}
