#include "agent/pod/health.h"

#include "agent/pod/containers.h"
#include "agent/probe/attempt.h"
#include "common/base/list.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdlib.h>

/* A probe may fail every second: the same failure is told again after this long, and others, each
 * in its own words, as often as EVERY_NS with BURST_NS / EVERY_NS more at once. */
#define AGAIN_NS (60 * NS_PER_S)
#define EVERY_NS (10 * NS_PER_S)
#define BURST_NS (50 * NS_PER_S)

struct watch;

/* One probe of a container. */
struct asking {
    struct watch *watch;
    bool given; /* the container has it */
    struct probe probe;
    struct attempt *attempt;
    char *said; /* what was told last, unless it has gone well since; NULL */
    int64_t said_at;
    int64_t may_say_at; /* at BURST_NS before it, at the latest */
};

enum hook_state { HOOK_IDLE, HOOK_RUNS, HOOK_OVER };
struct hook {
    enum hook_state state;
    struct attempt *attempt;
};

/* One attempt of a container, which runs. */
struct watch {
    struct list link;
    struct health *health;
    char *name;
    uint32_t attempt;
    uint32_t marks; /* as the keeper has them */
    int64_t started_ns;
    bool probing; /* the probes were begun */
    struct asking askings[PROBE_KINDS];
    struct value *pre_stop; /* a copy: the manifest may be gone when it is due; NULL */
    struct hook post, pre;
    bool ending;           /* its pod ends, or its keeper starts it anew */
    bool killing;          /* it is to be ended by us */
    int64_t kill_until_ns; /* its grace ends */
    bool seen;
    bool started, ready;
};

struct health {
    struct loop *loop;
    struct rng *rng;
    const struct health_handler *handler;
    void *ctx;
    struct list watches;
    struct loop_timer *timer;
    bool looked;
    bool paused;
    int64_t paused_at;
};

static struct health_view view_of(const struct health *health)
{
    struct health_view view = {0};
    health->handler->view(health->ctx, &view);
    return view;
}

static const struct value *find_container(const struct value *spec, const char *name)
{
    const struct value *container;
    for (size_t i = 0; (container = containers_at(spec, i, NULL)); i++)
        if (str_eq(value_get_str(container, "name"), name))
            return container;
    return NULL;
}

static struct watch *find_watch(const struct health *health, const char *name)
{
    struct list *it, *tmp;
    list_each(it, tmp, &health->watches)
    {
        struct watch *watch = container_of(it, struct watch, link);
        if (str_eq(watch->name, name))
            return watch;
    }
    return NULL;
}

static const struct value *hook_of(const struct value *container, const char *name)
{
    return value_path(container, "lifecycle", name, NULL);
}

bool health_holds(const struct health *health)
{
    struct list *it, *tmp;
    if (!health)
        return false;
    list_each(it, tmp,
              &health->watches) if (container_of(it, struct watch, link)->pre_stop) return true;
    return false;
}

static void watch_free(struct watch *watch)
{
    for (size_t k = 0; k < PROBE_KINDS; k++) {
        attempt_free(watch->askings[k].attempt);
        free(watch->askings[k].said);
    }
    attempt_free(watch->post.attempt);
    attempt_free(watch->pre.attempt);
    value_free(watch->pre_stop);
    list_remove(&watch->link);
    free(watch->name);
    free(watch);
}

/* ---- what is known ---- */

static const struct asking *asking_of(const struct watch *watch, enum probe_kind kind)
{
    return watch->askings[kind].given ? &watch->askings[kind] : NULL;
}

/* Whether this probe is asked now: the startup probe first, the others once it has passed, and
 * none while the hook after the start runs. */
static bool is_open(const struct watch *watch, enum probe_kind kind, const struct health_view *view)
{
    if (!watch->probing || watch->killing || view->paused || !watch->askings[kind].given)
        return false;
    if (kind != PROBE_READINESS && watch->ending)
        return false;
    return kind == PROBE_STARTUP || watch->started || WEAKENED(PROBE_STARTUP_FIRST);
}

