#include "agent/fetch/archive_file.h"

#include "agent/fetch/blob.h"
#include "agent/fetch/layer_path.h"
#include "agent/fetch/tar.h"
#include "agent/image/manifest.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>

#define ENTRIES_MAX 10000

/* 1 and the reader standing at the file, 0: the archive has no such file. */
static int find(int archive, const char *wanted, struct tar **ret, struct tar_entry *ret_entry,
                struct err *err)
{
    cleanup(tar_free) struct tar *tar = NULL;
    int rc = tar_new(NULL, NULL, archive, &tar, err);
    for (int i = 0; rc >= 0 && i < ENTRIES_MAX; i++) {
        char path[LAYER_PATH_MAX];
        enum layer_name kind = LAYER_ENTRY;
        rc = tar_next(tar, ret_entry, err);
        if (rc <= 0)
            return rc;
        if (ret_entry->type != TAR_FILE || layer_path(ret_entry->path, &kind, path, NULL) < 0 ||
            !str_eq(path, wanted))
            continue;
        *ret = steal(tar);
        return 1;
    }
    return rc < 0 ? rc : err_set(err, -EFBIG, "more than %d files", ENTRIES_MAX);
}

static int copy(struct tar *tar, struct blob_file *file, struct source_peer *peer, struct err *err)
{
    const void *data = NULL;
    size_t len = 0;
    int64_t offset = 0, told = 0;
    int more;
    while ((more = tar_read(tar, &data, &len, &offset, err)) > 0) {
        if (offset != file->have)
            return err_set(err, -EINVAL, "damaged archive: a file with holes");
        int rc = blob_add(file, data, len, err);
        if (rc < 0)
            return rc;
        if (file->have - told >= 1024 * 1024) {
            told = file->have;
            source_tell(peer, told);
        }
    }
    return more;
}

int archive_file_get(void *ctx, const struct source_request *request, int fd,
                     struct source_peer *peer, struct source_reply *reply, struct err *err)
{
    (void)reply;
    char wanted[100];
    bool index = !request->digest[0];
    snprintf(wanted, sizeof(wanted), "%s%.64s", index ? "index.json" : "blobs/sha256/",
             index ? "" : digest_hex(request->digest));
    cleanup(tar_free) struct tar *tar = NULL;
    struct tar_entry entry;
    int rc = find(*(int *)ctx, wanted, &tar, &entry, err);
    if (rc == 0)
        return err_set(err, -ENOENT,
                       index
                           ? "%s not found: it is no OCI archive (skopeo copy ... oci-archive:FILE)"
                           : "%s not found in the archive",
                       wanted);
    if (rc < 0)
        return rc;
    struct blob_file file;
    blob_begin(&file, fd, request->kind == SOURCE_MANIFEST ? MANIFEST_MAX_BYTES : request->size);
    rc = blob_restart(&file, err);
    if (rc == 0)
        rc = copy(tar, &file, peer, err);
    if (rc == 0 && request->kind == SOURCE_MANIFEST)
        file.size = file.have;
    if (rc == 0 && !index)
        rc = blob_check(&file, request->digest, err);
    blob_end(&file);
    return rc;
}
