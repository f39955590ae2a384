#include "controller/sched/claim.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/claim_words.h"
#include "common/kinds/kinds.h"
#include "common/kinds/label_selector.h"

#include <stdlib.h>

static char *copy_str(const char *s)
{
    return xstrdup(s ? s : "");
}

static struct value *copy_map(const struct value *map)
{
    return value_type(map) == VALUE_MAP && value_len(map) > 0 ? value_copy(map) : NULL;
}

static unsigned modes_of(const struct value *list)
{
    static const struct {
        const char *name;
        unsigned bit;
    } modes[] = {{"ReadWriteOnce", CLAIM_MODE_RWO},
                 {"ReadOnlyMany", CLAIM_MODE_ROX},
                 {"ReadWriteMany", CLAIM_MODE_RWX},
                 {"ReadWriteOncePod", CLAIM_MODE_RWOP}};
    unsigned bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++)
        if (value_has_str(list, modes[i].name))
            bits |= modes[i].bit;
    return bits;
}

static void terms_read(struct claim_terms *ret, const struct value *object,
                       const struct value *storage)
{
    const struct value *spec = value_get(object, "spec");
    const char *old = object_annotation(object, CLAIM_OLD_CLASS);
    ret->class = copy_str(old ? old : value_get_str(spec, "storageClassName"));
    ret->modes = modes_of(value_get(spec, "accessModes"));
    ret->block = str_eq(value_get_str(spec, "volumeMode"), "Block");
    if (quantity_of(storage, &ret->size) < 0)
        ret->size = (struct quantity){0};
}

static bool is_deleting(const struct value *object)
{
    return value_path(object, "metadata", "deletionTimestamp", NULL) != NULL;
}

void claim_read(struct claim_view *ret, const struct value *claim)
{
    const struct value *spec = value_get(claim, "spec");
    *ret = (struct claim_view){
        .selector = copy_map(value_get(spec, "selector")),
        .volume = copy_str(value_get_str(spec, "volumeName")),
        .node = copy_str(object_annotation(claim, CLAIM_SELECTED_NODE)),
        .bound = object_annotation(claim, CLAIM_BIND_COMPLETED) != NULL,
        .deleting = is_deleting(claim),
        .sourced = value_type(value_get(spec, "dataSource")) == VALUE_MAP ||
                   value_type(value_get(spec, "dataSourceRef")) == VALUE_MAP,
    };
    terms_read(&ret->terms, claim, value_path(spec, "resources", "requests", "storage", NULL));
}

void claim_done(struct claim_view *claim)
{
    free(claim->terms.class);
    value_free(claim->selector);
    free(claim->volume);
    free(claim->node);
    *claim = (struct claim_view){0};
}

void volume_read(struct volume_view *ret, const struct value *volume)
{
    const struct value *spec = value_get(volume, "spec"), *ref = value_get(spec, "claimRef");
    const char *ns = value_get_str(ref, "namespace"), *name = value_get_str(ref, "name");
    *ret = (struct volume_view){
        .name = copy_str(object_name(volume)),
        .labels = copy_map(value_path(volume, "metadata", "labels", NULL)),
        .affinity = copy_map(value_path(spec, "nodeAffinity", "required", NULL)),
        .claim = value_type(ref) == VALUE_MAP ? xasprintf("%s/%s", ns ? ns : "", name ? name : "")
                                              : xstrdup(""),
        .claim_uid = copy_str(value_get_str(ref, "uid")),
        .deleting = is_deleting(volume),
    };
    terms_read(&ret->terms, volume, value_path(spec, "capacity", "storage", NULL));
}

void volume_done(struct volume_view *volume)
{
    free(volume->terms.class);
    free(volume->name);
    value_free(volume->labels);
    value_free(volume->affinity);
    free(volume->claim);
    free(volume->claim_uid);
    *volume = (struct volume_view){0};
}

const char *volume_kept_misfit(const struct volume_view *volume, const struct claim_view *claim)
{
    if (volume->deleting)
        return "the volume is marked for deletion";
    if (quantity_compare(&volume->terms.size, &claim->terms.size) < 0)
        return "requested PV is too small";
    return volume->terms.block != claim->terms.block ? "incompatible volumeMode" : NULL;
}

const char *volume_misfit(const struct volume_view *volume, const struct claim_view *claim)
{
    const char *misfit = volume_kept_misfit(volume, claim);
    if (misfit)
        return misfit;
    if (!str_eq(volume->terms.class, claim->terms.class))
        return "storageClassName does not match";
    return claim->terms.modes & ~volume->terms.modes ? "incompatible accessMode" : NULL;
}

bool volume_fits(const struct volume_view *volume, const struct claim_view *claim)
{
    return !*volume->claim && !volume->taken && !volume_misfit(volume, claim) &&
           (!claim->selector || label_selector_matches(claim->selector, volume->labels));
}

bool volume_is_for(const struct volume_view *volume, const char *claim, const char *uid)
{
    return str_eq(volume->claim, claim) &&
           (!*volume->claim_uid || str_eq(volume->claim_uid, uid) || WEAKENED(VOLUME_UID));
}

static bool same_value(const struct value *a, const struct value *b)
{
    return a == b || (a && b && value_equal(a, b));
}

bool volume_same(const struct volume_view *a, const struct volume_view *b)
{
    const struct claim_terms *x = &a->terms, *y = &b->terms;
    return str_eq(x->class, y->class) && x->modes == y->modes && x->block == y->block &&
           quantity_compare(&x->size, &y->size) == 0 && a->deleting == b->deleting &&
           str_eq(a->claim, b->claim) && str_eq(a->claim_uid, b->claim_uid) &&
           same_value(a->labels, b->labels) && same_value(a->affinity, b->affinity);
}
