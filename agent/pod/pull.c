#include "agent/pod/internal.h"

#include "agent/image/credentials.h"
#include "common/base/mem.h"
#include "common/base/str.h"

const struct backoff_policy backoff_image = {10 * NS_PER_S, 300 * NS_PER_S};

static const struct value *container_at(const struct pod_record *record, size_t i)
{
    return value_at(pod_spec_containers(record->spec), i);
}

static enum image_pull_policy policy_of(const struct value *container)
{
    static const struct {
        const char *name;
        enum image_pull_policy policy;
    } policies[] = {
        {"Always", IMAGE_PULL_ALWAYS},
        {"Never", IMAGE_PULL_NEVER},
        {"IfNotPresent", IMAGE_PULL_IF_NOT_PRESENT},
    };
    const char *name = value_get_str(container, "imagePullPolicy");
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
    const char *ref =
        record->spec
            ? value_get_str(container_at(record, (size_t)(c - record->containers)), "image")
            : NULL;
    c->request = NULL;
    if (code == 0) {
        c->image = image;
        setback_clear(&c->setback);
        publish_event(record, "Normal", "Pulled", "Image \"%s\" is on the node", ref ? ref : "");
    } else {
        setback_set(&c->setback, &backoff_image, agent_now(record->agent), reason, message);
        publish_event(record, "Warning", "Failed", "%s: %s", reason, message);
    }
    agent_touch(record);
}

/* The pod's own users and passwords, where they may be needed. One that is not here is told of, and
 * the pull goes on without: the image may be had by anyone (Kubernetes does the same). */
static int read_secrets(struct pod_record *record, struct credentials *ret, struct err *err)
{
    const struct value *list = value_path(record->spec->object, "spec", "imagePullSecrets", NULL);
    cleanup(buf_done) struct buf missing;
    buf_init(&missing, 512);
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_get_str(value_at(list, i), "name");
        const struct value *secret =
            str_empty(name) ? NULL
                            : manifests_find(record->agent->manifests, "Secret", record->ns, name);
        if (!secret) {
            (void)buf_addf(&missing, "%s%s", missing.len ? ", " : "", name ? name : "");
            continue;
        }
        int rc = credentials_add_secret(ret, secret, err);
        if (rc < 0)
            return rc;
    }
    if (missing.len > 0)
        publish_event(record, "Warning", "FailedToRetrieveImagePullSecret",
                      "Unable to retrieve some image pull secrets (%s); attempting to pull the "
                      "image may not succeed.",
                      buf_str(&missing));
    return 0;
}

static void start_one(struct pod_record *record, size_t i)
{
    struct agent *agent = record->agent;
    struct record_container *c = &record->containers[i];
    const struct value *container = container_at(record, i);
    const char *ref = value_get_str(container, "image");
    struct err err = {0};
    c->setback.retry_at = 0;
    cleanup(credentials_done) struct credentials credentials = {0};
    int rc = read_secrets(record, &credentials, &err);
    if (rc < 0) {
        setback_set(&c->setback, &backoff_image, agent_now(agent), "ErrImagePull", err.msg);
        publish_event(record, "Warning", "Failed", "ErrImagePull: %s", err.msg);
        return;
    }
    const struct image_wish wish = {.reference = ref,
                                    .policy = policy_of(container),
                                    .credentials = &credentials,
                                    .done = image_done,
                                    .ctx = c};
    rc = agent->world.images->ensure(agent->world.images, &wish, &c->request, &err);
    if (rc < 0) {
        setback_set(&c->setback, &backoff_image, agent_now(agent), "InvalidImageName", err.msg);
        publish_event(record, "Warning", "Failed", "InvalidImageName: %s", err.msg);
    }
}

void pull_start(struct pod_record *record)
{
    int64_t now = agent_now(record->agent);
    if (!record->containers) {
        record->container_count = value_len(pod_spec_containers(record->spec));
        record->containers = xcalloc(record->container_count, sizeof(*record->containers));
    }
    for (size_t i = 0; i < record->container_count; i++) {
        struct record_container *c = &record->containers[i];
        c->record = record;
        if (!c->image && !c->request && c->setback.retry_at <= now)
            start_one(record, i);
    }
}

void pull_release(struct pod_record *record)
{
    struct images *images = record->agent->world.images;
    for (size_t i = 0; i < record->container_count; i++) {
        struct record_container *c = &record->containers[i];
        if (c->request)
            images->cancel(images, c->request);
        if (c->image)
            images->release(images, c->image);
        setback_clear(&c->setback);
    }
    free(record->containers);
    record->containers = NULL;
    record->container_count = 0;
}
