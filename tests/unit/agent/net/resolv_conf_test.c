#include "agent/net/resolv_conf.h"

#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define NODE                                                                                        \
    "# by hand\nnameserver 10.0.0.1\n nameserver\t10.0.0.2 # second\nsearch lan. example.com lan\n" \
    "options ndots:2 rotate\n;nameserver 10.9.9.9\n#nameserver 10.9.9.8\n"
#define FROM_NODE                                                                                  \
    "search lan example.com\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions ndots:2 rotate\n"
#define STUB "nameserver 127.0.0.53\noptions edns0 trust-ad\nsearch stub\n"
#define RESOLVED "nameserver 192.168.1.1\nnameserver fe80::1%eth0\nsearch home\n"

static const struct resolv_case {
    const char *name, *node, *resolved, *policy, *config;
    bool host_network;
    const char *text;
} cases[] = {
    {"the node's", NODE, NULL, NULL, NULL, false, FROM_NODE},
    {"Default", NODE, NULL, "Default", NULL, false, FROM_NODE},
    {"no cluster DNS yet", NODE, NULL, "ClusterFirst", NULL, false, FROM_NODE},
    {"nor here", NODE, NULL, "ClusterFirstWithHostNet", NULL, false, FROM_NODE},
    {"no file", NULL, NULL, "Default", NULL, false, ""},
    {"an empty file", "", RESOLVED, "Default", NULL, false, ""},
    {"no newline at the end", "nameserver 10.0.0.1", NULL, NULL, NULL, false,
     "nameserver 10.0.0.1\n"},
    {"carriage returns", "nameserver 10.0.0.1\r\nsearch a b\r\n", NULL, NULL, NULL, false,
     "search a b\nnameserver 10.0.0.1\n"},
    {"domain is a search list of one", "domain one two\n", NULL, NULL, NULL, false, "search one\n"},
    {"the last list holds", "search a b\ndomain c\nsearch d .\n", NULL, NULL, NULL, false,
     "search d\n"},
    {"unknown words", "sortlist 1.2.3.4\nnameserver\nnameservers 1.2.3.4\n\n", NULL, NULL, NULL,
     false, ""},
    {"an option comes twice", "options a:1 b\noptions a:2\n", NULL, NULL, NULL, false,
     "options a:2 b\n"},
    {"three servers",
     "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 1.1.1.1\n"
     "nameserver 3.3.3.3\nnameserver 4.4.4.4\n",
     NULL, NULL, NULL, false, "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n"},

    /* Servers that a pod does not reach. */
    {"resolved's file in place of the stub", STUB, RESOLVED, NULL, NULL, false,
     "search home\nnameserver 192.168.1.1\n"},
    {"no such file", STUB, NULL, NULL, NULL, false, "search stub\noptions edns0 trust-ad\n"},
    {"resolved knows none yet", STUB, "# nothing\n", NULL, NULL, false,
     "search stub\noptions edns0 trust-ad\n"},
    {"resolved knows itself", STUB, "nameserver 127.0.0.53\nsearch x\n", NULL, NULL, false,
     "search stub\noptions edns0 trust-ad\n"},
    {"another server is left", "nameserver 127.0.0.1\nnameserver 10.0.0.1\n", RESOLVED, NULL, NULL,
     false, "nameserver 10.0.0.1\n"},
    {"all sorts of loopback",
     "nameserver ::1\nnameserver 0.0.0.0\nnameserver ::\nnameserver ::ffff:127.0.0.1\n"
     "nameserver 127.1.2.3\nnameserver fe80::1%wlan0\nnameserver fe80::2\nnameserver fd00::1\n",
     NULL, NULL, NULL, false, "nameserver fd00::1\n"},
    {"no address at all", "nameserver dns.example.com\n", NULL, NULL, NULL, false, ""},
    {"they do not count",
     "nameserver 127.0.0.1\nnameserver 1.1.1.1\nnameserver 2.2.2.2\n"
     "nameserver 3.3.3.3\n",
     NULL, NULL, NULL, false, "nameserver 1.1.1.1\nnameserver 2.2.2.2\nnameserver 3.3.3.3\n"},
    {"the pod asks for one itself", STUB, NULL, NULL, "{\"nameservers\":[\"127.0.0.1\"]}", false,
     "search stub\nnameserver 127.0.0.1\noptions edns0 trust-ad\n"},

    {"host network: as it is", STUB "junk\n", RESOLVED, "ClusterFirst", NULL, true, STUB "junk\n"},
    {"host network: an empty dnsConfig", STUB, NULL, "Default", "{}", true, STUB},
    {"host network: none", NULL, NULL, "Default", NULL, true, ""},
    {"host network: and dnsConfig", STUB, RESOLVED, "Default",
     "{\"options\":[{\"name\":\"ndots\",\"value\":\"5\"}]}", true,
     "search stub\nnameserver 127.0.0.53\noptions edns0 trust-ad ndots:5\n"},
    {"host network: None", STUB, NULL, "None", "{\"nameservers\":[\"1.1.1.1\"]}", true,
     "nameserver 1.1.1.1\n"},

    {"None", NODE, NULL, "None",
     "{\"nameservers\":[\"1.1.1.1\"],\"searches\":[\"my.dns\"],\"options\":[{\"name\":\"ndots\","
     "\"value\":\"2\"},{\"name\":\"edns0\"}]}",
     false, "search my.dns\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"},
    {"merged", NODE, NULL, "ClusterFirst",
     "{\"nameservers\":[\"10.0.0.2\",\"1.1.1.1\",\"2.2.2.2\"],\"searches\":[\"example.com\","
     "\"my.dns\",\".\"],\"options\":[{\"name\":\"rotate\",\"value\":\"\"},{\"name\":\"ndots\","
     "\"value\":\"5\"},{\"name\":\"edns0\"}]}",
     false,
     "search lan example.com my.dns .\nnameserver 10.0.0.1\nnameserver 10.0.0.2\n"
     "nameserver 1.1.1.1\noptions ndots:5 rotate edns0\n"},
};

