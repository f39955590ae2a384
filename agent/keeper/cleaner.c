#include "agent/keeper/cleaner.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"

struct cleaner {
    struct list link;
    struct impl *impl;
    struct loop_child *child;
    bool told;
};

static void cleaner_free(struct cleaner *cleaner)
{
    loop_child_free(cleaner->child);
    list_remove(&cleaner->link);
    free(cleaner);
}

void cleaners_free(struct list *cleaners)
{
    struct list *it, *tmp;
    list_each(it, tmp, cleaners) cleaner_free(container_of(it, struct cleaner, link));
}

static void cleaner_done(void *ctx, pid_t pid, int status)
{
    struct cleaner *cleaner = ctx;
    struct impl *impl = cleaner->impl;
    bool told = cleaner->told;
    (void)pid;
    (void)status;
    cleaner_free(cleaner);
    if (told)
        impl->handler.removed(impl->ctx);
}

int cleaner_start(struct impl *impl, const char *parent, const char *name, bool told,
                  struct err *err)
{
    pid_t pid;
    struct cleaner *cleaner = xcalloc(1, sizeof(*cleaner));
    cleaner->impl = impl;
    cleaner->told = told;
    list_append(&impl->cleaners, &cleaner->link);
    int rc = launcher_remove_tree(impl->launcher, parent, name, &pid, err);
    if (rc == 0)
        rc = loop_child_new(impl->loop, pid, cleaner_done, cleaner, &cleaner->child, err);
    if (rc < 0)
        cleaner_free(cleaner);
    return rc;
}
