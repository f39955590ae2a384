#include "tools/cli/archive.h"

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK 512
#define NAME_MAX_LEN 4096
#define MAX_LINKS 8

struct entry {
    int64_t at, size;
    char *link; /* of a link: what it leads to, from the top; NULL: a file */
};

struct archive {
    int fd;            /* of the tar, or the folder */
    struct map *files; /* of a tar: struct entry; NULL: a folder */
    int *open;         /* of a folder: what was found */
    size_t open_count;
};

static void entry_free(void *thing)
{
    struct entry *entry = thing;
    free(entry->link);
    free(entry);
}

void archive_free(struct archive *archive)
{
    if (!archive)
        return;
    map_free(archive->files, entry_free);
    for (size_t i = 0; i < archive->open_count; i++)
        close(archive->open[i]);
    free(archive->open);
    if (archive->fd >= 0)
        close(archive->fd);
    free(archive);
}

/* ---- tar ---- */

/* What the entries before the next file say of it. */
struct pending {
    char *path, *link; /* NULL: as the header says */
    int64_t size;      /* -1: likewise */
};

static void pending_done(struct pending *pending)
{
    free(pending->path);
    free(pending->link);
    *pending = (struct pending){.size = -1};
}
CLEANUP_DEFINE_VALUE(struct pending, pending_done);

/* Octal digits, or (GNU) a big-endian number behind a first byte of 0x80. -EINVAL. */
static int read_number(const unsigned char *field, size_t len, int64_t *ret)
{
    int64_t value = 0;
    if (field[0] & 0x80) {
        for (size_t i = 0; i < len; i++) {
            unsigned char byte = i == 0 ? field[i] & 0x7f : field[i];
            if (value > INT64_MAX >> 8)
                return -EINVAL;
            value = value << 8 | byte;
        }
        *ret = value;
        return 0;
    }
    size_t i = 0;
    while (i < len && field[i] == ' ')
        i++;
    for (; i < len && field[i] >= '0' && field[i] <= '7'; i++)
        value = value * 8 + (field[i] - '0');
    if (i < len && field[i] != ' ' && field[i] != '\0')
        return -EINVAL;
    *ret = value;
    return 0;
}

static bool is_zero(const unsigned char *block)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (block[i])
            return false;
    return true;
}

static bool checksum_fits(const unsigned char *block)
{
    int64_t wanted, sum = 0;
    if (read_number(block + 148, 8, &wanted) != 0)
        return false;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return sum == wanted;
}

static char *text_of(const unsigned char *field, size_t len)
{
    return xstrndup((const char *)field, strnlen((const char *)field, len));
}

/* name, with the prefix that ustar keeps apart. */
static char *header_path(const unsigned char *block)
{
    autofree char *name = text_of(block, 100);
    if (memcmp(block + 257, "ustar", 6) != 0 || !block[345])
        return steal(name);
    autofree char *prefix = text_of(block + 345, 155);
    return xasprintf("%s/%s", prefix, name);
}

/* "21 path=some/file\n" for each word that pax knows. */
static int read_pax(const char *text, size_t len, struct pending *pending)
{
    for (size_t at = 0; at < len;) {
        char *end;
        unsigned long long size = strtoull(text + at, &end, 10);
        size_t digits = (size_t)(end - (text + at));
        if (digits == 0 || *end != ' ' || size <= digits + 2 || size > len - at ||
            text[at + size - 1] != '\n')
            return -EINVAL;
        autofree char *line = xstrndup(end + 1, size - digits - 2);
        char *value = strchr(line, '=');
        if (!value)
            return -EINVAL;
        *value++ = '\0';
        if (str_eq(line, "path")) {
            free(pending->path);
            pending->path = xstrdup(value);
        } else if (str_eq(line, "linkpath")) {
            free(pending->link);
            pending->link = xstrdup(value);
        } else if (str_eq(line, "size") &&
                   (str_to_i64(value, &pending->size) != 0 || pending->size < 0)) {
            return -EINVAL;
        }
        at += size;
    }
    return 0;
}

