#include "common/base/str.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "common/data/yaml.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static void test_yaml__reads(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } cases[] = {
        {"a: 1\nb: [x, 'y', \"z\"]\nc: {d: ~}",
         "{\"a\":1,\"b\":[\"x\",\"y\",\"z\"],\"c\":{\"d\":null}}"},
        {"a: '1'\nb: \"true\"\nc: on\nd: \"on\"",
         "{\"a\":\"1\",\"b\":\"true\",\"c\":true,\"d\":\"on\"}"},
        {"a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{\"a\":\"x\\ny\\n\",\"b\":\"x y\"}"},
        {"80: a\non: b\n1.50: c", "{\"80\":\"a\",\"true\":\"b\",\"1.50\":\"c\"}"},
        {"a: &x {p: 1}\nb: *x\nc: [*x, *x]",
         "{\"a\":{\"p\":1},\"b\":{\"p\":1},\"c\":[{\"p\":1},{\"p\":1}]}"},
        {"a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}",
         "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"p\":1}}"},
        {"a: &x {p: 1}\nb: &y {p: 2, q: 2}\nc: {<<: [*x, *y]}",
         "{\"a\":{\"p\":1},\"b\":{\"p\":2,\"q\":2},\"c\":{\"p\":1,\"q\":2}}"},
        {"a: {<<: &x {p: 1}, b: *x}", "{\"a\":{\"b\":{\"p\":1},\"p\":1}}"},
        {"a: {\"<<\": 1}", "{\"a\":{\"<<\":1}}"},
        {"a: !!str 1\nb: !!int \"2\"\nc: ! 3", "{\"a\":\"1\",\"b\":2,\"c\":\"3\"}"},
        {"---\na: 1\n...\n", "{\"a\":1}"},
        {"\xef\xbb\xbf"
         "a: 1",
         "{\"a\":1}"},
        {"a: &x 1\nb: &x 2\nc: *x", "{\"a\":1,\"b\":2,\"c\":2}"},
        {"{\"a\": [1, {\"b\": \"\\u00e9\"}]}", "{\"a\":[1,{\"b\":\"\xc3\xa9\"}]}"},
        {"a:\r\n  b: c\r\n", "{\"a\":{\"b\":\"c\"}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(diags_done) struct diags diags = {0};
        cleanup(value_free) struct value *value = NULL;
        cleanup(buf_done) struct buf buf = {0};
        if (yaml_parse(cases[i].text, strlen(cases[i].text), &value, &diags) < 0)
            fail_msg("%s: %s", cases[i].text, diags.items[0].reason);
        json_write(value, &buf);
        assert_string_equal(buf_str(&buf), cases[i].json);
    }
}

static void test_yaml__refuses_with_line_and_reason(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int line;
        const char *reason; /* its beginning */
    } cases[] = {
        {"a: 1\nb: 2\na: 3", 3, "the key \"a\" comes twice"},
        {"1: a\n\"1\": b", 2, "the key \"1\" comes twice"},
        {"a: {<<: {x: 1}, <<: {y: 1}}", 1, "the key \"<<\" comes twice"},
        {"a:\n\tb: 1", 2, "not YAML: a tab cannot indent, use spaces"},
        {"a: [1, 2\nb: 3", 2, "not YAML: "},
        {"a: 1\n b: 2", 2, "not YAML: mapping values are not allowed in this context"},
        {"a: \"x", 1, "not YAML: "},
        {"a: *x", 1, "the alias *x names no anchor above it"},
        {"a: &x [*x]", 1, "the alias *x names no anchor above it"},
        {"a: &x 1\n---\nb: *x", 3, "the alias *x names no anchor above it"},
        {"a: !custom 1", 1, "the tag !custom is not supported"},
        {"a: !!binary aGk=", 1, "the tag tag:yaml.org,2002:binary is not supported"},
        {"a: !!python/object []", 1, "the tag tag:yaml.org,2002:python/object is not supported"},
        {"a: !!set {b}", 1, "the tag tag:yaml.org,2002:set is not supported"},
        {"? [a]\n: b", 1, "a key must be a scalar"},
        {"~: b", 1, "a key may not be null"},
        {"a: .inf", 1, ".inf: not a finite number"},
        {"a: \"x\\0\"", 1, "a string may not hold a NUL"},
        {"a: \"x\\u0000\"", 1, "a string may not hold a NUL"},
        {"a: {<<: 1}", 1, "<<: must be a map or a list of maps"},
        {"a: {<<: [{}, 1]}", 1, "<<: must be a map or a list of maps"},
        {"a: \xff", 0, "not UTF-8, or holds a NUL"},
        {"a: \x01", 0, "not YAML: byte 3: control characters are not allowed"},
        {"a: 1\n---\nb: 1", 3, "a second document: there must be exactly one"},
        {"# nothing\n", 0, "no document in it"},
        {"", 0, "no document in it"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(diags_done) struct diags diags = {0};
        struct value *value = NULL;
        if (yaml_parse(cases[i].text, strlen(cases[i].text), &value, &diags) != -EINVAL)
            fail_msg("taken: %s", cases[i].text);
        assert_null(value);
        assert_int_equal(diags.count, 1);
        if (!str_has_prefix(diags.items[0].reason, cases[i].reason))
            fail_msg("%s: %s", cases[i].text, diags.items[0].reason);
        if (diags.items[0].line != cases[i].line)
            fail_msg("%s: line %d", cases[i].text, diags.items[0].line);
    }
}

