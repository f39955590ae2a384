#include "agent/image/credentials.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define JSON "kubernetes.io/dockerconfigjson", ".dockerconfigjson"
#define CFG "kubernetes.io/dockercfg", ".dockercfg"

static int add(struct credentials *c, const char *type, const char *key, const char *config,
               struct err *err)
{
    cleanup(value_free) struct value *secret = value_new_map();
    autofree char *data = base64_encode(config, strlen(config));
    value_set_str(value_set(secret, "metadata", value_new_map()), "name", "pull");
    value_set_str(secret, "type", type);
    value_set_str(value_set(secret, "data", value_new_map()), key, data);
    return credentials_add_secret(c, secret, err);
}

static void test_credentials__secrets(void **state)
{
    (void)state;
    static const struct {
        const char *type, *key, *config, *username, *password; /* NULL: refused */
    } cases[] = {
        {JSON, "{\"auths\":{\"r\":{\"username\":\"u\",\"password\":\"p\"}}}", "u", "p"},
        {JSON, "{\"auths\":{\"r\":{\"auth\":\"dTpwOnE=\"}}}", "u", "p:q"},
        {JSON, "{\"auths\":{\"r\":{\"auth\":\"dTpwOnE\"}}}", "u", "p:q"}, /* not padded */
        {JSON, "{\"auths\":{\"r\":{\"username\":\"v\",\"auth\":\"dTpw\"}}}", "u", "p"},
        {CFG, "{\"r\":{\"username\":\"u\",\"password\":\"p\",\"email\":\"e\"}}", "u", "p"},
        {JSON, "{\"auths\":{\"r\":{\"auth\":\"dTpwAAAA\"}}}", "u", "p"}, /* ends at a NUL */
        {JSON, "{\"auths\":{}}", "", ""},
        {JSON, "{\"auths\":{\"r\":{\"identitytoken\":\"x\"}}}", "", ""},
        {JSON, "{\"auths\":{\"r\":{\"auth\":\"dXA=\"}}}", NULL, NULL}, /* no colon */
        {JSON, "{\"auths\":{\"r\":{\"auth\":\"%\"}}}", NULL, NULL},
        {JSON, "{\"auths\":{\"r\":7}}", NULL, NULL},
        {JSON, "{\"auths\":{\"r\":{\"username\":\"a:b\",\"password\":\"p\"}}}", NULL, NULL},
        {JSON, "hunter2", NULL, NULL},
        {JSON, "[]", NULL, NULL},
        {"Opaque", ".dockerconfigjson", "{\"auths\":{}}", NULL, NULL},
        {"kubernetes.io/dockerconfigjson", ".dockercfg", "{}", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(credentials_done) struct credentials c = {0};
        struct err err = {0};
        int rc = add(&c, cases[i].type, cases[i].key, cases[i].config, &err);
        assert_int_equal(rc, cases[i].username ? 0 : -EINVAL);
        if (rc < 0) {
            assert_non_null(strstr(err.msg, "pull secret pull: "));
            assert_null(strstr(err.msg, "hunter2")); /* nothing of a secret is told */
        } else if (cases[i].username[0]) {
            assert_int_equal(c.count, 1);
            assert_string_equal(c.items[0].username, cases[i].username);
            assert_string_equal(c.items[0].password, cases[i].password);
        } else {
            assert_int_equal(c.count, 0);
        }
    }
}

/* Whether a key is for registry/repository, as Kubernetes says. */
static void test_credentials__keys(void **state)
{
    (void)state;
    static const struct {
        const char *key, *registry, *repository;
        bool fits;
    } cases[] = {
        {"reg.local", "reg.local", "a/b", true},
        {"https://reg.local", "reg.local", "a", true},
        {"https://reg.local/v2/", "reg.local", "a", true},
        {"REG.local", "reg.local", "a", true},
        {"reg.local:5000", "reg.local", "a", false},
        {"reg.local", "reg.local:5000", "a", false},
        {"reg.local:5000", "reg.local:5000", "a", true},
        {"reg.local/team", "reg.local", "team/app", true},
        {"reg.local/team", "reg.local", "other/app", false},
        {"reg.local/team/app", "reg.local", "team", false},
        {"*.local", "reg.local", "a", true},
        {"*.local", "x.reg.local", "a", false},
        {"*.*.local", "x.reg.local", "a", true},
        {"*", "reg.local", "a", false},
        {"*.local", "reg.evil", "a", false},
        {"r?g.local", "reg.local", "a", true},
        {"prefix*.io", "prefix-7.io", "a", true},
        {"*a*a*a*a*a*a*a*a*a*b.io", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.io", "a",
         false},
        {"*.local:5000", "reg.local:5000", "a", true},
        {"reg.local.evil", "reg.local", "a", false},
        {"reg.local", "reg.local.evil", "a", false},
        {"https://index.docker.io/v1/", "docker.io", "library/busybox", true},
        {"index.docker.io", "docker.io", "me/app", true},
        {"docker.io/me", "docker.io", "library/busybox", false},
        {"[::1]:5000", "[::1]:5000", "a", true},
        {"[::1]", "[::1]:5000", "a", false},
        {"", "reg.local", "a", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(credentials_done) struct credentials c = {0};
        const struct credential *fit[CREDENTIALS_TRIED_MAX];
        char config[512];
        snprintf(config, sizeof(config), "{\"%s\":{\"username\":\"u\",\"password\":\"p\"}}",
                 cases[i].key);
        assert_int_equal(add(&c, CFG, config, NULL), 0);
        if (credentials_match(&c, cases[i].registry, cases[i].repository, fit) != cases[i].fits)
            fail_msg("%s and %s/%s", cases[i].key, cases[i].registry, cases[i].repository);
    }
}

static void test_credentials__longest_first(void **state)
{
    (void)state;
    cleanup(credentials_done) struct credentials c = {0}, copy = {0};
    const struct credential *fit[CREDENTIALS_TRIED_MAX];
    assert_int_equal(add(&c, CFG,
                         "{\"r.io\":{\"username\":\"host\"},\"r.io/a\":{\"username\":\"team\"},"
                         "\"q.io\":{\"username\":\"other\"}}",
                         NULL),
                     0);
    assert_int_equal(add(&c, CFG,
                         "{\"r.io/a/b\":{\"username\":\"app\"},\"r.io\":{\"username\":\"later\"}}",
                         NULL),
                     0);
    static const char *const want[] = {"app", "team", "host", "later"};
    assert_int_equal(credentials_match(&c, "r.io", "a/b", fit), ARRAY_LEN(want));
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        assert_string_equal(fit[i]->username, want[i]);
    credentials_copy(&c, &copy);
    assert_true(credentials_equal(&c, &copy));
    free(copy.items[0].password);
    copy.items[0].password = xstrdup("x");
    assert_false(credentials_equal(&c, &copy));
}

static void test_credentials__bounded(void **state)
{
    (void)state;
    cleanup(credentials_done) struct credentials c = {0};
    cleanup(buf_done) struct buf text;
    struct err err = {0};
    buf_init(&text, 0);
    for (int i = 0; i <= CREDENTIALS_MAX; i++)
        (void)buf_addf(&text, "%s\"r%d\":{\"username\":\"u\"}", i ? "," : "{", i);
    (void)buf_addstr(&text, "}");
    assert_int_equal(add(&c, CFG, buf_str(&text), &err), -EINVAL);
    assert_non_null(strstr(err.msg, "more than 256"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials__secrets),
        cmocka_unit_test(test_credentials__keys),
        cmocka_unit_test(test_credentials__longest_first),
        cmocka_unit_test(test_credentials__bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
