/* Mirror pods: the test is the node that is asked, the API is a real one. */

#include "controller/link/mirrors.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/pod_mirror.h"
#include "../reconcile/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define CALLS 600
#define UID "aaaaaaaa-0000-0000-0000-000000000001"
#define UID2 "aaaaaaaa-0000-0000-0000-000000000002"

struct call {
    char node[64], pod[64], uid[64];
    const struct call_handler *handler;
    void *ctx;
    bool open;
};

struct fixture {
    struct world world;
    struct mirrors *mirrors;
    struct tally *tally; /* of "pi" */
    struct call calls[CALLS];
    size_t count;
    bool away;
    int told;
    char message[64]; /* of the last status told */
};

/* calls.h, as the mirrors see it. */
void call_took(struct call *call, size_t bytes)
{
    (void)bytes;
    assert_true(call->open);
}

void call_close(struct call *call)
{
    assert_true(call->open);
    call->open = false;
}

static int open_call(void *ctx, const char *node, const struct value *args,
                     const struct call_handler *handler, void *handler_ctx, struct call **ret,
                     struct err *err)
{
    struct fixture *f = ctx;
    if (f->away)
        return err_set(err, -503, "not connected");
    assert_true(f->count < CALLS);
    struct call *call = &f->calls[f->count++];
    snprintf(call->node, sizeof(call->node), "%s", node);
    snprintf(call->pod, sizeof(call->pod), "%s", value_get_str(args, "pod"));
    snprintf(call->uid, sizeof(call->uid), "%s", value_get_str(args, "uid"));
    call->handler = handler;
    call->ctx = handler_ctx;
    call->open = true;
    *ret = call;
    return 0;
}

static void on_report(void *ctx, const char *node, const struct report *report)
{
    struct fixture *f = ctx;
    (void)node;
    f->told++;
    const char *message = value_str(value_path(report->pod, "status", "message", NULL));
    snprintf(f->message, sizeof(f->message), "%s", message ? message : "");
}

static void start(struct fixture *f)
{
    const struct mirrors_spec spec = {.loop = f->world.loop,
                                      .api = f->world.api,
                                      .ctx = f,
                                      .call = open_call,
                                      .report = on_report};
    struct err err = {0};
    assert_int_equal(mirrors_new(&spec, &f->mirrors, &err), 0);
    tally_free(f->tally);
    f->tally = tally_new();
    world_turn(&f->world);
}

/* The node's agent begins another life. */
static void begin(struct fixture *f, const char *nonce)
{
    struct birth birth = {.online = true};
    snprintf(birth.boot, sizeof(birth.boot), "b");
    snprintf(birth.nonce, sizeof(birth.nonce), "%s", nonce);
    tally_begin(f->tally, &birth);
}

static void settled(struct fixture *f)
{
    mirrors_settled(f->mirrors, "pi", f->tally);
    world_turn(&f->world);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    world_init(&f->world);
    world_node(&f->world, "pi", "4");
    world_node(&f->world, "other", "4");
    start(f);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    mirrors_free(f->mirrors);
    tally_free(f->tally);
    world_done(&f->world);
    free(f);
    return 0;
}

static void report(struct fixture *f, const char *node, const char *pod, const char *uid, bool gone)
{
    struct report report = {.seq = 1, .gone = gone, .pod = value_new_map()};
    struct value *meta = value_make_map(report.pod, "metadata", NULL);
    value_set_str(meta, "name", pod);
    value_set_str(meta, "namespace", "default");
    value_set_str(meta, "uid", uid);
    value_make_map(report.pod, "status", NULL);
    snprintf(report.boot, sizeof(report.boot), "b");
    if (str_eq(node, "pi"))
        (void)tally_report(f->tally, &report);
    mirrors_report(f->mirrors, node, &report);
    report_done(&report);
    world_turn(&f->world);
}

/* The call that was made last, answered with that spec (braces and what is between). */
static void answer_as(struct fixture *f, const char *meta, const char *spec)
{
    struct call *call = &f->calls[f->count - 1];
    autofree char *text = xasprintf(
        "{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\","
        "\"namespace\":\"default\",\"uid\":\"%s\"%s},\"spec\":%s,\"status\":{\"message\":\"m%zu\"}}",
        call->pod, call->uid, meta, spec, f->count);
    assert_true(call->open);
    call->handler->data(call->ctx, 1, text, strlen(text));
    world_turn(&f->world);
    if (!call->open)
        return;
    call->open = false;
    call->handler->end(call->ctx, &(struct call_end){.message = ""});
    world_turn(&f->world);
}

