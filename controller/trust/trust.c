#include "controller/trust/trust.h"

#include "common/base/clock.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/bus/enroll.h"

#include <errno.h>

#define PEM_MAX (64 * 1024)
#define YEAR_S (INT64_C(365) * 24 * 3600)
#define BACKDATE_S 3600                /* clocks of nodes differ */
#define EARLIEST_S INT64_C(1735689600) /* 2025-01-01 */

static char *file_in(const struct trust_spec *spec, const char *name)
{
    return xasprintf("%s/%s", spec->dir, name);
}

static int read_file(const struct trust_spec *spec, const char *name, char **ret, struct err *err)
{
    autofree char *path = file_in(spec, name);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    int rc = spec->disk->read(spec->disk, path, PEM_MAX, &text, err);
    if (rc == 0)
        *ret = buf_steal(&text, NULL);
    return rc;
}

static int write_file(const struct trust_spec *spec, const char *name, const char *text,
                      mode_t mode, struct err *err)
{
    autofree char *path = file_in(spec, name);
    return spec->disk->replace(spec->disk, path, text, strlen(text), mode, err);
}

/* From when and until when a certificate is valid. A gateway without a battery for its clock may be
 * in 1970 at its first start, or in the future: what it issues then must be good once the clock is
 * right. So validity begins no later than this release could exist, and its years are counted from
 * no earlier. */
static void set_validity(const struct clock *clock, int64_t valid_s, struct cert_spec *ret)
{
    int64_t now = clock_wall(clock) / NS_PER_S;
    int64_t before = now - BACKDATE_S < EARLIEST_S ? now - BACKDATE_S : EARLIEST_S;
    ret->not_before_s = before < 0 ? 0 : before;
    ret->not_after_s = (now < EARLIEST_S ? EARLIEST_S : now) + valid_s;
}

/* Keys. */

static int make_key(const struct trust_spec *spec, const char *name, struct key **ret,
                    struct err *err)
{
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    int rc = key_generate(&key, err);
    if (rc == 0)
        rc = key_write_private(key, &pem, err);
    if (rc == 0)
        rc = write_file(spec, name, buf_str(&pem), 0600, err);
    if (pem.len)
        crypto_wipe(pem.data, pem.len);
    if (rc == 0)
        *ret = steal(key);
    return rc;
}

/* Loads the key, or makes it. ret_pem may be NULL. */
static int open_key(const struct trust_spec *spec, const char *name, struct key **ret,
                    char **ret_pem, struct err *err)
{
    autofree char *pem = NULL;
    int rc = read_file(spec, name, &pem, err);
    if (rc == -ENOENT) {
        rc = make_key(spec, name, ret, err);
        if (rc == 0 && ret_pem)
            rc = read_file(spec, name, ret_pem, err);
        return rc;
    }
    if (rc == 0)
        rc = key_parse_private(pem, strlen(pem), ret, err);
    if (rc < 0) {
        (void)err_wrap(err, "%s/%s", spec->dir, name);
        return rc;
    }
    if (ret_pem)
        *ret_pem = xstrdup(pem);
    crypto_wipe(pem, strlen(pem));
    return 0;
}

/* Certificates. */

struct cert_plan {
    const char *file;
    struct cert_spec spec;
    const struct key *subject;
};

static int issue(const struct trust_spec *spec, const struct trust *trust,
                 const struct cert_plan *plan, char **ret, struct err *err)
{
    struct cert_spec cert = plan->spec;
    set_validity(spec->clock, (cert.ca ? 20 : 10) * YEAR_S, &cert);
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    int rc =
        cert_issue(&cert, plan->subject, cert.ca ? NULL : trust->ca_pem, trust->ca_key, &pem, err);
    if (rc == 0)
        rc = write_file(spec, plan->file, buf_str(&pem), 0600, err);
    if (rc == 0)
        *ret = buf_steal(&pem, NULL);
    return rc;
}

/* A certificate that is there, of our CA and for that key, is kept. */
static bool still_good(const struct trust *trust, const struct cert_plan *plan, const char *pem)
{
    struct err ignored = {0};
    struct cert_info info = {0};
    char id[SHA256_HEX + 1];
    if (cert_parse(pem, strlen(pem), &info, &ignored) < 0)
        return false;
    bool good = key_id(plan->subject, id, &ignored) == 0 && str_eq(id, info.key_id) &&
                (plan->spec.ca || cert_verify(pem, strlen(pem), trust->ca_pem,
                                              strlen(trust->ca_pem), -1, &ignored) == 0);
    cert_info_done(&info);
    return good;
}

