#include "controller/link/sheets.h"

#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/sealed.h"
#include "common/bus/topic.h"
#include "common/data/yaml.h"
#include "common/kinds/local_volume.h"
#include "common/kinds/pod_mirror.h"
#include "common/kinds/runtime_handler.h"
#include "controller/manifest/manifest.h"
#include "controller/sched/affinity.h"

#include <errno.h>

#define VOLUMES "PersistentVolume/"

/* One object and what became of it. */
struct part {
    struct sheet sheet; /* payload NULL: the object is not there, or could not be rendered yet */
    bool stale;
    bool read;          /* sources: by a pod of the node, or by what that reads */
    bool kept;          /* sources: in the set though nobody reads them */
    struct value *refs; /* pods and claims: the paths of what they read */
    char *class;        /* pods: the RuntimeClass that they name; NULL: none */
};

struct sheets {
    struct sheets_world world;
    struct map *pods, *sources; /* path -> struct part */
    int writes;
    int code; /* the worst of the writes that are under way */
    bool freed;
    sheets_written_fn *written;
    void *ctx;
};

static const struct api_user user = {.name = "system:limpet:link"};

static void part_free(void *p)
{
    struct part *part = p;
    free(part->sheet.payload);
    value_free(part->refs);
    free(part->class);
    free(part);
}

static struct part *get_part(struct map *map, const char *path)
{
    struct part *part = map_get(map, path);
    if (part)
        return part;
    part = xcalloc(1, sizeof(*part));
    part->stale = true;
    (void)map_put(map, path, part);
    return part;
}

static void fill(struct part *part, const char *payload, size_t len)
{
    free(part->sheet.payload);
    part->sheet = (struct sheet){.payload = payload ? xstrndup(payload, len) : NULL, .len = len};
    if (payload)
        sha256_hex(payload, len, part->sheet.digest);
}

/* The object at "Kind/ns/name"; NULL if it is not there. The caller's. */
static struct value *object_at(const struct sheets *sheets, const char *path)
{
    static const struct schema_kind *const kinds[] = {&kind_pod, &kind_secret, &kind_config_map,
                                                      &kind_persistent_volume_claim,
                                                      &kind_persistent_volume};
    const char *ns = strchr(path, '/') + 1, *name = strchr(ns, '/') + 1;
    autofree char *kind = xstrndup(path, (size_t)(ns - path - 1));
    autofree char *namespace = xstrndup(ns, (size_t)(name - ns - 1));
    struct value *object = NULL;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const struct api_ref ref = {kinds[i], kinds[i]->namespaced ? namespace : "", name};
        if (!str_eq(kinds[i]->kind, kind))
            continue;
        if (api_get(sheets->world.api, &user, &ref, &object) == 0)
            return object;
        value_free(object);
        return NULL;
    }
    return NULL;
}

/* ---- sealing ---- */

static char *sealed_key(const struct sheets *sheets, const char *path)
{
    return xasprintf(SHEETS_SEALED "%s/%s", sheets->world.node, path);
}

static void written(void *ctx, int code, int64_t revision)
{
    struct sheets *sheets = ctx;
    (void)revision;
    if (code < 0 && code != -ENOENT)
        sheets->code = code;
    if (--sheets->writes > 0)
        return;
    if (sheets->freed) {
        free(sheets);
        return;
    }
    code = sheets->code;
    sheets->code = 0;
    sheets->written(sheets->ctx, code);
}

/* Sealing makes new bytes each time: they are stored first, and stay while the secret does. */
static int seal_anew(struct sheets *sheets, const char *path, const char *plain_hash,
                     const struct value *secret, struct err *err)
{
    cleanup(value_free) struct value *manifest = manifest_strip(secret);
    int rc = sealed_close(manifest, sheets->world.sealing, sheets->world.node, path, err);
    if (rc < 0)
        return rc;
    cleanup(buf_done) struct buf record;
    buf_init(&record, 0);
    (void)buf_addf(&record, "%s\n", plain_hash);
    (void)yaml_write(manifest, &record);
    autofree char *key = sealed_key(sheets, path);
    sheets->writes++;
    store_put(sheets->world.store, STORE_DURABLE, key, record.data, record.len, STORE_ANY, written,
              sheets);
    return 0;
}

