#include "controller/reconcile/claims.h"

#include "world.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/disk.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct stage {
    struct world world;
    struct recorder *recorder;
    struct claims *claims;
};

static void start(struct stage *stage)
{
    struct world *world = &stage->world;
    stage->recorder = recorder_new(world->api, &world->clock);
    assert_int_equal(
        claims_new(world->loop, world->api, stage->recorder, &stage->claims, &world->err), 0);
    world_turn(world);
}

static void stop(struct stage *stage)
{
    claims_free(stage->claims);
    recorder_free(stage->recorder);
}

static int setup(void **state)
{
    struct stage *stage = xcalloc(1, sizeof(*stage));
    world_init(&stage->world);
    start(stage);
    *state = stage;
    return 0;
}

static int teardown(void **state)
{
    struct stage *stage = *state;
    stop(stage);
    world_done(&stage->world);
    free(stage);
    return 0;
}

/* ---- documents ---- */

/* more: further keys of spec, with a comma in front. */
static void claim(struct stage *stage, const char *name, const char *size, const char *more)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s',"
                  "'namespace':'default','finalizers':['kubernetes.io/pvc-protection']},'spec':{"
                  "'accessModes':['ReadWriteOnce'],'resources':{'requests':{'storage':'%s'}}%s}}",
                  name, size, more);
    world_create(&stage->world, json, 201);
    world_turn(&stage->world);
}

static void volume(struct stage *stage, const char *name, const char *size, const char *more)
{
    autofree char *json =
        xasprintf("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s','labels':{"
                  "'name':'%s'},'finalizers':['kubernetes.io/pv-protection']},'spec':{'accessModes'"
                  ":['ReadWriteOnce','ReadWriteMany'],'capacity':{'storage':'%s'},'hostPath':{"
                  "'path':'/data'}%s}}",
                  name, name, size, more);
    world_create(&stage->world, json, 201);
    world_turn(&stage->world);
}

static void class(struct stage *stage, const char *name, const char *provisioner, const char *mode)
{
    autofree char *json =
        xasprintf("{'apiVersion':'storage.k8s.io/v1','kind':'StorageClass','metadata':{'name':'%s'}"
                  ",'provisioner':'%s','volumeBindingMode':'%s'}",
                  name, provisioner, mode);
    world_create(&stage->world, json, 201);
    world_turn(&stage->world);
}

static void pod(struct stage *stage, const char *name, const char *node, const char *claim_name)
{
    autofree char *json = xasprintf(
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'%s','namespace':'default'},"
        "'spec':{%s%s%s'containers':[{'name':'c','image':'busybox'}],'volumes':[{'name':'v',"
        "'persistentVolumeClaim':{'claimName':'%s'}}]}}",
        name, *node ? "'nodeName':'" : "", node, *node ? "'," : "", claim_name);
    world_create(&stage->world, json, 201);
    world_turn(&stage->world);
}

/* What is at a path of maps, as JSON with ' for "; "-": nothing; "gone": no object. Static. */
static const char *at(struct stage *stage, const char *kind, const char *name, const char *path)
{
    static char text[1024];
    const char *ns = str_eq(kind, "PersistentVolumeClaim") ? "default" : "";
    cleanup(value_free) struct value *object = world_get(&stage->world, kind, ns, name);
    const struct value *value = object;
    autofree char *keys = xstrdup(path);
    for (char *save, *key = strtok_r(keys, ">", &save); key; key = strtok_r(NULL, ">", &save))
        value = value_get(value, key);
    cleanup(buf_done) struct buf json;
    buf_init(&json, 0);
    if (value)
        assert_int_equal(json_write(value, &json), 0);
    snprintf(text, sizeof(text), "%s", !object ? "gone" : !value ? "-" : buf_str(&json));
    for (char *c = text; *c; c++)
        *c = *c == '"' ? '\'' : *c;
    return text;
}
#define CLAIM_AT(name, path) at(stage, "PersistentVolumeClaim", name, path)
#define VOLUME_AT(name, path) at(stage, "PersistentVolume", name, path)

static void says(struct stage *stage, const char *kind, const char *name, const char *event)
{
    autofree char *events = world_events(&stage->world, kind, name);
    if (!strstr(events, event))
        fail_msg("of %s %s is not told: %s\nbut: %s", kind, name, event, events);
}

/* ---- binding ---- */

