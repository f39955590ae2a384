#include "controller/admission/quotas.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/kinds/types.h"
#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define POD(name) "{metadata: {name: " name "}, spec: {containers: [{name: c, image: i}]}}"
#define POD_OF(name, cpu)                                                                          \
    "{metadata: {name: " name "}, spec: {containers: [{name: c, image: i, resources: {requests: "  \
    "{cpu: " cpu "}}}]}}"
#define QUOTA(hard) "{metadata: {name: q}, spec: {hard: {" hard "}}}"
#define FULL                                                                                       \
    "pods \"two\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: "     \
    "pods=1"

static void assert_used(struct gated *g, const char *want)
{
    cleanup(value_free) struct value *hard = NULL;
    cleanup(value_free) struct value *used =
        quotas_used(admission_quotas(g->admission), "default", "q", &hard);
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    json_write(used, &text);
    assert_string_equal(buf_str(&text), want);
}

static void test_quotas__the_last_place(void **state)
{
    struct gated *g = *state;
    admitted(g, &kind_resource_quota, QUOTA("pods: 1"), NULL);
    admitted(g, &kind_pod, POD("one"), NULL);
    refused(g, &kind_pod, POD("two"), FULL);
    assert_used(g, "{\"pods\":\"1\"}");
    /* Other namespaces, and what it does not limit, are not its business. */
    assert_int_equal(do_create(g->world, &kind_pod, "kube-system", POD("two"), NULL), 201);
    admitted(g, &kind_config_map, "{metadata: {name: c}}", NULL);
    assert_int_equal(do_delete(g->world, &kind_pod, "default", "one", 0, NULL), 200);
    admitted(g, &kind_pod, POD("two"), NULL);
}

struct answers {
    int created, refused, too_large;
};

static void on_answer(void *ctx, const struct api_answer *answer)
{
    struct answers *answers = ctx;
    answers->created += answer->code == 201;
    answers->refused += answer->code == 403;
    answers->too_large += answer->code == 413;
}

static void ask(struct gated *g, const char *yaml, unsigned flags, struct answers *answers)
{
    cleanup(value_free) struct value *object = parse(yaml);
    const struct api_ref ref = {&kind_pod, "default", object_name(object)};
    api_create(g->world->api, &admin, &ref, object, flags, on_answer, answers);
}

/* Before the first is on disk the second is decided. */
static void test_quotas__two_at_once(void **state)
{
    struct gated *g = *state;
    struct answers answers = {0};
    admitted(g, &kind_resource_quota, QUOTA("pods: 1"), NULL);
    ask(g, POD("one"), 0, &answers);
    ask(g, POD("two"), 0, &answers);
    ask(g, POD("three"), 0, &answers);
    world_settle(g->world);
    assert_int_equal(answers.created, 1);
    assert_int_equal(answers.refused, 2);
    assert_used(g, "{\"pods\":\"1\"}");
}

static void test_quotas__a_dry_run_takes_nothing(void **state)
{
    struct gated *g = *state;
    struct answers answers = {0};
    admitted(g, &kind_resource_quota, QUOTA("pods: 1"), NULL);
    ask(g, POD("one"), API_DRY_RUN, &answers);
    ask(g, POD("two"), API_DRY_RUN, &answers);
    world_settle(g->world);
    assert_int_equal(answers.created, 2);
    assert_used(g, "{\"pods\":\"0\"}");
    admitted(g, &kind_pod, POD("two"), NULL);
}

/* It was let in by the quota, and refused for its size. */
static void test_quotas__what_fails_gives_it_back(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *big = parse("{metadata: {name: big}, revision: 1}");
    autofree char *data = xcalloc(1, DATA_MAX_BYTES + 1);
    memset(data, 'x', DATA_MAX_BYTES);
    value_set_str(value_make_map(big, "data", NULL), "k", data);
    struct answers answers = {0};
    const struct api_ref ref = {&kind_controller_revision, "default", "big"};
    admitted(g, &kind_resource_quota, QUOTA("count/controllerrevisions.apps: 1"), NULL);
    api_create(g->world->api, &admin, &ref, big, 0, on_answer, &answers);
    world_settle(g->world);
    assert_int_equal(answers.too_large, 1);
    assert_used(g, "{\"count/controllerrevisions.apps\":\"0\"}");
    admitted(g, &kind_controller_revision, "{metadata: {name: small}, revision: 1, data: {a: b}}",
             NULL);
}

static void test_quotas__ended_pods_are_free(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *pod = NULL;
    admitted(g, &kind_resource_quota, QUOTA("pods: 1, requests.cpu: 1"), NULL);
    admitted(g, &kind_pod, POD_OF("one", "600m"), &pod);
    refused(g, &kind_pod, POD_OF("two", "600m"),
            "pods \"two\" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=600m, "
            "used: pods=1,requests.cpu=600m, limited: pods=1,requests.cpu=1");
    value_set_str(value_make_map(pod, "status", NULL), "phase", "Succeeded");
    assert_int_equal(do_update(g->world, &kind_pod, "default", pod, API_STATUS, NULL), 200);
    assert_used(g, "{\"pods\":\"0\",\"requests.cpu\":\"0\"}");
    admitted(g, &kind_pod, POD_OF("two", "600m"), NULL);
}

