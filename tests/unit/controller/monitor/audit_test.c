/* The trail on disk: lines that are read back, bounds, what is torn. */
#include "controller/monitor/audit.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/json.h"
#include "tests/lib/await.h"
#include "tests/unit/controller/lib/world.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct world *world;
    char dir[64];
    char *file;
    struct audit *audit;
    const char *policy;
};

static void begin(struct fixture *f, size_t bytes)
{
    const struct audit_spec spec = {f->world->loop, &f->world->rng.rng, f->file, bytes, f->policy};
    assert_int_equal(audit_new(&spec, &f->audit, NULL), 0);
}

static void end(struct fixture *f)
{
    audit_free(f->audit);
    f->audit = NULL;
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof(*f));
    f->world = world_new();
    snprintf(f->dir, sizeof(f->dir), "/tmp/limpet-audit.XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->file = xasprintf("%s/audit.log", f->dir);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    audit_free(f->audit);
    for (int i = 0; i <= AUDIT_FILES; i++) {
        autofree char *path = xasprintf("%s.%d", f->file, i);
        unlink(path);
    }
    unlink(f->file);
    assert_int_equal(rmdir(f->dir), 0);
    free(f->file);
    world_free(f->world);
    free(f);
    return 0;
}

static void tell(struct fixture *f, const char *user, const char *agent)
{
    static const char *const groups[] = {"system:masters", NULL};
    struct audit_event event = {.uri = "/api/v1/namespaces/a/secrets/s",
                                .verb = "update",
                                .user = user,
                                .groups = user ? groups : NULL,
                                .address = "192.0.2.7",
                                .agent = agent,
                                .ref = {&kind_secret, "a", "s"},
                                .code = user ? 200 : 401,
                                .writes = true,
                                .received_ns = 1500000,
                                .answered_ns = 2 * NS_PER_S};
    audit_id(f->audit, event.id);
    if (audit_decide(f->audit, &event))
        audit_tell(f->audit, &event);
}

/* Caller frees. */
static char *read_file(const char *path)
{
    char *text = xcalloc(1, 1024 * 1024);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    (void)!fread(text, 1, 1024 * 1024 - 1, file);
    fclose(file);
    return text;
}

static size_t count_lines(const char *text)
{
    size_t count = 0;
    for (const char *p = text; (p = strchr(p, '\n')); p++)
        count++;
    return count;
}

static void test_audit__event(void **state)
{
    struct fixture *f = *state;
    struct err err = {0};
    struct stat st;
    begin(f, 65536);
    tell(f, "admin", "kubectl/v1.33 \"x\"");
    end(f);
    autofree char *text = read_file(f->file);
    assert_int_equal(stat(f->file, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    cleanup(value_free) struct value *event = NULL;
    assert_int_equal(count_lines(text), 1);
    assert_int_equal(json_parse(text, strlen(text), &event, &err), 0);
    assert_string_equal(value_get_str(event, "kind"), "Event");
    assert_string_equal(value_get_str(event, "apiVersion"), "audit.k8s.io/v1");
    assert_string_equal(value_get_str(event, "level"), "Metadata");
    assert_int_equal(strlen(value_get_str(event, "auditID")), AUDIT_ID - 1);
    assert_string_equal(value_get_str(event, "userAgent"), "kubectl/v1.33 \"x\"");
    assert_string_equal(value_get_str(event, "requestReceivedTimestamp"),
                        "1970-01-01T00:00:00.001500Z");
    assert_string_equal(value_get_str(value_get(event, "objectRef"), "resource"), "secrets");
    assert_string_equal(value_get_str(value_get(event, "objectRef"), "name"), "s");
    assert_string_equal(value_get_str(value_get(event, "user"), "username"), "admin");
    assert_int_equal(value_get_int(value_get(event, "responseStatus"), "code", 0), 200);
}

/* What clients say of themselves is neither trusted nor endless. */
static void test_audit__hostile(void **state)
{
    struct fixture *f = *state;
    char agent[4096];
    memset(agent, 'a', sizeof(agent));
    memcpy(agent + 511, "\xc3\xa4", 2); /* across the bound */
    agent[sizeof(agent) - 1] = '\0';
    begin(f, 65536);
    tell(f, "admin", agent);
    tell(f, "admin", "\xff\xfe");
    tell(f, "admin", "a\nb");
    end(f);
    autofree char *text = read_file(f->file);
    assert_int_equal(count_lines(text), 3);
    assert_null(strstr(text, "\xc3"));
    assert_non_null(strstr(text, "\"userAgent\":\"?\""));
    assert_non_null(strstr(text, "\"userAgent\":\"a\\nb\""));
    assert_true(strlen(text) < 4096);
}

/* All files together stay within the bound, and hold the newest. */
static void test_audit__bound(void **state)
{
    struct fixture *f = *state;
    const size_t bytes = 40000;
    size_t size = 0;
    begin(f, bytes);
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 10; k++)
            tell(f, "admin", i == 39 ? "newest" : "older");
        end(f);
        begin(f, bytes);
    }
    for (int i = 0; i < AUDIT_FILES + 1; i++) {
        struct stat st;
        autofree char *path = i ? xasprintf("%s.%d", f->file, i) : xstrdup(f->file);
        if (stat(path, &st) == 0)
            size += (size_t)st.st_size;
    }
    assert_in_range(size, bytes / 2, bytes);
    autofree char *text = read_file(f->file);
    assert_non_null(strstr(text, "newest"));
}

