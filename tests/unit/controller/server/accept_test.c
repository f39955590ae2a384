#include "controller/server/accept.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_accept__choices(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        enum accept want;
    } cases[] = {
        {NULL, ACCEPT_JSON},
        {"", ACCEPT_JSON},
        {"*/*", ACCEPT_JSON},
        {"application/json", ACCEPT_JSON},
        {"application/json, */*", ACCEPT_JSON},
        {"application/vnd.kubernetes.protobuf,application/json", ACCEPT_JSON},
        {"application/vnd.kubernetes.protobuf", ACCEPT_NOTHING},
        {"text/html", ACCEPT_NOTHING},
        {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,"
         "application/json",
         ACCEPT_TABLE},
        {"application/json; as=Table; v=v1beta1; g=meta.k8s.io", ACCEPT_TABLE_BETA},
        {"application/json;as=Table;v=v2;g=meta.k8s.io,application/json", ACCEPT_JSON},
        {"application/json;as=Table;v=v1;g=other,application/json", ACCEPT_JSON},
        {"application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,"
         "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json",
         ACCEPT_PARTIAL},
        {"application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", ACCEPT_PARTIAL},
        {"application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io", ACCEPT_PARTIAL_BETA},
        {"application/json;as=PartialDragon;v=v1;g=meta.k8s.io", ACCEPT_NOTHING},
        {"application/json;charset=utf-8", ACCEPT_JSON},
        {"application/json;q=0.2, application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9",
         ACCEPT_TABLE},
        {"application/json;as=Table;v=v1;g=meta.k8s.io;q=0.1, */*;q=0.5", ACCEPT_JSON},
        {"application/json;q=0", ACCEPT_NOTHING},
        {"application/json;q=nan", ACCEPT_JSON},
        {"application/*", ACCEPT_JSON},
        {"text/*", ACCEPT_NOTHING},
        {"*", ACCEPT_NOTHING},
        {",,;;=,", ACCEPT_NOTHING},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("%s\n", cases[i].header ? cases[i].header : "(none)");
        assert_int_equal(accept_choose(cases[i].header), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_accept__choices)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
