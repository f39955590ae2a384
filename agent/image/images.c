#include "agent/image/images.h"

#include "agent/image/credentials.h"
#include "agent/image/fetcher.h"
#include "agent/image/hold.h"
#include "agent/image/image_store.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <stdio.h>

#define PULLS_MAX 2 /* at once: the line and the card are narrow */
#define OLD_S 86400 /* what an interrupted pull left so long ago is not resumed any more */

/* An image somebody holds. */
struct entry {
    struct image image;
    struct stored *stored;
    unsigned refs;
};

struct node {
    struct images api;
    struct loop *loop;
    struct images_spec spec;
    struct image_store *store;
    int hold_fd;         /* -1: there is no file for it */
    struct map *entries; /* digest -> struct entry */
    struct list tasks;   /* struct task: running and waiting for their turn */
    struct map *failed;  /* archives that could not be loaded: name -> their size and time */
    unsigned running;
};

/* One run of limpet-fetch, wanted by any number of requests. */
struct task {
    struct list in_tasks;
    struct node *node;
    char *reference; /* canonical; NULL: an archive */
    struct credentials credentials;
    char *file; /* name in the store's folder */
    struct fetcher *fetcher;
    struct list requests;
};

struct image_request {
    struct list in_task; /* or in nothing, while deferred */
    struct node *node;
    struct task *task;
    struct loop_defer *defer;
    struct reference ref;
    char *text; /* as the caller wrote it */
    struct credentials credentials;
    enum image_pull_policy policy;
    bool archives_seen;
    image_done_fn *done;
    image_progress_fn *progress;
    void *ctx;
};

static struct node *node_of(struct images *images)
{
    return container_of(images, struct node, api);
}

/* Images held. */

/* Between the look at it and the hold somebody may have removed it. */
static int take_hold(struct node *node, const struct stored *stored, struct err *err)
{
    bool whole = node->hold_fd < 0 || hold_take(node->hold_fd, stored->digest) == 0;
    for (size_t i = 0; whole && i < stored->config->diff_id_count; i++)
        whole = image_store_has_layer(node->store, stored->config->diff_ids[i]);
    if (whole)
        return 0;
    hold_drop(node->hold_fd, stored->digest);
    return err_set(err, -ENOENT, "image %.100s is being removed", stored->reference);
}

/* Takes stored; NULL: it is going. */
static struct image *hold(struct node *node, struct stored *stored, struct err *err)
{
    struct entry *entry = map_get(node->entries, stored->digest);
    if (entry || take_hold(node, stored, err) < 0) {
        stored_free(stored);
        if (!entry)
            return NULL;
        entry->refs++;
        return &entry->image;
    }
    entry = xcalloc(1, sizeof(*entry));
    const struct image_config *c = stored->config;
    entry->stored = stored;
    entry->refs = 1;
    entry->image = (struct image){
        .layers = (const char *const *)stored->layers,
        .env = (const char *const *)c->env,
        .entrypoint = (const char *const *)c->entrypoint,
        .cmd = (const char *const *)c->cmd,
        .user = c->user,
        .workdir = c->workdir,
        .volumes = (const char *const *)c->volumes,
        .stop_signal = c->stop_signal,
        .bytes = stored->bytes,
    };
    snprintf(entry->image.digest, sizeof(entry->image.digest), "%s", stored->digest);
    snprintf(entry->image.id, sizeof(entry->image.id), "%s", stored->id);
    map_put(node->entries, stored->digest, entry);
    image_store_touch(node->store, stored->reference);
    return &entry->image;
}

static void free_entry(void *value)
{
    struct entry *entry = value;
    stored_free(entry->stored);
    free(entry);
}

static void images_ref(struct images *images, struct image *image)
{
    (void)images;
    container_of(image, struct entry, image)->refs++;
}

static void images_release(struct images *images, struct image *image)
{
    struct entry *entry = container_of(image, struct entry, image);
    if (--entry->refs > 0)
        return;
    struct node *node = node_of(images);
    image_store_touch(node->store, entry->stored->reference);
    map_del(node->entries, image->digest);
    hold_drop(node->hold_fd, image->digest);
    free_entry(entry);
}

