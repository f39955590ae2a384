#pragma once
/* What a manifest that is pushed says it needs (OCI image-spec 1.1, and Docker's schema 2 of the
 * same): enough to keep those things, and no more. Pure; hostile input. */

#include "common/base/cleanup.h"
#include "controller/registry/target.h"

#define CONTENT_MAX_BYTES (1024 * 1024) /* of a manifest */
#define CONTENT_MAX_NEEDS 1024
#define CONTENT_TYPE_MAX 127 /* bytes of a media type */

struct content_need {
    char digest[DIGEST_LEN + 1];
    bool manifest; /* of an index; else a blob */
};
struct content {
    char type[CONTENT_TYPE_MAX + 1];
    char subject[DIGEST_LEN + 1]; /* what it is about; "" = nothing */
    struct content_need *needs;   /* but layers that come from elsewhere ("urls") */
    size_t count;
};

/* type: what the client calls it, which must be what the document says it is, if both say; one of
 * them does. Negative with the reason. */
nodiscard int content_parse(const char *text, size_t len, const char *type, struct content **ret,
                            struct err *err);
void content_free(struct content *content); /* NULL is fine */
CLEANUP_DEFINE(struct content, content_free);
