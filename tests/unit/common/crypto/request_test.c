#include "common/crypto/cert.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define PEM(x) "-----BEGIN CERTIFICATE REQUEST-----\n" x "-----END CERTIFICATE REQUEST-----\n"

static const char rsa2048[] =
    PEM("MIICcTCCAVkCAQAwLDENMAsGA1UEAwwEamFuZTENMAsGA1UECgwEZGV2czEMMAoG\n"
        "A1UECgwDb3BzMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAsk5/EEAJ\n"
        "uxZGvbrgOH1AN3JlLaR3i0Cv+lh9/caFy+1Iw7bB7wDZWB61GNKb0YifH1UV3hxj\n"
        "SkgOQYhzaNdZz7mrglW3ECZ6e5PcgMVOZWHIwj4liVE8AVyfRxESfvim+kfEY8eO\n"
        "TjHGmcQFERBfN0smdoo1BnN9lBTYMPW8heiH/CBKMpmoNhiGxAeyr+cStsHvWRiO\n"
        "T2Zj/7p3YAmjM4Qt49Qu+8m5Q2ooriI1F9PjEU5vMD8bZKSadOJ3tvUz6/heUptl\n"
        "IWGjgChKIwdkcub1VAXShMGy38D1HwxU5Pn+vV4S5UWdnRifkm5RIGe4mB1VN5Mp\n"
        "TXVV3oO3XnU6hwIDAQABoAAwDQYJKoZIhvcNAQELBQADggEBADJ8BbNM1VEZ0UT3\n"
        "wMtiGa4C6qhno+vPY54hm8qEuDRrvx7sILjAqd9dDvoARHqEWGTiBmjqMJnVy4xb\n"
        "rXZA2ECctO9BkggsAaQ2F9uGPlT5rjk/0bkrXnzxshlJoiQbwGRmwNzeHcpOX+nH\n"
        "s0u1Xdr33wqA9F1+ImneUp3WjhuvYE71vGHq+9ZovI6nfS394mh+Gjl0up/nMxcE\n"
        "HrMfYBFoMMTkjLrGOKvZgHMjjjlCjHQhahN0U6WS+FppBj0wjWbyRPoDY6QcBKXx\n"
        "uriN5CQjLZF08xjuzVaCF15vpQOmqI82AoPJdbh9ouuou1tyusaSYN8Iz2E+3Imd\n"
        "0C9CVDU=\n");
static const char rsa1024[] =
    PEM("MIIBTjCBuAIBADAPMQ0wCwYDVQQDDARqYW5lMIGfMA0GCSqGSIb3DQEBAQUAA4GN\n"
        "ADCBiQKBgQDAiCKHPwGErw/AaZncmrn/YYOmhTlTUxvGh1yQNbjra9/lCVZTWBIU\n"
        "oc3bCyZ1G2f4SGKDdhvnqdUMbQNkCByjUjbJ7Tgd5hk+y8k0yHmyrQPTDPCsvLq9\n"
        "IRWbGZEU7zs3xmJ0EoT6Alu/Y8xSAe9BpUpYBOoRnF2dEU0Q+508mQIDAQABoAAw\n"
        "DQYJKoZIhvcNAQELBQADgYEAZFZ/YodAloIXzHHe43PQ0seOAGFyPpoeCYbUlhvw\n"
        "0P4ZVE2Nbx26/svrgYVifqC0b9/nZcX0ZV/60Yhdq9KQOk3ycb5yvN+SB2p5hlzU\n"
        "Gtt2eq18bl7DHTgJ/vxfeZgTwqSkfsevvaQFvFJ3TVj+Ug16HYwIdOjnB5wGxuF3\n"
        "VaY=\n");

/* Subject O=system:nodes, CN=system:node:pi-01; alternative names as the tests say. */
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

static void test_request__alternative_names(void **state)
{
    (void)state;
    struct request_info info;
    struct err err = {0};
    assert_int_equal(request_parse(named, strlen(named), &info, &err), 0);
    assert_string_equal(info.dns[0], "pi-01");
    assert_string_equal(info.dns[1], "pi-01.local");
    assert_null(info.dns[2]);
    assert_string_equal(info.ips[0], "192.0.2.7");
    assert_string_equal(info.ips[1], "2001:db8::7");
    assert_null(info.ips[2]);
    assert_false(info.other_names);
    request_info_done(&info);
    assert_int_equal(request_parse(mail, strlen(mail), &info, &err), 0);
    assert_string_equal(info.dns[0], "pi-01");
    assert_null(info.ips);
    assert_true(info.other_names);
    request_info_done(&info);
}

static void test_request__rsa(void **state)
{
    (void)state;
    struct request_info info;
    struct err err = {0};
    assert_int_equal(request_parse(rsa2048, strlen(rsa2048), &info, &err), 0);
    assert_string_equal(info.common_name, "jane");
    assert_string_equal(info.organizations[0], "devs");
    assert_string_equal(info.organizations[1], "ops");
    assert_null(info.organizations[2]);
    request_info_done(&info);
    assert_true(request_parse(rsa1024, strlen(rsa1024), &info, &err) < 0);
    assert_non_null(strstr(err.msg, "its key is neither"));
}

/* One bit of the subject, and the signature is of something else. */
static void test_request__signature(void **state)
{
    (void)state;
    cleanup(key_free) struct key *key = NULL;
    cleanup(buf_done) struct buf pem;
    struct err err = {0};
    struct request_info info;
    buf_init(&pem, 0);
    assert_int_equal(key_generate(&key, &err), 0);
    assert_int_equal(csr_write(key, "jane", NULL, &pem, &err), 0);
    assert_int_equal(request_parse(pem.data, pem.len, &info, &err), 0);
    request_info_done(&info);
    const char *body = strchr(pem.data, '\n') + 1;
    autofree char *text = xcalloc(1, pem.len + 1);
    size_t n = 0;
    for (const char *p = body; *p && *p != '-'; p++)
        if (*p != '\n')
            text[n++] = *p;
    uint8_t *der;
    size_t len;
    assert_int_equal(base64_decode(text, n, &der, &len), 0);
    uint8_t *name = memmem(der, len, "jane", 4);
    assert_non_null(name);
    name[0] = 'b';
    autofree char *coded = base64_encode(der, len);
    autofree char *forged = xasprintf("-----BEGIN CERTIFICATE REQUEST-----\n%s\n"
                                      "-----END CERTIFICATE REQUEST-----\n",
                                      coded);
    free(der);
    struct request_info none = {0};
    int rc = request_parse(forged, strlen(forged), &none, &err);
    request_info_done(&none);
    assert_int_equal(rc, -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request__alternative_names),
        cmocka_unit_test(test_request__rsa),
        cmocka_unit_test(test_request__signature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
