/* Images pulled ahead of pods; the store of images is the test's. */

#include "agent/image/prepulls.h"

#include "common/base/list.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <stdio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct image_request {
    char *reference;
    struct image_wish wish;
};

struct world {
    struct clock_fake clock;
    struct loop *loop;
    struct images images;
    struct image image;
    struct rng even; /* chance adds nothing */
    struct rng_seeded chance;
    struct prepulls *prepulls;
    struct image_request *asked[PREPULLS_MAX + 8]; /* open ones, in their order */
    size_t count, held;
};

static struct world *world_of(struct images *images)
{
    return container_of(images, struct world, images);
}

static int fake_ensure(struct images *images, const struct image_wish *wish,
                       struct image_request **ret, struct err *err)
{
    struct world *world = world_of(images);
    (void)err;
    assert_int_equal(wish->policy, IMAGE_PULL_ALWAYS);
    assert_null(wish->credentials);
    struct image_request *request = xcalloc(1, sizeof(*request));
    request->reference = xstrdup(wish->reference);
    request->wish = *wish;
    assert_true(world->count < ARRAY_LEN(world->asked));
    world->asked[world->count++] = *ret = request;
    return 0;
}

static void take_out(struct world *world, struct image_request *request)
{
    size_t at = 0;
    while (world->asked[at] != request)
        assert_true(++at < world->count);
    memmove(&world->asked[at], &world->asked[at + 1], (--world->count - at) * sizeof(request));
    free(request->reference);
    free(request);
}

static void fake_cancel(struct images *images, struct image_request *request)
{
    take_out(world_of(images), request);
}

static void fake_release(struct images *images, struct image *image)
{
    assert_ptr_equal(image, &world_of(images)->image);
    world_of(images)->held--;
}

/* The first of those that are open ends. */
static void ends(struct world *world, int code, const char *reason, const char *message)
{
    assert_true(world->count > 0);
    const struct image_wish wish = world->asked[0]->wish;
    take_out(world, world->asked[0]);
    world->held += code == 0;
    wish.done(wish.ctx, code, code == 0 ? &world->image : NULL, reason, message);
}

static void fill_even(struct rng *rng, void *data, size_t len)
{
    (void)rng;
    memset(data, 0, len);
}

static int setup_by(void **state, uint64_t seed)
{
    struct world *world = xcalloc(1, sizeof(*world));
    world->even.fill = fill_even;
    rng_seeded_init(&world->chance, seed);
    world->images =
        (struct images){.ensure = fake_ensure, .cancel = fake_cancel, .release = fake_release};
    clock_fake_init(&world->clock, 100 * NS_PER_S, 1700000000 * NS_PER_S);
    assert_int_equal(loop_new(&world->clock.clock, &world->loop, NULL), 0);
    world->prepulls =
        prepulls_new(world->loop, &world->images, seed ? &world->chance.rng : &world->even);
    *state = world;
    return 0;
}

static int setup(void **state)
{
    return setup_by(state, 0);
}

static int teardown(void **state)
{
    struct world *world = *state;
    prepulls_free(world->prepulls);
    assert_int_equal(world->count, 0);
    assert_int_equal(world->held, 0);
    loop_free(world->loop);
    free(world);
    return 0;
}

static struct value *list_of(const char *text)
{
    struct value *list = NULL;
    assert_int_equal(json_parse(text, strlen(text), &list, NULL), 0);
    return list;
}

static int order(struct world *world, const char *text, struct err *err)
{
    cleanup(value_free) struct value *list = list_of(text);
    return prepulls_order(world->prepulls, list, err);
}

/* Whether it says that of the images. */
static void tells(struct world *world, const char *text, const char *want)
{
    cleanup(value_free) struct value *list = list_of(text), *got = NULL;
    cleanup(buf_done) struct buf json;
    buf_init(&json, 0);
    assert_int_equal(prepulls_tell(world->prepulls, list, &got, NULL), 0);
    (void)json_write(value_get(got, "images"), &json);
    assert_string_equal(buf_str(&json), want);
}

