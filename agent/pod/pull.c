#include "agent/pod/containers.h"
#include "agent/pod/internal.h"

#include "agent/image/credentials.h"
#include "common/base/mem.h"
#include "common/base/str.h"

const struct backoff_policy backoff_image = {10 * NS_PER_S, 300 * NS_PER_S};

static enum image_pull_policy policy_of(const char *name)
{
    static const struct {
        const char *name;
        enum image_pull_policy policy;
    } policies[] = {
        {"Always", IMAGE_PULL_ALWAYS},
        {"Never", IMAGE_PULL_NEVER},
        {"IfNotPresent", IMAGE_PULL_IF_NOT_PRESENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(policies); i++)
        if (str_eq(policies[i].name, name))
            return policies[i].policy;
    return IMAGE_PULL_IF_NOT_PRESENT;
}

static void image_done(void *ctx, int code, struct image *image, const char *reason,
                       const char *message)
{
    struct record_container *c = ctx;
    struct pod_record *record = c->record;
    int64_t now = agent_now(record->agent);
    c->request = NULL;
    if (code == 0) {
        cleanup(buf_done) struct buf text = {0};
        c->image = image;
        setback_clear(&c->setback);
        pull_progress_end(&c->progress, now, c->ref, image->bytes, &text);
        publish_event(record, "Normal", "Pulled", "%s", buf_str(&text));
    } else {
        setback_set(&c->setback, &backoff_image, now, reason, message);
        publish_event(record, "Warning", "Failed", "%s: %s", reason, message);
    }
    agent_touch(record);
}

static void image_progress(void *ctx, int64_t done, int64_t total)
{
    struct record_container *c = ctx;
    struct pod_record *record = c->record;
    int tell = pull_progress_step(&c->progress, agent_now(record->agent), done, total);
    if (tell & PULL_TELL_BEGUN)
        publish_event(record, "Normal", "Pulling", "Pulling image \"%s\"", c->ref);
    if (tell & PULL_TELL_EVENT)
        publish_event(record, "Normal", "Pulling", "Pulling image \"%s\": %s", c->ref,
                      c->progress.text);
    if (tell & PULL_TELL_STATUS)
        agent_touch(record);
}

void pull_one(struct record_container *c, const char *ref, const char *policy)
{
    struct agent *agent = c->record->agent;
    struct err err = {0};
    free(c->ref);
    c->ref = xstrdup(ref ? ref : "");
    c->setback.retry_at = 0;
    cleanup(credentials_done) struct credentials credentials = {0};
    int rc = pull_secrets(c->record, &credentials, &err);
    if (rc < 0) {
        setback_set(&c->setback, &backoff_image, agent_now(agent), "ErrImagePull", err.msg);
        publish_event(c->record, "Warning", "Failed", "ErrImagePull: %s", err.msg);
        return;
    }
    const struct image_wish wish = {.reference = ref,
                                    .policy = policy_of(policy),
                                    .credentials = &credentials,
                                    .done = image_done,
                                    .progress = image_progress,
                                    .ctx = c};
    pull_progress_ask(&c->progress, agent_now(agent));
    rc = agent->world.images->ensure(agent->world.images, &wish, &c->request, &err);
    if (rc < 0) {
        setback_set(&c->setback, &backoff_image, agent_now(agent), "InvalidImageName", err.msg);
        publish_event(c->record, "Warning", "Failed", "InvalidImageName: %s", err.msg);
    }
}

/* The k-th volume of the pod that is an image; NULL: it has no more. */
static const struct value *image_volume(const struct value *spec, size_t k)
{
    const struct value *list = value_get(spec, "volumes");
    for (size_t i = 0; i < value_len(list); i++)
        if (value_get(value_at(list, i), "image") && k-- == 0)
            return value_at(list, i);
    return NULL;
}

static void make_containers(struct pod_record *record, const struct value *spec)
{
    record->container_count = record->image_count = containers_count(spec);
    while (image_volume(spec, record->image_count - record->container_count))
        record->image_count++;
    record->containers = xcalloc(record->image_count, sizeof(*record->containers));
}

/* The image of its i-th container, or of a volume. */
static void pull_part(struct record_container *c, const struct value *spec, size_t i)
{
    const size_t count = c->record->container_count;
    const struct value *container = i < count ? containers_at(spec, i, NULL) : NULL;
    const struct value *volume = i < count ? NULL : image_volume(spec, i - count);
    const struct value *source = value_get(volume, "image");
    if (container)
        pull_one(c, value_get_str(container, "image"), value_get_str(container, "imagePullPolicy"));
    else
        pull_one(c, value_get_str(source, "reference"), value_get_str(source, "pullPolicy"));
}

void pull_start(struct pod_record *record)
{
    const struct value *spec = value_get(record->spec->object, "spec");
    int64_t now = agent_now(record->agent);
    if (!record->containers)
        make_containers(record, spec);
    for (size_t i = 0; i < record->image_count; i++) {
        struct record_container *c = &record->containers[i];
        c->record = record;
        if (!c->image && !c->request && c->setback.retry_at <= now)
            pull_part(c, spec, i);
    }
}

const struct image *pull_of_volume(const struct pod_record *record, const char *name)
{
    const struct value *spec = value_get(record->spec->object, "spec");
    for (size_t i = record->container_count; i < record->image_count; i++) {
        const struct value *volume = image_volume(spec, i - record->container_count);
        if (str_eq(value_get_str(volume, "name"), name))
            return record->containers[i].image;
    }
    return NULL;
}

void pull_drop(struct record_container *c)
{
    struct images *images = c->record->agent->world.images;
    if (c->request)
        images->cancel(images, c->request);
    if (c->image)
        images->release(images, c->image);
    setback_clear(&c->setback);
    free(c->ref);
}

void pull_release(struct pod_record *record)
{
    for (size_t i = 0; i < record->image_count; i++)
        pull_drop(&record->containers[i]);
    free(record->containers);
    record->containers = NULL;
    record->container_count = record->image_count = 0;
}
