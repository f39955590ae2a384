#include "controller/reconcile/signer.h"

#include "common/base/log.h"
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

/* Subject O=system:nodes, CN=system:node:pi-01, and: pi-01, pi-01.local, 192.0.2.7, 2001:db8::7;
 * pi-01 and an address of mail; pi-01 and Kubernetes; no other name. */
static const char named[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                            "MIIBNzCB3QIBADAzMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxGjAYBgNVBAMMEXN5\n"
                            "c3RlbTpub2RlOnBpLTAxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqgKRFmzs\n"
                            "NQdfXRLQAuPXl36JPUHKaET9XEzKGltiSFcr/rIIDoXnR1Z9uefVpo//sl5jYgp+\n"
                            "t3e44qZajd7V/6BIMEYGCSqGSIb3DQEJDjE5MDcwNQYDVR0RBC4wLIIFcGktMDGC\n"
                            "C3BpLTAxLmxvY2FshwTAAAIHhxAgAQ24AAAAAAAAAAAAAAAHMAoGCCqGSM49BAMC\n"
                            "A0kAMEYCIQCy7eci6SlyJZb57SyHx6QpC1Ew+K4YWPHD28oEcZcbXwIhAK24oxWi\n"
                            "CDaQv86eUCPdWE6MTNQTxqnEU3N97fbU3G1z\n"
                            "-----END CERTIFICATE REQUEST-----\n";
static const char mail[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                           "MIIBHjCBxQIBADAzMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxGjAYBgNVBAMMEXN5\n"
                           "c3RlbTpub2RlOnBpLTAxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqgKRFmzs\n"
                           "NQdfXRLQAuPXl36JPUHKaET9XEzKGltiSFcr/rIIDoXnR1Z9uefVpo//sl5jYgp+\n"
                           "t3e44qZajd7V/6AwMC4GCSqGSIb3DQEJDjEhMB8wHQYDVR0RBBYwFIIFcGktMDGB\n"
                           "C2FAYi5leGFtcGxlMAoGCCqGSM49BAMCA0gAMEUCIQCetU8jNsN6QfVp4QIGHLJl\n"
                           "JOBfJS9gDze1N5xspT5hewIgdQIfL6fx3ixPthvZLJD8oGBX41jYZObPIC33KUZp\n"
                           "NoY=\n"
                           "-----END CERTIFICATE REQUEST-----\n";
static const char own[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                          "MIIBHjCBxAIBADAzMRUwEwYDVQQKDAxzeXN0ZW06bm9kZXMxGjAYBgNVBAMMEXN5\n"
                          "c3RlbTpub2RlOnBpLTAxMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqgKRFmzs\n"
                          "NQdfXRLQAuPXl36JPUHKaET9XEzKGltiSFcr/rIIDoXnR1Z9uefVpo//sl5jYgp+\n"
                          "t3e44qZajd7V/6AvMC0GCSqGSIb3DQEJDjEgMB4wHAYDVR0RBBUwE4IFcGktMDGC\n"
                          "Ckt1YmVybmV0ZXMwCgYIKoZIzj0EAwIDSQAwRgIhALF8udpF5t5QO5Y39WZHWs04\n"
                          "JWe582TCxfCCIhofEy67AiEA/vCyzFoHYN8lSWGm3hgGcEfh3m4zPKJvYdd9MLLH\n"
                          "Wb8=\n"
                          "-----END CERTIFICATE REQUEST-----\n";
static const char bare[] = "-----BEGIN CERTIFICATE REQUEST-----\n"
                           "MIHvMIGVAgEAMDMxFTATBgNVBAoMDHN5c3RlbTpub2RlczEaMBgGA1UEAwwRc3lz\n"
                           "dGVtOm5vZGU6cGktMDEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAASqApEWbOw1\n"
                           "B19dEtAC49eXfok9QcpoRP1cTMoaW2JIVyv+sggOhedHVn2559Wmj/+yXmNiCn63\n"
                           "d7jiplqN3tX/oAAwCgYIKoZIzj0EAwIDSQAwRgIhALSv1QMVqnI4CZjVpJWS6SYl\n"
                           "K+AuCb6oaYV29nwwn9kmAiEAxm8YKTkAGaAE41stBO3w/yzRLIW197ax434hGby/\n"
                           "soY=\n"
                           "-----END CERTIFICATE REQUEST-----\n";

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
        struct signer_order order = {0};
        struct err err = {0};
        if (signer_plan(object, &order, &err) != cases[i].action)
            fail_msg("case %zu: %s", i, err.msg);
        assert_true(cases[i].action != SIGNER_FAIL || *err.msg);
        request_info_done(&order.info);
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

struct told {
    struct world *world;
    int lines;
    bool stored; /* each time */
};

static void see_stored(void *ctx, enum log_level level, const char *line)
{
    struct told *told = ctx;
    (void)level;
    if (!strstr(line, "certificate signed"))
        return;
    assert_non_null(strstr(line, "user=\"jane\" request=jane"));
    cleanup(value_free) struct value *object =
        world_get(told->world, "CertificateSigningRequest", "", "jane");
    told->lines++;
    told->stored = value_path(object, "status", "certificate", NULL) != NULL;
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
    struct told told = {.world = &world};
    log_set_sink(see_stored, &told);
    world_status(&world, "CertificateSigningRequest", "", "jane",
                 "{'conditions':[{'type':'Approved','status':'True','reason':'x','message':'x'}]}");
    world_turn(&world);
    log_set_sink(NULL, NULL);
    assert_int_equal(told.lines, 1);
    assert_true(told.stored);
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

/* What the gateway signs for a node's own server: by name, once it is approved. */
static void test_signer__serving(void **state)
{
    (void)state;
    static const struct {
        const char *signer, *request, *usages, *why; /* why "" = it is signed */
    } cases[] = {
        {SIGNER_SERVING, named, "'digital signature','key encipherment','server auth'", ""},
        {SIGNER_SERVING, named, "'digital signature','server auth'", ""},
        {SIGNER_SERVING, named, "'server auth','client auth'", "\"client auth\" is not signed for"},
        {SIGNER_SERVING, named, "'digital signature'", "must hold \"server auth\""},
        {SIGNER_SERVING, bare, "'server auth'", "DNS or IP subjectAltName is required"},
        {SIGNER_SERVING, mail, "'server auth'", "only DNS and IP"},
        {SIGNER_SERVING, own, "'server auth'", "the name Kubernetes is the gateway's own"},
        {SIGNER_KUBELET, named, "'client auth'", "subjectAltNames are not allowed"},
        {SIGNER_KUBELET, bare, "'client auth'", ""},
    };
    struct world world;
    char dir[64];
    struct signer *signer = NULL;
    struct err err = {0};
    world_init(&world);
    struct trust *trust = make_trust(&world.clock, dir);
    assert_int_equal(signer_new(world.loop, world.api, trust, &signer, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char name[8];
        snprintf(name, sizeof(name), "c%zu", i);
        autofree char *coded = base64_encode(cases[i].request, strlen(cases[i].request));
        autofree char *json = xasprintf(
            "{'apiVersion':'certificates.k8s.io/v1','kind':'CertificateSigningRequest','metadata':"
            "{'name':'%s'},'spec':{'request':'%s','signerName':'%s','usages':[%s]}}",
            name, coded, cases[i].signer, cases[i].usages);
        world_create(&world, json, 201);
        world_status(&world, "CertificateSigningRequest", "", name,
                     "{'conditions':[{'type':'Approved','status':'True','reason':'x'}]}");
        world_turn(&world);
        cleanup(value_free) struct value *object =
            world_get(&world, "CertificateSigningRequest", "", name);
        const char *text = value_str(value_path(object, "status", "certificate", NULL));
        if (*cases[i].why) {
            const char *failed =
                world_condition(&world, "CertificateSigningRequest", "", name, "Failed");
            if (text || !strstr(failed, cases[i].why))
                fail_msg("case %zu: %s", i, failed);
            continue;
        }
        if (!text)
            fail_msg("case %zu is not signed", i);
        uint8_t *pem;
        size_t len;
        bool has[2];
        assert_int_equal(base64_decode(text, strlen(text), &pem, &len), 0);
        assert_int_equal(cert_has_name((char *)pem, len, "192.0.2.7", &has[0], &err), 0);
        assert_int_equal(cert_has_name((char *)pem, len, "PI-01.local", &has[1], &err), 0);
        assert_int_equal(has[0] && has[1], cases[i].request == named);
        assert_int_equal(
            cert_verify((char *)pem, len, trust->ca_pem, strlen(trust->ca_pem), -1, &err), 0);
        free(pem);
    }
    signer_free(signer);
    trust_free(trust);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), dir, &err), 0);
    world_done(&world);
}

/* Nobody gets the name by which a token asks at the broker. */
static void test_signer__no_token(void **state)
{
    (void)state;
    struct world world;
    char dir[64];
    struct signer *signer = NULL;
    struct err err = {0};
    world_init(&world);
    struct trust *trust = make_trust(&world.clock, dir);
    assert_int_equal(signer_new(world.loop, world.api, trust, &signer, &err), 0);
    world_create(&world,
                 "{'apiVersion':'v1','kind':'Secret','type':'bootstrap.kubernetes.io/token',"
                 "'metadata':{'name':'bootstrap-token-abc123','namespace':'kube-system'}}",
                 201);
    static const char *const names[] = {"abc123", "abc124"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        autofree char *coded = request(names[i]);
        autofree char *json = xasprintf(
            "{'apiVersion':'certificates.k8s.io/v1','kind':'CertificateSigningRequest','metadata':"
            "{'name':'%s'},'spec':{'request':'%s','signerName':'" SIGNER_CLIENT
            "','usages':['client auth']}}",
            names[i], coded);
        world_create(&world, json, 201);
        world_status(&world, "CertificateSigningRequest", "", names[i],
                     "{'conditions':[{'type':'Approved','status':'True','reason':'x'}]}");
        world_turn(&world);
        const char *failed =
            world_condition(&world, "CertificateSigningRequest", "", names[i], "Failed");
        assert_int_equal(*failed == 0, i);
        assert_true(i || strstr(failed, "abc123 is the id of a token"));
    }
    signer_free(signer);
    trust_free(trust);
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), dir, &err), 0);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signer__plan),
        cmocka_unit_test(test_signer__signs),
        cmocka_unit_test(test_signer__serving),
        cmocka_unit_test(test_signer__no_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