static void test_prepulls__one_after_the_other(void **state)
{
    struct world *world = *state;
    assert_int_equal(order(world, "[\"r.io/a:1\", \"r.io/b:1\", \"r.io/a:1\"]", NULL), 0);
    assert_int_equal(world->count, 1);
    tells(world, "[\"r.io/a:1\", \"r.io/b:1\", \"r.io/c:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Pulling\",\"done\":0,\"total\":0},"
          "{\"image\":\"r.io/b:1\",\"state\":\"Waiting\"},"
          "{\"image\":\"r.io/c:1\",\"state\":\"Unknown\"}]");
    world->asked[0]->wish.progress(world->asked[0]->wish.ctx, 5, 10);
    tells(world, "[\"r.io/a:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Pulling\",\"done\":5,\"total\":10}]");
    ends(world, 0, NULL, NULL);
    assert_int_equal(world->held, 0);
    assert_int_equal(world->count, 1);
    assert_string_equal(world->asked[0]->reference, "r.io/b:1");
    ends(world, -EIO, "ErrImagePull", "it is not there");
    tells(world, "[\"r.io/a:1\", \"r.io/b:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Pulled\"},"
          "{\"image\":\"r.io/b:1\",\"state\":\"Failed\",\"message\":\"it is not there\"}]");
}

static void test_prepulls__again(void **state)
{
    struct world *world = *state;
    assert_int_equal(order(world, "[\"a\"]", NULL), 0);
    assert_int_equal(order(world, "[\"docker.io/library/a:latest\"]", NULL), 0); /* the same */
    assert_int_equal(world->count, 1);
    ends(world, -EIO, "ErrImagePull", "no");
    assert_int_equal(order(world, "[\"a\"]", NULL), 0);
    tells(world, "[\"a\"]",
          "[{\"image\":\"docker.io/library/a:latest\",\"state\":\"Pulling\",\"done\":0,"
          "\"total\":0}]");
    ends(world, 0, NULL, NULL);
    assert_int_equal(order(world, "[\"a\"]", NULL), 0);
    assert_int_equal(world->count, 1); /* its registry may have a newer one */
}

static void passes(struct world *world, int64_t ns)
{
    clock_fake_advance(&world->clock, ns);
    assert_true(loop_step(world->loop, 0) >= 0);
}

/* The first of those that are open ends for want of its registry, and is asked for again after half
 * of that time, no sooner. */
static void fails_and_waits(struct world *world, int64_t seconds)
{
    ends(world, -EIO, "RegistryUnavailable", "registry r.io: nobody answers");
    passes(world, seconds * NS_PER_S / 2 - 1);
    assert_int_equal(world->count, 0);
    passes(world, 1);
    assert_int_equal(world->count, 1);
}

/* A gateway that is started anew, a line that breaks: it goes on whoever watches. */
static void test_prepulls__goes_on_after_a_cut(void **state)
{
    struct world *world = *state;
    assert_int_equal(order(world, "[\"r.io/a:1\", \"r.io/b:1\"]", NULL), 0);
    ends(world, -EIO, "RegistryUnavailable", "registry r.io: nobody answers");
    tells(world, "[\"r.io/a:1\", \"r.io/b:1\"]", /* it is in nobody's way */
          "[{\"image\":\"r.io/a:1\",\"state\":\"Waiting\",\"message\":"
          "\"registry r.io: nobody answers\"},"
          "{\"image\":\"r.io/b:1\",\"state\":\"Pulling\",\"done\":0,\"total\":0}]");
    passes(world, 5 * NS_PER_S);
    assert_int_equal(world->count, 1); /* one after the other all the same */
    ends(world, 0, NULL, NULL);
    assert_string_equal(world->asked[0]->reference, "r.io/a:1");
    fails_and_waits(world, 2);
    fails_and_waits(world, 4);
    ends(world, 0, NULL, NULL);
    tells(world, "[\"r.io/a:1\", \"r.io/b:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Pulled\"},"
          "{\"image\":\"r.io/b:1\",\"state\":\"Pulled\"}]");
    assert_int_equal(loop_next(world->loop), INT64_MAX);
}

