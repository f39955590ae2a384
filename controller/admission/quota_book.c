#include "controller/admission/quota_book.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stdlib.h>

struct quota {
    struct value *spec;
    struct amounts hard, used;
    bool changed;
};

/* An object: as it is stored, and as its write would make it. */
struct entry {
    struct quota_usage *now, *coming; /* NULL: none */
};

struct quota_book {
    struct map *quotas;  /* name -> struct quota */
    struct map *entries; /* key -> struct entry */
};

static void usage_free(struct quota_usage *usage)
{
    if (usage)
        quota_usage_done(usage);
    free(usage);
}

static void quota_free(void *p)
{
    struct quota *quota = p;
    value_free(quota->spec);
    amounts_done(&quota->hard);
    amounts_done(&quota->used);
    free(quota);
}

static void entry_free(void *p)
{
    struct entry *entry = p;
    usage_free(entry->now);
    usage_free(entry->coming);
    free(entry);
}

struct quota_book *quota_book_new(void)
{
    struct quota_book *book = xcalloc(1, sizeof(*book));
    book->quotas = map_new();
    book->entries = map_new();
    return book;
}

void quota_book_free(struct quota_book *book)
{
    if (!book)
        return;
    map_free(book->quotas, quota_free);
    map_free(book->entries, entry_free);
    free(book);
}

/* ---- reckoning ---- */

/* Of what the quota limits. */
static void raise_limited(const struct quota *quota, const struct quota_usage *usage,
                          struct amounts *ret)
{
    const char *name;
    const struct quantity *quantity, *taken;
    if (!usage || !quota_matches(quota->spec, usage))
        return;
    for (size_t i = 0; amounts_next(&quota->hard, &i, &name, &quantity);)
        if ((taken = amounts_get(&usage->amounts, name)))
            amounts_raise(ret, name, taken);
}

/* What an object takes of a quota while a write may go either way: the more of both. */
static void entry_takes(const struct quota *quota, const struct entry *entry, struct amounts *ret)
{
    raise_limited(quota, entry->now, ret);
    raise_limited(quota, entry->coming, ret);
}

static void count(struct quota *quota, const struct entry *entry, int times)
{
    cleanup(amounts_done) struct amounts taken = {0};
    entry_takes(quota, entry, &taken);
    if (taken.map)
        quota->changed = true;
    amounts_add_all(&quota->used, &taken, times);
}

static void count_all(struct quota_book *book, const struct entry *entry, int times)
{
    void *quota;
    for (size_t i = 0; map_next(book->quotas, &i, NULL, &quota);)
        count(quota, entry, times);
}

/* ---- quotas ---- */

bool quota_book_set(struct quota_book *book, const char *name, const struct value *spec)
{
    struct quota *old = map_get(book->quotas, name);
    const struct value *hard = value_get(spec, "hard");
    struct quantity quantity;
    void *entry;
    if (old && value_equal(old->spec, spec))
        return false;
    struct quota *quota = xcalloc(1, sizeof(*quota));
    quota->spec = value_copy(spec);
    quota->changed = true;
    for (size_t i = 0; i < value_len(hard); i++)
        if (value_key_at(hard, i) && quantity_of(value_at(hard, i), &quantity) == 0)
            amounts_set(&quota->hard, value_key_at(hard, i), &quantity);
    for (size_t i = 0; map_next(book->entries, &i, NULL, &entry);)
        count(quota, entry, 1);
    old = map_put(book->quotas, name, quota);
    if (old)
        quota_free(old);
    return true;
}

void quota_book_drop(struct quota_book *book, const char *name)
{
    struct quota *quota = map_del(book->quotas, name);
    if (quota)
        quota_free(quota);
}

size_t quota_book_count(const struct quota_book *book)
{
    return map_len(book->quotas);
}

bool quota_book_concerns(const struct quota_book *book, const struct schema_kind *kind)
{
    void *value;
    const char *name;
    const struct quantity *quantity;
    for (size_t i = 0; map_next(book->quotas, &i, NULL, &value);) {
        const struct quota *quota = value;
        for (size_t n = 0; amounts_next(&quota->hard, &n, &name, &quantity);)
            if (quota_concerns(name, kind))
                return true;
    }
    return false;
}

bool quota_book_next(const struct quota_book *book, size_t *cursor, const char **ret_name,
                     const struct value **ret_spec)
{
    void *quota;
    if (!map_next(book->quotas, cursor, ret_name, &quota))
        return false;
    *ret_spec = ((const struct quota *)quota)->spec;
    return true;
}

const struct value *quota_book_spec(const struct quota_book *book, const char *name)
{
    const struct quota *quota = map_get(book->quotas, name);
    return quota ? quota->spec : NULL;
}

