#include "controller/registry/registry.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/crypto/node_token.h"
#include "common/loop/proc.h"
#include "controller/api/access.h"
#include "controller/api/status.h"
#include "controller/auth/authn.h"
#include "controller/authz/authz.h"
#include "controller/registry/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define TEND_NS (6 * 3600 * NS_PER_S) /* it looks after what it has at least so often */
#define PAUSE_NS NS_PER_S             /* before one that fails is started again */

struct registry {
    struct registry_spec spec; /* strings owned */
    struct loop_timer *tend;
    struct loop_child *child; /* NULL: it does not run */
    pid_t pid;
    int connections_fd, questions_fd; /* our ends; -1 */
    struct loop_io *connections, *questions;
    int64_t given; /* connections */
    int64_t ended; /* boot ns */
};

/* ---- who may ---- */

/* Programs that fetch images know names and passwords (RFC 7617): the password is the token. */
static char *bearer_of(const char *authorization)
{
    static const char scheme[] = "Basic ";
    uint8_t *bytes = NULL;
    size_t len;
    if (!authorization || strncasecmp(authorization, scheme, sizeof(scheme) - 1) != 0)
        return authorization ? xstrdup(authorization) : NULL;
    const char *encoded = authorization + sizeof(scheme) - 1;
    if (base64_decode(encoded, strlen(encoded), &bytes, &len) != 0)
        return xstrdup("Bearer ?"); /* which is nobody's */
    autofree char *text = (char *)bytes;
    const char *password = strchr(text, ':');
    return xasprintf("Bearer %s", password && password[1] ? password + 1 : "?");
}

/* A node shows itself by a token in the place of a certificate, which then counts as shown. */
static bool is_node(const struct registry *registry, const char *authorization,
                    struct cert_info *ret)
{
    static const char scheme[] = "Bearer ";
    struct err err = {0};
    int64_t now_s = clock_wall(loop_clock(registry->spec.loop)) / NS_PER_S;
    if (!authorization || !str_has_prefix(authorization, scheme) ||
        !node_token_is(authorization + strlen(scheme)))
        return false;
    int r = node_token_read(authorization + strlen(scheme), NODE_TOKEN_IMAGES, now_s,
                            registry->spec.ca_pem, ret, &err);
    if (r)
        log_warn("a node's token for images is refused error=%s", log_quote(err.msg));
    return r == 0;
}

/* The answer: a code, and who it is or why not. */
static int judge(const struct registry *registry, const struct value *question, struct buf *why)
{
    cleanup(talk_peer_done) struct talk_peer peer = {0};
    cleanup(who_free) struct who *who = NULL;
    talk_peer_read(question, &peer);
    autofree char *authorization = bearer_of(value_get_str(question, "authorization"));
    cleanup(cert_info_done) struct cert_info node = {0};
    struct authn_facts facts = {peer.peer.user, peer.peer.user ? peer.peer.groups : NULL,
                                peer.peer.refused, authorization};
    if (!facts.user && is_node(registry, authorization, &node))
        facts = (struct authn_facts){node.common_name, (const char *const *)node.organizations,
                                     NULL, NULL};
    cleanup(value_free) struct value *refusal = authn_identify(registry->spec.authn, &facts, &who);
    if (refusal || who_has_group(&who->user, WHO_UNAUTHENTICATED)) {
        buf_addstr(why, "Unauthorized");
        return 401;
    }
    const char *verb = value_get_str(question, "verb");
    const char *repository = value_get_str(question, "repository");
    const struct authz_ask ask = {
        .user = {who->user.name, who->user.groups},
        .what = {verb, NULL, "limpet.io", "images", "", "", repository ? repository : ""}};
    if (!str_empty(verb))
        refusal = access_ask_refusal(registry->spec.api, &ask);
    const char *message = refusal ? value_get_str(refusal, "message") : who->user.name;
    buf_addstr(why, message ? message : "");
    return refusal ? status_code(refusal) : 200;
}

static void on_question(void *ctx, int fd, uint32_t events)
{
    const struct registry *registry = ctx;
    cleanup(value_free) struct value *question = NULL;
    cleanup(value_free) struct value *answer = value_new_map();
    cleanup(buf_done) struct buf why = {0};
    (void)events;
    int r = talk_receive(fd, &question, NULL);
    if (r != 0 || !question) {
        if (r != -EAGAIN && r != -EINTR) /* it ends: its child handle tells */
            loop_io_events(registry->questions, 0);
        return;
    }
    value_set_int(answer, "code", judge(registry, question, &why));
    value_set_str(answer, "message", buf_str(&why));
    if (talk_send(fd, answer, -1) != 0)
        log_warn("the registry's process does not take an answer"); /* it gives up by itself */
}

/* ---- its process ---- */

static void close_all(struct registry *registry)
{
    loop_io_free(steal(registry->connections));
    loop_io_free(steal(registry->questions));
    if (registry->connections_fd >= 0)
        close(steal_fd(&registry->connections_fd));
    if (registry->questions_fd >= 0)
        close(steal_fd(&registry->questions_fd));
}

