#include "agent/link/news.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

static void test_news__a_changed_reason_is_told(void **state)
{
    (void)state;
    struct news news = {0};
    assert_true(news_is(&news, "refused", 1));
    assert_false(news_is(&news, "refused", 2));
    assert_true(news_is(&news, "the certificate is wrong", 3));
    assert_false(news_is(&news, "refused", 4)); /* reasons that take turns are told once each */
    assert_false(news_is(&news, "the certificate is wrong", 5));
}

static void test_news__an_hour_later_all_is_told_again(void **state)
{
    (void)state;
    struct news news = {0};
    assert_true(news_is(&news, "refused", 0));
    assert_false(news_is(&news, "refused", 3599 * NS_PER_S));
    assert_true(news_is(&news, "refused", 3600 * NS_PER_S));
    assert_false(news_is(&news, "refused", 3601 * NS_PER_S));
    news_forget(&news);
    assert_true(news_is(&news, "refused", 3602 * NS_PER_S));
}

/* A reason with a number in it that changes each time does not fill the disk. */
static void test_news__not_more_than_a_few_an_hour(void **state)
{
    (void)state;
    struct news news = {0};
    int told = 0;
    char reason[32];
    for (int i = 0; i < 10000; i++) {
        snprintf(reason, sizeof(reason), "failed, attempt %d", i);
        told += news_is(&news, reason, i * NS_PER_MS);
    }
    assert_int_equal(told, NEWS_MAX);
    assert_true(news_is(&news, "refused", 3600 * NS_PER_S));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_news__a_changed_reason_is_told),
        cmocka_unit_test(test_news__an_hour_later_all_is_told_again),
        cmocka_unit_test(test_news__not_more_than_a_few_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
