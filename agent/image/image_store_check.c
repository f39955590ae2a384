/* Layers are read again, and compared with what was put down. */

#include "agent/image/image_store_parts.h"
#include "agent/image/layer_sum.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

struct check {
    struct image_store *store;
    struct image_store_checked *found;
};

static void free_text(void *text)
{
    free(text);
}

void image_store_checked_done(struct image_store_checked *checked)
{
    map_free(checked->bad, free_text);
    map_free(checked->kept, free_text);
    *checked = (struct image_store_checked){0};
}

static int read_layer(const char *path, const struct image_layer_sum *sum, struct err *err)
{
    uint64_t now = 0;
    autoclose int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = fd < 0 ? err_errno(err, errno, "cannot open it") : layer_sum(fd, true, &now, err);
    if (rc == 0 && sum->known && now != sum->value && !WEAKENED(IMAGE_ROT))
        rc = err_set(err, -EUCLEAN, "it is not what was unpacked");
    return rc;
}

/* Nobody waits for the reading, which may take hours: what was removed meanwhile, or came anew,
 * looks bad. So what looks bad is read again while nothing can be removed. gone: it is no layer any
 * more; a damaged folder lists names that are not there either. */
static int read_again(struct check *check, const char *digest, const char *path,
                      struct image_layer_sum *sum, bool *gone, struct err *err)
{
    struct err none = {0};
    autoclose int lock = image_store_lock(check->store, false, true, &none);
    if (lock < 0)
        return err->code; /* where nothing can be written, nothing was removed */
    *err = none;
    *gone = image_store_layer_bytes(check->store, digest, sum) < 0;
    if (*gone)
        return 0;
    return read_layer(path, sum, err);
}

static int check_one(void *ctx, const char *name, enum disk_type type)
{
    struct check *check = ctx;
    char digest[DIGEST_LEN + 1];
    struct image_layer_sum sum = {0};
    snprintf(digest, sizeof(digest), "sha256:%.64s", name);
    if (type != DISK_DIR || !digest_valid(digest) ||
        image_store_layer_bytes(check->store, digest, &sum) < 0)
        return 0;
    autofree char *path = xasprintf("%s/layers/%s", image_store_root(check->store), name);
    struct err err = {0};
    int rc = read_layer(path, &sum, &err);
    bool gone = false;
    if (rc < 0)
        rc = read_again(check, digest, path, &sum, &gone, &err);
    if (gone)
        return 0;
    check->found->layers++;
    check->found->unknown += !sum.known;
    if (rc < 0)
        (void)map_put(check->found->bad, name, xstrdup(err.msg));
    return 0;
}

/* What cannot be removed now is bad all the same. */
static void remove_bad(struct image_store *store, const struct image_store_wanted *wanted,
                       struct image_store_checked *found)
{
    const struct image_store_wanted removal = {
        .in_use = wanted->in_use, .ctx = wanted->ctx, .bad = found->bad};
    struct image_store_freed freed = {0};
    struct err err = {0};
    const char *name = NULL;
    int rc = image_store_remove_unused(store, &removal, &freed, &err);
    const char *usual =
        rc < 0 ? err.msg : "it is in use: end the pods that run from it, and check again";
    for (size_t i = 0; map_next(found->bad, &i, &name, NULL);) {
        char digest[DIGEST_LEN + 1];
        snprintf(digest, sizeof(digest), "sha256:%.64s", name);
        const char *failure = freed.failed ? map_get(freed.failed, name) : NULL;
        if (failure || image_store_has_layer(store, digest)) /* its record goes before it */
            (void)map_put(found->kept, name, xstrdup(failure ? failure : usual));
    }
    map_free(freed.images, NULL);
    map_free(freed.failed, free_text);
}

int image_store_check(struct image_store *store, const struct image_store_wanted *wanted,
                      struct image_store_checked *ret, struct err *err)
{
    struct image_store_checked found = {.bad = map_new(), .kept = map_new()};
    struct check check = {store, &found};
    autofree char *path = xasprintf("%s/layers", image_store_root(store));
    int rc = disk_posix()->list(disk_posix(), path, check_one, &check, err);
    if (rc == 0 && map_len(found.bad) > 0)
        remove_bad(store, wanted, &found);
    if (rc == 0)
        *ret = found;
    else
        image_store_checked_done(&found);
    return rc;
}
