#include "controller/link/people.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/topic.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/kinds/manifest.h"
#include "controller/api/dryrun.h"
#include "controller/api/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define JOBS_MAX 64
#define CORRELATION_MAX 1024
/* mosquitto_rr 2.0.11 takes -f FILE, and sends nothing. */
#define EMPTY                                                                                      \
    "empty message: the manifests are its payload (mosquitto_pub -f FILE; mosquitto_rr -m "        \
    "\"$(cat FILE)\", since its own -f may send nothing)"
#define ANSWER_ERRORS 1000 /* told of one message that has so many that the answer is too large */

struct people {
    struct api *api;
    struct outqueue *queue;
    struct authn *authn;
    struct audit *audit;
    struct map *jobs; /* key -> struct job: under way */
    uint64_t next_job;
};

struct doc {
    int number; /* of the document, from 1; that of a List for its items */
    const struct schema_kind *kind;
    struct value *object;
};

/* A message. Its documents are tried first, all of them, then carried out one after the other. */
struct job {
    struct people *people;
    char key[24];
    char *user;
    struct who *who; /* NULL: nobody who may ask */
    void *correlation;
    size_t correlation_len;
    struct doc *docs;
    size_t count, at;
    bool deleting;
    int64_t received_ns;                       /* wall time */
    struct value *objects, *errors, *warnings; /* of the answer */
};

static void job_free(void *p)
{
    struct job *job = p;
    for (size_t i = 0; i < job->count; i++)
        value_free(job->docs[i].object);
    free(job->docs);
    free(job->user);
    who_free(job->who);
    free(job->correlation);
    value_free(job->objects);
    value_free(job->errors);
    value_free(job->warnings);
    free(job);
}