/* A hundred nodes that lost their registry at the same moment ask again all over a second. */
static void test_prepulls__not_all_at_once(void **state)
{
    unsigned asked[10] = {0};
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        void *node = NULL;
        assert_int_equal(setup_by(&node, seed), 0);
        struct world *world = node;
        assert_int_equal(order(world, "[\"r.io/a:1\"]", NULL), 0);
        ends(world, -EIO, "RegistryUnavailable", "registry r.io: nobody answers");
        int64_t wait = loop_next(world->loop) - clock_boot(&world->clock.clock);
        assert_in_range(wait, NS_PER_S / 2, NS_PER_S / 2 + NS_PER_S - 1);
        asked[(wait - NS_PER_S / 2) / (NS_PER_S / 10)]++;
        assert_int_equal(teardown(&node), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        assert_in_range(asked[i], 1, 25);
}

/* Not for ever; but what came meanwhile counts, if it is more than before. */
static void test_prepulls__gives_up(void **state)
{
    static const int64_t waits[] = {1,   2,   4,   8,   16,  32,  64,  128, 256, 300,
                                    300, 300, 300, 300, 300, 300, 300, 300, 300};
    struct world *world = *state;
    assert_int_equal(order(world, "[\"r.io/a:1\"]", NULL), 0);
    for (size_t i = 0; i < 3; i++)
        fails_and_waits(world, waits[i]);
    world->asked[0]->wish.progress(world->asked[0]->wish.ctx, 5, 10);
    for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
        fails_and_waits(world, waits[i]);
        world->asked[0]->wish.progress(world->asked[0]->wish.ctx, 0, 0);
        world->asked[0]->wish.progress(world->asked[0]->wish.ctx, 3, 8); /* a layer is whole */
    }
    ends(world, -EIO, "RegistryUnavailable", "nobody answers");
    passes(world, 3600 * NS_PER_S);
    assert_int_equal(world->count, 0);
    tells(world, "[\"r.io/a:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Failed\",\"message\":\"nobody answers\"}]");
}

static void test_prepulls__ordered_while_it_waits(void **state)
{
    struct world *world = *state;
    assert_int_equal(order(world, "[\"r.io/a:1\"]", NULL), 0);
    for (int64_t wait = 1; wait <= 64; wait *= 2)
        fails_and_waits(world, wait);
    ends(world, -EIO, "RegistryUnavailable", "nobody answers");
    assert_int_equal(order(world, "[\"r.io/a:1\"]", NULL), 0);
    assert_int_equal(world->count, 1);
}

/* The registry was not reached, and the image of last year is no answer. */
static void test_prepulls__a_cached_one_is_not_pulled(void **state)
{
    struct world *world = *state;
    assert_int_equal(order(world, "[\"r.io/a:1\"]", NULL), 0);
    ends(world, 0, "RegistryUnavailable", "registry r.io: nobody answers");
    assert_int_equal(world->held, 0);
    tells(world, "[\"r.io/a:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Waiting\",\"message\":"
          "\"registry r.io: nobody answers\"}]");
}

static void test_prepulls__refused(void **state)
{
    struct world *world = *state;
    static const char *const bad[] = {
        "[]",
        "{}",
        "[1]",
        "[\"\"]",
        "[\"r.io/a:1\", \"UPPER case\"]",
        "[\"r.io/a:1\", {\"image\": \"r.io/b\"}]",
        ("[\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\",\"a\","
         "\"a\",\"a\",\"a\"]"),
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err = {0};
        struct value *none = NULL;
        cleanup(value_free) struct value *list = list_of(bad[i]);
        assert_int_equal(prepulls_order(world->prepulls, list, &err), -EINVAL);
        assert_string_not_equal(err.msg, "");
        assert_int_equal(prepulls_tell(world->prepulls, list, &none, &err), -EINVAL);
    }
    assert_int_equal(prepulls_order(world->prepulls, NULL, NULL), -EINVAL);
    assert_int_equal(world->count, 0);
}

static void order_numbered(struct world *world, int from, int count, int want)
{
    for (int i = from; i < from + count; i++) {
        autofree char *text = xasprintf("[\"r.io/a:%d\"]", i);
        assert_int_equal(order(world, text, NULL), want);
    }
}

static void test_prepulls__bounds(void **state)
{
    struct world *world = *state;
    order_numbered(world, 0, PREPULLS_MAX, 0);
    order_numbered(world, PREPULLS_MAX, 1, -EBUSY);
    order_numbered(world, 0, 1, 0); /* it is known */
    ends(world, 0, NULL, NULL);
    order_numbered(world, PREPULLS_MAX, 1, 0); /* one that has ended makes room */
    tells(world, "[\"r.io/a:0\"]", "[{\"image\":\"r.io/a:0\",\"state\":\"Unknown\"}]");
    order_numbered(world, PREPULLS_MAX + 1, 1, -EBUSY);
    assert_int_equal(world->count, 1);
}

