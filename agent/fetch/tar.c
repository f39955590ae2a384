#include "agent/fetch/tar.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

#define BLOCK (64 * 1024)

struct unzip {
    struct archive *archive;
    char *block;
};

struct tar {
    struct archive *archive;
    struct archive_entry *entry;
    stream_fn *stream;
    void *ctx;
    struct err stream_err;
};

static int broken(struct archive *archive, const char *what, struct err *err)
{
    const char *text = archive_error_string(archive);
    return err_set(err, -EINVAL, "%s: %.160s", what, text ? text : "damaged");
}

/* Formats and filters that libarchive would hand to another program are not taken. */
static int add_filters(struct archive *archive)
{
    if (archive_read_support_filter_gzip(archive) != ARCHIVE_OK)
        return -ENOTSUP;
    (void)archive_read_support_filter_none(archive);
    /* A libarchive without it would start a program, which is refused to who reads here. */
    (void)archive_read_support_filter_zstd(archive);
    return 0;
}

int unzip_new(int fd, struct unzip **ret, struct err *err)
{
    cleanup(unzip_free) struct unzip *unzip = xcalloc(1, sizeof(*unzip));
    struct archive_entry *entry = NULL;
    unzip->archive = archive_read_new();
    unzip->block = xmalloc(BLOCK);
    if (!unzip->archive || add_filters(unzip->archive) < 0)
        return err_set(err, -ENOMEM, "cannot set up decompression");
    archive_read_support_format_raw(unzip->archive);
    archive_read_support_format_empty(unzip->archive);
    if (lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, errno, "cannot read the layer");
    if (archive_read_open_fd(unzip->archive, fd, BLOCK) != ARCHIVE_OK)
        return broken(unzip->archive, "cannot uncompress", err);
    int rc = archive_read_next_header(unzip->archive, &entry);
    if (rc != ARCHIVE_OK && rc != ARCHIVE_EOF)
        return broken(unzip->archive, "cannot uncompress", err);
    if (rc == ARCHIVE_EOF) {
        free(unzip->block);
        unzip->block = NULL;
    }
    *ret = steal(unzip);
    return 0;
}

ssize_t unzip_read(void *ctx, const void **ret_data, struct err *err)
{
    struct unzip *unzip = ctx;
    if (!unzip->block) /* nothing in it */
        return 0;
    la_ssize_t n = archive_read_data(unzip->archive, unzip->block, BLOCK);
    if (n < 0)
        return broken(unzip->archive, "cannot uncompress", err);
    *ret_data = unzip->block;
    return n;
}

int64_t unzip_eaten(struct unzip *unzip)
{
    return archive_filter_bytes(unzip->archive, -1);
}

void unzip_free(struct unzip *unzip)
{
    if (!unzip)
        return;
    archive_read_free(unzip->archive);
    free(unzip->block);
    free(unzip);
}

static la_ssize_t pull(struct archive *archive, void *ctx, const void **ret_data)
{
    struct tar *tar = ctx;
    ssize_t n = tar->stream(tar->ctx, ret_data, &tar->stream_err);
    if (n < 0)
        archive_set_error(archive, EIO, "%s", tar->stream_err.msg);
    return n < 0 ? ARCHIVE_FATAL : n;
}

int tar_new(stream_fn *stream, void *ctx, int fd, struct tar **ret, struct err *err)
{
    cleanup(tar_free) struct tar *tar = xcalloc(1, sizeof(*tar));
    tar->stream = stream;
    tar->ctx = ctx;
    tar->archive = archive_read_new();
    if (!tar->archive || archive_read_support_format_tar(tar->archive) != ARCHIVE_OK ||
        (!stream && add_filters(tar->archive) < 0))
        return err_set(err, -ENOMEM, "cannot set up reading of a tar archive");
    archive_read_support_format_empty(tar->archive);
    if (!stream && lseek(fd, 0, SEEK_SET) < 0)
        return err_errno(err, errno, "cannot read the archive");
    int rc = stream ? archive_read_open(tar->archive, tar, NULL, pull, NULL)
                    : archive_read_open_fd(tar->archive, fd, BLOCK);
    if (rc != ARCHIVE_OK)
        return broken(tar->archive, "not a tar archive", err);
    *ret = steal(tar);
    return 0;
}

static enum tar_type type_of(struct archive_entry *entry)
{
    static const struct {
        mode_t type;
        enum tar_type is;
    } types[] = {
        {AE_IFREG, TAR_FILE}, {AE_IFDIR, TAR_DIR},    {AE_IFLNK, TAR_SYMLINK},
        {AE_IFIFO, TAR_FIFO}, {AE_IFCHR, TAR_DEVICE}, {AE_IFBLK, TAR_DEVICE},
    };
    if (archive_entry_hardlink(entry))
        return TAR_HARDLINK;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (archive_entry_filetype(entry) == types[i].type)
            return types[i].is;
    return TAR_OTHER;
}

int tar_next(struct tar *tar, struct tar_entry *ret, struct err *err)
{
    int rc = archive_read_next_header(tar->archive, &tar->entry);
    if (rc == ARCHIVE_EOF)
        return 0;
    if (tar->stream_err.code < 0)
        return err_set(err, tar->stream_err.code, "%s", tar->stream_err.msg);
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return broken(tar->archive, "damaged tar archive", err);
    struct archive_entry *e = tar->entry;
    const char *path = archive_entry_pathname(e);
    if (!path)
        return err_set(err, -EINVAL, "damaged tar archive: an entry without a name");
    enum tar_type type = type_of(e);
    *ret = (struct tar_entry){
        .type = type,
        .path = path,
        .link = type == TAR_HARDLINK  ? archive_entry_hardlink(e)
                : type == TAR_SYMLINK ? archive_entry_symlink(e)
                                      : NULL,
        .mode = archive_entry_perm(e) & 07777,
        .uid = archive_entry_uid(e),
        .gid = archive_entry_gid(e),
        .size = archive_entry_size(e),
        .mtime_s = archive_entry_mtime(e),
        .mtime_ns = archive_entry_mtime_nsec(e),
    };
    archive_entry_xattr_reset(e);
    return 1;
}

int tar_read(struct tar *tar, const void **ret_data, size_t *ret_len, int64_t *ret_offset,
             struct err *err)
{
    la_int64_t offset = 0;
    int rc = archive_read_data_block(tar->archive, ret_data, ret_len, &offset);
    if (rc == ARCHIVE_EOF)
        return 0;
    if (tar->stream_err.code < 0)
        return err_set(err, tar->stream_err.code, "%s", tar->stream_err.msg);
    if (rc != ARCHIVE_OK && rc != ARCHIVE_WARN)
        return broken(tar->archive, "damaged tar archive", err);
    *ret_offset = offset;
    return 1;
}

bool tar_xattr(struct tar *tar, const char **ret_name, const void **ret_value, size_t *ret_len)
{
    return archive_entry_xattr_next(tar->entry, ret_name, ret_value, ret_len) == ARCHIVE_OK;
}

void tar_free(struct tar *tar)
{
    if (!tar)
        return;
    archive_read_free(tar->archive);
    free(tar);
}