static void test_audit__torn(void **state)
{
    struct fixture *f = *state;
    FILE *file = fopen(f->file, "we");
    assert_non_null(file);
    fputs("{\"kind\":\"Eve", file);
    fclose(file);
    begin(f, 65536);
    tell(f, "admin", NULL);
    end(f);
    autofree char *text = read_file(f->file);
    assert_non_null(strstr(text, "{\"kind\":\"Eve\n{\"kind\":\"Event\","));
}

static bool has_metric(struct fixture *f, const char *line)
{
    cleanup(buf_done) struct buf text = {0};
    struct metrics *metrics = metrics_new();
    audit_register(f->audit, metrics);
    metrics_write(metrics, &text);
    metrics_free(metrics);
    return strstr(buf_str(&text), line);
}

static void test_audit__strangers(void **state)
{
    struct fixture *f = *state;
    begin(f, 1 << 20);
    for (int i = 0; i < 10 * AUDIT_STRANGERS; i++)
        tell(f, NULL, "x");
    tell(f, "admin", "x");
    /* At most two minutes have begun meanwhile. */
    assert_in_range(count_lines(audit_waiting(f->audit)), AUDIT_STRANGERS + 1,
                    2 * AUDIT_STRANGERS + 1);
    assert_non_null(strstr(audit_waiting(f->audit), "\"username\":\"admin\""));
}

/* Where nothing can be written, nothing but the trail suffers, and that is counted. */
static void test_audit__no_disk(void **state)
{
    struct fixture *f = *state;
    free(f->file);
    f->file = xasprintf("%s/none/audit.log", f->dir);
    begin(f, 65536);
    tell(f, "admin", "x");
    AWAIT(!*audit_waiting(f->audit), await_turn(f->world->loop));
    AWAIT(has_metric(f, "\nlimpet_audit_lost_total 1\n"), await_turn(f->world->loop));
    for (int i = 0; i < 3000; i++)
        tell(f, "admin", "x");
    assert_true(strlen(audit_waiting(f->audit)) <= (size_t)512 * 1024);
}

/* A disk that takes nothing for as long as it likes: a pipe that nobody reads. The loop goes on,
 * what waits is bounded, and all of that is written when the disk comes back. */
