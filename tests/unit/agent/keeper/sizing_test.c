#include "agent/keeper/sizing.h"

#include "common/base/str.h"

#include <errno.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define CONTAINERS 2

/* A pod of two containers: what is wanted, what holds, and what is written then. */
struct fixture {
    struct launch_container containers[CONTAINERS];
    struct launch_plan plan;
    struct keeper_container shown[CONTAINERS];
    struct keeper_report report;
    bool waits[CONTAINERS];
    int64_t bytes[CONTAINERS], pod_bytes;
    bool one_group;
    char problem[160];
};

static void setup(struct fixture *f)
{
    *f = (struct fixture){.containers = {{.name = "a", .memory_bytes = 100, .cpu_shares = 10},
                                         {.name = "b", .memory_bytes = 200, .cpu_shares = 20}},
                          .shown = {{.size = {100, 0, 10}}, {.size = {200, 0, 20}}},
                          .pod_bytes = -1,
                          .bytes = {-1, -1}};
    f->plan = (struct launch_plan){.containers = f->containers,
                                   .container_count = CONTAINERS,
                                   .memory_bytes = 300,
                                   .cpu_shares = 30};
    f->report = (struct keeper_report){
        .containers = f->shown, .container_count = CONTAINERS, .size = {300, 0, 30}};
}

static void want(struct fixture *f, int64_t a, int64_t b)
{
    f->containers[0].memory_bytes = a;
    f->containers[1].memory_bytes = b;
    f->plan.memory_bytes = a + b;
}

/* The writes in order as text, "pod=400 a=200 " of memory; each holds as soon as it is written. */
static const char *writes(struct fixture *f)
{
    static char text[256];
    const struct sizing_view view = {.plan = &f->plan,
                                     .report = &f->report,
                                     .one_group = f->one_group,
                                     .waits = f->waits,
                                     .pod_bytes = f->pod_bytes,
                                     .bytes = f->bytes};
    struct sizing_write write;
    size_t len = 0;
    text[0] = '\0';
    for (int i = 0; sizing_next(&view, &write, f->problem, sizeof(f->problem)); i++) {
        bool pod = write.group == SIZING_POD;
        assert_true(i < 10);
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s=%d ",
                                pod ? "pod" : f->containers[write.group].name,
                                (int)write.size.memory_bytes);
        if (pod)
            f->report.size = write.size;
        else
            f->shown[write.group].size = write.size;
        if (f->one_group) { /* it is both */
            f->shown[0].size = sizing_of(&f->containers[0]);
            f->report.size = sizing_of_pod(&f->plan);
        }
    }
    return text;
}

/* At no time does a container have more than its pod. */
static void test_sizing__order(void **state)
{
    (void)state;
    static const struct {
        int64_t a, b;
        const char *writes;
    } rows[] = {
        {100, 200, ""},
        {150, 200, "pod=350 a=150 "},
        {50, 200, "a=50 pod=250 "},
        {50, 300, "pod=350 a=50 b=300 "},
        {150, 100, "a=150 b=100 pod=250 "},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fixture f;
        setup(&f);
        want(&f, rows[i].a, rows[i].b);
        assert_string_equal(writes(&f), rows[i].writes);
        assert_string_equal(f.problem, "");
    }
}

/* A container without a limit leaves the pod without one. */
static void test_sizing__first_limits(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.shown[1].size.memory_bytes = f.report.size.memory_bytes = 0;
    want(&f, 100, 50);
    assert_string_equal(writes(&f), "b=50 pod=150 ");
}

static void test_sizing__waits_for_a_new_start(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.waits[0] = true;
    want(&f, 50, 300);
    assert_string_equal(writes(&f), "pod=350 b=300 ");
    f.waits[0] = false;
    assert_string_equal(writes(&f), "a=50 ");
    f.waits[1] = true;
    want(&f, 40, 200);
    assert_string_equal(writes(&f), "a=40 "); /* the pod shrinks last */
    f.waits[1] = false;
    assert_string_equal(writes(&f), "b=200 pod=240 ");
}

static void test_sizing__never_below_usage(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.bytes[0] = 60;
    f.pod_bytes = 60;
    want(&f, 50, 150);
    assert_string_equal(writes(&f), "b=150 "); /* the others get what they are to have */
    assert_string_equal(f.problem,
                        "attempting to set a memory limit (50) below current usage (60)");
    f.bytes[0] = 40;
    f.pod_bytes = 250;
    assert_string_equal(writes(&f), "a=50 ");
    assert_string_equal(f.problem,
                        "attempting to set pod memory limit (200) below current usage (250)");
    f.pod_bytes = 100;
    assert_string_equal(writes(&f), "pod=200 ");
    assert_string_equal(f.problem, "");
    f.bytes[0] = 70; /* more is always right */
    want(&f, 60, 150);
    assert_string_equal(writes(&f), "pod=210 a=60 ");
}

static void test_sizing__one_group(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    f.one_group = true;
    f.report.container_count = f.plan.container_count = 1;
    f.containers[0].memory_bytes = 80;
    f.plan.memory_bytes = 90; /* with what running it costs */
    assert_string_equal(writes(&f), "pod=80 ");
    f.waits[0] = true;
    f.containers[0].memory_bytes = 70;
    assert_string_equal(writes(&f), "");
}

static void test_sizing__message(void **state)
{
    (void)state;
    struct sizing once = {.pod = {1, 2, 3}, .count = 2}, twice;
    once.containers[0] = (struct sizing_container){"a", {4, 5, 6}, -997, true, false};
    once.containers[1] = (struct sizing_container){"b", {0, 0, 2}, 1000, false, true};
    cleanup(buf_done) struct buf bytes;
    buf_init(&bytes, 0);
    assert_int_equal(sizing_encode(&once, &bytes), 0);
    assert_int_equal(sizing_decode(bytes.data, bytes.len, &twice), 0);
    assert_true(keeper_size_equal(&once.pod, &twice.pod));
    assert_int_equal(twice.count, 2);
    for (size_t i = 0; i < 2; i++) {
        const struct sizing_container *a = &once.containers[i], *b = &twice.containers[i];
        assert_string_equal(a->name, b->name);
        assert_true(keeper_size_equal(&a->size, &b->size));
        assert_int_equal(a->oom_score_adj, b->oom_score_adj);
        assert_true(a->renew_cpu == b->renew_cpu && a->renew_memory == b->renew_memory);
    }
    for (size_t len = 0; len < bytes.len; len++)
        assert_int_equal(sizing_decode(bytes.data, len, &twice), -EINVAL);
    ((uint8_t *)bytes.data)[7] = 0x80; /* less than nothing */
    assert_int_equal(sizing_decode(bytes.data, bytes.len, &twice), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizing__order),
        cmocka_unit_test(test_sizing__first_limits),
        cmocka_unit_test(test_sizing__waits_for_a_new_start),
        cmocka_unit_test(test_sizing__never_below_usage),
        cmocka_unit_test(test_sizing__one_group),
        cmocka_unit_test(test_sizing__message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