/* Requests. */

static void free_request(struct image_request *r)
{
    list_remove(&r->in_task);
    loop_defer_free(r->defer);
    credentials_done(&r->credentials);
    free(r->text);
    free(r);
}

/* The request ends here; its caller may do anything inside done. */
static void finish(struct image_request *r, int code, struct image *image, const char *reason,
                   const char *message)
{
    image_done_fn *done = r->done;
    void *ctx = r->ctx;
    free_request(r);
    done(ctx, code, image, reason, message);
}

static struct image *look_up(struct image_request *r, struct err *err)
{
    struct stored *stored = NULL;
    int rc = image_store_get(r->node->store, &r->ref, &stored, err);
    return rc < 0 ? NULL : hold(r->node, stored, err);
}

/* Tasks. */

static void run_tasks(struct node *node);
static void carry_on(struct image_request *r);

static void free_task(struct task *task)
{
    if (task->fetcher) {
        fetcher_free(task->fetcher);
        task->node->running--;
    }
    list_remove(&task->in_tasks);
    credentials_done(&task->credentials);
    free(task->reference);
    free(task->file);
    free(task);
}

static struct image_request *pop(struct list *list)
{
    struct list *first = list->next;
    list_remove(first);
    struct image_request *r = container_of(first, struct image_request, in_task);
    r->task = NULL;
    return r;
}

/* The registry was asked. With no network at all a cached image runs, whatever the policy. */
static void answer(struct image_request *r, int code, const char *reason, const char *message)
{
    struct err err = {0};
    bool offline = str_eq(reason, "RegistryUnavailable");
    struct image *image = code == 0 || offline ? look_up(r, &err) : NULL;
    if (image && offline)
        log_warn("registry unavailable, the cached image is used: image=%s error=%s",
                 log_quote(r->text), log_quote(message));
    if (image)
        finish(r, 0, image, offline ? reason : NULL, offline ? message : NULL);
    else if (code == 0)
        finish(r, -EIO, NULL, "ImageInspectError", err.msg);
    else
        finish(r, code, NULL, reason, message);
}

static void end_task(struct task *task, int code, const char *reason, const char *message)
{
    struct node *node = task->node;
    struct list requests;
    list_remove(&task->in_tasks); /* nobody joins it any more */
    list_init(&requests);
    while (!list_empty(&task->requests)) {
        struct image_request *r = pop(&task->requests);
        list_append(&requests, &r->in_task);
    }
    bool load = task->file != NULL;
    free_task(task);
    run_tasks(node);
    while (!list_empty(&requests)) {
        struct image_request *r = pop(&requests);
        if (load)
            carry_on(r);
        else
            answer(r, code, reason, message);
    }
}

static void note_archive(struct task *task, int code, const char *const *images,
                         const char *message)
{
    struct err err = {0};
    if (code == 0)
        code = image_store_set_loaded(task->node->store, task->file, images, &err);
    if (code < 0) {
        log_warn("archive not loaded: file=%s error=%s", log_quote(task->file),
                 log_quote(message ? message : err.msg));
        free(map_put(task->node->failed, task->file,
                     image_store_archive_mark(task->node->store, task->file)));
    }
}

static void fetch_done(void *ctx, int code, const char *const *images, const char *reason,
                       const char *message)
{
    struct task *task = ctx;
    if (task->file)
        note_archive(task, code, images, message);
    end_task(task, code, reason, message);
}

static void fetch_progress(void *ctx, int64_t done, int64_t total)
{
    struct task *task = ctx;
    struct list *it, *tmp;
    if (task->file) /* of an archive nobody waits for bytes */
        return;
    list_each(it, tmp, &task->requests)
    {
        struct image_request *r = container_of(it, struct image_request, in_task);
        if (r->progress)
            r->progress(r->ctx, done, total);
    }
}

static int start_task(struct task *task, struct err *err)
{
    struct node *node = task->node;
    autofree char *path = task->file ? xasprintf("%s/%s", node->spec.root, task->file) : NULL;
    const struct fetcher_job job = {
        .reference = task->reference, .file = path, .credentials = &task->credentials};
    int rc = fetcher_new(node->loop, &node->spec, &job, fetch_done, fetch_progress, task,
                         &task->fetcher, err);
    if (rc < 0)
        return rc;
    node->running++;
    fetch_progress(task, 0, 0);
    return 0;
}