static void test_claims__binds_the_smallest_that_fits(void **state)
{
    struct stage *stage = *state;
    volume(stage, "tiny", "1Mi", "");
    volume(stage, "big", "2Gi", "");
    volume(stage, "good", "1Gi", "");
    volume(stage, "fast", "1Gi", ",'storageClassName':'fast'");
    volume(stage, "block", "1Gi", ",'volumeMode':'Block'");
    assert_string_equal(VOLUME_AT("good", "status>phase"), "'Available'");
    claim(stage, "c", "500Mi", ",'storageClassName':''");
    assert_string_equal(CLAIM_AT("c", "spec>volumeName"), "'good'");
    assert_string_equal(CLAIM_AT("c", "status"),
                        "{'phase':'Bound','accessModes':['ReadWriteOnce','ReadWriteMany'],"
                        "'capacity':{'storage':'1Gi'}}");
    assert_string_equal(CLAIM_AT("c", "metadata>annotations>pv.kubernetes.io/bind-completed"),
                        "'yes'");
    assert_string_equal(CLAIM_AT("c", "metadata>annotations>pv.kubernetes.io/bound-by-controller"),
                        "'yes'");
    assert_string_equal(VOLUME_AT("good", "status>phase"), "'Bound'");
    assert_string_equal(VOLUME_AT("good", "spec>claimRef>name"), "'c'");
    assert_string_equal(
        VOLUME_AT("good", "metadata>annotations>pv.kubernetes.io/bound-by-controller"), "'yes'");
    autofree char *uid = xstrdup(CLAIM_AT("c", "metadata>uid"));
    assert_string_equal(VOLUME_AT("good", "spec>claimRef>uid"), uid);
    assert_string_equal(VOLUME_AT("big", "status>phase"), "'Available'");
}

static void test_claims__wait_for_what_fits(void **state)
{
    struct stage *stage = *state;
    claim(stage, "a", "1Gi", ",'selector':{'matchLabels':{'name':'wanted'}}");
    says(stage, "PersistentVolumeClaim", "a",
         "Normal FailedBinding no persistent volumes available for this claim and no storage class "
         "is set (1)");
    volume(stage, "other", "1Gi", "");
    assert_string_equal(CLAIM_AT("a", "status>phase"), "'Pending'");
    volume(stage, "wanted", "1Gi", "");
    assert_string_equal(CLAIM_AT("a", "spec>volumeName"), "'wanted'");
}

/* One volume, many that want it: it is one's. */
static void test_claims__two_do_not_get_the_same(void **state)
{
    struct stage *stage = *state;
    stop(stage);
    volume(stage, "v", "1Gi", "");
    claim(stage, "a", "1Gi", "");
    claim(stage, "b", "1Gi", "");
    start(stage);
    world_pass(&stage->world, 20 * NS_PER_S);
    autofree char *owner = xstrdup(VOLUME_AT("v", "spec>claimRef>name"));
    const char *other = str_eq(owner, "'a'") ? "b" : "a";
    assert_string_equal(CLAIM_AT(other, "status>phase"), "'Pending'");
    volume(stage, "w", "1Gi", "");
    assert_string_equal(CLAIM_AT(other, "spec>volumeName"), "'w'");
}

static void test_claims__of_a_volume_by_name(void **state)
{
    struct stage *stage = *state;
    claim(stage, "a", "1Gi", ",'volumeName':'v'");
    says(stage, "PersistentVolumeClaim", "a", "FailedBinding volume \"v\" not found.");
    volume(stage, "v", "1Mi", "");
    says(stage, "PersistentVolumeClaim", "a",
         "Warning VolumeMismatch Cannot bind to requested volume \"v\": requested PV is too small");
    claim(stage, "b", "1Mi", ",'volumeName':'v'");
    assert_string_equal(CLAIM_AT("b", "status>phase"), "'Bound'");
    assert_string_equal(CLAIM_AT("b", "metadata>annotations>pv.kubernetes.io/bound-by-controller"),
                        "-");
    says(stage, "PersistentVolumeClaim", "a",
         "Warning FailedBinding volume \"v\" already bound to a different claim.");
}

