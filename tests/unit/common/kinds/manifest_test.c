#include "load.h"

#include "common/data/limits.h"

#define CM(name) "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: " name "}\n"

static void test_manifest__documents_in_order(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects =
        load("# a comment\n---\n" CM("a") "---\n\n---\napiVersion: v1\nkind: Namespace\n"
                                          "metadata: {name: b}\nstatus: {x: 1}\n...\n");
    assert_int_equal(value_len(objects), 2);
    assert_string_equal(object_name(value_at(objects, 0)), "a");
    assert_string_equal(object_namespace(value_at(objects, 0)), "default");
    assert_null(value_get(value_at(objects, 1), "status"));
}

static void test_manifest__namespace(void **state)
{
    (void)state;
    static const char text[] =
        CM("a") "---\napiVersion: v1\nkind: Node\nmetadata: {name: n}\n---\n"
                "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b, namespace: x}\n";
    cleanup(value_free) struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(
        manifest_load_into(text, strlen(text), NULL, "mine", keep_object, objects, &diags), 0);
    assert_string_equal(object_namespace(value_at(objects, 0)), "mine");
    assert_null(object_namespace(value_at(objects, 1)));
    assert_string_equal(object_namespace(value_at(objects, 2)), "x");
}

static void test_manifest__json(void **state)
{
    (void)state;
    static const char text[] =
        "\n{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\n"
        "\t\"metadata\":{\"name\":\"a\"},\"data\":{\"k\":\"\\ud83d\\ude00\"}}";
    cleanup(value_free) struct value *objects = load(text);
    assert_string_equal(value_str(value_path(value_at(objects, 0), "data", "k", NULL)),
                        "\xf0\x9f\x98\x80");
    cleanup(value_free) struct value *flow =
        load("{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}");
    assert_int_equal(value_len(flow), 1);
    expect_mistakes(
        "{\"apiVersion\":\"v1\",\n\"kind\":\"ConfigMap\",\n\"metadata\":{\"name\":\"A\"}}",
        "line 3: metadata.name: \"A\": must be a-z, 0-9, '-' and '.', each part "
        "beginning and ending with a letter or digit\n");
    expect_mistakes("{\"apiVersion\":\"v1\",\n\"kind\" \"ConfigMap\"}",
                    "line 2: not JSON: expected ':' after a key\n");
}

struct seen {
    struct diags diags;
    int documents[8];
    size_t count;
};

static int note_document(void *ctx, const struct schema_kind *kind, struct value *object)
{
    struct seen *seen = ctx;
    (void)kind;
    value_free(object);
    seen->documents[seen->count++] = seen->diags.document;
    return 0;
}

static void test_manifest__each_object_knows_its_document(void **state)
{
    (void)state;
    static const char text[] = CM("a") "---\napiVersion: v1\nkind: List\nitems:\n"
                                       "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n"
                                       "- {apiVersion: v1, kind: Secret, metadata: {name: c}}\n"
                                       "---\n" CM("d");
    struct seen seen = {0};
    assert_int_equal(manifest_load(text, strlen(text), NULL, note_document, &seen, &seen.diags), 0);
    assert_int_equal(seen.count, 4);
    assert_int_equal(seen.documents[0], 1);
    assert_int_equal(seen.documents[1], 2);
    assert_int_equal(seen.documents[2], 2);
    assert_int_equal(seen.documents[3], 3);
}

static void test_manifest__mistakes_name_their_object(void **state)
{
    (void)state;
    static const char text[] = CM("a") "dta: {}\n---\nkind: Pood\n---\n" CM("d") "x: 1\n";
    cleanup(value_free) struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(manifest_load(text, strlen(text), NULL, keep_object, objects, &diags),
                     -EINVAL);
    assert_string_equal(diags.items[0].object, "configmap/a");
    assert_null(diags.items[1].object); /* what it is, nobody knows */
    assert_string_equal(diags.items[diags.count - 1].object, "configmap/d");
}

static void test_manifest__strict_json_file(void **state)
{
    (void)state;
    static const char text[] = "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}";
    cleanup(value_free) struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(manifest_load(text, strlen(text), "x.json", keep_object, objects, &diags),
                     -EINVAL);
    assert_string_equal(diags.items[0].reason, "not JSON: expected a key in double quotes");
}

