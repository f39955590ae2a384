#include "agent/pod/env.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static const char sources[] =
    "{\"ConfigMap/default/app\":{\"data\":{\"k\":\"from map\",\"l.m\":\"dots\"}},"
    "\"Secret/default/s\":{\"data\":{\"token\":\"c2VjcmV0\",\"bad\":\"?\"}}}";

static const struct value *find(void *ctx, const char *kind, const char *ns, const char *name)
{
    autofree char *key = xasprintf("%s/%s/%s", kind, ns, name);
    return value_get(ctx, key);
}

static struct value *parse(const char *text)
{
    struct value *v = NULL;
    struct err err = {0};
    if (json_parse(text, strlen(text), &v, &err) < 0)
        fail_msg("%s: %s", text, err.msg);
    return v;
}

static int build(const char *container, struct strings *ret, struct err *err)
{
    static const char pod[] =
        "{\"metadata\":{\"name\":\"web\",\"namespace\":\"default\",\"uid\":\"u-1\","
        "\"labels\":{\"a/b\":\"label\"},\"annotations\":{\"n\":\"note\"}},\"spec\":{"
        "\"containers\":[{\"name\":\"other\",\"resources\":{\"limits\":{\"cpu\":\"3\"}}}]}}";
    static const char *const image_env[] = {"PATH=/image", "A=image", "B=kept", "noise", NULL};
    cleanup(value_free) struct value *objects = parse(sources);
    cleanup(value_free) struct value *p = parse(pod);
    cleanup(value_free) struct value *c = parse(container);
    const struct volume_source source = {.find = find, .ctx = objects};
    return env_build(&(struct env_input){.pod = p,
                                         .container = c,
                                         .image_env = image_env,
                                         .source = &source,
                                         .node_name = "n1",
                                         .host_ip = "10.0.0.1",
                                         .pod_ip = "10.42.0.7",
                                         .hostname = "web.sub"},
                     ret, err);
}

