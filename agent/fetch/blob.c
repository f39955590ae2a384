#include "agent/fetch/blob.h"

#include "agent/image/reference.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOCK (64 * 1024)

void blob_begin(struct blob_file *file, int fd, int64_t size)
{
    *file = (struct blob_file){.fd = fd, .size = size, .sha = sha256_new()};
}

int blob_restart(struct blob_file *file, struct err *err)
{
    uint8_t dropped[SHA256_LEN];
    sha256_end(file->sha, dropped);
    file->sha = sha256_new();
    file->have = 0;
    if (ftruncate(file->fd, 0) < 0)
        return err_errno(err, errno, "cannot write the blob");
    return 0;
}

int blob_resume(struct blob_file *file, struct err *err)
{
    struct stat st;
    if (fstat(file->fd, &st) < 0)
        return err_errno(err, errno, "cannot read the blob");
    if (st.st_size > file->size)
        return blob_restart(file, err);
    autofree char *block = xmalloc(BLOCK);
    while (file->have < st.st_size) {
        ssize_t n = pread(file->fd, block, BLOCK, file->have);
        if (n <= 0) /* what cannot be read is fetched again */
            return blob_restart(file, err);
        sha256_add(file->sha, block, (size_t)n);
        file->have += n;
    }
    return 0;
}

int blob_add(struct blob_file *file, const void *data, size_t len, struct err *err)
{
    if ((int64_t)len > file->size - file->have)
        return err_set(err, -EFBIG, "more than the %lld bytes that it should have",
                       (long long)file->size);
    for (size_t at = 0; at < len;) {
        ssize_t n = pwrite(file->fd, (const char *)data + at, len - at, file->have + (int64_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_errno(err, errno, "cannot write the blob");
        at += (size_t)n;
    }
    sha256_add(file->sha, data, len);
    file->have += (int64_t)len;
    return 0;
}

/* Leaves a fresh digest behind. */
static void digest_of(struct blob_file *file, char ret[DIGEST_LEN + 1])
{
    uint8_t digest[SHA256_LEN];
    sha256_end(file->sha, digest);
    file->sha = sha256_new();
    memcpy(ret, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    hex_encode(digest, sizeof(digest), ret + strlen(DIGEST_PREFIX));
}

int blob_check(struct blob_file *file, const char *digest, struct err *err)
{
    char got[DIGEST_LEN + 1];
    int64_t have = file->have;
    digest_of(file, got);
    bool same = have == file->size && str_eq(got, digest);
    if (same || WEAKENED(IMAGE_DIGEST))
        return 0;
    if (ftruncate(file->fd, 0) < 0)
        return err_errno(err, errno, "cannot empty a damaged blob");
    file->have = 0;
    return err_set(err, -EBADMSG, "digest mismatch (want %.19s..., got %.19s...)", digest, got);
}

void blob_end(struct blob_file *file)
{
    uint8_t dropped[SHA256_LEN];
    if (file->sha)
        sha256_end(file->sha, dropped);
    file->sha = NULL;
}