/* A volume that its author keeps for a claim goes to nobody else. */
static void test_claims__of_a_volume_that_is_kept(void **state)
{
    struct stage *stage = *state;
    volume(stage, "v", "1Gi", ",'claimRef':{'namespace':'default','name':'b'}");
    assert_string_equal(VOLUME_AT("v", "status>phase"), "'Available'");
    claim(stage, "a", "1Gi", "");
    assert_string_equal(CLAIM_AT("a", "status>phase"), "'Pending'");
    claim(stage, "b", "1Gi", ",'storageClassName':'fast'");
    assert_string_equal(CLAIM_AT("b", "spec>volumeName"), "'v'");
    assert_string_equal(VOLUME_AT("v", "metadata>annotations"), "-");
}

static void test_claims__lost(void **state)
{
    struct stage *stage = *state;
    volume(stage, "v", "1Gi", "");
    claim(stage, "c", "1Gi", "");
    world_delete(&stage->world, "PersistentVolume", "", "v");
    world_turn(&stage->world);
    assert_string_equal(VOLUME_AT("v", "status>phase"), "'Bound'"); /* held by its claim */
    stop(stage);
    world_create(&stage->world,
                 "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'l',"
                 "'namespace':'default','annotations':{'pv.kubernetes.io/bind-completed':'yes'}},"
                 "'spec':{'accessModes':['ReadWriteOnce'],'volumeName':'never','resources':{"
                 "'requests':{'storage':'1'}}}}",
                 201);
    start(stage);
    assert_string_equal(CLAIM_AT("l", "status>phase"), "'Lost'");
    says(stage, "PersistentVolumeClaim", "l", "Warning ClaimLost");
}

/* ---- the first pod ---- */

static int set_node(void *ctx, struct value *object)
{
    value_set_str(value_make_map(object, "metadata", "annotations", NULL),
                  "volume.kubernetes.io/selected-node", ctx);
    return 0;
}

static void change_node(struct stage *stage, const char *name, const char *node)
{
    static const char *const masters[] = {"system:masters", NULL};
    static const struct api_user admin = {.name = "admin", .groups = masters};
    const struct api_ref ref = {kinds_find(NULL, "v1", "PersistentVolumeClaim"), "default", name};
    api_patch_with(stage->world.api, &admin, &ref, 0, set_node, NULL, (void *)(uintptr_t)node);
    world_turn(&stage->world);
}

static void test_claims__wait_for_a_pod_and_get_a_folder(void **state)
{
    struct stage *stage = *state;
    class(stage, "local", "limpet.io/local", "WaitForFirstConsumer");
    world_node(&stage->world, "n1", "1");
    claim(stage, "c", "1Gi", ",'storageClassName':'local'");
    says(stage, "PersistentVolumeClaim", "c",
         "Normal WaitForFirstConsumer waiting for first consumer to be created before binding (1)");
    pod(stage, "p", "", "c");
    says(stage, "PersistentVolumeClaim", "c",
         "Normal WaitForPodScheduled waiting for pod p to be scheduled (1)");
    assert_int_equal(world_count(&stage->world, "PersistentVolume"), 0);
    change_node(stage, "c", "elsewhere");
    assert_int_equal(world_count(&stage->world, "PersistentVolume"), 0);
    change_node(stage, "c", "n1");
    autofree char *uid = xstrdup(CLAIM_AT("c", "metadata>uid"));
    autofree char *name = xasprintf("pvc-%.36s", uid + 1);
    assert_string_equal(CLAIM_AT("c", "status>phase"), "'Bound'");
    assert_string_equal(CLAIM_AT("c", "status>capacity"), "{'storage':'1Gi'}");
    assert_string_equal(VOLUME_AT(name, "status>phase"), "'Bound'");
    assert_string_equal(VOLUME_AT(name, "spec>nodeAffinity"),
                        "{'required':{'nodeSelectorTerms':[{'matchExpressions':[{'key':"
                        "'kubernetes.io/hostname','operator':'In','values':['n1']}]}]}}");
    assert_string_equal(VOLUME_AT(name, "spec>persistentVolumeReclaimPolicy"), "'Delete'");
    assert_string_equal(VOLUME_AT(name, "spec>storageClassName"), "'local'");
    assert_string_equal(VOLUME_AT(name, "metadata>finalizers"), "['limpet.io/local-volume']");
    autofree char *event = xasprintf("Normal ProvisioningSucceeded Successfully provisioned volume "
                                     "%s (1)",
                                     name);
    says(stage, "PersistentVolumeClaim", "c", event);
}