/* 0 with the part filled; 1: it is being sealed. */
static int render_secret(struct sheets *sheets, const char *path, const struct value *secret,
                         struct part *part, struct err *err)
{
    cleanup(buf_done) struct buf plain;
    buf_init(&plain, 0);
    (void)manifest_render(secret, &plain);
    char id[SHA256_HEX + 1], hash[SHA256_HEX + 1];
    int rc = key_id(sheets->world.sealing, id, err);
    if (rc < 0)
        return rc;
    (void)buf_addstr(&plain, id);
    sha256_hex(plain.data, plain.len, hash);
    crypto_wipe(plain.data, plain.len);
    autofree char *key = sealed_key(sheets, path);
    struct store_item item;
    const size_t head = SHA256_HEX + 1;
    if (store_get(sheets->world.store, key, &item) == 0 && item.len > head &&
        memcmp(item.value, hash, SHA256_HEX) == 0) {
        fill(part, (const char *)item.value + head, item.len - head);
        return 0;
    }
    rc = seal_anew(sheets, path, hash, secret, err);
    return rc < 0 ? rc : 1;
}

/* ---- rendering ---- */

static void render_plain(const struct value *object, struct part *part)
{
    cleanup(buf_done) struct buf yaml;
    buf_init(&yaml, 0);
    if (manifest_render(object, &yaml) == 0)
        fill(part, yaml.data, yaml.len);
}

struct refs {
    struct value *list;
    const char *ns;
};

static void add_ref(void *ctx, const char *kind, const char *name)
{
    struct refs *refs = ctx;
    const struct schema_kind *found = kinds_find(NULL, "v1", kind);
    char path[TOPIC_PATH_MAX + 1];
    if (found && topic_path(kind, found->namespaced ? refs->ns : NULL, name, path, NULL) == 0)
        value_append(refs->list, value_new_str(path));
}

/* The pod's node has no RuntimeClasses: it is told where this one leads, and nobody else can tell
 * it. */
static void set_handler(const struct sheets *sheets, struct value *pod, const char *name)
{
    struct value *annotations = value_make_map(pod, "metadata", "annotations", NULL);
    cleanup(value_free) struct value *class = NULL;
    const struct api_ref ref = {&kind_runtime_class, NULL, name};
    value_del(annotations, RUNTIME_HANDLER_ANNOTATION);
    if (api_get(sheets->world.api, &user, &ref, &class) == 0)
        value_set_str(annotations, RUNTIME_HANDLER_ANNOTATION, value_get_str(class, "handler"));
}

/* Nor has it its own labels: it is told that a volume is not to be had there, by nobody else. */
static void set_reach(const struct sheets *sheets, struct value *volume)
{
    const struct value *wanted = value_path(volume, "spec", "nodeAffinity", "required", NULL);
    struct value *annotations = value_make_map(volume, "metadata", "annotations", NULL);
    cleanup(value_free) struct value *node = NULL;
    char name[TOPIC_NODE_NAME_MAX + 1];
    topic_node_name(sheets->world.node, name);
    const struct api_ref ref = {&kind_node, "", name};
    value_del(annotations, LOCAL_VOLUME_ELSEWHERE);
    if (value_type(wanted) != VALUE_MAP || api_get(sheets->world.api, &user, &ref, &node) != 0)
        return;
    struct sched_node view;
    sched_node_read(&view, node);
    if (!affinity_matches(wanted, &view))
        value_set_str(annotations, LOCAL_VOLUME_ELSEWHERE, "true");
    sched_node_done(&view);
}