#define SPEC "{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"

static void answer(struct fixture *f)
{
    answer_as(f, "", SPEC);
}

static void end(struct fixture *f, int code)
{
    struct call *call = &f->calls[f->count - 1];
    call->open = false;
    call->handler->end(call->ctx, &(struct call_end){.code = code, .message = "no"});
    world_turn(&f->world);
}

static char *shown(struct fixture *f, const char *pod)
{
    cleanup(value_free) struct value *object = world_get(&f->world, "Pod", "default", pod);
    const char *uid = object ? object_annotation(object, POD_MIRROR) : NULL;
    return xstrdup(uid ? uid : object ? "ordinary" : "");
}

static void expect(struct fixture *f, const char *pod, const char *uid)
{
    autofree char *found = shown(f, pod);
    assert_string_equal(found, uid);
}

static void test_mirrors__shown(void **state)
{
    struct fixture *f = *state;
    report(f, "pi", "web", UID, false);       /* not named as static pods are */
    report(f, "pi", "web-other", UID, false); /* another's */
    assert_int_equal(f->count, 0);
    report(f, "pi", "web-pi", UID, false);
    assert_int_equal(f->count, 1);
    report(f, "pi", "web-pi", UID, false); /* while it is asked: the answer may be older */
    answer_as(f, ",\"labels\":{\"a\":\"b\"},\"finalizers\":[\"x.io/y\"]", SPEC);
    expect(f, "web-pi", UID);
    assert_string_equal(f->message, "m1");
    cleanup(value_free) struct value *pod = world_get(&f->world, "Pod", "default", "web-pi");
    assert_string_equal(object_annotation(pod, POD_MIRROR_UID), UID);
    assert_string_equal(object_annotation(pod, POD_MIRROR_SOURCE), "file");
    assert_string_equal(object_label(pod, "a"), "b");
    assert_null(value_path(pod, "metadata", "finalizers", NULL));
    assert_string_equal(value_str(value_path(pod, "spec", "nodeName", NULL)), "pi");
    const struct value *owner = value_at(value_path(pod, "metadata", "ownerReferences", NULL), 0);
    cleanup(value_free) struct value *node = world_get(&f->world, "Node", "", "pi");
    assert_string_equal(value_get_str(owner, "kind"), "Node");
    assert_string_equal(value_get_str(owner, "uid"), object_uid(node));
    world_pass(&f->world, 2 * MIRRORS_PACE_NS);
    assert_int_equal(f->count, 2);
    answer(f); /* what was said meanwhile */
    assert_string_equal(f->message, "m2");
    report(f, "pi", "web-pi", UID, false);
    assert_int_equal(f->count, 2); /* the manifest travels once */
    assert_int_equal(f->told, 2);
}

static void test_mirrors__deleted(void **state)
{
    struct fixture *f = *state;
    report(f, "pi", "web-pi", UID, false);
    answer(f);
    world_delete(&f->world, "Pod", "default", "web-pi");
    world_turn(&f->world);
    expect(f, "web-pi", "");
    assert_int_equal(f->count, 1); /* not as fast as somebody may delete it */
    world_pass(&f->world, 2 * MIRRORS_PACE_NS);
    assert_int_equal(f->count, 2);
    answer(f);
    expect(f, "web-pi", UID);
    report(f, "pi", "web-pi", UID, true);
    world_delete(&f->world, "Pod", "default", "web-pi"); /* as the intake does */
    world_pass(&f->world, 1000 * NS_PER_S);
    assert_int_equal(f->count, 2);
}

/* Its end comes while it is being made. */
static void test_mirrors__gone_meanwhile(void **state)
{
    struct fixture *f = *state;
    report(f, "pi", "web-pi", UID, false);
    report(f, "pi", "web-pi", UID, true);
    assert_false(f->calls[0].open);
    report(f, "pi", "web-pi", UID, false);
    struct call *call = &f->calls[1];
    autofree char *text =
        xasprintf("{\"kind\":\"Pod\",\"metadata\":{\"name\":\"web-pi\",\"namespace\":"
                  "\"default\",\"uid\":\"%s\"},\"spec\":%s}",
                  UID, SPEC);
    call->handler->data(call->ctx, 1, text, strlen(text));
    call->open = false;
    call->handler->end(call->ctx, &(struct call_end){.message = ""});
    report(f, "pi", "web-pi", UID, true); /* the write is under way */
    world_turn(&f->world);
    expect(f, "web-pi", "");
}

