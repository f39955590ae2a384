/* What we write, read by a program that no one here wrote: openssl. */

#include "test.h"

#include "common/base/str.h"
#include "common/crypto/cert.h"

#include <stdio.h>
#include <unistd.h>

struct fixture {
    char dir[32];
    char output[8192];
};

static void save(const struct fixture *fx, const char *name, const struct buf *data)
{
    char path[64];
    snprintf(path, sizeof(path), "%s/%s", fx->dir, name);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(data->data, 1, data->len, f), data->len);
    assert_int_equal(fclose(f), 0);
}

/* Runs a shell command in the test's folder; its exit code, its output in fx->output. */
static int run(struct fixture *fx, const char *command)
{
    char line[512];
    snprintf(line, sizeof(line), "cd %s && timeout 20 %s 2>&1", fx->dir, command);
    FILE *f = popen(line, "re");
    assert_non_null(f);
    size_t n = fread(fx->output, 1, sizeof(fx->output) - 1, f);
    fx->output[n] = 0;
    return pclose(f);
}

static void must(struct fixture *fx, const char *command, const char *says)
{
    if (run(fx, command) != 0 || !strstr(fx->output, says))
        fail_msg("%s: wanted \"%s\", said:\n%s", command, says, fx->output);
}

static int setup(void **state)
{
    static struct fixture fx = {.dir = "/tmp/limpet-openssl-XXXXXX"};
    *state = &fx;
    return mkdtemp(fx.dir) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *fx = *state;
    return run(fx, "rm -r ca.pem leaf.pem key.pem csr.pem public.pem data sig") | rmdir(fx->dir);
}

static void test_openssl__reads_what_we_write(void **state)
{
    struct fixture *fx = *state;
    static const char *const orgs[] = {"system:masters", "ops", NULL};
    static const char *const dns[] = {"gateway", "*.limpet.local", NULL};
    static const char *const ips[] = {"192.0.2.1", "2001:db8::1", NULL};
    struct cert_spec spec = {
        .common_name = "Limpet CA", .not_after_s = INT64_C(4102444800), .ca = true};
    cleanup(key_free) struct key *ca_key = NULL, *key = NULL, *sealing = NULL;
    cleanup(buf_done) struct buf ca = {0}, leaf = {0}, key_pem = {0}, public = {0}, csr = {0};
    assert_int_equal(key_generate(&ca_key, NULL), 0);
    assert_int_equal(key_generate(&key, NULL), 0);
    assert_int_equal(key_generate(&sealing, NULL), 0);
    assert_int_equal(cert_issue(&spec, ca_key, NULL, ca_key, &ca, NULL), 0);
    spec = (struct cert_spec){.common_name = "gw",
                              .organizations = orgs,
                              .dns = dns,
                              .ips = ips,
                              .not_before_s = 1600000000,
                              .not_after_s = 2500000000,
                              .server = true,
                              .client = true};
    assert_int_equal(cert_issue(&spec, key, ca.data, ca_key, &leaf, NULL), 0);
    assert_int_equal(key_write_private(key, &key_pem, NULL), 0);
    assert_int_equal(key_write_public(key, &public, NULL), 0);
    assert_int_equal(csr_write(key, "pi-01.0a1b2c3d", sealing, &csr, NULL), 0);
    uint8_t sig[SIGNATURE_MAX];
    size_t sig_len;
    assert_int_equal(key_sign(key, "hello\n", 6, sig, &sig_len, NULL), 0);
    save(fx, "ca.pem", &ca);
    save(fx, "leaf.pem", &leaf);
    save(fx, "key.pem", &key_pem);
    save(fx, "public.pem", &public);
    save(fx, "csr.pem", &csr);
    save(fx, "data", &(struct buf){.data = (char[]){"hello\n"}, .len = 6});
    save(fx, "sig", &(struct buf){.data = (char *)sig, .len = sig_len});

    if (run(fx, "openssl version") != 0)
        skip();
    must(fx, "openssl verify -x509_strict -CAfile ca.pem -purpose sslserver leaf.pem",
         "leaf.pem: OK");
    must(fx, "openssl verify -x509_strict -CAfile ca.pem -purpose sslclient leaf.pem",
         "leaf.pem: OK");
    must(fx, "openssl verify -CAfile ca.pem -verify_ip 192.0.2.1 leaf.pem", "OK");
    must(fx, "openssl verify -CAfile ca.pem -verify_ip 2001:db8::1 leaf.pem", "OK");
    must(fx, "openssl verify -CAfile ca.pem -verify_hostname x.limpet.local leaf.pem", "OK");
    assert_int_not_equal(run(fx, "openssl verify -CAfile ca.pem -verify_ip 192.0.2.2 leaf.pem"), 0);
    must(fx, "openssl x509 -in leaf.pem -noout -text", "O = system:masters, O = ops, CN = gw");
    must(fx, "openssl x509 -in leaf.pem -noout -text", "Digital Signature");
    must(fx, "openssl x509 -in ca.pem -noout -text", "CA:TRUE, pathlen:1");
    must(fx, "openssl pkey -in key.pem -check -noout", "Key is valid");
    must(fx, "openssl dgst -sha256 -verify public.pem -signature sig data", "Verified OK");
    must(fx, "openssl req -in csr.pem -verify -noout -text", "verify OK");
    must(fx, "openssl req -in csr.pem -noout -text",
         "2.25.156351618171903567508048484959849835643");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_openssl__reads_what_we_write),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