/* object NULL: it is not there. */
static void read_refs(const struct value *object, struct part *part)
{
    struct refs refs = {value_new_list(), object_namespace(object)};
    value_free(part->refs);
    part->refs = refs.list;
    if (object)
        manifest_refs(object, add_ref, &refs);
}

static void render_pod(struct sheets *sheets, const char *path, struct part *part)
{
    cleanup(value_free) struct value *pod = object_at(sheets, path);
    part->stale = false;
    fill(part, NULL, 0);
    /* What a node shows of itself is not sent back to it as what it is to run. */
    if (object_annotation(pod, POD_MIRROR) && !WEAKENED(SHEETS_MIRROR))
        value_free(steal(pod));
    const char *class = value_str(value_path(pod, "spec", "runtimeClassName", NULL));
    free(part->class);
    part->class = str_empty(class) ? NULL : xstrdup(class);
    if (part->class)
        set_handler(sheets, pod, part->class);
    if (pod)
        render_plain(pod, part);
    read_refs(pod, part);
}

/* 1: it is being sealed. */
static int render_source(struct sheets *sheets, const char *path, struct part *part)
{
    cleanup(value_free) struct value *object = object_at(sheets, path);
    struct err err = {0};
    int rc = 0;
    fill(part, NULL, 0);
    read_refs(object, part);
    if (object && str_has_prefix(path, VOLUMES))
        set_reach(sheets, object);
    if (!object) /* not there (yet): the pod waits for it on its node and says so */
        rc = 0;
    else if (str_has_prefix(path, "Secret/"))
        rc = render_secret(sheets, path, object, part, &err);
    else
        render_plain(object, part);
    if (rc < 0)
        log_error("secret not sealed: node=%s path=%s error=%s", sheets->world.node, path,
                  log_quote(err.msg));
    part->stale = rc != 0;
    return rc == 1;
}

/* Pods that changed, and with them which sources are read. */
static void refresh_pods(struct sheets *sheets)
{
    const char *path;
    void *p;
    for (size_t i = 0; map_next(sheets->sources, &i, NULL, &p);)
        ((struct part *)p)->read = ((struct part *)p)->kept;
    for (size_t i = 0; map_next(sheets->pods, &i, &path, &p);) {
        struct part *pod = p;
        if (pod->stale || WEAKENED(SHEETS_KEEP))
            render_pod(sheets, path, pod);
        for (size_t r = 0; r < value_len(pod->refs); r++)
            get_part(sheets->sources, value_str(value_at(pod->refs, r)))->read = true;
    }
}

/* Claims that changed, and with them which volumes are read. */
static void refresh_claims(struct sheets *sheets)
{
    const char *path;
    void *p;
    cleanup(value_free) struct value *volumes = value_new_list();
    for (size_t i = 0; map_next(sheets->sources, &i, &path, &p);) {
        struct part *claim = p;
        if (!claim->read || !str_has_prefix(path, "PersistentVolumeClaim/"))
            continue;
        if (claim->stale)
            (void)render_source(sheets, path, claim);
        for (size_t r = 0; r < value_len(claim->refs); r++)
            value_append(volumes, value_copy(value_at(claim->refs, r)));
    }
    for (size_t i = 0; i < value_len(volumes); i++)
        get_part(sheets->sources, value_str(value_at(volumes, i)))->read = true;
}

int sheets_refresh(struct sheets *sheets)
{
    const char *path;
    void *p;
    int sealing = 0;
    refresh_pods(sheets);
    refresh_claims(sheets);
    for (size_t i = 0; map_next(sheets->sources, &i, &path, &p);) {
        struct part *source = p;
        if (!source->read)
            part_free(map_del(sheets->sources, path));
        else if (source->stale)
            sealing += render_source(sheets, path, source);
    }
    return sealing;
}

bool sheets_labels(struct sheets *sheets)
{
    bool any = false;
    const char *path;
    void *p;
    for (size_t i = 0; map_next(sheets->sources, &i, &path, &p);)
        if (str_has_prefix(path, VOLUMES))
            ((struct part *)p)->stale = any = true;
    return any;
}

