#include "controller/api/strategy.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_mirror.h"
#include "common/kinds/pod_qos.h"
#include "controller/api/form.h"
#include "controller/api/pod_ready.h"
#include "controller/api/service_kept.h"

struct strategy {
    const struct schema_kind *kind;
    bool keep_status; /* of what a client creates */
    bool travels;     /* to nodes */
    void (*born)(struct value *object);
    int64_t (*grace)(const struct value *object, int64_t wanted);
    void (*keep)(const struct value *stored, struct value *object);
};

/* ---- Pod ---- */

static void pod_born(struct value *pod)
{
    struct value *status = value_set(pod, "status", value_new_map());
    value_set_str(status, "phase", "Pending");
    value_set_str(status, "qosClass", pod_qos_name(pod_qos(value_get(pod, "spec"))));
}

/* Only a pod that a node may be running, and would end, needs time. */
static int64_t pod_grace(const struct value *pod, int64_t wanted)
{
    const struct value *spec = value_get(pod, "spec");
    const char *phase = value_get_str(value_get(pod, "status"), "phase");
    bool over = str_eq(phase, "Succeeded") || str_eq(phase, "Failed");
    bool mirror = object_annotation(pod, POD_MIRROR); /* its node takes no notice of it */
    if (str_empty(value_get_str(spec, "nodeName")) || over || mirror)
        return 0;
    if (wanted < 0)
        wanted = value_get_int(spec, "terminationGracePeriodSeconds", 30);
    return wanted < 0 ? 1 : wanted;
}

/* ---- Namespace ---- */

static void namespace_born(struct value *ns)
{
    struct value *finalizers = value_new_list();
    value_append(finalizers, value_new_str("kubernetes"));
    value_set(value_make_map(ns, "spec", NULL), "finalizers", finalizers);
    value_set_str(value_make_map(ns, "metadata", "labels", NULL), "kubernetes.io/metadata.name",
                  object_name(ns));
    struct value *status = value_set(ns, "status", value_new_map());
    value_set_str(status, "phase", "Active");
}

/* ---- User ---- */

/* While certificates in its name may hold, its name is not free, and it is known that it is gone.
 */
static void user_born(struct value *user)
{
    struct value *finalizers = value_new_list();
    value_append(finalizers, value_new_str("limpet.io/certificates"));
    value_set(value_make_map(user, "metadata", NULL), "finalizers", finalizers);
}

static const struct strategy strategies[] = {
    {&kind_pod, false, true, pod_born, pod_grace, pod_ready_keep},
    {&kind_node, true, false, NULL, NULL},
    {&kind_namespace, false, false, namespace_born, NULL},
    {&kind_config_map, false, true, NULL, NULL},
    {&kind_user, false, false, user_born, NULL},
    {&kind_secret, false, true, NULL, NULL},
    {&kind_persistent_volume_claim, .travels = true},
    {&kind_persistent_volume, .travels = true},
    {&kind_service, .keep = service_keep},
};

static const struct strategy *find(const struct schema_kind *kind)
{
    static const struct strategy none;
    for (size_t i = 0; i < ARRAY_LEN(strategies); i++)
        if (strategies[i].kind == form_stored(kind))
            return &strategies[i];
    return &none;
}

/* The status that the defaults of its table make of none. */
static void give_status(const struct schema_kind *kind, struct value *object)
{
    const struct schema_field *field = schema_field_find(kind->type, "status");
    cleanup(value_free) struct value *status = value_new_map();
    value_del(object, "status");
    if (!field || field->shape != SCHEMA_OBJECT)
        return;
    schema_default_type(field->object, status);
    if (value_len(status) > 0)
        value_set(object, "status", steal(status));
}

void strategy_born(const struct schema_kind *kind, struct value *object)
{
    const struct strategy *strategy = find(kind);
    if (!strategy->keep_status && schema_status_apart(kind))
        give_status(kind, object);
    if (kind->born)
        kind->born(object);
    if (strategy->born)
        strategy->born(object);
}

void strategy_keep(const struct schema_kind *kind, const struct value *stored, struct value *object)
{
    const struct strategy *strategy = find(kind);
    if (strategy->keep)
        strategy->keep(stored, object);
}

bool strategy_keeps_status(const struct schema_kind *kind)
{
    return find(kind)->keep_status;
}

int64_t strategy_grace(const struct schema_kind *kind, const struct value *object, int64_t wanted)
{
    const struct strategy *strategy = find(kind);
    return strategy->grace ? strategy->grace(object, wanted) : 0;
}

bool strategy_travels(const struct schema_kind *kind)
{
    return find(kind)->travels;
}
