#include "agent/limpetd/image_gc.h"

#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/statvfs.h>

#define AGE_EVERY_NS (3600 * NS_PER_S) /* that reads every record of the store */
#define TIMEOUT_NS (1800 * NS_PER_S)
#define OUTPUT_MAX 4096

struct image_gc {
    struct loop *loop;
    const struct config *config;
    char *config_file, *images_root;
    struct loop_timer *timer;
    struct proc_run *run;
    char *said; /* by the last one */
    int64_t last_age_ns;
};

enum image_gc_due image_gc_due(const struct config *config, int used, int64_t now_ns,
                               int64_t last_age_ns)
{
    if (config->image_gc_high < 100 && used >= config->image_gc_high)
        return IMAGE_GC_DISK;
    bool old =
        config->image_max_age_s > 0 && (!last_age_ns || now_ns - last_age_ns >= AGE_EVERY_NS);
    return old ? IMAGE_GC_AGE : IMAGE_GC_NOTHING;
}

/* As the kubelet counts: what pods cannot have any more. -1: unknown. */
static int used_percent(const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) < 0 || fs.f_blocks == 0)
        return -1;
    return (int)(100 - 100.0 * (double)fs.f_bavail / (double)fs.f_blocks);
}

static void ended(void *ctx, int status, const char *output, size_t len)
{
    struct image_gc *gc = ctx;
    gc->run = NULL;
    while (len > 0 && output[len - 1] == '\n')
        len--;
    char *text = xstrndup(output, len);
    bool again = str_eq(text, gc->said);
    free(gc->said);
    gc->said = text;
    if (again) /* a disk that stays full says the same for days */
        return;
    if (status == 0)
        log_info("unused images: %s", log_quote(text));
    else
        log_warn("unused images are not removed: %s error=%s", proc_status_text(status),
                 log_quote(text));
}

static int start(struct image_gc *gc, enum image_gc_due due, struct err *err)
{
    char low[24], min[24], max[24];
    const struct config *c = gc->config;
    snprintf(low, sizeof(low), "%lld", (long long)c->image_gc_low);
    snprintf(min, sizeof(min), "%llds", (long long)c->image_min_age_s);
    snprintf(max, sizeof(max), "%llds", (long long)c->image_max_age_s);
    const char *argv[12] = {"limpetd"};
    size_t n = 1;
    if (gc->config_file) {
        argv[n++] = "--config";
        argv[n++] = gc->config_file;
    }
    argv[n++] = "image";
    argv[n++] = "prune";
    argv[n++] = "--unused-for";
    argv[n++] = due == IMAGE_GC_DISK ? min : max;
    if (due == IMAGE_GC_DISK) {
        argv[n++] = "--down-to";
        argv[n++] = low;
    }
    const struct proc_spec proc = {.path = "/proc/self/exe",
                                   .argv = argv,
                                   .fd_in = -1,
                                   .new_session = true,
                                   .death_signal = SIGKILL};
    return proc_run_new(gc->loop, &proc, OUTPUT_MAX, TIMEOUT_NS, ended, gc, &gc->run, err);
}

static void look(void *ctx)
{
    struct image_gc *gc = ctx;
    struct err err = {0};
    int64_t now = loop_now(gc->loop);
    enum image_gc_due due =
        image_gc_due(gc->config, used_percent(gc->images_root), now, gc->last_age_ns);
    if (due != IMAGE_GC_NOTHING && !gc->run && start(gc, due, &err) < 0)
        log_warn("unused images are not removed: error=%s", log_quote(err.msg));
    if (due == IMAGE_GC_AGE)
        gc->last_age_ns = now;
    loop_timer_after(gc->timer, gc->config->image_gc_every_s * NS_PER_S);
}

int image_gc_new(struct loop *loop, const struct config *config, const char *config_file,
                 const char *images_root, struct image_gc **ret, struct err *err)
{
    if (config->image_gc_low >= config->image_gc_high && config->image_gc_high < 100)
        return err_set(err, -EINVAL,
                       "imageGCLowThresholdPercent: must be less than imageGCHighThresholdPercent");
    struct image_gc *gc = xcalloc(1, sizeof(*gc));
    gc->loop = loop;
    gc->config = config;
    gc->config_file = config_file ? xstrdup(config_file) : NULL;
    gc->images_root = xstrdup(images_root);
    gc->timer = loop_timer_new(loop, look, gc);
    loop_timer_after(gc->timer, config->image_gc_every_s * NS_PER_S);
    *ret = gc;
    return 0;
}

void image_gc_free(struct image_gc *gc)
{
    if (!gc)
        return;
    proc_run_free(gc->run);
    loop_timer_free(gc->timer);
    free(gc->said);
    free(gc->config_file);
    free(gc->images_root);
    free(gc);
}