/* A volume that is there and that the node reaches goes before a new one. */
static void test_claims__a_volume_of_the_node_goes_first(void **state)
{
#define ON(node)                                                                                    \
    ",'storageClassName':'local','nodeAffinity':{'required':{'nodeSelectorTerms':[{'matchFields':[" \
    "{'key':'metadata.name','operator':'In','values':['" node "']}]}]}}"
    struct stage *stage = *state;
    class(stage, "local", "limpet.io/local", "WaitForFirstConsumer");
    world_node(&stage->world, "n1", "1");
    volume(stage, "on-n2", "1Gi", ON("n2"));
    volume(stage, "on-n1", "2Gi", ON("n1"));
    claim(stage, "c", "1Gi", ",'storageClassName':'local'");
    assert_string_equal(CLAIM_AT("c", "status>phase"), "'Pending'");
    change_node(stage, "c", "n1");
    assert_string_equal(CLAIM_AT("c", "spec>volumeName"), "'on-n1'");
    assert_int_equal(world_count(&stage->world, "PersistentVolume"), 2);
}

static void test_claims__what_no_folder_can_be(void **state)
{
    static const struct {
        const char *name, *more, *says;
    } cases[] = {
        {"block", ",'volumeMode':'Block'", "a folder is no block device"},
        {"source", ",'dataSource':{'kind':'PersistentVolumeClaim','name':'x'}", "data sources"},
        {"select", ",'selector':{'matchLabels':{'a':'b'}}", "claim Selector is not supported"},
    };
    struct stage *stage = *state;
    class(stage, "local", "limpet.io/local", "WaitForFirstConsumer");
    class(stage, "now", "limpet.io/local", "Immediate");
    class(stage, "hand", "kubernetes.io/no-provisioner", "Immediate");
    class(stage, "cloud", "example.com/disk", "Immediate");
    world_node(&stage->world, "n1", "1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *more = xasprintf(",'storageClassName':'local'%s", cases[i].more);
        claim(stage, cases[i].name, "1Gi", more);
        change_node(stage, cases[i].name, "n1");
        says(stage, "PersistentVolumeClaim", cases[i].name, cases[i].says);
        assert_string_equal(CLAIM_AT(cases[i].name, "status>phase"), "'Pending'");
    }
    claim(stage, "now", "1Gi", ",'storageClassName':'now'");
    says(stage, "PersistentVolumeClaim", "now", "must have volumeBindingMode WaitForFirstConsumer");
    claim(stage, "hand", "1Gi", ",'storageClassName':'hand'");
    says(stage, "PersistentVolumeClaim", "hand", "Warning ProvisioningFailed no volume plugin");
    claim(stage, "cloud", "1Gi", ",'storageClassName':'cloud'");
    says(stage, "PersistentVolumeClaim", "cloud",
         "Normal ExternalProvisioning Waiting for a volume to be created either by the external "
         "provisioner 'example.com/disk'");
    claim(stage, "none", "1Gi", ",'storageClassName':'later'");
    says(stage, "PersistentVolumeClaim", "none",
         "Warning ProvisioningFailed storageclass.storage.k8s.io \"later\" not found");
    class(stage, "later", "limpet.io/local", "WaitForFirstConsumer");
    says(stage, "PersistentVolumeClaim", "none", "WaitForFirstConsumer");
    assert_int_equal(world_count(&stage->world, "PersistentVolume"), 0);
}

/* ---- the end ---- */

static void test_claims__in_use_stay(void **state)
{
    struct stage *stage = *state;
    volume(stage, "v", "1Gi", "");
    claim(stage, "c", "1Gi", "");
    pod(stage, "p", "n1", "c");
    pod(stage, "q", "", "c"); /* waits for a node: it holds nothing */
    world_delete(&stage->world, "PersistentVolumeClaim", "default", "c");
    world_pass(&stage->world, 10 * NS_PER_S);
    assert_string_equal(CLAIM_AT("c", "metadata>finalizers"), "['kubernetes.io/pvc-protection']");
    assert_string_equal(VOLUME_AT("v", "status>phase"), "'Bound'");
    world_delete(&stage->world, "Pod", "default", "p");
    world_turn(&stage->world);
    assert_string_equal(CLAIM_AT("c", "metadata"), "gone");
    assert_string_equal(VOLUME_AT("v", "status>phase"), "'Released'");
    assert_string_equal(VOLUME_AT("v", "spec>claimRef>name"), "'c'");
    /* Another of that name does not get the data of the first. */
    claim(stage, "c", "1Gi", "");
    assert_string_equal(CLAIM_AT("c", "status>phase"), "'Pending'");
    world_delete(&stage->world, "PersistentVolume", "", "v");
    world_turn(&stage->world);
    assert_string_equal(VOLUME_AT("v", "status"), "gone");
}