static void refuse_big(const struct buf *text, const char *reason)
{
    cleanup(diags_done) struct diags diags = {0};
    struct value *value = NULL;
    assert_int_equal(yaml_parse(buf_str(text), text->len, &value, &diags), -E2BIG);
    assert_null(value);
    assert_string_equal(diags.items[0].reason, reason);
}

static void test_yaml__bombs(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    buf_addstr(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x]\n"); /* CVE-2019-11253 */
    for (int i = 1; i < 6; i++) { /* 9^6 values: over the cap, and bearable without it */
        buf_addf(&text, "a%d: &a%d [", i, i);
        for (int n = 0; n < 9; n++)
            buf_addf(&text, "%s*a%d", n ? "," : "", i - 1);
        buf_addstr(&text, "]\n");
    }
    refuse_big(&text, "more than 200000 values in a document");

    buf_drop(&text, text.len);
    buf_addstr(&text, "a: &a {b: 1}\nc: [");
    for (int i = 0; i <= DATA_MAX_ALIASES; i++)
        buf_addstr(&text, "*a,");
    buf_addstr(&text, "]\n");
    refuse_big(&text, "more than 1000 aliases");

    buf_drop(&text, text.len); /* each level by an alias of the one above */
    buf_addstr(&text, "a0: &a0 [x]\n");
    for (int i = 1; i <= DATA_MAX_DEPTH; i++)
        buf_addf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    refuse_big(&text, "nested more than 64 deep");

    buf_drop(&text, text.len);
    for (int i = 0; i < 5000; i++)
        buf_addstr(&text, "- ");
    refuse_big(&text, "nested more than 64 deep");

    buf_drop(&text, text.len);
    for (int i = 0; i < 5000; i++)
        buf_addc(&text, '[');
    refuse_big(&text, "nested more than 64 deep");

    buf_drop(&text, text.len);
    buf_addstr(&text, "a: \"");
    for (int i = 0; i < DATA_MAX_BYTES / 2; i++)
        buf_addstr(&text, "\xc3\xa9"); /* the cap counts bytes, not characters */
    buf_addstr(&text, "\"");
    refuse_big(&text, "a document of more than 1048576 bytes");

    buf_drop(&text, text.len);
    for (int i = 0; i <= DATA_MAX_DOCUMENTS; i++)
        buf_addstr(&text, "---\n");
    refuse_big(&text, "more than 1000 documents");
}

static int collect(void *ctx, int document, struct value *doc)
{
    struct buf *buf = ctx;
    buf_addf(buf, "%d@%d:", document, value_line(doc));
    json_write(doc, buf);
    buf_addc(buf, ' ');
    int stop = value_get_str(doc, "stop") ? 7 : 0;
    value_free(doc);
    return stop;
}

static void test_yaml__stream(void **state)
{
    (void)state;
    static const char text[] = "a: 1\n---\n# empty\n---\nb: 2\n---\nstop: now\n---\nnever: 1\n";
    cleanup(buf_done) struct buf buf = {0};
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(yaml_parse_all(text, strlen(text), collect, &buf, &diags), 7);
    assert_string_equal(buf_str(&buf), "1@1:{\"a\":1} 3@5:{\"b\":2} 4@7:{\"stop\":\"now\"} ");
    static const char broken[] = "a: 1\n---\nb: 2\n---\nc: [\n";
    assert_int_equal(yaml_parse_all(broken, strlen(broken), collect, &buf, &diags), -EINVAL);
    assert_int_equal(diags.items[0].document, 3);
}

