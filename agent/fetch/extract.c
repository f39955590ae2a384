#include "agent/fetch/extract.h"

#include "agent/fetch/tar.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define ID_MAX INT64_C(0xfffffffe) /* (uid_t)-1 means "keep" to chown(2) */
#define XATTR_MAX (64 * 1024)

/* Folders that tars often leave out, though what is in them gives them away, and that are not 0755.
 */
static const struct {
    const char *path;
    mode_t mode;
} special[] = {{"tmp", 01777}, {"var/tmp", 01777}, {"root", 0700}};

struct extraction {
    const struct extract_limits *limits;
    const struct extract_sink *sink;
    void *ctx;
    int root_fd;
    struct unzip *unzip;
    struct sha256_ctx *sha;
    struct tar *tar;
    int64_t unzipped, written, entries, told;
    char parent[LAYER_PATH_MAX]; /* the folder of the entry before */
    int parent_fd;
    bool seen[ARRAY_LEN(special)];
};

/* The uncompressed bytes on their way to the tar reader. */
static ssize_t next_bytes(void *ctx, const void **ret_data, struct err *err)
{
    struct extraction *x = ctx;
    ssize_t n = unzip_read(x->unzip, ret_data, err);
    if (n <= 0)
        return n;
    sha256_add(x->sha, *ret_data, (size_t)n);
    x->unzipped += n;
    int64_t eaten = unzip_eaten(x->unzip);
    if (x->unzipped > x->limits->bytes && !WEAKENED(IMAGE_BOMB))
        return err_set(err, -EFBIG, "it unpacks to more than the %lld bytes there is room for",
                       (long long)x->limits->bytes);
    if (x->unzipped > x->limits->ratio_from && x->unzipped / (eaten + 1) > x->limits->ratio &&
        !WEAKENED(IMAGE_BOMB))
        return err_set(err, -EFBIG, "a decompression bomb: %lld bytes become %lld",
                       (long long)eaten, (long long)x->unzipped);
    if (eaten - x->told >= 256 * 1024) {
        x->told = eaten;
        x->sink->progress(x->ctx, eaten);
    }
    return n;
}

static int refuse(struct err *err, const char *path, const char *why)
{
    return err_set(err, -EINVAL, "entry \"%.120s\": %s", path, why);
}

static int failed(struct err *err, const char *path)
{
    return err_errno(err, errno, "entry \"%.120s\"", path);
}

/* Opens the entry's folder (made if the layer does not list it) and returns its last name. */
static const char *open_parent(struct extraction *x, const char *path, struct err *err)
{
    char folder[LAYER_PATH_MAX];
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
    if (x->parent_fd < 0 || !str_eq(folder, x->parent)) {
        if (x->parent_fd >= 0)
            close(x->parent_fd);
        x->parent_fd = path_mkdirs_in(x->root_fd, folder[0] ? folder : ".", 0755);
        if (x->parent_fd < 0) {
            (void)err_errno(err, -x->parent_fd, "entry \"%.120s\": its folder", path);
            x->parent_fd = -1;
            return NULL;
        }
        memcpy(x->parent, folder, sizeof(folder));
    }
    return slash ? slash + 1 : path;
}

struct way {
    bool is_dir;       /* there is a folder already */
    bool was_whiteout; /* what lower layers have of that name must stay hidden */
};

