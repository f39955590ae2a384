#include "agent/keeper/exec_client.h"

#include "agent/keeper/control.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

struct fixture {
    struct loop *loop;
    struct exec_client *client;
    int keeper; /* the keeper's end */
    bool begun, ended, refused;
    int code;
};

static int ask(void *ctx, const void *request, size_t len, const int *fds, size_t count,
               struct err *err)
{
    struct fixture *f = ctx;
    (void)request;
    (void)len;
    (void)err;
    assert_int_equal(count, 1);
    f->keeper = fcntl(fds[0], F_DUPFD_CLOEXEC, 3);
    return 0;
}

static void begun(void *ctx, int fd, bool open)
{
    struct fixture *f = ctx;
    (void)open;
    assert_int_equal(fd, -1);
    f->begun = true;
}

static void ended(void *ctx, const struct exec_client_end *end)
{
    struct fixture *f = ctx;
    f->ended = true;
    f->refused = end->refused;
    f->code = end->code;
}

static void setup(struct fixture *f)
{
    static const struct exec_client_handler handler = {begun, ended};
    static char attach[] = "main";
    const struct exec_request request = {.container = attach, .attach = true};
    struct err err = {0};
    *f = (struct fixture){.keeper = -1};
    assert_int_equal(loop_new(clock_system(), &f->loop, &err), 0);
    const struct exec_client_spec spec = {.loop = f->loop,
                                          .request = &request,
                                          .ends = {-1, -1, -1},
                                          .ask = ask,
                                          .ask_ctx = f,
                                          .handler = &handler,
                                          .ctx = f};
    assert_int_equal(exec_client_new(&spec, &f->client, &err), 0);
}

static void run(struct fixture *f)
{
    for (int i = 0; i < 8; i++)
        assert_true(loop_step(f->loop, 0) >= 0);
}

static void done(struct fixture *f)
{
    exec_client_free(f->client);
    loop_free(f->loop);
}

/* The container ends just as its client says that nothing more is typed: what the keeper said last
 * counts, though it left without reading that. */
static void test_exec_client__words_that_cross(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    control_say(f.keeper, PROTO_BEGUN, 0, NULL, -1);
    run(&f);
    assert_true(f.begun && !f.ended);
    exec_client_eof(f.client);
    control_say(f.keeper, PROTO_OVER, 3, "", -1);
    close(f.keeper);
    run(&f);
    assert_true(f.ended && !f.refused);
    assert_int_equal(f.code, 3);
    done(&f);
}

static void test_exec_client__keeper_that_goes(void **state)
{
    (void)state;
    struct fixture f;
    setup(&f);
    control_say(f.keeper, PROTO_BEGUN, 0, NULL, -1);
    run(&f);
    exec_client_eof(f.client);
    close(f.keeper);
    run(&f);
    assert_true(f.ended && !f.refused);
    assert_int_equal(f.code, 137);
    done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exec_client__words_that_cross),
        cmocka_unit_test(test_exec_client__keeper_that_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
