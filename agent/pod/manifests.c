#include "agent/pod/manifests.h"

#include "common/base/buf.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/data/diag.h"
#include "common/data/limits.h"
#include "common/kinds/manifest.h"

#include <errno.h>

/* Objects as they stand in a file or in the desired state, before pods are made of them. */
struct docs {
    struct value **items;
    size_t count;
};

/* One file of the static directory: its last good content. */
struct static_file {
    char digest[SHA256_HEX + 1]; /* of the bytes last looked at, good or bad */
    struct docs docs;
    bool seen;
    bool good; /* docs hold what stood there once */
};

struct manifests {
    struct manifests_spec spec;
    struct map *files;      /* name -> struct static_file */
    struct docs desired;    /* the last good desired state */
    struct map *unreadable; /* paths of the desired state that are listed but not to be had */
    bool static_unknown;    /* something in the static directory was never read well */
    bool static_missing;    /* there is no such directory */
    struct map *problems;   /* what was complained of already */
    struct map *pods;       /* uid -> struct pod_spec */
    struct map *second;     /* uids of pods whose name another has taken */
    struct pod_spec **in_order;
    size_t pod_count;
    struct map *sources; /* "<kind>/<ns>/<name>" -> struct value */
};

static void docs_done(struct docs *docs)
{
    for (size_t i = 0; i < docs->count; i++)
        value_free(docs->items[i]);
    free(docs->items);
    *docs = (struct docs){0};
}

static int docs_add(void *ctx, const struct schema_kind *kind, struct value *object)
{
    (void)kind;
    struct docs *docs = ctx;
    docs->items = xreallocarray(docs->items, docs->count + 1, sizeof(*docs->items));
    docs->items[docs->count++] = object;
    return 0;
}

static void static_file_free(void *p)
{
    struct static_file *file = p;
    docs_done(&file->docs);
    free(file);
}

static void free_value(void *p)
{
    value_free(p);
}

static void free_pod(void *p)
{
    pod_spec_free(p);
}

static void forget_pods(struct manifests *m)
{
    map_free(m->pods, free_pod);
    map_free(m->second, NULL);
    map_free(m->sources, free_value);
    free(m->in_order);
    m->pods = map_new();
    m->second = map_new();
    m->sources = map_new();
    m->in_order = NULL;
    m->pod_count = 0;
}

struct manifests *manifests_new(const struct manifests_spec *spec)
{
    struct manifests *m = xcalloc(1, sizeof(*m));
    m->spec = *spec;
    m->spec.static_dir = xstrdup(spec->static_dir);
    m->spec.node_name = xstrdup(spec->node_name);
    m->files = map_new();
    m->problems = map_new();
    m->unreadable = map_new();
    m->pods = map_new();
    m->second = map_new();
    m->sources = map_new();
    return m;
}

void manifests_free(struct manifests *m)
{
    if (!m)
        return;
    map_free(m->files, static_file_free);
    map_free(m->problems, NULL);
    map_free(m->unreadable, NULL);
    map_free(m->pods, free_pod);
    map_free(m->second, NULL);
    map_free(m->sources, free_value);
    docs_done(&m->desired);
    free(m->in_order);
    free((char *)m->spec.static_dir);
    free((char *)m->spec.node_name);
    free(m);
}

#define MAX_PROBLEMS 1000

/* Each complaint once: the directory is read again after every event. */
static void complain(struct manifests *m, const char *file, const char *message)
{
    autofree char *key = xasprintf("%s\n%s", file, message);
    if (map_get(m->problems, key) || map_len(m->problems) >= MAX_PROBLEMS)
        return;
    map_put(m->problems, key, m);
    m->spec.problem(m->spec.ctx, file, message);
}

static void load_static_file(struct manifests *m, const char *path, struct static_file *file)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    if (m->spec.disk->read(m->spec.disk, path, DATA_MAX_BYTES, &text, &err) < 0) {
        complain(m, path, err.msg);
        return;
    }
    char digest[SHA256_HEX + 1];
    sha256_hex(buf_str(&text), text.len, digest);
    if (str_eq(digest, file->digest))
        return;
    strcpy(file->digest, digest);
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    struct docs docs = {0};
    if (manifest_load(buf_str(&text), text.len, path, docs_add, &docs, &diags) < 0) {
        cleanup(buf_done) struct buf message;
        buf_init(&message, 0);
        diags_print(&diags, path, &message);
        complain(m, path, buf_str(&message));
        docs_done(&docs);
        return;
    }
    docs_done(&file->docs);
    file->docs = docs;
    file->good = true;
}

