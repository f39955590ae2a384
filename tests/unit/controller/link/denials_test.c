/* Who loses his rights at the broker: the test is the broker, the API is a real one. */

#include "controller/link/denials.h"

#include "common/base/log.h"
#include "common/base/str.h"
#include "../reconcile/world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct world world;
    struct denials *denials;
    char list[256];
    int sets, errors;
    const char *broken; /* why */
};

static int set(void *ctx, const char *const *names, size_t count, struct err *err)
{
    struct fixture *f = ctx;
    f->sets++;
    if (f->broken)
        return err_set(err, -EIO, "%s", f->broken);
    *f->list = '\0';
    for (size_t i = 0; i < count; i++)
        snprintf(f->list + strlen(f->list), sizeof(f->list) - strlen(f->list), "%s%s", i ? " " : "",
                 names[i]);
    return 0;
}

static void start(struct fixture *f)
{
    assert_int_equal(denials_new(f->world.loop, f->world.api, set, f, &f->denials, &f->world.err),
                     0);
    world_turn(&f->world);
}

static void user(struct fixture *f, const char *name, bool disabled)
{
    char json[300];
    snprintf(json, sizeof(json),
             "{'apiVersion':'limpet.io/v1','kind':'User','metadata':{'name':'%s'},'spec':{"
             "'disabled':%s}}",
             name, disabled ? "true" : "false");
    world_create(&f->world, json, 201);
    world_turn(&f->world);
}

static void test_denials__as_users_are(void **state)
{
    struct fixture f = {0};
    (void)state;
    world_init(&f.world);
    user(&f, "eve", true);
    user(&f, "jane", false);
    snprintf(f.list, sizeof(f.list), "somebody of an earlier gateway");
    start(&f);
    assert_string_equal(f.list, "eve");
    assert_int_equal(f.sets, 1);
    user(&f, "mallory", true);
    assert_string_equal(f.list, "eve mallory");
    user(&f, "john", false);
    assert_int_equal(f.sets, 2); /* nothing for what changes nothing */
    /* One that is deleted stays until its certificates are over, and may as little. */
    world_delete(&f.world, "User", "", "jane");
    world_turn(&f.world);
    assert_string_equal(f.list, "eve mallory jane");

    /* What could not be set is tried until it is. */
    f.broken = "the disk is full";
    user(&f, "oscar", true);
    world_pass(&f.world, 11 * NS_PER_S);
    assert_in_range(f.sets, 5, 7);
    assert_string_equal(f.list, "eve mallory jane");
    f.broken = NULL;
    world_pass(&f.world, 6 * NS_PER_S);
    assert_string_equal(f.list, "eve mallory jane oscar");
    denials_free(f.denials);
    world_done(&f.world);
}

static void count_errors(void *ctx, enum log_level level, const char *line)
{
    struct fixture *f = ctx;
    (void)line;
    f->errors += level == LOG_LEVEL_ERROR;
}

/* A list that cannot be set for hours is no line a minute. */
static void test_denials__is_told_once(void **state)
{
    struct fixture f = {.broken = "the disk is full"};
    (void)state;
    world_init(&f.world);
    log_set_sink(count_errors, &f);
    user(&f, "eve", true);
    start(&f);
    world_pass(&f.world, 600 * NS_PER_S);
    assert_true(f.sets > 5);
    assert_int_equal(f.errors, 1);
    f.broken = "the disk is gone";
    world_pass(&f.world, 600 * NS_PER_S);
    assert_int_equal(f.errors, 2);
    f.broken = NULL;
    world_pass(&f.world, 600 * NS_PER_S);
    assert_string_equal(f.list, "eve");
    f.broken = "the disk is gone";
    user(&f, "mallory", true);
    assert_int_equal(f.errors, 3);
    log_set_sink(NULL, NULL);
    denials_free(f.denials);
    world_done(&f.world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_denials__as_users_are),
                                       cmocka_unit_test(test_denials__is_told_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
