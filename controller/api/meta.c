#include "controller/api/meta.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static const char *const server_fields[] = {
    "uid", "creationTimestamp", "generation", "deletionTimestamp", "deletionGracePeriodSeconds",
};

struct value *meta_of(struct value *object)
{
    return value_make_map(object, "metadata", NULL);
}

void meta_set_revision(struct value *object, int64_t revision)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, revision);
    value_set_str(meta_of(object), "resourceVersion", text);
}

void meta_strip_revision(struct value *object)
{
    value_del(meta_of(object), "resourceVersion");
}

int meta_parse_revision(const char *text, int64_t *ret)
{
    int64_t revision = 0;
    if (!str_empty(text) && (str_to_i64(text, &revision) != 0 || revision < 0))
        return -EINVAL;
    *ret = revision;
    return 0;
}

static void strip(struct value *meta)
{
    for (size_t i = 0; i < ARRAY_LEN(server_fields); i++)
        value_del(meta, server_fields[i]);
    value_del(meta, "resourceVersion");
    value_del(meta, "selfLink");
    value_del(meta, "managedFields");
}

void meta_born(struct value *object, struct rng *rng, int64_t now_wall_ns)
{
    struct value *meta = meta_of(object);
    strip(meta);
    char uid[37], now[CLOCK_RFC3339_LEN];
    rng_uuid(rng, uid);
    clock_format(now_wall_ns, 0, now);
    value_set_str(meta, "uid", uid);
    value_set_str(meta, "creationTimestamp", now);
    if (value_get(object, "spec"))
        value_set_int(meta, "generation", 1);
}

void meta_carry(const struct value *stored, struct value *next)
{
    struct value *meta = meta_of(next);
    strip(meta);
    const struct value *from = value_get(stored, "metadata");
    for (size_t i = 0; i < ARRAY_LEN(server_fields); i++) {
        const struct value *field = value_get(from, server_fields[i]);
        if (field)
            value_set(meta, server_fields[i], value_copy(field));
    }
    if (value_get(from, "managedFields"))
        value_set(meta, "managedFields", value_copy(value_get(from, "managedFields")));
    if (!value_get(meta, "generateName") && value_get(from, "generateName"))
        value_set(meta, "generateName", value_copy(value_get(from, "generateName")));
}

static bool is_spec_key(const char *key)
{
    return !str_eq(key, "metadata") && !str_eq(key, "status");
}

/* Every key of a that counts has an equal in b. */
static bool spec_within(const struct value *a, const struct value *b)
{
    for (size_t i = 0; i < value_len(a); i++) {
        const char *key = value_key_at(a, i);
        if (is_spec_key(key) && !value_equal(value_at(a, i), value_get(b, key)))
            return false;
    }
    return true;
}

bool meta_spec_differs(const struct value *a, const struct value *b)
{
    return !spec_within(a, b) || !spec_within(b, a);
}

void meta_bump_generation(struct value *object)
{
    struct value *meta = meta_of(object);
    if (value_get(object, "spec"))
        value_set_int(meta, "generation", value_get_int(meta, "generation", 0) + 1);
}

char *meta_generate_name(const char *base, struct rng *rng)
{
    /* No vowels, so that no words come out. */
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    char suffix[6] = {0};
    for (size_t i = 0; i < 5; i++)
        suffix[i] = alphabet[rng_below(rng, sizeof(alphabet) - 1)];
    return xasprintf("%.58s%s", base, suffix);
}

bool meta_is_deleting(const struct value *object)
{
    return value_type(value_path(object, "metadata", "deletionTimestamp", NULL)) == VALUE_STRING;
}

bool meta_has_finalizers(const struct value *object)
{
    return value_len(value_path(object, "metadata", "finalizers", NULL)) > 0;
}

void meta_mark_deleted(struct value *object, int64_t now_wall_ns, int64_t grace_s)
{
    char when[CLOCK_RFC3339_LEN];
    clock_format(now_wall_ns + grace_s * NS_PER_S, 0, when);
    struct value *meta = meta_of(object);
    value_set_str(meta, "deletionTimestamp", when);
    value_set_int(meta, "deletionGracePeriodSeconds", grace_s);
}
