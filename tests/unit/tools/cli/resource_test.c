#include "tools/cli/resource.h"

#include "common/base/str.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void test_resource__paths_are_escaped(void **state)
{
    struct resource pods = {.group = "", .version = "v1", .plural = "pods", .namespaced = true};
    struct resource nodes = {.group = "", .version = "v1", .plural = "nodes"};
    struct resource jobs = {
        .group = "batch", .version = "v1", .plural = "jobs", .namespaced = true};
    const struct {
        const struct resource *resource;
        const char *ns, *name, *path;
    } cases[] = {
        {&pods, "shop", "web", "/api/v1/namespaces/shop/pods/web"},
        {&pods, "shop", NULL, "/api/v1/namespaces/shop/pods"},
        {&pods, NULL, NULL, "/api/v1/pods"},
        {&nodes, "shop", "pi-01", "/api/v1/nodes/pi-01"},
        {&jobs, "a", "b", "/apis/batch/v1/namespaces/a/jobs/b"},
        {&pods, "../x", "a/b?c#d%", "/api/v1/namespaces/..%2Fx/pods/a%2Fb%3Fc%23d%25"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *path = resource_path(cases[i].resource, cases[i].ns, cases[i].name);
        assert_string_equal(path, cases[i].path);
        free(path);
    }
}

static void test_resource__queries_are_escaped(void **state)
{
    cleanup(buf_done) struct buf path;
    (void)state;
    buf_init(&path, 0);
    buf_addstr(&path, "/api/v1/pods");
    query_add(&path, "a", NULL);
    query_add(&path, "labelSelector", "a=b,c!=d e&f");
    query_add(&path, "watch", "true");
    assert_string_equal(buf_str(&path),
                        "/api/v1/pods?labelSelector=a%3Db%2Cc%21%3Dd%20e%26f&watch=true");
}

static void test_resource__servers_list_is_searched(void **state)
{
    static const char core[] =
        "{\"groupVersion\":\"v1\",\"resources\":[{\"name\":\"pods/log\",\"kind\":\"Pod\"},"
        "{\"name\":\"services\",\"singularName\":\"service\",\"kind\":\"Service\",\"namespaced\":"
        "true,\"shortNames\":[\"svc\"]}]}";
    static const char apps[] =
        "{\"groupVersion\":\"apps/v1\",\"resources\":[{\"name\":\"deployments\",\"singularName\":"
        "\"deployment\",\"kind\":\"Deployment\",\"namespaced\":true,\"shortNames\":[\"deploy\"]},"
        "{\"name\":\"deployments/scale\",\"kind\":\"Scale\"}]}";
    static const struct {
        const char *list, *name, *plural, *group;
    } cases[] = {
        {core, "svc", "services", ""},
        {core, "Service", "services", ""},
        {core, "services", "services", ""},
        {core, "pods/log", NULL, NULL},
        {core, "services.apps", NULL, NULL},
        {core, "nothing", NULL, NULL},
        {apps, "deploy", "deployments", "apps"},
        {apps, "deployments.apps", "deployments", "apps"},
        {apps, "deployment.apps", "deployments", "apps"},
        {apps, "deployments.batch", NULL, NULL},
        {apps, "scale", NULL, NULL},
        {"{}", "pods", NULL, NULL},
        {"{\"groupVersion\":7,\"resources\":{}}", "pods", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *list = NULL;
        struct err err = {0};
        assert_int_equal(json_parse(cases[i].list, strlen(cases[i].list), &list, &err), 0);
        cleanup(resource_free) struct resource *found = resource_in_list(list, cases[i].name);
        assert_true((found != NULL) == (cases[i].plural != NULL));
        if (!found)
            continue;
        assert_string_equal(found->plural, cases[i].plural);
        assert_string_equal(found->group, cases[i].group);
        assert_string_equal(found->version, "v1");
        assert_true(found->namespaced);
    }
}

static void test_resource__known_kinds_need_no_server(void **state)
{
    static const char *const names[] = {"pod", "pods", "po", "Pod"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct cli cli = {0};
        cleanup(resource_free) struct resource *found = resource_find(&cli, names[i]);
        assert_non_null(found);
        assert_ptr_equal(found->known, &kind_pod);
    }
}

static void test_resource__targets_are_pairs_kinds_or_names(void **state)
{
    static const struct verb verb = {.name = "get", .usage = ""};
    static const struct {
        const char *words[4];
        size_t count, targets, kinds;
        int code;
    } cases[] = {
        {{"pods"}, 1, 1, 1, 0},
        {{"pods,nodes"}, 1, 2, 2, 0},
        {{"pods,po"}, 1, 2, 1, 0},
        {{"pod", "a", "b"}, 3, 2, 1, 0},
        {{"pod/a", "node/b", "pods/c"}, 3, 3, 2, 0},
        {{NULL}, 0, 0, 0, EXIT_USAGE},
        {{"pod/a", "b"}, 2, 0, 0, EXIT_USAGE},
        {{"pod/"}, 1, 0, 0, EXIT_USAGE},
        {{"/a"}, 1, 0, 0, EXIT_USAGE},
        {{"pod", "a/b"}, 2, 0, 0, EXIT_USAGE},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct cli cli = {0};
        char *words[4];
        for (size_t w = 0; w < 4; w++)
            words[w] = (char *)(uintptr_t)cases[i].words[w];
        cleanup(targets_done) struct targets targets;
        assert_int_equal(targets_parse(&cli, &verb, words, cases[i].count, &targets),
                         cases[i].code);
        if (cases[i].code != 0)
            continue;
        assert_int_equal(targets.count, cases[i].targets);
        assert_int_equal(targets.resource_count, cases[i].kinds);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resource__paths_are_escaped),
        cmocka_unit_test(test_resource__queries_are_escaped),
        cmocka_unit_test(test_resource__servers_list_is_searched),
        cmocka_unit_test(test_resource__known_kinds_need_no_server),
        cmocka_unit_test(test_resource__targets_are_pairs_kinds_or_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