static void say_marks(struct watch *watch)
{
    const struct health *health = watch->health;
    struct err err = {0};
    uint32_t marks = watch->marks & (KEEPER_MARK_MAY_STOP | HEALTH_MARK_PRE_STOP);
    if (watch->started)
        marks |= KEEPER_MARK_STARTED;
    if (watch->ready)
        marks |= HEALTH_MARK_READY;
    if (watch->post.state == HOOK_OVER)
        marks |= HEALTH_MARK_POST_START;
    if (watch->pre.state != HOOK_IDLE)
        marks |= HEALTH_MARK_PRE_STOP;
    if (watch->pre.state == HOOK_OVER)
        marks |= KEEPER_MARK_MAY_STOP;
    if (marks == watch->marks)
        return;
    int r = health->handler->mark(health->ctx, watch->name, watch->attempt, marks, &err);
    if (r == 0 || r == -EPROTONOSUPPORT) /* else it is said again */
        watch->marks = marks;
    if (r < 0)
        log_debug("keeper does not take a mark: container=%s error=%s", watch->name,
                  log_quote(err.msg));
}

/* After everything that may change it. */
static void settle(struct watch *watch)
{
    const struct asking *startup = asking_of(watch, PROBE_STARTUP);
    const struct asking *readiness = asking_of(watch, PROBE_READINESS);
    bool started = watch->started, ready = watch->ready;
    watch->started = watch->post.state == HOOK_OVER && watch->probing &&
                     (!startup || startup->probe.result == PROBE_GOOD);
    watch->ready = watch->started && (!readiness || readiness->probe.result == PROBE_GOOD);
    say_marks(watch);
    if (watch->started != started || watch->ready != ready)
        watch->health->handler->changed(watch->health->ctx);
}

bool health_of(const struct health *health, const char *container, bool *ret_started,
               bool *ret_ready)
{
    const struct watch *watch = health ? find_watch(health, container) : NULL;
    if (!watch)
        return false;
    *ret_started = watch->started;
    *ret_ready = watch->ready;
    return true;
}

void health_why(const struct health *health, const char *container, struct buf *ret)
{
    const struct watch *watch = health ? find_watch(health, container) : NULL;
    if (!watch || watch->ready)
        return;
    const struct asking *asking =
        asking_of(watch, watch->started ? PROBE_READINESS : PROBE_STARTUP);
    const char *state = watch->started ? "is not ready" : "has not started";
    if (watch->post.state == HOOK_RUNS)
        (void)buf_addf(ret, "container %s: %s: its postStart hook runs\n", container, state);
    else if (watch->killing)
        (void)buf_addf(ret, "container %s: is being ended, to start again\n", container);
    else
        (void)buf_addf(ret, "container %s: %s: %s\n", container, state,
                       asking && asking->said ? asking->said : "its probe has not passed yet");
}

/* ---- asking ---- */

static void arm(struct health *health);
static void pre_stop_done(struct watch *watch);

/* For a hook that an agent before us began, whose end nobody but its keeper will tell us of. */
static bool waits(const struct watch *watch)
{
    return watch->killing && watch->pre.state == HOOK_RUNS && !watch->pre.attempt;
}

static struct attempt *begin_attempt(struct watch *watch, const struct health_view *view,
                                     const struct value *handler, int64_t timeout_ns, bool hook,
                                     attempt_fn *done, void *ctx)
{
    const struct health *health = watch->health;
    const struct value *container = find_container(view->spec, watch->name);
    cleanup(value_free) struct value *bare = value_new_map();
    value_set_str(bare, "name", watch->name);
    return attempt_new(&(struct attempt_spec){.loop = health->loop,
                                              .handler = handler,
                                              .container = container ? container : bare,
                                              .container_attempt = watch->attempt,
                                              .address = view->address,
                                              .timeout_ns = timeout_ns,
                                              .hook = hook,
                                              .lasting = handler && handler == watch->pre_stop,
                                              .ask = health->handler->exec,
                                              .ask_ctx = health->ctx,
                                              .done = done,
                                              .ctx = ctx});
}

