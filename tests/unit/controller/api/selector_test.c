#include "controller/api/selector.h"

#include "common/kinds/kinds.h"

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
        int r = selector_parse_fields(cases[i].text, &kind_pod, &selector, &err);
        assert_int_equal(r, cases[i].match < 0 ? cases[i].match : 0);
        if (r == 0)
            assert_int_equal(selector_match(selector, object), cases[i].match);
    }
}

/* A field may stand elsewhere than its name says, and be something where it stands nowhere. */
static void test_selector__fields_found_elsewhere(void **state)
{
    (void)state;
    static const struct {
        const struct schema_kind *kind;
        const char *object, *text;
        bool match;
    } cases[] = {
        {&kind_job, "{}", "status.successful=0", true},
        {&kind_job, "{\"status\":{\"succeeded\":2}}", "status.successful=2", true},
        {&kind_job, "{\"status\":{\"succeeded\":2}}", "status.successful!=2", false},
        {&kind_replica_set, "{}", "status.replicas=0", true},
        {&kind_node, "{}", "spec.unschedulable=false", true},
        {&kind_event, "{\"source\":{\"component\":\"a\"}}", "source=a", true},
        {&kind_event, "{\"reportingComponent\":\"b\"}", "source=b", true},
        {&kind_event, "{}", "source=", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(selector_free) struct selector *selector = NULL;
        cleanup(value_free) struct value *object = parse(cases[i].object);
        struct err err = {0};
        print_message("%s\n", cases[i].text);
        assert_int_equal(selector_parse_fields(cases[i].text, cases[i].kind, &selector, &err), 0);
        assert_int_equal(selector_match(selector, object), cases[i].match);
    }
}

static void test_selector__fields_differ_by_kind(void **state)
{
    (void)state;
    cleanup(selector_free) struct selector *selector = NULL;
    struct err err = {0};
    assert_int_equal(selector_parse_fields("spec.nodeName=x", &kind_config_map, &selector, &err),
                     -EINVAL);
    assert_non_null(strstr(err.msg, "field label not supported: spec.nodeName"));
    assert_int_equal(selector_parse_fields("involvedObject.uid=x", &kind_event, &selector, &err),
                     0);
    assert_string_equal(selector_required(selector, "involvedObject.uid"), "x");
    assert_null(selector_required(selector, "metadata.name"));
    assert_null(selector_required(NULL, "metadata.name"));
}

/* The kinds' own tables say it: those that people define too. */
static void test_selector__fields_of_kinds(void **state)
{
    (void)state;
    static const struct schema_selectable stripes[] = {{"spec.stripes"}, {.name = NULL}};
    static const struct schema_kind zebra = {
        .group = "example.com", .version = "v1", .kind = "Zebra", .selectable = stripes};
    static const struct {
        const struct schema_kind *kind;
        const char *text;
        int want;
    } cases[] = {
        {&kind_service, "spec.type=NodePort,spec.clusterIP=10.0.0.1", 0},
        {&kind_service, "spec.externalName=a", -EINVAL},
        {&kind_certificate_signing_request, "spec.signerName=a.b/c", 0},
        {&kind_new_event, "regarding.name=web,reportingController=c,type=Normal", 0},
        {&kind_new_event, "involvedObject.name=web", -EINVAL},
        {&kind_lease, "spec.holderIdentity=a", -EINVAL},
        {&kind_lease, "metadata.name=a,metadata.namespace!=b", 0},
        {&kind_secret, "type=Opaque", 0},
        {&kind_node, "spec.unschedulable=false", 0},
        {&kind_namespace, "status.phase=Active", 0},
        {&kind_replica_set, "status.replicas=3", 0},
        {&kind_job, "status.successful=1", 0},
        {&zebra, "spec.stripes=4", 0},
        {&zebra, "spec.spots=4", -EINVAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        cleanup(selector_free) struct selector *selector = NULL;
        struct err err = {0};
        print_message("%s: %s\n", cases[i].kind->kind, cases[i].text);
        assert_int_equal(selector_parse_fields(cases[i].text, cases[i].kind, &selector, &err),
                         cases[i].want);
    }
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
        assert_int_equal(selector_parse_fields(cases[i].text, &kind_event, &selector, &err), 0);
        assert_int_equal(selector_match(selector, event), cases[i].match);
    }
    value_del(event, "source");
    assert_int_equal(selector_parse_fields("source=other", &kind_event, &other, &err), 0);
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
    assert_int_equal(selector_parse_fields(buf_str(&text), &kind_pod, &selector, &err), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_selector__labels_match),
        cmocka_unit_test(test_selector__labels_refused),
        cmocka_unit_test(test_selector__fields_match),
        cmocka_unit_test(test_selector__fields_found_elsewhere),
        cmocka_unit_test(test_selector__fields_differ_by_kind),
        cmocka_unit_test(test_selector__fields_of_kinds),
        cmocka_unit_test(test_selector__fields_of_events),
        cmocka_unit_test(test_selector__is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
