#include "agent/keeper/pidfile.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <errno.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char *const base[] = {"/i/layers/aa", "/i/layers/bb", NULL};
static const char *const both[] = {"/i/layers/aa", "/i/layers/cc", NULL};

static char *print(size_t containers)
{
    struct launch_container list[] = {{.name = "a", .layers = base},
                                      {.name = "b", .layers = both},
                                      {.name = "c", .layers = NULL}};
    const struct launch_plan plan = {.cgroup = "limpet/podx",
                                     .state_dir = "/var/lib/limpet/pods/x",
                                     .containers = list,
                                     .container_count = containers};
    return pidfile_print(&plan, 42);
}

static void collect(void *ctx, const char *path)
{
    (void)buf_addf(ctx, "%s ", path);
}

static void test_pidfile__there_and_back(void **state)
{
    static const char *const layers[] = {"", "/i/layers/aa /i/layers/bb ",
                                         "/i/layers/aa /i/layers/bb /i/layers/cc ",
                                         "/i/layers/aa /i/layers/bb /i/layers/cc "};
    (void)state;
    for (size_t n = 0; n < ARRAY_LEN(layers); n++) {
        autofree char *text = print(n);
        autofree char *dir = pidfile_state_dir(text);
        cleanup(buf_done) struct buf found;
        buf_init(&found, 0);
        assert_int_equal(strncmp(text, "42\nlimpet/podx\n", 15), 0);
        assert_string_equal(dir, "/var/lib/limpet/pods/x");
        assert_int_equal(pidfile_layers(text, collect, &found), 0);
        assert_string_equal(buf_str(&found), layers[n]);
    }
}

/* Cut anywhere, or of a release before it told its layers: not "no layers". */
static void test_pidfile__not_whole(void **state)
{
    static const char *const bad[] = {"",    "\n",     "42\n", "42\ng\n/s\n", "42\ng\n/s\n.",
                                      ".\n", "42\n.\n"};
    (void)state;
    autofree char *text = print(2);
    for (size_t len = 0; len < strlen(text); len++) {
        cleanup(buf_done) struct buf found;
        buf_init(&found, 0);
        autofree char *cut = xstrndup(text, len);
        assert_int_equal(pidfile_layers(cut, collect, &found), -EINVAL);
        autofree char *dir = pidfile_state_dir(cut);
        assert_true(!dir || str_eq(dir, "/var/lib/limpet/pods/x"));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        cleanup(buf_done) struct buf found;
        buf_init(&found, 0);
        assert_int_equal(pidfile_layers(bad[i], collect, &found), -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pidfile__there_and_back),
        cmocka_unit_test(test_pidfile__not_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
