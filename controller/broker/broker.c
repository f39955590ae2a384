#include "controller/broker/broker.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/loop/proc.h"
#include "controller/broker/broker_conf.h"
#include "controller/broker/broker_files.h"

#include <errno.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define POLL_NS (10 * NS_PER_MS) /* while it starts */
#define START_NS (15 * NS_PER_S) /* to accept connections: a big database takes seconds to load */
#define STOP_NS (5 * NS_PER_S)   /* from SIGTERM to SIGKILL */
#define BACKOFF_MIN_NS (100 * NS_PER_MS)
#define BACKOFF_MAX_NS (30 * NS_PER_S)
#define STEADY_NS (30 * NS_PER_S)    /* up for this long: the backoff starts anew */
#define TRIM_NS (60 * NS_PER_S)      /* between looks at the log's size */
#define SAVE_SOON_NS (10 * NS_PER_S) /* from a change to the next save of the database */
#define SAVE_NS (300 * NS_PER_S)     /* between saves while changes go on */
#define QUICK_DEATHS 3               /* in a row: the database is suspected */

enum state { STOPPED, STARTING, UP, WAITING, REPLACING, STOPPING, STATE_COUNT };
static const unsigned allowed[STATE_COUNT] = {
    [STOPPED] = 1U << STARTING | 1U << UP | 1U << REPLACING | 1U << WAITING,
    [STARTING] = 1U << UP | 1U << WAITING | 1U << STOPPING,
    [UP] = 1U << WAITING | 1U << STOPPING,
    [WAITING] = 1U << STARTING | 1U << UP | 1U << REPLACING | 1U << WAITING | 1U << STOPPED,
    [REPLACING] = 1U << STARTING | 1U << WAITING | 1U << STOPPING,
    [STOPPING] = 1U << STOPPED,
};

struct broker {
    struct loop *loop;
    struct rng *rng;
    const struct broker_handler *handler;
    void *ctx;
    char *dir, *program, *user, *address, *socket;
    int tls_port, enroll_port, renew_port;
    char *ca_pem, *cert_pem, *key_pem, *crl_pem;
    struct broker_files files;