/* In the kubelet's words; what was said a moment ago is not said again. */
static void tell(struct asking *asking, enum probe_outcome outcome, const char *message)
{
    static const struct {
        const char *reason, *words;
    } kinds[] = {
        [PROBE_WARNING] = {"ProbeWarning", "probe warning"},
        [PROBE_FAILURE] = {"Unhealthy", "probe failed"},
        [PROBE_ERROR] = {"Unhealthy", "probe errored and resulted in unknown state"},
    };
    const struct health *health = asking->watch->health;
    if (outcome == PROBE_SUCCESS) {
        free(steal(asking->said));
        return;
    }
    autofree char *text =
        xasprintf("%s %s: %s", probe_word(asking->probe.kind), kinds[outcome].words, message);
    int64_t now = loop_now(health->loop);
    bool again = str_eq(asking->said, text) && now - asking->said_at < AGAIN_NS;
    if (again || asking->may_say_at - BURST_NS > now)
        return;
    asking->may_say_at = (asking->may_say_at > now ? asking->may_say_at : now) + EVERY_NS;
    free(asking->said);
    asking->said = xstrdup(text);
    asking->said_at = now;
    health->handler->event(health->ctx, "Warning", kinds[outcome].reason, text);
}

static void end_container(struct watch *watch, const struct health_view *view, int64_t grace_s,
                          const char *message);

static void failed_for_good(struct asking *asking)
{
    struct watch *watch = asking->watch;
    struct health_view view = view_of(watch->health);
    int64_t own = asking->probe.rules.grace_s;
    const char *policy = value_get_str(view.spec, "restartPolicy");
    const char *kind = asking->probe.kind == PROBE_STARTUP ? "startup" : "liveness";
    autofree char *message = xasprintf("Container %s failed %s probe%s", watch->name, kind,
                                       str_eq(policy, "Never") ? "" : ", will be restarted");
    if (!watch->ending)
        end_container(watch, &view, own >= 0 ? own : view.grace_s, message);
}

static void answered(void *ctx, enum probe_outcome outcome, const char *message)
{
    struct asking *asking = ctx;
    struct watch *watch = asking->watch;
    struct health *health = watch->health;
    tell(asking, outcome, message);
    attempt_free(steal(asking->attempt));
    bool changed = probe_took(&asking->probe, outcome);
    settle(watch);
    if (changed && asking->probe.result == PROBE_BAD && asking->probe.kind != PROBE_READINESS)
        failed_for_good(asking);
    arm(health);
}

static void ask(struct asking *asking, const struct health_view *view, int64_t now)
{
    struct watch *watch = asking->watch;
    const struct value *container = find_container(view->spec, watch->name);
    const struct value *probe = value_get(container, probe_field(asking->probe.kind));
    if (!probe || asking->probe.trying || probe_next(&asking->probe) > now)
        return;
    probe_try(&asking->probe, now);
    asking->attempt =
        begin_attempt(watch, view, probe, asking->probe.rules.timeout_ns, false, answered, asking);
}

static void due(void *ctx)
{
    struct health *health = ctx;
    struct health_view view = view_of(health);
    int64_t now = loop_now(health->loop);
    struct list *it, *tmp;
    list_each(it, tmp, &health->watches)
    {
        struct watch *watch = container_of(it, struct watch, link);
        for (size_t k = 0; k < PROBE_KINDS; k++)
            if (is_open(watch, (enum probe_kind)k, &view))
                ask(&watch->askings[k], &view, now);
        if (waits(watch) && watch->kill_until_ns <= now)
            pre_stop_done(watch);
    }
    arm(health);
}

static void arm(struct health *health)
{
    struct health_view view = view_of(health);
    int64_t next = INT64_MAX;
    struct list *it, *tmp;
    list_each(it, tmp, &health->watches)
    {
        const struct watch *watch = container_of(it, struct watch, link);
        for (size_t k = 0; view.spec && k < PROBE_KINDS; k++)
            if (is_open(watch, (enum probe_kind)k, &view) &&
                probe_next(&watch->askings[k].probe) < next)
                next = probe_next(&watch->askings[k].probe);
        if (waits(watch) && watch->kill_until_ns < next)
            next = watch->kill_until_ns;
    }
    if (next == INT64_MAX)
        loop_timer_stop(health->timer);
    else
        loop_timer_at(health->timer, next);
}