struct people *people_new(struct api *api, struct outqueue *queue, struct authn *authn,
                          struct audit *audit)
{
    struct people *people = xcalloc(1, sizeof(*people));
    people->api = api;
    people->queue = queue;
    people->authn = authn;
    people->audit = audit;
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

/* Who it is: the broker has seen the certificate, the User object says what it is worth. */
static void identify(struct job *job)
{
    const struct authn_facts facts = {.user = job->user};
    if (job->people->authn)
        value_free(authn_identify(job->people->authn, &facts, &job->who));
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
    bool ok = value_len(job->errors) == 0;
    value_set_bool(answer, "ok", ok);
    value_set(answer, "objects", value_copy(job->objects));
    if (!ok)
        value_set(answer, "errors", value_copy(job->errors));
    if (value_len(job->warnings) > 0)
        value_set(answer, "warnings", value_copy(job->warnings));
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, DATA_MAX_BYTES);
    if (json_write(answer, &payload) < 0) { /* thousands of documents in one message */
        value_set(answer, "objects", value_new_list());
        value_set_int(answer, "count", (int64_t)value_len(job->objects));
        value_set(answer, "errors", first_of(job->errors, ANSWER_ERRORS));
        value_del(answer, "warnings");
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

/* A mistake, or a warning. */
static void add_to(struct value *list, int document, int line, const char *object, const char *path,
                   const char *reason)
{
    struct value *item = value_new_map();
    value_set_int(item, "document", document);
    value_set_int(item, "line", line);
    value_set_str(item, "object", object ? object : "");
    value_set_str(item, "path", path ? path : "");
    value_set_str(item, "reason", reason ? reason : "");
    value_append(list, item);
}

static void add_error(struct job *job, int document, int line, const char *object, const char *path,
                      const char *reason)
{
    add_to(job->errors, document, line, object, path, reason);
}

static void add_diags(struct job *job, const struct diags *diags)
{
    for (size_t i = 0; i < diags->count; i++) {
        const struct diag *d = &diags->items[i];
        add_error(job, d->document, d->line, d->object, d->path, d->reason);
    }
    autofree char *more = xasprintf("and %zu more mistakes", diags->dropped);
    if (diags->dropped)
        add_error(job, 0, 0, "", "", more);
}

/* "pod/web" */
static char *text_of(const struct doc *doc)
{
    const char *name = object_name(doc->object);
    return xasprintf("%s/%s", doc->kind->singular, name ? name : "");
}

/* A Status of the API, its causes one by one. */
static void add_status(struct job *job, const struct doc *doc, const struct value *status)
{
    const struct value *causes = value_path(status, "details", "causes", NULL);
    autofree char *name = text_of(doc);
    for (size_t i = 0; i < value_len(causes); i++) {
        const char *field = value_get_str(value_at(causes, i), "field");
        add_error(job, doc->number, schema_line(doc->object, field ? field : ""), name, field,
                  value_get_str(value_at(causes, i), "message"));
    }
    if (value_len(causes) == 0)
        add_error(job, doc->number, value_line(doc->object), name, "",
                  value_get_str(status, "message"));
}

/* What was taken, but means less than its writer may think. */
static void add_warnings(struct job *job, const struct doc *doc, const struct diags *warnings)
{
    autofree char *name = text_of(doc);
    if (doc->kind->deprecated && !job->deleting)
        add_to(job->warnings, doc->number, value_line(doc->object), name, "",
               doc->kind->deprecated);
    for (size_t i = 0; warnings && i < warnings->count; i++) {
        const struct diag *d = &warnings->items[i];
        add_to(job->warnings, doc->number, schema_line(doc->object, d->path), name, d->path,
               d->reason);
    }
}

static void add_object(struct job *job, const struct doc *doc, const char *action)
{
    struct value *item = value_new_map();
    autofree char *name = text_of(doc);
    value_set_str(item, "object", name);
    value_set_str(item, "namespace", object_namespace(doc->object));
    value_set_str(item, "action", action);
    value_append(job->objects, item);
}

/* Steps. */

static void next_doc(struct job *job);

static struct api_ref ref_of(const struct doc *doc)
{
    const char *ns = object_namespace(doc->object);
    return (struct api_ref){doc->kind, ns ? ns : "", object_name(doc->object)};
}

static const char *action_of(const struct job *job, const struct api_answer *answer)
{
    if (job->deleting)
        return "deleted";
    if (answer->code == 201)
        return "created";
    return answer->unchanged ? "unchanged" : "configured";
}

/* What was written, or refused to who may not. */
static void tell_audit(const struct job *job, const struct doc *doc,
                       const struct api_answer *answer)
{
    if (!job->people->audit)
        return;
    autofree char *topic =
        xasprintf("limpet/v1/users/%s/%s", job->user, job->deleting ? "delete" : "apply");
    struct audit_event event = {
        .uri = topic,
        .verb = job->deleting         ? "delete"
                : answer->code == 201 ? "create"
                                      : "patch",
        .user = job->who->user.name,
        .groups = job->who->user.groups,
        .agent = "mqtt",
        .ref = ref_of(doc),
        .code = answer->code,
        .received_ns = job->received_ns,
        .answered_ns = clock_wall(api_clock(job->people->api)),
        .writes = true,
        .request = job->deleting ? NULL : doc->object,
        .response = answer->object,
    };
    for (size_t i = 0; answer->warnings && i < answer->warnings->count; i++)
        if (str_eq(answer->warnings->items[i].cause, CAUSE_AUDIT_NOTE)) {
            event.note_key = answer->warnings->items[i].path;
            event.note = answer->warnings->items[i].reason;
        }
    audit_id(job->people->audit, event.id);
    if (audit_decide(job->people->audit, &event))
        audit_tell(job->people->audit, &event);
}

static void doc_done(void *ctx, const struct api_answer *answer)
{
    struct job *job = ctx;
    const struct doc *doc = &job->docs[job->at];
    tell_audit(job, doc, answer);
    if (answer->code >= 400)
        add_status(job, doc, answer->object);
    else
        add_object(job, doc, action_of(job, answer));
    if (answer->code < 400)
        add_warnings(job, doc, answer->warnings);
    job->at++;
    next_doc(job);
}

/* With one mistake that the API finds in any document, none is applied. (Deletions are each for
 * themselves: what is gone already must not keep the rest.) */
static void try_all(struct job *job)
{
    cleanup(dryrun_free) struct dryrun *dryrun = dryrun_new(job->people->api);
    for (size_t i = 0; i < job->count; i++) {
        const struct api_ref ref = ref_of(&job->docs[i]);
        const struct api_answer *answer =
            dryrun_apply(dryrun, &job->who->user, &ref, job->docs[i].object, 0);
        if (answer->code == 403)
            tell_audit(job, &job->docs[i], answer);
        if (answer->code >= 400 && !WEAKENED(PEOPLE_TRY_ALL))
            add_status(job, &job->docs[i], answer->object);
    }
}

static void next_doc(struct job *job)
{
    if (job->at == job->count) {
        reply(job);
        (void)map_del(job->people->jobs, job->key);
        job_free(job);
        return;
    }
    const struct doc *doc = &job->docs[job->at];
    const struct api_ref ref = ref_of(doc);
    const struct api_delete_options options = {.grace_s = -1};
    if (job->deleting)
        api_delete(job->people->api, &job->who->user, &ref, &options, 0, doc_done, job);
    else
        api_apply(job->people->api, &job->who->user, &ref, doc->object, API_WARN_INERT, doc_done,
                  job);
}

struct reading {
    struct job *job;
    struct diags diags;
};

static int add_doc(void *ctx, const struct schema_kind *kind, struct value *object)
{
    struct reading *reading = ctx;
    struct job *job = reading->job;
    job->docs = xreallocarray(job->docs, job->count + 1, sizeof(*job->docs));
    job->docs[job->count++] = (struct doc){reading->diags.document, kind, object};
    return 0;
}

static void read_docs(struct job *job, const struct bus_msg *msg)
{
    struct reading reading = {.job = job};
    diags_init(&reading.diags);
    if (msg->len == 0)
        add_error(job, 0, 0, "", "", EMPTY);
    else if (msg->len > DATA_MAX_BYTES)
        add_error(job, 0, 0, "", "", "larger than 1 MiB");
    else if (manifest_load(msg->payload, msg->len, NULL, add_doc, &reading, &reading.diags) < 0)
        add_diags(job, &reading.diags);
    diags_done(&reading.diags);
}

static void begin(struct people *people, const char *user, const struct bus_msg *msg, bool deleting)
{
    struct job *job = xcalloc(1, sizeof(*job));
    job->people = people;
    job->user = xstrdup(user);
    job->deleting = deleting;
    job->received_ns = clock_wall(api_clock(people->api));
    job->objects = value_new_list();
    job->errors = value_new_list();
    job->warnings = value_new_list();
    if (msg->correlation_len > 0 && msg->correlation_len <= CORRELATION_MAX) {
        job->correlation = xmemdup(msg->correlation, msg->correlation_len);
        job->correlation_len = msg->correlation_len;
    }
    snprintf(job->key, sizeof(job->key), "%llu", (unsigned long long)++people->next_job);
    identify(job);
    if (!job->who)
        add_error(job, 0, 0, "", "", "Unauthorized: the user is disabled or was removed");
    else if (map_len(people->jobs) >= JOBS_MAX)
        add_error(job, 0, 0, "", "", "too many requests at once, try again");
    else
        read_docs(job, msg);
    if (!deleting)
        try_all(job);
    log_info("%s over the bus user=%s documents=%zu mistakes=%zu", deleting ? "delete" : "apply",
             user, job->count, value_len(job->errors));
    (void)map_put(people->jobs, job->key, job);
    if (value_len(job->errors) > 0)
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