    enum state state;
    pid_t pid;
    int pidfd;
    struct loop_child *child;
    struct loop_timer *poll, *deadline, *retry, *trim, *save;
    int64_t since;      /* of this state */
    int64_t save_after; /* boot ns: not before */
    unsigned failures, quick_deaths;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void move(struct broker *b, enum state next)
{
    if (!(allowed[b->state] & 1U << next))
        abort();
    b->state = next;
    b->since = loop_now(b->loop);
}

static void send_signal(struct broker *b, int signo)
{
    if (b->pidfd >= 0)
        (void)syscall(SYS_pidfd_send_signal, b->pidfd, signo, NULL, 0);
}

static void forget_process(struct broker *b)
{
    loop_child_free(b->child);
    b->child = NULL;
    if (b->pidfd >= 0)
        close(b->pidfd);
    b->pidfd = -1;
    b->pid = 0;
    loop_timer_stop(b->poll);
    loop_timer_stop(b->deadline);
}

/* ---- failures ---- */

static int64_t backoff(struct broker *b)
{
    int64_t bound = BACKOFF_MIN_NS;

    for (unsigned i = 0; i < b->failures && bound < BACKOFF_MAX_NS; i++)
        bound *= 2;
    if (bound > BACKOFF_MAX_NS)
        bound = BACKOFF_MAX_NS;
    b->failures++;
    return bound / 2 + (int64_t)rng_below(b->rng, (uint64_t)bound / 2 + 1);
}

static void wait_and_retry(struct broker *b, const struct err *err)
{
    int64_t wait = backoff(b);

    move(b, WAITING);
    loop_timer_after(b->retry, wait);
    if (b->handler->down)
        b->handler->down(b->ctx, err, wait);
}

/* Its database is a cache: what keeps the broker from starting is moved aside, nothing is lost by
 * it. */
static bool suspect_database(struct broker *b, int status, const char *last)
{
    if (WEAKENED(BROKER_CORRUPT_DATABASE) || !broker_files_has_database(&b->files))
        return false;
    if (b->state == STARTING)
        return strstr(last, "database") || (status >= 0 && WIFSIGNALED(status));
    return b->quick_deaths >= QUICK_DEATHS;
}

static void on_died(struct broker *b, int status)
{
    char last[160];
    struct err err = {0};

    if (b->state == UP && loop_now(b->loop) - b->since >= STEADY_NS)
        b->failures = b->quick_deaths = 0;
    else
        b->quick_deaths++;
    broker_files_log_last(&b->files, last, sizeof(last));
    err_set(&err, -ECHILD, "mosquitto %s%s%s", status < 0 ? "ended" : proc_status_text(status),
            *last ? ": " : "", last);
    if (suspect_database(b, status, last)) {
        broker_files_database_aside(&b->files);
        b->quick_deaths = 0;
        err_wrap(&err, "its database was moved aside");
    }
    wait_and_retry(b, &err);
}

static void start_process(struct broker *b);

static void on_child(void *ctx, pid_t pid, int status)
{
    struct broker *b = ctx;

    (void)pid;
    forget_process(b);
    if (b->state == STOPPING) {
        move(b, STOPPED);
        loop_timer_stop(b->trim);
        if (b->stopped)
            b->stopped(b->stopped_ctx);
    } else if (b->state == REPLACING) {
        start_process(b);
    } else {
        on_died(b, status);
    }
}

/* ---- starting ---- */

static void come_up(struct broker *b, bool adopted)
{
    loop_timer_stop(b->poll);
    loop_timer_stop(b->deadline);
    move(b, UP);
    if (b->handler->up)
        b->handler->up(b->ctx, adopted);
}

static void on_poll(void *ctx)
{
    struct broker *b = ctx;

    if (broker_files_accepts(&b->files)) {
        come_up(b, false);
        return;
    }
    loop_timer_after(b->poll, POLL_NS);
}

static void on_deadline(void *ctx)
{
    struct broker *b = ctx;

    send_signal(b, SIGKILL); /* on_child goes on from there */
}

static int watch(struct broker *b, pid_t pid, int pidfd, struct err *err)
{
    b->pid = pid;
    b->pidfd = pidfd;
    return loop_child_new(b->loop, pid, on_child, b, &b->child, err);
}

static int conf_text(const struct broker *b, struct buf *ret, struct err *err)
{
    struct broker_conf conf = {
        .dir = b->dir,
        .user = b->user,
        .address = b->address,
        .tls_port = b->tls_port,
        .enroll_port = b->enroll_port,
        .renew_port = b->renew_port,
        .crl = b->crl_pem != NULL,
    };

    return broker_conf_write(&conf, ret, err);
}

/* Written only when no broker runs, so that the file always is what the running one was started
 * with. */
static int put_conf(struct broker *b, struct err *err)
{
    cleanup(buf_done) struct buf text;

    buf_init(&text, 0);
    int rc = conf_text(b, &text, err);
    return rc < 0 ? rc
                  : broker_files_put(&b->files, BROKER_CONF_FILE, text.data, text.len, NULL, err);
}

static int spawn(struct broker *b, struct err *err)
{
    char conf[512], text[24];
    pid_t pid;

    snprintf(conf, sizeof(conf), "%s/" BROKER_CONF_FILE, b->dir);
    int rc = put_conf(b, err);
    if (rc < 0)
        return rc;
    unlink(b->socket);
    autoclose int log = broker_files_log(&b->files, err);
    if (log < 0)
        return log;
    const char *argv[] = {b->program, "-c", conf, NULL};
    struct proc_spec spec = {
        .path = b->program,
        .argv = argv,
        .cwd = "/",
        .fd_in = -1,
        .fd_out = log,
        .fd_err = log,
        .new_session = true, /* a signal to the controller's group is not for it: it outlives us */
    };
    rc = proc_spawn(&spec, &pid, err);
    if (rc < 0)
        return rc;
    rc = watch(b, pid, (int)syscall(SYS_pidfd_open, pid, 0), err);
    if (rc < 0) {
        kill(pid, SIGKILL);
        return rc;
    }
    int len = snprintf(text, sizeof(text), "%d", (int)pid);
    return broker_files_put(&b->files, "pid", text, (size_t)len, NULL, err);
}

static void start_process(struct broker *b)
{
    struct err err = {0};
    int rc = spawn(b, &err);

    if (rc < 0) {
        send_signal(b, SIGKILL);
        forget_process(b);
        wait_and_retry(b, &err);
        return;
    }
    move(b, STARTING);
    loop_timer_after(b->poll, POLL_NS);
    loop_timer_after(b->deadline, START_NS);
}

struct file {
    const char *name, *text;
};

static int put_tls_files(struct broker *b, bool *ret_changed, struct err *err)
{
    const struct file files[] = {
        {BROKER_CA_FILE, b->ca_pem},
        {BROKER_CERT_FILE, b->cert_pem},
        {BROKER_KEY_FILE, b->key_pem},
        {BROKER_CRL_FILE, b->crl_pem},
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        bool changed = false;
        int rc = files[i].text ? broker_files_put(&b->files, files[i].name, files[i].text,
                                                  strlen(files[i].text), &changed, err)
                               : 0;
        if (rc < 0)
            return rc;
        *ret_changed |= changed;
    }
    return 0;
}

/* A file that only broker_psk_set and broker_deny_set fill: what an earlier controller wrote stays
 * in force until they are called. */
static int put_missing(struct broker *b, const char *name, const struct buf *text, struct err *err)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", b->dir, name);
    if (access(path, F_OK) == 0)
        return 0;
    return broker_files_put(&b->files, name, buf_str(text), text->len, NULL, err);
}

