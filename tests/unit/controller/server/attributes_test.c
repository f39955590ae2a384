#include "controller/server/attributes.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define POD "/api/v1/namespaces/default/pods/web"

static void test_attributes__verbs(void **state)
{
    (void)state;
    static const struct {
        const char *method, *target, *verb, *report;
        bool writes;
    } cases[] = {
        {"GET", "/api/v1/pods", "list", "LIST", false},
        {"GET", "/api/v1/pods?watch=1", "watch", "WATCH", false},
        {"GET", POD, "get", "GET", false},
        {"GET", POD "?watch=true", "watch", "WATCH", false},
        {"GET", POD "/log?follow=true", "get", "GET", false},
        {"DELETE", "/api/v1/namespaces/default/pods", "deletecollection", "DELETECOLLECTION", true},
        {"POST", "/api/v1/namespaces/default/pods", "create", "POST", true},
        {"GET", "/version", "get", "GET", false},
        /* What opens a stream creates, by whichever method. */
        {"GET", POD "/exec?command=sh", "create", "CONNECT", true},
        {"POST", POD "/exec?command=sh", "create", "CONNECT", true},
        {"GET", POD "/attach?watch=true", "create", "CONNECT", true},
        {"GET", POD "/portforward", "create", "CONNECT", true},
        {"POST", POD "/portforward", "create", "CONNECT", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url url;
        struct route route;
        struct attributes have;
        struct err err = {0};
        assert_int_equal(url_parse(cases[i].target, &url, &err), 0);
        route_find(NULL, &url, &route);
        attributes_find(cases[i].method, &url, &route, &have);
        if (!str_eq(have.verb, cases[i].verb) || !str_eq(have.report, cases[i].report) ||
            have.writes != cases[i].writes)
            fail_msg("%s %s: %s %s", cases[i].method, cases[i].target, have.verb, have.report);
        url_done(&url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_attributes__verbs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
