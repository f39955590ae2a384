#include "agent/net/firewall.h"

#include "agent/net/forward.h"
#include "common/base/buf.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <sys/mman.h>

#define LIMIT_NS (10 * NS_PER_S)
#define LISTING_MAX ((size_t)256 * 1024)
#define LEGACY_TABLES "/proc/net/ip_tables_names"

/* One after the other; each goes by what the one before has found. */
enum step { LOOK, LIST, LIST_DOCKER_USER, WRITE, END };

struct firewall {
    struct loop *loop;
    char *bridge, *cidr;
    bool closing;
    enum step step;
    struct buf listing; /* of `iptables -S` */
    struct proc_run *run;
    void (*done)(void *ctx); /* NULL: nobody waits */
    void *ctx;
};

static void run_step(struct firewall *f, enum step step);

struct firewall *firewall_new(struct loop *loop, const char *bridge, const char *cidr)
{
    struct firewall *f = xcalloc(1, sizeof(*f));
    f->loop = loop;
    f->bridge = xstrdup(bridge);
    f->cidr = xstrdup(cidr);
    buf_init(&f->listing, 0);
    return f;
}

void firewall_free(struct firewall *f)
{
    if (!f)
        return;
    proc_run_free(f->run);
    buf_done(&f->listing);
    free(f->bridge);
    free(f->cidr);
    free(f);
}

static void fail(const struct firewall *f, const char *output)
{
    autofree char *why = xstrndup(output, strcspn(output, "\n"));
    if (f->closing)
        log_warn("rules of ours may be left in the table filter: error=%s", log_quote(why));
    else
        log_error("another firewall drops what it does not know, pods may not reach the outside: "
                  "table=filter chain=FORWARD error=%s",
                  log_quote(why));
}

/* The table of the older kind, which nft does not see; asking iptables itself would make it. */
static bool has_legacy_table(void)
{
    cleanup(buf_done) struct buf names;
    buf_init(&names, 0);
    (void)disk_posix()->read(disk_posix(), LEGACY_TABLES, 4096, &names, NULL);
    return str_has_prefix(buf_str(&names), "filter\n") || strstr(buf_str(&names), "\nfilter\n");
}

/* What comes after a step that went well. */
static enum step next_step(const struct firewall *f, const char *output)
{
    switch (f->step) {
    case LOOK:
        return f->closing || strstr(output, "policy drop") ? LIST : END;
    case LIST:
        if (!f->closing && !forward_is_closed(output))
            return END;
        return forward_has_docker_user(output) ? LIST_DOCKER_USER : WRITE;
    case LIST_DOCKER_USER:
        return WRITE;
    case WRITE:
    case END:
        break;
    }
    return END;
}

static void step_done(void *ctx, int status, const char *output, size_t len)
{
    struct firewall *f = ctx;
    (void)len;
    f->run = NULL;
    if (status != 0 && f->step != LOOK) /* there is no such chain: it drops nothing */
        fail(f, str_empty(output) ? proc_status_text(status) : output);
    if (f->step == LIST || f->step == LIST_DOCKER_USER)
        (void)buf_addstr(&f->listing, output);
    run_step(f, status == 0 ? next_step(f, output) : END);
}

static const char *const programs[][8] = {
    [LOOK] = {"nft", "list", "chain", "ip", "filter", "FORWARD"},
    [LIST] = {"iptables", "-w", "5", "-S", "FORWARD"},
    [LIST_DOCKER_USER] = {"iptables", "-w", "5", "-S", "DOCKER-USER"},
    [WRITE] = {"iptables-restore", "-w", "5", "--noflush"},
};

/* A descriptor to read the script from; -ENODATA: there is nothing to be written. */
static int write_script(const struct firewall *f, struct err *err)
{
    autofree char *script = f->closing
                                ? forward_close_script(buf_str(&f->listing), f->bridge)
                                : forward_open_script(buf_str(&f->listing), f->bridge, f->cidr);
    if (!script)
        return -ENODATA;
    autoclose int fd = memfd_create("rules", MFD_CLOEXEC);
    if (fd < 0 || pwrite(fd, script, strlen(script), 0) != (ssize_t)strlen(script))
        return err_errno(err, errno, "memory file");
    return steal_fd(&fd);
}

static void end(struct firewall *f)
{
    buf_done(&f->listing);
    if (f->done)
        f->done(f->ctx);
}

static void run_step(struct firewall *f, enum step step)
{
    struct err err = {0};
    autoclose int in = step == WRITE ? write_script(f, &err) : -1;
    int rc = step == WRITE && in < 0 ? in : 0;
    f->step = step;
    if (step == END || rc == -ENODATA) {
        end(f);
        return;
    }
    const struct proc_spec spec = {
        .path = programs[step][0], .argv = programs[step], .fd_in = in, .fd_out = -1, .fd_err = -1};
    if (rc == 0)
        rc = proc_run_new(f->loop, &spec, LISTING_MAX, LIMIT_NS, step_done, f, &f->run, &err);
    if (rc < 0) {
        if (step != LOOK) /* without nft there are no rules of ours at all, which was said */
            fail(f, err.msg);
        end(f);
    }
}

void firewall_open(struct firewall *f)
{
    if (!f->run)
        run_step(f, has_legacy_table() ? LIST : LOOK);
}

static void closed(void *ctx)
{
    loop_stop(ctx, 0);
}

/* On a loop of its own, so that it is waited for. */
void firewall_close(struct firewall *f)
{
    struct loop *loop = NULL;
    if (loop_new(loop_clock(f->loop), &loop, NULL) < 0)
        return;
    struct firewall *closing = firewall_new(loop, f->bridge, f->cidr);
    closing->closing = true;
    closing->done = closed;
    closing->ctx = loop;
    run_step(closing, has_legacy_table() ? LIST : LOOK);
    (void)loop_run(loop);
    firewall_free(closing);
    loop_free(loop);
}
