/* Large volumes are given to their pods beside everything else. The processes are real; each waits
 * at a gate until the test lets it in. */

#include "agent/volume/giver.h"

#include "agent/volume/volume.h"
#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "common/fs/path.h"
#include "tests/lib/await.h"
#include "tests/sim/fake/clock_fake.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define GROUP 4711
#define FILES (2 * VOLUME_AT_ONCE)
#define NUMB "numb"
#define BUSY "busy"
#define SLOW "slow"

struct fixture {
    char dir[64];
    struct clock_fake clock; /* of one test */
    struct loop *loop;
    struct giver *giver;
    size_t done, ticks;
    struct loop_timer *timer;
};

/* In the process. */
static int at_the_gate(const struct gift *gift, size_t *left, struct err *err)
{
    if (strstr(gift->path, SLOW))
        *left -= 5;
    autofree char *gate = xasprintf("%s.gate", gift->path);
    int fd = open(gate, O_RDONLY | O_CLOEXEC); /* until somebody opens the other end */
    if (fd < 0)
        return err_errno(err, errno, "gate");
    close(fd);
    if (strstr(gift->path, NUMB)) /* a file system that keeps nothing, and says that all is well */
        return 0;
    if (strstr(gift->path, BUSY))
        return err_errno(err, EAGAIN, "%s", gift->path);
    return gift_give(gift, left, err);
}

