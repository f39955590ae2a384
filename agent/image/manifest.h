#pragma once
/* What a registry or an archive says about an image: OCI image-spec 1.0 index, manifest and config,
 * and Docker's schema 2 of the same. All of it hostile until its digest is checked, and then still
 * capped. Pure. */

#include "agent/image/reference.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MANIFEST_MAX_BYTES (1024 * 1024)    /* a manifest, an index or a config */
#define MANIFEST_MAX_LAYERS 127             /* as Docker; overlayfs takes 500 */
#define MANIFEST_MAX_ENTRIES 512            /* of an index */
#define BLOB_MAX_BYTES (INT64_C(16) << 30)  /* one compressed layer */
#define IMAGE_MAX_BYTES (INT64_C(64) << 30) /* all compressed layers of an image */

/* The Accept header of a registry request. */
#define MANIFEST_ACCEPT                                                                            \
    "application/vnd.oci.image.index.v1+json, "                                                    \
    "application/vnd.docker.distribution.manifest.list.v2+json, "                                  \
    "application/vnd.oci.image.manifest.v1+json, "                                                 \
    "application/vnd.docker.distribution.manifest.v2+json"

struct platform {
    char os[16], arch[16], variant[16];
};

enum manifest_kind { MANIFEST_IMAGE, MANIFEST_INDEX };

struct descriptor {
    char digest[DIGEST_LEN + 1];
    int64_t size;             /* bytes, 0 to BLOB_MAX_BYTES */
    enum manifest_kind kind;  /* of an index' entry */
    struct platform platform; /* of an index' entry; "" if it does not say */
    char name[REFERENCE_MAX]; /* of an archive's entry (org.opencontainers.image.ref.name); "" */
};

struct manifest {
    enum manifest_kind kind;
    struct descriptor config; /* of an image */
    struct descriptor *items; /* an image's layers, lowest first, or an index' entries */
    size_t count;
};

/* content_type: what the registry called it, or NULL; it must then be what the document says it is
 * (CVE-2021-41190). -EINVAL with the reason. */
nodiscard int manifest_parse(const char *text, size_t len, const char *content_type,
                             struct manifest **ret, struct err *err);
void manifest_free(struct manifest *manifest);

#define PLATFORMS_MAX 8
/* What this program's processor runs, best first, from the machine's name (uname(2)): a 32-bit
 * program on a 64-bit kernel asks for 32-bit images. Returns how many. */
size_t platforms_host(const char *machine, struct platform ret[PLATFORMS_MAX]);
/* The same for any build: arch as OCI names it ("amd64", "arm64", "arm", "386", ...). */
size_t platforms_of(const char *arch, const char *machine, struct platform ret[PLATFORMS_MAX]);
/* The entry for the best of the platforms (borrowed from the index). An entry that does not say its
 * platform is taken when it is the only one. -ENOENT: there is none; the message says what there
 * is. */
nodiscard int manifest_choose(const struct manifest *index, const struct platform *platforms,
                              size_t count, const struct descriptor **ret, struct err *err);

/* What a container needs of a config. Strings are never NULL; lists are NULL-terminated. */
struct image_config {
    struct platform platform;
    char *user, *workdir;
    char **env, **entrypoint, **cmd, **volumes;
    int stop_signal; /* 0: none */
    char (*diff_ids)[DIGEST_LEN + 1];
    size_t diff_id_count;
};
/* layers: how many the manifest has; rootfs.diff_ids must be as many. */
nodiscard int image_config_parse(const char *text, size_t len, size_t layers,
                                 struct image_config **ret, struct err *err);
void image_config_free(struct image_config *config);
/* The number of a signal that a container is stopped by: "SIGUSR1", "USR1", "10", "RTMIN+3"; of "",
 * 0. -EINVAL. */
nodiscard int image_stop_signal(const char *text, int *ret, struct err *err);
/* 0, or -EINVAL if the image is for another processor or system. A config that does not say passes.
 */
nodiscard int image_config_fits(const struct image_config *config, const struct platform *platforms,
                                size_t count, struct err *err);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct manifest, manifest_free);
CLEANUP_DEFINE(struct image_config, image_config_free);
