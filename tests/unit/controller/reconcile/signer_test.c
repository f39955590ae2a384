#include "controller/reconcile/signer.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/fs/disk.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/signer_plan.h"
#include "controller/reconcile/users.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A request with that subject, base64. */
static char *request(const char *name)
{
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf pem;
    struct err err = {0};
    buf_init(&pem, 0);
    assert_int_equal(key_generate(&key, &err), 0);
    assert_int_equal(csr_write(key, name, NULL, &pem, &err), 0);
    return base64_encode(pem.data, pem.len);
}

static struct value *csr(const char *signer, const char *cn, const char *asker, const char *verdict,
                         const char *usage)
{
    autofree char *coded = request(cn);
    struct value *object = value_new_map();
    struct value *spec = value_set(object, "spec", value_new_map());
    value_set_str(spec, "signerName", signer);
    value_set_str(spec, "request", coded);
    value_set_str(spec, "username", asker);
    value_append(value_set(spec, "usages", value_new_list()), value_new_str(usage));
    struct value *conditions = value_new_list();
    value_set(value_set(object, "status", value_new_map()), "conditions", conditions);
    if (verdict) {
        value_append(conditions, value_new_map());
        value_set_str(value_at(conditions, 0), "type", verdict);
    }
    return object;
}

static void test_signer__plan(void **state)
{
    (void)state;
    static const char auth[] = "client auth";
    static const struct {
        const char *signer, *cn, *asker, *verdict, *usage;
        enum signer_action action;
    } cases[] = {
        {SIGNER_CLIENT, "jane", "jane", "Approved", auth, SIGNER_SIGN},
        {SIGNER_CLIENT, "jane", "jane", NULL, auth, SIGNER_WAIT},
        {SIGNER_CLIENT, "jane", "jane", "Denied", auth, SIGNER_WAIT},
        {SIGNER_CLIENT, "jane", "jane", "Failed", auth, SIGNER_WAIT},
        {"example.com/other", "jane", "jane", "Approved", auth, SIGNER_WAIT},
        {SIGNER_CLIENT, "jane", "jane", "Approved", "server auth", SIGNER_FAIL},
        {SIGNER_CLIENT, "jane", "jane", "Approved", "digital signature", SIGNER_FAIL},
        {SIGNER_CLIENT, "pi-01.0123abcd", "jane", "Approved", auth, SIGNER_FAIL},
        {SIGNER_CLIENT, "limpet:desired-state", "jane", "Approved", auth, SIGNER_FAIL},
        {SIGNER_CLIENT, "system:limpet:x", "jane", "Approved", auth, SIGNER_FAIL},
        {SIGNER_CLIENT, "system:node:pi-01", "jane", "Approved", auth, SIGNER_FAIL},
        {SIGNER_KUBELET, "jane", "jane", "Approved", auth, SIGNER_FAIL},
        {SIGNER_KUBELET, "system:node:pi-02", "system:node:pi-01", "Approved", auth, SIGNER_FAIL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object =
            csr(cases[i].signer, cases[i].cn, cases[i].asker, cases[i].verdict, cases[i].usage);
        struct request_info info = {0};
        struct err err = {0};
        int64_t valid_s = 0;
        if (signer_plan(object, &info, &valid_s, &err) != cases[i].action)
            fail_msg("case %zu: %s", i, err.msg);
        assert_true(cases[i].action != SIGNER_FAIL || *err.msg);
        request_info_done(&info);
    }
}

static struct trust *make_trust(const struct clock *clock, char dir[64])
{
    struct trust *trust = NULL;
    struct err err = {0};
    snprintf(dir, 64, "/tmp/limpet-signer-XXXXXX");
    assert_non_null(mkdtemp(dir));
    const struct trust_spec spec = {.disk = disk_posix(), .dir = dir, .clock = clock};
    assert_int_equal(trust_open(&spec, &trust, &err), 0);
    return trust;
}

/* From the request to the certificate, through the API: with the name of who asked, whatever the
 * request says of that itself, and only after the approval. */
static void test_signer__signs(void **state)
{
    (void)state;
    struct world world;
    char dir[64];
    struct signer *signer = NULL;
    struct users *users = NULL;
    struct err err = {0};
    world_init(&world);
    struct trust *trust = make_trust(&world.clock, dir);
    assert_int_equal(signer_new(world.loop, world.api, trust, &signer, &err), 0);
    assert_int_equal(users_new(world.loop, world.api, &users, &err), 0);
    world_create(&world, "{'apiVersion':'limpet.io/v1','kind':'User','metadata':{'name':'jane'}}",
                 201);
    autofree char *coded = request("jane");
    autofree char *json = xasprintf(
        "{'apiVersion':'certificates.k8s.io/v1','kind':'CertificateSigningRequest','metadata':"
        "{'name':'jane'},'spec':{'request':'%s','signerName':'" SIGNER_CLIENT "','usages':"
        "['client auth'],'expirationSeconds':3600,'username':'somebody','groups':['g']}}",
        coded);
    world_create(&world, json, 201);
    world_turn(&world);
    struct value *object = world_get(&world, "CertificateSigningRequest", "", "jane");
    assert_string_not_equal(value_get_str(value_get(object, "spec"), "username"), "somebody");
    assert_null(value_path(object, "status", "certificate", NULL));
    value_free(object);
    world_status(&world, "CertificateSigningRequest", "", "jane",
                 "{'conditions':[{'type':'Approved','status':'True','reason':'x','message':'x'}]}");
    world_turn(&world);
    object = world_get(&world, "CertificateSigningRequest", "", "jane");
    const char *text = value_get_str(value_get(object, "status"), "certificate");
    assert_non_null(text);
    uint8_t *pem;
    size_t len;
    struct cert_info info;
    assert_int_equal(base64_decode(text, strlen(text), &pem, &len), 0);
    assert_int_equal(cert_parse((char *)pem, len, &info, &err), 0);
    assert_string_equal(info.common_name, "jane");
    assert_int_equal(cert_verify((char *)pem, len, trust->ca_pem, strlen(trust->ca_pem), -1, &err),
                     0);
    struct value *user = world_get(&world, "User", "", "jane");
    const struct value *known = value_path(user, "status", "certificates", NULL);
    assert_int_equal(value_len(known), 1);
    assert_string_equal(value_get_str(value_at(known, 0), "serial"), info.serial);
    value_free(user);
    /* Deleted, the user stays as long as the certificate may hold: an hour. */
    world_delete(&world, "User", "", "jane");
    world_pass(&world, 1800 * NS_PER_S);
    user = world_get(&world, "User", "", "jane");
    assert_non_null(user);
    value_free(user);
    world_pass(&world, 2 * 3600 * NS_PER_S);
    user = world_get(&world, "User", "", "jane");
    assert_null(user);
    cert_info_done(&info);
    free(pem);
    value_free(object);
    users_free(users);
    signer_free(signer);
    trust_free(trust);
    world_done(&world);
    autofree char *command = xasprintf("rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signer__plan),
        cmocka_unit_test(test_signer__signs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
