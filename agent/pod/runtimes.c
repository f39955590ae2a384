#include "agent/pod/runtimes.h"

#include "agent/runtime/sys.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/runtime_handler.h"

/* The default, as a RuntimeClass cannot name it, and the same by its name. Another one is a line
 * here and its way to run a plan. */
static const char *const handlers[] = {"", "limpet"};

static bool is_handler(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
        if (str_eq(name, handlers[i]))
            return true;
    return false;
}

bool runtimes_allow(const struct value *pod, bool user_namespaces, struct buf *ret_message)
{
    const char *class = value_str(value_path(pod, "spec", "runtimeClassName", NULL));
    const char *handler =
        value_str(value_path(pod, "metadata", "annotations", RUNTIME_HANDLER_ANNOTATION, NULL));
    if (str_empty(class))
        handler = "";
    bool host_users = value_bool(value_path(pod, "spec", "hostUsers", NULL), true);
    if (!handler)
        (void)buf_addf(ret_message, "RuntimeClass \"%s\" not found", class);
    else if (!is_handler(handler) && !WEAKENED(RUNTIME_HANDLER))
        (void)buf_addf(ret_message, "no runtime for \"%s\" is configured", handler);
    else if (!host_users && !user_namespaces && !WEAKENED(USERNS_REFUSED))
        (void)buf_addf(ret_message,
                       "RuntimeClass handler \"%s\" does not support user namespaces on this node",
                       handler);
    else
        return true;
    return false;
}

/* Read-only for what is mounted below, too: mount_setattr, of Linux 5.12. */
static bool has_read_only_below(void)
{
    const struct sys_mount_attr nothing = {.set = 0};
    return sys_mount_setattr(-1, "", 0, &nothing) == 0 || errno != ENOSYS;
}

struct value *runtimes_status(bool user_namespaces)
{
    struct value *list = value_new_list();
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        struct value *item = value_new_map();
        value_set_str(item, "name", handlers[i]);
        struct value *features = value_set(item, "features", value_new_map());
        value_set_bool(features, "recursiveReadOnlyMounts", has_read_only_below());
        value_set_bool(features, "userNamespaces", user_namespaces);
        value_append(list, item);
    }
    return list;
}