static void on_ended(void *ctx, pid_t pid, int status)
{
    struct registry *registry = ctx;
    (void)pid;
    if (status != 0)
        log_error("the registry's process ended: %s", proc_status_text(status));
    loop_child_free(steal(registry->child));
    registry->pid = 0;
    registry->ended = loop_now(registry->spec.loop);
    close_all(registry);
}

/* It has nothing to do, and knows of every connection that it was given: it ends with the
 * conversation. */
static void on_message(void *ctx, int fd, uint32_t events)
{
    struct registry *registry = ctx;
    cleanup(value_free) struct value *message = NULL;
    (void)events;
    int r = talk_receive(fd, &message, NULL);
    if (r == -EAGAIN || r == -EINTR)
        return;
    if (r != 0 || !message) { /* it has ended: its child handle tells */
        loop_io_events(registry->connections, 0);
        return;
    }
    if (value_get_int(message, "idle", -1) != registry->given)
        return;
    close_all(registry);
    if (registry->child)
        loop_child_abandon(steal(registry->child));
    registry->pid = 0;
}

static int make_pair(int *ret_ours, int *ret_its, struct err *err)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) < 0)
        return err_errno(err, errno, "no socket pair");
    *ret_ours = fds[0];
    *ret_its = fds[1];
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0)
        return err_errno(err, errno, "fcntl");
    return 0;
}

static int spawn(struct registry *registry, int connections, int questions, struct err *err)
{
    char max_bytes[24], fds[2][12];
    const int keep[] = {connections, questions};
    snprintf(max_bytes, sizeof(max_bytes), "%lld", (long long)registry->spec.max_bytes);
    snprintf(fds[0], sizeof(fds[0]), "%d", connections);
    snprintf(fds[1], sizeof(fds[1]), "%d", questions);
    const char *argv[] = {
        "limpet-controller", "registry", registry->spec.dir, max_bytes, fds[0], fds[1], NULL};
    const struct proc_spec spec = {.path = registry->spec.program,
                                   .argv = argv,
                                   .fd_in = -1,
                                   .fd_out = -1,
                                   .fd_err = STDERR_FILENO,
                                   .keep = keep,
                                   .keep_count = 2,
                                   .death_signal = SIGKILL};
    int r = proc_spawn(&spec, &registry->pid, err);
    if (r == 0)
        r = loop_child_new(registry->spec.loop, registry->pid, on_ended, registry, &registry->child,
                           err);
    return r;
}

static int start(struct registry *registry, struct err *err)
{
    autoclose int connections = -1;
    autoclose int questions = -1;
    struct loop *loop = registry->spec.loop;
    if (registry->child)
        return 0;
    if (registry->ended && loop_now(loop) - registry->ended < PAUSE_NS)
        return err_set(err, -EAGAIN, "it has just ended");
    registry->given = 0;
    int r = make_pair(&registry->connections_fd, &connections, err);
    if (r == 0)
        r = make_pair(&registry->questions_fd, &questions, err);
    if (r == 0)
        r = loop_io_new(loop, registry->connections_fd, EPOLLIN, on_message, registry,
                        &registry->connections, err);
    if (r == 0)
        r = loop_io_new(loop, registry->questions_fd, EPOLLIN, on_question, registry,
                        &registry->questions, err);
    if (r == 0)
        r = spawn(registry, connections, questions, err);
    if (r != 0)
        close_all(registry);
    return r;
}

void registry_take(void *ctx, int fd, const struct http_peer *peer)
{
    struct registry *registry = ctx;
    cleanup(value_free) struct value *message = talk_peer(peer);
    struct err err = {0};
    int r = start(registry, &err);
    if (r == 0 && (r = talk_send(registry->connections_fd, message, fd)) != 0)
        (void)err_set(&err, r, "it does not take it");
    if (r == 0)
        registry->given++;
    else
        log_warn("connection for the registry not taken error=%s", log_quote(err.msg));
    close(fd);
}

static void on_tend(void *ctx)
{
    struct registry *registry = ctx;
    struct err err = {0};
    if (access(registry->spec.dir, F_OK) == 0 && start(registry, &err) != 0)
        log_warn("the registry does not start error=%s", log_quote(err.msg));
    loop_timer_after(registry->tend, TEND_NS);
}

pid_t registry_pid(const struct registry *registry)
{
    return registry->pid;
}

struct registry *registry_new(const struct registry_spec *spec)
{
    struct registry *registry = xcalloc(1, sizeof(*registry));
    registry->spec = *spec;
    registry->spec.dir = xstrdup(spec->dir);
    registry->spec.program = xstrdup(spec->program ? spec->program : "/proc/self/exe");
    registry->connections_fd = registry->questions_fd = -1;
    registry->tend = loop_timer_new(spec->loop, on_tend, registry);
    loop_timer_after(registry->tend, TEND_NS);
    return registry;
}

void registry_free(struct registry *registry)
{
    if (!registry)
        return;
    if (registry->child)
        loop_child_abandon(registry->child);
    close_all(registry);
    loop_timer_free(registry->tend);
    free((char *)(uintptr_t)registry->spec.dir);
    free((char *)(uintptr_t)registry->spec.program);
    free(registry);
}