/* Without "./" and "/" in front and "/" behind. */
static const char *plain_name(char *name)
{
    size_t len = strlen(name);
    while (len > 0 && name[len - 1] == '/')
        name[--len] = '\0';
    while (*name == '/' || (name[0] == '.' && name[1] == '/'))
        name++;
    return name;
}

/* What a symbolic link in `from` leads to, from the top; NULL: out of the archive. Caller frees. */
static char *resolve(const char *from, const char *link)
{
    const char *slash = strrchr(from, '/');
    cleanup(buf_done) struct buf path = {0};
    if (*link != '/' && slash)
        (void)buf_add(&path, from, (size_t)(slash - from));
    for (const char *at = link; *at;) {
        size_t len = strcspn(at, "/");
        if (len == 2 && at[0] == '.' && at[1] == '.') {
            char *last = path.len ? strrchr(path.data, '/') : NULL;
            if (path.len == 0)
                return NULL;
            path.len = last ? (size_t)(last - path.data) : 0;
            path.data[path.len] = '\0';
        } else if (len > 0 && !(len == 1 && *at == '.')) {
            if (path.len > 0)
                (void)buf_addc(&path, '/');
            (void)buf_add(&path, at, len);
        }
        at += len + (at[len] == '/');
    }
    return xstrdup(buf_str(&path));
}

static void add_file(struct archive *archive, char type, char *path, const char *link, int64_t at,
                     int64_t size)
{
    const char *name = plain_name(path);
    bool is_link = type == '1' || type == '2';
    if (!is_link && type != '0' && type != '\0' && type != '7')
        return;
    struct entry *entry = xcalloc(1, sizeof(*entry));
    entry->at = at;
    entry->size = size;
    if (is_link)
        entry->link = type == '2' ? resolve(name, link) : resolve("", link);
    struct entry *old = map_put(archive->files, name, entry);
    if (old)
        entry_free(old);
    if (is_link && !entry->link)
        entry->link = xstrdup("");
}

/* A long name, or what pax says: its bytes. */
static int read_extra(const struct archive *archive, char type, int64_t at, int64_t size,
                      struct pending *pending)
{
    const struct piece piece = {archive->fd, at, size};
    cleanup(buf_done) struct buf text = {0};
    struct err err = {0};
    if (piece_read(&piece, type == 'x' ? (size_t)64 * 1024 : NAME_MAX_LEN, &text, &err) != 0)
        return -EINVAL;
    if (type == 'x')
        return read_pax(buf_str(&text), text.len, pending);
    char **name = type == 'L' ? &pending->path : &pending->link;
    free(*name);
    *name = xstrdup(buf_str(&text));
    return 0;
}

/* One header at *at; moves it behind the entry. 1, 0 at the end, -EINVAL. */
static int read_entry(struct archive *archive, int64_t end, int64_t *at, struct pending *pending)
{
    unsigned char block[BLOCK];
    int64_t size;
    if (end - *at < BLOCK)
        return *at == end ? 0 : -EINVAL;
    if (pread(archive->fd, block, BLOCK, *at) != BLOCK)
        return -EINVAL;
    if (is_zero(block))
        return 0;
    if (!checksum_fits(block) || read_number(block + 124, 12, &size) != 0)
        return -EINVAL;
    char type = (char)block[156];
    bool extra = type == 'x' || type == 'L' || type == 'K';
    if (!extra && pending->size >= 0)
        size = pending->size;
    if (type == '1' || type == '2')
        size = 0;
    int64_t from = *at + BLOCK;
    if (size > end - from)
        return -EINVAL;
    *at = from + (size + BLOCK - 1) / BLOCK * BLOCK;
    if (*at > end)
        *at = end;
    if (extra)
        return read_extra(archive, type, from, size, pending) == 0 ? 1 : -EINVAL;
    if (type == 'g') /* for all of them: nothing that is needed */
        return 1;
    autofree char *path = pending->path ? xstrdup(pending->path) : header_path(block);
    autofree char *link = pending->link ? xstrdup(pending->link) : text_of(block + 157, 100);
    add_file(archive, type, path, link, from, size);
    pending_done(pending);
    return 1;
}

