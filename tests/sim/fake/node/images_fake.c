#include "tests/sim/fake/node/images_fake.h"

#include "common/base/list.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PULL_NS (300 * NS_PER_MS)

struct entry { /* of one reference */
    struct image image;
    char *fail; /* the reason, NULL: it comes */
    int64_t delay_ns;
    bool here;
};

struct image_request {
    struct images_fake *fake;
    struct list link;
    struct loop_timer *timer;
    struct entry *entry;
    enum image_pull_policy policy;
    image_done_fn *done;
    void *ctx;
};

struct images_fake {
    struct images images;
    struct loop *loop;
    bool (*cut)(void *ctx);
    void *ctx;
    struct map *entries; /* reference -> struct entry */
    struct list requests;
    size_t pulls, held;
};

static bool is_cut(const struct images_fake *fake)
{
    return fake->cut && fake->cut(fake->ctx);
}

static struct entry *entry_of(struct images_fake *fake, const char *reference)
{
    static const char *const none[] = {NULL};
    static const char *const layers[] = {"/images/layer", NULL};
    static const char *const entrypoint[] = {"run", NULL};
    struct entry *entry = map_get(fake->entries, reference);
    if (entry)
        return entry;
    entry = xcalloc(1, sizeof(*entry));
    entry->delay_ns = PULL_NS;
    entry->image = (struct image){.layers = layers,
                                  .env = none,
                                  .entrypoint = entrypoint,
                                  .cmd = none,
                                  .user = "",
                                  .workdir = "",
                                  .volumes = none};
    snprintf(entry->image.digest, sizeof(entry->image.digest), "sha256:%064zx",
             map_len(fake->entries));
    strcpy(entry->image.id, entry->image.digest);
    (void)map_put(fake->entries, reference, entry);
    return entry;
}

static void request_free(struct image_request *request)
{
    list_remove(&request->link);
    loop_timer_free(request->timer);
    free(request);
}

static void due(void *ctx)
{
    struct image_request *request = ctx;
    struct images_fake *fake = request->fake;
    struct entry *entry = request->entry;
    image_done_fn *done = request->done;
    void *done_ctx = request->ctx;
    bool never = request->policy == IMAGE_PULL_NEVER && !entry->here;
    request_free(request);
    if (is_cut(fake))
        return;
    if (never) {
        done(done_ctx, -ENOENT, NULL, "ErrImageNeverPull", "the image is not on the node");
    } else if (!entry->here && entry->fail) {
        done(done_ctx, -EIO, NULL, entry->fail, "the registry does not have it");
    } else {
        fake->pulls += !entry->here;
        entry->here = true;
        fake->held++;
        done(done_ctx, 0, &entry->image, NULL, NULL);
    }
}

static int fake_ensure(struct images *images, const struct image_wish *wish,
                       struct image_request **ret, struct err *err)
{
    const char *reference = wish->reference;
    struct images_fake *fake = (struct images_fake *)images; /* its first member */
    if (is_cut(fake))
        return err_set(err, -EIO, "dead");
    if (str_empty(reference) || strchr(reference, ' '))
        return err_set(err, -EINVAL, "not a reference");
    struct image_request *request = xcalloc(1, sizeof(*request));
    request->fake = fake;
    request->entry = entry_of(fake, reference);
    request->policy = wish->policy;
    request->done = wish->done;
    request->ctx = wish->ctx;
    request->timer = loop_timer_new(fake->loop, due, request);
    list_append(&fake->requests, &request->link);
    loop_timer_after(request->timer, request->entry->here ? 1 : request->entry->delay_ns);
    *ret = request;
    return 0;
}

static void fake_cancel(struct images *images, struct image_request *request)
{
    (void)images;
    request_free(request);
}

static void fake_ref(struct images *images, struct image *image)
{
    (void)image;
    ((struct images_fake *)images)->held++;
}

static void fake_release(struct images *images, struct image *image)
{
    (void)image;
    struct images_fake *fake = (struct images_fake *)images;
    if (fake->held == 0)
        abort(); /* released twice */
    fake->held--;
}

static void close_life(struct images *images)
{
    struct images_fake *fake = (struct images_fake *)images;
    struct list *it, *tmp;
    list_each(it, tmp, &fake->requests) request_free(container_of(it, struct image_request, link));
}

struct images_fake *images_fake_new(struct loop *loop, bool (*cut)(void *ctx), void *ctx)
{
    struct images_fake *fake = xcalloc(1, sizeof(*fake));
    fake->images = (struct images){.ensure = fake_ensure,
                                   .cancel = fake_cancel,
                                   .ref = fake_ref,
                                   .release = fake_release,
                                   .free = close_life};
    fake->loop = loop;
    fake->cut = cut;
    fake->ctx = ctx;
    fake->entries = map_new();
    list_init(&fake->requests);
    return fake;
}

static void entry_free(void *p)
{
    struct entry *entry = p;
    free(entry->fail);
    free(entry);
}

void images_fake_free(struct images_fake *fake)
{
    if (!fake)
        return;
    close_life(&fake->images);
    map_free(fake->entries, entry_free);
    free(fake);
}

struct images *images_fake_open(struct images_fake *fake)
{
    return &fake->images;
}

void images_fake_fail(struct images_fake *fake, const char *reference, const char *reason)
{
    struct entry *entry = entry_of(fake, reference);
    free(entry->fail);
    entry->fail = reason ? xstrdup(reason) : NULL;
}

void images_fake_delay(struct images_fake *fake, const char *reference, int64_t ns)
{
    entry_of(fake, reference)->delay_ns = ns;
}

size_t images_fake_pulls(const struct images_fake *fake)
{
    return fake->pulls;
}

size_t images_fake_held(const struct images_fake *fake)
{
    size_t requests = 0;
    for (const struct list *it = fake->requests.next; it != &fake->requests; it = it->next)
        requests++;
    return fake->held + requests;
}