static int put_files(struct broker *b, struct err *err)
{
    cleanup(buf_done) struct buf acl, none;
    bool changed = false;
    int rc = broker_files_prepare(&b->files, err);

    buf_init(&acl, 0);
    buf_init(&none, 0);
    if (rc == 0)
        rc = broker_acl_write(NULL, 0, &acl, err);
    if (rc == 0)
        rc = put_missing(b, BROKER_ACL_FILE, &acl, err);
    if (rc == 0)
        rc = put_missing(b, BROKER_PSK_FILE, &none, err);
    return rc < 0 ? rc : put_tls_files(b, &changed, err);
}

/* Takes over the broker that runs on this folder, ends one with another configuration, or starts
 * one. */
static int start_or_adopt(struct broker *b, struct err *err)
{
    cleanup(buf_done) struct buf text;
    int pidfd = -1, rc = put_files(b, err);

    buf_init(&text, 0);
    if (rc == 0)
        rc = conf_text(b, &text, err);
    if (rc < 0)
        return rc;
    pid_t pid = broker_files_running(&b->files, &pidfd);
    if (pid == 0) {
        start_process(b);
        return 0;
    }
    rc = watch(b, pid, pidfd, err);
    if (rc < 0) {
        forget_process(b);
        return rc;
    }
    if (broker_files_same(&b->files, BROKER_CONF_FILE, &text) && broker_files_accepts(&b->files)) {
        send_signal(b, SIGHUP); /* certificates may have changed while nobody looked */
        come_up(b, true);
        return 0;
    }
    move(b, REPLACING);
    send_signal(b, SIGTERM);
    loop_timer_after(b->deadline, STOP_NS);
    return 0;
}

static void on_retry(void *ctx)
{
    struct broker *b = ctx;
    struct err err = {0};

    if (start_or_adopt(b, &err) < 0)
        wait_and_retry(b, &err);
}

