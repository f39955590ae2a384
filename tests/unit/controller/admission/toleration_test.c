#include "controller/admission/toleration.h"

#include "tests/unit/controller/admission/gated.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define C "containers: [{name: a, image: i}]"
#define OF(key, seconds)                                                                           \
    "{\"key\":\"node.kubernetes.io/" key                                                           \
    "\",\"operator\":\"Exists\",\"effect\":\"NoExecute\",\"tolerationSeconds\":" seconds "}"

static void test_toleration__is_given(void **state)
{
    pod_has(*state, C, "spec.tolerations",
            "[" OF("not-ready", "300") "," OF("unreachable", "300") "]");
    gated_configure(*state, &(struct admission_config){10, 0, false});
    pod_has(*state, C, "spec.tolerations",
            "[" OF("not-ready", "10") "," OF("unreachable", "0") "]");
}

static void test_toleration__what_is_said_stays(void **state)
{
    pod_has(*state, C ", tolerations: [{operator: Exists}]", "spec.tolerations",
            "[{\"operator\":\"Exists\"}]");
    pod_has(*state,
            C ", tolerations: [{key: node.kubernetes.io/not-ready, operator: Exists, effect: "
              "NoExecute, tolerationSeconds: 5}]",
            "spec.tolerations", "[" OF("not-ready", "5") "," OF("unreachable", "300") "]");
    pod_has(*state,
            C ", tolerations: [{key: node.kubernetes.io/unreachable, operator: Exists, effect: "
              "NoSchedule}]",
            "spec.tolerations.2", OF("unreachable", "300"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_toleration__is_given),
        TEST(test_toleration__what_is_said_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