/* What is not asked any more is broken off. */
static void close_askings(struct watch *watch, const struct health_view *view, int64_t now)
{
    for (size_t k = 0; k < PROBE_KINDS; k++) {
        struct asking *asking = &watch->askings[k];
        if (!asking->attempt || is_open(watch, (enum probe_kind)k, view))
            continue;
        attempt_free(steal(asking->attempt));
        probe_broken_off(&asking->probe, now);
    }
}

/* ---- the end of a container ---- */

static void kill_now(struct watch *watch)
{
    const struct health *health = watch->health;
    struct err err = {0};
    int64_t left_s = (watch->kill_until_ns - loop_now(health->loop)) / NS_PER_S;
    if (watch->pre.state == HOOK_OVER && left_s < HEALTH_LEAST_GRACE_S)
        left_s = HEALTH_LEAST_GRACE_S;
    if (health->handler->kill(health->ctx, watch->name, watch->attempt, left_s, &err) < 0)
        log_warn("keeper does not end a container: container=%s error=%s", watch->name,
                 log_quote(err.msg));
}

static void pre_stop_done(struct watch *watch)
{
    watch->pre.state = HOOK_OVER;
    say_marks(watch);
    if (watch->killing)
        kill_now(watch);
}

static void pre_stop_over(void *ctx, enum probe_outcome outcome, const char *message)
{
    struct watch *watch = ctx;
    const struct health *health = watch->health;
    attempt_free(steal(watch->pre.attempt));
    if (outcome == PROBE_FAILURE || outcome == PROBE_ERROR) {
        log_info("hook failed: container=%s hook=preStop error=%s", watch->name,
                 log_quote(message));
        /* What it says is not told: it may be a secret. */
        health->handler->event(health->ctx, "Warning", "FailedPreStopHook", "PreStopHook failed");
    }
    pre_stop_done(watch);
}

static const struct value *invalid_hook(const struct value *hook)
{
    return value_get(hook, "tcpSocket"); /* of no use any more, says Kubernetes */
}

/* That it has begun is said first: whoever comes after us does not begin it again. */
static void run_pre_stop(struct watch *watch, const struct health_view *view, int64_t grace_s)
{
    watch->pre.state = HOOK_RUNS;
    say_marks(watch);
    watch->pre.attempt =
        begin_attempt(watch, view, invalid_hook(watch->pre_stop) ? NULL : watch->pre_stop,
                      grace_s * NS_PER_S, true, pre_stop_over, watch);
}

/* With its grace, of which its hook takes what it needs; by its restart policy it comes again. */
static void end_container(struct watch *watch, const struct health_view *view, int64_t grace_s,
                          const char *message)
{
    const struct health *health = watch->health;
    int64_t now = loop_now(health->loop);
    watch->killing = true;
    watch->kill_until_ns = now + (grace_s < INT32_MAX ? grace_s : INT32_MAX) * NS_PER_S;
    health->handler->event(health->ctx, "Normal", "Killing", message);
    close_askings(watch, view, now);
    if (watch->pre_stop && watch->pre.state == HOOK_IDLE && grace_s > 0)
        run_pre_stop(watch, view, grace_s);
    else if (watch->pre.state != HOOK_RUNS)
        kill_now(watch);
}

/* ---- the beginning of a container ---- */

static void begin_probes(struct watch *watch, const struct health_view *view)
{
    struct health *health = watch->health;
    const struct value *container = find_container(view->spec, watch->name);
    int64_t now = loop_now(health->loop);
    watch->probing = true;
    for (size_t k = 0; k < PROBE_KINDS; k++) {
        struct asking *asking = &watch->askings[k];
        const struct value *probe = value_get(container, probe_field((enum probe_kind)k));
        if (!probe)
            continue;
        struct probe_rules rules = probe_rules_of(probe);
        int64_t jitter = 0;
        if (view->adopted && !health->looked)
            jitter = (int64_t)rng_below(health->rng, (uint64_t)rules.period_ns);
        *asking = (struct asking){.watch = watch, .given = true};
        probe_begin(&asking->probe, (enum probe_kind)k, &rules, watch->started_ns, now, jitter);
        if (watch->marks & (k == PROBE_STARTUP     ? KEEPER_MARK_STARTED
                            : k == PROBE_READINESS ? HEALTH_MARK_READY
                                                   : 0))
            probe_recall(&asking->probe);
    }
}

