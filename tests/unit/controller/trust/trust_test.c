#include "controller/trust/trust.h"

#include "common/base/buf.h"
#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/bus/enroll.h"
#include "common/data/diag.h"
#include "common/data/value.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define YEAR_S (INT64_C(365) * 24 * 3600)
#define TODAY_S INT64_C(1800000000) /* in 2027 */

struct world {
    struct clock clock;
    int64_t wall_s;
    char dir[64];
    struct trust_spec spec;
    struct trust *trust;
    struct err err;
};

static int64_t wall_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->wall_s * NS_PER_S;
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->clock = (struct clock){.boot_ns = wall_ns, .wall_ns = wall_ns};
    world->wall_s = TODAY_S;
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-trust-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    world->spec =
        (struct trust_spec){.disk = disk_posix(), .dir = world->dir, .clock = &world->clock};
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    trust_free(world->trust);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), world->dir, &world->err), 0);
    free(world);
    return 0;
}

static void open_trust(struct world *world)
{
    trust_free(world->trust);
    world->trust = NULL;
    if (trust_open(&world->spec, &world->trust, &world->err) < 0)
        fail_msg("%s", world->err.msg);
}

static char *path_of(const struct world *world, const char *name)
{
    return xasprintf("%s/%s", world->dir, name);
}

static char *contents(struct world *world, const char *name)
{
    autofree char *path = path_of(world, name);
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(disk_posix()->read(disk_posix(), path, 65536, &text, &world->err), 0);
    return buf_steal(&text, NULL);
}

static const char *const files[] = {"ca.key",      "server.key", "signer.key",  "sealing.key",
                                    "admin.key",   "ca.crt",     "server.crt",  "signer.crt",
                                    "sealing.crt", "admin.crt",  "server.names"};

/* A restart changes nothing, whatever time it is by then. */
static void test_trust__restart(void **state)
{
    struct world *world = *state;
    char *before[ARRAY_LEN(files)];
    open_trust(world);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        autofree char *path = path_of(world, files[i]);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        before[i] = contents(world, files[i]);
    }
    world->wall_s += 30 * YEAR_S;
    open_trust(world);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        autofree char *after = contents(world, files[i]);
        assert_string_equal(after, before[i]);
        free(before[i]);
    }
}

static void expect_cert(struct world *world, const char *pem, const char *common_name,
                        const struct key *key)
{
    struct cert_info info = {0};
    char id[SHA256_HEX + 1];
    assert_int_equal(cert_parse(pem, strlen(pem), &info, &world->err), 0);
    assert_string_equal(info.common_name, common_name);
    if (key) {
        assert_int_equal(key_id(key, id, &world->err), 0);
        assert_string_equal(info.key_id, id);
    }
    cert_info_done(&info);
    if (cert_verify(pem, strlen(pem), world->trust->ca_pem, strlen(world->trust->ca_pem),
                    world->wall_s, &world->err) < 0)
        fail_msg("%s: %s", common_name, world->err.msg);
}

/* One key a purpose, each certificate for its own. */
static void test_trust__certificates(void **state)
{
    struct world *world = *state;
    open_trust(world);
    const struct trust *t = world->trust;
    expect_cert(world, t->server_pem, ENROLL_SERVER_NAME, t->server_key);
    expect_cert(world, t->signer_pem, ENROLL_CN_SIGNER, t->signer);
    expect_cert(world, t->sealing_pem, ENROLL_CN_SEALING, t->sealing);
    expect_cert(world, t->admin_pem, "admin", NULL);
    const struct key *const keys[] = {t->ca_key, t->server_key, t->signer, t->sealing};
    char ids[ARRAY_LEN(keys)][SHA256_HEX + 1];
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_int_equal(key_id(keys[i], ids[i], &world->err), 0);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(ids[i], ids[k]);
    }
}

