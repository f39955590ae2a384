#include "agent/pod/manifests.h"

#include "agent/pod/docs.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/data/diag.h"
#include "common/data/limits.h"
#include "common/kinds/kinds.h"

#include <errno.h>

/* One file of the static directory: its last good content. */
struct static_file {
    char digest[SHA256_HEX + 1]; /* of the bytes last looked at, good or bad */
    struct docs docs;
    bool seen;
    bool good; /* docs hold what stood there once */
};

/* One manifest of the desired state: what its digest says does not change. */
struct desired_file {
    struct docs docs;
    bool seen;
    bool good; /* it could be read as a manifest */
};

struct manifests {
    struct manifests_spec spec;
    struct map *files;      /* name -> struct static_file */
    struct map *desired;    /* digest -> struct desired_file */
    struct map *unreadable; /* paths of the desired state that are listed but not to be had */
    bool static_unknown;    /* something in the static directory was never read well */
    bool static_missing;    /* there is no such directory */
    struct map *problems;   /* what was complained of already */
    /* The set, borrowed from the files. */
    struct map *pods;   /* uid -> struct pod_spec */
    struct map *names;  /* "<ns>/<name>" -> the same */
    struct map *second; /* uids of pods whose name another has taken */
    const struct pod_spec **in_order;
    size_t pod_count;
    struct map *sources; /* "<kind>/<ns>/<name>" -> struct value */
};

static void static_file_free(void *p)
{
    struct static_file *file = p;
    docs_done(&file->docs);
    free(file);
}

static void desired_file_free(void *p)
{
    struct desired_file *file = p;
    docs_done(&file->docs);
    free(file);
}