static void test_audit__a_slow_disk(void **state)
{
    struct fixture *f = *state;
    char agent[500], data[65536];
    size_t lines = 0;
    memset(agent, 'a', sizeof(agent));
    agent[sizeof(agent) - 1] = '\0';
    assert_int_equal(mkfifo(f->file, 0600), 0);
    int fd = open(f->file, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    assert_true(fd >= 0);
    alarm(60); /* instead of waiting for ever */
    begin(f, 1 << 30);
    for (int i = 0; i < 200; i++) /* more than a pipe holds */
        tell(f, "admin", agent);
    AWAIT(!*audit_waiting(f->audit), await_turn(f->world->loop));
    for (int i = 0; i < 2000; i++)
        tell(f, "admin", agent);
    assert_in_range(strlen(audit_waiting(f->audit)), 256 * 1024, 512 * 1024);
    size_t kept = 200 + count_lines(audit_waiting(f->audit));
    while (lines < kept) {
        ssize_t n = read(fd, data, sizeof(data));
        for (ssize_t i = 0; i < n; i++)
            lines += data[i] == '\n';
        await_turn(f->world->loop);
    }
    end(f);
    alarm(0);
    assert_int_equal(lines, kept);
    close(fd);
}

static void write_policy(struct fixture *f, const char *level)
{
    FILE *file = fopen(f->policy, "we");
    assert_non_null(file);
    fprintf(file, "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: %s}]\n", level);
    assert_int_equal(fclose(file), 0);
}

static bool is_told(struct fixture *f)
{
    size_t before = count_lines(audit_waiting(f->audit));
    tell(f, "admin", "x");
    return count_lines(audit_waiting(f->audit)) > before;
}

/* A change of the policy holds soon; one that is wrong does not. */
static void test_audit__policy_is_read_again(void **state)
{
    struct fixture *f = *state;
    char path[80];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/policy", f->dir);
    f->policy = path;
    write_policy(f, "Nonsense");
    const struct audit_spec wrong = {f->world->loop, &f->world->rng.rng, NULL, 0, path};
    assert_int_not_equal(audit_new(&wrong, &f->audit, &err), 0);
    assert_non_null(strstr(err.msg, "policy:3: rules[0].level: "));
    write_policy(f, "None");
    begin(f, 65536);
    assert_false(is_told(f));
    write_policy(f, "Metadata");
    AWAIT(is_told(f), await_turn(f->world->loop));
    write_policy(f, "Nonsense and more of it");
    assert_true(is_told(f));
    write_policy(f, "None");
    AWAIT(!is_told(f), await_turn(f->world->loop));
    unlink(path);
}

static void test_audit__bodies(void **state)
{
    struct fixture *f = *state;
    cleanup(value_free) struct value *object =
        parse("{metadata: {name: p, managedFields: [{a: b}]}}");
    cleanup(value_free) struct value *big = value_new_map();
    autofree char *data = xcalloc(1, AUDIT_BODY_MAX + 1);
    memset(data, 'x', AUDIT_BODY_MAX);
    value_set_str(big, "data", data);
    struct audit_event event = {.uri = "/x",
                                .verb = "update",
                                .user = "admin",
                                .ref = {&kind_pod, "a", "p"},
                                .request = object,
                                .response = big,
                                .verdict = {AUDIT_REQUEST, true, 0}};
    begin(f, 65536);
    audit_tell(f->audit, &event);
    const char *line = audit_waiting(f->audit);
    assert_non_null(strstr(line, "\"level\":\"Request\""));
    assert_non_null(strstr(line, "\"requestObject\":{\"metadata\":{\"name\":\"p\"}}"));
    assert_null(strstr(line, "responseObject"));
    event.verdict = (struct audit_verdict){AUDIT_REQUEST_RESPONSE, false, 0};
    audit_tell(f->audit, &event);
    line = strchr(audit_waiting(f->audit), '\n');
    assert_non_null(strstr(line, "managedFields"));
    assert_non_null(strstr(line, "\"audit.k8s.io/truncated\":\"true\""));
    assert_true(strlen(line) < AUDIT_BODY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_audit__event, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__hostile, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__bound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__torn, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__strangers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__no_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__a_slow_disk, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__policy_is_read_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_audit__bodies, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
