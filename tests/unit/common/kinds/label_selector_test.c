#include "common/kinds/label_selector.h"

#include "load.h"

static struct value *parse(const char *text)
{
    char wrapped[512];
    cleanup(value_free) struct value *value = NULL;
    cleanup(diags_done) struct diags diags = {0};
    snprintf(wrapped, sizeof(wrapped), "{it: %s}", text);
    assert_int_equal(yaml_parse(wrapped, strlen(wrapped), &value, &diags), 0);
    return value_take(value, "it");
}

static void test_label_selector__matches(void **state)
{
    (void)state;
    static const char labels[] = "{app: web, tier: front, empty: '', none: }";
    static const struct {
        const char *selector;
        bool want;
    } cases[] = {
        {"{}", true},
        {"null", false},
        {"7", false},
        {"{matchLabels: {app: web}}", true},
        {"{matchLabels: {app: web, tier: front}}", true},
        {"{matchLabels: {app: web, tier: back}}", false},
        {"{matchLabels: {gone: ''}}", false},
        {"{matchLabels: {empty: ''}}", true},
        {"{matchLabels: {none: ''}}", true},
        {"{matchExpressions: [{key: app, operator: In, values: [a, web]}]}", true},
        {"{matchExpressions: [{key: app, operator: In, values: [a, b]}]}", false},
        {"{matchExpressions: [{key: gone, operator: In, values: [a]}]}", false},
        {"{matchExpressions: [{key: app, operator: NotIn, values: [a]}]}", true},
        {"{matchExpressions: [{key: app, operator: NotIn, values: [web]}]}", false},
        {"{matchExpressions: [{key: gone, operator: NotIn, values: [web]}]}", true},
        {"{matchExpressions: [{key: app, operator: Exists}]}", true},
        {"{matchExpressions: [{key: gone, operator: Exists}]}", false},
        {"{matchExpressions: [{key: app, operator: DoesNotExist}]}", false},
        {"{matchExpressions: [{key: gone, operator: DoesNotExist}]}", true},
        {"{matchLabels: {app: web}, matchExpressions: [{key: app, operator: DoesNotExist}]}",
         false},
        {"{matchExpressions: [{key: app, operator: Like, values: [web]}]}", false},
        {"{matchExpressions: [{operator: Exists}]}", false},
        {"{matchExpressions: [7]}", false},
    };
    cleanup(value_free) struct value *of = parse(labels);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *selector = parse(cases[i].selector);
        if (label_selector_matches(selector, of) != cases[i].want)
            fail_msg("%s", cases[i].selector);
    }
    cleanup(value_free) struct value *any = parse("{}");
    assert_true(label_selector_matches(any, NULL));
    assert_false(label_selector_matches(NULL, of));
}

static void test_label_selector__as_text(void **state)
{
    (void)state;
    static const struct {
        const char *selector, *want;
    } cases[] = {
        {"{}", "<none>"},
        {"null", "<none>"},
        {"{matchLabels: {tier: front, app: web}}", "app=web,tier=front"},
        {"{matchLabels: {m: x}, matchExpressions: [{key: z, operator: In, values: [c, a]}, "
         "{key: a, operator: NotIn, values: [b]}, {key: y, operator: Exists}, "
         "{key: b, operator: DoesNotExist}]}",
         "a notin (b),!b,m=x,y,z in (a,c)"},
        {"{matchExpressions: [{key: a}, 7]}", "<none>"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *selector = parse(cases[i].selector);
        cleanup(buf_done) struct buf got = {0};
        label_selector_print(selector, &got);
        assert_string_equal(buf_str(&got), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label_selector__matches),
        cmocka_unit_test(test_label_selector__as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
