#include "controller/link/people.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/topic.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/kinds/manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define JOBS_MAX 64
#define CORRELATION_MAX 1024
#define ANSWER_ERRORS 1000 /* told of one message that has so many that the answer is too large */

struct people {
    struct api *api;
    struct outqueue *queue;
    struct map *jobs; /* key -> struct job: under way */
    uint64_t next_job;
};

struct doc {
    const struct schema_kind *kind;
    struct value *object;
};

/* A message whose documents are carried out one after the other. */
struct job {
    struct people *people;
    char key[24];
    char *user;
    void *correlation;
    size_t correlation_len;
    struct doc *docs;
    size_t count, at;
    bool deleting, failed;
    struct value *objects, *errors; /* of the answer */
};

static void job_free(void *p)
{
    struct job *job = p;
    for (size_t i = 0; i < job->count; i++)
        value_free(job->docs[i].object);
    free(job->docs);
    free(job->user);
    free(job->correlation);
    value_free(job->objects);
    value_free(job->errors);
    free(job);
}

struct people *people_new(struct api *api, struct outqueue *queue)
{
    struct people *people = xcalloc(1, sizeof(*people));
    people->api = api;
    people->queue = queue;
    people->jobs = map_new();
    return people;
}

void people_free(struct people *people)
{
    if (!people)
        return;
    map_free(people->jobs, job_free);
    free(people);
}

/* Who it is. Until users are objects of their own, the certificate's name is the whole identity,
 * and only the admin of the first start is in a group. */
static struct api_user identity(const char *name)
{
    static const char *const masters[] = {"system:masters", NULL};
    static const char *const nothing[] = {NULL};
    return (struct api_user){name, str_eq(name, "admin") ? masters : nothing};
}

/* Answers. */

static struct value *first_of(const struct value *list, size_t most)
{
    struct value *first = value_new_list();
    for (size_t i = 0; i < value_len(list) && i < most; i++)
        value_append(first, value_copy(value_at(list, i)));
    return first;
}

static void reply(const struct job *job)
{
    cleanup(value_free) struct value *answer = value_new_map();
    bool ok = value_len(job->errors) == 0 && !job->failed;
    value_set_bool(answer, "ok", ok);
    value_set(answer, "objects", value_copy(job->objects));
    if (!ok)
        value_set(answer, "errors", value_copy(job->errors));
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, DATA_MAX_BYTES);
    if (json_write(answer, &payload) < 0) { /* thousands of documents in one message */
        value_set(answer, "objects", value_new_list());
        value_set_int(answer, "count", (int64_t)value_len(job->objects));
        value_set(answer, "errors", first_of(job->errors, ANSWER_ERRORS));
        buf_drop(&payload, payload.len);
        (void)json_write(answer, &payload);
    }
    struct topic topic = {.type = TOPIC_REPLY};
    snprintf(topic.user, sizeof(topic.user), "%s", job->user);
    char text[TOPIC_MAX + 1];
    struct err err = {0};
    if (topic_build(&topic, text, &err) < 0)
        return;
    const struct bus_msg msg = {.topic = text,
                                .payload = payload.data,
                                .len = payload.len,
                                .expiry_s = 60,
                                .correlation = job->correlation,
                                .correlation_len = job->correlation_len};
    outqueue_put(job->people->queue, &msg);
}

static void add_error(struct job *job, int document, int line, const char *path, const char *reason)
{
    struct value *error = value_new_map();
    value_set_int(error, "document", document);
    value_set_int(error, "line", line);
    value_set_str(error, "path", path ? path : "");
    value_set_str(error, "reason", reason ? reason : "");
    value_append(job->errors, error);
}

static void add_diags(struct job *job, const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *d = &diags->items[i];
        add_error(job, d->document, d->line, d->path, d->reason);
    }
}

/* A Status of the API, its causes one by one. */
static void add_status(struct job *job, const struct value *status)
{
    const struct value *object = job->docs[job->at].object;
    const struct value *causes = value_path(status, "details", "causes", NULL);
    int document = (int)job->at + 1;
    for (size_t i = 0; i < value_len(causes); i++)
        add_error(job, document, value_line(object), value_get_str(value_at(causes, i), "field"),
                  value_get_str(value_at(causes, i), "message"));
    if (value_len(causes) == 0)
        add_error(job, document, value_line(object), "", value_get_str(status, "message"));
}

