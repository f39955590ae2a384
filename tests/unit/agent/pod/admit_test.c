#include "agent/pod/internal.h"

#include "common/base/str.h"
#include "common/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* Who has room on the node: what a new pod has to fit beside. */
static void test_admit__who_has_room(void **state)
{
    (void)state;
    struct verdict verdict = {.grace_s = 0};
    static const struct {
        const char *name;
        enum pod_keeper keeper;
        bool deleting, finished, refused, forgotten, unasked, has;
    } cases[] = {
        {"runs", POD_KEEPER_RUNNING, .has = true},
        {"is about to start", POD_KEEPER_NONE, .has = true},
        {"was not asked yet", POD_KEEPER_NONE, .unasked = true},
        {"is told to stop", POD_KEEPER_STOPPING, .deleting = true, .has = true},
        {"is deleted, and has ended", POD_KEEPER_ENDED, .deleting = true},
        {"is deleted, and is cleaned up", POD_KEEPER_REMOVING, .deleting = true},
        {"is deleted, and cleaned up", POD_KEEPER_NONE, .deleting = true},
        {"is changed, and has ended", POD_KEEPER_ENDED, .has = true},
        {"is changed, and is cleaned up", POD_KEEPER_REMOVING, .has = true},
        {"has ended by itself", POD_KEEPER_ENDED, .finished = true},
        {"is refused", POD_KEEPER_NONE, .refused = true},
        {"is off this node", POD_KEEPER_NONE, .forgotten = true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *object = value_new_map();
        const struct value *theirs = value_set(object, "spec", value_new_map());
        const struct pod_spec spec = {.object = object, .deleting = cases[i].deleting};
        struct pod_record record = {.spec = &spec,
                                    .keeper = cases[i].keeper,
                                    .accepted = !cases[i].unasked,
                                    .finished = cases[i].finished,
                                    .verdict = cases[i].refused ? &verdict : NULL,
                                    .forgotten = cases[i].forgotten};
        struct agent agent = {.records = map_new()};
        const struct value *list[1] = {NULL};
        (void)map_put(agent.records, "uid", &record);
        size_t count = admit_list(&agent, NULL, list);
        if (count != cases[i].has || (count && list[0] != theirs))
            fail_msg("%s", cases[i].name);
        assert_int_equal(admit_list(&agent, &record, list), 0);
        map_free(agent.records, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_admit__who_has_room)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