static void test_quotas__what_must_be_said(void **state)
{
    admitted(*state, &kind_resource_quota, QUOTA("cpu: 1, memory: 1Gi"), NULL);
    refused(*state, &kind_pod, POD("two"),
            "pods \"two\" is forbidden: failed quota: q: must specify cpu for: c; memory for: c");
}

/* Objects that were there before count, of kinds that a change of the quota begins to limit too. */
static void test_quotas__what_was_there_counts(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *quota = NULL;
    admitted(g, &kind_pod, POD("one"), NULL);
    admitted(g, &kind_secret, "{metadata: {name: s}}", NULL);
    admitted(g, &kind_resource_quota, QUOTA("pods: 1"), &quota);
    refused(g, &kind_pod, POD("two"), FULL);
    value_set_str(value_path(quota, "spec", "hard", NULL), "secrets", "1");
    value_set_str(value_path(quota, "spec", "hard", NULL), "pods", "2");
    assert_int_equal(do_update(g->world, &kind_resource_quota, "default", quota, 0, NULL), 200);
    refused(g, &kind_secret, "{metadata: {name: t}}",
            "secrets \"t\" is forbidden: exceeded quota: q, requested: secrets=1, used: secrets=1, "
            "limited: secrets=1");
    admitted(g, &kind_pod, POD("two"), NULL);
    /* So does all of it for a gateway that starts anew. */
    gated_configure(g, &ADMISSION_DEFAULTS);
    assert_used(g, "{\"pods\":\"2\",\"secrets\":\"1\"}");
    assert_int_equal(do_delete(g->world, &kind_resource_quota, "default", "q", 0, NULL), 200);
    admitted(g, &kind_pod, POD("three"), NULL);
}

/* Less than what is used: nothing new, but what there is can be changed and made smaller. */
static void test_quotas__only_more_is_refused(void **state)
{
    struct gated *g = *state;
    cleanup(value_free) struct value *service = NULL;
    admitted(g, &kind_service,
             "{metadata: {name: s}, spec: {type: NodePort, ports: [{name: a, port: 80}, {name: b, "
             "port: 81}]}}",
             &service);
    admitted(g, &kind_resource_quota, QUOTA("services.nodeports: 1"), NULL);
    value_set_str(value_make_map(service, "metadata", "labels", NULL), "a", "b");
    value_del(value_get(service, "metadata"), "resourceVersion");
    assert_int_equal(do_update(g->world, &kind_service, "default", service, 0, NULL), 200);
    value_remove_at(value_path(service, "spec", "ports", NULL), 1);
    assert_int_equal(do_update(g->world, &kind_service, "default", service, 0, NULL), 200);
    assert_used(g, "{\"services.nodeports\":\"1\"}");
    struct value *port = parse("{name: c, port: 82, protocol: TCP}");
    value_append(value_path(service, "spec", "ports", NULL), port);
    assert_int_equal(do_update(g->world, &kind_service, "default", service, 0, NULL), 403);
    assert_used(g, "{\"services.nodeports\":\"1\"}");
}

static void test_quotas__scopes(void **state)
{
    struct gated *g = *state;
    admitted(g, &kind_resource_quota,
             "{metadata: {name: q}, spec: {hard: {pods: 0}, scopes: [BestEffort]}}", NULL);
    refused(g, &kind_pod, POD("p"),
            "pods \"p\" is forbidden: exceeded quota: q, requested: pods=1, used: pods=0, limited: "
            "pods=0");
    admitted(g, &kind_pod, POD_OF("p", "1"), NULL);
}

static const struct schema_type type_widget = {
    .name = "Widget",
    .open = true,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta))),
};
static const struct schema_kind kind_widget = {
    .group = "example.com",
    .version = "v1",
    .kind = "Widget",
    .plural = "widgets",
    .singular = "widget",
    .namespaced = true,
    .type = &type_widget,
};

/* A kind that comes after the quota that limits it, as at every start of a gateway. */
static void test_quotas__kinds_of_people(void **state)
{
    struct gated *g = *state;
    struct kinds *kinds = api_kinds(g->world->api);
    admitted(g, &kind_resource_quota, QUOTA("count/widgets.example.com: 1"), NULL);
    assert_int_equal(kinds_add(kinds, &kind_widget), 0);
    admitted(g, &kind_widget, "{metadata: {name: one}}", NULL);
    refused(g, &kind_widget, "{metadata: {name: two}}",
            "widgets.example.com \"two\" is forbidden: exceeded quota: q, requested: "
            "count/widgets.example.com=1, used: count/widgets.example.com=1, limited: "
            "count/widgets.example.com=1");
    kinds_remove(kinds, &kind_widget);
    gated_configure(g, &ADMISSION_DEFAULTS);
    assert_used(g, "{\"count/widgets.example.com\":\"0\"}");
    assert_int_equal(kinds_add(kinds, &kind_widget), 0);
    assert_used(g, "{\"count/widgets.example.com\":\"1\"}");
    kinds_remove(kinds, &kind_widget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_quotas__the_last_place),
        TEST(test_quotas__two_at_once),
        TEST(test_quotas__a_dry_run_takes_nothing),
        TEST(test_quotas__what_fails_gives_it_back),
        TEST(test_quotas__ended_pods_are_free),
        TEST(test_quotas__what_must_be_said),
        TEST(test_quotas__what_was_there_counts),
        TEST(test_quotas__only_more_is_refused),
        TEST(test_quotas__scopes),
        TEST(test_quotas__kinds_of_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