static int read_tar(struct archive *archive, const char *path, struct err *err)
{
    cleanup(pending_done) struct pending pending = {.size = -1};
    struct stat st;
    int64_t at = 0;
    int r = 1;
    if (fstat(archive->fd, &st) < 0)
        return err_errno(err, errno, "%s", path);
    archive->files = map_new();
    while (r == 1 && map_len(archive->files) <= ARCHIVE_MAX_FILES)
        r = read_entry(archive, st.st_size, &at, &pending);
    if (r == 1)
        return err_set(err, -E2BIG, "%s: more than %d files are in it", path, ARCHIVE_MAX_FILES);
    if (r < 0 || map_len(archive->files) == 0)
        return err_set(err, -EINVAL, "%s: %s (a tar that is not compressed is wanted)", path,
                       at == 0 ? "it is no tar archive" : "it is damaged, or was cut");
    return 0;
}

/* ---- both ---- */

int archive_open(const char *path, struct archive **ret, struct err *err)
{
    cleanup(archive_free) struct archive *archive = xcalloc(1, sizeof(*archive));
    struct stat st;
    archive->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (archive->fd < 0 || fstat(archive->fd, &st) < 0)
        return err_errno(err, errno, "%s", path);
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "%s: neither a file nor a folder", path);
    int r = S_ISDIR(st.st_mode) ? 0 : read_tar(archive, path, err);
    if (r == 0)
        *ret = steal(archive);
    return r;
}

static int find_in_folder(struct archive *archive, const char *name, struct piece *ret)
{
    struct stat st;
    autoclose int fd = path_open_in(archive->fd, name, O_RDONLY | O_NONBLOCK, 0);
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return -ENOENT;
    archive->open = xreallocarray(archive->open, archive->open_count + 1, sizeof(*archive->open));
    *ret = (struct piece){fd, 0, st.st_size};
    archive->open[archive->open_count++] = steal_fd(&fd);
    return 0;
}

int archive_find(struct archive *archive, const char *name, struct piece *ret)
{
    if (!archive->files)
        return find_in_folder(archive, name, ret);
    for (int links = 0; links < MAX_LINKS; links++) {
        const struct entry *entry = map_get(archive->files, name);
        if (!entry)
            return -ENOENT;
        if (!entry->link) {
            *ret = (struct piece){archive->fd, entry->at, entry->size};
            return 0;
        }
        name = entry->link;
    }
    return -ENOENT;
}

int piece_read(const struct piece *piece, size_t max, struct buf *ret, struct err *err)
{
    if (piece->size > (int64_t)max)
        return err_set(err, -EFBIG, "larger than %zu bytes", max);
    size_t size = (size_t)piece->size;
    char *to = buf_reserve(ret, size + 1);
    if (!to || pread(piece->fd, to, size, piece->at) != piece->size)
        return err_set(err, -EIO, "cannot be read");
    to[size] = '\0';
    ret->len += size;
    return 0;
}

int archive_read(struct archive *archive, const char *name, size_t max, struct buf *ret,
                 struct err *err)
{
    struct piece piece;
    int r = archive_find(archive, name, &piece);
    if (r)
        return err_set(err, r, "%s: %s", name, r == -ENOENT ? "it is not there" : strerror(-r));
    r = piece_read(&piece, max, ret, err);
    return r ? err_wrap(err, "%s", name) : 0;
}

int piece_digest(const struct piece *piece, char ret[72], bool (*tick)(void *ctx), void *ctx,
                 struct err *err)
{
    enum { BIG = 256 * 1024 };
    uint8_t sum[SHA256_LEN];
    autofree char *block = xmalloc(BIG);
    struct sha256_ctx *sha = sha256_new();
    int r = 0;
    for (int64_t at = 0; r == 0 && at < piece->size;) {
        int64_t left = piece->size - at;
        ssize_t n = pread(piece->fd, block, left < BIG ? (size_t)left : BIG, piece->at + at);
        if (n <= 0)
            r = err_set(err, -EIO, "cannot be read");
        else if (tick && !tick(ctx))
            r = err_set(err, -ECANCELED, "ended");
        if (r == 0)
            sha256_add(sha, block, (size_t)n);
        at += n > 0 ? n : 0;
    }
    sha256_end(sha, sum);
    strcpy(ret, "sha256:");
    hex_encode(sum, sizeof(sum), ret + strlen(ret));
    return r;
}
