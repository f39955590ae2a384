#include "agent/fetch/job.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#define TELL_EVERY (200 * NS_PER_MS)

static char *copy(const struct value *doc, const char *key)
{
    const char *s = value_get_str(doc, key);
    return str_empty(s) ? NULL : xstrdup(s);
}

static char **copy_list(const struct value *list)
{
    char **ret = xcalloc(value_len(list) + 1, sizeof(*ret));
    size_t count = 0;
    for (size_t i = 0; i < value_len(list); i++)
        if (value_str(value_at(list, i)))
            ret[count++] = xstrdup(value_str(value_at(list, i)));
    return ret;
}

static int parse_endpoint(const struct value *doc, struct job_endpoint *ret, struct err *err)
{
    const struct value *auth = value_get(doc, "auth");
    ret->url = copy(doc, "url");
    ret->connect = copy(doc, "connect");
    ret->ca_file = copy(doc, "caFile");
    ret->cert_file = copy(doc, "certFile");
    ret->key_file = copy(doc, "keyFile");
    ret->skip_verify = value_get_bool(doc, "skipVerify", false);
    if (value_len(auth) > JOB_AUTH_MAX)
        return err_set(err, -EINVAL, "job: more than %d users of a registry", JOB_AUTH_MAX);
    for (size_t i = 0; i < value_len(auth); i++) {
        const char *username = value_get_str(value_at(auth, i), "username");
        const char *password = value_get_str(value_at(auth, i), "password");
        ret->auth[ret->auth_count].username = xstrdup(username ? username : "");
        ret->auth[ret->auth_count++].password = xstrdup(password ? password : "");
    }
    return 0;
}

static int parse_endpoints(const struct value *list, struct job *job, struct err *err)
{
    if (value_len(list) > JOB_ENDPOINTS_MAX)
        return err_set(err, -EINVAL, "job: more than %d endpoints", JOB_ENDPOINTS_MAX);
    for (size_t i = 0; i < value_len(list); i++) {
        int rc = parse_endpoint(value_at(list, i), &job->endpoints[job->endpoint_count++], err);
        if (rc < 0)
            return rc;
    }
    if (job->endpoint_count == 0)
        job->endpoint_count = 1;
    return 0;
}

static void endpoint_done(struct job_endpoint *endpoint)
{
    free(endpoint->url);
    free(endpoint->connect);
    free(endpoint->ca_file);
    free(endpoint->cert_file);
    free(endpoint->key_file);
    for (size_t i = 0; i < endpoint->auth_count; i++) {
        free(endpoint->auth[i].username);
        free(endpoint->auth[i].password);
    }
}

int job_parse(const char *text, size_t len, struct job **ret, struct err *err)
{
    cleanup(value_free) struct value *doc = NULL;
    if (json_parse(text, len, &doc, err) < 0)
        return err_wrap(err, "job");
    cleanup(job_free) struct job *job = xcalloc(1, sizeof(*job));
    const char *verb = value_get_str(doc, "verb");
    job->load = str_eq(verb, "load");
    job->root = copy(doc, "root");
    job->file = copy(doc, "file");
    job->reference = copy(doc, "reference");
    job->ca_dir = copy(doc, "caDir");
    job->insecure = copy_list(value_get(doc, "insecure"));
    if (!job->load && !str_eq(verb, "pull"))
        return err_set(err, -EINVAL, "job: verb must be pull or load");
    if (!job->root || job->root[0] != '/')
        return err_set(err, -EINVAL, "job: root must be an absolute path");
    if (job->load ? !job->file : !job->reference)
        return err_set(err, -EINVAL, "job: %s is missing", job->load ? "file" : "reference");
    job->rate = value_get_int(doc, "rate", 0);
    int rc = parse_endpoints(value_get(doc, "endpoints"), job, err);
    if (rc == 0)
        *ret = steal(job);
    return rc;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    free(job->root);
    free(job->file);
    free(job->reference);
    free(job->ca_dir);
    for (size_t i = 0; i < job->endpoint_count; i++)
        endpoint_done(&job->endpoints[i]);
    for (size_t i = 0; job->insecure && job->insecure[i]; i++)
        free(job->insecure[i]);
    free(job->insecure);
    free(job);
}

static void print(struct value *line)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)json_write(line, &text);
    puts(buf_str(&text));
    fflush(stdout);
    value_free(line);
}

void job_tell(struct job_progress *progress, int64_t done)
{
    int64_t now = clock_boot(clock_system());
    if (now - progress->last_ns < TELL_EVERY)
        return;
    progress->last_ns = now;
    struct value *line = value_new_map();
    value_set_int(line, "done", done);
    value_set_int(line, "total", progress->total);
    print(line);
}

void job_tell_images(char *const *references)
{
    struct value *line = value_new_map();
    struct value *list = value_set(line, "images", value_new_list());
    for (size_t i = 0; references[i]; i++)
        value_append(list, value_new_str(references[i]));
    print(line);
}

void job_tell_error(const char *reason, const char *message)
{
    struct value *line = value_new_map();
    value_set_str(line, "error", message);
    value_set_str(line, "reason", reason);
    print(line);
}
