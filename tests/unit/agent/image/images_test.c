#include "agent/image/images.h"

#include "agent/image/credentials.h"
#include "agent/image/image_store.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define DIFF_ID "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define ANSWERS_MAX 8

struct fixture;

/* The answer to one request: they come in any order, and stand in that of the requests. */
struct answer {
    struct fixture *fixture;
    int code;
    char reason[64], message[256];
    struct image *image;
};

/* limpet-fetch is a script here; what it was started for stands in <root>/jobs. */
struct fixture {
    char root[64];
    char *script;
    struct loop *loop;
    struct images *images;
    struct answer answers[ANSWERS_MAX];
    int count, wanted;
    int64_t progress;
    const struct credentials *credentials; /* of the next wish */
    char *registries;
};

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->root, sizeof(f->root), "/tmp/limpet-images-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    f->script = xasprintf("%s/fetch", f->root);
    assert_int_equal(loop_new(clock_system(), &f->loop, NULL), 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    if (f->images)
        f->images->free(f->images);
    loop_free(f->loop);
    struct disk *disk = disk_posix();
    int rc = disk->remove_tree(disk, f->root, NULL);
    free(f->script);
    free(f);
    return rc;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    autoclose int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void begin(struct fixture *f, const char *commands)
{
    autofree char *text = xasprintf(
        "#!/bin/sh\ncd %s\ncat >job.$$\necho >>job.$$\ncat job.$$ >>jobs\n%s\n", f->root, commands);
    write_file(f->script, text, 0755);
    const struct images_spec spec = {
        .root = f->root, .fetch_path = f->script, .registries_file = f->registries};
    assert_int_equal(images_new(f->loop, &spec, &f->images, NULL), 0);
}

static int jobs(struct fixture *f)
{
    autofree char *path = xasprintf("%s/jobs", f->root);
    cleanup(buf_done) struct buf text = {0};
    struct disk *disk = disk_posix();
    int lines = 0;
    if (disk->read(disk, path, 65536, &text, NULL) == 0)
        for (size_t i = 0; i < text.len; i++)
            lines += text.data[i] == '\n';
    return lines;
}

/* An image that is on the node. */
static void install(struct fixture *f, const char *reference)
{
    struct reference ref;
    struct image_store *store = NULL;
    struct image_store_dir dir;
    cleanup(blob_done) struct blob manifest, config;
    blob_init(&manifest);
    blob_init(&config);
    assert_int_equal(reference_parse(reference, &ref, NULL), 0);
    assert_int_equal(image_store_open(f->root, &store, NULL), 0);
    (void)buf_addstr(&config.text, "{\"rootfs\":{\"diff_ids\":[\"" DIFF_ID
                                   "\"]},\"config\":{\"User\":\"app\",\"Cmd\":[\"/x\"]}}");
    memcpy(config.digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    sha256_hex(config.text.data, config.text.len, config.digest + strlen(DIGEST_PREFIX));
    (void)buf_addf(&manifest.text,
                   "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":1},\"layers\":[{"
                   "\"mediaType\":\"application/vnd.oci.image.layer.v1.tar\",\"digest\":\"" DIFF_ID
                   "\",\"size\":1}]}",
                   config.digest);
    memcpy(manifest.digest, DIGEST_PREFIX, strlen(DIGEST_PREFIX));
    sha256_hex(manifest.text.data, manifest.text.len, manifest.digest + strlen(DIGEST_PREFIX));
    assert_int_equal(image_store_dir_new(store, &dir, NULL), 0);
    assert_int_equal(image_store_add_layer(store, &dir, DIFF_ID, 1, 1, NULL), 0);
    close(dir.fd);
    assert_int_equal(image_store_put(store, &ref, &manifest, &config, NULL), 0);
    image_store_free(store);
}

static void done(void *ctx, int code, struct image *image, const char *reason, const char *message)
{
    struct answer *a = ctx;
    struct fixture *f = a->fixture;
    f->count++;
    a->code = code;
    a->image = image;
    snprintf(a->reason, sizeof(a->reason), "%s", reason ? reason : "");
    snprintf(a->message, sizeof(a->message), "%s", message ? message : "");
    if (f->count == f->wanted)
        loop_stop(f->loop, 0);
}

static void progress(void *ctx, int64_t bytes, int64_t total)
{
    const struct answer *a = ctx;
    if (total > 0)
        assert_int_equal(total, 9);
    a->fixture->progress = bytes;
}

static struct image_request *want(struct fixture *f, const char *ref, enum image_pull_policy policy)
{
    struct image_request *request = NULL;
    struct answer *answer = &f->answers[f->wanted++];
    answer->fixture = f;
    const struct image_wish wish = {.reference = ref,
                                    .policy = policy,
                                    .credentials = f->credentials,
                                    .done = done,
                                    .progress = progress,
                                    .ctx = answer};
    assert_int_equal(f->images->ensure(f->images, &wish, &request, NULL), 0);
    return request;
}

static void too_long(void *ctx)
{
    (void)ctx;
    fail_msg("no answer within 20 s");
}

static void run(struct fixture *f)
{
    struct loop_timer *timer = loop_timer_new(f->loop, too_long, f);
    loop_timer_after(timer, 20 * NS_PER_S);
    assert_int_equal(loop_run(f->loop), 0);
    loop_timer_free(timer);
}

static void release_all(struct fixture *f)
{
    for (int i = 0; i < f->wanted; i++)
        if (f->answers[i].image)
            f->images->release(f->images, f->answers[i].image);
}

static void test_images__present(void **state)
{
    struct fixture *f = *state;
    install(f, "reg.local/web:2");
    begin(f, "exit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_IF_NOT_PRESENT);
    want(f, "reg.local/web:2", IMAGE_PULL_NEVER);
    assert_int_equal(f->count, 0); /* never from within ensure */
    run(f);
    struct image *image = f->answers[0].image;
    assert_int_equal(f->answers[0].code, 0);
    assert_ptr_equal(image, f->answers[1].image);
    assert_string_equal(image->user, "app");
    assert_string_equal(image->cmd[0], "/x");
    assert_null(image->layers[1]);
    f->images->ref(f->images, image);
    release_all(f);
    assert_string_equal(image->user, "app");
    f->images->release(f->images, image);
    assert_int_equal(jobs(f), 0);
}

static void test_images__never(void **state)
{
    struct fixture *f = *state;
    begin(f, "exit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_NEVER);
    run(f);
    assert_string_equal(f->answers[0].reason, "ErrImageNeverPull");
    assert_non_null(strstr(f->answers[0].message, "reg.local/web:2"));
    assert_int_equal(jobs(f), 0);
}

static void test_images__invalid(void **state)
{
    struct fixture *f = *state;
    struct image_request *request = NULL;
    struct err err = {0};
    begin(f, "exit 1");
    const struct image_wish wish = {
        .reference = "Web:1", .policy = IMAGE_PULL_ALWAYS, .done = done, .ctx = f};
    assert_int_equal(f->images->ensure(f->images, &wish, &request, &err), -EINVAL);
    assert_non_null(strstr(err.msg, "Web:1"));
}

static void test_images__join(void **state)
{
    struct fixture *f = *state;
    begin(f, "echo '{\"done\":4,\"total\":9}'\nsleep 0.2\n"
             "echo '{\"error\":\"layer 1/1: no\",\"reason\":\"ErrImagePull\"}'\nexit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_IF_NOT_PRESENT);
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    want(f, "reg.local/other:2", IMAGE_PULL_ALWAYS);
    run(f);
    for (int i = 0; i < 3; i++) {
        assert_true(f->answers[i].code < 0);
        assert_string_equal(f->answers[i].reason, "ErrImagePull");
        assert_string_equal(f->answers[i].message, "layer 1/1: no");
    }
    assert_int_equal(f->progress, 4);
    assert_int_equal(jobs(f), 2);
}

/* A pull under way is joined by those alone who could have begun it. */
static void test_images__join_as_whom(void **state)
{
    struct fixture *f = *state;
    struct credential items[] = {{"reg.local", "u", "hunter2"}};
    const struct credentials mine = {items, 1};
    begin(f, "sleep 0.2\necho '{\"error\":\"no\",\"reason\":\"ErrImagePull\"}'\nexit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    f->credentials = &mine;
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_int_equal(jobs(f), 2);
    autofree char *path = xasprintf("%s/jobs", f->root);
    cleanup(buf_done) struct buf text = {0};
    assert_int_equal(disk_posix()->read(disk_posix(), path, 65536, &text, NULL), 0);
    assert_non_null(
        strstr(buf_str(&text), "\"auth\":[{\"username\":\"u\",\"password\":\"hunter2\"}]"));
}

/* What is wrong with the node's file is told in the pod's words; mended, it needs no restart. */
static void test_images__registries_file(void **state)
{
    struct fixture *f = *state;
    f->registries = xasprintf("%s/registries.yaml", f->root);
    write_file(f->registries, "mirors: {}\n", 0600);
    begin(f, "echo '{\"error\":\"no\",\"reason\":\"ErrImagePull\"}'\nexit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_string_equal(f->answers[0].reason, "ErrImagePull");
    assert_non_null(strstr(f->answers[0].message, "registries.yaml:1: mirors: unknown key"));
    assert_int_equal(jobs(f), 0);
    write_file(f->registries, "mirrors: {reg.local: {endpoint: ['https://m.local']}}\n", 0600);
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_string_equal(f->answers[1].message, "no");
    assert_int_equal(jobs(f), 1);
    free(f->registries);
}

static void test_images__cached_when_offline(void **state)
{
    struct fixture *f = *state;
    install(f, "reg.local/web:2");
    begin(f, "echo '{\"error\":\"down\",\"reason\":\"RegistryUnavailable\"}'\nexit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    want(f, "reg.local/none:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_int_equal(f->answers[0].code, 0);
    assert_string_equal(f->answers[1].reason, "RegistryUnavailable");
    assert_int_equal(jobs(f), 2);
    release_all(f);
}

/* A registry that says no is believed, whatever is cached. */
static void test_images__denied(void **state)
{
    struct fixture *f = *state;
    install(f, "reg.local/web:2");
    begin(f, "echo '{\"error\":\"denied\",\"reason\":\"ErrImagePull\"}'\nexit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_string_equal(f->answers[0].reason, "ErrImagePull");
}

static void test_images__killed_fetch(void **state)
{
    struct fixture *f = *state;
    begin(f, "echo 'this is no JSON'\nkill -9 $$");
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_string_equal(f->answers[0].reason, "ErrImagePull");
    assert_non_null(strstr(f->answers[0].message, "SIGKILL"));
}

static void test_images__no_program(void **state)
{
    struct fixture *f = *state;
    begin(f, "");
    assert_int_equal(unlink(f->script), 0);
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_string_equal(f->answers[0].reason, "ErrImagePull");
    assert_non_null(strstr(f->answers[0].message, "fetch"));
}

/* Says it worked, but the image is not there. */
static void test_images__liar(void **state)
{
    struct fixture *f = *state;
    begin(f, "echo '{\"images\":[\"reg.local/web:2\"]}'");
    want(f, "reg.local/web:2", IMAGE_PULL_ALWAYS);
    run(f);
    assert_string_equal(f->answers[0].reason, "ImageInspectError");
}

/* The process of the fetch, once it has said so in the file "pid". */
static pid_t await_fetch(struct fixture *f)
{
    autofree char *path = xasprintf("%s/pid", f->root);
    struct stat st = {0};
    for (int i = 0; i < 1000 && st.st_size == 0; i++) {
        assert_int_equal(loop_step(f->loop, 10 * NS_PER_MS), 0);
        (void)!stat(path, &st);
    }
    cleanup(buf_done) struct buf text = {0};
    struct disk *disk = disk_posix();
    assert_int_equal(disk->read(disk, path, 32, &text, NULL), 0);
    return atoi(text.data);
}

/* Within 10 s, and nobody is left to reap. */
static void expect_reaped(struct fixture *f, pid_t pid)
{
    for (int i = 0; i < 1000 && kill(pid, 0) == 0; i++)
        assert_int_equal(loop_step(f->loop, 10 * NS_PER_MS), 0);
    assert_int_equal(kill(pid, 0), -1);
}

static void test_images__cancel(void **state)
{
    struct fixture *f = *state;
    begin(f, "echo $$ >pid\nexec sleep 60");
    struct image_request *early = want(f, "reg.local/a:1", IMAGE_PULL_ALWAYS);
    f->images->cancel(f->images, early); /* before it began */
    struct image_request *one = want(f, "reg.local/a:1", IMAGE_PULL_ALWAYS);
    struct image_request *two = want(f, "reg.local/a:1", IMAGE_PULL_ALWAYS);
    pid_t pid = await_fetch(f);
    f->images->cancel(f->images, one);
    assert_int_equal(loop_step(f->loop, 100 * NS_PER_MS), 0);
    assert_int_equal(kill(pid, 0), 0); /* the other one still wants it */
    f->images->cancel(f->images, two);
    expect_reaped(f, pid);
    assert_int_equal(f->count, 0);
}

/* A process that traces another keeps what was killed from ending, as a medium does that does not
 * answer. Returns it once it has hold; -1: that is not allowed here. */
static pid_t hold_on_to(pid_t pid)
{
    int told[2];
    char byte;
    assert_int_equal(pipe2(told, O_CLOEXEC), 0);
    pid_t tracer = fork();
    if (tracer == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) < 0 || write(told[1], "!", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(told[1]);
    ssize_t n = read(told[0], &byte, 1);
    close(told[0]);
    if (n == 1)
        return tracer;
    assert_int_equal(waitpid(tracer, NULL, 0), tracer);
    return -1;
}

static void test_images__cancel_does_not_wait(void **state)
{
    struct fixture *f = *state;
    begin(f, "echo $$ >pid\nexec sleep 60");
    struct image_request *request = want(f, "reg.local/a:1", IMAGE_PULL_ALWAYS);
    pid_t pid = await_fetch(f), tracer = hold_on_to(pid);
    if (tracer < 0) {
        print_message("this machine lets nobody trace: nothing is shown\n");
        skip();
    }
    alarm(20); /* what blocks is the whole program */
    f->images->cancel(f->images, request);
    for (int i = 0; i < 5; i++)
        assert_int_equal(loop_step(f->loop, 10 * NS_PER_MS), 0);
    assert_int_equal(kill(pid, 0), 0); /* it has not ended, and we go on */
    alarm(0);
    kill(tracer, SIGKILL);
    assert_int_equal(waitpid(tracer, NULL, 0), tracer);
    expect_reaped(f, pid);
}

/* Archives in the folder are loaded before anything is pulled; one that fails is not tried again.
 */
static void test_images__archives(void **state)
{
    struct fixture *f = *state;
    autofree char *path = xasprintf("%s/broken.tar", f->root);
    write_file(path, "x", 0600);
    begin(f, "echo '{\"error\":\"no\",\"reason\":\"ErrImagePull\"}'\nexit 1");
    want(f, "reg.local/web:2", IMAGE_PULL_NEVER);
    run(f);
    assert_string_equal(f->answers[0].reason, "ErrImageNeverPull");
    assert_int_equal(jobs(f), 1);
    want(f, "reg.local/web:2", IMAGE_PULL_NEVER);
    run(f);
    assert_int_equal(jobs(f), 1);
    write_file(path, "xy", 0600); /* another file now */
    want(f, "reg.local/web:2", IMAGE_PULL_NEVER);
    run(f);
    assert_int_equal(jobs(f), 2);
}

static int nothing_in_use(void *ctx, struct map *layers, struct err *err)
{
    (void)ctx;
    (void)layers;
    (void)err;
    return 0;
}

static size_t prune(struct fixture *f)
{
    struct image_store *store = NULL;
    struct image_store_wanted wanted = {map_new(), nothing_in_use, NULL};
    struct image_store_freed freed = {0};
    assert_int_equal(image_store_open(f->root, &store, NULL), 0);
    assert_int_equal(image_store_remove_unused(store, &wanted, &freed, NULL), 0);
    size_t removed = map_len(freed.images);
    map_free(wanted.references, NULL);
    map_free(freed.images, NULL);
    image_store_free(store);
    return removed;
}

/* An image that was given out stays until it was given back. */
static void test_images__held(void **state)
{
    struct fixture *f = *state;
    install(f, "reg.local/web:1");
    begin(f, "exit 1");
    want(f, "reg.local/web:1", IMAGE_PULL_NEVER);
    want(f, "reg.local/web:1", IMAGE_PULL_NEVER);
    run(f);
    assert_int_equal(prune(f), 0);
    f->images->release(f->images, f->answers[0].image);
    assert_int_equal(prune(f), 0);
    f->images->release(f->images, f->answers[1].image);
    assert_int_equal(prune(f), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_images__present, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__never, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__invalid, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__join, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__join_as_whom, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__registries_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__cached_when_offline, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__denied, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__killed_fetch, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__no_program, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__liar, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__cancel, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__cancel_does_not_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__archives, setup, teardown),
        cmocka_unit_test_setup_teardown(test_images__held, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
