#include "common/bus/topic.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <stdio.h>

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define NODE_HASH_LEN 8

/* Levels after TOPIC_ROOT. "%x" stands for a level that the field with that letter fills. */
static const char *const templates[TOPIC_TYPE_COUNT] = {
    [TOPIC_DESIRED] = "nodes/%n/down/desired", [TOPIC_MANIFEST] = "nodes/%n/down/%k/%s/%a/%d",
    [TOPIC_DELTA] = "nodes/%n/down/delta",     [TOPIC_LEASE] = "nodes/%n/down/lease",
    [TOPIC_TIME] = "nodes/%n/down/time",       [TOPIC_RPC_DOWN] = "nodes/%n/down/rpc/%i",
    [TOPIC_ONLINE] = "nodes/%n/up/online",     [TOPIC_BEAT] = "nodes/%n/up/beat",
    [TOPIC_STATUS] = "nodes/%n/up/status/%i",  [TOPIC_EVENTS] = "nodes/%n/up/events",
    [TOPIC_RPC_UP] = "nodes/%n/up/rpc/%i",     [TOPIC_ENROLL_REQUEST] = "enroll/%t/request",
    [TOPIC_ENROLL_REPLY] = "enroll/%t/reply",  [TOPIC_RENEW_REQUEST] = "renew/%n/request",
    [TOPIC_RENEW_REPLY] = "renew/%n/reply",    [TOPIC_APPLY] = "users/%u/apply",
    [TOPIC_DELETE] = "users/%u/delete",        [TOPIC_REPLY] = "users/%u/reply",
    [TOPIC_STATE] = "state/%k/%s/%a",
};

/* 1 to max bytes, the first of `first`, the rest of `set`. */
static bool in_set(const char *s, size_t max, const char *first, const char *set)
{
    size_t len = strnlen(s, max + 1);

    return len >= 1 && len <= max && strchr(first, s[0]) && strspn(s, set) == len;
}

/* RFC 1123: labels of [a-z0-9-], not beginning or ending with '-', at most 63 bytes each. */
static bool subdomain(const char *s, size_t max, bool dots)
{
    size_t label = 0;

    if (!in_set(s, max, LOWER DIGITS, LOWER DIGITS "-."))
        return false;
    for (const char *p = s;; p++) {
        if (*p && *p != '.') {
            label++;
            continue;
        }
        if (label == 0 || label > 63 || p[-1] == '-' || p[-(ptrdiff_t)label] == '-')
            return false;
        if (!*p)
            return true;
        if (!dots)
            return false;
        label = 0;
    }
}

static bool lower_hex(const char *s, size_t len)
{
    return strlen(s) == len && strspn(s, DIGITS "abcdef") == len;
}

bool topic_node_name_valid(const char *name)
{
    return name && subdomain(name, TOPIC_NODE_NAME_MAX, true);
}

/* Any string that ends as a node id does. */
static const char *node_suffix(const char *s)
{
    const char *dot = strrchr(s, '.');

    return dot && dot != s && lower_hex(dot + 1, NODE_HASH_LEN) ? dot : NULL;
}

bool topic_node_valid(const char *node)
{
    char name[TOPIC_NODE_NAME_MAX + 1];
    const char *dot;

    if (!node || strnlen(node, TOPIC_NODE_MAX + 1) > TOPIC_NODE_MAX || !(dot = node_suffix(node)))
        return false;
    snprintf(name, sizeof(name), "%.*s", (int)(dot - node), node);
    return topic_node_name_valid(name);
}

int topic_node_id(const char *name, const char *key_id, char ret[TOPIC_NODE_MAX + 1],
                  struct err *err)
{
    char id[TOPIC_NODE_MAX + 1];

    if (!topic_node_name_valid(name))
        return err_set(err, -EINVAL,
                       "node name: must be 1-%d of a-z, 0-9, '-' and '.', begin and end with a "
                       "letter or digit",
                       TOPIC_NODE_NAME_MAX);
    if (!key_id || !lower_hex(key_id, TOPIC_DIGEST_LEN))
        return err_set(err, -EINVAL, "key id: must be %d hex digits", TOPIC_DIGEST_LEN);
    snprintf(id, sizeof(id), "%s.%.*s", name, NODE_HASH_LEN, key_id);
    memcpy(ret, id, sizeof(id));
    return 0;
}

void topic_node_name(const char *node, char ret[TOPIC_NODE_NAME_MAX + 1])
{
    const char *dot = strrchr(node, '.');
    size_t len = dot ? (size_t)(dot - node) : strlen(node);

    if (len > TOPIC_NODE_NAME_MAX)
        len = TOPIC_NODE_NAME_MAX;
    memcpy(ret, node, len);
    ret[len] = '\0';
}

