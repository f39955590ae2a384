#include "controller/server/container.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "controller/api/status.h"

static bool has(const struct value *containers, const char *name)
{
    for (size_t i = 0; i < value_len(containers); i++)
        if (str_eq(value_get_str(value_at(containers, i), "name"), name))
            return true;
    return false;
}

static struct value *must_be_named(const struct value *pod, const struct value *containers)
{
    cleanup(buf_done) struct buf names = {0};
    for (size_t i = 0; i < value_len(containers); i++)
        (void)buf_addf(&names, "%s%s", i ? " " : "",
                       value_get_str(value_at(containers, i), "name"));
    return status_failure(400, "a container name must be specified for pod %s, choose one of: [%s]",
                          value_get_str(value_get(pod, "metadata"), "name"), buf_str(&names));
}

const char *container_choose(const struct value *pod, const char *wanted, struct value **ret)
{
    static const char *const lists[] = {"containers", "initContainers", "ephemeralContainers"};
    const struct value *spec = value_get(pod, "spec"), *containers = value_get(spec, "containers");
    const struct value *metadata = value_get(pod, "metadata");
    if (str_empty(wanted) && value_len(containers) == 1)
        return value_get_str(value_at(containers, 0), "name");
    if (str_empty(wanted)) {
        wanted = value_get_str(value_get(metadata, "annotations"),
                               "kubectl.kubernetes.io/default-container");
        if (!str_empty(wanted) && has(containers, wanted))
            return wanted;
        *ret = must_be_named(pod, containers);
        return NULL;
    }
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        if (has(value_get(spec, lists[l]), wanted))
            return wanted;
    *ret = status_failure(400, "container %.80s is not valid for pod %s", wanted,
                          value_get_str(metadata, "name"));
    return NULL;
}
