#include "controller/reconcile/reconciler.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct source {
    struct list link;
    const struct schema_kind *kind;
    struct api_watch *watch;
};

struct reconciler {
    struct reconciler_spec spec;
    struct work *work;
    struct list sources; /* of struct source */
    struct list writes;  /* of struct reconciler_write, under way */
    size_t write_count;  /* of them, those that hold their keys */
    bool ready;
    const char *looking; /* at this key */
    bool failed;         /* it could not be done */
    struct loop_defer *soon;
    struct loop_timer *timer;
    struct loop_timer *stir;
    int64_t stirred_at; /* boot ns */
};

/* ---- whose turn it is ---- */

static void turn(void *ctx);

static bool is_full(const struct reconciler *r)
{
    return r->spec.write_max && r->write_count >= r->spec.write_max;
}

static void turn_soon(void *ctx)
{
    struct reconciler *r = ctx;
    if (!r->soon)
        r->soon = loop_defer(r->spec.loop, turn, r);
}

/* What is due gets a turn, what is not yet gets a timer. */
static void wake(struct reconciler *r)
{
    int64_t next = work_next(r->work);
    if (is_full(r) || next == INT64_MAX)
        return;
    if (next <= loop_now(r->spec.loop))
        turn_soon(r);
    else
        loop_timer_at(r->timer, next);
}

static void look(struct reconciler *r, const char *key)
{
    r->looking = key;
    r->failed = false;
    r->spec.look(r->spec.ctx, key);
    r->looking = NULL;
    (void)work_end(r->work, key, r->failed ? WORK_LATER : WORK_DONE, loop_now(r->spec.loop));
}

static void turn(void *ctx)
{
    struct reconciler *r = ctx;
    const char *key;
    r->soon = NULL;
    if (!reconciler_is_ready(r)) {
        turn_soon(r);
        return;
    }
    for (unsigned i = 0; i < r->spec.turn_max && !is_full(r); i++) {
        if (!(key = work_take(r->work, loop_now(r->spec.loop))))
            break;
        look(r, key);
    }
    wake(r);
}

void reconciler_put_first(struct reconciler *r, const char *key, int64_t priority)
{
    work_put(r->work, key, priority);
    wake(r);
}

void reconciler_put(struct reconciler *r, const char *key)
{
    reconciler_put_first(r, key, 0);
}

void reconciler_put_after(struct reconciler *r, const char *key, int64_t ns)
{
    work_put_at(r->work, key, loop_now(r->spec.loop) + ns);
    wake(r);
}

void reconciler_await(struct reconciler *r, const char *key, int64_t priority)
{
    work_await(r->work, key, priority);
}

static void on_stir(void *ctx)
{
    struct reconciler *r = ctx;
    r->stirred_at = loop_now(r->spec.loop);
    work_stir(r->work);
    wake(r);
}

void reconciler_stir(struct reconciler *r)
{
    int64_t now = loop_now(r->spec.loop), next = r->stirred_at + r->spec.stir_ns;
    if (work_awaits(r->work) && !loop_timer_armed(r->stir))
        loop_timer_at(r->stir, next > now ? next : now);
}

void reconciler_put_object(struct reconciler *r, const struct value *object)
{
    autofree char *key = reconciler_key_of(object);
    reconciler_put(r, key);
}

void reconciler_drop(struct reconciler *r, const char *key)
{
    work_drop(r->work, key);
}

bool reconciler_waits(const struct reconciler *r, const char *key)
{
    return work_waits(r->work, key);
}

void reconciler_fail(struct reconciler *r, const char *key)
{
    if (str_eq(key, r->looking))
        r->failed = true;
}

/* ---- keys ---- */

char *reconciler_key(const char *ns, const char *name)
{
    return str_empty(ns) ? xstrdup(name ? name : "") : xasprintf("%s/%s", ns, name ? name : "");
}

char *reconciler_key_of(const struct value *object)
{
    return reconciler_key(object_namespace(object), object_name(object));
}

const char *reconciler_split(const char *key, char **ret_ns)
{
    const char *slash = strchr(key, '/');
    *ret_ns = xstrndup(key, slash ? (size_t)(slash - key) : 0);
    return slash ? slash + 1 : key;
}

struct value *reconciler_get(const struct reconciler *r, const struct schema_kind *kind,
                             const char *key)
{
    autofree char *ns = NULL;
    const char *name = reconciler_split(key, &ns);
    const struct api_ref ref = {kind, ns, name};
    struct value *object = NULL;
    if (!*name || (kind->namespaced ? !*ns : name != key))
        return NULL;
    if (api_get(r->spec.api, r->spec.user, &ref, &object) == 0)
        return object;
    value_free(object);
    return NULL;
}

/* ---- writes ---- */

const struct reconciler_ops reconciler_plain = {.size = sizeof(struct reconciler_write)};

void *reconciler_ctx(const struct reconciler_write *write)
{
    return write->reconciler->spec.ctx;
}

void *reconciler_begin(struct reconciler *r, const char *key, const struct reconciler_ops *ops)
{
    struct reconciler_write *write = xcalloc(1, ops->size);
    *write = (struct reconciler_write){.reconciler = r, .ops = ops, .key = xstrdup(key)};
    list_append(&r->writes, &write->link);
    if (!ops->loose) {
        work_hold(r->work, key);
        r->write_count++;
    }
    return write;
}

