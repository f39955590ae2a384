/* What is asked of the registry: by the first byte a target ('t'), ranges ('r') or a manifest. */

#include "controller/registry/content.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

/* What passes is safe as the name of a file. */
static void try_target(const char *text)
{
    struct url url;
    struct err err = {0};
    struct target target;
    if (url_parse(text, &url, &err) != 0)
        return;
    if (target_find(&url, &target) == TARGET_FINE && *target.repository)
        check(repository_valid(target.repository) && !strstr(target.repository, "..") &&
              !strchr(target.repository, '+') && target.repository[0] != '/');
    if (digest_valid(target.reference) || tag_valid(target.reference) ||
        upload_id_valid(target.reference))
        check(!strchr(target.reference, '/') && target.reference[0] != '.');
    url_done(&url);
}

static void try_ranges(const char *text)
{
    static const uint64_t sizes[] = {0, 1, 10, UINT64_MAX};
    uint64_t first, last, len;
    if (chunk_range_parse(text, &first, &last) == 0)
        check(first <= last);
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        if (byte_range_parse(text, sizes[i], &first, &len) == 1)
            check(len > 0 && first < sizes[i] && len <= sizes[i] - first);
}

static void try_content(const char *text, size_t len)
{
    cleanup(content_free) struct content *content = NULL;
    struct err err = {0};
    int r = content_parse(text, len, "a/b", &content, &err);
    check(r < 0 ? !content && *err.msg : content->count <= CONTENT_MAX_NEEDS);
    for (size_t i = 0; content && i < content->count; i++)
        check(digest_valid(content->needs[i].digest));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = xstrndup((const char *)data, size);
    if (*text == 't')
        try_target(text + 1);
    else if (*text == 'r')
        try_ranges(text + 1);
    else
        try_content((const char *)data, size);
    return 0;
}
