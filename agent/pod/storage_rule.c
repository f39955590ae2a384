#include "agent/pod/storage_rule.h"

#include "agent/pod/containers.h"
#include "common/base/str.h"
#include "common/kinds/pod_needs.h"
#include "common/schema/quantity.h"

#define STORAGE "ephemeral-storage"

/* Of an emptyDir on disk; 0: none. */
static int64_t limit_of_volume(const struct value *volume)
{
    const struct value *source = value_get(volume, "emptyDir");
    if (str_eq(value_get_str(source, "medium"), "Memory"))
        return 0;
    return quantity_units_of(value_get(source, "sizeLimit"), 0);
}

bool storage_is_limited(const struct value *spec)
{
    const struct value *volumes = value_get(spec, "volumes");
    for (size_t i = 0; i < value_len(volumes); i++)
        if (limit_of_volume(value_at(volumes, i)) > 0)
            return true;
    for (size_t i = 0; i < containers_count(spec); i++)
        if (pod_needs_of_container(containers_at(spec, i, NULL), "limits", STORAGE) > 0)
            return true;
    return false;
}

static void limit_text(int64_t bytes, char ret[static 64])
{
    quantity_format(&(struct quantity){.units = bytes, .format = QUANTITY_BINARY}, ret);
}

static const struct value *find(const struct value *list, const char *name)
{
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "name"), name))
            return value_at(list, i);
    return NULL;
}

static bool volume_exceeds(const struct value *spec, const struct storage_use *use, struct buf *ret)
{
    char limit[64];
    int64_t most = limit_of_volume(find(value_get(spec, "volumes"), use->name));
    if (most <= 0 || use->bytes <= most)
        return false;
    limit_text(most, limit);
    (void)buf_addf(ret, "Usage of EmptyDir volume \"%s\" exceeds the limit \"%s\".", use->name,
                   limit);
    return true;
}

static bool container_exceeds(const struct value *spec, const struct storage_use *use,
                              struct buf *ret)
{
    char limit[64];
    int64_t most = 0;
    for (size_t i = 0; i < containers_count(spec); i++)
        if (str_eq(value_get_str(containers_at(spec, i, NULL), "name"), use->name))
            most = pod_needs_of_container(containers_at(spec, i, NULL), "limits", STORAGE);
    if (most <= 0 || use->bytes <= most)
        return false;
    limit_text(most, limit);
    (void)buf_addf(ret, "Container %s exceeded its local ephemeral storage limit \"%s\".",
                   use->name, limit);
    return true;
}

static bool pod_exceeds(const struct value *spec, const struct storage_use *uses, size_t count,
                        struct buf *ret)
{
    char limit[64];
    int64_t most = pod_needs_amount(spec, "limits", STORAGE), sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += uses[i].bytes;
    if (most <= 0 || sum <= most)
        return false;
    limit_text(most, limit);
    (void)buf_addf(
        ret, "Pod ephemeral local storage usage exceeds the total limit of containers %s.", limit);
    return true;
}

bool storage_exceeds(const struct value *spec, const struct storage_use *uses, size_t count,
                     struct buf *ret)
{
    for (size_t i = 0; i < count; i++)
        if (uses[i].type == STORAGE_EMPTY_DIR && volume_exceeds(spec, &uses[i], ret))
            return true;
    if (pod_exceeds(spec, uses, count, ret))
        return true;
    for (size_t i = 0; i < count; i++)
        if (uses[i].type == STORAGE_CONTAINER && container_exceeds(spec, &uses[i], ret))
            return true;
    return false;
}