static void run_tasks(struct node *node)
{
    struct list *it, *tmp;
    list_each(it, tmp, &node->tasks)
    {
        struct task *task = container_of(it, struct task, in_tasks);
        struct err err = {0};
        if (task->fetcher || node->running >= node->spec.pulls_max)
            continue;
        int rc = start_task(task, &err);
        if (rc < 0) {
            if (task->file)
                note_archive(task, rc, NULL, err.msg);
            end_task(task, rc, "ErrImagePull", err.msg);
            return; /* end_task went on with the rest */
        }
    }
}

/* A pull goes on for those alone who could have begun it: else who has no password would get what
 * another's opens. */
static struct task *find_task(struct node *node, const char *reference, const char *file,
                              const struct credentials *credentials)
{
    struct list *it, *tmp;
    list_each(it, tmp, &node->tasks)
    {
        struct task *task = container_of(it, struct task, in_tasks);
        bool same = !credentials || credentials_equal(&task->credentials, credentials) ||
                    WEAKENED(PULL_SECRET_JOIN);
        if (str_eq(task->reference, reference) && str_eq(task->file, file) && same)
            return task;
    }
    return NULL;
}

static struct task *add_task(struct node *node, const char *reference, const char *file)
{
    struct task *task = xcalloc(1, sizeof(*task));
    task->node = node;
    task->reference = reference ? xstrdup(reference) : NULL;
    task->file = file ? xstrdup(file) : NULL;
    list_init(&task->requests);
    list_append(&node->tasks, &task->in_tasks);
    return task;
}

static void join(struct image_request *r, struct task *task)
{
    r->task = task;
    if (task->fetcher && task->reference && r->progress)
        r->progress(r->ctx, 0, 0);
    list_append(&task->requests, &r->in_task);
}

/* Archives. */

static int see_archive(void *ctx, const char *name, enum disk_type type)
{
    struct node *node = ctx;
    if (type != DISK_FILE || !str_has_suffix(name, ".tar") || name[0] == '.' ||
        image_store_is_loaded(node->store, name) || find_task(node, NULL, name, NULL))
        return 0;
    autofree char *mark = image_store_archive_mark(node->store, name);
    if (mark && !str_eq(map_get(node->failed, name), mark))
        add_task(node, NULL, name);
    return 0;
}

static struct task *loading(struct node *node)
{
    struct list *it, *tmp;
    list_each(it, tmp, &node->tasks)
    {
        struct task *task = container_of(it, struct task, in_tasks);
        if (task->file)
            return task;
    }
    return NULL;
}

static void see_archives(struct node *node)
{
    struct disk *disk = disk_posix();
    struct err err = {0};
    if (disk->list(disk, node->spec.root, see_archive, node, &err) < 0)
        log_warn("archives not seen: error=%s", log_quote(err.msg));
}

/* What a request does next, in the order of its cases: it is here; an archive that is being loaded
 * may have it; it is never to be pulled; a pull. */
static void carry_on(struct image_request *r)
{
    struct err err = {0};
    struct image *image = r->policy == IMAGE_PULL_ALWAYS ? NULL : look_up(r, &err);
    if (image) {
        finish(r, 0, image, NULL, NULL);
        return;
    }
    if (!r->archives_seen) /* once: one that loads and still lacks the image must not go round */
        see_archives(r->node);
    r->archives_seen = true;
    struct task *load = loading(r->node);
    if (load) {
        join(r, load);
    } else if (r->policy == IMAGE_PULL_NEVER) {
        char message[512];
        snprintf(message, sizeof(message),
                 "image %.200s is not on this node, and imagePullPolicy is Never", r->text);
        finish(r, -ENOENT, NULL, "ErrImageNeverPull", message);
        return;
    } else {
        char text[REFERENCE_MAX + 256];
        reference_format(&r->ref, text);
        struct task *task = find_task(r->node, text, NULL, &r->credentials);
        if (!task) {
            task = add_task(r->node, text, NULL);
            credentials_copy(&r->credentials, &task->credentials);
        }
        join(r, task);
    }
    run_tasks(r->node);
}

