#include "agent/volume/type.h"

#include "agent/runtime/huge_pages.h"
#include "agent/runtime/selinux.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/pod_needs.h"
#include "common/schema/quantity.h"

#include <errno.h>
#include <sys/mount.h>

#define HUGE_MEDIUM "HugePages" /* or "HugePages-2Mi" */

/* The least of what is asked for, what the pod may use and what the node has for pods, as a kubelet
 * sizes it; 0: nothing of these is known, and the kernel gives half of the memory. */
static int64_t memory_size(const struct volume_spec *spec, const struct value *source)
{
    const int64_t bounds[] = {
        quantity_units_of(value_get(source, "sizeLimit"), 0),
        WEAKENED(EMPTY_DIR_MEMORY) ? 0 : pod_needs_limit(value_get(spec->pod, "spec"), "memory"),
        quantity_units_of(value_get(spec->allocatable, "memory"), 0),
    };
    int64_t least = 0;
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++)
        if (bounds[i] > 0 && (least == 0 || bounds[i] < least))
            least = bounds[i];
    return least;
}

/* The one size that the pod's containers ask for, or the one named; -1: there is none. */
static int huge_size_of(const struct value *pod, const char *medium)
{
    const char *named = medium + strlen(HUGE_MEDIUM);
    const struct value *spec = value_get(pod, "spec");
    static const char *const lists[] = {"initContainers", "containers"};
    int found = -1;
    for (size_t s = 0; s < HUGE_SIZES; s++) {
        bool asked = false;
        const char *resource = huge_sizes[s].resource;
        for (size_t l = 0; l < ARRAY_LEN(lists); l++) {
            const struct value *list = value_get(spec, lists[l]);
            for (size_t i = 0; i < value_len(list); i++)
                asked |=
                    value_path(value_at(list, i), "resources", "limits", resource, NULL) != NULL;
        }
        if (*named ? !str_eq(named, strchr(resource, '-')) : !asked)
            continue;
        if (found >= 0)
            return -1;
        found = (int)s;
    }
    return found;
}

/* A file system of its own, with the pod's label. */
static int mount_own(const struct volume_spec *spec, const char *path, const char *type,
                     const char *options)
{
    autofree char *labelled = selinux_mount_data(options, spec->label);
    return mount("limpet", path, type, MS_NOSUID | MS_NODEV, labelled) < 0 ? -errno : 0;
}

static int mount_huge(const struct volume_spec *spec, const char *path, const char *medium,
                      struct err *err)
{
    int size = huge_size_of(spec->pod, medium);
    if (size < 0)
        return err_set(err, -EINVAL, "emptyDir medium %s: %s", medium,
                       medium[strlen(HUGE_MEDIUM)]
                           ? "there are no pages of that size"
                           : "the pod's containers must ask for huge pages of one size");
    autofree char *options =
        xasprintf("mode=0777,pagesize=%lld", (long long)huge_sizes[size].bytes);
    int rc = mount_own(spec, path, "hugetlbfs", options);
    return rc < 0 ? err_errno(err, -rc, "emptyDir medium %s", medium) : 0;
}

/* A tmpfs of its own below the run folder; one that is there already (a second try) is kept. */
static int mount_memory(const struct volume_spec *spec, const char *path, int64_t size,
                        struct err *err)
{
    autofree char *options =
        size > 0 ? xasprintf("mode=0777,size=%lld", (long long)size) : xstrdup("mode=0777");
    int rc = mount_own(spec, path, "tmpfs", options);
    return rc < 0 ? err_errno(err, -rc, "tmpfs on %s", path) : 0;
}

static int check_medium(const char *medium, struct err *err)
{
    if (str_empty(medium) || str_eq(medium, "Memory") || str_eq(medium, HUGE_MEDIUM) ||
        str_has_prefix(medium, HUGE_MEDIUM "-"))
        return 0;
    return err_set(err, -EINVAL, "unknown storage medium \"%s\"", medium);
}

static int prepare(const struct volume_spec *spec, const char *name, const struct value *source,
                   struct volume *ret, struct err *err)
{
    const char *medium = value_get_str(source, "medium");
    int rc = check_medium(medium, err);
    if (rc < 0)
        return rc;
    bool memory = !str_empty(medium);
    ret->host_path = volume_make_dir(memory ? spec->tmp_dir : spec->disk_dir, name, 0777, err);
    if (!ret->host_path)
        return err->code;
    if (!memory || volume_is_mounted(ret->host_path))
        return 0;
    return str_eq(medium, "Memory")
               ? mount_memory(spec, ret->host_path, memory_size(spec, source), err)
               : mount_huge(spec, ret->host_path, medium, err);
}

const struct volume_type volume_empty_dir = {
    .field = "emptyDir", .prepare = prepare, .group = FS_GROUP_TOP};

void volumes_measure(const struct volume_spec *spec, const struct value *volumes,
                     volume_measured_fn *fn, void *ctx)
{
    for (size_t i = 0; i < value_len(volumes); i++) {
        const struct value *volume = value_at(volumes, i);
        const struct value *source = value_get(volume, "emptyDir");
        const char *name = value_get_str(volume, "name");
        if (!source || !str_empty(value_get_str(source, "medium")))
            continue;
        struct volume_measure measure = {
            .name = name,
            .size_limit = quantity_units_of(value_get(source, "sizeLimit"), 0),
            .usage = {.whole = true},
        };
        autofree char *path = xasprintf("%s/volumes/%s", spec->disk_dir, name);
        if (disk_usage_add(path, &measure.usage) == 0)
            fn(ctx, &measure);
    }
}
