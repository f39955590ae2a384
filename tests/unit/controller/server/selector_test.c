#include "controller/server/selector.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct value *parse(const char *text)
{
    struct value *object = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(text, strlen(text), &object, &err), 0);
    return object;
}

static const char pod[] =
    "{\"metadata\":{\"name\":\"web\",\"namespace\":\"shop\",\"labels\":{\"app\":\"web\",\"n\":\"5\",\"empty\":\"\","
    "\"example.com/tier\":\"front\"}},\"spec\":{\"nodeName\":\"pi\"},\"status\":{\"phase\":\"Running\"}}";

static void test_selector__labels_match(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool match;
    } cases[] = {
        {"", true},
        {"app=web", true},
        {"app==web", true},
        {"app = web , n=5", true},
        {"app=db", false},
        {"app!=db", true},
        {"app!=web", false},
        {"none!=x", true},
        {"none=x", false},
        {"app", true},
        {"none", false},
        {"!none", true},
        {"! app", false},
        {"app in (db,web)", true},
        {"app in (db)", false},
        {"app notin (db, cache)", true},
        {"app notin (web)", false},
        {"none notin (x)", true},
        {"none in (x)", false},
        {"empty in (,a)", true},
        {"empty=", true},
        {"empty=,app=web", true},
        {"n>4", true},
        {"n>5", false},
        {"n<6,n>4", true},
        {"app>4", false},
        {"example.com/tier=front", true},
        {"app=web,none", false},
    };
    cleanup(value_free) struct value *object = parse(pod);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(selector_free) struct selector *selector = NULL;
        struct err err = {0};
        print_message("%s\n", cases[i].text);
        assert_int_equal(selector_parse_labels(cases[i].text, &selector, &err), 0);
        assert_int_equal(selector_match(selector, object), cases[i].match);
    }
}

static void test_selector__labels_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "=a",      "a=b=c", "a in",      "a in (", "a in (b", "a in b",   "a,",
        ",a",      "a>b",   "a b",       "a=b c",  "-a=b",    "a=-b",     "A_/x=b",
        "a/b/c=d", "!a=b",  "a in (b))", "()",     "a!b",     "a=b,,c=d",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct selector *selector = NULL;
        struct err err = {0};
        print_message("%s\n", cases[i]);
        assert_int_equal(selector_parse_labels(cases[i], &selector, &err), -EINVAL);
        assert_null(selector);
        assert_true(*err.msg);
    }
}

static void test_selector__fields_match(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int match; /* or a negative errno */
    } cases[] = {
        {"metadata.name=web", true},
        {"metadata.name=db", false},
        {"metadata.namespace=shop,metadata.name==web", true},
        {"spec.nodeName=pi", true},
        {"spec.nodeName!=pi", false},
        {"spec.nodeName=", false},
        {"status.phase!=Succeeded,status.phase!=Failed", true},
        {"status.phase=Running,", true},
        {"spec.hostNetwork=false", true},
        {"spec.hostNetwork=true", false},
        {"status.podIP=", true},
        {"metadata.name=a\\,b", false},
        {"metadata.name=a\\=b", false},
        {"metadata.name=a\\nb", -EINVAL},
        {"metadata.name=a=b", -EINVAL},
        {"metadata.uid=1", -EINVAL},
        {"metadata.name", -EINVAL},
        {"=x", -EINVAL},
        {"metadata.name!x", -EINVAL},
    };
    cleanup(value_free) struct value *object = parse(pod);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(selector_free) struct selector *selector = NULL;
        struct err err = {0};
        print_message("%s\n", cases[i].text);
        int r = selector_parse_fields(cases[i].text, "", "Pod", &selector, &err);
        assert_int_equal(r, cases[i].match < 0 ? cases[i].match : 0);
        if (r == 0)
            assert_int_equal(selector_match(selector, object), cases[i].match);
    }
}

