#include "controller/server/route.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_route__finds(void **state)
{
    (void)state;
    static const struct {
        const char *target;
        enum route_what what;
        const char *plural, *ns, *name, *sub;
    } cases[] = {
        {"/", ROUTE_NOWHERE},
        {"/version", ROUTE_VERSION},
        {"/version/", ROUTE_VERSION},
        {"/version/x", ROUTE_NOWHERE},
        {"/healthz", ROUTE_HEALTH},
        {"/readyz", ROUTE_HEALTH},
        {"/livez", ROUTE_HEALTH},
        {"/api", ROUTE_API_VERSIONS},
        {"/api/v1", ROUTE_RESOURCES},
        {"/api/v2", ROUTE_NOWHERE},
        {"/apis", ROUTE_GROUPS},
        {"/openapi/v2", ROUTE_OPENAPI_V2},
        {"/openapi/v3/", ROUTE_OPENAPI_V3},
        {"/openapi/v3/api/v1", ROUTE_OPENAPI_V3_RESOURCES},
        {"/openapi/v3/api/v2", ROUTE_NOWHERE},
        {"/openapi/v3/apis/apps", ROUTE_NOWHERE},
        {"/openapi/v3/apis/apps/v1", ROUTE_OPENAPI_V3_RESOURCES},
        {"/openapi/v3/apis/apps/v1/x", ROUTE_NOWHERE},
        {"/apis/apps", ROUTE_GROUP},
        {"/apis/apps/v1", ROUTE_RESOURCES},
        {"/apis/limpet.io/v1/dryrun", ROUTE_DRY_RUN},
        {"/apis/limpet.io/v1/dryrun/x", ROUTE_NOWHERE},
        {"/api/v1/pods", ROUTE_OBJECTS, "pods", "", "", ""},
        {"/api/v1/pods/web", ROUTE_NOWHERE},
        {"/api/v1/nodes", ROUTE_OBJECTS, "nodes", "", "", ""},
        {"/api/v1/nodes/pi", ROUTE_OBJECTS, "nodes", "", "pi", ""},
        {"/api/v1/nodes/pi/status", ROUTE_OBJECTS, "nodes", "", "pi", "status"},
        {"/api/v1/nodes/pi/status/x", ROUTE_NOWHERE},
        {"/api/v1/namespaces", ROUTE_OBJECTS, "namespaces", "", "", ""},
        {"/api/v1/namespaces/a", ROUTE_OBJECTS, "namespaces", "", "a", ""},
        {"/api/v1/namespaces/a/status", ROUTE_OBJECTS, "namespaces", "", "a", "status"},
        {"/api/v1/namespaces/a/pods", ROUTE_OBJECTS, "pods", "a", "", ""},
        {"/api/v1/namespaces/a/pods/web", ROUTE_OBJECTS, "pods", "a", "web", ""},
        {"/api/v1/namespaces/a/pods/web/log", ROUTE_OBJECTS, "pods", "a", "web", "log"},
        {"/api/v1/namespaces/a/pods/web/log/x", ROUTE_NOWHERE},
        {"/api/v1/namespaces/a/nodes/pi", ROUTE_NOWHERE},
        {"/api/v1/namespaces/a/dragons", ROUTE_NOWHERE},
        {"/api/v1/dragons", ROUTE_NOWHERE},
        {"/api/v1/watch/pods", ROUTE_OBJECTS, "pods", "", "", ""},
        {"/api/v1/watch/namespaces/a/pods/web", ROUTE_OBJECTS, "pods", "a", "web", ""},
        {"/api/v1/watch/namespaces/a", ROUTE_OBJECTS, "namespaces", "", "a", ""},
        {"/api/v1/namespaces/watch/pods", ROUTE_OBJECTS, "pods", "watch", "", ""},
        {"/api/v1/watch", ROUTE_NOWHERE},
        {"/api/v1/watch/watch/pods", ROUTE_NOWHERE},
        {"/apis//v1/pods", ROUTE_NOWHERE},
        {"/apis/core/v1/pods", ROUTE_NOWHERE},
        {"/api/v1/namespaces/pods/pods/pods", ROUTE_OBJECTS, "pods", "pods", "pods", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url url;
        struct route route;
        struct err err = {0};
        print_message("%s\n", cases[i].target);
        if (url_parse(cases[i].target, &url, &err) != 0) {
            assert_int_equal(cases[i].what, ROUTE_NOWHERE);
            continue;
        }
        route_find(NULL, &url, &route);
        assert_int_equal(route.what, cases[i].what);
        if (cases[i].plural) {
            assert_int_equal(route.watch, str_has_prefix(cases[i].target, "/api/v1/watch/"));
            assert_string_equal(route.kind->plural, cases[i].plural);
            assert_string_equal(route.ns, cases[i].ns);
            assert_string_equal(route.name, cases[i].name);
            assert_string_equal(route.subresource, cases[i].sub);
        }
        url_done(&url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_route__finds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