static void test_manifest__lists(void **state)
{
    (void)state;
    cleanup(value_free) struct value *objects = load(
        "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: "
        "a}}\n- {apiVersion: v1, kind: Secret, metadata: {name: b}}\n---\napiVersion: v1\nkind: "
        "ConfigMapList\nmetadata: {resourceVersion: '1'}\nitems: [{metadata: {name: c}}]\n");
    assert_int_equal(value_len(objects), 3);
    assert_string_equal(value_get_str(value_at(objects, 1), "kind"), "Secret");
    assert_string_equal(value_get_str(value_at(objects, 2), "kind"), "ConfigMap");
    expect_mistakes("apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: ConfigMap\n"
                    "  metadata: {name: a}\n  dta: {}\n- 7\n- {apiVersion: v1, kind: List}\n",
                    "line 7: items[0].dta: unknown field; did you mean data?\n"
                    "line 8: items[1]: an object must be a map, not a integer\n"
                    "line 9: items[2].kind: \"List\": unknown kind in v1; it has Pod, Node, "
                    "Namespace, ConfigMap, Secret, ...\n");
    expect_mistakes("apiVersion: v1\nkind: List\n", "line 1: items: must be a list\n");
    expect_mistakes("apiVersion: v1\nkind: List\nitems: []\n", "no object in it\n");
}

static void test_manifest__refused_whole(void **state)
{
    (void)state;
    /* One mistake in the last document: nothing of the first is given out. */
    expect_mistakes(CM("a") "---\n" CM("B") "data: {k: 1}\n",
                    "line 7: metadata.name: \"B\": must be a-z, 0-9, '-' and '.', each part "
                    "beginning and ending with a letter or digit\n"
                    "line 8: data.k: 1: must be a string (put it in quotes)\n");
    expect_mistakes(CM("a") "---\na: [\n",
                    "line 6: not YAML: while parsing a flow node, did not find expected node "
                    "content (column 1)\n");
}

static void test_manifest__nothing_is_a_mistake(void **state)
{
    (void)state;
    expect_mistakes("", "no object in it\n");
    expect_mistakes("# all commented out\n---\n", "no object in it\n");
    expect_mistakes("just text\n", "line 1: an object must be a map, not a string\n");
}

static int stop(void *ctx, const struct schema_kind *kind, struct value *object)
{
    (void)kind;
    ++*(int *)ctx;
    value_free(object);
    return 42;
}

static void test_manifest__the_callback_can_stop(void **state)
{
    (void)state;
    static const char text[] = CM("a") "---\n" CM("b");
    int calls = 0;
    cleanup(diags_done) struct diags diags = {0};
    assert_int_equal(manifest_load(text, strlen(text), NULL, stop, &calls, &diags), 42);
    assert_int_equal(calls, 1);
}

static void test_manifest__too_large(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text = {0};
    cleanup(value_free) struct value *objects = value_new_list();
    cleanup(diags_done) struct diags diags = {0};
    buf_addstr(&text, CM("a") "data: {k: \"");
    while (text.len <= DATA_MAX_BYTES)
        buf_addstr(&text, "xxxxxxxxxxxxxxxx");
    buf_addstr(&text, "\"}\n");
    assert_int_equal(manifest_load(buf_str(&text), text.len, NULL, keep_object, objects, &diags),
                     -E2BIG);
    assert_string_equal(diags.items[0].reason, "a document of more than 1048576 bytes");
    assert_int_equal(value_len(objects), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_manifest__documents_in_order),
        cmocka_unit_test(test_manifest__namespace),
        cmocka_unit_test(test_manifest__json),
        cmocka_unit_test(test_manifest__each_object_knows_its_document),
        cmocka_unit_test(test_manifest__mistakes_name_their_object),
        cmocka_unit_test(test_manifest__strict_json_file),
        cmocka_unit_test(test_manifest__lists),
        cmocka_unit_test(test_manifest__refused_whole),
        cmocka_unit_test(test_manifest__nothing_is_a_mistake),
        cmocka_unit_test(test_manifest__the_callback_can_stop),
        cmocka_unit_test(test_manifest__too_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