static void open_gate(const char *path)
{
    autofree char *gate = xasprintf("%s.gate", path);
    int fd = -1;
    AWAIT((fd = open(gate, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0, usleep(1000));
    close(fd);
}

static void on_done(void *ctx)
{
    ((struct fixture *)ctx)->done++;
}

static void on_tick(void *ctx)
{
    struct fixture *f = ctx;
    f->ticks++;
    loop_timer_after(f->timer, 1 * NS_PER_MS);
}

static void setup_loop(struct fixture *f, const struct clock *clock)
{
    struct err err = {0};
    assert_int_equal(loop_new(clock, &f->loop, &err), 0);
    f->giver = giver_new(f->loop, at_the_gate, on_done, f);
    f->timer = loop_timer_new(f->loop, on_tick, f);
}

static void teardown_loop(struct fixture *f)
{
    giver_free(f->giver);
    loop_timer_free(f->timer);
    loop_free(f->loop);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-giver-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    setup_loop(f, clock_system());
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    teardown_loop(f);
    while (waitpid(-1, NULL, 0) > 0) /* those that were ended */
        ;
    autoclose int tmp = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(path_remove_tree(tmp, strrchr(f->dir, '/') + 1), 0);
    free(f);
    return 0;
}

/* A folder of that name with a gate before it. Caller frees. */
static char *make(const struct fixture *f, const char *name, size_t files)
{
    char *path = xasprintf("%s/%s", f->dir, name);
    autofree char *gate = xasprintf("%s.gate", path);
    assert_int_equal(mkfifo(gate, 0600), 0);
    assert_int_equal(mkdir(path, 0755), 0);
    for (size_t i = 0; i < files; i++) {
        autofree char *file = xasprintf("%s/%zu", path, i);
        close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    }
    return path;
}

static size_t given(const char *path, size_t files)
{
    size_t count = 0;
    for (size_t i = 0; i < files; i++) {
        struct stat st;
        autofree char *file = xasprintf("%s/%zu", path, i);
        assert_int_equal(stat(file, &st), 0);
        count += st.st_gid == GROUP && (st.st_mode & 07777) == 0660;
    }
    return count;
}

static bool top_is_given(const char *path)
{
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    return st.st_gid == GROUP && (st.st_mode & 07777) == 02775;
}

static struct gift gift_of(const char *path)
{
    return (struct gift){.path = path, .group = GROUP, .write = true, .part = FS_GROUP_LASTING};
}

static int ask(struct fixture *f, const char *uid, const char *ns, const struct gift *gift,
               struct err *err)
{
    const struct giver_pod pod = {uid, ns};
    return giver_give(f->giver, &pod, gift, err);
}

static void expect(struct fixture *f, const char *path, int want)
{
    struct err err = {0};
    const struct gift gift = gift_of(path);
    assert_int_equal(ask(f, "pod", "default", &gift, &err), want);
}

/* The process is let in, and ends. */
static void finish(struct fixture *f, const char *path)
{
    size_t done = f->done + 1;
    open_gate(path);
    AWAIT(f->done == done, await_turn(f->loop));
}

/* The process that was begun last; 0: none runs. */
static pid_t child(void)
{
    autofree char *path = xasprintf("/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "re");
    int pid = 0, next;
    assert_non_null(file);
    while (fscanf(file, "%d", &next) == 1)
        pid = next;
    fclose(file);
    return pid;
}

static void test_giver__nothing_waits(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    autofree char *path = make(f, "claim", FILES);
    expect(f, path, -EINPROGRESS);
    loop_timer_after(f->timer, 0);
    AWAIT(f->ticks > 3, await_turn(f->loop));
    assert_int_equal(f->done, 0);
    assert_int_equal(given(path, FILES), 0);
    pid_t pid = child();
    expect(f, path, -EINPROGRESS); /* and no second process */
    assert_int_equal(child(), pid);
    open_gate(path);
    AWAIT(f->done == 1, await_turn(f->loop));
    assert_int_equal(given(path, FILES), FILES);
    assert_true(top_is_given(path));
}

/* Nothing that was done counts. */
static void test_giver__killed(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    autofree char *path = make(f, "claim", FILES);
    expect(f, path, -EINPROGRESS);
    assert_int_equal(kill(child(), SIGKILL), 0);
    AWAIT(f->done == 1, await_turn(f->loop));
    assert_false(top_is_given(path));
    expect(f, path, -EINTR);
    expect(f, path, -EINPROGRESS);
    open_gate(path);
    AWAIT(f->done == 2, await_turn(f->loop));
    assert_true(top_is_given(path));
}

static void test_giver__failure_is_told_once(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    autofree char *path = make(f, "claim", 0);
    const struct gift gift = {
        .path = path, .group = GROUP, .part = FS_GROUP_LASTING, .write = true};
    expect(f, path, -EINPROGRESS);
    assert_int_equal(rmdir(path), 0);
    open_gate(path);
    AWAIT(f->done == 1, await_turn(f->loop));
    assert_int_equal(ask(f, "pod", "default", &gift, &err), -ENOENT);
    assert_string_equal(err.msg, "fsGroup 4711: No such file or directory");
    expect(f, path, -EINPROGRESS);
}

/* A pod would be taken for one that waits for its token, of which nothing is told. */
static void test_giver__failure_is_plain(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    autofree char *path = make(f, BUSY, 0);
    const struct gift gift = gift_of(path);
    expect(f, path, -EINPROGRESS);
    finish(f, path);
    assert_int_equal(ask(f, "pod", "default", &gift, &err), -EIO);
    assert_non_null(strstr(err.msg, strerror(EAGAIN)));
}

/* No more processes may be made. */
static void test_giver__no_process(void **state)
{
    struct fixture *f = *state;
    const struct rlimit none = {0, 0};
    int status;
    if (geteuid() != 0)
        skip();
    autofree char *path = make(f, "claim", 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct err err = {0};
        const struct gift gift = gift_of(path);
        if (setrlimit(RLIMIT_NPROC, &none) < 0 || setuid(65534) < 0)
            _exit(2);
        _exit(ask(f, "pod", "default", &gift, &err) != -EIO);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static size_t open_files(void)
{
    size_t count = 0;
    for (int fd = 0; fd < 256; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* Each that waited hears of it, and nobody who comes afterwards; nothing of it stays. */
static void test_giver__failure_is_for_who_waits(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    autofree char *path = make(f, "claim", 0);
    const struct gift gift = gift_of(path);
    size_t files = open_files();
    static const char *const waiting[] = {"pod", "other", "deleted"};
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        assert_int_equal(ask(f, waiting[i], "default", &gift, &err), -EINPROGRESS);
    assert_int_equal(rmdir(path), 0);
    finish(f, path);
    assert_int_equal(open_files(), files);
    giver_forget(f->giver, "deleted");
    assert_int_equal(ask(f, "other", "default", &gift, &err), -ENOENT);
    assert_int_equal(ask(f, "pod", "default", &gift, &err), -ENOENT);
    assert_int_equal(ask(f, "later", "default", &gift, &err), -EINPROGRESS);
    giver_forget(f->giver, "later"); /* before it fails */
    finish(f, path);
    assert_int_equal(open_files(), files);
    assert_int_equal(ask(f, "later", "default", &gift, &err), -EINPROGRESS);
}

/* Two pods that want other groups, and two claims: each gets each of them once, though it finds
 * the other's group on what it was given first. */
static void test_giver__none_takes_turns(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    if (geteuid() != 0)
        skip();
    static const char *const pods[] = {"a", "b"};
    autofree char *first = make(f, "first", 1);
    autofree char *second = make(f, "second", 1);
    const char *const paths[] = {first, second};
    for (size_t i = 0; i < 2; i++)
        for (size_t pod = 0; pod < 2; pod++) {
            struct gift gift = gift_of(paths[i]);
            gift.group += (int64_t)pod;
            assert_false(giver_has_given(f->giver, pods[pod], &gift));
            assert_int_equal(ask(f, pods[pod], "default", &gift, &err), -EINPROGRESS);
            assert_false(giver_has_given(f->giver, pods[pod], &gift)); /* not yet */
            finish(f, paths[i]);
            for (size_t j = 0; j <= i; j++) {
                gift.path = paths[j];
                assert_true(giver_has_given(f->giver, pods[pod], &gift));
                assert_false(giver_has_given(f->giver, pods[!pod], &gift));
            }
        }
    for (size_t pod = 0; pod < 2; pod++) {
        struct gift gift = gift_of(first);
        gift.group += (int64_t)pod;
        assert_true(giver_has_given(f->giver, pods[pod], &gift));
        giver_forget(f->giver, pods[pod]);
        assert_false(giver_has_given(f->giver, pods[pod], &gift));
    }
}

/* They ask in turn. Then one after the other is let in and ends, and after each all that wait ask
 * again, from the first on, as pods do. */
struct ask_case {
    const char *ns;
    bool begins;  /* as it first asks */
    size_t after; /* else when so many have ended */
};

static void ask_all(struct fixture *f, const struct ask_case *asks, size_t count)
{
    struct err err = {0};
    char *paths[8] = {0};
    bool begun[8] = {false};
    for (size_t ended = 0; ended <= count; ended++) {
        for (size_t i = 0; i < count; i++) {
            autofree char *name = xasprintf("claim%zu", i);
            if (!paths[i])
                paths[i] = make(f, name, 1);
            if (begun[i])
                continue;
            const struct gift gift = gift_of(paths[i]);
            pid_t last = child();
            assert_int_equal(ask(f, name, asks[i].ns, &gift, &err), -EINPROGRESS);
            begun[i] = child() != last && child() != 0;
            assert_int_equal(begun[i], asks[i].begins || asks[i].after == ended);
        }
        if (ended < count)
            finish(f, paths[ended]);
    }
    for (size_t i = 0; i < count; i++) {
        assert_true(top_is_given(paths[i]));
        free(paths[i]);
    }
}

/* Those of one namespace leave room for others. */
static void test_giver__few_at_once(void **state)
{
    static const struct ask_case asks[] = {{"a", true, 0}, {"a", true, 0}, {"a", false, 1}};
    if (geteuid() != 0)
        skip();
    ask_all(*state, asks, ARRAY_LEN(asks));
}

/* Of many namespaces none waits for another's second. */
static void test_giver__the_last_place(void **state)
{
    static const struct ask_case asks[] = {{"a", true, 0},  {"a", true, 0}, {"b", true, 0},
                                           {"b", false, 3}, {"c", true, 0}, {"d", false, 1}};
    if (geteuid() != 0)
        skip();
    ask_all(*state, asks, ARRAY_LEN(asks));
}

static bool is_told(struct fixture *f, const char *path, const char *text)
{
    struct err err = {0};
    const struct gift gift = gift_of(path);
    assert_int_equal(ask(f, "pod", "default", &gift, &err), -EINPROGRESS);
    return strstr(err.msg, text) != NULL;
}

/* A pod that waits for hours is told how far it is, and not all the time. */
static void test_giver__how_far(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    if (geteuid() != 0)
        skip();
    teardown_loop(f);
    clock_fake_init(&f->clock, 1000 * NS_PER_S, 0);
    setup_loop(f, &f->clock.clock);
    autofree char *path = make(f, SLOW, 3);
    autofree char *gate = xasprintf("%s.gate", path);
    assert_true(is_told(f, path, "takes a while"));
    AWAIT(is_told(f, path, "processed 5 files"), clock_fake_advance(&f->clock, 60 * NS_PER_S));
    assert_int_equal(kill(child(), SIGKILL), 0);
    AWAIT(f->done == 1, await_turn(f->loop));
    expect(f, path, -EINTR);
    assert_true(is_told(f, path, "takes a while"));
    const struct gift gift = gift_of(path);
    int fd = -1;
    AWAIT((fd = open(gate, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) >= 0, usleep(1000));
    clock_fake_advance(&f->clock, 60 * NS_PER_S - 1); /* it has counted: it is at the gate */
    assert_true(is_told(f, path, "takes a while"));
    clock_fake_advance(&f->clock, 1);
    assert_int_equal(ask(f, "other", "default", &gift, &err), -EINPROGRESS);
    assert_non_null(strstr(err.msg, "Setting volume ownership for /tmp/limpet-giver-"));
    close(fd);
    AWAIT(f->done == 2, await_turn(f->loop));
    assert_true(top_is_given(path));
}

/* With the agent, of which the next one knows nothing, its processes end. */
static void test_giver__ends_with_the_agent(void **state)
{
    struct fixture *f = *state;
    int fds[2], status;
    pid_t walker = 0;
    autofree char *path = make(f, "claim", FILES);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    assert_int_equal(pipe(fds), 0);
    pid_t agent = fork();
    if (agent == 0) {
        struct err err = {0};
        const struct gift gift = gift_of(path);
        (void)!ask(f, "pod", "default", &gift, &err);
        pid_t pid = child();
        (void)!write(fds[1], &pid, sizeof(pid));
        pause();
    }
    assert_int_equal(read(fds[0], &walker, sizeof(walker)), sizeof(walker));
    assert_true(walker > 0);
    assert_int_equal(kill(agent, SIGKILL), 0);
    assert_int_equal(waitpid(agent, &status, 0), agent);
    pid_t gone = 0;
    AWAIT((gone = waitpid(walker, &status, WNOHANG)) != 0, usleep(1000));
    assert_int_equal(gone, walker);
    assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 0), 0);
    close(fds[0]);
    close(fds[1]);
}

/* ---- whose volumes go that way ---- */

static struct value *claim, *volume;

static const struct value *find(void *ctx, const char *kind, const char *ns, const char *name)
{
    (void)ctx;
    (void)ns;
    (void)name;
    return str_eq(kind, "PersistentVolume") ? volume : claim;
}

static int give_later(void *ctx, const struct gift *gift, struct err *err)
{
    struct fixture *f = ctx;
    return ask(f, "pod", "default", gift, err);
}

static bool is_given(void *ctx, const struct gift *gift)
{
    const struct fixture *f = ctx;
    return giver_has_given(f->giver, "pod", gift);
}

static struct value *parse(const char *text)
{
    struct value *value = NULL;
    struct err err = {0};
    assert_int_equal(json_parse(text, strlen(text), &value, &err), 0);
    return value;
}

static int prepare(struct fixture *f, struct err *err)
{
    struct volume *volumes = NULL;
    size_t count = 0;
    const struct volume_source source = {
        .find = find, .give = give_later, .given = is_given, .ctx = f};
    const struct volume_spec spec = {.pod_ns = "default",
                                     .disk_dir = f->dir,
                                     .node_dir = f->dir,
                                     .tmp_dir = f->dir,
                                     .source = &source,
                                     .fs_group = GROUP,
                                     .user = -1};
    struct value *list =
        parse("[{\"name\":\"c\",\"persistentVolumeClaim\":{\"claimName\":\"claim\"}}]");
    int rc = volumes_prepare(&spec, list, &volumes, &count, err);
    if (rc == 0)
        volumes_free(volumes, count);
    value_free(list);
    return rc;
}

static void list_claim(const char *path)
{
    autofree char *text = xasprintf("{\"metadata\":{\"name\":\"v\"},\"spec\":{\"claimRef\":{"
                                    "\"namespace\":\"default\",\"name\":\"claim\"},"
                                    "\"local\":{\"path\":\"%s\"}}}",
                                    path);
    volume = parse(text);
    claim = parse("{\"metadata\":{\"name\":\"claim\",\"namespace\":\"default\"},"
                  "\"spec\":{\"volumeName\":\"v\"}}");
}

static void unlist_claim(void)
{
    value_free(claim);
    value_free(volume);
}

static void test_giver__large_claims(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    static const struct {
        size_t files;
        bool later;
    } cases[] = {{0, false}, {VOLUME_AT_ONCE, false}, {VOLUME_AT_ONCE + 1, true}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        autofree char *name = xasprintf("claim%zu", i);
        autofree char *path = make(f, name, cases[i].files);
        list_claim(path);
        if (cases[i].later) {
            assert_int_equal(prepare(f, &err), -EINPROGRESS);
            assert_non_null(strstr(err.msg, "takes a while"));
            assert_false(top_is_given(path));
            finish(f, path);
        }
        assert_int_equal(prepare(f, &err), 0);
        assert_true(top_is_given(path));
        assert_int_equal(given(path, cases[i].files), cases[i].files);
        assert_int_equal(child(), 0);
        unlist_claim();
    }
}

/* What was given to the end counts, though the folder does not show it. */
static void test_giver__nothing_sticks(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    if (geteuid() != 0)
        skip();
    autofree char *path = make(f, NUMB, VOLUME_AT_ONCE + 1);
    list_claim(path);
    for (int start = 0; start < 2; start++) { /* the pod's next start begins anew */
        assert_int_equal(prepare(f, &err), -EINPROGRESS);
        finish(f, path);
        assert_int_equal(prepare(f, &err), 0);
        assert_false(top_is_given(path));
        assert_int_equal(child(), 0);
        giver_forget(f->giver, "pod");
    }
    unlist_claim();
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_giver__##name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(nothing_waits),        TEST(killed),
        TEST(failure_is_told_once), TEST(few_at_once),
        TEST(the_last_place),       TEST(large_claims),
        TEST(ends_with_the_agent),  TEST(failure_is_for_who_waits),
        TEST(none_takes_turns),     TEST(failure_is_plain),
        TEST(no_process),           TEST(how_far),
        TEST(nothing_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
