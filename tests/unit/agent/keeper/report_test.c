#include "agent/keeper/report.h"

#include "agent/runtime/wire.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
static char said[] = "last words\n";
static struct keeper_container containers[2] = {
    {.name = "app",
     .state = KEEPER_STARTED,
     .restarts = 3,
     .started_wall_ns = -5,
     .pid = 77,
     .said = said,
     .last = {.valid = true,
              .code = 137,
              .signal = 9,
              .oom = true,
              .started_wall_ns = 1,
              .finished_wall_ns = 2,
              .reason = "OOMKilled",
              .message = "m"}},
    {.name = "side",
     .restart_at_boot_ns = INT64_MAX,
     .role = LAUNCH_SIDECAR,
     .marks = 0x80000001,
     .size = {INT64_MAX, 50000, 512}},
};
static const struct keeper_report sample = {.pod_uid = "u",
                                            .pod_ns = "ns",
                                            .pod_name = "p",
                                            .spec_hash = "h",
                                            .boot_id = "b",
                                            .state = KEEPER_STOPPING,
                                            .keeper_pid = 12,
                                            .started_wall_ns = 99,
                                            .deadline_s = 60,
                                            .reason = "DeadlineExceeded",
                                            .size = {1, 0, 2},
                                            .misfit = "too low",
                                            .container_count = 2,
                                            .containers = containers};

static void assert_same(const struct keeper_report *a, const struct keeper_report *b)
{
    assert_string_equal(a->pod_uid, b->pod_uid);
    assert_string_equal(a->pod_ns, b->pod_ns);
    assert_string_equal(a->pod_name, b->pod_name);
    assert_string_equal(a->spec_hash, b->spec_hash);
    assert_string_equal(a->boot_id, b->boot_id);
    assert_int_equal(a->state, b->state);
    assert_int_equal(a->keeper_pid, b->keeper_pid);
    assert_int_equal(a->started_wall_ns, b->started_wall_ns);
    assert_int_equal(a->deadline_s, b->deadline_s);
    assert_string_equal(a->reason, b->reason);
    assert_string_equal(a->misfit, b->misfit);
    assert_memory_equal(&a->size, &b->size, sizeof(a->size));
    assert_int_equal(a->container_count, b->container_count);
    for (size_t i = 0; i < a->container_count; i++) {
        const struct keeper_container *c = &a->containers[i], *d = &b->containers[i];
        assert_string_equal(c->name, d->name);
        assert_int_equal(c->state, d->state);
        assert_int_equal(c->restarts, d->restarts);
        assert_true(c->started_wall_ns == d->started_wall_ns);
        assert_true(c->restart_at_boot_ns == d->restart_at_boot_ns);
        assert_int_equal(c->pid, d->pid);
        assert_int_equal(c->last.valid, d->last.valid);
        assert_int_equal(c->last.code, d->last.code);
        assert_int_equal(c->last.signal, d->last.signal);
        assert_int_equal(c->last.oom, d->last.oom);
        assert_string_equal(c->last.reason, d->last.reason);
        assert_string_equal(c->last.message, d->last.message);
        assert_true(str_eq(c->said, d->said));
        assert_int_equal(c->role, d->role);
        assert_int_equal(c->marks, d->marks);
        assert_memory_equal(&c->size, &d->size, sizeof(c->size));
    }
}

static void test_report__round_trip(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes;
    struct keeper_report *back;
    buf_init(&bytes, 0);
    assert_int_equal(keeper_report_encode(&sample, &bytes), 0);
    assert_int_equal(keeper_report_decode(bytes.data, bytes.len, &back, NULL), 0);
    assert_same(back, &sample);
    struct keeper_report *copy = keeper_report_copy(back);
    keeper_report_free(back);
    assert_same(copy, &sample);
    keeper_report_free(copy);
    keeper_report_free(NULL);
}