static void add_object(struct job *job, const char *action)
{
    const struct doc *doc = &job->docs[job->at];
    struct value *item = value_new_map();
    autofree char *name = xasprintf("%s/%s", doc->kind->singular, object_name(doc->object));
    value_set_str(item, "object", name);
    value_set_str(item, "namespace", object_namespace(doc->object));
    value_set_str(item, "action", action);
    value_append(job->objects, item);
}

/* Steps. */

static void next_doc(struct job *job);

static const char *resource_version(const struct value *object)
{
    return value_str(value_path(object, "metadata", "resourceVersion", NULL));
}

static struct api_ref ref_of(const struct doc *doc)
{
    const char *ns = object_namespace(doc->object);
    return (struct api_ref){doc->kind, ns ? ns : "", object_name(doc->object)};
}

/* Whether the write changed anything: the version before was put into the document's own metadata.
 */
static const char *action_of(const struct job *job, const struct api_answer *answer)
{
    if (job->deleting)
        return "deleted";
    if (answer->code == 201)
        return "created";
    const char *before = resource_version(job->docs[job->at].object);
    return before && str_eq(before, resource_version(answer->object)) ? "unchanged" : "configured";
}

static void doc_done(void *ctx, const struct api_answer *answer)
{
    struct job *job = ctx;
    if (answer->code >= 400) {
        job->failed = true;
        add_status(job, answer->object);
    } else {
        add_object(job, action_of(job, answer));
    }
    job->at++;
    next_doc(job);
}

static void apply_doc(struct job *job, const struct api_user *user)
{
    struct doc *doc = &job->docs[job->at];
    const struct api_ref ref = ref_of(doc);
    cleanup(value_free) struct value *before = NULL;
    cleanup(value_free) struct value *wanted = value_copy(doc->object);
    if (api_get(job->people->api, user, &ref, &before) == 0)
        value_set_str(value_make_map(doc->object, "metadata", NULL), "resourceVersion",
                      resource_version(before));
    api_apply(job->people->api, user, &ref, wanted, 0, doc_done, job);
}

static void next_doc(struct job *job)
{
    if (job->at == job->count) {
        reply(job);
        (void)map_del(job->people->jobs, job->key);
        job_free(job);
        return;
    }
    const struct api_user user = identity(job->user);
    if (!job->deleting) {
        apply_doc(job, &user);
        return;
    }
    const struct api_ref ref = ref_of(&job->docs[job->at]);
    const struct api_delete_options options = {.grace_s = -1};
    api_delete(job->people->api, &user, &ref, &options, 0, doc_done, job);
}

static int add_doc(void *ctx, const struct schema_kind *kind, struct value *object)
{
    struct job *job = ctx;
    job->docs = xreallocarray(job->docs, job->count + 1, sizeof(*job->docs));
    job->docs[job->count++] = (struct doc){kind, object};
    return 0;
}

static void begin(struct people *people, const char *user, const struct bus_msg *msg, bool deleting)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->people = people;
    job->user = xstrdup(user);
    job->deleting = deleting;
    job->objects = value_new_list();
    job->errors = value_new_list();
    if (msg->correlation_len > 0 && msg->correlation_len <= CORRELATION_MAX) {
        job->correlation = xmemdup(msg->correlation, msg->correlation_len);
        job->correlation_len = msg->correlation_len;
    }
    snprintf(job->key, sizeof(job->key), "%llu", (unsigned long long)++people->next_job);
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    if (map_len(people->jobs) >= JOBS_MAX) {
        job->failed = true;
        add_error(job, 0, 0, "", "too many requests at once, try again");
    } else if (msg->len > DATA_MAX_BYTES) {
        job->failed = true;
        add_error(job, 0, 0, "", "larger than 1 MiB");
    } else if (manifest_load(msg->payload, msg->len, NULL, add_doc, job, &diags) < 0) {
        job->failed = true;
        add_diags(job, &diags);
    }
    log_info("%s over the bus user=%s documents=%zu mistakes=%zu", deleting ? "delete" : "apply",
             user, job->count, value_len(job->errors));
    (void)map_put(people->jobs, job->key, job);
    if (job->failed)
        job->at = job->count;
    next_doc(job);
}

void people_apply(struct people *people, const char *user, const struct bus_msg *msg)
{
    begin(people, user, msg, false);
}

void people_delete(struct people *people, const char *user, const struct bus_msg *msg)
{
    begin(people, user, msg, true);
}
