#include "world.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const masters[] = {"system:masters", NULL};
static const struct api_user admin = {.name = "admin", .groups = masters};

struct answer {
    int open, code;
    char text[256];
};

static int64_t boot_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->boot_ns;
}

static int64_t wall_ns(const struct clock *clock)
{
    return ((const struct world *)(const void *)clock)->wall_ns;
}

static void on_answer(void *ctx, const struct api_answer *got)
{
    struct answer *answer = ctx;
    const char *message = value_get_str(got->object, "message");
    answer->open = 0;
    answer->code = got->code;
    snprintf(answer->text, sizeof(answer->text), "%s", message ? message : "");
}

void world_turn(struct world *world)
{
    do
        assert_int_equal(loop_step(world->loop, 0), 0);
    while (loop_next(world->loop) <= world->boot_ns);
}

static void finish(struct world *world, struct answer *answer, int code)
{
    while (answer->open)
        world_turn(world);
    if (answer->code != code)
        fail_msg("%d: %s", answer->code, answer->text);
    world_turn(world);
}

static struct value *parse(const char *text)
{
    struct err err = {0};
    struct value *value = NULL;
    autofree char *json = xstrdup(text);
    for (char *c = json; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    if (json_parse(json, strlen(json), &value, &err) < 0)
        fail_msg("%s: %s", json, err.msg);
    return value;
}

static struct api_ref ref_of(const char *kind, const char *ns, const char *name)
{
    struct api_ref ref = {kinds_find(NULL, "v1", kind), ns, name};
    ref.kind = ref.kind ? ref.kind : kinds_find_name(NULL, kind);
    assert_non_null(ref.kind);
    return ref;
}

void world_create(struct world *world, const char *json, int code)
{
    struct value *object = parse(json);
    struct answer answer = {.open = 1};
    const char *ns = object_namespace(object);
    struct api_ref ref = ref_of(value_get_str(object, "kind"), ns ? ns : "", object_name(object));
    api_create(world->api, &admin, &ref, object, 0, on_answer, &answer);
    finish(world, &answer, code);
    value_free(object);
}

void world_delete(struct world *world, const char *kind, const char *ns, const char *name)
{
    struct answer answer = {.open = 1};
    struct api_ref ref = ref_of(kind, ns, name);
    struct api_delete_options options = {.grace_s = 0};
    api_delete(world->api, &admin, &ref, &options, 0, on_answer, &answer);
    finish(world, &answer, 200);
}

struct status_write { /* begins with its answer */
    struct answer answer;
    struct value *status;
};

static int change_status(void *ctx, struct value *object)
{
    value_set(object, "status", value_copy(((struct status_write *)ctx)->status));
    return 0;
}

void world_status(struct world *world, const char *kind, const char *ns, const char *name,
                  const char *json)
{
    struct status_write write = {{.open = 1}, parse(json)};
    struct api_ref ref = ref_of(kind, ns, name);
    api_patch_with(world->api, &admin, &ref, API_STATUS, change_status, on_answer, &write);
    finish(world, &write.answer, 200);
    value_free(write.status);
}

void world_pod(struct world *world, const char *name, const char *cpu, const char *node)
{
    char json[512], where[64] = "";
    if (*node)
        snprintf(where, sizeof(where), "'nodeName':'%s',", node);
    snprintf(json, sizeof(json),
             "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':'default'},"
             "'spec':{%s'containers':[{'name':'c','image':'busybox',"
             "'resources':{'requests':{'cpu':'%s'}}}]}}",
             name, where, cpu);
    world_create(world, json, 201);
}

void world_node(struct world *world, const char *name, const char *cpu)
{
    char json[512];
    snprintf(json, sizeof(json), "{'apiVersion':'v1','kind':'Node','metadata':{'name':'%s'}}",
             name);
    world_create(world, json, 201);
    snprintf(json, sizeof(json),
             "{'allocatable':{'cpu':'%s','memory':'1Gi','pods':'10'},"
             "'conditions':[{'type':'Ready','status':'True','reason':'R','message':'m'}]}",
             cpu);
    world_status(world, "Node", "", name, json);
}

struct value *world_get(struct world *world, const char *kind, const char *ns, const char *name)
{
    struct api_ref ref = ref_of(kind, ns, name);
    struct value *object = NULL;
    int r = api_get(world->api, &admin, &ref, &object);
    if (r == 0)
        return object;
    assert_int_equal(r, -404);
    value_free(object);
    return NULL;
}

const char *world_node_of(struct world *world, const char *pod)
{
    static char node[64];
    struct value *object = world_get(world, "Pod", "default", pod);
    const char *name = value_get_str(value_get(object, "spec"), "nodeName");
    snprintf(node, sizeof(node), "%s", name ? name : "");
    value_free(object);
    return node;
}

const char *world_condition(struct world *world, const char *kind, const char *ns, const char *name,
                            const char *type)
{
    static char text[512];
    struct value *object = world_get(world, kind, ns, name);
    const struct value *list = value_path(object, "status", "conditions", NULL);
    *text = '\0';
    for (size_t i = 0; i < value_len(list); i++) {
        const struct value *item = value_at(list, i);
        const char *reason = value_get_str(item, "reason"),
                   *message = value_get_str(item, "message");
        if (str_eq(value_get_str(item, "type"), type))
            snprintf(text, sizeof(text), "%s %s %s", value_get_str(item, "status"),
                     reason ? reason : "-", message ? message : "-");
    }
    value_free(object);
    return text;
}

char *world_events(struct world *world, const char *kind, const char *name)
{
    struct api_ref ref = ref_of("Event", "", "");
    autofree char *selector =
        xasprintf("involvedObject.kind=%s,involvedObject.name=%s", kind, name);
    struct api_list_query query = {.field_selector = selector};
    cleanup(value_free) struct value *list = NULL;
    struct buf text = {0};
    assert_int_equal(api_list(world->api, &admin, &ref, &query, &list), 0);
    const struct value *items = value_get(list, "items");
    for (size_t i = 0; i < value_len(items); i++) {
        const struct value *event = value_at(items, i);
        buf_addf(&text, "%s %s %s (%d) from %s\n", value_get_str(event, "type"),
                 value_get_str(event, "reason"), value_get_str(event, "message"),
                 (int)value_get_int(event, "count", 0),
                 value_str(value_path(event, "source", "component", NULL)));
    }
    return buf_steal(&text, NULL);
}

size_t world_count(struct world *world, const char *kind)
{
    struct api_ref ref = ref_of(kind, "", "");
    struct api_list_query query = {0};
    struct value *list = NULL;
    assert_int_equal(api_list(world->api, &admin, &ref, &query, &list), 0);
    size_t count = value_len(value_get(list, "items"));
    value_free(list);
    return count;
}

void world_pass(struct world *world, int64_t ns)
{
    int64_t end = world->boot_ns + ns;
    for (int64_t next; (next = loop_next(world->loop)) <= end;) {
        if (next > world->boot_ns) {
            world->wall_ns += next - world->boot_ns;
            world->boot_ns = next;
        }
        world_turn(world);
    }
    world_jump(world, end - world->boot_ns);
}

void world_jump(struct world *world, int64_t ns)
{
    world->boot_ns += ns;
    world->wall_ns += ns;
}

static void quiet(void *ctx, enum log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

void world_init(struct world *world)
{
    *world = (struct world){
        .clock = {boot_ns, wall_ns},
        .boot_ns = 1000 * NS_PER_S,
        .wall_ns = INT64_C(1790000000) * NS_PER_S,
    };
    log_set_sink(quiet, NULL);
    rng_seeded_init(&world->rng, 5);
    assert_int_equal(loop_new(&world->clock, &world->loop, &world->err), 0);
    assert_int_equal(store_open(world->loop, NULL, &world->store, &world->err), 0);
    struct api_spec spec = {world->loop, world->store, &world->clock, &world->rng.rng};
    assert_int_equal(api_new(&spec, &world->api, &world->err), 0);
    world_turn(world); /* the API makes the namespaces default and kube-system */
}

void world_done(struct world *world)
{
    api_stop(world->api);
    store_close(world->store);
    api_free(world->api);
    loop_free(world->loop);
}
