#include "agent/fetch/layer_path.h"

#include "common/base/buf.h"
#include "common/base/str.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void test_layer_path__meaning(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum layer_name is;
        const char *path;
    } cases[] = {
        {"etc/motd", LAYER_ENTRY, "etc/motd"},
        {"./etc//motd/", LAYER_ENTRY, "etc/motd"},
        {"/etc/motd", LAYER_ENTRY, "etc/motd"},
        {"///etc/./motd", LAYER_ENTRY, "etc/motd"},
        {"..a/b..", LAYER_ENTRY, "..a/b.."},
        {"...", LAYER_ENTRY, "..."},
        {".", LAYER_ROOT, ""},
        {"./", LAYER_ROOT, ""},
        {"/", LAYER_ROOT, ""},
        {"", LAYER_ROOT, ""},
        {"etc/.wh.motd", LAYER_WHITEOUT, "etc/motd"},
        {".wh.etc", LAYER_WHITEOUT, "etc"},
        {"a/.wh....", LAYER_WHITEOUT, "a/..."},
        {".wh.etc/motd", LAYER_ENTRY, ".wh.etc/motd"},
        {"opt/.wh..wh..opq", LAYER_OPAQUE, "opt"},
        {".wh..wh..opq", LAYER_OPAQUE, ""},
        {".wh..wh.plnk", LAYER_IGNORE, ".wh..wh.plnk"},
        {"a/.wh..wh.aufs", LAYER_IGNORE, "a/.wh..wh.aufs"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char path[LAYER_PATH_MAX];
        enum layer_name is = LAYER_ENTRY;
        assert_int_equal(layer_path(cases[i].text, &is, path, NULL), 0);
        assert_int_equal(is, cases[i].is);
        assert_string_equal(path, cases[i].path);
    }
}

static void refuse(const char *text)
{
    char path[LAYER_PATH_MAX] = "kept";
    enum layer_name is = LAYER_IGNORE;
    struct err err = {0};
    assert_int_equal(layer_path(text, &is, path, &err), -EINVAL);
    assert_string_equal(path, "kept");
    assert_int_equal(is, LAYER_IGNORE);
    assert_true(str_has_prefix(err.msg, "entry \""));
}

static void test_layer_path__escapes(void **state)
{
    (void)state;
    static const char *const cases[] = {"..",   "../x", "/../x",    "a/../../x",
                                        "a/..", "./..", "../.wh.x", "a/../.wh.x"};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refuse(cases[i]);
}

static void test_layer_path__whiteouts_of_nothing(void **state)
{
    (void)state;
    static const char *const cases[] = {".wh.", "a/.wh.", ".wh..", "a/.wh..", ".wh...", "a/.wh..."};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        refuse(cases[i]);
}

static void repeat(struct buf *text, const char *piece, int times)
{
    for (int i = 0; i < times; i++)
        (void)buf_addstr(text, piece);
}

static void test_layer_path__limits(void **state)
{
    (void)state;
    static const struct {
        const char *piece;
        int fits, times; /* as many are fine, so many are not */
    } cases[] = {{"n", 255, 256}, {"d/", 100, 101}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(buf_done) struct buf fits = {0}, not = {0};
        char path[LAYER_PATH_MAX];
        enum layer_name is = LAYER_ENTRY;
        repeat(&fits, cases[i].piece, cases[i].fits);
        repeat(&not, cases[i].piece, cases[i].times);
        assert_int_equal(layer_path(fits.data, &is, path, NULL), 0);
        refuse(not .data);
    }
    cleanup(buf_done) struct buf name = {0}, text = {0};
    repeat(&name, "n", 200);
    (void)buf_addc(&name, '/');
    repeat(&text, name.data, 21);
    refuse(text.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layer_path__meaning),
        cmocka_unit_test(test_layer_path__escapes),
        cmocka_unit_test(test_layer_path__whiteouts_of_nothing),
        cmocka_unit_test(test_layer_path__limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
