#include "agent/image/registries.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_registries__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *message; /* NULL: fine */
    } cases[] = {
        {"", NULL},
        {"\n", NULL},
        {"mirrors:\n", NULL},
        {"mirrors: {r.io: {endpoint: ['https://m:5000', 'http://n/v2/x']}}\n", NULL},
        {"configs: {'m:5000': {tls: {ca_file: /ca, insecure_skip_verify: true}}}\n", NULL},
        {"configs: {m: {auth: {auth: dTpw}}, '*': {tls: {ca_file: /x}}}\n", NULL},
        {"mirors: {}\n", "f:1: mirors: unknown key"},
        {"configs:\n  m:\n    auth:\n      user: x\n", "f:4: configs.m.auth.user: unknown key"},
        {"configs:\n  m:\n    tls:\n      ca_file: x.pem\n",
         "f:4: configs.m.tls.ca_file: must be an absolute path"},
        {"configs: {m: {auth: {auth: hunter2}}}\n",
         "f:1: configs.m.auth.auth: must be the base64 of user:password"},
        {"configs: {m: {auth: {password: 7}}}\n", "f:1: configs.m.auth.password: must be a string"},
        {"configs: {m: {tls: {insecure_skip_verify: maybe}}}\n",
         "f:1: configs.m.tls.insecure_skip_verify: must be true or false"},
        {"configs: {'*': {auth: {username: u, password: p}}}\n",
         "f:1: configs.*.auth: a password is for one registry"},
        {"mirrors: {r.io: {endpoint: ['m:5000']}}\n",
         "f:1: mirrors.r.io.endpoint: must be URLs: http:// or https://, a host, maybe a port and "
         "a path"},
        {"mirrors: {r.io: {endpoint: ['https://u:p@m']}}\n",
         "f:1: mirrors.r.io.endpoint: must be URLs: http:// or https://, a host, maybe a port and "
         "a path"},
        {"mirrors: {r.io: {endpoint: x}}\n",
         "f:1: mirrors.r.io.endpoint: must be a list of at most 8 URLs"},
        {"mirrors: {r.io: {endpoint: [], rewrite: {}}}\n",
         "f:1: mirrors.r.io.rewrite: unknown key"},
        {"mirrors: 7\n", "f:1: mirrors: must be a map"},
        {"- a\n", "f:1: must be a map"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *doc = NULL;
        struct err err = {0};
        int rc = registries_parse("f", cases[i].text, strlen(cases[i].text), &doc, &err);
        assert_int_equal(rc, cases[i].message ? -EINVAL : 0);
        assert_string_equal(err.msg, cases[i].message ? cases[i].message : "");
    }
}

static void test_registries__endpoints(void **state)
{
    (void)state;
    static const char file[] =
        "mirrors:\n"
        "  docker.io: {endpoint: ['https://m.local:5000', 'http://n.local/v2/hub/']}\n"
        "  '*': {endpoint: ['https://all.local/']}\n"
        "  own.io: {}\n"
        "configs:\n"
        "  'm.local:5000': {auth: {username: node, password: np}, tls: {ca_file: /ca, cert_file: "
        "/c, key_file: /k}}\n"
        "  registry-1.docker.io: {auth: {auth: aHViOmhw}}\n"
        "  '*': {tls: {insecure_skip_verify: true}}\n";
    static const struct {
        const char *image, *endpoints;
    } cases[] = {
        /* The pod's first, each place its own alone. */
        {"busybox",
         "[{\"caFile\":\"/ca\",\"certFile\":\"/c\",\"keyFile\":\"/k\",\"auth\":[{\"username\":\"pm\","
         "\"password\":\"1\"},{\"username\":\"node\",\"password\":\"np\"}],\"url\":"
         "\"https://m.local:5000/v2\"},"
         "{\"skipVerify\":true,\"auth\":[],\"url\":\"http://n.local/v2/hub\"},"
         "{\"auth\":[{\"username\":\"pd\",\"password\":\"2\"},{\"username\":\"hub\",\"password\":"
         "\"hp\"}]}]"},
        {"q.io/a", "[{\"skipVerify\":true,\"auth\":[],\"url\":\"https://all.local/v2\"},"
                   "{\"skipVerify\":true,\"auth\":[]}]"},
        {"own.io/a", "[{\"skipVerify\":true,\"auth\":[]}]"},
    };
    struct credential items[] = {{"m.local:5000", "pm", "1"}, {"docker.io", "pd", "2"}};
    const struct credentials credentials = {items, ARRAY_LEN(items)};
    cleanup(value_free) struct value *doc = NULL;
    assert_int_equal(registries_parse("f", file, strlen(file), &doc, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct reference ref;
        cleanup(buf_done) struct buf text = {0};
        assert_int_equal(reference_parse(cases[i].image, &ref, NULL), 0);
        cleanup(value_free) struct value *list = registries_endpoints(doc, &ref, &credentials);
        assert_int_equal(json_write(list, &text), 0);
        assert_string_equal(buf_str(&text), cases[i].endpoints);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registries__mistakes),
        cmocka_unit_test(test_registries__endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