static int open_cert(const struct trust_spec *spec, const struct trust *trust,
                     const struct cert_plan *plan, char **ret, struct err *err)
{
    autofree char *pem = NULL;
    int rc = read_file(spec, plan->file, &pem, err);
    if (rc == -ENOENT)
        return issue(spec, trust, plan, ret, err);
    if (rc < 0)
        return rc;
    if (!still_good(trust, plan, pem))
        return err_set(err, -EKEYREJECTED, "%s/%s: damaged, or not of this CA and key", spec->dir,
                       plan->file);
    *ret = steal(pem);
    return 0;
}

/* The names in the server's certificate: fixed ones and those asked for, each once. */
static const char **merge_names(const char *const *fixed, const char *const *more)
{
    struct map *seen = map_new();
    const char *const *const lists[] = {fixed, more};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; lists[l] && lists[l][i]; i++)
            (void)map_put(seen, lists[l][i], (void *)(uintptr_t)lists[l][i]);
    const char **names = xcalloc(map_len(seen) + 1, sizeof(*names));
    void *p;
    size_t n = 0;
    for (size_t i = 0; map_next(seen, &i, NULL, &p);)
        names[n++] = p;
    map_free(seen, NULL);
    return names;
}

static char *join_names(const char *const *dns, const char *const *ips)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    const char *const *const lists[] = {dns, ips};
    for (size_t l = 0; l < ARRAY_LEN(lists); l++)
        for (size_t i = 0; lists[l][i]; i++)
            (void)buf_addf(&text, "%s\n", lists[l][i]);
    return buf_steal(&text, NULL);
}

/* Made anew when the names have changed: server.names says for which it was made. */
static int open_server(const struct trust_spec *spec, struct trust *trust, struct err *err)
{
    static const char *const fixed_dns[] = {ENROLL_SERVER_NAME, "localhost", "kubernetes",
                                            "kubernetes.default.svc", NULL};
    static const char *const fixed_ips[] = {"127.0.0.1", "::1", NULL};
    autofree const char **dns = merge_names(fixed_dns, spec->dns);
    autofree const char **ips = merge_names(fixed_ips, spec->ips);
    autofree char *names = join_names(dns, ips);
    autofree char *before = NULL;
    const struct cert_plan plan = {
        "server.crt",
        {.common_name = ENROLL_SERVER_NAME, .dns = dns, .ips = ips, .server = true},
        trust->server_key,
    };
    struct err ignored = {0};
    if (read_file(spec, "server.names", &before, &ignored) == 0 && str_eq(before, names))
        return open_cert(spec, trust, &plan, &trust->server_pem, err);
    int rc = issue(spec, trust, &plan, &trust->server_pem, err);
    return rc < 0 ? rc : write_file(spec, "server.names", names, 0600, err);
}

static int open_certs(const struct trust_spec *spec, struct trust *trust, const struct key *admin,
                      struct err *err)
{
    static const char *const masters[] = {"system:masters", NULL};
    const struct cert_plan ca = {"ca.crt", {.common_name = "limpet-ca", .ca = true}, trust->ca_key};
    int rc = open_cert(spec, trust, &ca, &trust->ca_pem, err);
    if (rc == 0)
        rc = open_server(spec, trust, err);
    const struct {
        struct cert_plan plan;
        char **ret;
    } certs[] = {
        {{"signer.crt", {.common_name = ENROLL_CN_SIGNER}, trust->signer}, &trust->signer_pem},
        {{"sealing.crt", {.common_name = ENROLL_CN_SEALING}, trust->sealing}, &trust->sealing_pem},
        {{"admin.crt", {.common_name = "admin", .organizations = masters, .client = true}, admin},
         &trust->admin_pem},
    };
    for (size_t i = 0; i < ARRAY_LEN(certs) && rc == 0; i++)
        rc = open_cert(spec, trust, &certs[i].plan, certs[i].ret, err);
    return rc;
}

