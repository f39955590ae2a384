#pragma once
/* What limpet-fetch is to do, as JSON on its standard input, and what it says about it, as lines of
 * JSON on its standard output:
 *
 *   {"verb":"pull","root":"/var/lib/limpet/images","reference":"reg.local/web:2",
 *    "insecure":["reg.local:5000"],"caDir":"/etc/limpet/registries",
 *    "endpoints":[{"url":"https://mirror.local:5000/v2","caFile":"/x.pem","skipVerify":true,
 *                  "certFile":"/c.pem","keyFile":"/k.pem","connect":"192.0.2.1:5000",
 *                  "auth":[{"username":"...","password":"..."}]}, {"auth":[]}]}
 *   {"verb":"load","root":"...","file":"/x.tar","reference":"..." (or what the archive says)}
 *
 * "rate": bytes a second at most. Endpoints are asked in their order; one without a URL is the
 * registry that the reference names.
 *
 *   {"done":1234,"total":5678}                               any number of times
 *   {"images":["reg.local/web:2"]}                           or
 *   {"error":"...","reason":"ErrImagePull"}                  once, last */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_MAX (8 * 1024 * 1024)
#define JOB_ENDPOINTS_MAX 9
#define JOB_AUTH_MAX 17

struct job_auth {
    char *username, *password; /* never NULL */
};
struct job_endpoint {
    char *url;                            /* with the path that stands before the repository */
    char *connect;                        /* "host:port": where it is; NULL: where its URL says */
    char *ca_file, *cert_file, *key_file; /* PEM; NULL */
    bool skip_verify;
    struct job_auth auth[JOB_AUTH_MAX]; /* in the order in which they are tried */
    size_t auth_count;
};

struct job {
    bool load;
    char *root, *file, *reference; /* NULL: not given */
    char *ca_dir;
    struct job_endpoint endpoints[JOB_ENDPOINTS_MAX]; /* at least one, of a pull */
    size_t endpoint_count;
    int64_t rate;    /* bytes a second at most; 0: as many as come */
    char **insecure; /* NULL-terminated */
};

nodiscard int job_parse(const char *text, size_t len, struct job **ret, struct err *err);
void job_free(struct job *job);

/* Progress is told a few times a second at most. */
struct job_progress {
    int64_t total, last_ns;
};
void job_tell(struct job_progress *progress, int64_t done);
void job_tell_images(char *const *references);
void job_tell_error(const char *reason, const char *message);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct job, job_free);