static void test_claims__volume_goes_when_its_node_has_removed_it(void **state)
{
    struct stage *stage = *state;
    class(stage, "local", "limpet.io/local", "WaitForFirstConsumer");
    world_node(&stage->world, "n1", "1");
    claim(stage, "c", "1Gi", ",'storageClassName':'local'");
    change_node(stage, "c", "n1");
    autofree char *uid = xstrdup(CLAIM_AT("c", "metadata>uid"));
    autofree char *name = xasprintf("pvc-%.36s", uid + 1);
    world_delete(&stage->world, "PersistentVolumeClaim", "default", "c");
    world_pass(&stage->world, 10 * NS_PER_S);
    assert_string_equal(CLAIM_AT("c", "metadata"), "gone");
    assert_string_equal(VOLUME_AT(name, "status>phase"), "'Released'");
    assert_string_not_equal(VOLUME_AT(name, "metadata>deletionTimestamp"), "-");
    assert_string_equal(VOLUME_AT(name, "metadata>finalizers"), "['limpet.io/local-volume']");
    /* Nobody can report it any more. */
    world_delete(&stage->world, "Node", "", "n1");
    world_turn(&stage->world);
    assert_string_equal(VOLUME_AT(name, "metadata"), "gone");
}

/* Retain: nobody removes the data, and nobody waits for that. */
static void test_claims__a_folder_that_is_kept(void **state)
{
    struct stage *stage = *state;
    class(stage, "kept", "limpet.io/local','reclaimPolicy':'Retain", "WaitForFirstConsumer");
    world_node(&stage->world, "n1", "1");
    claim(stage, "c", "1Gi", ",'storageClassName':'kept'");
    change_node(stage, "c", "n1");
    autofree char *name = xstrdup(CLAIM_AT("c", "spec>volumeName"));
    name[strlen(name) - 1] = '\0';
    world_delete(&stage->world, "PersistentVolumeClaim", "default", "c");
    world_pass(&stage->world, 10 * NS_PER_S);
    assert_string_equal(VOLUME_AT(name + 1, "status>phase"), "'Released'");
    assert_string_equal(VOLUME_AT(name + 1, "metadata>deletionTimestamp"), "-");
    world_delete(&stage->world, "PersistentVolume", "", name + 1);
    world_turn(&stage->world);
    assert_string_equal(VOLUME_AT(name + 1, "metadata"), "gone");
}

/* Who deletes a bound volume deletes nothing; it goes with its claim. */
static void test_claims__a_bound_volume_is_deleted(void **state)
{
    struct stage *stage = *state;
    volume(stage, "v", "1Gi", "");
    claim(stage, "c", "1Gi", "");
    world_delete(&stage->world, "PersistentVolume", "", "v");
    world_pass(&stage->world, 10 * NS_PER_S);
    assert_string_equal(VOLUME_AT("v", "metadata>finalizers"), "['kubernetes.io/pv-protection']");
    assert_string_equal(CLAIM_AT("c", "status>phase"), "'Bound'");
    world_delete(&stage->world, "PersistentVolumeClaim", "default", "c");
    world_turn(&stage->world);
    assert_string_equal(VOLUME_AT("v", "metadata"), "gone");
}

static void test_claims__policies(void **state)
{
    static const struct {
        const char *policy, *phase, *says;
    } cases[] = {
        {"Retain", "'Released'", ""},
        {"Delete", "'Failed'", "Warning VolumeFailedDelete no deletable volume plugin matched"},
        {"Recycle", "'Failed'", "Warning VolumeFailedRecycle No recycler plugin found"},
    };
    struct stage *stage = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        autofree char *more = xasprintf(",'persistentVolumeReclaimPolicy':'%s'", cases[i].policy);
        autofree char *name = xasprintf("v%zu", i);
        volume(stage, name, "1Gi", more);
        claim(stage, "c", "1Gi", "");
        assert_string_equal(CLAIM_AT("c", "status>phase"), "'Bound'");
        world_delete(&stage->world, "PersistentVolumeClaim", "default", "c");
        world_turn(&stage->world);
        assert_string_equal(VOLUME_AT(name, "status>phase"), cases[i].phase);
        says(stage, "PersistentVolume", name, cases[i].says);
    }
}

