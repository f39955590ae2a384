#include "agent/volume/image.h"

#include "agent/volume/volume.h"
#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define LAYERS 300

struct world {
    char dir[64];
    char *layers[3]; /* folders, on another file system than the pod's */
    const char *chosen[LAYERS + 1];
    struct volume_source source;
    struct volume_spec spec;
    struct volume *list;
    size_t count;
    struct err err;
};

static const char *const *find_layers(void *ctx, const char *volume)
{
    struct world *world = ctx;
    assert_string_equal(volume, "v");
    return world->chosen[0] ? world->chosen : NULL;
}

static void write_file(const char *dir, const char *name, const char *text)
{
    autofree char *path = xasprintf("%s/%s", dir, name);
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static int setup(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    snprintf(world->dir, sizeof(world->dir), "/tmp/limpet-image-XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    if (geteuid() == 0) /* what is mounted goes with the test */
        assert_int_equal(unshare(CLONE_NEWNS) | mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) |
                             mount("x", world->dir, "tmpfs", 0, NULL),
                         0);
    for (size_t i = 0; i < ARRAY_LEN(world->layers); i++) {
        world->layers[i] = xasprintf("%s/%zu", world->dir, i);
        autofree char *text = xasprintf("%zu", i);
        assert_int_equal(mkdir(world->layers[i], 0755), 0);
        write_file(world->layers[i], "top", text);
        write_file(world->layers[i], text, "here");
    }
    world->source = (struct volume_source){.layers = find_layers, .ctx = world};
    world->spec = (struct volume_spec){.disk_dir = "/nowhere",
                                       .tmp_dir = world->dir,
                                       .source = &world->source,
                                       .fs_group = 1234,
                                       .user = -1};
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    volumes_free(world->list, world->count);
    (void)umount2(world->dir, MNT_DETACH);
    assert_int_equal(path_remove_tree(tmp, strrchr(world->dir, '/') + 1), 0);
    for (size_t i = 0; i < ARRAY_LEN(world->layers); i++)
        free(world->layers[i]);
    free(world);
    return 0;
}

static int prepare(struct world *world)
{
    static const char text[] = "[{\"name\":\"v\",\"image\":{\"reference\":\"x\"}}]";
    cleanup(value_free) struct value *v = NULL;
    volumes_free(world->list, world->count);
    world->list = NULL;
    world->count = 0;
    world->err = (struct err){0};
    assert_int_equal(json_parse(text, strlen(text), &v, &world->err), 0);
    return volumes_prepare(&world->spec, v, &world->list, &world->count, &world->err);
}

/* The content of a file of the volume; "-": it is not there. */
static void expect(const struct world *world, const char *name, const char *content)
{
    autofree char *path = xasprintf("%s/%s", world->list[0].host_path, name);
    char text[16] = "-";
    autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0)
        text[read(fd, text, sizeof(text) - 1)] = '\0';
    assert_string_equal(text, content);
}

static void add_line(void *ctx, const char *path)
{
    assert_int_equal(buf_addf(ctx, "%s;", path), 0);
}

static char *noted(const struct world *world)
{
    autofree char *dir = xasprintf("%s/" VOLUME_IMAGES, world->dir);
    cleanup(buf_done) struct buf lines;
    struct err err = {0};
    buf_init(&lines, 0);
    int rc = volume_image_layers(dir, add_line, &lines, &err);
    return rc < 0 ? xasprintf("%d", rc) : xstrdup(buf_str(&lines));
}

static void test_image__layers(void **state)
{
    struct world *world = *state;
    struct statvfs fs;
    if (geteuid() != 0)
        skip();
    autofree char *none = noted(world);
    autofree char *want = xasprintf("%d", -ENOENT);
    assert_string_equal(none, want);
    assert_int_equal(prepare(world), -ENOENT);
    assert_non_null(strstr(world->err.msg, "its image is not here"));
    world->chosen[0] = world->layers[0];
    assert_int_equal(prepare(world), 0); /* of one */
    expect(world, "top", "0");
    world->chosen[1] = world->layers[1];
    world->chosen[2] = world->layers[2];
    assert_int_equal(prepare(world), 0); /* another image than that of the last try */
    expect(world, "top", "2");
    expect(world, "0", "here");
    expect(world, "1", "here");
    assert_true(world->list[0].read_only);
    assert_int_equal(statvfs(world->list[0].host_path, &fs), 0);
    assert_int_equal(fs.f_flag & (ST_RDONLY | ST_NOEXEC | ST_NOSUID | ST_NODEV),
                     ST_RDONLY | ST_NOEXEC | ST_NOSUID | ST_NODEV);
    autofree char *lines = noted(world);
    autofree char *all =
        xasprintf("%s;%s;%s;", world->layers[0], world->layers[1], world->layers[2]);
    assert_string_equal(lines, all);
    world->chosen[0] = NULL; /* an agent that found the pod running */
    assert_int_equal(prepare(world), 0);
    expect(world, "top", "2");
    volumes_remove(&world->spec);
    assert_int_equal(access(world->list[0].host_path, F_OK), -1);
    assert_int_equal(access(world->layers[0], F_OK), 0);
}

static void test_image__too_many_layers(void **state)
{
    struct world *world = *state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < LAYERS; i++)
        world->chosen[i] = world->layers[i % ARRAY_LEN(world->layers)];
    assert_int_equal(prepare(world), -E2BIG);
    world->chosen[1] = "/no/such/layer";
    assert_int_equal(prepare(world), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_image__layers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_image__too_many_layers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
