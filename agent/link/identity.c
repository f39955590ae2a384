#include "agent/link/identity.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>

#define PEM_MAX (32 * 1024)

static char *file_in(const char *dir, const char *name)
{
    return xasprintf("%s/%s", dir, name);
}

static int read_pem(struct disk *disk, const char *dir, const char *name, struct buf *ret,
                    struct err *err)
{
    autofree char *path = file_in(dir, name);
    buf_init(ret, PEM_MAX);
    return disk->read(disk, path, PEM_MAX, ret, err);
}

static int write_pem(struct disk *disk, const char *dir, const char *name, const char *pem,
                     mode_t mode, struct err *err)
{
    autofree char *path = file_in(dir, name);
    return disk->replace(disk, path, pem, strlen(pem), mode, err);
}

static int load_key(struct disk *disk, const char *dir, const char *name, struct key **ret,
                    struct err *err)
{
    cleanup(buf_done) struct buf pem;
    int rc = read_pem(disk, dir, name, &pem, err);
    if (rc == 0)
        rc = key_parse_private(pem.data, pem.len, ret, err);
    if (pem.len)
        crypto_wipe(pem.data, pem.len);
    if (rc < 0)
        (void)err_wrap(err, "%s/%s", dir, name);
    return rc;
}

static int make_key(struct disk *disk, const char *dir, const char *name, struct key **ret,
                    struct err *err)
{
    int rc = load_key(disk, dir, name, ret, err);
    if (rc != -ENOENT)
        return rc;
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, PEM_MAX);
    rc = key_generate(&key, err);
    if (rc == 0)
        rc = key_write_private(key, &pem, err);
    if (rc == 0)
        rc = write_pem(disk, dir, name, buf_str(&pem), 0600, err);
    if (pem.len)
        crypto_wipe(pem.data, pem.len);
    if (rc == 0)
        *ret = steal(key);
    return rc;
}

int identity_keys(struct disk *disk, const char *dir, struct key **ret_identity,
                  struct key **ret_sealing, struct err *err)
{
    cleanup(key_free) struct key *identity = NULL;
    cleanup(key_free) struct key *sealing = NULL;
    int rc = disk->mkdirs(disk, dir, 0700, err);
    if (rc == 0)
        rc = make_key(disk, dir, "identity.key", &identity, err);
    if (rc == 0)
        rc = make_key(disk, dir, "sealing.key", &sealing, err);
    if (rc < 0)
        return rc;
    *ret_identity = steal(identity);
    *ret_sealing = steal(sealing);
    return 0;
}

int identity_store(struct disk *disk, const char *dir, const struct enroll_answer *answer,
                   struct err *err)
{
    const struct {
        const char *name, *pem;
    } files[] = {
        {"ca.crt", answer->ca_pem},
        {"signer.crt", answer->signer_pem},
        {"controller.crt", answer->sealing_pem},
        {"node.crt", answer->cert_pem},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        int rc = write_pem(disk, dir, files[i].name, files[i].pem, 0600, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* The key of a certificate that our CA made for that name. */
static int load_pinned(struct disk *disk, const char *dir, const char *name,
                       const char *common_name, const char *ca_pem, struct key **ret,
                       struct err *err)
{
    cleanup(buf_done) struct buf pem;
    int rc = read_pem(disk, dir, name, &pem, err);
    if (rc == 0)
        rc = cert_verify(pem.data, pem.len, ca_pem, strlen(ca_pem), -1, err);
    struct cert_info info = {0};
    if (rc == 0)
        rc = cert_parse(pem.data, pem.len, &info, err);
    if (rc == 0 && !str_eq(info.common_name, common_name))
        rc = err_set(err, -EKEYREJECTED, "is for %s, not %s", info.common_name, common_name);
    cert_info_done(&info);
    if (rc == 0)
        rc = cert_public_key(pem.data, pem.len, ret, err);
    if (rc < 0)
        (void)err_wrap(err, "%s/%s", dir, name);
    return rc;
}

static int load_cert(struct disk *disk, const char *dir, struct identity *id, struct err *err)
{
    cleanup(buf_done) struct buf pem;
    int rc = read_pem(disk, dir, "node.crt", &pem, err);
    if (rc < 0)
        return rc;
    struct cert_info info = {0};
    char own[SHA256_HEX + 1];
    rc = cert_parse(pem.data, pem.len, &info, err);
    if (rc == 0)
        rc = key_id(id->identity_key, own, err);
    if (rc == 0 && (!str_eq(info.key_id, own) || !topic_node_valid(info.common_name)))
        rc = err_set(err, -EKEYREJECTED, "%s/node.crt is not for this node's key", dir);
    if (rc == 0) {
        strcpy(id->node, info.common_name);
        id->not_before_s = info.not_before_s;
        id->not_after_s = info.not_after_s;
        id->cert_pem = buf_steal(&pem, NULL);
    }
    cert_info_done(&info);
    return rc;
}

int identity_load(struct disk *disk, const char *dir, struct identity **ret, struct err *err)
{
    cleanup(identity_free) struct identity *id = xcalloc(1, sizeof(*id));
    struct disk_stat st;
    autofree char *cert = file_in(dir, "node.crt");
    int rc = disk->stat(disk, cert, &st, err);
    if (rc < 0)
        return rc;
    rc = load_key(disk, dir, "identity.key", &id->identity_key, err);
    if (rc == 0)
        rc = load_key(disk, dir, "sealing.key", &id->sealing_key, err);
    cleanup(buf_done) struct buf ca;
    buf_init(&ca, 0);
    if (rc == 0)
        rc = read_pem(disk, dir, "ca.crt", &ca, err);
    if (rc == 0)
        id->ca_pem = buf_steal(&ca, NULL);
    if (rc == 0)
        rc = load_cert(disk, dir, id, err);
    if (rc == 0)
        rc = load_pinned(disk, dir, "signer.crt", ENROLL_CN_SIGNER, id->ca_pem, &id->signer, err);
    if (rc == 0)
        rc = load_pinned(disk, dir, "controller.crt", ENROLL_CN_SEALING, id->ca_pem,
                         &id->controller, err);
    if (rc < 0)
        /* "never enrolled" is only said of a missing certificate */
        return rc == -ENOENT ? err_set(err, -EBADMSG, "%s: incomplete", dir) : rc;
    *ret = steal(id);
    return 0;
}

void identity_free(struct identity *id)
{
    if (!id)
        return;
    key_free(id->identity_key);
    key_free(id->sealing_key);
    key_free(id->signer);
    key_free(id->controller);
    free(id->ca_pem);
    free(id->cert_pem);
    free(id);
}
