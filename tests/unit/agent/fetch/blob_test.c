#include "agent/fetch/blob.h"

#include "agent/image/reference.h"
#include "common/base/cleanup.h"
#include "common/base/str.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEXT "what is in the blob"
#define SIZE ((int64_t)sizeof(TEXT) - 1)

static void digest_of_text(char ret[DIGEST_LEN + 1])
{
    memcpy(ret, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    sha256_hex(TEXT, strlen(TEXT), ret + strlen(DIGEST_PREFIX));
}

static int64_t size_of(int fd)
{
    struct stat st;
    assert_int_equal(fstat(fd, &st), 0);
    return st.st_size;
}

static void test_blob__resume(void **state)
{
    (void)state;
    static const struct {
        const char *there, *comes;
        int64_t resumed;
        int rc;
    } cases[] = {
        {"", TEXT, 0, 0},
        {"what is", " in the blob", 7, 0},
        {TEXT, "", SIZE, 0},
        {TEXT " and more", TEXT, 0, 0},           /* too long: begun anew */
        {"WHAT is", " in the blob", 7, -EBADMSG}, /* what was there was damaged */
        {"what is", " in the BLOB", 7, -EBADMSG},
        {"what is", " in", 7, -EBADMSG}, /* torn */
        {"", "", 0, -EBADMSG},           /* zero bytes are never the blob */
    };
    char digest[DIGEST_LEN + 1];
    digest_of_text(digest);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autoclose int fd = memfd_create("blob", MFD_CLOEXEC);
        struct blob_file file;
        struct err err = {0};
        assert_true(pwrite(fd, cases[i].there, strlen(cases[i].there), 0) >= 0);
        blob_begin(&file, fd, SIZE);
        assert_int_equal(blob_resume(&file, NULL), 0);
        assert_int_equal(file.have, cases[i].resumed);
        assert_int_equal(blob_add(&file, cases[i].comes, strlen(cases[i].comes), NULL), 0);
        assert_int_equal(blob_check(&file, digest, &err), cases[i].rc);
        assert_int_equal(size_of(fd), cases[i].rc ? 0 : SIZE);
        if (cases[i].rc)
            assert_non_null(strstr(err.msg, "digest mismatch"));
        blob_end(&file);
    }
}

static void test_blob__too_long(void **state)
{
    (void)state;
    autoclose int fd = memfd_create("blob", MFD_CLOEXEC);
    struct blob_file file;
    blob_begin(&file, fd, 4);
    assert_int_equal(blob_add(&file, "1234", 4, NULL), 0);
    assert_int_equal(blob_add(&file, "5", 1, NULL), -EFBIG);
    assert_int_equal(size_of(fd), 4);
    blob_end(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blob__resume),
        cmocka_unit_test(test_blob__too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
