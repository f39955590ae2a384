#include "controller/api/asker.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "tests/unit/controller/lib/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* CN=jane, O=system:masters, with an RSA key. */
static const char masters[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                              "MIICbTCCAVUCAQAwKDENMAsGA1UEAwwEamFuZTEXMBUGA1UECgwOc3lzdGVtOm1h\n"
                              "c3RlcnMwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQCpJTR/oh7mQ3O9\n"
                              "kqauzh6JTqnZePyNu24t3w4xo17BLUL/4SHRdWPLBLuvjtMNOVVYRzyW9JslXRBF\n"
                              "ZHTnASHxH65JnnvqX4CVzV9X5xBJsuxbekM0Fo+F+ll0fMMbP8LEiMDyzILcU5E6\n"
                              "ikEzCROW/z3UpVZCu3EMRBDZ9DkbRgoJ2we1L6W9mMuK7yNs/rtUG1wBrDJr5ZCt\n"
                              "AmW3YNnGO8DkCSZEotwNwkF8NOwonNIhAWRtHBv3W++k1srCowbCuy6Fv43b5t8s\n"
                              "Tkz+T4kmYzqWNFQf1UmiGeCQFoiqNL+ThdYRTdtplDB46aRq3fblQAgoUN7vTY2N\n"
                              "7kVxmRBtAgMBAAGgADANBgkqhkiG9w0BAQsFAAOCAQEAox2qhYpIgEfsSmf+eXBS\n"
                              "sKUhvdSmuMb3FYgvZRvzxru/aLwXevu7ygXh3XhtvpBhiVfgx8Dmb+ufwY0aM9o2\n"
                              "RkjEC6jxKSrQe7eXxZ1xso2kGZxXYneDwZ5UbD9jWwHr9m+zjej3U0zBpDTp+4xu\n"
                              "ZW/BXuUeMT/XRwvT2T73cs7/DqplFaEouCzHtHD6HhhQuR0k4X/0f1Yer0v2gZT0\n"
                              "OES5lk4dm6cw76wvqmFXXw/oD/es8qYwaZ7/bo+dctIME8TBHJxpcmfQsm39nHO1\n"
                              "u4HQpYlJf+34G+32IDd3wHKKyDbRBGJc/BbYx6NdyPlpW2qN0OkFuYL5Fgp6eSqR\n"
                              "vQ==\n"
                              "-----END CERTIFICATE REQUEST-----\n";

static struct value *csr(const char *pem)
{
    autofree char *coded = base64_encode(pem, strlen(pem));
    autofree char *yaml =
        xasprintf("metadata: {name: j}\nspec: {request: %s, signerName: "
                  "kubernetes.io/kube-apiserver-client, usages: [client auth], username: liar, "
                  "groups: [system:masters], extra: {a: [b]}, uid: x}",
                  coded);
    return parse(yaml);
}

static void test_asker__a_client_does_not_say_who_asks(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf pem;
    struct err err = {0};
    buf_init(&pem, 0);
    assert_int_equal(key_generate(&key, &err), 0);
    assert_int_equal(csr_write(key, "jane", NULL, &pem, &err), 0);
    const struct api_user jane = {
        .name = "jane", .groups = (const char *const[]){"devs", NULL}, .uid = "u1"};
    cleanup(value_free) struct value *object = csr(pem.data);
    cleanup(value_free) struct value *asker = asker_of(&jane, &kind_certificate_signing_request);
    assert_null(asker_born(&kind_certificate_signing_request, asker, object));
    const struct value *spec = value_get(object, "spec");
    assert_string_equal(value_get_str(spec, "username"), "jane");
    assert_string_equal(value_get_str(spec, "uid"), "u1");
    assert_int_equal(value_len(value_get(spec, "groups")), 1);
    assert_null(value_get(spec, "extra"));
    assert_null(asker_of(&jane, &kind_pod));
}

static void test_asker__masters(void **state)
{
    (void)state;
    static const struct {
        const char *group;
        int code;
    } cases[] = {{"devs", 403}, {"system:masters", 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *groups[] = {cases[i].group, NULL};
        const struct api_user user = {.name = "x", .groups = groups};
        cleanup(value_free) struct value *object = csr(masters);
        cleanup(value_free) struct value *asker =
            asker_of(&user, &kind_certificate_signing_request);
        cleanup(value_free) struct value *status =
            asker_born(&kind_certificate_signing_request, asker, object);
        assert_int_equal(value_get_int(status, "code", 0), cases[i].code);
    }
    cleanup(value_free) struct value *object =
        csr("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n");
    cleanup(value_free) struct value *status =
        asker_born(&kind_certificate_signing_request, NULL, object);
    assert_int_equal(value_get_int(status, "code", 0), 422);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asker__a_client_does_not_say_who_asks),
        cmocka_unit_test(test_asker__masters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
