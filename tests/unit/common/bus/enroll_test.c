#include "common/bus/enroll.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HEX64 "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
#define NAME "pi-01"

static void test_enroll__token(void **state)
{
    (void)state;
    struct enroll_token token;
    struct err err = {0};
    const char *text = "limpet1.abc123." HEX64 "." HEX64;
    assert_int_equal(enroll_token_parse(text, &token, &err), 0);
    assert_string_equal(token.id, "abc123");
    assert_int_equal(token.secret[2], 0x22);
    cleanup(buf_done) struct buf back;
    buf_init(&back, 0);
    assert_int_equal(enroll_token_write(&token, &back), 0);
    assert_string_equal(buf_str(&back), text);
    static const char *const bad[] = {
        "",
        "limpet1.",
        "limpet2.abc." HEX64 "." HEX64,
        "limpet1.ABC." HEX64 "." HEX64,
        "limpet1.." HEX64 "." HEX64,
        "limpet1.abc.00." HEX64,
        "limpet1.abc." HEX64 ".00",
        "limpet1.abc." HEX64 "." HEX64 "0",
        "limpet1.abc." HEX64 "." HEX64 " ",
        "limpet1.abc." HEX64 "." HEX64 "\n",
        "limpet1.a/c." HEX64 "." HEX64,
        "limpet1.0123456789012345678901234567890123." HEX64 "." HEX64,
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        if (enroll_token_parse(bad[i], &token, &err) != -EINVAL)
            fail_msg("\"%s\" was taken", bad[i]);
}

static void test_enroll__request(void **state)
{
    (void)state;
    struct enroll_request request = {.name = NAME, .csr_pem = "PEM"};
    cleanup(buf_done) struct buf payload;
    buf_init(&payload, 0);
    assert_int_equal(enroll_request_write(&request, &payload), 0);
    cleanup(enroll_request_done) struct enroll_request back = {0};
    struct err err = {0};
    assert_int_equal(enroll_request_read(payload.data, payload.len, &back, &err), 0);
    assert_string_equal(back.name, NAME);
    assert_string_equal(back.csr_pem, "PEM");
    static const struct {
        const char *text;
        int code;
    } bad[] = {
        {"", -EBADMSG},
        {"{\"v\":3}", -ENOTSUP},
        {"{\"v\":1,\"csr\":\"x\"}", -EBADMSG},
        {"{\"v\":1,\"name\":\"pi\"}", -EBADMSG},
        {"{\"v\":1,\"name\":\"pi\",\"csr\":\"\"}", -EBADMSG},
        {"{\"v\":1,\"name\":\"Pi+\",\"csr\":\"x\"}", -EBADMSG},
        {"{\"v\":1,\"name\":\"../x\",\"csr\":\"x\"}", -EBADMSG},
        {"{\"v\":1,\"name\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\","
         "\"csr\":\"x\"}",
         -EBADMSG},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct enroll_request none = {0};
        int rc = enroll_request_read(bad[i].text, strlen(bad[i].text), &none, &err);
        if (rc != bad[i].code)
            fail_msg("%zu: %d", i, rc);
    }
    autofree char *huge = xcalloc(1, ENROLL_MAX + 1);
    struct enroll_request none = {0};
    assert_int_equal(enroll_request_read(huge, ENROLL_MAX + 1, &none, &err), -EBADMSG);
}

/* A gateway's authority, and an answer of it to a node. */
struct party {
    struct key *ca, *signer, *sealing, *node;
    char *ca_pem;
    struct enroll_token token;
    struct enroll_answer answer;
};

static char *issue(const struct party *party, const char *common_name, const struct key *subject,
                   bool ca)
{
    const struct cert_spec spec = {.common_name = common_name,
                                   .not_before_s = 1790000000,
                                   .not_after_s = 1800000000,
                                   .ca = ca,
                                   .client = !ca};
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    struct err err = {0};
    if (cert_issue(&spec, subject, ca ? NULL : party->ca_pem, party->ca, &pem, &err) < 0)
        fail_msg("%s", err.msg);
    return buf_steal(&pem, NULL);
}

static void party_init(struct party *party)
{
    struct err err = {0};
    char id[SHA256_HEX + 1];
    *party = (struct party){0};
    struct key **const keys[] = {&party->ca, &party->signer, &party->sealing, &party->node};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        assert_int_equal(key_generate(keys[i], &err), 0);
    party->ca_pem = issue(party, "limpet-ca", party->ca, true);
    sha256_hex(party->ca_pem, strlen(party->ca_pem), party->token.ca_hash);
    assert_int_equal(key_id(party->node, id, &err), 0);
    assert_int_equal(topic_node_id(NAME, id, party->answer.node, &err), 0);
    party->answer.ca_pem = xstrdup(party->ca_pem);
    party->answer.cert_pem = issue(party, party->answer.node, party->node, false);
    party->answer.signer_pem = issue(party, ENROLL_CN_SIGNER, party->signer, false);
    party->answer.sealing_pem = issue(party, ENROLL_CN_SEALING, party->sealing, false);
}

static void party_done(struct party *party)
{
    struct key *const keys[] = {party->ca, party->signer, party->sealing, party->node};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        key_free(keys[i]);
    free(party->ca_pem);
    enroll_answer_done(&party->answer);
}

static int check(const struct party *party)
{
    struct err err = {0};
    return enroll_answer_check(&party->answer, &party->token, NAME, party->node, &err);
}

static void replace(char **pem, char *with)
{
    free(*pem);
    *pem = with;
}

static void test_enroll__answer_is_checked(void **state)
{
    (void)state;
    struct party us, them;
    party_init(&us);
    party_init(&them);
    assert_int_equal(check(&us), 0);
    const struct {
        char **pem;
        char *wrong;
    } swaps[] = {
        {&us.answer.ca_pem, xstrdup(them.ca_pem)}, /* not what the token pins */
        {&us.answer.cert_pem, xstrdup(them.answer.cert_pem)},
        {&us.answer.cert_pem, issue(&us, us.answer.node, them.node, false)}, /* another key */
        {&us.answer.cert_pem, issue(&us, "pi-02.01234567", us.node, false)}, /* another name */
        {&us.answer.signer_pem, xstrdup(them.answer.signer_pem)},            /* another CA */
        {&us.answer.signer_pem, xstrdup(us.answer.sealing_pem)},             /* another purpose */
        {&us.answer.sealing_pem, xstrdup(us.answer.signer_pem)},
        {&us.answer.sealing_pem, xstrdup("garbage")},
    };
    for (size_t i = 0; i < ARRAY_LEN(swaps); i++) {
        char *right = *swaps[i].pem;
        *swaps[i].pem = swaps[i].wrong;
        int rc = check(&us);
        replace(swaps[i].pem, right);
        if (rc != -EKEYREJECTED)
            fail_msg("answer %zu: %d", i, rc);
    }
    snprintf(us.answer.node, sizeof(us.answer.node), "%s", them.answer.node);
    assert_int_equal(check(&us), -EKEYREJECTED);
    party_done(&us);
    party_done(&them);
}

static void test_enroll__answer_there_and_back(void **state)
{
    (void)state;
    struct enroll_answer answer = {.node = "pi-01.01234567",
                                   .ca_pem = "a",
                                   .cert_pem = "b",
                                   .signer_pem = "c",
                                   .sealing_pem = "d"};
    struct enroll_answer refusal = {.error = "no"};
    struct err err = {0};
    cleanup(buf_done) struct buf payload, refused;
    buf_init(&payload, 0);
    buf_init(&refused, 0);
    assert_int_equal(enroll_answer_write(&answer, &payload), 0);
    assert_int_equal(enroll_answer_write(&refusal, &refused), 0);
    cleanup(enroll_answer_done) struct enroll_answer back = {0}, why = {0};
    assert_int_equal(enroll_answer_read(payload.data, payload.len, &back, &err), 0);
    assert_string_equal(back.sealing_pem, "d");
    assert_null(back.error);
    assert_int_equal(enroll_answer_read(refused.data, refused.len, &why, &err), 0);
    assert_string_equal(why.error, "no");
    static const char *const bad[] = {
        "",
        "{\"v\":1}",
        "{\"v\":1,\"node\":\"pi\",\"ca\":\"a\",\"cert\":\"b\",\"signer\":\"c\",\"sealing\":\"d\"}",
        "{\"v\":1,\"node\":\"pi-01.01234567\",\"ca\":\"a\",\"cert\":\"b\",\"signer\":\"c\"}",
        ("{\"v\":1,\"node\":\"pi-01.01234567\",\"ca\":\"\",\"cert\":\"b\",\"signer\":\"c\","
         "\"sealing\":\"d\"}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct enroll_answer none = {0};
        if (enroll_answer_read(bad[i], strlen(bad[i]), &none, &err) != -EBADMSG)
            fail_msg("answer %zu was taken", i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enroll__token),
        cmocka_unit_test(test_enroll__request),
        cmocka_unit_test(test_enroll__answer_is_checked),
        cmocka_unit_test(test_enroll__answer_there_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