static void write_free(struct reconciler_write *write)
{
    if (write->ops->free)
        write->ops->free(write);
    list_remove(&write->link);
    free(write->key);
    free(write);
}

enum work_end reconciler_verdict(const struct api_answer *answer)
{
    return answer->code < 300 || answer->code == 404 ? WORK_DONE : WORK_LATER;
}

static enum work_end shared_done(struct reconciler_write *write, const struct api_answer *answer)
{
    (void)write;
    return answer->code == 409 ? WORK_DONE : reconciler_verdict(answer);
}

const struct reconciler_ops reconciler_shared = {.size = sizeof(struct reconciler_write),
                                                 .done = shared_done};

/* Who failed is named once in a row. */
static void tell_failure(const struct reconciler *r, const char *key, unsigned failures,
                         const struct api_answer *answer)
{
    const char *message = value_get_str(answer->object, "message");
    log_write(failures == 1 && answer->code != 404 && answer->code != 409 ? LOG_LEVEL_WARN
                                                                          : LOG_LEVEL_DEBUG,
              "not written, will try again controller=%s key=%s reason=%s", log_quote(r->spec.name),
              log_quote(key), log_quote(message ? message : ""));
}

void reconciler_written(void *ctx, const struct api_answer *answer)
{
    struct reconciler_write *write = ctx;
    struct reconciler *r = write->reconciler;
    enum work_end end =
        write->ops->done ? write->ops->done(write, answer) : reconciler_verdict(answer);
    if (end == WORK_HELD)
        return;
    if (!write->ops->loose) {
        r->write_count--;
        unsigned failures = work_end(r->work, write->key, end, loop_now(r->spec.loop));
        if (end == WORK_LATER && answer->code >= 300)
            tell_failure(r, write->key, failures, answer);
    }
    write_free(write);
    wake(r);
}

/* ---- watches ---- */

static void source_free(struct source *source)
{
    list_remove(&source->link);
    api_watch_free(source->watch);
    free(source);
}

int reconciler_watch(struct reconciler *r, const struct reconciler_watch *watch)
{
    const struct api_ref all = {watch->kind, "", ""};
    const struct api_list_query query = {.mentions = watch->mentions,
                                         .field_selector = watch->field_selector};
    struct source *source = xcalloc(1, sizeof(*source));
    source->kind = watch->kind;
    list_append(&r->sources, &source->link);
    int rc = api_watch(r->spec.api, r->spec.user, &all, &query, 0, watch->fn,
                       watch->ctx ? watch->ctx : r->spec.ctx, &source->watch);
    if (rc < 0)
        source_free(source);
    return rc;
}

void reconciler_unwatch(struct reconciler *r, const struct schema_kind *kind)
{
    struct list *it, *tmp;
    list_each(it, tmp, &r->sources)
    {
        struct source *source = container_of(it, struct source, link);
        if (source->kind == kind)
            source_free(source);
    }
}

bool reconciler_is_ready(struct reconciler *r)
{
    struct list *it, *tmp;
    if (r->ready)
        return true;
    list_each(it, tmp, &r->sources)
    {
        const struct source *source = container_of(it, struct source, link);
        if (!api_watch_is_live(source->watch) && !WEAKENED(RECONCILER_READY))
            return false;
    }
    r->ready = true;
    return true;
}

/* ---- life ---- */

int reconciler_new(const struct reconciler_spec *spec, struct reconciler **ret, struct err *err)
{
    struct reconciler *r = xcalloc(1, sizeof(*r));
    int64_t wait = spec->wait_ns ? spec->wait_ns : RECONCILER_WAIT_NS;
    r->spec = *spec;
    r->spec.turn_max = spec->turn_max ? spec->turn_max : RECONCILER_TURN;
    r->work = work_new(wait, spec->wait_max_ns ? spec->wait_max_ns : RECONCILER_WAIT_MAX_NS);
    list_init(&r->sources);
    list_init(&r->writes);
    r->timer = loop_timer_new(spec->loop, turn_soon, r);
    r->stir = loop_timer_new(spec->loop, on_stir, r);
    r->stirred_at = loop_now(spec->loop) - spec->stir_ns;
    for (size_t i = 0; i < spec->watch_count; i++) {
        int rc = reconciler_watch(r, &spec->watches[i]);
        if (rc < 0) {
            reconciler_free(r);
            return err_set(err, -EIO, "%s: cannot watch %s: %d", spec->name,
                           spec->watches[i].kind->plural, -rc);
        }
    }
    *ret = r;
    return 0;
}

void reconciler_free(struct reconciler *r)
{
    struct list *it, *tmp;
    if (!r)
        return;
    list_each(it, tmp, &r->sources) source_free(container_of(it, struct source, link));
    list_each(it, tmp, &r->writes) write_free(container_of(it, struct reconciler_write, link));
    loop_defer_free(r->soon);
    loop_timer_free(r->timer);
    loop_timer_free(r->stir);
    work_free(r->work);
    free(r);
}