struct value *quota_book_used(const struct quota_book *book, const char *name)
{
    static const struct quantity nothing;
    const struct quota *quota = map_get(book->quotas, name);
    struct value *used = value_new_map();
    const char *resource;
    const struct quantity *limit;
    for (size_t i = 0; quota && amounts_next(&quota->hard, &i, &resource, &limit);) {
        const struct quantity *taken = amounts_get(&quota->used, resource);
        char text[64];
        quantity_format(taken ? taken : &nothing, text);
        value_set_str(used, resource, text);
    }
    return used;
}

void quota_book_changed(struct quota_book *book, void (*fn)(void *ctx, const char *name), void *ctx)
{
    const char *name;
    void *value;
    for (size_t i = 0; map_next(book->quotas, &i, &name, &value);) {
        struct quota *quota = value;
        bool changed = quota->changed;
        quota->changed = false;
        if (changed)
            fn(ctx, name);
    }
}

/* ---- objects ---- */

static struct quota_usage *usage_take(struct quota_usage *usage)
{
    struct quota_usage *taken = usage ? xmemdup(usage, sizeof(*usage)) : NULL;
    if (usage)
        *usage = (struct quota_usage){0};
    return taken;
}

/* What the entry becomes; both are taken over. */
static void change(struct quota_book *book, const char *key, struct quota_usage *now,
                   struct quota_usage *coming)
{
    struct entry *entry = map_get(book->entries, key);
    if (!entry) {
        entry = xcalloc(1, sizeof(*entry));
        (void)map_put(book->entries, key, entry);
    }
    count_all(book, entry, -1);
    if (now != entry->now)
        usage_free(entry->now);
    usage_free(entry->coming);
    entry->now = now;
    entry->coming = coming;
    count_all(book, entry, 1);
    if (!now && !coming)
        entry_free(map_del(book->entries, key));
}

void quota_book_put(struct quota_book *book, const char *key, struct quota_usage *usage)
{
    change(book, key, usage_take(usage), NULL);
}

void quota_book_cancel(struct quota_book *book, const char *key)
{
    const struct entry *entry = map_get(book->entries, key);
    if (entry && entry->coming && !WEAKENED(QUOTA_GIVEN_BACK))
        change(book, key, entry->now, NULL);
}

void quota_book_hold(struct quota_book *book, const char *key, struct quota_usage *usage)
{
    const struct entry *entry = map_get(book->entries, key);
    change(book, key, entry ? entry->now : NULL, usage_take(usage));
}

/* What is asked of one quota beyond what the object takes already, where that is too much. */
static bool fits(const struct quota *quota, const struct entry *entry,
                 const struct quota_usage *usage, struct amounts *ret_asked,
                 struct amounts *ret_used, struct amounts *ret_hard)
{
    static const struct quantity nothing;
    cleanup(amounts_done) struct amounts before = {0}, asked = {0};
    const char *name;
    const struct quantity *quantity;
    bool good = true;
    if (entry)
        raise_limited(quota, entry->now, &before);
    raise_limited(quota, usage, &asked);
    amounts_add_all(&asked, &before, -1);
    for (size_t i = 0; amounts_next(&asked, &i, &name, &quantity);) {
        const struct quantity *hard = amounts_get(&quota->hard, name);
        const struct quantity *used = amounts_get(&quota->used, name);
        cleanup(amounts_done) struct amounts sum = {0};
        amounts_set(&sum, name, used ? used : &nothing);
        amounts_add(&sum, name, quantity, 1);
        if (quantity_compare(quantity, &nothing) <= 0 ||
            quantity_compare(amounts_get(&sum, name), hard) <= 0)
            continue;
        good = false;
        amounts_set(ret_asked, name, quantity);
        amounts_set(ret_used, name, used ? used : &nothing);
        amounts_set(ret_hard, name, hard);
    }
    return good;
}

bool quota_book_allows(const struct quota_book *book, const char *key,
                       const struct quota_usage *usage, struct buf *ret)
{
    const struct entry *entry = map_get(book->entries, key);
    const char *name;
    void *quota;
    for (size_t i = 0; map_next(book->quotas, &i, &name, &quota);) {
        cleanup(amounts_done) struct amounts asked = {0}, used = {0}, hard = {0};
        if (fits(quota, entry, usage, &asked, &used, &hard) || WEAKENED(QUOTA_LIMIT))
            continue;
        (void)buf_addf(ret, "exceeded quota: %s, requested: ", name);
        amounts_print(&asked, ret);
        (void)buf_addstr(ret, ", used: ");
        amounts_print(&used, ret);
        (void)buf_addstr(ret, ", limited: ");
        amounts_print(&hard, ret);
        return false;
    }
    return true;
}