int trust_open(const struct trust_spec *spec, struct trust **ret, struct err *err)
{
    struct trust *trust = xcalloc(1, sizeof(*trust));
    cleanup(key_free) struct key *admin = NULL;
    const struct {
        const char *file;
        struct key **key;
        char **pem;
    } keys[] = {
        {"ca.key", &trust->ca_key, NULL},
        {"server.key", &trust->server_key, &trust->server_key_pem},
        {"signer.key", &trust->signer, NULL},
        {"sealing.key", &trust->sealing, NULL},
        {"service-accounts.key", &trust->accounts, NULL},
        {"admin.key", &admin, &trust->admin_key_pem},
    };
    int rc = spec->disk->mkdirs(spec->disk, spec->dir, 0700, err);
    for (size_t i = 0; i < ARRAY_LEN(keys) && rc == 0; i++)
        rc = open_key(spec, keys[i].file, keys[i].key, keys[i].pem, err);
    if (rc == 0)
        rc = open_certs(spec, trust, admin, err);
    if (rc < 0) {
        trust_free(trust);
        return rc;
    }
    *ret = trust;
    return 0;
}

static void wipe(char *pem)
{
    if (pem)
        crypto_wipe(pem, strlen(pem));
    free(pem);
}

void trust_free(struct trust *trust)
{
    if (!trust)
        return;
    struct key *const keys[] = {trust->ca_key, trust->server_key, trust->signer, trust->sealing,
                                trust->accounts};
    char *const pems[] = {trust->ca_pem,       trust->server_pem,  trust->server_key_pem,
                          trust->signer_pem,   trust->sealing_pem, trust->admin_pem,
                          trust->admin_key_pem};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        key_free(keys[i]);
    for (size_t i = 0; i < ARRAY_LEN(pems); i++)
        wipe(pems[i]);
    free(trust);
}

int trust_issue_client(const struct trust *trust, const struct clock *clock,
                       const char *common_name, const char *const *organizations,
                       const struct key *subject, int64_t valid_s, struct buf *ret_pem,
                       struct err *err)
{
    struct cert_spec spec = {
        .common_name = common_name, .organizations = organizations, .client = true};
    set_validity(clock, valid_s, &spec);
    return cert_issue(&spec, subject, trust->ca_pem, trust->ca_key, ret_pem, err);
}

/* Whether the gateway's own certificate holds none of these. */
static int check_not_own(const struct trust *trust, const char *const *names, struct err *err)
{
    for (const char *const *name = names; name && *name; name++) {
        bool own = false;
        int rc = cert_has_name(trust->server_pem, strlen(trust->server_pem), *name, &own, err);
        if (rc == 0 && own && !WEAKENED(SERVING_OWN_NAME))
            rc = err_set(err, -EPERM, "the name %.64s is the gateway's own", *name);
        if (rc < 0)
            return rc;
    }
    return 0;
}

int trust_issue_serving(const struct trust *trust, const struct clock *clock,
                        const struct trust_serving *serving, const struct key *subject,
                        int64_t valid_s, struct buf *ret_pem, struct err *err)
{
    struct cert_spec spec = {.common_name = serving->common_name,
                             .organizations = serving->organizations,
                             .dns = serving->dns,
                             .ips = serving->ips,
                             .server = true};
    int rc = check_not_own(trust, serving->dns, err);
    if (rc == 0)
        rc = check_not_own(trust, serving->ips, err);
    if (rc < 0)
        return rc;
    set_validity(clock, valid_s, &spec);
    return cert_issue(&spec, subject, trust->ca_pem, trust->ca_key, ret_pem, err);
}

void trust_ca_hash(const struct trust *trust, char ret[SHA256_HEX + 1])
{
    sha256_hex(trust->ca_pem, strlen(trust->ca_pem), ret);
}

int trust_kubeconfig(const struct trust *trust, const char *server, struct buf *ret)
{
    autofree char *ca = base64_encode(trust->ca_pem, strlen(trust->ca_pem));
    autofree char *cert = base64_encode(trust->admin_pem, strlen(trust->admin_pem));
    autofree char *key = base64_encode(trust->admin_key_pem, strlen(trust->admin_key_pem));
    return buf_addf(ret,
                    "apiVersion: v1\n"
                    "kind: Config\n"
                    "clusters:\n"
                    "- name: limpet\n"
                    "  cluster:\n"
                    "    server: %s\n"
                    "    certificate-authority-data: %s\n"
                    "users:\n"
                    "- name: admin\n"
                    "  user:\n"
                    "    client-certificate-data: %s\n"
                    "    client-key-data: %s\n"
                    "contexts:\n"
                    "- name: limpet\n"
                    "  context:\n"
                    "    cluster: limpet\n"
                    "    user: admin\n"
                    "    namespace: default\n"
                    "current-context: limpet\n",
                    server, ca, cert, key);
}