bool topic_user_valid(const char *user)
{
    if (!user || !in_set(user, TOPIC_USER_MAX, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._@:-"))
        return false;
    return !node_suffix(user) || WEAKENED(TOPIC_USER_AS_NODE);
}

bool topic_token_valid(const char *token_id)
{
    return token_id && in_set(token_id, 32, LOWER DIGITS, LOWER DIGITS);
}

bool topic_id_valid(const char *id)
{
    return id && in_set(id, TOPIC_ID_MAX, LOWER UPPER DIGITS "-_", LOWER UPPER DIGITS "-_");
}

/* "Pod", or with its group where two groups use one word: "Widget.example.com". */
static bool kind_valid(const char *kind)
{
    return in_set(kind, TOPIC_KIND_MAX, UPPER, LOWER UPPER DIGITS ".-");
}

static bool ns_valid(const char *ns)
{
    return strcmp(ns, TOPIC_CLUSTER) == 0 || subdomain(ns, TOPIC_NS_MAX, false);
}

/* Wider than most kinds allow (roles are called "system:node"), never more than one level. */
static bool name_valid(const char *name)
{
    return in_set(name, TOPIC_NAME_MAX, LOWER UPPER DIGITS, LOWER UPPER DIGITS "._@:-");
}

static bool digest_valid(const char *digest)
{
    return lower_hex(digest, TOPIC_DIGEST_LEN);
}

struct field {
    char letter;
    const char *name;
    size_t offset, size;
    bool (*valid)(const char *s);
};
#define FIELD(letter, name, member, valid)                                                         \
    {                                                                                              \
        letter, name, offsetof(struct topic, member), sizeof(((struct topic *)0)->member), valid   \
    }
static const struct field fields[] = {
    FIELD('n', "node", node, topic_node_valid), FIELD('u', "user", user, topic_user_valid),
    FIELD('k', "kind", kind, kind_valid),       FIELD('s', "namespace", ns, ns_valid),
    FIELD('a', "name", name, name_valid),       FIELD('d', "digest", digest, digest_valid),
    FIELD('i', "id", id, topic_id_valid),       FIELD('t', "token id", id, topic_token_valid),
};

static const struct field *field_of(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].letter == letter)
            return &fields[i];
    return NULL;
}

static int write_topic(const struct topic *topic, bool wildcards, char ret[TOPIC_MAX + 1],
                       struct err *err)
{
    char text[TOPIC_MAX + 1] = TOPIC_ROOT;
    size_t len = strlen(text);

    if (topic->type >= TOPIC_TYPE_COUNT)
        return err_set(err, -EINVAL, "topic: unknown type %d", (int)topic->type);
    /* The sum of all fields' caps is below TOPIC_MAX: nothing is ever cut. */
    for (const char *p = templates[topic->type]; *p; p++) {
        if (*p != '%') {
            text[len++] = *p;
            continue;
        }
        const struct field *f = field_of(*++p);
        const char *value = (const char *)topic + f->offset;

        if (wildcards && !*value)
            value = "+";
        else if (strnlen(value, f->size) == f->size || !f->valid(value))
            return err_set(err, -EINVAL, "topic %s: the %s is not valid", templates[topic->type],
                           f->name);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s", value);
    }
    text[len] = '\0';
    memcpy(ret, text, len + 1);
    return 0;
}

int topic_build(const struct topic *topic, char ret[TOPIC_MAX + 1], struct err *err)
{
    return write_topic(topic, false, ret, err);
}

int topic_filter(const struct topic *topic, char ret[TOPIC_MAX + 1], struct err *err)
{
    return write_topic(topic, true, ret, err);
}

static int filter_tree(const char *node, const char *tree, char ret[TOPIC_MAX + 1], struct err *err)
{
    if (strcmp(node, "+") != 0 && !topic_node_valid(node))
        return err_set(err, -EINVAL, "topic filter: the node is not valid");
    snprintf(ret, TOPIC_MAX + 1, TOPIC_ROOT "nodes/%s/%s/#", node, tree);
    return 0;
}

int topic_filter_down(const char *node, char ret[TOPIC_MAX + 1], struct err *err)
{
    return filter_tree(node, "down", ret, err);
}

int topic_filter_up(const char *node, char ret[TOPIC_MAX + 1], struct err *err)
{
    return filter_tree(node, "up", ret, err);
}

/* 0, or the name of the field that is wrong; -1 in *ret_other when the fixed levels differ. */
static bool read_template(const char *template, const char *text, struct topic *ret,
                          const char **ret_bad)
{
    while (*template && *text) {
        if (*template != '%') {
            if (*template ++ != *text++)
                return false;
            continue;
        }
        const struct field *f = field_of(template[1]);
        char *value = (char *)ret + f->offset;
        size_t len = strcspn(text, "/");

        template += 2;
        if (len >= f->size) {
            *ret_bad = f->name;
            return false;
        }
        memcpy(value, text, len);
        value[len] = '\0';
        if (!f->valid(value)) {
            *ret_bad = f->name;
            return false;
        }
        text += len;
    }
    return !*template && !*text;
}

