#include "agent/pod/plan.h"

#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* A wanted pod whose gates are all open. */
#define WANTED .desired = true, .grace_s = 30
#define READY .images = POD_GATE_OPEN, .volumes = POD_GATE_OPEN

static const struct {
    struct pod_view view;
    const char *rule;
    enum pod_action_type action;
    int64_t at;
} cases[] = {
    /* Starting. */
    {{WANTED}, "S1", POD_PULL_IMAGES, 0},
    {{WANTED, .images = POD_GATE_OPENING}, "S2", POD_PREPARE_VOLUMES, 0},
    {{WANTED, .images = POD_GATE_FAILED, .images_retry_at = 100}, "S1", POD_PULL_IMAGES, 0},
    {{WANTED, .images = POD_GATE_FAILED, .images_retry_at = 101, .volumes = POD_GATE_OPEN},
     "S7",
     POD_WAIT,
     101},
    {{WANTED, .images = POD_GATE_FAILED, .images_retry_at = 300, .volumes = POD_GATE_FAILED,
      .volumes_retry_at = 200},
     "S7",
     POD_WAIT,
     200},
    {{WANTED, .images = POD_GATE_OPENING, .volumes = POD_GATE_OPENING}, "S7", POD_WAIT, 0},
    {{WANTED, READY}, "S4", POD_SPAWN_KEEPER, 0},
    {{WANTED, READY, .spawn_retry_at = 150}, "S7", POD_WAIT, 150},
    {{WANTED, READY, .keeper = POD_KEEPER_SPAWNING}, "S7", POD_WAIT, 0},
    {{WANTED, READY, .keeper = POD_KEEPER_SANDBOX}, "S5", POD_WIRE_NETWORK, 0},
    {{WANTED, READY, .keeper = POD_KEEPER_SANDBOX, .network = POD_GATE_FAILED,
      .network_retry_at = 120},
     "S7",
     POD_WAIT,
     120},
    {{WANTED, READY, .keeper = POD_KEEPER_SANDBOX, .network = POD_GATE_OPEN}, "S6", POD_GO, 0},
    /* A sandbox found by a restarted agent, whose gates are closed, goes on where it was. */
    {{WANTED, .keeper = POD_KEEPER_SANDBOX, .network = POD_GATE_OPEN}, "S6", POD_GO, 0},

    /* At rest: whatever the gates say after an adoption, a running pod is left alone. */
    {{WANTED, .keeper = POD_KEEPER_RUNNING}, "A1", POD_WAIT, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .name_taken = true}, "A1", POD_WAIT, 0},
    {{WANTED, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 30}, "A1", POD_WAIT, 0},
    /* Before anything starts, and whenever it changes. */
    {{WANTED, READY, .keeper = POD_KEEPER_SANDBOX, .network = POD_GATE_OPEN, .deadline_due = true},
     "T1",
     POD_SET_DEADLINE,
     0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .deadline_due = true}, "T1", POD_SET_DEADLINE, 0},
    {{WANTED, .keeper = POD_KEEPER_STOPPING, .deadline_due = true}, "A1", POD_WAIT, 0},
    /* Cpu and memory of one that runs, and can hear of it. */
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .resizing = true}, "C1", POD_RESIZE, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .resizing = true, .resize_retry_at = 100},
     "C1",
     POD_RESIZE,
     0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .resizing = true, .resize_retry_at = 120},
     "A1",
     POD_WAIT,
     120},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .resizing = true, .pause = true, .paused = true},
     "A1",
     POD_WAIT,
     0},
    {{.keeper = POD_KEEPER_RUNNING, .grace_s = 30, .resizing = true}, "E5", POD_STOP, 0},
    /* Ephemeral containers come to a pod that runs, and to no other. */
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .debug_untried = true}, "D2", POD_PULL_DEBUG, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .debug_ready = true}, "D1", POD_ADD_DEBUG, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .debug_retry_at = 100}, "D2", POD_PULL_DEBUG, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .debug_retry_at = 120}, "A1", POD_WAIT, 120},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .debug_ready = true, .pause = true, .paused = true},
     "A1",
     POD_WAIT,
     0},
    {{WANTED, .keeper = POD_KEEPER_SANDBOX, .debug_untried = true}, "S5", POD_WIRE_NETWORK, 0},
    {{.keeper = POD_KEEPER_RUNNING, .grace_s = 30, .debug_ready = true}, "E5", POD_STOP, 0},
    /* Standing still: nothing but the annotation decides, and whoever ends it lets it go first. */
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .pause = true}, "P1", POD_PAUSE, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .pause = true, .paused = true}, "A1", POD_WAIT, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .pause = true, .unpausable = true}, "A1", POD_WAIT, 0},
    {{WANTED, .keeper = POD_KEEPER_RUNNING, .paused = true}, "P2", POD_RESUME, 0},
    {{WANTED, .keeper = POD_KEEPER_SANDBOX, .pause = true}, "S5", POD_WIRE_NETWORK, 0},
    {{WANTED, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 30, .paused = true},
     "A1",
     POD_WAIT,
     0},
    {{.keeper = POD_KEEPER_RUNNING, .grace_s = 30, .pause = true, .paused = true},
     "E5",
     POD_STOP,
     0},
    {{WANTED, .finished = true}, "A2", POD_WAIT, 0},
    /* What has ended for good needs no volumes; what is deleted goes with all that it has. */
    {{WANTED, .finished = true, .volumes_held = true}, "E8", POD_RELEASE_VOLUMES, 0},
    {{WANTED, .refused = true, .volumes_held = true}, "E8", POD_RELEASE_VOLUMES, 0},
    {{.finished = true, .volumes_held = true}, "E2", POD_FORGET, 0},
    {{WANTED, .finished = true, .keeper = POD_KEEPER_REMOVING, .volumes_held = true},
     "E1",
     POD_WAIT,
     0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_RUNNING, .volumes_held = true},
     "R2",
     POD_STOP,
     0},
    {{WANTED, READY, .volumes_held = true}, "S4", POD_SPAWN_KEEPER, 0},
    {{WANTED, .refused = true}, "A2", POD_WAIT, 0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_SPAWNING}, "R1", POD_REMOVE_KEEPER, 0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_SANDBOX}, "R1", POD_REMOVE_KEEPER, 0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_RUNNING, .paused = true, .pause = true},
     "R2",
     POD_STOP,
     0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 30},
     "A1",
     POD_WAIT,
     0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 31},
     "R2",
     POD_STOP,
     0},
    {{WANTED, .refused = true, .keeper = POD_KEEPER_ENDED}, "E7", POD_REMOVE_KEEPER, 0},
    {{WANTED, .name_taken = true, .images = POD_GATE_FAILED, .images_retry_at = 150},
     "A2",
     POD_WAIT,
     0},
    {{WANTED, .keeper = POD_KEEPER_ENDED}, "E7", POD_REMOVE_KEEPER, 0},
    {{WANTED, .keeper = POD_KEEPER_SANDBOX, .finished = true}, "E7", POD_REMOVE_KEEPER, 0},

    /* The end. */
    {{.desired = false}, "E2", POD_FORGET, 0},
    {{WANTED, .deleting = true}, "E2", POD_FORGET, 0},
    {{WANTED, .deleting = true, .keeper = POD_KEEPER_SPAWNING}, "E3", POD_REMOVE_KEEPER, 0},
    {{WANTED, .deleting = true, .keeper = POD_KEEPER_SANDBOX}, "E4", POD_REMOVE_KEEPER, 0},
    {{WANTED, .deleting = true, .keeper = POD_KEEPER_RUNNING}, "E5", POD_STOP, 0},
    {{.desired = false, .keeper = POD_KEEPER_RUNNING, .asked_grace_s = -1}, "E5", POD_STOP, 0},
    {{WANTED, .changed = true, .keeper = POD_KEEPER_RUNNING}, "E5", POD_STOP, 0},
    {{.desired = false, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 30, .grace_s = 30},
     "E6",
     POD_WAIT,
     0},
    {{.desired = false, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 30, .grace_s = 0},
     "E5",
     POD_STOP,
     0},
    {{.desired = false, .keeper = POD_KEEPER_STOPPING, .asked_grace_s = 5, .grace_s = 30},
     "E6",
     POD_WAIT,
     0},
    {{WANTED, .changed = true, .keeper = POD_KEEPER_ENDED}, "E4", POD_REMOVE_KEEPER, 0},
    {{.desired = false, .keeper = POD_KEEPER_REMOVING}, "E1", POD_WAIT, 0},
    {{WANTED, .keeper = POD_KEEPER_REMOVING}, "E1", POD_WAIT, 0},
};