static void test_report__damage(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf bytes;
    struct keeper_report *back;
    struct err err = {0};
    buf_init(&bytes, 0);
    assert_int_equal(keeper_report_encode(&sample, &bytes), 0);
    for (size_t len = 0; len < bytes.len; len++) {
        char *cut = xmemdup(bytes.data, len);
        assert_int_equal(keeper_report_decode(cut, len, &back, &err), -EINVAL);
        free(cut);
    }
    for (size_t i = 0; i < bytes.len * 8; i++) {
        bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
        if (keeper_report_decode(bytes.data, bytes.len, &back, &err) == 0) {
            assert_true(back->state <= KEEPER_ENDED &&
                        back->container_count <= LAUNCH_MAX_CONTAINERS);
            keeper_report_free(back);
        }
        bytes.data[i / 8] = (char)(bytes.data[i / 8] ^ 1 << i % 8);
    }
}

/* A keeper of a later release says more of itself. */
static void test_report__later_release(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf now, later;
    struct keeper_report *back;
    struct wire wire;
    buf_init(&now, 0);
    buf_init(&later, 0);
    assert_int_equal(keeper_report_encode(&sample, &now), 0);
    wire_init(&wire, now.data, now.len);
    assert_int_equal(wire_put_u32(&later, wire_u32(&wire)), 0);
    for (int part = 0; part < 3; part++) {
        size_t len;
        if (part == 1)
            assert_int_equal(wire_put_u32(&later, wire_u32(&wire)), 0);
        const void *bytes = wire_blob(&wire, &len);
        size_t at = later.len;
        assert_int_equal(wire_put_blob(&later, bytes, len), 0);
        assert_int_equal(wire_put_str(&later, "new"), 0);
        wire_set_u32(&later, at, (uint32_t)(later.len - at - 4));
    }
    assert_int_equal(keeper_report_decode(later.data, later.len, &back, NULL), 0);
    assert_same(back, &sample);
    keeper_report_free(back);
}

/* One of protocol 1 and 2: its containers have neither role nor marks. */
static void test_report__earlier_release(void **state)
{
    (void)state;
    static const char bytes[] = "LRP1"
                                "\x2f\0\0\0" /* head */
                                "\1\0\0\0u\0"
                                "\2\0\0\0ns\0"
                                "\1\0\0\0p\0"
                                "\1\0\0\0h\0"
                                "\1\0\0\0"
                                "b\0"
                                "\1\0\0\0"           /* running */
                                "\x0c\0\0\0"         /* pid 12 */
                                "\x63\0\0\0\0\0\0\0" /* since */
                                "\1\0\0\0"
                                "\x4e\0\0\0" /* container */
                                "\3\0\0\0"
                                "app\0"
                                "\1\0\0\0"              /* started */
                                "\3\0\0\0"              /* restarts */
                                "\5\0\0\0\0\0\0\0"      /* since */
                                "\0\0\0\0\0\0\0\0"      /* no backoff */
                                "\x4d\0\0\0"            /* pid 77 */
                                "\1\0\0\0\7\0\0\0"      /* its last exit: code 7 */
                                "\0\0\0\0\0\0\0\0"      /* signal, oom */
                                "\1\0\0\0\0\0\0\0"      /* from */
                                "\2\0\0\0\0\0\0\0"      /* to */
                                "\0\0\0\0\0\0\0\0\0\0"; /* reason, message */
    struct keeper_report *back;
    struct err err = {0};
    assert_int_equal(keeper_report_decode(bytes, sizeof(bytes) - 1, &back, &err), 0);
    assert_int_equal(back->state, KEEPER_RUNNING);
    assert_int_equal(back->keeper_pid, 12);
    assert_string_equal(back->spec_hash, "h");
    assert_int_equal(back->deadline_s, 0);
    assert_string_equal(back->reason, "");
    const struct keeper_container *c = &back->containers[0];
    assert_string_equal(c->name, "app");
    assert_int_equal(c->state, KEEPER_STARTED);
    assert_int_equal(c->restarts, 3);
    assert_int_equal(c->pid, 77);
    assert_int_equal(c->last.code, 7);
    assert_int_equal(c->role, LAUNCH_MAIN);
    assert_int_equal(c->marks, 0);
    assert_null(c->said);
    keeper_report_free(back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report__round_trip),
        cmocka_unit_test(test_report__damage),
        cmocka_unit_test(test_report__later_release),
        cmocka_unit_test(test_report__earlier_release),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