/* Whatever has the name already gives way, but a folder stays for a folder. */
static int make_way(struct extraction *x, const char *name, bool for_dir, struct way *ret)
{
    struct stat st;
    *ret = (struct way){0};
    if (fstatat(x->parent_fd, name, &st, WEAKENED(IMAGE_LINK_STAYS) ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    if (for_dir && S_ISDIR(st.st_mode)) {
        ret->is_dir = true;
        return 0;
    }
    ret->was_whiteout = S_ISCHR(st.st_mode);
    if (S_ISDIR(st.st_mode)) {
        autoclose int dir = openat(x->parent_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return dir < 0 ? -errno : path_remove_tree(dir, name);
    }
    return unlinkat(x->parent_fd, name, 0) < 0 ? -errno : 0;
}

static bool wanted_xattr(const char *name)
{
    if (str_eq(name, "security.capability"))
        return true;
    if (str_has_prefix(name, "user.overlay.") && !WEAKENED(IMAGE_XATTR))
        return false; /* they would speak to overlayfs */
    return str_has_prefix(name, "user.") ||
           (WEAKENED(IMAGE_XATTR) && str_has_prefix(name, "trusted."));
}

static int set_xattrs(struct extraction *x, int fd, const char *path, struct err *err)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t len = 0;
    while (tar_xattr(x->tar, &name, &value, &len)) {
        if (!wanted_xattr(name) || len > XATTR_MAX)
            continue;
        if (fsetxattr(fd, name, value, len, 0) < 0 && errno != ENOTSUP)
            return err_errno(err, errno, "entry \"%.100s\": attribute %.60s", path, name);
    }
    return 0;
}

static int write_content(struct extraction *x, int fd, const struct tar_entry *entry,
                         const char *path, struct err *err)
{
    if (entry->size < 0 || entry->size > x->limits->bytes - x->written)
        return err_set(err, -EFBIG, "entry \"%.120s\": %lld bytes are more than there is room for",
                       path, (long long)entry->size);
    x->written += entry->size;
    const void *data = NULL;
    size_t len = 0;
    int64_t offset = 0;
    int more;
    while ((more = tar_read(x->tar, &data, &len, &offset, err)) > 0) {
        if (offset < 0 || offset + (int64_t)len > entry->size)
            return refuse(err, path, "it is longer than its header says");
        for (size_t at = 0; at < len;) {
            ssize_t n = pwrite(fd, (const char *)data + at, len - at, offset + (int64_t)at);
            if (n < 0 && errno != EINTR)
                return failed(err, path);
            at += n > 0 ? (size_t)n : 0;
        }
    }
    if (more == 0 && ftruncate(fd, entry->size) < 0) /* a hole at its end */
        return failed(err, path);
    return more;
}

/* The order matters: chown takes setuid and file capabilities away. */
static int set_meta(struct extraction *x, int fd, const struct tar_entry *entry, const char *path,
                    struct err *err)
{
    if (fchown(fd, (uid_t)entry->uid, (gid_t)entry->gid) < 0 || fchmod(fd, entry->mode) < 0)
        return failed(err, path);
    int rc = set_xattrs(x, fd, path, err);
    const struct timespec times[2] = {
        {.tv_nsec = UTIME_OMIT}, {.tv_sec = (time_t)entry->mtime_s, .tv_nsec = entry->mtime_ns}};
    if (rc == 0 && entry->type == TAR_FILE)
        (void)futimens(fd,
                       times); /* a time that the file system cannot hold is no reason to fail */
    return rc;
}

static int add_file(struct extraction *x, const struct tar_entry *entry, const char *path,
                    const char *name, struct err *err)
{
    autoclose int fd =
        openat(x->parent_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return failed(err, path);
    int rc = write_content(x, fd, entry, path, err);
    return rc < 0 ? rc : set_meta(x, fd, entry, path, err);
}

static int add_dir(struct extraction *x, const struct tar_entry *entry, const char *path,
                   const char *name, const struct way *way, struct err *err)
{
    if (!way->is_dir && mkdirat(x->parent_fd, name, 0700) < 0)
        return failed(err, path);
    autoclose int fd = openat(x->parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return failed(err, path);
    int rc = way->was_whiteout ? x->sink->mark(x->ctx, LAYER_OPAQUE, path) : 0;
    if (rc < 0)
        return err_errno(err, -rc, "entry \"%.120s\"", path);
    return set_meta(x, fd, entry, path, err);
}

static int set_owner_of_name(struct extraction *x, const struct tar_entry *entry, const char *path,
                             const char *name, struct err *err)
{
    if (fchownat(x->parent_fd, name, (uid_t)entry->uid, (gid_t)entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return failed(err, path);
    return 0;
}

static int add_symlink(struct extraction *x, const struct tar_entry *entry, const char *path,
                       const char *name, struct err *err)
{
    if (str_empty(entry->link) || strlen(entry->link) >= LAYER_PATH_MAX)
        return refuse(err, path, "a symbolic link to nothing, or too long");
    if (symlinkat(entry->link, x->parent_fd, name) < 0)
        return failed(err, path);
    return set_owner_of_name(x, entry, path, name, err);
}

static int add_fifo(struct extraction *x, const struct tar_entry *entry, const char *path,
                    const char *name, struct err *err)
{
    if (mkfifoat(x->parent_fd, name, 0600) < 0)
        return failed(err, path);
    int rc = set_owner_of_name(x, entry, path, name, err);
    if (rc == 0 && fchmodat(x->parent_fd, name, entry->mode, 0) < 0)
        rc = failed(err, path);
    return rc;
}

/* The target is a path of the layer, from its root, and is there already. */
static int add_hardlink(struct extraction *x, const struct tar_entry *entry, const char *path,
                        const char *name, struct err *err)
{
    char target[LAYER_PATH_MAX];
    enum layer_name kind = LAYER_ENTRY;
    int rc = layer_path(entry->link, &kind, target, err);
    if (rc < 0)
        return err_wrap(err, "hard link \"%.80s\"", path);
    if (kind != LAYER_ENTRY)
        return refuse(err, path, "a hard link to no file");
    if (str_eq(target, path))
        return 0;
    char *slash = strrchr(target, '/');
    if (slash)
        *slash = '\0';
    autoclose int folder = path_open_in(x->root_fd, slash ? target : ".", O_PATH | O_DIRECTORY, 0);
    if (folder < 0)
        return err_errno(err, -folder, "hard link \"%.80s\" to \"%.80s\"", path, entry->link);
    if (linkat(folder, slash ? slash + 1 : target, x->parent_fd, name, 0) < 0)
        return err_errno(err, errno, "hard link \"%.80s\" to \"%.80s\"", path, entry->link);
    return 0;
}

static void note_special(struct extraction *x, const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(special); i++)
        if (str_eq(special[i].path, path))
            x->seen[i] = true;
}

static int add_root(struct extraction *x, const struct tar_entry *entry, struct err *err)
{
    if (entry->type != TAR_DIR && !WEAKENED(IMAGE_ROOT_LINK)) /* CVE-2021-29136 */
        return refuse(err, entry->path, "the layer's root is not a folder");
    return set_meta(x, x->root_fd, entry, ".", err);
}

/* A container's devices come from the runtime, never from an image; sockets mean nothing. */
static bool left_out(enum tar_type type)
{
    return type == TAR_DEVICE || type == TAR_OTHER;
}

static int add_entry(struct extraction *x, const struct tar_entry *entry, const char *path,
                     struct err *err)
{
    struct way way = {0};
    if (left_out(entry->type))
        return 0;
    note_special(x, path);
    const char *name = open_parent(x, path, err);
    if (!name)
        return -EINVAL;
    bool to_itself = entry->type == TAR_HARDLINK && str_eq(entry->link, entry->path);
    int rc = to_itself ? 0 : make_way(x, name, entry->type == TAR_DIR, &way);
    if (rc < 0)
        return err_errno(err, -rc, "entry \"%.120s\"", path);
    switch (entry->type) {
    case TAR_DIR:
        return add_dir(x, entry, path, name, &way, err);
    case TAR_SYMLINK:
        return add_symlink(x, entry, path, name, err);
    case TAR_HARDLINK:
        return to_itself ? 0 : add_hardlink(x, entry, path, name, err);
    case TAR_FIFO:
        return add_fifo(x, entry, path, name, err);
    default:
        return add_file(x, entry, path, name, err);
    }
}

static int take_entry(struct extraction *x, const struct tar_entry *entry, struct err *err)
{
    char path[LAYER_PATH_MAX];
    enum layer_name kind = LAYER_ENTRY;
    if (++x->entries > x->limits->inodes && !WEAKENED(IMAGE_INODES))
        return err_set(err, -EFBIG, "more than %lld files", (long long)x->limits->inodes);
    if (entry->uid < 0 || entry->uid > ID_MAX || entry->gid < 0 || entry->gid > ID_MAX)
        return refuse(err, entry->path, "its owner is not a user id of 32 bits");
    int rc = layer_path(entry->path, &kind, path, err);
    if (rc < 0)
        return rc;
    switch (kind) {
    case LAYER_IGNORE:
        return 0;
    case LAYER_ROOT:
        return add_root(x, entry, err);
    case LAYER_ENTRY:
        return add_entry(x, entry, path, err);
    case LAYER_WHITEOUT:
        if (!open_parent(x, path, err)) /* so that the folder is there */
            return -EINVAL;
        break;
    case LAYER_OPAQUE: {
        autoclose int fd = path_mkdirs_in(x->root_fd, path[0] ? path : ".", 0755);
        if (fd < 0)
            return err_errno(err, -fd, "entry \"%.120s\"", entry->path);
        break;
    }
    }
    rc = x->sink->mark(x->ctx, kind, path);
    return rc < 0 ? err_errno(err, -rc, "entry \"%.120s\"", entry->path) : 0;
}

static int all_entries(struct extraction *x, struct err *err)
{
    struct tar_entry entry;
    int more;
    while ((more = tar_next(x->tar, &entry, err)) > 0) {
        int rc = take_entry(x, &entry, err);
        if (rc < 0)
            return rc;
    }
    const void *rest = NULL;
    ssize_t n = more;
    while (n >= 0 && (n = next_bytes(x, &rest, err)) > 0) {
        /* what stands behind the tar's end belongs to its digest */
    }
    return (int)n;
}

static void end_special(struct extraction *x)
{
    for (size_t i = 0; i < ARRAY_LEN(special); i++) {
        if (x->seen[i])
            continue;
        autoclose int fd =
            path_open_in(x->root_fd, special[i].path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0);
        if (fd >= 0)
            (void)fchmod(fd, special[i].mode);
    }
}

int extract(int blob_fd, int root_fd, const struct extract_limits *limits,
            const struct extract_sink *sink, void *ctx, struct extract_result *ret, struct err *err)
{
    cleanup(unzip_free) struct unzip *unzip = NULL;
    cleanup(tar_free) struct tar *tar = NULL;
    int rc = unzip_new(blob_fd, &unzip, err);
    if (rc < 0)
        return rc;
    autofree struct extraction *x = xcalloc(1, sizeof(*x));
    *x = (struct extraction){.limits = limits,
                             .sink = sink,
                             .ctx = ctx,
                             .root_fd = root_fd,
                             .unzip = unzip,
                             .sha = sha256_new(),
                             .parent_fd = -1};
    rc = tar_new(next_bytes, x, -1, &tar, err);
    x->tar = tar;
    if (rc == 0)
        rc = all_entries(x, err);
    uint8_t digest[SHA256_LEN];
    sha256_end(x->sha, digest);
    if (x->parent_fd >= 0)
        close(x->parent_fd);
    if (rc < 0)
        return rc;
    end_special(x);
    memcpy(ret->diff_id, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    hex_encode(digest, sizeof(digest), ret->diff_id + strlen(DIGEST_PREFIX));
    ret->bytes = x->written;
    ret->inodes = x->entries;
    return 0;
}