static const struct env_case {
    const char *env, *from; /* the container's lists */
    int rc;
    const char *expected; /* before PATH, HOSTNAME, A and B; or the message */
} env_cases[] = {
    {"", "", 0, "PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"A\",\"value\":\"x\"},{\"name\":\"C\"}", "", 0,
     "A=x C= PATH=/image HOSTNAME=web.sub B=kept"},
    {"{\"name\":\"B\",\"value\":\"b\"},{\"name\":\"C\",\"value\":\"$(B)-$(F)\"},"
     "{\"name\":\"D\",\"value\":\"$(C) $(E) $$(C) $(E$(C)$$) $(C\"},{\"name\":\"F\",\"value\":\"f\"}",
     "", 0,
     "B=b C=b-$(F) D=b-$(F) $(E) $(C) $(E$(C)$) $(C F=f PATH=/image HOSTNAME=web.sub A=image"},
    /* What the image and the node say is no name that the pod can mean. */
    {"{\"name\":\"C\",\"value\":\"$(PATH):$(A)$(HOSTNAME)\"},{\"name\":\"PATH\",\"value\":\"/own\"}",
     "", 0, "C=$(PATH):$(A)$(HOSTNAME) PATH=/own HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"value\":\"$(P_k)\"}",
     "{\"configMapRef\":{\"name\":\"app\"},\"prefix\":\"P_\"}", 0,
     "P_k=from map P_l.m=dots C=from map PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"app\",\"key\":\"k\"}}},"
     "{\"name\":\"D\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"s\",\"key\":\"token\"}}}",
     "", 0, "C=from map D=secret PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"valueFrom\":{\"configMapKeyRef\":{\"name\":\"app\",\"key\":\"x\"}}}", "",
     -ENOENT, "env C: couldn't find key x in ConfigMap default/app"},
    {"{\"name\":\"C\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"no\",\"key\":\"x\"}}}", "",
     -ENOENT, "env C: secret \"no\" not found"},
    {"{\"name\":\"C\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"no\",\"key\":\"x\","
     "\"optional\":true}}}",
     "", 0, "PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.name\"}}},"
     "{\"name\":\"D\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.labels['a/b']\"}}},"
     "{\"name\":\"E\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nodeName\"}}},"
     "{\"name\":\"F\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"metadata.annotations['z']\"}}}",
     "", 0, "C=web D=label E=n1 F= PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIP\"}}},"
     "{\"name\":\"D\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.podIPs\"}}},"
     "{\"name\":\"E\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.hostIP\"}}},"
     "{\"name\":\"F\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"status.hostIPs\"}}}",
     "", 0,
     "C=10.42.0.7 D=10.42.0.7 E=10.0.0.1 F=10.0.0.1 PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"valueFrom\":{\"resourceFieldRef\":{\"containerName\":\"other\","
     "\"resource\":\"limits.cpu\"}}},{\"name\":\"D\",\"value\":\"$(C)\"}",
     "", 0, "C=3 D=3 PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"C\",\"valueFrom\":{\"resourceFieldRef\":{\"containerName\":\"no\","
     "\"resource\":\"limits.cpu\"}}}",
     "", -ENOENT, "env C: the pod has no container \"no\""},
    {"{\"name\":\"C\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.nope\"}}}", "", -EINVAL,
     "env C: fieldRef spec.nope: not known on this node"},
    {"", "{\"configMapRef\":{\"name\":\"app\"},\"prefix\":\"P_\"},{\"secretRef\":{\"name\":\"s\"}}",
     0, "P_k=from map P_l.m=dots token=secret PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"", "{\"secretRef\":{\"name\":\"no\"}}", -ENOENT, "secret \"no\" not found"},
    {"", "{\"secretRef\":{\"name\":\"no\",\"optional\":true}}", 0,
     "PATH=/image HOSTNAME=web.sub A=image B=kept"},
    {"{\"name\":\"k\",\"value\":\"own\"}", "{\"configMapRef\":{\"name\":\"app\"}}", 0,
     "k=own l.m=dots PATH=/image HOSTNAME=web.sub A=image B=kept"},
};

static void test_env__table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(env_cases); i++) {
        const struct env_case *c = &env_cases[i];
        autofree char *container = xasprintf("{\"env\":[%s],\"envFrom\":[%s]}", c->env, c->from);
        cleanup(strings_done) struct strings env = {0};
        cleanup(buf_done) struct buf all;
        struct err err = {0};
        buf_init(&all, 0);
        int rc = build(container, &env, &err);
        for (size_t k = 0; k < env.count; k++)
            (void)buf_addf(&all, "%s%s", k ? " " : "", env.items[k]);
        if (rc != c->rc || strcmp(rc < 0 ? err.msg : buf_str(&all), c->expected) != 0)
            fail_msg("%s\n%d \"%s\" \"%s\"\nwant %d \"%s\"", container, rc, buf_str(&all), err.msg,
                     c->rc, c->expected);
        size_t bytes = 0;
        for (size_t k = 0; k < env.count; k++)
            bytes += strlen(env.items[k]) + 1;
        assert_int_equal(env.bytes, bytes);
    }
}

/* Each variable is twice the one before: 30 lines that would be gigabytes. */
static void test_env__doubling(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)buf_addstr(&text, "{\"env\":[{\"name\":\"V0\",\"value\":\"0123456789\"}");
    for (int i = 1; i <= 30; i++)
        (void)buf_addf(&text, ",{\"name\":\"V%d\",\"value\":\"%s(V%d)%s(V%d)\"}", i,
                       i > 20 ? "$$" : "$", i - 1, i > 20 ? "$$" : "$", i - 1);
    (void)buf_addstr(&text, "]}");
    cleanup(strings_done) struct strings env = {0};
    struct err err = {0};
    assert_int_equal(build(buf_str(&text), &env, &err), -EINVAL);
    assert_string_equal(err.msg, "env V14: larger than 130048 bytes");
    assert_int_equal(env.count, 0);
}

/* Many that are each small enough. */
static void test_env__total(void **state)
{
    (void)state;
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    (void)buf_addf(&text, "{\"env\":[{\"name\":\"V\",\"value\":\"%0100000d\"}", 0);
    for (int i = 1; i <= 6; i++)
        (void)buf_addf(&text, ",{\"name\":\"V%d\",\"value\":\"$(V)\"}", i);
    (void)buf_addstr(&text, "]}");
    cleanup(strings_done) struct strings env = {0};
    struct err err = {0};
    assert_int_equal(build(buf_str(&text), &env, &err), -EINVAL);
    assert_string_equal(err.msg, "the environment is larger than 524288 bytes");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_env__table),
        cmocka_unit_test(test_env__doubling),
        cmocka_unit_test(test_env__total),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
