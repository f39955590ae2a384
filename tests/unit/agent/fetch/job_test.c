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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_job__parse)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
