#include "agent/net/hosts_file.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LOCAL                                                                                      \
    "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n"                                     \
    "::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"                           \
    "ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n"
#define HOST "# Kubernetes-managed hosts file (host network).\n"
#define ALIASES                                                                                    \
    "[{\"ip\":\"10.1.2.3\",\"hostnames\":[\"db\",\"db.example.com\"]},"                            \
    "{\"ip\":\"fd00::1\",\"hostnames\":[\"six\"]},{\"ip\":\"10.1.2.3\"}]"
#define ALIAS_LINES                                                                                \
    "\n# Entries added by HostAliases.\n10.1.2.3\tdb\tdb.example.com\nfd00::1\tsix\n10.1.2.3\n"

static const struct {
    const char *address, *domain, *aliases, *node_text, *text;
} cases[] = {
    {"10.42.0.7", NULL, NULL, NULL, LOCAL "10.42.0.7\tweb\n"},
    {"10.42.0.7", "sub.ns.svc.cluster.local", NULL, NULL,
     LOCAL "10.42.0.7\tweb.sub.ns.svc.cluster.local\tweb\n"},
    {"10.42.0.7", NULL, ALIASES, NULL, LOCAL "10.42.0.7\tweb\n" ALIAS_LINES},
    {"10.42.0.7", NULL, "[]", NULL, LOCAL "10.42.0.7\tweb\n"},
    {"", NULL, NULL, NULL, LOCAL},
    {NULL, NULL, ALIASES, NULL, LOCAL ALIAS_LINES},
    {"192.168.1.5", "sub", NULL, "127.0.0.1 localhost\n9.9.9.9 nine\n",
     HOST "127.0.0.1 localhost\n9.9.9.9 nine\n"},
    {"192.168.1.5", NULL, ALIASES, "127.0.0.1 localhost", /* no newline at its end */
     HOST "127.0.0.1 localhost\n" ALIAS_LINES},
    {"192.168.1.5", NULL, NULL, "", HOST},
};

static void test_hosts_file__table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *aliases = NULL;
        cleanup(buf_done) struct buf text;
        struct err err = {0};
        const char *json = cases[i].aliases;
        buf_init(&text, 0);
        assert_true(!json || json_parse(json, strlen(json), &aliases, &err) == 0);
        hosts_file_compose(&(struct hosts_file){.address = cases[i].address,
                                                .hostname = "web",
                                                .domain = cases[i].domain,
                                                .aliases = aliases,
                                                .node_text = cases[i].node_text},
                           &text);
        assert_string_equal(buf_str(&text), cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_hosts_file__table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
