#include "tools/cli/kubeconfig.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define CLUSTERS                                                                                   \
    "clusters: [{name: c, cluster: {server: 'https://gw:6443/', certificate-authority-data: Q0E=}}]\n"
#define USERS                                                                                      \
    "users: [{name: u, user: {client-certificate-data: Q0VSVA==, client-key-data: S0VZ}}, "        \
    "{name: t, user: {token: geheim}}, {name: f, user: {client-certificate: x.pem, client-key: "   \
    "/k.pem, tokenFile: t}}]\n"
#define CONTEXTS                                                                                   \
    "contexts: [{name: one, context: {cluster: c, user: u, namespace: shop}}, {name: two, "        \
    "context: {cluster: c, user: t}}, {name: files, context: {cluster: c, user: f}}]\n"

static struct kubeconfig *parse(const char *text, const char *context)
{
    struct kubeconfig *config = NULL;
    struct err err = {0};
    assert_int_equal(kubeconfig_parse(text, strlen(text), "/etc/x/admin", context, &config, &err),
                     0);
    return config;
}

static void test_kubeconfig__context_leads_to_server_and_user(void **state)
{
    (void)state;
    cleanup(kubeconfig_free) struct kubeconfig *one =
        parse(CLUSTERS USERS CONTEXTS "current-context: one\n", NULL);
    assert_string_equal(one->server, "https://gw:6443");
    assert_string_equal(one->ca_pem, "CA");
    assert_string_equal(one->cert_pem, "CERT");
    assert_string_equal(one->key_pem, "KEY");
    assert_string_equal(one->ns, "shop");
    assert_null(one->token);
    assert_false(one->insecure);
    cleanup(kubeconfig_free) struct kubeconfig *two =
        parse(CLUSTERS USERS CONTEXTS "current-context: one\n", "two");
    assert_string_equal(two->token, "geheim");
    assert_string_equal(two->ns, "default");
    assert_null(two->key_pem);
}

static void test_kubeconfig__files_stand_beside_it(void **state)
{
    (void)state;
    cleanup(kubeconfig_free) struct kubeconfig *config = parse(CLUSTERS USERS CONTEXTS, "files");
    assert_string_equal(config->cert_file, "/etc/x/x.pem");
    assert_string_equal(config->key_file, "/k.pem");
    assert_string_equal(config->token_file, "/etc/x/t");
}

static void test_kubeconfig__mistakes_are_named(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"a: ]", "/etc/x/admin:1: not YAML"},
        {CLUSTERS USERS CONTEXTS, "/etc/x/admin: current-context: missing"},
        {CLUSTERS USERS CONTEXTS "current-context: three",
         "/etc/x/admin: contexts: there is none called 'three'"},
        {USERS CONTEXTS "current-context: one", "/etc/x/admin: clusters: there is none called 'c'"},
        {CLUSTERS CONTEXTS "current-context: one", "/etc/x/admin: users: there is none called 'u'"},
        {"clusters: [{name: c, cluster: {server: 'http://gw'}}]\n" USERS CONTEXTS
         "current-context: one",
         "/etc/x/admin: cluster: server: 'http://gw': must be https://HOST:PORT"},
        {"clusters: [{name: c, cluster: {server: 'https://gw', certificate-authority-data: "
         "'*'}}]\n" USERS CONTEXTS "current-context: one",
         "/etc/x/admin: certificate-authority-data: not base64 of PEM"},
        {CLUSTERS "users: [{name: u, user: {exec: {command: x}}}]\n" CONTEXTS
                  "current-context: one",
         "/etc/x/admin: user: exec: only certificates, tokens and passwords serve"},
        {"hello", "/etc/x/admin: current-context: missing"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kubeconfig *config = NULL;
        struct err err = {0};
        assert_int_equal(kubeconfig_parse(cases[i].text, strlen(cases[i].text), "/etc/x/admin",
                                          NULL, &config, &err),
                         -EINVAL);
        assert_null(config);
        assert_true(str_has_prefix(err.msg, cases[i].message));
    }
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_kubeconfig__environment_says_which(void **state)
{
    char dir[] = "/tmp/kubeconfig-XXXXXX", path[64], list[128];
    struct err err = {0};
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/config", dir);
    snprintf(list, sizeof(list), "%s/missing:%s", dir, path);
    write_file(path, CLUSTERS USERS CONTEXTS "current-context: two\n");
    unsetenv("LIMPET_KUBECONFIG");
    setenv("KUBECONFIG", list, 1);
    cleanup(kubeconfig_free) struct kubeconfig *listed = NULL;
    assert_int_equal(kubeconfig_load(NULL, NULL, &listed, &err), 0);
    assert_string_equal(listed->token, "geheim");
    assert_string_equal(listed->file, path);
    /* Ours goes before, and must exist. */
    setenv("LIMPET_KUBECONFIG", "/nowhere/config", 1);
    cleanup(kubeconfig_free) struct kubeconfig *none = NULL;
    assert_int_equal(kubeconfig_load(NULL, NULL, &none, &err), -ENOENT);
    assert_string_equal(err.msg, "/nowhere/config ($LIMPET_KUBECONFIG): no such file");
    /* And what is given goes before both. */
    cleanup(kubeconfig_free) struct kubeconfig *given = NULL;
    assert_int_equal(kubeconfig_load(path, "one", &given, &err), 0);
    assert_string_equal(given->ns, "shop");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
}

static void test_kubeconfig__named_files_are_read(void **state)
{
    char dir[] = "/tmp/kubeconfig-XXXXXX", path[64], token[64];
    struct err err = {0};
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/config", dir);
    snprintf(token, sizeof(token), "%s/t", dir);
    write_file(path, CLUSTERS "users: [{name: u, user: {tokenFile: t}}]\n" CONTEXTS
                              "current-context: one\n");
    cleanup(kubeconfig_free) struct kubeconfig *missing = NULL;
    assert_true(kubeconfig_load(path, NULL, &missing, &err) < 0);
    assert_non_null(strstr(err.msg, token));
    write_file(token, "abc\n");
    cleanup(kubeconfig_free) struct kubeconfig *config = NULL;
    assert_int_equal(kubeconfig_load(path, NULL, &config, &err), 0);
    assert_string_equal(config->token, "abc");
    assert_int_equal(unlink(path), 0);
    assert_int_equal(unlink(token), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kubeconfig__context_leads_to_server_and_user),
        cmocka_unit_test(test_kubeconfig__files_stand_beside_it),
        cmocka_unit_test(test_kubeconfig__mistakes_are_named),
        cmocka_unit_test(test_kubeconfig__environment_says_which),
        cmocka_unit_test(test_kubeconfig__named_files_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
