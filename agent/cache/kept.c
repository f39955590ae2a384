#include "agent/cache/kept.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define HEAD "limpet kept 1 "
#define NOTHING "-" /* for the digest of a path that was not listed */

void kept_init(struct kept *kept)
{
    *kept = (struct kept){0};
}

void kept_done(struct kept *kept)
{
    for (size_t i = 0; i < kept->count; i++)
        free(kept->entries[i].path);
    free(kept->entries);
    kept_init(kept);
}

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct kept_entry *)a)->path, ((const struct kept_entry *)b)->path);
}

const struct kept_entry *kept_find(const struct kept *kept, const char *path)
{
    const struct kept_entry key = {.path = (char *)path};
    return kept->count ? bsearch(&key, kept->entries, kept->count, sizeof(key), by_path) : NULL;
}

bool kept_has_digest(const struct kept *kept, const char *digest)
{
    for (size_t i = 0; i < kept->count; i++)
        if (str_eq(kept->entries[i].digest, digest))
            return true;
    return false;
}

static void add(struct kept *kept, const char *path, const char *digest, const char *instead)
{
    if ((kept->count & (kept->count - 1)) == 0)
        kept->entries =
            xreallocarray(kept->entries, kept->count ? 2 * kept->count : 1, sizeof(*kept->entries));
    struct kept_entry *entry = &kept->entries[kept->count++];
    *entry = (struct kept_entry){.path = xstrdup(path)};
    snprintf(entry->digest, sizeof(entry->digest), "%s", digest);
    snprintf(entry->instead, sizeof(entry->instead), "%s", instead);
}

static const char *said_of(const struct index *index, const char *path)
{
    const struct index_entry *entry = index_find(index, path);
    return entry ? entry->digest : "";
}

static void keep(struct kept *ret, const char *path, const char *digest, const struct index *next)
{
    const char *instead = said_of(next, path);
    if (!str_eq(instead, digest))
        add(ret, path, digest, instead);
}

void kept_gather(const struct index *now, const struct kept *beside, const struct index *next,
                 struct kept *ret)
{
    kept_done(ret);
    ret->epoch = next->epoch;
    for (size_t i = 0; i < now->count; i++)
        if (!kept_find(beside, now->entries[i].path))
            keep(ret, now->entries[i].path, now->entries[i].digest, next);
    for (size_t i = 0; i < beside->count; i++)
        keep(ret, beside->entries[i].path, beside->entries[i].digest, next);
    if (ret->count > 1)
        qsort(ret->entries, ret->count, sizeof(*ret->entries), by_path);
}

bool kept_prune(struct kept *kept, const struct index *index)
{
    size_t left = 0, before = kept->count;
    for (size_t i = 0; i < before; i++) {
        struct kept_entry *entry = &kept->entries[i];
        if (str_eq(said_of(index, entry->path), entry->instead))
            kept->entries[left++] = *entry;
        else
            free(entry->path);
    }
    kept->count = left;
    return left < before;
}

void kept_write(const struct kept *kept, struct buf *ret)
{
    char sum[SHA256_HEX + 1];
    size_t begin = ret->len;
    (void)buf_addf(ret, HEAD "%llu\n", (unsigned long long)kept->epoch);
    for (size_t i = 0; i < kept->count; i++) {
        const struct kept_entry *entry = &kept->entries[i];
        (void)buf_addf(ret, "%s %s %s\n", entry->digest, *entry->instead ? entry->instead : NOTHING,
                       entry->path);
    }
    sha256_hex(ret->data + begin, ret->len - begin, sum);
    (void)buf_addf(ret, "%s\n", sum);
}

static bool is_digest(const char *text)
{
    return strlen(text) == SHA256_HEX && strspn(text, "0123456789abcdef") == SHA256_HEX;
}

/* "<digest> <digest or -> <path>" */
static bool read_line(char *line, struct kept *ret)
{
    char *digest = strsep(&line, " "), *instead = line ? strsep(&line, " ") : NULL;
    if (!line || !*line || !is_digest(digest) || (!is_digest(instead) && !str_eq(instead, NOTHING)))
        return false;
    add(ret, line, digest, str_eq(instead, NOTHING) ? "" : instead);
    return ret->count < 2 ||
           by_path(&ret->entries[ret->count - 2], &ret->entries[ret->count - 1]) < 0;
}

int kept_read(const char *text, size_t len, struct kept *ret, struct err *err)
{
    char sum[SHA256_HEX + 1];
    cleanup(kept_done) struct kept kept;
    kept_init(&kept);
    if (len < SHA256_HEX + 1 || text[len - 1] != '\n')
        return err_set(err, -EBADMSG, "what is kept: cut short");
    size_t body = len - SHA256_HEX - 1;
    sha256_hex(text, body, sum);
    if (memcmp(sum, text + body, SHA256_HEX) != 0 || memchr(text, 0, body))
        return err_set(err, -EBADMSG, "what is kept: fails its checksum");
    autofree char *copy = xstrndup(text, body);
    char *rest = copy, *line = strsep(&rest, "\n");
    if (!str_has_prefix(line, HEAD))
        return err_set(err, -EBADMSG, "what is kept: of another version");
    kept.epoch = strtoull(line + strlen(HEAD), NULL, 10);
    while ((line = strsep(&rest, "\n")) && (*line || rest))
        if (!read_line(line, &kept))
            return err_set(err, -EBADMSG, "what is kept: not valid");
    kept_done(ret);
    *ret = kept;
    kept_init(&kept);
    return 0;
}
