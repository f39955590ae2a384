#pragma once
/* What a request to the registry is about (OCI distribution-spec 1.1, "Endpoints"): the path below
 * /v2, names, digests, tags and ranges. Pure; hostile input. */

#include "controller/http/url.h"

#include <stdbool.h>
#include <stdint.h>

#define REPOSITORY_MAX 255 /* bytes of a repository's name */
#define TAG_MAX 128
#define DIGEST_LEN 71 /* "sha256:" and 64 digits: no other algorithm is known here */
#define UPLOAD_ID_LEN 32

enum target_what {
    TARGET_NOWHERE,
    TARGET_BASE,     /* /v2 */
    TARGET_CATALOG,  /* /v2/_catalog */
    TARGET_TAGS,     /* /v2/NAME/tags/list */
    TARGET_MANIFEST, /* /v2/NAME/manifests/REFERENCE */
    TARGET_BLOB,     /* /v2/NAME/blobs/DIGEST */
    TARGET_UPLOADS,  /* /v2/NAME/blobs/uploads/ */
    TARGET_UPLOAD,   /* /v2/NAME/blobs/uploads/ID */
    TARGET_REFERRERS /* /v2/NAME/referrers/DIGEST */
};

struct target {
    enum target_what what;
    char repository[REPOSITORY_MAX + 1]; /* "" of BASE and CATALOG */
    const char
        *reference; /* tag, digest or id as it was sent, not checked; borrowed from the URL */
};

enum target_mistake { TARGET_FINE, TARGET_BAD_NAME, TARGET_UNKNOWN };
/* Of names that are none, *ret says nothing. */
enum target_mistake target_find(const struct url *url, struct target *ret);

/* Lower case letters and digits, with '.', '_', '__' or '-'s between them; parts separated by '/'.
 */
bool repository_valid(const char *name);
bool tag_valid(const char *tag);
bool digest_valid(const char *digest);
bool upload_id_valid(const char *id);

/* Content-Range of a chunk: "0-1023", also "bytes 0-1023/2048". -EINVAL. */
nodiscard int chunk_range_parse(const char *text, uint64_t *ret_first, uint64_t *ret_last);
/* Range of a blob of `size` bytes (RFC 9110 section 14.1.2): one range of bytes. 1 with what is
 * wanted of it, 0 if the header is to be left aside (absent, several ranges, another unit), -ERANGE
 * if there is nothing there. */
nodiscard int byte_range_parse(const char *text, uint64_t size, uint64_t *ret_first,
                               uint64_t *ret_len);