static void on_trim(void *ctx)
{
    struct broker *b = ctx;

    broker_files_log_trim(&b->files);
    loop_timer_after(b->trim, TRIM_NS);
}

/* ---- its database ---- */

static void on_save(void *ctx)
{
    struct broker *b = ctx;

    b->save_after = loop_now(b->loop) + SAVE_NS;
    if (b->state == UP && !WEAKENED(BROKER_SAVE))
        send_signal(b, SIGUSR1);
}

void broker_changed(struct broker *b)
{
    int64_t at = loop_now(b->loop) + SAVE_SOON_NS;

    if (!loop_timer_armed(b->save))
        loop_timer_at(b->save, at > b->save_after ? at : b->save_after);
}

int broker_start(struct broker *b, struct err *err)
{
    if (b->state != STOPPED)
        return err_set(err, -EALREADY, "broker: started already");
    b->failures = b->quick_deaths = 0;
    int rc = start_or_adopt(b, err);
    if (rc == 0)
        loop_timer_after(b->trim, TRIM_NS);
    return rc;
}

void broker_stop(struct broker *b, void (*done)(void *ctx), void *ctx)
{
    b->stopped = done;
    b->stopped_ctx = ctx;
    loop_timer_stop(b->retry);
    if (b->state == STOPPING)
        return;
    if (b->pid == 0) {
        if (b->state != STOPPED)
            move(b, STOPPED);
        loop_timer_stop(b->trim);
        if (done)
            done(ctx);
        return;
    }
    move(b, STOPPING);
    loop_timer_stop(b->poll);
    send_signal(b, SIGTERM);
    loop_timer_after(b->deadline, STOP_NS);
}

/* ---- lists and certificates ---- */

static void reload(struct broker *b)
{
    if (b->state == UP || b->state == STARTING)
        send_signal(b, SIGHUP);
}

static int put_and_reload(struct broker *b, const char *name, const struct buf *text,
                          struct err *err)
{
    bool changed = false;
    int rc = broker_files_prepare(&b->files, err);

    if (rc == 0)
        rc = broker_files_put(&b->files, name, buf_str(text), text->len, &changed, err);
    if (rc == 0 && changed)
        reload(b);
    return rc;
}

int broker_psk_set(struct broker *b, const struct broker_psk *list, size_t count, struct err *err)
{
    cleanup(buf_done) struct buf text;

    buf_init(&text, 0);
    int rc = broker_psk_write(list, count, &text, err);
    if (rc == 0)
        rc = put_and_reload(b, BROKER_PSK_FILE, &text, err);
    if (text.data)
        crypto_wipe(text.data, text.len);
    return rc;
}

int broker_deny_set(struct broker *b, const char *const *names, size_t count, struct err *err)
{
    cleanup(buf_done) struct buf text;

    buf_init(&text, 0);
    int rc = broker_acl_write(names, count, &text, err);
    return rc < 0 ? rc : put_and_reload(b, BROKER_ACL_FILE, &text, err);
}

static void replace_text(char **text, const char *with)
{
    char *copy = with ? xstrdup(with) : NULL;

    if (!copy)
        return;
    free(*text);
    *text = copy;
}

int broker_tls_set(struct broker *b, const char *ca_pem, const char *cert_pem, const char *key_pem,
                   const char *crl_pem, struct err *err)
{
    bool changed = false;

    if (crl_pem && !b->crl_pem && b->state != STOPPED)
        return err_set(err, -EINVAL, "broker: it was started without a revocation list");
    replace_text(&b->ca_pem, ca_pem);
    replace_text(&b->cert_pem, cert_pem);
    replace_text(&b->key_pem, key_pem);
    replace_text(&b->crl_pem, crl_pem);
    int rc = put_tls_files(b, &changed, err);
    if (rc == 0 && changed)
        reload(b);
    return rc;
}

