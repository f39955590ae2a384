#include "load.h"

#define HEAD                                                                                       \
    "apiVersion: certificates.k8s.io/v1\nkind: CertificateSigningRequest\n"                        \
    "metadata: {name: 'system:node:a'}\n"
/* "-----BEGIN CERTIFICATE REQUEST-----\n" and "-----BEGIN CERTIFICATE-----\n" */
#define REQUEST "request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"
#define CERTIFICATE "request: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="
#define REST "signerName: example.com/signer, usages: [client auth]"

static void test_certificate_signing_request__mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *mistakes;
    } cases[] = {
        {REQUEST ", " REST, ""},
        {REQUEST ", " REST ", extra: {a: [b, c]}", ""},
        {REQUEST ", " REST ", extra: {a: b}", "line 4: spec.extra.a: must be a list of strings\n"},
        {CERTIFICATE ", " REST,
         "line 4: spec.request: PEM block type must be CERTIFICATE REQUEST\n"},
        {REQUEST ", " REST ", expirationSeconds: 599",
         "line 4: spec.expirationSeconds: 599: must be at least 600\n"},
        {REQUEST ", usages: [client auth], signerName: example.com",
         "line 4: spec.signerName: \"example.com\": must be a fully qualified domain and path of "
         "the form 'example.com/signer-name'\n"},
        {REQUEST ", usages: [client auth], signerName: example/a",
         "line 4: spec.signerName: \"example/a\": should be a domain with at least two segments "
         "separated by dots\n"},
        {REQUEST ", signerName: a.b/c", "line 4: spec.usages: required\n"},
        {REQUEST ", signerName: a.b/c, usages: [client auth, client auth]",
         "line 4: spec.usages[1]: \"client auth\": comes twice (first at [0])\n"},
        {REQUEST ", signerName: a.b/c, usages: [clientauth]",
         "line 4: spec.usages[0]: \"clientauth\": did you mean client auth?\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[1024];
        snprintf(text, sizeof(text), HEAD "spec: {%s}\n", cases[i].spec);
        expect_mistakes(text, cases[i].mistakes);
    }
}

static void check_status(const char *status, const char *path)
{
    char text[1024];
    cleanup(value_free) struct value *object = NULL;
    cleanup(diags_done) struct diags diags = {0};
    snprintf(text, sizeof(text), HEAD "spec: {%s}\nstatus: {%s}\n", REQUEST ", " REST, status);
    assert_int_equal(yaml_parse(text, strlen(text), &object, &diags), 0);
    int r = schema_check(&kind_certificate_signing_request, object, SCHEMA_CHECK_STATUS, &diags);
    assert_int_equal(r, path ? -EINVAL : 0);
    if (path)
        assert_string_equal(diags.items[0].path, path);
}

static void test_certificate_signing_request__verdicts(void **state)
{
    (void)state;
    check_status("conditions: [{type: Approved, status: 'True'}]", NULL);
    check_status("conditions: [{type: Approved, status: 'False'}]", "status.conditions[0].status");
    check_status("conditions: [{type: Other, status: 'False'}]", NULL);
    check_status("conditions: [{type: Approved, status: 'True'}, {type: Denied, status: 'True'}]",
                 "status.conditions");
}

static void test_certificate_signing_request__columns(void **state)
{
    (void)state;
    static const struct {
        const char *column, *object, *want;
    } cases[] = {
        {"Condition", "spec: {}", "Pending"},
        {"Condition", "status: {conditions: [{type: Approved}], certificate: eA==}",
         "Approved,Issued"},
        {"Condition", "status: {conditions: [{type: Denied}]}", "Denied"},
        {"Condition", "status: {conditions: [{type: Approved}, {type: Failed}]}",
         "Approved,Failed"},
        {"RequestedDuration", "spec: {expirationSeconds: 86400}", "24h"},
        {"RequestedDuration", "spec: {}", "<none>"},
        {"SignerName", "spec: {signerName: a.b/c}", "a.b/c"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        expect_cell(&kind_certificate_signing_request, cases[i].column, cases[i].object, 0,
                    cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_certificate_signing_request__mistakes),
        cmocka_unit_test(test_certificate_signing_request__verdicts),
        cmocka_unit_test(test_certificate_signing_request__columns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
