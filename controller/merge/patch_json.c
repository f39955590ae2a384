#include "controller/merge/patch_json.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"

#include <errno.h>

/* Entries that insertions and removals may push aside in all: what a quick answer has room for. */
#define MAX_SHIFTS 20000000

struct run {
    struct value *root;
    size_t shifts; /* entries moved in lists and maps */
    size_t copied; /* bytes of JSON that came by copy and move */
    const char *op;
    struct err *err;
};

/* The place that a pointer (RFC 6901) names: a member of a map or list, there or not. */
struct place {
    struct value *parent; /* NULL: the whole document */
    char *key;            /* of a map */
    size_t index;         /* of a list; its length for "-" */
    int depth;            /* of what stands there */
};

static void place_done(struct place *place)
{
    free(place->key);
}
CLEANUP_DEFINE_VALUE(struct place, place_done);

static int fail_missing(const struct run *run, const char *path)
{
    return err_set(run->err, -ENOENT, "%s operation does not apply: doc is missing path: %.120s",
                   run->op, path);
}

/* "~1" is '/', "~0" is '~'. NULL: another '~'. Caller frees. */
static char *unescape(const char *piece, size_t len)
{
    char *out = xmalloc(len + 1), *to = out;
    for (size_t i = 0; i < len; i++) {
        if (piece[i] != '~') {
            *to++ = piece[i];
        } else if (i + 1 < len && (piece[i + 1] == '0' || piece[i + 1] == '1')) {
            *to++ = piece[++i] == '0' ? '~' : '/';
        } else {
            free(out);
            return NULL;
        }
    }
    *to = '\0';
    return out;
}

/* Digits without a leading zero, or "-": the end. -EINVAL. */
static int read_index(const char *key, size_t len, size_t *ret)
{
    uint64_t index;
    if (str_eq(key, "-")) {
        *ret = len;
        return 0;
    }
    if ((key[0] == '0' && key[1]) || str_to_u64(key, &index) != 0 || index > len)
        return -EINVAL;
    *ret = (size_t)index;
    return 0;
}

static struct value *at_place(const struct run *run, const struct place *place)
{
    if (!place->parent)
        return run->root;
    return place->key ? value_get(place->parent, place->key)
                      : value_at(place->parent, place->index);
}

/* One step down, to the member of that name. */
static int step(const struct run *run, struct place *place, char *key, const char *path)
{
    struct value *parent = at_place(run, place);
    free(steal(place->key));
    place->parent = parent;
    place->depth++;
    if (value_type(parent) == VALUE_MAP) {
        place->key = key;
        return 0;
    }
    int r = value_type(parent) == VALUE_LIST ? read_index(key, value_len(parent), &place->index)
                                             : -EINVAL;
    free(key);
    return r == 0 ? 0 : fail_missing(run, path);
}

static int find(const struct run *run, const char *path, struct place *ret)
{
    *ret = (struct place){0};
    if (!path)
        return err_set(run->err, -ENOENT, "%s operation has no path or from", run->op);
    if (*path && *path != '/')
        return err_set(run->err, -ENOENT, "%s operation: a path begins with '/': %.120s", run->op,
                       path);
    while (*path) {
        size_t len = strcspn(path + 1, "/");
        char *key = unescape(path + 1, len);
        if (!key)
            return err_set(run->err, -ENOENT, "%s operation: '~' is followed by 0 or 1: %.120s",
                           run->op, path);
        int r = step(run, ret, key, path);
        if (r != 0)
            return r;
        path += 1 + len;
    }
    return 0;
}

/* A place where something stands. */
static int find_there(const struct run *run, const char *path, struct place *ret)
{
    int r = find(run, path, ret);
    return r == 0 && !at_place(run, ret) ? fail_missing(run, path) : r;
}

static int count_shifts(struct run *run, const struct place *place)
{
    size_t len = value_len(place->parent);
    run->shifts += place->key ? len : len - place->index;
    if (run->shifts > MAX_SHIFTS && !WEAKENED(PATCH_JSON_SHIFTS))
        return err_set(run->err, -E2BIG, "the patch moves too much of long lists about");
    return 0;
}

static int remove_at(struct run *run, const struct place *place)
{
    int r = count_shifts(run, place);
    if (r != 0)
        return r;
    if (!place->parent)
        return err_set(run->err, -ENOENT, "%s operation does not apply to the whole document",
                       run->op);
    if (place->key)
        value_del(place->parent, place->key);
    else
        value_remove_at(place->parent, place->index);
    return 0;
}

/* Takes item. over: it replaces what stands there, in a list too. */
static int put_at(struct run *run, const struct place *place, struct value *item, bool over)
{
    int depth = 0;
    (void)value_size(item, &depth);
    int r = 0;
    if (place->depth + depth > DATA_MAX_DEPTH && !WEAKENED(PATCH_JSON_DEPTH))
        r = err_set(run->err, -E2BIG, "the patch nests deeper than %d", DATA_MAX_DEPTH);
    if (r == 0 && place->parent && !place->key && !over)
        r = count_shifts(run, place);
    if (r != 0) {
        value_free(item);
    } else if (!place->parent) {
        value_free(run->root);
        run->root = item;
    } else if (place->key) {
        value_set(place->parent, place->key, item);
    } else if (over) {
        value_set_at(place->parent, place->index, item);
    } else {
        value_insert(place->parent, place->index, item);
    }
    return r;
}