/* A pod that has the name has it, whatever a node says. */
static void test_mirrors__ordinary(void **state)
{
    struct fixture *f = *state;
    world_pod(&f->world, "web-pi", "100m", "other");
    report(f, "pi", "web-pi", UID, false);
    assert_int_equal(f->count, 0);
    expect(f, "web-pi", "ordinary");
    world_delete(&f->world, "Pod", "default", "web-pi");
    world_turn(&f->world);
    assert_int_equal(f->count, 1); /* now it is free */
    answer(f);
    expect(f, "web-pi", UID);
    world_pod(&f->world, "its-pi", "100m", "pi"); /* nor one that is bound to it */
    report(f, "pi", "its-pi", UID2, false);
    expect(f, "its-pi", "ordinary");
    report(f, "pi", "its-pi", UID2, true);
    /* Nor is another node's mirror taken away. */
    world_create(
        &f->world,
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'x-pi','namespace':'default',"
        "'annotations':{'kubernetes.io/config.mirror':'h','kubernetes.io/config.hash':'h'}},"
        "'spec':{'nodeName':'other','containers':[{'name':'c','image':'i'}]}}",
        201);
    report(f, "pi", "x-pi", UID2, false);
    assert_int_equal(f->count, 1);
    expect(f, "x-pi", "h");
}

/* The file changes: another pod, when the one before is over. */
static void test_mirrors__changed(void **state)
{
    struct fixture *f = *state;
    report(f, "pi", "web-pi", UID, false);
    answer(f);
    report(f, "pi", "web-pi", UID2, false);
    expect(f, "web-pi", UID);
    report(f, "pi", "web-pi", UID, true);
    world_delete(&f->world, "Pod", "default", "web-pi");
    world_turn(&f->world);
    assert_int_equal(f->count, 2);
    answer(f);
    expect(f, "web-pi", UID2);
}

/* A gateway that starts has its mirrors: one that is still so is not asked for, one of a pod that
 * went meanwhile makes room. */
static void test_mirrors__restart(void **state)
{
    struct fixture *f = *state;
    report(f, "pi", "web-pi", UID, false);
    answer(f);
    mirrors_free(f->mirrors);
    start(f);
    report(f, "pi", "web-pi", UID, false);
    assert_int_equal(f->count, 1);
    mirrors_free(f->mirrors);
    start(f);
    report(f, "pi", "web-pi", UID2, false);
    world_turn(&f->world);
    assert_int_equal(f->count, 2);
    answer(f);
    expect(f, "web-pi", UID2);
}

/* A gateway that ended before it could act on a pod's last word: what the node turns out not to
 * have goes; its other pods and those of others stay. */
static void test_mirrors__last_word_lost(void **state)
{
    struct fixture *f = *state;
    static const char *const uids[] = {"uid-a", "uid-b", "uid-c"};
    static const char *const names[] = {"a-pi", "b-pi", "c-pi"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        report(f, "pi", names[i], uids[i], false);
        answer(f);
    }
    report(f, "other", "web-other", UID, false);
    answer(f);
    world_pod(&f->world, "plain", "100m", "pi");
    settled(f);
    assert_int_equal(world_count(&f->world, "Pod"), 5);

    mirrors_free(f->mirrors);
    start(f);
    report(f, "pi", "b-pi", "uid-b", false);
    report(f, "pi", "c-pi", UID2, false); /* another one meanwhile, which asks for its place */
    mirrors_settled(f->mirrors, "nobody", f->tally);
    settled(f);
    expect(f, "a-pi", "");
    expect(f, "b-pi", "uid-b");
    expect(f, "web-other", UID);
    expect(f, "plain", "ordinary");
    answer(f);
    expect(f, "c-pi", UID2);
    settled(f);
    assert_int_equal(world_count(&f->world, "Pod"), 4);
}

/* What another life of the agent does not report goes, though it is known; what is reported stays,
 * though there is no room to know it. */
