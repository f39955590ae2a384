#include "load.h"

#define ENDPOINTS "apiVersion: v1\nkind: Endpoints\nmetadata: {name: web}\n"

static void test_endpoints__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *subset, *mistakes;
    } cases[] = {
        {"addresses: [{ip: 10.0.0.1}], ports: [{port: 80}]", ""},
        {"ports: [{port: 80}]",
         "line 4: subsets[0]: must specify `addresses` or `notReadyAddresses`\n"},
        {"addresses: [{ip: ten}]", "line 4: subsets[0].addresses[0].ip: \"ten\": must be an IP "
                                   "address\n"},
        {"notReadyAddresses: [{ip: '::1'}]",
         "line 4: subsets[0].notReadyAddresses[0].ip: \"::1\": may not be in the loopback range "
         "(127.0.0.0/8, ::1/128)\n"},
        {"addresses: [{ip: 169.254.3.4}]",
         "line 4: subsets[0].addresses[0].ip: \"169.254.3.4\": may not be in the link-local range "
         "(169.254.0.0/16, fe80::/10)\n"},
        {"addresses: [{ip: 224.0.0.5}]",
         "line 4: subsets[0].addresses[0].ip: \"224.0.0.5\": may not be in the link-local "
         "multicast range (224.0.0.0/24, ff02::/10)\n"},
        {"addresses: [{ip: 0.0.0.0}]",
         "line 4: subsets[0].addresses[0].ip: \"0.0.0.0\": may not be unspecified (0.0.0.0 or "
         "::)\n"},
        {"addresses: [{ip: 224.0.1.5}, {ip: 'febf::1'}]",
         "line 4: subsets[0].addresses[1].ip: \"febf::1\": may not be in the link-local range "
         "(169.254.0.0/16, fe80::/10)\n"},
        {"addresses: [{ip: 10.0.0.1}], ports: [{port: 80}, {name: b, port: 81}]",
         "line 4: subsets[0].ports[0].name: required where there are more ports\n"},
        {"addresses: [{ip: 10.0.0.1}], ports: [{}]",
         "line 4: subsets[0].ports[0].port: required\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[512];
        snprintf(text, sizeof(text), ENDPOINTS "subsets: [{%s}]\n", cases[i].subset);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void test_endpoints__column(void **state)
{
    (void)state;
    static const struct {
        const char *object, *want;
    } cases[] = {
        {"subsets: []", "<none>"},
        {"subsets: [{notReadyAddresses: [{ip: 10.0.0.1}]}]", ""},
        {"subsets: [{addresses: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]}]", "10.0.0.1,fd00::1"},
        {"subsets: [{addresses: [{ip: 10.0.0.1}, {ip: 'fd00::1'}], ports: [{port: 80}]}]",
         "10.0.0.1:80,[fd00::1]:80"},
        {"subsets: [{addresses: [{ip: 10.0.0.1}, {ip: 10.0.0.2}], ports: [{port: 80}, {port: "
         "81}]}, {addresses: [{ip: 10.0.0.3}]}]",
         "10.0.0.1:80,10.0.0.2:80,10.0.0.1:81 + 2 more..."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_endpoints, "Endpoints", cases[i].object, 0, cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_endpoints__mistakes),
        cmocka_unit_test(test_endpoints__column),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
