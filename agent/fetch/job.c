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
    job->username = copy(doc, "username");
    job->password = copy(doc, "password");
    job->insecure = copy_list(value_get(doc, "insecure"));
    if (!job->load && !str_eq(verb, "pull"))
        return err_set(err, -EINVAL, "job: verb must be pull or load");
    if (!job->root || job->root[0] != '/')
        return err_set(err, -EINVAL, "job: root must be an absolute path");
    if (job->load ? !job->file : !job->reference)
        return err_set(err, -EINVAL, "job: %s is missing", job->load ? "file" : "reference");
    *ret = steal(job);
    return 0;
}

void job_free(struct job *job)
{
    if (!job)
        return;
    free(job->root);
    free(job->file);
    free(job->reference);
    free(job->ca_dir);
    free(job->username);
    free(job->password);
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