static struct value *parse(const char *json)
{
    struct value *value = NULL;
    struct err err = {0};
    if (json && json_parse(json, strlen(json), &value, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return value;
}

static void test_resolv_conf__table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct resolv_case *c = &cases[i];
        cleanup(value_free) struct value *config = parse(c->config);
        cleanup(buf_done) struct buf text;
        buf_init(&text, 0);
        const struct resolv_conf conf = {.node_text = c->node,
                                         .resolved_text = c->resolved,
                                         .host_network = c->host_network,
                                         .policy = c->policy,
                                         .config = config};
        resolv_conf_compose(&conf, &text);
        if (!str_eq(buf_str(&text), c->text))
            fail_msg("%s:\n%s---\n%s", c->name, buf_str(&text), c->text);
        assert_int_equal(resolv_conf_follows_node(&conf), !str_eq(c->policy, "None"));
    }
}

/* `count` domains of `len` bytes each; ret receives what becomes of them. */
static void compose_searches(size_t count, size_t len, struct buf *ret)
{
    cleanup(buf_done) struct buf node;
    buf_init(&node, 0);
    buf_init(ret, 0);
    (void)buf_addstr(&node, "search");
    for (size_t i = 0; i < count; i++)
        (void)buf_addf(&node, " %0*zu", (int)len, i);
    resolv_conf_compose(&(struct resolv_conf){.node_text = buf_str(&node)}, ret);
}

static size_t count_words(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += *text == ' ';
    return count;
}

static void test_resolv_conf__search_limits(void **state)
{
    (void)state;
    static const struct {
        size_t count, len, kept;
    } limits[] = {
        {32, 5, 32},  {33, 5, 32},  {40, 63, 32}, /* 32 * 63 + 31 = 2047 characters */
        {40, 64, 31}, {8, 253, 8},  {9, 253, 8},  /* 8 * 253 + 7 = 2031 */
        {3, 254, 0},  {32, 63, 32},
    };
    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct buf text;
        compose_searches(limits[i].count, limits[i].len, &text);
        if (count_words(buf_str(&text)) != limits[i].kept)
            fail_msg("%zu of %zu: %s", limits[i].count, limits[i].len, buf_str(&text));
        assert_true(text.len <= strlen("search \n") + RESOLV_SEARCH_CHARS_MAX);
        buf_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolv_conf__table),
        cmocka_unit_test(test_resolv_conf__search_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