bool manifests_is_file(const char *name)
{
    return name[0] != '.' && (str_has_suffix(name, ".yaml") || str_has_suffix(name, ".yml") ||
                              str_has_suffix(name, ".json"));
}

static int see_static_file(void *ctx, const char *name, enum disk_type type)
{
    struct manifests *m = ctx;
    if (type == DISK_DIR || !manifests_is_file(name))
        return 0;
    struct static_file *file = map_get(m->files, name);
    if (!file) {
        file = xcalloc(1, sizeof(*file));
        map_put(m->files, name, file);
    }
    file->seen = true;
    return 0;
}

/* A directory that cannot be listed, and a file that cannot be read or parsed, keep what was known.
 */
static void read_static(struct manifests *m)
{
    const char *name;
    void *p;
    for (size_t i = 0; map_next(m->files, &i, NULL, &p);)
        ((struct static_file *)p)->seen = false;
    struct err err = {0};
    int rc = m->spec.disk->list(m->spec.disk, m->spec.static_dir, see_static_file, m, &err);
    if (rc < 0) {
        bool never_there = rc == -ENOENT && map_len(m->files) == 0;
        m->static_missing = rc == -ENOENT;
        m->static_unknown = !never_there;
        if (!never_there)
            complain(m, m->spec.static_dir, err.msg);
        return;
    }
    m->static_unknown = m->static_missing = false;
    for (size_t i = 0; map_next(m->files, &i, &name, &p);) {
        if (!((struct static_file *)p)->seen) {
            static_file_free(map_del(m->files, name));
            continue;
        }
        autofree char *path = xasprintf("%s/%s", m->spec.static_dir, name);
        load_static_file(m, path, p);
        m->static_unknown |= !((struct static_file *)p)->good;
    }
}

struct desired_walk {
    struct manifests *m;
    struct docs docs;
};

static int load_desired(void *ctx, const char *path, const char *yaml, size_t len)
{
    struct desired_walk *walk = ctx;
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    if (manifest_load(yaml, len, NULL, docs_add, &walk->docs, &diags) < 0) {
        cleanup(buf_done) struct buf message;
        buf_init(&message, 0);
        diags_print(&diags, path, &message);
        complain(walk->m, path, buf_str(&message));
        map_put(walk->m->unreadable, path, walk->m);
    }
    return 0;
}

static int note_missing(void *ctx, const char *path, const char *digest)
{
    (void)digest;
    struct manifests *m = ctx;
    map_put(m->unreadable, path, m);
    return 0;
}

static void read_desired(struct manifests *m)
{
    if (!m->spec.desired)
        return;
    struct desired_walk walk = {.m = m};
    map_free(m->unreadable, NULL);
    m->unreadable = map_new();
    (void)desired_each(m->spec.desired, load_desired, &walk);
    (void)desired_missing(m->spec.desired, note_missing, m);
    docs_done(&m->desired);
    m->desired = walk.docs;
}

static bool name_is_taken(const struct manifests *m, const struct pod_spec *pod)
{
    for (size_t i = 0; i < m->pod_count; i++)
        if (str_eq(m->in_order[i]->ns, pod->ns) && str_eq(m->in_order[i]->name, pod->name))
            return true;
    return false;
}

static void add_pod(struct manifests *m, const char *from, struct value *object, bool is_static)
{
    struct err err = {0};
    struct pod_spec *pod = NULL;
    if (pod_spec_new(object, is_static ? m->spec.node_name : NULL, &pod, &err) < 0) {
        complain(m, from, err.msg);
        return;
    }
    if (map_get(m->pods, pod->uid) || name_is_taken(m, pod)) {
        autofree char *message =
            xasprintf("pod %s/%s: another manifest with this name came first", pod->ns, pod->name);
        complain(m, from, message);
        (void)map_put(m->second, pod->uid, m);
        pod_spec_free(pod);
        return;
    }
    map_put(m->pods, pod->uid, pod);
    m->in_order = xreallocarray(m->in_order, m->pod_count + 1, sizeof(struct pod_spec *));
    m->in_order[m->pod_count++] = pod;
}

