#include "controller/link/strays.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

static const struct api_user user = {.name = "system:limpet:link"};

struct stray {
    char *node, *ns, *name, *uid;
};

struct strays {
    struct api *api;
    struct map *pods; /* uid -> struct stray */
};

static void stray_free(void *p)
{
    struct stray *stray = p;
    if (!stray)
        return;
    free(stray->node);
    free(stray->ns);
    free(stray->name);
    free(stray->uid);
    free(stray);
}

struct strays *strays_new(struct api *api)
{
    struct strays *strays = xcalloc(1, sizeof(*strays));
    strays->api = api;
    strays->pods = map_new();
    return strays;
}

void strays_free(struct strays *strays)
{
    if (!strays)
        return;
    map_free(strays->pods, stray_free);
    free(strays);
}

void strays_clear(struct strays *strays)
{
    map_free(strays->pods, stray_free);
    strays->pods = map_new();
}

static bool is_known(const struct strays *strays, const char *ns, const char *name, const char *uid)
{
    const struct api_ref ref = {&kind_pod, ns, name};
    cleanup(value_free) struct value *pod = NULL;
    return api_get(strays->api, &user, &ref, &pod) == 0 && str_eq(object_uid(pod), uid);
}

void strays_report(struct strays *strays, const char *node, const struct report *report)
{
    const struct value *meta = value_get(report->pod, "metadata");
    const char *ns = value_get_str(meta, "namespace"), *name = value_get_str(meta, "name");
    const char *uid = value_get_str(meta, "uid");
    autofree char *suffix = xasprintf("-%s", node);
    if (!ns || !name || !uid)
        return;
    if (report->gone || str_has_suffix(name, suffix) || is_known(strays, ns, name, uid)) {
        stray_free(map_del(strays->pods, uid));
        return;
    }
    if (map_get(strays->pods, uid) || map_len(strays->pods) >= STRAYS_MAX)
        return;
    struct stray *stray = xcalloc(1, sizeof(*stray));
    *stray = (struct stray){xstrdup(node), xstrdup(ns), xstrdup(name), xstrdup(uid)};
    (void)map_put(strays->pods, uid, stray);
}

struct value *strays_list(const struct strays *strays)
{
    struct value *list = value_new_list();
    void *p;
    for (size_t i = 0; map_next(strays->pods, &i, NULL, &p);) {
        const struct stray *stray = p;
        if (is_known(strays, stray->ns, stray->name, stray->uid))
            continue;
        struct value *entry = value_new_map();
        value_set_str(entry, "node", stray->node);
        value_set_str(entry, "namespace", stray->ns);
        value_set_str(entry, "name", stray->name);
        value_append(list, entry);
    }
    return list;
}
