/* What a world looks like from outside, and whether both halves of it agree. */

#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/api/pod_at_node.h"
#include "controller/reconcile/condition.h"
#include "tests/sim/world/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static void add_process(void *ctx, const struct keepers_fake_process *process)
{
    (void)buf_addf(ctx, "%s/%s=%d ", process->name, process->container, (int)process->pid);
}

char *world_running(const struct world *world, size_t node)
{
    struct buf text;
    buf_init(&text, 0);
    keepers_fake_each(world->nodes[node].keepers, add_process, &text);
    return buf_steal(&text, NULL);
}

void world_expect_running(const struct world *world, size_t node, const char *before)
{
    autofree char *now = world_running(world, node);
    if (!str_eq(now, before))
        world_fail(world, "node %zu runs [%s], not [%s]", node, now, before);
}

struct search {
    const char *uid, *name, *container;
    size_t found;
};

static void search_process(void *ctx, const struct keepers_fake_process *process)
{
    struct search *search = ctx;
    search->found += (!search->uid || str_eq(process->uid, search->uid)) &&
                     (!search->name || str_eq(process->name, search->name)) &&
                     (!search->container || str_eq(process->container, search->container));
}

bool world_runs(const struct world *world, size_t node, const char *pod)
{
    struct search search = {.name = pod, .container = "main"};
    keepers_fake_each(world->nodes[node].keepers, search_process, &search);
    return search.found == 1;
}

const char *world_phase(struct world *world, const char *pod)
{
    static char phase[32];
    cleanup(value_free) struct value *object =
        gateway_get(&world->gateway, &kind_pod, "default", pod);
    const char *text = value_str(value_path(object, "status", "phase", NULL));
    snprintf(phase, sizeof(phase), "%s", text ? text : "");
    return phase;
}

const char *world_ready(struct world *world, size_t node)
{
    static char status[16];
    cleanup(value_free) struct value *object =
        gateway_get(&world->gateway, &kind_node, "", world->nodes[node].name);
    const char *text = object ? condition_status(object, "Ready") : NULL;
    snprintf(status, sizeof(status), "%s", text ? text : "");
    return status;
}

/* What a pod should come to, by its first container's image and command; NULL: anything. */
static const char *expected_phase(const struct value *pod)
{
    const struct value *spec = value_get(pod, "spec");
    const struct value *first = value_at(value_get(spec, "containers"), 0);
    const char *image = value_get_str(first, "image");
    const struct value *command = value_get(first, "command");
    const char *program = value_str(value_at(command, 0));
    const char *code = value_str(value_at(command, 1));
    bool never = str_eq(value_get_str(spec, "restartPolicy"), "Never");
    if (str_has_prefix(image, "bad"))
        return "Pending";
    if (str_eq(program, "run") || str_eq(program, "stubborn"))
        return "Running";
    if (str_eq(program, "exit") && never)
        return str_eq(code, "0") ? "Succeeded" : "Failed";
    return str_eq(program, "missing") && never ? "Failed" : NULL;
}

static const struct node *node_of(const struct world *world, const char *name)
{
    for (size_t i = 0; i < world->node_count; i++)
        if (str_eq(world->nodes[i].name, name))
            return &world->nodes[i];
    return NULL;
}

static bool is_in_touch(const struct node *node)
{
    return node && node->up && bus_leash_bus(node->bus)->is_connected(bus_leash_bus(node->bus));
}

static bool ready_matches(const struct value *pod, bool running)
{
    const char *ready = condition_status(pod, "Ready");
    return str_eq(ready, running ? "True" : "False");
}

static bool pod_is_settled(const struct world *world, const struct value *pod, char *ret_why,
                           size_t size)
{
    const struct node *node = node_of(world, value_str(value_path(pod, "spec", "nodeName", NULL)));
    const char *name = object_name(pod);
    if (!is_in_touch(node)) {
        snprintf(ret_why, size, "node of pod %s is not in touch", name);
        return node && !node->up;
    }
    if (value_path(pod, "metadata", "deletionTimestamp", NULL)) {
        snprintf(ret_why, size, "pod %s is still being deleted", name);
        return false;
    }
    const char *phase = value_str(value_path(pod, "status", "phase", NULL));
    const char *want = expected_phase(pod);
    size_t containers = value_len(value_path(pod, "spec", "containers", NULL));
    struct search search = {.uid = pod_uid_at_node(pod)};
    keepers_fake_each(node->keepers, search_process, &search);
    size_t should = str_eq(want, "Running") ? containers : 0;
    snprintf(ret_why, size, "pod %s: phase %s, wanted %s; %zu containers run of %zu", name,
             phase ? phase : "none", want ? want : "any", search.found, should);
    return !want || (str_eq(phase, want) && search.found == should &&
                     ready_matches(pod, str_eq(want, "Running")));
}

struct strays {
    const struct node *node;
    const struct value *pods;
    const char *found;
};

static void check_stray(void *ctx, const struct keepers_fake_process *process)
{
    struct strays *strays = ctx;
    if (str_has_suffix(process->name, strays->node->name)) /* a static one */
        return;
    for (size_t i = 0; i < value_len(strays->pods); i++)
        if (str_eq(object_uid(value_at(strays->pods, i)), process->uid))
            return;
    strays->found = process->name;
}

bool world_is_settled(struct world *world, char *ret_why, size_t size)
{
    if (!world->gateway.up) {
        snprintf(ret_why, size, "no gateway");
        return false;
    }
    for (size_t i = 0; i < world->node_count; i++) {
        snprintf(ret_why, size, "node %zu is not Ready", i);
        if (world->nodes[i].up && world->nodes[i].identity &&
            (!is_in_touch(&world->nodes[i]) || !str_eq(world_ready(world, i), "True")))
            return false;
    }
    cleanup(value_free) struct value *list = gateway_list(&world->gateway, &kind_pod);
    const struct value *pods = value_get(list, "items");
    for (size_t i = 0; i < value_len(pods); i++)
        if (!pod_is_settled(world, value_at(pods, i), ret_why, size))
            return false;
    for (size_t i = 0; i < world->node_count; i++) {
        struct strays strays = {&world->nodes[i], pods, NULL};
        keepers_fake_each(world->nodes[i].keepers, check_stray, &strays);
        snprintf(ret_why, size, "node %zu still runs %s", i, strays.found ? strays.found : "");
        if (world->nodes[i].up && strays.found)
            return false;
    }
    return true;
}
