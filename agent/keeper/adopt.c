#include "agent/keeper/adopt.h"

#include "agent/keeper/pidfile.h"
#include "agent/keeper/rundir.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>

#define ADOPT_NS (5 * NS_PER_S)       /* of one that runs already */
#define START_SWEEP_NS (3 * NS_PER_S) /* in keepers->start; what is left goes on from the loop */
#define PID_FILE_HEAD 8192
#define SWEEP_PAUSE_NS (1 * NS_PER_MS) /* at first */

static void read_state_dir(struct entry *entry, int fd)
{
    char text[PID_FILE_HEAD];
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    entry->state_dir = pidfile_state_dir(text);
}

/* A pod's run folder: adopts its keeper, or leaves the entry to be swept. */
static void adopt(struct impl *impl, const char *uid)
{
    struct entry *entry = entry_new(impl, uid);
    autofree char *path = xasprintf("%s/keeper.pid", entry->run_dir);
    entry->state = ENTRY_SWEEPING;
    autoclose int fd = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    pid_t pid = fd < 0 ? 0 : rundir_lock_holder(fd);
    if (fd >= 0)
        read_state_dir(entry, fd);
    /* Asked again when its descriptor is held: it was that process, and not one that got its
     * number. */
    if (pid <= 1 || entry_watch(entry, pid, NULL) < 0 || rundir_lock_holder(fd) != pid) {
        loop_child_free(entry->child);
        entry->child = NULL;
        return;
    }
    entry->awaited = true;
    impl->awaited++;
    entry_connect(entry, ADOPT_NS);
}

static int scan_run_dir(struct impl *impl, struct err *err)
{
    DIR *dir = opendir(impl->run_dir);
    if (!dir)
        return err_errno(err, errno, "cannot read %s", impl->run_dir);
    const struct dirent *item;
    while ((item = readdir(dir)))
        if (item->d_name[0] != '.')
            adopt(impl, item->d_name);
    closedir(dir);
    return 0;
}

/* A pod's group without a run folder. */
static void found_group(void *ctx, const char *name)
{
    struct impl *impl = ctx;
    if (!str_has_prefix(name, "pod") || entry_find(impl, name + 3))
        return;
    entry_new(impl, name + 3)->state = ENTRY_SWEEPING;
}

/* Everything that belongs to no keeper, now and for a bounded time; the rest from the loop. */
static void sweep_orphans(struct impl *impl)
{
    int64_t until = loop_now(impl->loop) + START_SWEEP_NS;
    bool left = true;
    for (int64_t wait = SWEEP_PAUSE_NS; left; wait = wait < 64 * SWEEP_PAUSE_NS ? wait * 2 : wait) {
        struct list *it, *tmp;
        left = false;
        list_each(it, tmp, &impl->entries)
        {
            struct entry *entry = container_of(it, struct entry, link);
            if (entry->state != ENTRY_SWEEPING)
                continue;
            if (entry_sweep_once(entry) == 0)
                entry_free(entry);
            else
                left = true;
        }
        if (left && loop_now(impl->loop) >= until)
            break;
        const struct timespec pause = {.tv_nsec = (long)wait};
        if (left)
            nanosleep(&pause, NULL);
    }
    struct list *it, *tmp;
    list_each(it, tmp, &impl->entries)
    {
        struct entry *entry = container_of(it, struct entry, link);
        if (entry->state == ENTRY_SWEEPING)
            entry_begin_sweep(entry);
    }
}

static int take_lock(struct impl *impl, struct err *err)
{
    autofree char *path = xasprintf("%s/.lock", impl->run_dir);
    if (mkdir(impl->run_dir, 0700) < 0 && errno != EEXIST)
        return err_errno(err, errno, "cannot make %s", impl->run_dir);
    autoclose int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_errno(err, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return err_set(err, -EBUSY, "another limpetd keeps its pods in %s", impl->run_dir);
    impl->lock_fd = steal_fd(&fd);
    return 0;
}

int adopt_all(struct impl *impl, struct err *err)
{
    int r = take_lock(impl, err);
    if (r == 0)
        r = scan_run_dir(impl, err);
    if (r < 0)
        return r;
    cgroup_list(&impl->cgroups, impl->cgroup_root, found_group, impl);
    sweep_orphans(impl);
    entry_settle(impl);
    return 0;
}
