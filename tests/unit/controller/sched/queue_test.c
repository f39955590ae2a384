#include "controller/sched/queue.h"

#include "common/base/list.h"
#include "common/base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

struct one {
    struct sched_entry entry;
    int64_t number;
};

static int64_t take(struct sched_queue *queue)
{
    struct sched_entry *entry = sched_queue_take(queue);
    return entry ? container_of(entry, struct one, entry)->number : -1;
}

static void test_queue__priority_then_turn(void **state)
{
    static const int64_t priorities[] = {0, 5, 0, -7, 2000001000, 5, 0};
    static const int64_t wanted[] = {4, 1, 5, 0, 2, 6, 3, -1, -1};
    struct one ones[ARRAY_LEN(priorities)] = {0};
    struct sched_queue queue = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(priorities); i++) {
        ones[i].number = (int64_t)i;
        sched_queue_put(&queue, &ones[i].entry, priorities[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(take(&queue), wanted[i]);
    sched_queue_done(&queue);
}

/* Who is put again goes behind those of its priority, which may be another now. */
static void test_queue__put_again_and_drop(void **state)
{
    struct one ones[4] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3}};
    struct sched_queue queue = {0};
    (void)state;
    sched_queue_drop(&queue, &ones[0].entry);
    for (size_t i = 0; i < ARRAY_LEN(ones); i++)
        sched_queue_put(&queue, &ones[i].entry, 0);
    sched_queue_put(&queue, &ones[0].entry, 0);
    sched_queue_put(&queue, &ones[3].entry, 1);
    sched_queue_drop(&queue, &ones[1].entry);
    sched_queue_drop(&queue, &ones[1].entry);
    assert_int_equal(take(&queue), 3);
    assert_int_equal(take(&queue), 2);
    assert_int_equal(take(&queue), 0);
    assert_int_equal(take(&queue), -1);
    sched_queue_done(&queue);
}

/* Whatever is put and dropped between: what comes out is in order, and all of it. */
static void test_queue__any_order(void **state)
{
    enum { COUNT = 500 };
    static struct one ones[COUNT];
    struct sched_queue queue = {0};
    unsigned random = 1;
    size_t left = 0;
    (void)state;
    for (size_t i = 0; i < 4 * COUNT; i++) {
        random = random * 1103515245u + 12345u;
        struct sched_entry *entry = &ones[random / 65536 % COUNT].entry;
        if (random / 4096 % 4 == 0)
            sched_queue_drop(&queue, entry);
        else
            sched_queue_put(&queue, entry, random / 1024 % 7);
    }
    for (size_t i = 0; i < COUNT; i++)
        left += ones[i].entry.place != 0;
    assert_int_equal(queue.count, left);
    const struct sched_entry *last = sched_queue_take(&queue), *entry;
    for (; (entry = sched_queue_take(&queue)); last = entry, left--)
        assert_true(last->priority > entry->priority ||
                    (last->priority == entry->priority && last->turn < entry->turn));
    assert_int_equal(left, 1);
    sched_queue_done(&queue);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queue__priority_then_turn),
        cmocka_unit_test(test_queue__put_again_and_drop),
        cmocka_unit_test(test_queue__any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
