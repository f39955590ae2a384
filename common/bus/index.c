#include "common/bus/index.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#define POLICY_KEEP "keep" /* what a node does with an index that grew old: it keeps running it */

struct flag_name {
    const char *name;
    unsigned flag;
};
/* Flags change what an index means: a node refuses one that it does not know. */
static const struct flag_name flag_names[] = {{"adopt", INDEX_FLAG_ADOPT}};

void index_init(struct index *index)
{
    *index = (struct index){0};
}

void index_done(struct index *index)
{
    for (size_t i = 0; i < index->count; i++)
        free(index->entries[i].path);
    free(index->entries);
    index_init(index);
}

/* The array is always as long as the next power of two: its room follows from the count alone. */
static size_t room_for(size_t count)
{
    size_t room = 1;

    while (room < count)
        room *= 2;
    return room;
}

void index_copy(const struct index *index, struct index *ret)
{
    struct index copy = *index;

    copy.entries = xcalloc(room_for(index->count), sizeof(*copy.entries));
    for (size_t i = 0; i < index->count; i++) {
        copy.entries[i] = index->entries[i];
        copy.entries[i].path = xstrdup(index->entries[i].path);
    }
    index_done(ret);
    *ret = copy;
}

/* Where `path` is or belongs. */
static size_t position(const struct index *index, const char *path, bool *ret_found)
{
    size_t low = 0, high = index->count;

    *ret_found = false;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int cmp = strcmp(index->entries[mid].path, path);

        if (cmp == 0) {
            *ret_found = true;
            return mid;
        }
        if (cmp < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool digest_valid(const char *digest)
{
    return digest && strlen(digest) == SHA256_HEX &&
           strspn(digest, "0123456789abcdef") == SHA256_HEX;
}

static void insert_at(struct index *index, size_t at, const char *path, const char *digest)
{
    if (!index->entries || room_for(index->count + 1) > room_for(index->count))
        index->entries =
            xreallocarray(index->entries, room_for(index->count + 1), sizeof(*index->entries));
    memmove(index->entries + at + 1, index->entries + at,
            (index->count - at) * sizeof(*index->entries));
    index->entries[at].path = xstrdup(path);
    memcpy(index->entries[at].digest, digest, SHA256_HEX + 1);
    index->count++;
}

int index_put(struct index *index, const char *path, const char *digest, struct err *err)
{
    bool found;

    if (!topic_path_valid(path) || !digest_valid(digest))
        return err_set(err, -EINVAL, "index: the path or digest of an entry is not valid");
    size_t at = position(index, path, &found);
    if (found) {
        memcpy(index->entries[at].digest, digest, SHA256_HEX + 1);
        return 0;
    }
    if (index->count >= INDEX_MAX_ENTRIES)
        return err_set(err, -E2BIG, "index: more than %d manifests on one node", INDEX_MAX_ENTRIES);
    insert_at(index, at, path, digest);
    return 0;
}

void index_del(struct index *index, const char *path)
{
    bool found;
    size_t at = position(index, path, &found);

    if (!found)
        return;
    free(index->entries[at].path);
    memmove(index->entries + at, index->entries + at + 1,
            (index->count - at - 1) * sizeof(*index->entries));
    index->count--;
    index->entries = xreallocarray(index->entries, room_for(index->count), sizeof(*index->entries));
}

const struct index_entry *index_find(const struct index *index, const char *path)
{
    bool found;
    size_t at = position(index, path, &found);

    return found ? &index->entries[at] : NULL;
}

static int check_head(const struct index *index, struct err *err)
{
    if (!topic_node_valid(index->node))
        return err_set(err, -EINVAL, "index: the node id is not valid");
    if (index->epoch < 1 || index->epoch > INDEX_MAX_NUMBER || index->generation < 1 ||
        index->generation > INDEX_MAX_NUMBER)
        return err_set(err, -EINVAL, "index: epoch and generation must be 1 to 2^53-1");
    if (!digest_valid(index->kid))
        return err_set(err, -EINVAL, "index: the key id is not valid");
    return 0;
}

/* No value needs escaping: all are checked to be of harmless characters. */
static int write_body(const struct index *index, struct buf *ret)
{
    char when[CLOCK_RFC3339_LEN];
    const char *sep = "";

    clock_format(index->time_ns, 0, when);
    int rc = buf_addf(ret,
                      "{\"v\":%d,\"node\":\"%s\",\"epoch\":%llu,\"generation\":%llu,"
                      "\"time\":\"%s\",\"expiry\":{\"policy\":\"" POLICY_KEEP "\"},\"flags\":[",
                      INDEX_VERSION, index->node, (unsigned long long)index->epoch,
                      (unsigned long long)index->generation, when);
    for (size_t i = 0; i < ARRAY_LEN(flag_names) && rc == 0; i++) {
        if (!(index->flags & flag_names[i].flag))
            continue;
        rc = buf_addf(ret, "%s\"%s\"", sep, flag_names[i].name);
        sep = ",";
    }
    if (rc == 0)
        rc = buf_addstr(ret, "],\"manifests\":[");
    for (size_t i = 0; i < index->count && rc == 0; i++)
        rc = buf_addf(ret, "%s[\"%s\",\"%s\"]", i ? "," : "", index->entries[i].path,
                      index->entries[i].digest);
    return rc < 0 ? rc : buf_addf(ret, "],\"kid\":\"%s\"}", index->kid);
}

int index_write(struct index *index, struct buf *ret, struct err *err)
{
    cleanup(buf_done) struct buf body;
    int rc = check_head(index, err);

    if (rc < 0)
        return rc;
    buf_init(&body, INDEX_MAX_BODY);
    if (write_body(index, &body) < 0 || buf_add(ret, body.data, body.len) < 0)
        return err_set(err, -E2BIG, "index of %s: larger than %d bytes", index->node,
                       INDEX_MAX_BODY);
    proof_leaf(body.data, body.len, index->leaf);
    return 0;
}

int index_payload(const struct buf *body, const struct proof *proof, struct buf *ret)
{
    int rc = buf_add(ret, body->data, body->len);

    if (rc == 0)
        rc = buf_addc(ret, '\n');
    if (rc == 0)
        rc = proof_write(proof, ret);
    return rc < 0 ? rc : buf_addc(ret, '\n');
}

int index_sign(struct index *index, const struct key *key, struct buf *ret_payload, struct err *err)
{
    cleanup(buf_done) struct buf body;
    struct proof proof;
    int rc = key_id(key, index->kid, err);

    buf_init(&body, 0);
    if (rc == 0)
        rc = index_write(index, &body, err);
    if (rc == 0)
        rc = proof_sign(key, (const uint8_t(*)[SHA256_LEN])index->leaf, 1, &proof, err);
    if (rc < 0)
        return rc;
    if (index_payload(&body, &proof, ret_payload) < 0)
        return err_set(err, -E2BIG, "index of %s: the payload is too large", index->node);
    return 0;
}

/* Two lines, each with its newline, and nothing else. */
static int split_lines(const char *text, size_t len, size_t *ret_body, struct err *err)
{
    const char *nl = len ? memchr(text, '\n', len) : NULL;

    if (len > INDEX_MAX_PAYLOAD)
        return err_set(err, -E2BIG, "index: %zu bytes are more than %d", len, INDEX_MAX_PAYLOAD);
    if (len == 0)
        return err_set(err, -EBADMSG, "index: empty");
    if (!nl || memchr(nl + 1, '\n', len - (size_t)(nl + 1 - text)) != text + len - 1)
        return err_set(err, -EBADMSG, "index: not two lines");
    *ret_body = (size_t)(nl - text);
    return *ret_body > INDEX_MAX_BODY ? err_set(err, -E2BIG, "index: the body is too large") : 0;
}

static int check_signature(const struct index_trust *trust, const uint8_t leaf[SHA256_LEN],
                           const struct proof *proof, const struct key **ret_key, struct err *err)
{
    int rc = err_set(err, -EBADMSG, "index: no signing key is pinned");

    for (size_t i = 0; i < trust->count && rc < 0; i++) {
        rc = proof_verify(trust->keys[i], leaf, proof, err);
        *ret_key = trust->keys[i];
    }
    return rc;
}

static int read_number(const struct value *v, const char *key, uint64_t *ret)
{
    int64_t n = value_get_int(v, key, 0);

    if (n < 1 || n > INDEX_MAX_NUMBER)
        return -EBADMSG;
    *ret = (uint64_t)n;
    return 0;
}

/* What must be understood before anything else is read. */
static int read_meaning(const struct value *v, unsigned *ret_flags, struct err *err)
{
    const struct value *flags = value_get(v, "flags");

    if (value_get_int(v, "v", 0) != INDEX_VERSION)
        return err_set(err, -ENOTSUP, "index: a format version that is not known (want %d)",
                       INDEX_VERSION);
    if (!str_eq(value_str(value_path(v, "expiry", "policy", NULL)), POLICY_KEEP))
        return err_set(err, -ENOTSUP, "index: an expiry policy that is not known");
    if (value_type(flags) != VALUE_LIST)
        return err_set(err, -EBADMSG, "index: no flags");
    for (size_t i = 0; i < value_len(flags); i++) {
        size_t f = 0;

        while (f < ARRAY_LEN(flag_names) &&
               !str_eq(value_str(value_at(flags, i)), flag_names[f].name))
            f++;
        if (f == ARRAY_LEN(flag_names))
            return err_set(err, -ENOTSUP, "index: flags[%zu] is not known", i);
        *ret_flags |= flag_names[f].flag;
    }
    return 0;
}

static int read_entries(const struct value *list, struct index *index, struct err *err)
{
    if (value_type(list) != VALUE_LIST)
        return err_set(err, -EBADMSG, "index: no manifests");
    if (value_len(list) > INDEX_MAX_ENTRIES)
        return err_set(err, -E2BIG, "index: more than %d manifests", INDEX_MAX_ENTRIES);
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        const char *path = value_str(value_at(item, 0)), *digest = value_str(value_at(item, 1));

        if (value_type(item) != VALUE_LIST || value_len(item) != 2 || !topic_path_valid(path) ||
            !digest_valid(digest))
            return err_set(err, -EBADMSG, "index: manifests[%zu] is not well formed", i);
        if (i > 0 && strcmp(index->entries[i - 1].path, path) >= 0)
            return err_set(err, -EBADMSG, "index: manifests[%zu] is doubled or not in order", i);
        insert_at(index, i, path, digest);
    }
    return 0;
}

static int read_body(const char *body, size_t len, const struct key *key, const char *node,
                     struct index *ret, struct err *err)
{
    cleanup(value_free) struct value *v = NULL;
    struct err why = {0};
    char kid[SHA256_HEX + 1];
    int rc;

    if (json_parse(body, len, &v, &why) < 0)
        return err_set(err, -EBADMSG, "index: %s", why.msg);
    if ((rc = read_meaning(v, &ret->flags, err)) < 0 || (rc = key_id(key, kid, err)) < 0)
        return rc;
    const char *for_node = value_get_str(v, "node"), *when = value_get_str(v, "time");
    if (!str_eq(for_node, node) && !WEAKENED(INDEX_NODE))
        return err_set(err, -EADDRNOTAVAIL, "index: addressed to another node");
    if (!str_eq(value_get_str(v, "kid"), kid) && !WEAKENED(INDEX_KEY))
        return err_set(err, -EKEYREJECTED, "index: names another key than the one that signed it");
    if (read_number(v, "epoch", &ret->epoch) < 0 ||
        read_number(v, "generation", &ret->generation) < 0 || !topic_node_valid(for_node))
        return err_set(err, -EBADMSG, "index: epoch, generation or node is not valid");
    if (!when || clock_parse(when, &ret->time_ns) < 0)
        return err_set(err, -EBADMSG, "index: the time is not valid");
    snprintf(ret->node, sizeof(ret->node), "%s", for_node);
    memcpy(ret->kid, kid, sizeof(kid));
    return read_entries(value_get(v, "manifests"), ret, err);
}

int index_open(const void *payload, size_t len, const struct index_trust *trust, const char *node,
               struct index *ret, struct err *err)
{
    cleanup(index_done) struct index index = {0};
    const struct key *key = NULL;
    const char *text = payload;
    struct proof proof;
    size_t body = 0;
    int rc = split_lines(text, len, &body, err);

    /* The signature is over bytes: nothing of the body is parsed before it has verified. */
    if (rc == 0)
        rc = proof_parse(text + body + 1, len - body - 2, &proof, err);
    if (rc < 0)
        return rc;
    proof_leaf(text, body, index.leaf);
    rc = check_signature(trust, index.leaf, &proof, &key, err);
    if (rc == 0)
        rc = read_body(text, body, key, node, &index, err);
    if (rc < 0)
        return rc;
    index_done(ret);
    *ret = index;
    index_init(&index);
    return 0;
}

enum index_verdict index_accept(const struct index *current, const struct index *candidate,
                                struct err *err)
{
    const struct index *c = candidate;

    if (!current)
        return INDEX_ACCEPT;
    if ((c->epoch < current->epoch ||
         (c->epoch == current->epoch && c->generation < current->generation)) &&
        !WEAKENED(INDEX_OLDER)) {
        err_set(err, -ESTALE, "index %llu.%llu is older than %llu.%llu, which is in force",
                (unsigned long long)c->epoch, (unsigned long long)c->generation,
                (unsigned long long)current->epoch, (unsigned long long)current->generation);
        return INDEX_OLDER;
    }
    if (c->epoch != current->epoch || c->generation != current->generation)
        return INDEX_ACCEPT;
    if (crypto_equal(c->leaf, current->leaf, SHA256_LEN)) {
        err_set(err, -EALREADY, "index %llu.%llu is in force", (unsigned long long)c->epoch,
                (unsigned long long)c->generation);
        return INDEX_SAME;
    }
    if (WEAKENED(INDEX_TWIN))
        return INDEX_ACCEPT;
    err_set(err, -EBADMSG, "index %llu.%llu differs from the one of that number in force",
            (unsigned long long)c->epoch, (unsigned long long)c->generation);
    return INDEX_REFUSED;
}
