#include "controller/registry/content.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

void content_free(struct content *content)
{
    if (!content)
        return;
    free(content->needs);
    free(content);
}

static int add(struct content *content, const struct value *descriptor, bool manifest,
               struct err *err)
{
    const char *digest = value_get_str(descriptor, "digest");
    if (!digest || !digest_valid(digest))
        return err_set(err, -EINVAL, "a descriptor has no digest of sha256");
    if (value_get_int(descriptor, "size", -1) < 0)
        return err_set(err, -EINVAL, "a descriptor has no size");
    if (!manifest && value_len(value_get(descriptor, "urls")) > 0)
        return 0;
    if (content->count == CONTENT_MAX_NEEDS)
        return err_set(err, -EINVAL, "more than %d descriptors", CONTENT_MAX_NEEDS);
    content->needs = xreallocarray(content->needs, content->count + 1, sizeof(*content->needs));
    struct content_need *need = &content->needs[content->count++];
    need->manifest = manifest;
    snprintf(need->digest, sizeof(need->digest), "%s", digest);
    return 0;
}

static int add_all(struct content *content, const struct value *list, bool manifest,
                   struct err *err)
{
    int r = 0;
    if (value_type(list) != VALUE_LIST)
        return err_set(err, -EINVAL, "it has neither layers nor manifests");
    for (size_t i = 0; r == 0 && i < value_len(list); i++)
        r = add(content, value_at(list, i), manifest, err);
    return r;
}

static int read_needs(struct content *content, const struct value *document, struct err *err)
{
    const struct value *manifests = value_get(document, "manifests");
    const struct value *layers = value_get(document, "layers");
    if (value_get_int(document, "schemaVersion", 0) != 2)
        return err_set(err, -EINVAL, "its schemaVersion is not 2");
    if (manifests && layers)
        return err_set(err, -EINVAL, "it has both layers and manifests");
    if (manifests)
        return add_all(content, manifests, true, err);
    int r = add_all(content, layers, false, err);
    return r ? r : add(content, value_get(document, "config"), false, err);
}

static int read_subject(struct content *content, const struct value *document, struct err *err)
{
    const struct value *subject = value_get(document, "subject");
    if (value_type(subject) == VALUE_NULL)
        return 0;
    const char *digest = value_get_str(subject, "digest");
    if (!digest || !digest_valid(digest))
        return err_set(err, -EINVAL, "its subject has no digest of sha256");
    snprintf(content->subject, sizeof(content->subject), "%s", digest);
    return 0;
}

/* Visible characters of a header. */
static bool is_type(const char *type)
{
    size_t len = strlen(type);
    for (size_t i = 0; i < len; i++)
        if (type[i] <= ' ' || type[i] > '~')
            return false;
    return len > 0 && len <= CONTENT_TYPE_MAX && strchr(type, '/');
}

/* CVE-2021-41190: the same bytes must not be one thing here and another there. */
static int read_type(struct content *content, const struct value *document, const char *type,
                     struct err *err)
{
    const char *own = value_get_str(document, "mediaType");
    size_t len = type ? strcspn(type, "; ") : 0;
    autofree char *said = xstrndup(type ? type : "", len);
    if (own && len > 0 && !str_eq(own, said))
        return err_set(err, -EINVAL, "it is sent as %.64s and calls itself %.64s", said, own);
    const char *is = len > 0 ? said : own;
    if (!is || !is_type(is))
        return err_set(err, -EINVAL, "it has no media type");
    snprintf(content->type, sizeof(content->type), "%s", is);
    return 0;
}

int content_parse(const char *text, size_t len, const char *type, struct content **ret,
                  struct err *err)
{
    cleanup(content_free) struct content *content = xcalloc(1, sizeof(*content));
    cleanup(value_free) struct value *document = NULL;
    if (len > CONTENT_MAX_BYTES)
        return err_set(err, -EINVAL, "it is larger than %d bytes", CONTENT_MAX_BYTES);
    int r = json_parse(text, len, &document, err);
    if (r)
        return err_wrap(err, "it is not JSON");
    r = read_type(content, document, type, err);
    if (r == 0)
        r = read_needs(content, document, err);
    if (r == 0)
        r = read_subject(content, document, err);
    if (r == 0)
        *ret = steal(content);
    return r;
}