static void test_selector__fields_differ_by_kind(void **state)
{
    (void)state;
    cleanup(selector_free) struct selector *selector = NULL;
    struct err err = {0};
    assert_int_equal(selector_parse_fields("spec.nodeName=x", "", "ConfigMap", &selector, &err),
                     -EINVAL);
    assert_non_null(strstr(err.msg, "field label not supported: spec.nodeName"));
    assert_int_equal(selector_parse_fields("involvedObject.uid=x", "", "Event", &selector, &err),
                     0);
    assert_string_equal(selector_required(selector, "involvedObject.uid"), "x");
    assert_null(selector_required(selector, "metadata.name"));
    assert_null(selector_required(NULL, "metadata.name"));
}

/* The source of an event is its component, or who reports it. */
static void test_selector__fields_of_events(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool match;
    } cases[] = {
        {"involvedObject.kind=Pod,involvedObject.namespace=shop,involvedObject.name=web,"
         "involvedObject.uid=u1,involvedObject.apiVersion=v1,involvedObject.resourceVersion=7,"
         "involvedObject.fieldPath=spec.containers{a}",
         true},
        {"involvedObject.uid=u2", false},
        {"involvedObject.namespace=", false},
        {"reason=Started,type=Normal", true},
        {"type!=Normal", false},
        {"source=limpetd", true},
        {"source!=limpetd", false},
        {"source=other", false},
        {"reportingComponent=other", true},
    };
    cleanup(value_free) struct value *event = parse(
        "{\"involvedObject\":{\"kind\":\"Pod\",\"namespace\":\"shop\",\"name\":\"web\",\"uid\":\"u1\","
        "\"apiVersion\":\"v1\",\"resourceVersion\":\"7\",\"fieldPath\":\"spec.containers{a}\"},"
        "\"reason\":\"Started\",\"type\":\"Normal\",\"source\":{\"component\":\"limpetd\"},"
        "\"reportingComponent\":\"other\"}");
    cleanup(selector_free) struct selector *other = NULL;
    struct err err = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(selector_free) struct selector *selector = NULL;
        print_message("%s\n", cases[i].text);
        assert_int_equal(selector_parse_fields(cases[i].text, "", "Event", &selector, &err), 0);
        assert_int_equal(selector_match(selector, event), cases[i].match);
    }
    value_del(event, "source");
    assert_int_equal(selector_parse_fields("source=other", "", "Event", &other, &err), 0);
    assert_true(selector_match(other, event));
}

static void test_selector__is_bounded(void **state)
{
    (void)state;
    struct selector *selector = NULL;
    struct err err = {0};
    cleanup(buf_done) struct buf text = {0};
    for (int i = 0; i <= SELECTOR_MAX_TERMS; i++)
        buf_addf(&text, "%sa%d", i ? "," : "", i);
    assert_int_equal(selector_parse_labels(buf_str(&text), &selector, &err), -E2BIG);
    buf_done(&text);
    buf_addstr(&text, "a in (");
    for (int i = 0; i <= SELECTOR_MAX_TERMS; i++)
        buf_addf(&text, "b%d,", i);
    buf_addstr(&text, ")");
    assert_int_equal(selector_parse_labels(buf_str(&text), &selector, &err), -E2BIG);
    while (text.len <= SELECTOR_MAX_TEXT)
        buf_addstr(&text, "xxxxxxxxxxxxxxxx");
    assert_int_equal(selector_parse_labels(buf_str(&text), &selector, &err), -E2BIG);
    assert_int_equal(selector_parse_fields(buf_str(&text), "", "Pod", &selector, &err), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selector__labels_match),
        cmocka_unit_test(test_selector__labels_refused),
        cmocka_unit_test(test_selector__fields_match),
        cmocka_unit_test(test_selector__fields_differ_by_kind),
        cmocka_unit_test(test_selector__fields_of_events),
        cmocka_unit_test(test_selector__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