static void test_mirrors__another_life(void **state)
{
    struct fixture *f = *state;
    begin(f, "n1");
    report(f, "pi", "a-pi", "uid-a", false);
    answer(f);
    report(f, "pi", "b-pi", "uid-b", false);
    answer(f);
    begin(f, "n2");
    report(f, "pi", "b-pi", "uid-b", false);
    size_t asked = f->count;
    settled(f);
    expect(f, "a-pi", "");
    expect(f, "b-pi", "uid-b");
    assert_int_equal(f->count, asked); /* and nobody asks for it again */

    mirrors_free(f->mirrors);
    start(f);
    begin(f, "n2");
    world_status(&f->world, "Node", "", "pi", "{'capacity':{'pods':'0'}}");
    report(f, "pi", "b-pi", "uid-b", false);
    settled(f);
    expect(f, "b-pi", "uid-b");
}

static void test_mirrors__away(void **state)
{
    struct fixture *f = *state;
    f->away = true;
    report(f, "pi", "web-pi", UID, false);
    assert_int_equal(f->count, 0);
    f->away = false;
    mirrors_wake(f->mirrors, "pi");
    assert_int_equal(f->count, 1);
    end(f, 503);
    world_pass(&f->world, 2 * MIRRORS_RETRY_NS + NS_PER_S);
    assert_int_equal(f->count, 2);
    world_pass(&f->world, MIRRORS_LATE_NS + NS_PER_S); /* it does not answer */
    assert_false(f->calls[1].open);
    mirrors_wake(f->mirrors, "pi");
    answer(f);
    expect(f, "web-pi", UID);
    mirrors_forget(f->mirrors, "pi");
    expect(f, "web-pi", UID);
}

static void test_mirrors__refused(void **state)
{
    static const struct {
        const char *meta, *spec;
    } cases[] = {
        {"",
         "{\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"envFrom\":[{\"secretRef\":{\"name\":"
         "\"s\"}}]}]}"},
        {"", "{\"containers\":[{\"name\":\"c\",\"image\":\"i\"}],\"volumes\":[{\"name\":\"v\","
             "\"configMap\":{\"name\":\"m\"}}]}"},
        {"", "{\"serviceAccountName\":\"a\",\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}"},
        {"", "{\"containers\":[]}"},
        {"", "[]"},
        {",\"labels\":{\"-\":\"-\"}", SPEC},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        report(f, "pi", "web-pi", UID, false);
        answer_as(f, cases[i].meta, cases[i].spec);
        expect(f, "web-pi", "");
        report(f, "pi", "web-pi", UID, false); /* not at once again */
        assert_int_equal(f->count, i + 1);
        report(f, "pi", "web-pi", UID, true);
    }
    assert_int_equal(f->told, 0);
}

/* So large, so many, so often. */
static void test_mirrors__bounds(void **state)
{
    struct fixture *f = *state;
    autofree char *much = xcalloc(1, MIRRORS_POD_MAX + 1);
    memset(much, 'x', MIRRORS_POD_MAX);
    autofree char *meta = xasprintf(",\"annotations\":{\"a\":\"%s\"}", much);
    report(f, "pi", "big-pi", UID, false);
    answer_as(f, meta, SPEC);
    assert_false(f->calls[0].open);
    expect(f, "big-pi", "");
    report(f, "pi", "big-pi", UID, true);
    for (int i = 0; i < 1000; i++) {
        char name[32], uid[64];
        snprintf(name, sizeof(name), "p%d-pi", i);
        snprintf(uid, sizeof(uid), "uid-%d", i);
        report(f, "pi", name, uid, false);
        if (f->calls[f->count - 1].open)
            answer(f);
    }
    assert_int_equal(world_count(&f->world, "Pod"), 110);
    size_t before = f->count;
    for (int i = 0; i < 1000; i++) {
        report(f, "pi", "p0-pi", "uid-0", true);
        report(f, "pi", "p0-pi", "uid-x", i % 2);
    }
    for (int i = 0; i < 1000; i++) {
        report(f, "pi", "p0-pi", "uid-x", false);
        report(f, "pi", "p0-pi", "uid-x", true);
    }
    assert_in_range(f->count - before, 1, MIRRORS_BURST);
    report(f, "other", "web-other", UID, false); /* another node's turn comes all the same */
    answer(f);
    expect(f, "web-other", UID);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_mirrors__shown),          TEST(test_mirrors__deleted),
        TEST(test_mirrors__gone_meanwhile), TEST(test_mirrors__ordinary),
        TEST(test_mirrors__changed),        TEST(test_mirrors__restart),
        TEST(test_mirrors__last_word_lost), TEST(test_mirrors__another_life),
        TEST(test_mirrors__away),           TEST(test_mirrors__refused),
        TEST(test_mirrors__bounds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
