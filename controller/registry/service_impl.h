#pragma once
/* What the service's files share: one request is a visit. */

#include "common/base/list.h"
#include "controller/registry/service.h"

struct service {
    struct service_spec spec;
    struct http *http;
    size_t transfers;
    struct list waiting; /* visits whose transfer has not begun */
    struct loop_defer *next;
};

struct visit {
    struct list link; /* of waiting */
    struct service *service;
    struct http_request *request;
    struct url url;
    struct target target;
    const struct service_route *route;
    char who[256]; /* asks */
    bool has_length;
    uint64_t length, received; /* of the body; as it was announced, if it was */
    struct upload *upload;     /* open; NULL: none */
    bool alone;                /* nobody knows its id: it ends with this request */
    int error;                 /* of writing to it */
    struct err why;
    uint64_t dropped; /* bytes of a body that cannot be kept */
    bool transfers;   /* counted in service->transfers */
    int fd;           /* of a blob whose turn has not come; -1 */
    uint64_t first, size;
    bool ranged;
};

/* Answers. The request is not the caller's any more. */
enum service_error {
    ERROR_BLOB_UNKNOWN,
    ERROR_UPLOAD_INVALID,
    ERROR_UPLOAD_UNKNOWN,
    ERROR_DIGEST_INVALID,
    ERROR_MANIFEST_BLOB_UNKNOWN,
    ERROR_MANIFEST_INVALID,
    ERROR_MANIFEST_UNKNOWN,
    ERROR_NAME_INVALID,
    ERROR_NAME_UNKNOWN,
    ERROR_TAG_INVALID,
    ERROR_SIZE_INVALID,
    ERROR_UNAUTHORIZED,
    ERROR_DENIED,
    ERROR_FULL, /* DENIED, as far as the specification has words */
    ERROR_UNSUPPORTED,
    ERROR_TOO_MANY,
    ERROR_BROKEN
};
void service_fail(struct visit *visit, enum service_error error, const char *fmt, ...)
    printf_like(3, 4);
void service_fail_code(struct http_request *request, int code, enum service_error error,
                       const char *message);
/* What an errno of the depot or of an upload means. */
void service_fail_errno(struct visit *visit, const struct err *err);
void service_done(struct visit *visit, int code); /* without a body */
void service_header(struct visit *visit, const char *name, const char *fmt, ...) printf_like(3, 4);

/* Whether the client of this visit may, for another repository. */
bool service_may(struct visit *visit, const char *verb, const char *repository);

/* admit: before the body; false after having answered. NULL: nothing is to be done. */
struct service_route {
    enum target_what what;
    const char *method, *verb;
    bool (*admit)(struct visit *visit);
    void (*handle)(struct visit *visit);
};

void pull_manifest(struct visit *visit);
void pull_blob(struct visit *visit);
void pull_left(struct visit *visit); /* the request is over */
void list_base(struct visit *visit);
void list_catalog(struct visit *visit);
void list_tags(struct visit *visit);
bool push_begin_admit(struct visit *visit);
void push_begin(struct visit *visit);
bool push_chunk_admit(struct visit *visit);
void push_chunk(struct visit *visit);
void push_finish(struct visit *visit);
void push_status(struct visit *visit);
void push_cancel(struct visit *visit);
void push_manifest(struct visit *visit);
void remove_manifest(struct visit *visit);
void remove_blob(struct visit *visit);