static void forget_set(struct manifests *m)
{
    map_free(m->pods, NULL);
    map_free(m->names, NULL);
    map_free(m->second, NULL);
    map_free(m->sources, NULL);
    free(m->in_order);
    m->pods = map_new();
    m->names = map_new();
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
    m->desired = map_new();
    m->pods = map_new();
    m->names = map_new();
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
    map_free(m->pods, NULL);
    map_free(m->names, NULL);
    map_free(m->second, NULL);
    map_free(m->sources, NULL);
    map_free(m->desired, desired_file_free);
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

/* Whose docs are being loaded: for what they complain of. */
struct loading {
    struct manifests *m;
    const char *from;
};

static void docs_problem(void *ctx, const char *message)
{
    const struct loading *loading = ctx;
    complain(loading->m, loading->from, message);
}

/* False: the text is not a good manifest, which was said. */
static bool load_docs(struct manifests *m, const char *from, bool is_static, const struct buf *text,
                      struct docs *ret)
{
    struct loading loading = {m, from};
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    if (docs_load(buf_str(text), text->len, is_static ? from : NULL,
                  is_static ? m->spec.node_name : NULL, docs_problem, &loading, ret, &diags) == 0)
        return true;
    cleanup(buf_done) struct buf message;
    buf_init(&message, 0);
    diags_print(&diags, from, &message);
    complain(m, from, buf_str(&message));
    return false;
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
    struct docs docs = {0};
    if (!load_docs(m, path, true, &text, &docs))
        return;
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

static void add_pod(struct manifests *m, const char *from, const struct pod_spec *pod)
{
    autofree char *name = xasprintf("%s/%s", pod->ns, pod->name);
    if (map_get(m->pods, pod->uid) || map_get(m->names, name)) {
        autofree char *message =
            xasprintf("pod %s: another manifest with this name came first", name);
        complain(m, from, message);
        (void)map_put(m->second, pod->uid, m);
        return;
    }
    map_put(m->pods, pod->uid, (void *)(uintptr_t)pod);
    map_put(m->names, name, (void *)(uintptr_t)pod);
    m->in_order = xreallocarray(m->in_order, m->pod_count + 1, sizeof(*m->in_order));
    m->in_order[m->pod_count++] = pod;
}

static void add_docs(struct manifests *m, const char *from, const struct docs *docs)
{
    for (size_t i = 0; i < docs->pod_count; i++)
        add_pod(m, from, docs->pods[i]);
    for (size_t i = 0; i < docs->source_count; i++) {
        struct value *source = docs->sources[i];
        const char *ns = object_namespace(source);
        autofree char *key =
            xasprintf("%s/%s/%s", value_get_str(source, "kind"), ns ? ns : "", object_name(source));
        if (!map_get(m->sources, key))
            map_put(m->sources, key, source);
    }
}

/* Reads a manifest that is new; true if it was to be had. */
static bool load_desired(struct manifests *m, const char *path, const char *digest,
                         struct desired_file *file)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    struct err err = {0};
    int rc = desired_read(m->spec.desired, path, digest, &text, &err);
    if (rc == 0)
        file->good = load_docs(m, path, false, &text, &file->docs);
    else
        log_error("manifest not readable: path=%s error=%s", path, log_quote(err.msg));
    if (text.data)
        crypto_wipe(text.data, text.len);
    return rc == 0;
}

static int see_desired(void *ctx, const char *path, const char *digest)
{
    struct manifests *m = ctx;
    struct desired_file *file = map_get(m->desired, digest);
    if (!file) {
        file = xcalloc(1, sizeof(*file));
        if (!load_desired(m, path, digest, file)) {
            free(file); /* desired_missing tells it from now on */
            return 0;
        }
        map_put(m->desired, digest, file);
    }
    file->seen = true;
    if (file->good)
        add_docs(m, "desired state", &file->docs);
    else
        map_put(m->unreadable, path, m);
    return 0;
}

static int note_missing(void *ctx, const char *path, const char *digest)
{
    (void)digest;
    struct manifests *m = ctx;
    map_put(m->unreadable, path, m);
    return 0;
}

/* What the index lists, in its order. Only what is new is read. */
static void read_desired(struct manifests *m)
{
    const char *digest;
    void *p;
    if (!m->spec.desired)
        return;
    map_free(m->unreadable, NULL);
    m->unreadable = map_new();
    for (size_t i = 0; map_next(m->desired, &i, NULL, &p);)
        ((struct desired_file *)p)->seen = false;
    (void)desired_each(m->spec.desired, see_desired, m);
    (void)desired_missing(m->spec.desired, note_missing, m);
    for (size_t i = 0; map_next(m->desired, &i, &digest, &p);)
        if (!((struct desired_file *)p)->seen)
            desired_file_free(map_del(m->desired, digest));
}

void manifests_read(struct manifests *m)
{
    const char *name;
    void *p;
    read_static(m);
    forget_set(m);
    for (size_t i = 0; map_next(m->files, &i, &name, &p);) {
        autofree char *path = xasprintf("%s/%s", m->spec.static_dir, name);
        add_docs(m, path, &((struct static_file *)p)->docs);
    }
    read_desired(m);
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
    static const char *const lists[] = {"containers", "initContainers", "volumes"};
    for (size_t i = 0; i < docs->pod_count * ARRAY_LEN(lists); i++) {
        const struct value *spec = value_get(docs->pods[i / ARRAY_LEN(lists)]->object, "spec");
        const struct value *list = value_get(spec, lists[i % ARRAY_LEN(lists)]);
        for (size_t c = 0; c < value_len(list); c++) {
            const struct value *of = value_get(value_at(list, c), "image");
            const char *image = value_str(of) ? value_str(of) : value_get_str(of, "reference");
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
    for (size_t i = 0; map_next(m->desired, &i, NULL, &file);)
        each_image(&((struct desired_file *)file)->docs, fn, ctx);
    return !m->static_unknown && !m->static_missing && map_len(m->unreadable) == 0 &&
           (!m->spec.desired || desired_is_certain(m->spec.desired));
}

/* By its name alone: more may be than are. */
static bool may_be_static(const struct manifests *m, const char *name)
{
    autofree char *suffix = xasprintf("-%s", m->spec.node_name);
    return str_has_suffix(name, suffix);
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

void manifests_each_source(const struct manifests *m, const char *kind, manifests_source_fn *fn,
                           void *ctx)
{
    void *source;
    for (size_t i = 0; map_next(m->sources, &i, NULL, &source);)
        if (str_eq(value_get_str(source, "kind"), kind))
            fn(ctx, source);
}