/* Another name or address: a new server certificate under the old key; all else stays. */
static void test_trust__names(void **state)
{
    static const char *const dns[] = {"gw.example", NULL}, *const ips[] = {"10.1.2.3", NULL};
    struct world *world = *state;
    open_trust(world);
    autofree char *server = xstrdup(world->trust->server_pem);
    autofree char *ca = xstrdup(world->trust->ca_pem), *key = contents(world, "server.key");
    world->spec.dns = dns;
    world->spec.ips = ips;
    open_trust(world);
    autofree char *renewed = xstrdup(world->trust->server_pem),
                  *key_after = contents(world, "server.key");
    assert_string_not_equal(renewed, server);
    assert_string_equal(world->trust->ca_pem, ca);
    assert_string_equal(key_after, key);
    expect_cert(world, renewed, ENROLL_SERVER_NAME, world->trust->server_key);
    open_trust(world);
    assert_string_equal(world->trust->server_pem, renewed);
    static const char *const bad[] = {"not an address", NULL};
    struct trust *refused = NULL;
    world->spec.ips = bad;
    assert_true(trust_open(&world->spec, &refused, &world->err) < 0);
    assert_null(refused);
    world->spec.ips = ips; /* the refusal changed nothing */
    open_trust(world);
    assert_string_equal(world->trust->server_pem, renewed);
}

/* Whatever file is damaged, exchanged or cut off: refused by name, and nothing is made in its
 * place. */
static void test_trust__damaged(void **state)
{
    struct world *world = *state;
    open_trust(world);
    autofree char *other = contents(world, "admin.crt");
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        autofree char *good = contents(world, files[i]);
        autofree char *cut = xstrndup(good, strlen(good) / 2), *path = path_of(world, files[i]);
        const char *const bad[] = {cut, "", "garbage", other};
        for (size_t k = 0; k < ARRAY_LEN(bad) && !str_eq(files[i], "server.names"); k++) {
            if (str_eq(good, bad[k]))
                continue;
            struct trust *trust = NULL;
            assert_int_equal(disk_posix()->replace(disk_posix(), path, bad[k], strlen(bad[k]), 0600,
                                                   &world->err),
                             0);
            int rc = trust_open(&world->spec, &trust, &world->err);
            if (rc >= 0 || !strstr(world->err.msg, files[i]))
                fail_msg("%s as %zu: %d %s", files[i], k, rc, world->err.msg);
            autofree char *after = contents(world, files[i]);
            assert_string_equal(after, bad[k]);
        }
        assert_int_equal(
            disk_posix()->replace(disk_posix(), path, good, strlen(good), 0600, &world->err), 0);
    }
    open_trust(world);
}

/* A gateway whose clock was wrong at its first start is no worse for it. */
static void test_trust__wrong_clock(void **state)
{
    static const int64_t starts[] = {0, 100, TODAY_S + 40 * YEAR_S};
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        assert_int_equal(i == 0 ? 0 : teardown(state) | setup(state), 0);
        struct world *world = *state;
        world->wall_s = starts[i];
        open_trust(world);
        cleanup(buf_done) struct buf pem;
        buf_init(&pem, 0);
        static const char *const groups[] = {"system:nodes", NULL};
        assert_int_equal(trust_issue_client(world->trust, &world->clock, "pi.01234567", groups,
                                            world->trust->server_key, YEAR_S, &pem, &world->err),
                         0);
        const int64_t then[] = {starts[i] > TODAY_S ? starts[i] : 100, INT64_C(1735689700)};
        for (size_t k = 0; k < ARRAY_LEN(then); k++) {
            world->wall_s = then[k];
            expect_cert(world, world->trust->server_pem, ENROLL_SERVER_NAME, NULL);
            expect_cert(world, pem.data, "pi.01234567", NULL);
        }
        world->wall_s = TODAY_S + 5 * YEAR_S;
        expect_cert(world, world->trust->server_pem, ENROLL_SERVER_NAME, NULL);
    }
}

static void test_trust__kubeconfig(void **state)
{
    struct world *world = *state;
    open_trust(world);
    cleanup(buf_done) struct buf text;
    cleanup(diags_done) struct diags diags;
    cleanup(value_free) struct value *v = NULL;
    buf_init(&text, 0);
    diags_init(&diags);
    assert_int_equal(trust_kubeconfig(world->trust, "https://[::1]:6443", &text), 0);
    assert_int_equal(yaml_parse(text.data, text.len, &v, &diags), 0);
    const struct value *cluster = value_get(value_at(value_get(v, "clusters"), 0), "cluster");
    assert_string_equal(value_get_str(cluster, "server"), "https://[::1]:6443");
    autofree char *ca = base64_encode(world->trust->ca_pem, strlen(world->trust->ca_pem));
    assert_string_equal(value_get_str(cluster, "certificate-authority-data"), ca);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_trust__restart), TEST(test_trust__certificates), TEST(test_trust__names),
        TEST(test_trust__damaged), TEST(test_trust__wrong_clock),  TEST(test_trust__kubeconfig),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