static void add_docs(struct manifests *m, const char *from, const struct docs *docs, bool is_static)
{
    for (size_t i = 0; i < docs->count; i++) {
        const struct value *doc = docs->items[i];
        const char *kind = value_get_str(doc, "kind");
        if (str_eq(kind, "Pod")) {
            add_pod(m, from, value_copy(doc), is_static);
        } else if (str_eq(kind, "ConfigMap") || str_eq(kind, "Secret")) {
            autofree char *key =
                xasprintf("%s/%s/%s", kind, object_namespace(doc), object_name(doc));
            if (!map_get(m->sources, key))
                map_put(m->sources, key, value_copy(doc));
        } else {
            autofree char *message = xasprintf("a %s does nothing on a node: left out", kind);
            complain(m, from, message);
        }
    }
}

void manifests_read(struct manifests *m)
{
    read_static(m);
    read_desired(m);
    forget_pods(m);
    const char *name;
    void *p;
    for (size_t i = 0; map_next(m->files, &i, &name, &p);) {
        autofree char *path = xasprintf("%s/%s", m->spec.static_dir, name);
        add_docs(m, path, &((struct static_file *)p)->docs, true);
    }
    add_docs(m, "desired state", &m->desired, false);
}

const struct pod_spec *manifests_pod(const struct manifests *m, const char *uid)
{
    return map_get(m->pods, uid);
}

const struct pod_spec *manifests_pod_at(const struct manifests *m, size_t i)
{
    return i < m->pod_count ? m->in_order[i] : NULL;
}

bool manifests_may_want(const struct manifests *m, const char *ns, const char *name, bool is_static)
{
    bool desired_known = m->spec.desired && desired_is_known(m->spec.desired);
    if (is_static)
        return m->static_unknown;
    if (!desired_known && !WEAKENED(MANIFESTS_UNKNOWN))
        return true;
    autofree char *path = xasprintf("Pod/%s/%s", ns, name);
    return map_get(m->unreadable, path) != NULL && !WEAKENED(MANIFESTS_UNREADABLE);
}

static void each_image(const struct docs *docs, manifests_image_fn *fn, void *ctx)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < docs->count * ARRAY_LEN(lists); i++) {
        const struct value *spec = value_get(docs->items[i / ARRAY_LEN(lists)], "spec");
        const struct value *list = value_get(spec, lists[i % ARRAY_LEN(lists)]);
        for (size_t c = 0; c < value_len(list); c++) {
            const char *image = value_get_str(value_at(list, c), "image");
            if (image)
                fn(ctx, image);
        }
    }
}

bool manifests_each_image(const struct manifests *m, manifests_image_fn *fn, void *ctx)
{
    void *file;
    for (size_t i = 0; map_next(m->files, &i, NULL, &file);)
        each_image(&((struct static_file *)file)->docs, fn, ctx);
    each_image(&m->desired, fn, ctx);
    return !m->static_unknown && !m->static_missing && map_len(m->unreadable) == 0 &&
           (!m->spec.desired || desired_is_certain(m->spec.desired));
}

bool manifests_rule_out(const struct manifests *m, const char *uid, const char *ns,
                        const char *name)
{
    bool maybe_static = !name || may_be_static(m, name);
    if (map_get(m->pods, uid) || map_get(m->second, uid))
        return false;
    if (maybe_static && (m->static_unknown || m->static_missing))
        return false;
    if (!m->spec.desired) /* never enrolled, or what says so cannot be read */
        return name && maybe_static;
    if (!desired_is_certain(m->spec.desired))
        return false;
    if (!name)
        return map_len(m->unreadable) == 0;
    autofree char *path = xasprintf("Pod/%s/%s", ns, name);
    return map_get(m->unreadable, path) == NULL;
}

const struct value *manifests_find(const struct manifests *m, const char *kind, const char *ns,
                                   const char *name)
{
    autofree char *key = xasprintf("%s/%s/%s", kind, ns, name);
    return map_get(m->sources, key);
}
