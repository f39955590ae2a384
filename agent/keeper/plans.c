#include "agent/keeper/plans.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct added {
    struct list link;
    const void *bytes;
    size_t len;
    struct launch_plan *plan; /* points into bytes */
};

int plans_map(int fd, const void **ret, size_t *ret_len, struct err *err)
{
    struct stat st;
    if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > LAUNCH_MAX_BYTES)
        return err_set(err, -EINVAL, "no launch plan");
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return err_errno(err, errno, "cannot read the launch plan");
    *ret = bytes;
    *ret_len = (size_t)st.st_size;
    return 0;
}

void plans_init(struct plans *plans, const struct launch_plan *first)
{
    plans->whole = *first;
    plans->containers = NULL;
    list_init(&plans->added);
}

static void unmap(const void *bytes, size_t len)
{
    munmap((void *)(uintptr_t)bytes, len);
}

void plans_done(struct plans *plans)
{
    struct list *it, *tmp;
    list_each(it, tmp, &plans->added)
    {
        struct added *added = container_of(it, struct added, link);
        launch_free(added->plan);
        unmap(added->bytes, added->len);
        free(added);
    }
    free(plans->containers);
}

static bool is_known(const struct launch_plan *whole, const char *name)
{
    for (size_t i = 0; i < whole->container_count; i++)
        if (str_eq(whole->containers[i].name, name))
            return true;
    return false;
}

/* The containers become ours, with room for one more. */
static void own(struct plans *plans)
{
    struct launch_plan *whole = &plans->whole;
    size_t count = whole->container_count;
    bool first = !plans->containers;
    plans->containers = xrealloc(plans->containers, (count + 1) * sizeof(*plans->containers));
    if (first)
        memcpy(plans->containers, whole->containers, count * sizeof(*plans->containers));
    whole->containers = plans->containers;
}

static void append(struct plans *plans, const struct launch_container *container)
{
    own(plans);
    plans->containers[plans->whole.container_count++] = *container;
}

static void resize_one(struct launch_container *container, const struct sizing_container *to,
                       bool *ret_renew)
{
    bool memory = container->memory_bytes != to->size.memory_bytes;
    bool cpu = container->cpu_quota_us != to->size.cpu_quota_us ||
               container->cpu_shares != to->size.cpu_shares;
    *ret_renew = (memory && to->renew_memory) || (cpu && to->renew_cpu);
    container->memory_bytes = to->size.memory_bytes;
    container->cpu_quota_us = to->size.cpu_quota_us;
    container->cpu_shares = to->size.cpu_shares;
    container->oom_score_adj = to->oom_score_adj;
}

void plans_resize(struct plans *plans, const struct sizing *sizing,
                  bool ret_renew[static LAUNCH_MAX_CONTAINERS])
{
    struct launch_plan *whole = &plans->whole;
    own(plans);
    whole->memory_bytes = sizing->pod.memory_bytes;
    whole->cpu_quota_us = sizing->pod.cpu_quota_us;
    whole->cpu_shares = sizing->pod.cpu_shares;
    for (size_t i = 0; i < whole->container_count; i++) {
        ret_renew[i] = false;
        for (size_t n = 0; n < sizing->count; n++)
            if (str_eq(sizing->containers[n].name, whole->containers[i].name))
                resize_one(&plans->containers[i], &sizing->containers[n], &ret_renew[i]);
    }
}

int plans_add(struct plans *plans, int fd, struct err *err)
{
    autofree struct added *added = xcalloc(1, sizeof(*added));
    size_t before = plans->whole.container_count;
    int r = plans_map(fd, &added->bytes, &added->len, err);
    if (r < 0)
        return r;
    r = launch_decode(added->bytes, added->len, &added->plan, err);
    if (r < 0) {
        unmap(added->bytes, added->len);
        return r;
    }
    for (size_t i = 0; i < added->plan->container_count; i++) {
        const struct launch_container *container = &added->plan->containers[i];
        if (container->role == LAUNCH_DEBUG && !is_known(&plans->whole, container->name) &&
            plans->whole.container_count < LAUNCH_MAX_CONTAINERS)
            append(plans, container);
    }
    list_append(&plans->added, &added->link);
    added = NULL;
    return (int)(plans->whole.container_count - before);
}