/* What stands there, once more; counted, so that copies of copies end. */
static int duplicate(struct run *run, const struct value *item, struct value **ret)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, DATA_MAX_BYTES - run->copied);
    if (json_write(item, &text) != 0 && !WEAKENED(PATCH_JSON_COPIES))
        return err_set(run->err, -E2BIG, "the patch copies more than %d bytes", DATA_MAX_BYTES);
    run->copied += text.len;
    *ret = value_copy(item);
    return 0;
}

static int do_add(struct run *run, const struct value *op)
{
    cleanup(place_done) struct place place;
    int r = find(run, value_get_str(op, "path"), &place);
    return r ? r : put_at(run, &place, value_copy(value_get(op, "value")), false);
}

static int do_remove(struct run *run, const struct value *op)
{
    cleanup(place_done) struct place place;
    int r = find_there(run, value_get_str(op, "path"), &place);
    return r ? r : remove_at(run, &place);
}

static int do_replace(struct run *run, const struct value *op)
{
    cleanup(place_done) struct place place;
    int r = find_there(run, value_get_str(op, "path"), &place);
    return r ? r : put_at(run, &place, value_copy(value_get(op, "value")), true);
}

static int do_test(struct run *run, const struct value *op)
{
    cleanup(place_done) struct place place;
    const char *path = value_get_str(op, "path");
    const struct value *want = value_get(op, "value");
    int r = find(run, path, &place);
    if (r)
        return r;
    const struct value *have = at_place(run, &place);
    bool absent = !have && value_type(want) == VALUE_NULL;
    if (absent || value_equal(have, want))
        return 0;
    return err_set(run->err, -ENOENT, "testing value %.120s failed: test failed", path);
}

static int do_copy(struct run *run, const struct value *op)
{
    cleanup(place_done) struct place from, to;
    struct value *item = NULL;
    to = (struct place){0};
    int r = find_there(run, value_get_str(op, "from"), &from);
    if (r == 0)
        r = find(run, value_get_str(op, "path"), &to);
    if (r == 0)
        r = duplicate(run, at_place(run, &from), &item);
    return r ? r : put_at(run, &to, item, false);
}

static bool is_within(const char *path, const char *above)
{
    size_t len = strlen(above);
    return strncmp(path, above, len) == 0 && path[len] == '/';
}

static int do_move(struct run *run, const struct value *op)
{
    cleanup(place_done) struct place from;
    cleanup(value_free) struct value *item = NULL;
    const char *path = value_get_str(op, "path"), *source = value_get_str(op, "from");
    int r = find_there(run, source, &from);
    if (r == 0 && path && is_within(path, source))
        r = err_set(run->err, -ENOENT, "move operation does not apply: %.60s is within %.60s", path,
                    source);
    if (r == 0)
        r = duplicate(run, at_place(run, &from), &item);
    if (r == 0)
        r = from.parent ? remove_at(run, &from) : 0;
    if (r)
        return r;
    cleanup(place_done) struct place to;
    r = find(run, path, &to);
    return r ? r : put_at(run, &to, steal(item), false);
}

static const struct {
    const char *name;
    int (*fn)(struct run *run, const struct value *op);
    bool with_value;
} operations[] = {
    {"add", do_add, true},   {"remove", do_remove, false}, {"replace", do_replace, true},
    {"test", do_test, true}, {"copy", do_copy, false},     {"move", do_move, false},
};

static int operate(struct run *run, const struct value *op)
{
    const char *name = value_get_str(op, "op");
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (!str_eq(name, operations[i].name))
            continue;
        run->op = name;
        if (operations[i].with_value && !value_get(op, "value"))
            return err_set(run->err, -ENOENT, "%s operation has no value", name);
        return operations[i].fn(run, op);
    }
    return err_set(run->err, -ENOENT, "Unexpected kind: %.40s", name ? name : "unknown");
}

static int check_operations(const struct value *patch, struct err *err)
{
    if (value_type(patch) != VALUE_LIST)
        return err_set(err, -EINVAL, "a JSON patch is a list of operations");
    if (value_len(patch) > PATCH_JSON_MAX && !WEAKENED(PATCH_JSON_MAX))
        return err_set(err, -E2BIG, "The allowed maximum operations in a JSON patch is %d, got %zu",
                       PATCH_JSON_MAX, value_len(patch));
    for (size_t i = 0; i < value_len(patch); i++)
        if (value_type(value_at(patch, i)) != VALUE_MAP)
            return err_set(err, -EINVAL, "operation %zu of the JSON patch is not an object", i);
    return 0;
}

int patch_json(const struct value *object, const struct value *patch, struct value **ret,
               struct err *err)
{
    int r = check_operations(patch, err);
    if (r)
        return r;
    struct run run = {.root = value_copy(object), .err = err};
    for (size_t i = 0; i < value_len(patch) && r == 0; i++)
        r = operate(&run, value_at(patch, i));
    if (r == 0)
        *ret = steal(run.root);
    value_free(run.root);
    return r;
}