static void test_plan__each_case(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct pod_action action = pod_plan(&cases[i].view, 100);
        if (!str_eq(action.rule, cases[i].rule) || action.type != cases[i].action ||
            action.at != cases[i].at)
            fail_msg("case %zu: rule %s, %s at %lld; want %s, %s at %lld", i, action.rule,
                     pod_action_name(action.type), (long long)action.at, cases[i].rule,
                     pod_action_name(cases[i].action), (long long)cases[i].at);
        if (action.type == POD_STOP)
            assert_int_equal(action.grace_s, cases[i].view.grace_s);
    }
}

/* No view at all may leave the table without an answer, and a pod that nobody wants is never
 * started. */
static void test_plan__total_and_safe(void **state)
{
    (void)state;
    for (unsigned bits = 0; bits < 1u << 13; bits++) {
        struct pod_view v = {
            .desired = bits & 1,
            .deleting = bits & 2,
            .changed = bits & 4,
            .finished = bits & 8,
            .name_taken = bits & 16,
            .refused = bits & 32,
            .keeper = (enum pod_keeper)((bits >> 6) % 7),
            .images = (enum pod_gate)((bits >> 9) & 3),
            .volumes = (enum pod_gate)((bits >> 11) & 3),
            .asked_grace_s = -1,
            .grace_s = 30,
        };
        struct pod_action action = pod_plan(&v, 100);
        bool starts = action.type == POD_SPAWN_KEEPER || action.type == POD_GO;
        if (starts)
            assert_true(v.desired && !v.deleting && !v.changed && !v.finished && !v.refused);
        if (action.type == POD_SPAWN_KEEPER)
            assert_true(v.keeper == POD_KEEPER_NONE && !v.name_taken);
        if (action.type == POD_STOP)
            assert_false(v.desired && !v.deleting && !v.changed && !v.refused);
        if (action.type == POD_FORGET)
            assert_int_equal(v.keeper, POD_KEEPER_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan__each_case),
        cmocka_unit_test(test_plan__total_and_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