bool sheets_class(struct sheets *sheets, const char *name)
{
    bool named = false;
    void *p;
    for (size_t i = 0; map_next(sheets->pods, &i, NULL, &p);) {
        struct part *pod = p;
        if (!pod->class || !str_eq(pod->class, name))
            continue;
        pod->stale = named = true;
    }
    return named;
}

void sheets_pod(struct sheets *sheets, const char *ns, const char *name, bool gone)
{
    char path[TOPIC_PATH_MAX + 1];
    if (topic_path("Pod", ns, name, path, NULL) < 0)
        return;
    struct part *old = gone ? map_del(sheets->pods, path) : NULL;
    if (old)
        part_free(old);
    if (!gone)
        get_part(sheets->pods, path)->stale = true;
}

bool sheets_source(struct sheets *sheets, const char *path)
{
    struct part *part = map_get(sheets->sources, path);
    if (part)
        part->stale = true;
    return part != NULL;
}

void sheets_keep(struct sheets *sheets, const char *path, bool kept)
{
    struct part *part = kept ? get_part(sheets->sources, path) : map_get(sheets->sources, path);
    if (part)
        part->kept = kept;
}

/* ---- the set ---- */

bool sheets_next(const struct sheets *sheets, struct sheets_cursor *cursor, const char **ret_path,
                 const struct sheet **ret)
{
    const struct map *const maps[] = {sheets->pods, sheets->sources};
    void *p;
    for (; cursor->map < (int)ARRAY_LEN(maps); cursor->map++, cursor->at = 0) {
        while (map_next(maps[cursor->map], &cursor->at, ret_path, &p)) {
            const struct part *part = p;
            *ret = &part->sheet;
            if (part->sheet.payload)
                return true;
        }
    }
    return false;
}

size_t sheets_count(const struct sheets *sheets)
{
    struct sheets_cursor cursor = {0};
    const struct sheet *sheet;
    const char *path;
    size_t count = 0;
    while (sheets_next(sheets, &cursor, &path, &sheet))
        count++;
    return count;
}

bool sheets_are_writing(const struct sheets *sheets)
{
    return sheets->writes > 0;
}

/* ---- records that nobody needs ---- */

struct unused {
    const struct sheets *sheets;
    size_t skip; /* bytes of the prefix */
    struct value *keys;
};

static int see_sealed(void *ctx, const struct store_item *item)
{
    struct unused *unused = ctx;
    const struct part *part = map_get(unused->sheets->sources, item->key + unused->skip);
    if (!part || !part->sheet.payload)
        value_append(unused->keys, value_new_str(item->key));
    return 0;
}

void sheets_drop_unused(struct sheets *sheets)
{
    autofree char *prefix = sealed_key(sheets, "");
    cleanup(value_free) struct value *keys = value_new_list();
    struct unused unused = {.sheets = sheets, .skip = strlen(prefix), .keys = keys};
    store_list(sheets->world.store, prefix, NULL, see_sealed, &unused);
    for (size_t i = 0; i < value_len(keys) && !WEAKENED(SESSION_UNUSED); i++) {
        sheets->writes++;
        store_delete(sheets->world.store, value_str(value_at(keys, i)), STORE_ANY, written, sheets);
    }
}

/* ---- the object ---- */

struct sheets *sheets_new(const struct sheets_world *world, sheets_written_fn *written_fn,
                          void *ctx)
{
    struct sheets *sheets = xcalloc(1, sizeof(*sheets));
    *sheets = (struct sheets){.world = *world,
                              .pods = map_new(),
                              .sources = map_new(),
                              .written = written_fn,
                              .ctx = ctx};
    return sheets;
}

void sheets_free(struct sheets *sheets)
{
    if (!sheets)
        return;
    map_free(sheets->pods, part_free);
    map_free(sheets->sources, part_free);
    if (sheets->writes > 0)
        sheets->freed = true; /* the store still holds a pointer: its last callback frees */
    else
        free(sheets);
}
