#include "agent/fetch/job.h"

#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_job__parse(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
    } cases[] = {
        {"{\"verb\":\"pull\",\"root\":\"/r\",\"reference\":\"a/b:1\",\"insecure\":[\"h:1\"]}", 0},
        {"{\"verb\":\"pull\",\"root\":\"/r\",\"reference\":\"a\",\"endpoints\":[1,2,3,4,5,6,7,8,9,10]}",
         -EINVAL},
        {"{\"verb\":\"load\",\"root\":\"/r\",\"file\":\"/x.tar\"}", 0},
        {"{\"verb\":\"load\",\"root\":\"/r\"}", -EINVAL},
        {"{\"verb\":\"pull\",\"root\":\"/r\"}", -EINVAL},
        {"{\"verb\":\"pull\",\"reference\":\"a\"}", -EINVAL},
        {"{\"verb\":\"pull\",\"root\":\"relative\",\"reference\":\"a\"}", -EINVAL},
        {"{\"verb\":\"eat\",\"root\":\"/r\",\"reference\":\"a\"}", -EINVAL},
        {"", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(job_free) struct job *job = NULL;
        struct err err = {0};
        assert_int_equal(job_parse(cases[i].text, strlen(cases[i].text), &job, &err), cases[i].rc);
        assert_true(cases[i].rc == 0 ? job != NULL : str_has_prefix(err.msg, "job: "));
    }
}

static void test_job__endpoints(void **state)
{
    (void)state;
    static const char text[] =
        "{\"verb\":\"pull\",\"root\":\"/r\",\"reference\":\"a/b:1\",\"endpoints\":[{\"url\":"
        "\"https://m/v2\",\"caFile\":\"/ca\",\"skipVerify\":true,\"auth\":[{\"username\":\"u\","
        "\"password\":\"p\"},{\"username\":\"v\"}]},{}]}";
    cleanup(job_free) struct job *job = NULL;
    assert_int_equal(job_parse(text, strlen(text), &job, NULL), 0);
    assert_int_equal(job->endpoint_count, 2);
    assert_string_equal(job->endpoints[0].url, "https://m/v2");
    assert_string_equal(job->endpoints[0].ca_file, "/ca");
    assert_true(job->endpoints[0].skip_verify);
    assert_int_equal(job->endpoints[0].auth_count, 2);
    assert_string_equal(job->endpoints[0].auth[0].password, "p");
    assert_string_equal(job->endpoints[0].auth[1].password, "");
    assert_null(job->endpoints[1].url);
    assert_int_equal(job->endpoints[1].auth_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_job__parse),
        cmocka_unit_test(test_job__endpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
