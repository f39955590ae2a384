#include "agent/limpetd/file_watch.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

#define WATCHED                                                                                    \
    (IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_MOVE_SELF |         \
     IN_ONLYDIR)
#define LINKS_MAX 16 /* followed from one path, and folders that are missing above one another */

/* A name in a folder that means something to us. */
struct spot {
    int wd;
    char *name;
};

struct spots {
    struct spot *items;
    size_t count;
};

struct file_watch {
    char **paths;
    int64_t settle_ns;
    file_watch_fn *fn;
    void *ctx;
    int fd;
    struct loop_io *io;
    struct loop_timer *settle;
    struct spots spots;
};

static void spots_done(struct spots *spots)
{
    for (size_t i = 0; i < spots->count; i++)
        free(spots->items[i].name);
    free(spots->items);
    *spots = (struct spots){0};
}

static bool has_wd(const struct spots *spots, int wd)
{
    for (size_t i = 0; i < spots->count; i++)
        if (spots->items[i].wd == wd)
            return true;
    return false;
}

/* Watches a folder for a name. Twice the same folder is one watch of the kernel's. */
static int add_spot(const struct file_watch *watch, const char *folder, const char *name,
                    struct spots *spots)
{
    int wd = inotify_add_watch(watch->fd, folder, WATCHED);
    if (wd < 0)
        return -errno;
    spots->items = xreallocarray(spots->items, spots->count + 1, sizeof(*spots->items));
    spots->items[spots->count++] = (struct spot){wd, xstrdup(name)};
    return 0;
}

/* "/a/b" -> folder "/a", name "b"; false for "/". Links may lead to what ends with slashes. */
static bool split(char *path, char **ret_folder, const char **ret_name)
{
    for (size_t len = strlen(path); len > 0 && path[len - 1] == '/'; len--)
        path[len - 1] = '\0';
    const char *slash = strrchr(path, '/');
    if (!slash)
        return false;
    *ret_name = slash + 1;
    *ret_folder = slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
    return true;
}

/* Where the link leads; NULL: it is none. Asked after its folder is watched, so that a change in
 * between is told. */
static char *read_link(const char *path, const char *folder)
{
    char target[PATH_MAX];
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (len <= 0)
        return NULL;
    target[len] = '\0';
    return target[0] == '/' ? xstrdup(target) : xasprintf("%s/%s", folder, target);
}

/* The spots of one path. The first error that is not about a missing folder ends it. */
static int follow(const struct file_watch *watch, const char *path, struct spots *spots)
{
    autofree char *at = xstrdup(path);
    for (int i = 0; i < LINKS_MAX; i++) {
        autofree char *folder = NULL;
        const char *name = NULL;
        if (!split(at, &folder, &name))
            return 0;
        int rc = add_spot(watch, folder, name, spots);
        if (rc < 0 && rc != -ENOENT && rc != -ENOTDIR)
            return rc;
        char *next = rc < 0 ? xstrdup(folder) : read_link(at, folder);
        if (!next)
            return 0;
        free(at);
        at = next;
    }
    return 0;
}

/* Looks where the paths lead now, and watches there and nowhere else. */
static int look(struct file_watch *watch)
{
    struct spots spots = {0};
    int rc = 0;
    for (size_t i = 0; watch->paths[i] && rc == 0; i++)
        rc = follow(watch, watch->paths[i], &spots);
    for (size_t i = 0; i < watch->spots.count; i++)
        if (!has_wd(&spots, watch->spots.items[i].wd))
            (void)inotify_rm_watch(watch->fd, watch->spots.items[i].wd); /* or it went by itself */
    spots_done(&watch->spots);
    watch->spots = spots;
    return rc;
}

static void settled(void *ctx)
{
    struct file_watch *watch = ctx;
    (void)look(watch); /* what can be watched is */
    watch->fn(watch->ctx);
}

static bool matters(const struct file_watch *watch, const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    for (size_t i = 0; i < watch->spots.count; i++) {
        const struct spot *spot = &watch->spots.items[i];
        if (spot->wd == event->wd && (event->len == 0 || str_eq(spot->name, event->name)))
            return true;
    }
    return false;
}

static void readable(void *ctx, int fd, uint32_t events)
{
    (void)events;
    struct file_watch *watch = ctx;
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t len;
    bool any = false;
    while ((len = read(fd, bytes, sizeof(bytes))) > 0) {
        const struct inotify_event *event;
        for (const char *p = bytes; p < bytes + len; p += sizeof(*event) + event->len) {
            event = (const struct inotify_event *)(const void *)p;
            any |= matters(watch, event);
        }
    }
    if (any && !loop_timer_armed(watch->settle))
        loop_timer_after(watch->settle, watch->settle_ns);
}

static char **copy_paths(const char *const *paths)
{
    size_t count = 0;
    while (paths[count])
        count++;
    char **copy = xcalloc(count + 1, sizeof(*copy));
    for (size_t i = 0; i < count; i++)
        copy[i] = xstrdup(paths[i]);
    return copy;
}

int file_watch_new(struct loop *loop, const char *const *paths, int64_t settle_ns,
                   file_watch_fn *fn, void *ctx, struct file_watch **ret, struct err *err)
{
    cleanup(file_watch_free) struct file_watch *watch = xcalloc(1, sizeof(*watch));
    watch->paths = copy_paths(paths);
    watch->settle_ns = settle_ns;
    watch->fn = fn;
    watch->ctx = ctx;
    watch->settle = loop_timer_new(loop, settled, watch);
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch->fd < 0)
        return err_errno(err, errno, "inotify");
    int rc = loop_io_new(loop, watch->fd, EPOLLIN, readable, watch, &watch->io, err);
    if (rc < 0)
        return rc;
    rc = look(watch);
    if (rc < 0)
        return err_errno(err, -rc, "cannot watch %s", paths[0]);
    *ret = steal(watch);
    return 0;
}

void file_watch_free(struct file_watch *watch)
{
    if (!watch)
        return;
    loop_timer_free(watch->settle);
    loop_io_free(watch->io);
    if (watch->fd >= 0)
        close(watch->fd);
    spots_done(&watch->spots);
    for (size_t i = 0; watch->paths[i]; i++)
        free(watch->paths[i]);
    free(watch->paths);
    free(watch);
}