/* ---- the object ---- */

const char *broker_socket(const struct broker *b)
{
    return b->socket;
}

bool broker_is_up(const struct broker *b)
{
    return b->state == UP;
}

pid_t broker_pid(const struct broker *b)
{
    return b->pid;
}

static char *copy_str(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

/* Debian's package makes the user; without it, root has to be asked for by name. */
static int find_user(struct broker *b, const char *wanted, struct err *err)
{
    if (geteuid() != 0)
        return 0;
    const struct passwd *pw = getpwnam(wanted ? wanted : "mosquitto");
    if (!pw && wanted)
        return err_set(err, -ENOENT, "broker: no user %s", wanted);
    b->user = xstrdup(pw ? pw->pw_name : "root");
    b->files.chown = pw && pw->pw_uid != 0;
    b->files.uid = pw ? pw->pw_uid : 0;
    b->files.gid = pw ? pw->pw_gid : 0;
    return 0;
}

static char *find_program(const char *wanted)
{
    if (wanted)
        return xstrdup(wanted);
    return xstrdup(access("/usr/sbin/mosquitto", X_OK) == 0 ? "/usr/sbin/mosquitto" : "mosquitto");
}

static int check_spec(const struct broker_spec *spec, struct err *err)
{
    if (!spec->dir || spec->dir[0] != '/' || strlen(spec->dir) > 80)
        return err_set(err, -EINVAL, "broker: the folder must be absolute and at most 80 bytes");
    if (spec->tls_port && (!spec->ca_pem || !spec->cert_pem || !spec->key_pem))
        return err_set(err, -EINVAL, "broker: a TLS port needs CA, certificate and key");
    return 0;
}

int broker_new(const struct broker_spec *spec, const struct broker_handler *handler, void *ctx,
               struct broker **ret, struct err *err)
{
    int rc = check_spec(spec, err);

    if (rc < 0)
        return rc;
    struct broker *b = xcalloc(1, sizeof(*b));
    *b = (struct broker){
        .loop = spec->loop,
        .rng = spec->rng,
        .handler = handler,
        .ctx = ctx,
        .dir = xstrdup(spec->dir),
        .program = find_program(spec->program),
        .address = copy_str(spec->address),
        .socket = xasprintf("%s/" BROKER_SOCKET_FILE, spec->dir),
        .tls_port = spec->tls_port,
        .enroll_port = spec->enroll_port,
        .renew_port = spec->renew_port,
        .ca_pem = copy_str(spec->ca_pem),
        .cert_pem = copy_str(spec->cert_pem),
        .key_pem = copy_str(spec->key_pem),
        .crl_pem = copy_str(spec->crl_pem),
        .pidfd = -1,
        .poll = loop_timer_new(spec->loop, on_poll, b),
        .deadline = loop_timer_new(spec->loop, on_deadline, b),
        .retry = loop_timer_new(spec->loop, on_retry, b),
        .trim = loop_timer_new(spec->loop, on_trim, b),
        .save = loop_timer_new(spec->loop, on_save, b),
    };
    b->files.dir = b->dir;
    rc = find_user(b, spec->user, err);
    if (rc < 0) {
        broker_free(b);
        return rc;
    }
    *ret = b;
    return 0;
}

void broker_free(struct broker *b)
{
    if (!b)
        return;
    forget_process(b);
    loop_timer_free(b->poll);
    loop_timer_free(b->deadline);
    loop_timer_free(b->retry);
    loop_timer_free(b->trim);
    loop_timer_free(b->save);
    if (b->key_pem)
        crypto_wipe(b->key_pem, strlen(b->key_pem));
    free(b->dir);
    free(b->program);
    free(b->user);
    free(b->address);
    free(b->socket);
    free(b->ca_pem);
    free(b->cert_pem);
    free(b->key_pem);
    free(b->crl_pem);
    free(b);
}
