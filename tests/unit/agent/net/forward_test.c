#include "agent/net/forward.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OURS_OUT "-s 10.42.0.0/24 -i limpet0 -m comment --comment limpet-limpet0 -j ACCEPT"
#define OURS_IN                                                                                        \
    "-d 10.42.0.0/24 -o limpet0 -m conntrack --ctstate RELATED,ESTABLISHED,DNAT -m comment --comment " \
    "limpet-limpet0 -j ACCEPT"
#define DOCKER                                                                                     \
    "-P FORWARD DROP\n"                                                                            \
    "-A FORWARD -j DOCKER-USER\n"                                                                  \
    "-A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"

static void test_forward__closed(void **state)
{
    static const struct {
        const char *listing;
        bool closed, docker;
    } cases[] = {
        {"", false, false},
        {"-P FORWARD ACCEPT\n", false, false},
        {"-P FORWARD DROP\n", true, false},
        {"-P FORWARD DROP", true, false},
        {"-P FORWARD DROPPED\n", false, false},
        {"-P INPUT DROP\n-P FORWARD ACCEPT\n", false, false},
        {"-A FORWARD -m comment --comment \"-P FORWARD DROP\"\n", false, false},
        {"# Warning: iptables-legacy tables present\n" DOCKER, true, true},
        {"-P FORWARD DROP\n-N DOCKER-USER\n", true, false}, /* nobody asks it */
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(forward_is_closed(cases[i].listing), cases[i].closed);
        assert_int_equal(forward_has_docker_user(cases[i].listing), cases[i].docker);
    }
}

static void test_forward__open(void **state)
{
    static const struct {
        const char *listing, *script;
    } cases[] = {
        {"-P FORWARD DROP\n", "*filter\n-I FORWARD " OURS_IN "\n-I FORWARD " OURS_OUT "\nCOMMIT\n"},
        {DOCKER "-N DOCKER-USER\n-A DOCKER-USER -j RETURN\n",
         "*filter\n-I DOCKER-USER " OURS_IN "\n-I DOCKER-USER " OURS_OUT "\nCOMMIT\n"},
        /* What is there already is replaced; Docker came later. */
        {DOCKER "-A FORWARD " OURS_OUT "\n-A FORWARD " OURS_IN "\n-A FORWARD -j DROP\n",
         "*filter\n-D FORWARD " OURS_OUT "\n-D FORWARD " OURS_IN "\n-I DOCKER-USER " OURS_IN
         "\n-I DOCKER-USER " OURS_OUT "\nCOMMIT\n"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *script = forward_open_script(cases[i].listing, "limpet0", "10.42.0.0/24");
        assert_string_equal(script, cases[i].script);
    }
}

/* Nobody else's rules, however they look. */
static void test_forward__close(void **state)
{
    static const struct {
        const char *rule;
        bool ours;
    } cases[] = {
        {OURS_OUT, true},
        {OURS_IN, true},
        {"-i limpet0 -m comment --comment \"limpet-limpet0\" -j ACCEPT", true},
        {"-i limpet0 -j ACCEPT", false},
        {"-i limpet0 -m comment --comment limpet-limpet01 -j ACCEPT", false},
        {"-i limpet0 -m comment --comment limpet-limpet -j ACCEPT", false},
        {"-m comment --comment \"not limpet-limpet0\" -j DROP", false},
        {"-m comment --comment \"--comment limpet-limpet0\" -j DROP", false},
        {"-m comment --comment \"a \\\" --comment limpet-limpet0\" -j DROP", false},
        {"-m comment --comment --comment -m comment --comment limpet-x -j DROP", false},
        {"-j limpet-limpet0", false},
        {"-m comment --comment", false},
        {"", false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *listing = xasprintf("-P FORWARD DROP\n-A FORWARD -j DROP\n-A FORWARD %s\n"
                                           "-A FORWARD -i eth0 -j DROP\n",
                                           cases[i].rule);
        autofree char *want = xasprintf("*filter\n-D FORWARD %s\nCOMMIT\n", cases[i].rule);
        autofree char *script = forward_close_script(listing, "limpet0");
        if (!str_eq(script, cases[i].ours ? want : NULL))
            fail_msg("%s: %s", cases[i].rule, script ? script : "none");
    }
}

static void test_forward__long_words(void **state)
{
    (void)state;
    char word[2000];
    memset(word, 'x', sizeof(word) - 1);
    word[sizeof(word) - 1] = '\0';
    autofree char *listing = xasprintf("-A FORWARD -m comment --comment \"%s\" -j DROP\n"
                                       "-A FORWARD -m comment --comment limpet-limpet0%s -j DROP\n"
                                       "-A FORWARD %s %s\n",
                                       word, word, word, OURS_OUT);
    autofree char *script = forward_close_script(listing, "limpet0");
    autofree char *want = xasprintf("*filter\n-D FORWARD %s %s\nCOMMIT\n", word, OURS_OUT);
    assert_string_equal(script, want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward__closed),
        cmocka_unit_test(test_forward__open),
        cmocka_unit_test(test_forward__close),
        cmocka_unit_test(test_forward__long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
