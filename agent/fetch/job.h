#pragma once
/* What limpet-fetch is to do, as JSON on its standard input, and what it says about it, as lines of
 * JSON on its standard output:
 *
 *   {"verb":"pull","root":"/var/lib/limpet/images","reference":"reg.local/web:2",
 *    "insecure":["reg.local:5000"],"caDir":"/etc/limpet/registries",
 *    "username":"...","password":"..."}
 *   {"verb":"load","root":"...","file":"/x.tar","reference":"..." (or what the archive says)}
 *
 *   {"done":1234,"total":5678}                               any number of times
 *   {"images":["reg.local/web:2"]}                           or
 *   {"error":"...","reason":"ErrImagePull"}                  once, last */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOB_MAX 65536

struct job {
    bool load;
    char *root, *file, *reference; /* NULL: not given */
    char *ca_dir, *username, *password;
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