static void post_start_over(void *ctx, enum probe_outcome outcome, const char *message)
{
    struct watch *watch = ctx;
    struct health *health = watch->health;
    struct health_view view = view_of(health);
    attempt_free(steal(watch->post.attempt));
    watch->post.state = HOOK_OVER;
    if (outcome == PROBE_FAILURE || outcome == PROBE_ERROR) {
        watch->post.state = HOOK_IDLE;
        log_info("hook failed: container=%s hook=postStart error=%s", watch->name,
                 log_quote(message));
        health->handler->event(health->ctx, "Warning", "FailedPostStartHook",
                               "PostStartHook failed");
        if (!watch->ending)
            end_container(watch, &view, view.grace_s, "FailedPostStartHook");
        return;
    }
    begin_probes(watch, &view);
    settle(watch);
    arm(health);
}

static int64_t started_ns_of(const struct health *health, const struct health_view *view,
                             const struct keeper_container *c)
{
    int64_t now = loop_now(health->loop);
    int64_t ago = clock_wall(loop_clock(health->loop)) - c->started_wall_ns;
    if (!view->adopted || health->looked || ago < 0)
        return now;
    return ago < now ? now - ago : 0;
}

/* Whether there is anything to do for it. */
static bool is_watched(const struct value *container)
{
    if (value_get(container, "lifecycle"))
        return true;
    for (size_t k = 0; k < PROBE_KINDS; k++)
        if (value_get(container, probe_field((enum probe_kind)k)))
            return true;
    return false;
}

/* Its keeper is of an older release, which keeps no marks: it ran before there were probes, and is
 * not begun with again. */
static bool has_no_marks(const struct health *health, const struct health_view *view,
                         const struct keeper_container *c)
{
    struct err err = {0};
    return view->adopted && !health->looked &&
           health->handler->mark(health->ctx, c->name, c->restarts, c->marks, &err) ==
               -EPROTONOSUPPORT;
}

static struct watch *begin_watch(struct health *health, const struct health_view *view,
                                 const struct value *container, const struct keeper_container *c)
{
    const struct value *post = hook_of(container, "postStart");
    const struct value *pre = hook_of(container, "preStop");
    struct watch *watch = xcalloc(1, sizeof(*watch));
    watch->health = health;
    watch->name = xstrdup(c->name);
    watch->attempt = c->restarts;
    watch->marks = has_no_marks(health, view, c) ? ~0U : c->marks;
    watch->started_ns = started_ns_of(health, view, c);
    watch->pre_stop = pre ? value_copy(pre) : NULL;
    list_append(&health->watches, &watch->link);
    if (post && !(watch->marks & HEALTH_MARK_POST_START)) {
        watch->post.state = HOOK_RUNS;
        watch->post.attempt = begin_attempt(watch, view, invalid_hook(post) ? NULL : post, 0, true,
                                            post_start_over, watch);
        return watch;
    }
    watch->post.state = HOOK_OVER;
    begin_probes(watch, view);
    return watch;
}

/* ---- looking ---- */

/* An agent before us has begun with the end of it. A program goes on without an agent and is waited
 * for, as long as its grace lasts; of a request nobody will hear the answer; a pause can be made
 * once more. */
static void recall_pre_stop(struct watch *watch, const struct health_view *view,
                            const struct keeper_container *c)
{
    if (c->marks & KEEPER_MARK_MAY_STOP)
        watch->pre.state = HOOK_OVER;
    else if (c->marks & KEEPER_MARK_HOOK)
        watch->pre.state = HOOK_RUNS;
    else if (!value_get(watch->pre_stop, "sleep"))
        watch->pre.state = HOOK_OVER;
    if (!watch->ending)
        end_container(watch, view, view->grace_s, "PreStopHook was begun by an agent before");
}

