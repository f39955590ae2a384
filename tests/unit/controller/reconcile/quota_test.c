#include "controller/reconcile/quota.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "controller/admission/admission.h"
#include "world.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(text, strlen(text), &value, &err), 0);
    return value;
}

static void test_quota__plan(void **state)
{
    (void)state;
    static const struct {
        const char *quota;
        bool changes;
    } cases[] = {
        {"{}", true},
        {"{\"status\":{\"hard\":{\"pods\":\"1\"}}}", true},
        {"{\"status\":{\"hard\":{\"pods\":\"1\"},\"used\":{\"pods\":\"1\"}}}", true},
        {"{\"status\":{\"hard\":{\"pods\":\"1\"},\"used\":{\"pods\":\"0\"}}}", false},
    };
    cleanup(value_free) struct value *hard = parse("{\"pods\":\"1\"}"),
                                     *used = parse("{\"pods\":\"0\"}");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *quota = parse(cases[i].quota);
        cleanup(value_free) struct value *status = quota_plan(quota, hard, used);
        assert_int_equal(status != NULL, cases[i].changes);
        if (status)
            assert_true(value_equal(value_get(status, "used"), used));
    }
}

static void assert_status(struct world *world, const char *want)
{
    cleanup(value_free) struct value *quota = world_get(world, "ResourceQuota", "default", "q");
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    json_write(value_get(quota, "status"), &text);
    assert_string_equal(buf_str(&text), want);
}

#define STATUS(used) "{\"hard\":{\"pods\":\"5\"},\"used\":{\"pods\":\"" used "\"}}"
#define QUOTA                                                                                      \
    "{'apiVersion':'v1','kind':'ResourceQuota','metadata':{'name':'q','namespace':'default'},"     \
    "'spec':{'hard':{'pods':'5'}}}"

static void test_quota__status_follows(void **state)
{
    (void)state;
    struct world world;
    world_init(&world);
    struct admission *admission = admission_new(world.api, &ADMISSION_DEFAULTS);
    struct quota_controller *controller =
        quota_controller_new(world.loop, world.api, admission_quotas(admission));
    world_pod(&world, "a", "1", "");
    world_create(&world, QUOTA, 201);
    world_turn(&world);
    assert_status(&world, STATUS("1"));
    /* What follows is told in one write, a second later. */
    world_pod(&world, "b", "1", "");
    world_pod(&world, "c", "1", "");
    assert_status(&world, STATUS("1"));
    world_pass(&world, QUOTA_WAIT_NS);
    assert_status(&world, STATUS("3"));
    world_delete(&world, "Pod", "default", "a");
    world_pass(&world, 2 * QUOTA_WAIT_NS);
    assert_status(&world, STATUS("2"));
    /* What happened while it was away it learns when it begins. */
    quota_controller_free(controller);
    world_delete(&world, "Pod", "default", "b");
    world_turn(&world);
    assert_status(&world, STATUS("2"));
    controller = quota_controller_new(world.loop, world.api, admission_quotas(admission));
    world_turn(&world);
    assert_status(&world, STATUS("1"));
    quota_controller_free(controller);
    admission_free(admission);
    world_done(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota__plan),
        cmocka_unit_test(test_quota__status_follows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
