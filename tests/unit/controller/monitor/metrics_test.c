#include "controller/monitor/metrics.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/server/request_stats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void collect_number(void *ctx, struct metric_out *out)
{
    metric_value(out, "", *(const double *)ctx);
}

static void collect_nothing(void *ctx, struct metric_out *out)
{
    (void)ctx;
    (void)out;
}

static void collect_labelled(void *ctx, struct metric_out *out)
{
    cleanup(buf_done) struct buf labels = {0};
    (void)ctx;
    metric_label(&labels, "a", "plain");
    metric_label(&labels, "b", "q\"b\\n\n.");
    metric_value(out, buf_str(&labels), 1);
    metric_value(out, "a=\"other\"", -0.25);
}

static void test_metrics__text(void **state)
{
    static const struct metric table[] = {
        {"some_bytes", "Some bytes.", METRIC_GAUGE, collect_number},
        {"nothing_total", "Nothing.", METRIC_COUNTER, collect_nothing},
        {"labelled_total", "With labels.", METRIC_COUNTER, collect_labelled},
    };
    cleanup(buf_done) struct buf text = {0};
    struct metrics *metrics = metrics_new();
    double number = 1234567890123.0;
    (void)state;
    metrics_add(metrics, table, ARRAY_LEN(table), &number);
    metrics_write(metrics, &text);
    assert_string_equal(buf_str(&text),
                        "# HELP some_bytes Some bytes.\n# TYPE some_bytes gauge\n"
                        "some_bytes 1234567890123\n"
                        "# HELP labelled_total With labels.\n# TYPE labelled_total counter\n"
                        "labelled_total{a=\"plain\",b=\"q\\\"b\\\\n\\n.\"} 1\n"
                        "labelled_total{a=\"other\"} -0.25\n");
    metrics_free(metrics);
}

static void collect_times(void *ctx, struct metric_out *out)
{
    metric_histogram(out, "", ctx);
}

/* Each class counts all below it; what lies on a bound is within it. */
static void test_metrics__histogram(void **state)
{
    static const struct metric table[] = {{"t", "T.", METRIC_HISTOGRAM, collect_times}};
    static const int64_t times[] = {-5, 1000000, 1000001, 2000000000, 60000000000};
    static const char *const lines[] = {"\nt_bucket{le=\"0.001\"} 2\n",
                                        "\nt_bucket{le=\"0.005\"} 3\n",
                                        "\nt_bucket{le=\"1\"} 3\n",
                                        "\nt_bucket{le=\"2.5\"} 4\n",
                                        "\nt_bucket{le=\"10\"} 4\n",
                                        "\nt_bucket{le=\"+Inf\"} 5\n",
                                        "\nt_count 5\n",
                                        "\nt_sum 62.002000001\n"};
    cleanup(buf_done) struct buf text = {0};
    struct metrics *metrics = metrics_new();
    struct histogram histogram = {0};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        histogram_add(&histogram, times[i]);
    metrics_add(metrics, table, ARRAY_LEN(table), &histogram);
    metrics_write(metrics, &text);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (!strstr(buf_str(&text), lines[i]))
            fail_msg("no %s in %s", lines[i], buf_str(&text));
    metrics_free(metrics);
}

/* Who makes up kinds without end makes no series without end, and is counted nevertheless. */
static void test_metrics__bounded(void **state)
{
    struct request_stats *stats = request_stats_new();
    struct metrics *metrics = metrics_new();
    cleanup(buf_done) struct buf text = {0};
    const struct attributes get = {"get", "GET", false};
    size_t lines = 0;
    (void)state;
    for (int i = 0; i < 3 * REQUEST_STATS_SERIES; i++) {
        char plural[32];
        snprintf(plural, sizeof(plural), "dragons%d", i);
        const struct schema_kind kind = {.group = "g", .version = "v1", .plural = plural};
        const struct route route = {.what = ROUTE_OBJECTS, .kind = &kind, .subresource = ""};
        request_stats_count(stats, &get, &route, 200, 1);
    }
    request_stats_register(stats, metrics);
    metrics_write(metrics, &text);
    for (const char *p = buf_str(&text); (p = strstr(p, "\napiserver_request_total{")); p++)
        lines++;
    assert_int_equal(lines, REQUEST_STATS_SERIES + 1);
    assert_non_null(strstr(buf_str(&text), "resource=\"\",subresource=\"\",verb=\"other\","
                                           "version=\"\"} 2000\n"));
    metrics_free(metrics);
    request_stats_free(stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_metrics__text),
        cmocka_unit_test(test_metrics__histogram),
        cmocka_unit_test(test_metrics__bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