/* What has ended and is ordered again needs no other's room, and gives none. */
static void test_prepulls__bounds_of_those_that_come_again(void **state)
{
    struct world *world = *state;
    cleanup(buf_done) struct buf both = {0};
    order_numbered(world, 0, PREPULLS_MAX, 0);
    for (int i = 0; i < PREPULLS_MAX; i++)
        ends(world, 0, NULL, NULL);
    (void)buf_addstr(&both, "[");
    for (int i = 0; i < 8; i++) /* the oldest, and new ones, one of them twice */
        (void)buf_addf(&both, "\"r.io/a:%d\",\"r.io/b:%d\",", i, i < 7 ? i : 0);
    both.data[both.len - 1] = ']';
    assert_int_equal(order(world, buf_str(&both), NULL), 0);
    size_t known = 0;
    for (int i = 0; i < PREPULLS_MAX + 8; i++) {
        cleanup(value_free) struct value *list = value_new_list(), *got = NULL;
        autofree char *text =
            xasprintf("r.io/%s:%d", i < PREPULLS_MAX ? "a" : "b", i % PREPULLS_MAX);
        value_append(list, value_new_str(text));
        assert_int_equal(prepulls_tell(world->prepulls, list, &got, NULL), 0);
        const struct value *item = value_at(value_get(got, "images"), 0);
        known += !str_eq(value_get_str(item, "state"), "Unknown");
    }
    assert_int_equal(known, PREPULLS_MAX);
    tells(world, "[\"r.io/a:14\", \"r.io/a:15\"]",
          "[{\"image\":\"r.io/a:14\",\"state\":\"Unknown\"},"
          "{\"image\":\"r.io/a:15\",\"state\":\"Pulled\"}]");
}

/* An order that is refused takes nothing away. */
static void test_prepulls__refused_order_forgets_nothing(void **state)
{
    struct world *world = *state;
    order_numbered(world, 0, PREPULLS_MAX, 0);
    ends(world, 0, NULL, NULL);
    assert_int_equal(order(world, "[\"r.io/b:1\", \"r.io/b:2\"]", NULL), -EBUSY);
    tells(world, "[\"r.io/a:0\"]", "[{\"image\":\"r.io/a:0\",\"state\":\"Pulled\"}]");
    assert_int_equal(order(world, "[\"r.io/b:1\", \"r.io/b:1\"]", NULL), 0);
}

/* While the disk is short, pods would be ended for what nobody needs yet. */
static void test_prepulls__held(void **state)
{
    struct world *world = *state;
    struct err err = {0};
    assert_int_equal(order(world, "[\"r.io/a:1\", \"r.io/b:1\", \"r.io/c:1\"]", NULL), 0);
    ends(world, 0, NULL, NULL);
    prepulls_hold(world->prepulls, "no room");
    assert_int_equal(world->count, 0);
    tells(world, "[\"r.io/a:1\", \"r.io/b:1\", \"r.io/c:1\"]",
          "[{\"image\":\"r.io/a:1\",\"state\":\"Pulled\"},"
          "{\"image\":\"r.io/b:1\",\"state\":\"Failed\",\"message\":\"no room\"},"
          "{\"image\":\"r.io/c:1\",\"state\":\"Failed\",\"message\":\"no room\"}]");
    assert_int_equal(order(world, "[\"r.io/b:1\"]", &err), -ENOSPC);
    assert_string_equal(err.msg, "no room");
    prepulls_hold(world->prepulls, NULL);
    assert_int_equal(world->count, 0); /* whoever wants it orders it again */
    assert_int_equal(order(world, "[\"r.io/b:1\"]", NULL), 0);
    assert_int_equal(world->count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_prepulls__one_after_the_other, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__goes_on_after_a_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__gives_up, setup, teardown),
        cmocka_unit_test(test_prepulls__not_all_at_once),
        cmocka_unit_test_setup_teardown(test_prepulls__ordered_while_it_waits, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__a_cached_one_is_not_pulled, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__refused, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__held, setup, teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__bounds_of_those_that_come_again, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_prepulls__refused_order_forgets_nothing, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("prepulls", tests, NULL, NULL);
}