/* ---- many ---- */

/* Claims that wait, and as many volumes: each gets one of its own. */
static void test_claims__many(void **state)
{
    enum { MANY = 500 };
    struct stage *stage = *state;
    stop(stage);
    for (int i = 0; i < MANY; i++) {
        autofree char *name = xasprintf("c%d", i), *size = xasprintf("%dMi", 1 + i * 7 % MANY);
        claim(stage, name, size, "");
        volume(stage, name, size, "");
    }
    start(stage);
    world_pass(&stage->world, 20 * NS_PER_S);
    for (int i = 0; i < MANY; i++) {
        autofree char *name = xasprintf("c%d", i);
        assert_string_equal(CLAIM_AT(name, "status>phase"), "'Bound'");
        assert_string_equal(VOLUME_AT(name, "status>phase"), "'Bound'");
    }
}

/* ---- any step may be the last ---- */

/* Everything ends; what is on disk is opened again. */
static void reopen(struct stage *stage, const char *path)
{
    struct world *world = &stage->world;
    api_stop(world->api);
    store_close(world->store);
    api_free(world->api);
    assert_int_equal(store_open(world->loop, path, &world->store, &world->err), 0);
    const struct api_spec spec = {world->loop, world->store, &world->clock, &world->rng.rng};
    assert_int_equal(api_new(&spec, &world->api, &world->err), 0);
}

/* The gateway dies after so many turns of its loop, and another one goes on. */
static void test_claims__goes_on_after_any_step(void **state)
{
    char dir[] = "/tmp/claims_test.XXXXXX";
    struct err err = {0};
    assert_non_null(mkdtemp(dir));
    for (int steps = 0; steps < 40; steps++) {
        autofree char *path = xasprintf("%s/%d", dir, steps);
        assert_int_equal(setup(state), 0);
        struct stage *stage = *state;
        stop(stage);
        reopen(stage, path);
        world_turn(&stage->world);
        class(stage, "local", "limpet.io/local", "WaitForFirstConsumer");
        world_node(&stage->world, "n1", "1");
        claim(stage, "c", "1Gi", ",'storageClassName':'local'");
        change_node(stage, "c", "n1");
        stage->recorder = NULL;
        assert_int_equal(
            claims_new(stage->world.loop, stage->world.api, NULL, &stage->claims, &err), 0);
        for (int i = 0; i < steps; i++)
            assert_int_equal(loop_step(stage->world.loop, NS_PER_MS), 0);
        claims_free(stage->claims);
        reopen(stage, path);
        start(stage);
        for (int i = 0; i < 10000 && !str_eq(CLAIM_AT("c", "status>phase"), "'Bound'"); i++)
            assert_int_equal(loop_step(stage->world.loop, NS_PER_MS), 0);
        assert_string_equal(CLAIM_AT("c", "status>phase"), "'Bound'");
        assert_int_equal(world_count(&stage->world, "PersistentVolume"), 1);
        assert_int_equal(teardown(state), 0);
    }
    assert_int_equal(disk_posix()->remove_tree(disk_posix(), dir, &err), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_claims__binds_the_smallest_that_fits),
        TEST(test_claims__wait_for_what_fits),
        TEST(test_claims__two_do_not_get_the_same),
        TEST(test_claims__of_a_volume_by_name),
        TEST(test_claims__of_a_volume_that_is_kept),
        TEST(test_claims__lost),
        TEST(test_claims__wait_for_a_pod_and_get_a_folder),
        TEST(test_claims__a_volume_of_the_node_goes_first),
        TEST(test_claims__what_no_folder_can_be),
        TEST(test_claims__in_use_stay),
        TEST(test_claims__volume_goes_when_its_node_has_removed_it),
        TEST(test_claims__a_folder_that_is_kept),
        TEST(test_claims__a_bound_volume_is_deleted),
        TEST(test_claims__policies),
        TEST(test_claims__many),
        cmocka_unit_test(test_claims__goes_on_after_any_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