static void begin(void *ctx)
{
    struct image_request *r = ctx;
    r->defer = NULL;
    carry_on(r);
}

static int images_ensure(struct images *images, const struct image_wish *wish,
                         struct image_request **ret, struct err *err)
{
    struct node *node = node_of(images);
    struct reference ref;
    int rc = reference_parse(wish->reference, &ref, err);
    if (rc < 0)
        return rc;
    struct image_request *r = xcalloc(1, sizeof(*r));
    r->node = node;
    r->ref = ref;
    r->text = xstrdup(wish->reference);
    r->policy = wish->policy;
    credentials_copy(wish->credentials, &r->credentials);
    r->done = wish->done;
    r->progress = wish->progress;
    r->ctx = wish->ctx;
    r->defer = loop_defer(node->loop, begin, r);
    *ret = r;
    return 0;
}

/* A pull that nobody waits for any more ends; what has come is resumed the next time. */
static void images_cancel(struct images *images, struct image_request *request)
{
    struct task *task = request->task;
    free_request(request);
    if (!task || task->file || !list_empty(&task->requests))
        return;
    free_task(task);
    run_tasks(node_of(images));
}

static void images_free(struct images *images)
{
    struct node *node = node_of(images);
    while (!list_empty(&node->tasks)) {
        struct task *task = container_of(node->tasks.next, struct task, in_tasks);
        while (!list_empty(&task->requests))
            free_request(pop(&task->requests));
        free_task(task);
    }
    map_free(node->entries, free_entry);
    map_free(node->failed, free);
    if (node->hold_fd >= 0)
        close(node->hold_fd);
    image_store_free(node->store);
    free((char *)node->spec.root);
    free((char *)node->spec.fetch_path);
    free((char *)node->spec.ca_dir);
    free((char *)node->spec.registries_file);
    for (size_t i = 0; node->spec.insecure_registries && node->spec.insecure_registries[i]; i++)
        free((char *)node->spec.insecure_registries[i]);
    free((void *)node->spec.insecure_registries);
    free(node);
}

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

static const char *const *copy_list(const char *const *list)
{
    size_t count = 0;
    while (list && list[count])
        count++;
    const char **ret = xcalloc(count + 1, sizeof(*ret));
    for (size_t i = 0; i < count; i++)
        ret[i] = xstrdup(list[i]);
    return ret;
}

int images_new(struct loop *loop, const struct images_spec *spec, struct images **ret,
               struct err *err)
{
    cleanup(image_store_free) struct image_store *store = NULL;
    int rc = image_store_open(spec->root, &store, err);
    if (rc < 0)
        return rc;
    struct err refused = {0};
    int hold_fd = hold_open(spec->root, &refused);
    if (hold_fd < 0)
        log_warn("images cannot be held, do not prune: error=%s", log_quote(refused.msg));
    image_store_sweep_old(store, clock_wall(loop_clock(loop)) / NS_PER_S - OLD_S);
    struct node *node = xcalloc(1, sizeof(*node));
    node->api = (struct images){.ensure = images_ensure,
                                .cancel = images_cancel,
                                .ref = images_ref,
                                .release = images_release,
                                .free = images_free};
    node->loop = loop;
    node->store = steal(store);
    node->hold_fd = hold_fd;
    node->spec = (struct images_spec){.root = copy(spec->root),
                                      .fetch_path = copy(spec->fetch_path),
                                      .ca_dir = copy(spec->ca_dir),
                                      .gateway = spec->gateway,
                                      .registries_file = copy(spec->registries_file),
                                      .pulls_max = spec->pulls_max ? spec->pulls_max : PULLS_MAX,
                                      .rate = spec->rate,
                                      .insecure_registries = copy_list(spec->insecure_registries)};
    node->entries = map_new();
    node->failed = map_new();
    list_init(&node->tasks);
    see_archives(node);
    run_tasks(node);
    *ret = &node->api;
    return 0;
}