/* The keeper holds back the stop signal of a container whose plan has a hook, for a while; what the
 * hook was, an agent that is started anew may not know any more. */
static void let_stop(const struct health *health, const struct keeper_container *c)
{
    struct err err = {0};
    if (c->marks & (KEEPER_MARK_MAY_STOP | KEEPER_MARK_HOOK))
        return;
    if (health->handler->mark(health->ctx, c->name, c->restarts, c->marks | KEEPER_MARK_MAY_STOP,
                              &err) < 0)
        log_debug("keeper does not take a mark: container=%s error=%s", c->name,
                  log_quote(err.msg));
}

static void look_at(struct health *health, const struct health_view *view,
                    const struct keeper_container *c)
{
    const struct value *container = find_container(view->spec, c->name);
    struct watch *watch = find_watch(health, c->name);
    if (watch && (watch->attempt != c->restarts || c->state != KEEPER_STARTED)) {
        watch_free(watch);
        watch = NULL;
    }
    if (c->state != KEEPER_STARTED || c->role == LAUNCH_DEBUG)
        return;
    bool ending = view->stopping || (c->marks & KEEPER_MARK_ENDING);
    bool found = !watch;
    if (!watch && container && is_watched(container) && !view->paused)
        watch = begin_watch(health, view, container, c);
    if (ending && !watch && !view->spec)
        let_stop(health, c);
    if (!watch)
        return;
    watch->seen = true;
    watch->ending = ending;
    if (found && (c->marks & HEALTH_MARK_PRE_STOP) && !WEAKENED(PRE_STOP_ONCE))
        recall_pre_stop(watch, view, c);
    if (watch->pre.state == HOOK_RUNS && !watch->pre.attempt && !(c->marks & KEEPER_MARK_HOOK))
        pre_stop_done(watch);
    close_askings(watch, view, loop_now(health->loop));
    if (ending && watch->pre_stop && watch->pre.state == HOOK_IDLE && view->grace_s > 0 &&
        !(watch->marks & KEEPER_MARK_MAY_STOP))
        run_pre_stop(watch, view, view->grace_s);
    settle(watch);
}

/* While its processes stand still, no time goes by for its probes. */
static void look_at_pause(struct health *health, const struct health_view *view)
{
    int64_t now = loop_now(health->loop);
    struct list *it, *tmp;
    if (view->paused && !health->paused)
        health->paused_at = now;
    if (!view->paused && health->paused)
        list_each(it, tmp, &health->watches)
        {
            struct watch *watch = container_of(it, struct watch, link);
            for (size_t k = 0; k < PROBE_KINDS; k++)
                if (watch->askings[k].given)
                    probe_shift(&watch->askings[k].probe, now - health->paused_at);
        }
    health->paused = view->paused;
}

void health_look(struct health *health)
{
    struct health_view view = view_of(health);
    const struct keeper_report *report = view.report;
    struct list *it, *tmp;
    look_at_pause(health, &view);
    list_each(it, tmp, &health->watches) container_of(it, struct watch, link)->seen = false;
    for (size_t i = 0; report && i < report->container_count; i++)
        look_at(health, &view, &report->containers[i]);
    list_each(it, tmp, &health->watches)
    {
        struct watch *watch = container_of(it, struct watch, link);
        if (!watch->seen)
            watch_free(watch);
    }
    health->looked = true;
    arm(health);
}

struct health *health_new(struct loop *loop, struct rng *rng, const struct health_handler *handler,
                          void *ctx)
{
    struct health *health = xcalloc(1, sizeof(*health));
    health->loop = loop;
    health->rng = rng;
    health->handler = handler;
    health->ctx = ctx;
    health->timer = loop_timer_new(loop, due, health);
    list_init(&health->watches);
    return health;
}

void health_free(struct health *health)
{
    struct list *it, *tmp;
    if (!health)
        return;
    list_each(it, tmp, &health->watches) watch_free(container_of(it, struct watch, link));
    loop_timer_free(health->timer);
    free(health);
}