int topic_parse(const char *text, struct topic *ret, struct err *err)
{
    const char *bad = NULL;

    if (strnlen(text, TOPIC_MAX + 1) > TOPIC_MAX)
        return err_set(err, -EINVAL, "topic: longer than %d bytes", TOPIC_MAX);
    if (!str_has_prefix(text, TOPIC_ROOT))
        return err_set(err, -EINVAL, "topic: does not begin with " TOPIC_ROOT);
    for (size_t i = 0; i < TOPIC_TYPE_COUNT; i++) {
        struct topic topic = {.type = (enum topic_type)i};

        if (read_template(templates[i], text + strlen(TOPIC_ROOT), &topic, &bad)) {
            *ret = topic;
            return 0;
        }
    }
    if (bad)
        return err_set(err, -EINVAL, "topic: the %s is not valid", bad);
    return err_set(err, -EINVAL, "topic: not one of " TOPIC_ROOT "'s");
}

int topic_parse_mounted(const char *mount, const char *text, struct topic *ret, struct err *err)
{
    char full[TOPIC_MAX + 1];

    if (str_has_prefix(text, TOPIC_ROOT) ||
        strlen(mount) + strnlen(text, TOPIC_MAX + 1) > TOPIC_MAX)
        return topic_parse(text, ret, err);
    snprintf(full, sizeof(full), "%s%s", mount, text);
    return topic_parse(full, ret, err);
}

bool topic_tree_node(const char *text, char ret[TOPIC_NODE_MAX + 1])
{
    static const char top[] = TOPIC_ROOT "nodes/";
    char node[TOPIC_NODE_MAX + 1];

    if (!str_has_prefix(text, top))
        return false;
    text += strlen(top);
    size_t len = strcspn(text, "/");
    if (len >= sizeof(node) || text[len] != '/')
        return false;
    memcpy(node, text, len);
    node[len] = '\0';
    if (!topic_node_valid(node))
        return false;
    memcpy(ret, node, len + 1);
    return true;
}

bool topic_matches(const char *filter, const char *topic)
{
    /* Section 4.7.2: wildcards at the first level do not match topics that begin with '$'. */
    if (*topic == '$' && (*filter == '+' || *filter == '#'))
        return false;
    for (;;) {
        size_t f = strcspn(filter, "/"), t = strcspn(topic, "/");

        if (f == 1 && *filter == '#')
            return true;
        if (!(f == 1 && *filter == '+') && (f != t || memcmp(filter, topic, f) != 0))
            return false;
        filter += f;
        topic += t;
        if (!*filter && !*topic)
            return true;
        if (*filter && !*topic) /* "a/#" matches "a" too */
            return strcmp(filter, "/#") == 0;
        if (!*filter)
            return false;
        filter++;
        topic++;
    }
}

static bool path_split(const char *path, char kind[TOPIC_KIND_MAX + 1], char ns[TOPIC_NS_MAX + 1],
                       char name[TOPIC_NAME_MAX + 1])
{
    struct topic topic = {.type = TOPIC_STATE};
    const char *bad;

    if (strnlen(path, TOPIC_PATH_MAX + 1) > TOPIC_PATH_MAX ||
        !read_template("%k/%s/%a", path, &topic, &bad))
        return false;
    memcpy(kind, topic.kind, sizeof(topic.kind));
    memcpy(ns, topic.ns, sizeof(topic.ns));
    memcpy(name, topic.name, sizeof(topic.name));
    return true;
}

bool topic_path_valid(const char *path)
{
    struct topic t;

    return path && path_split(path, t.kind, t.ns, t.name);
}

int topic_path(const char *kind, const char *ns, const char *name, char ret[TOPIC_PATH_MAX + 1],
               struct err *err)
{
    if (str_empty(ns))
        ns = TOPIC_CLUSTER;
    if (!kind || !name || !kind_valid(kind) || !ns_valid(ns) || !name_valid(name))
        return err_set(err, -EINVAL, "manifest path: kind, namespace or name is not valid");
    snprintf(ret, TOPIC_PATH_MAX + 1, "%s/%s/%s", kind, ns, name);
    return 0;
}

int topic_of_manifest(const char *node, const char *path, const char *digest,
                      char ret[TOPIC_MAX + 1], struct err *err)
{
    struct topic topic = {.type = TOPIC_MANIFEST};

    if (!path_split(path, topic.kind, topic.ns, topic.name) || !topic_node_valid(node) ||
        !digest_valid(digest))
        return err_set(err, -EINVAL, "manifest topic: node, path or digest is not valid");
    snprintf(topic.node, sizeof(topic.node), "%s", node);
    snprintf(topic.digest, sizeof(topic.digest), "%s", digest);
    return topic_build(&topic, ret, err);
}