static void test_yaml__lines(void **state)
{
    (void)state;
    static const char text[] = "a:\n  - b: 1\n    c: |\n      x\n    d:\n      e: f\n";
    cleanup(diags_done) struct diags diags = {0};
    cleanup(value_free) struct value *value = NULL;
    assert_int_equal(yaml_parse(text, strlen(text), &value, &diags), 0);
    const struct value *item = value_at(value_get(value, "a"), 0);
    assert_int_equal(value_line(item), 2);
    assert_int_equal(value_line(value_get(item, "c")), 3);
    assert_int_equal(value_key_line_at(item, 2), 5);
    assert_int_equal(value_line(value_path(item, "d", "e", NULL)), 6);
}

static void test_yaml__writes_as_kubectl_does(void **state)
{
    (void)state;
    static const struct {
        const char *json, *yaml;
    } cases[] = {
        {"{\"b\":{\"c\":[{\"n\":\"x\",\"v\":1},[2]]},\"a\":[],\"e\":{},\"n\":null}",
         "b:\n  c:\n  - \"n\": x\n    v: 1\n  - - 2\na: []\ne: {}\n\"n\": null\n"},
        {"[\"true\",\"1\",\"1e3\",\"\",\"null\",\"a b\",\"no\",\"0x1\",\"~\",\"<<\"]",
         "- \"true\"\n- \"1\"\n- \"1e3\"\n- \"\"\n- \"null\"\n- a b\n- \"no\"\n- \"0x1\"\n- \"~\"\n"
         "- \"<<\"\n"},
        {"[\"a: b\",\"# x\",\"- x\",\"'\",\"x #y\",\"{\",\"*a\"]",
         "- 'a: b'\n- '# x'\n- '- x'\n- ''''\n- 'x #y'\n- '{'\n- '*a'\n"},
        {"{\"t\":\"x\\ny\\n\",\"u\":\"x\\n\\ny\",\"v\":\" x\\ny\"}",
         "t: |\n  x\n  y\nu: |-\n  x\n\n  y\nv: \" x\\ny\"\n"},
        {"[1,-1.5,1.0,true,\"\xc3\xa9\"]", "- 1\n- -1.5\n- 1.0\n- true\n- \xc3\xa9\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(value_free) struct value *value = NULL;
        cleanup(buf_done) struct buf buf = {0};
        assert_int_equal(json_parse(cases[i].json, strlen(cases[i].json), &value, NULL), 0);
        assert_int_equal(yaml_write(value, &buf), 0);
        assert_string_equal(buf_str(&buf), cases[i].yaml);
        cleanup(value_free) struct value *back = NULL;
        cleanup(diags_done) struct diags diags = {0};
        assert_int_equal(yaml_parse(buf_str(&buf), buf.len, &back, &diags), 0);
        assert_true(value_equal(value, back));
    }
}

static void test_yaml__long_lines_and_caps_of_the_buffer(void **state)
{
    (void)state;
    cleanup(value_free) struct value *map = value_new_map();
    char text[512];
    memset(text, 'x', sizeof(text));
    for (size_t i = 9; i < sizeof(text); i += 10)
        text[i] = ' ';
    text[sizeof(text) - 1] = '\0';
    value_set_str(map, "a", text);
    cleanup(buf_done) struct buf buf = {0};
    assert_int_equal(yaml_write(map, &buf), 0);
    assert_ptr_equal(strchr(buf_str(&buf), '\n'), buf.data + buf.len - 1); /* not folded */
    cleanup(buf_done) struct buf small;
    buf_init(&small, 100);
    assert_int_equal(yaml_write(map, &small), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_yaml__reads),
        cmocka_unit_test(test_yaml__refuses_with_line_and_reason),
        cmocka_unit_test(test_yaml__bombs),
        cmocka_unit_test(test_yaml__stream),
        cmocka_unit_test(test_yaml__lines),
        cmocka_unit_test(test_yaml__writes_as_kubectl_does),
        cmocka_unit_test(test_yaml__long_lines_and_caps_of_the_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
