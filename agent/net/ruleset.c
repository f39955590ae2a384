#include "agent/net/ruleset.h"

#include "agent/net/nat_rules.h"
#include "agent/net/nft.h"
#include "common/base/log.h"
#include "common/base/map.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"
#include "common/loop/proc.h"

#include <errno.h>
#include <stdio.h>

#define NFT_RETRY_NS (30 * NS_PER_S)
#define NFT_LIMIT_NS (10 * NS_PER_S)

struct ruleset {
    struct loop *loop;
    struct disk *disk;
    char *bridge, *cidr, *run_dir;
    struct port_map *ports;
    struct nft *kernel;
    struct proc_run *nft;
    struct loop_timer *retry;
    bool stale; /* what is being loaded is not what there is any more */
    bool plain; /* it is loaded without ports */
};

static void on_retry(void *ctx)
{
    ruleset_load(ctx);
}

struct ruleset *ruleset_new(struct loop *loop, const char *bridge, const char *cidr,
                            const char *run_dir)
{
    struct ruleset *r = xcalloc(1, sizeof(*r));
    r->loop = loop;
    r->disk = disk_posix();
    r->bridge = xstrdup(bridge);
    r->cidr = xstrdup(cidr);
    r->run_dir = xstrdup(run_dir);
    r->ports = port_map_new();
    r->kernel = nft_new();
    r->retry = loop_timer_new(loop, on_retry, r);
    return r;
}

void ruleset_free(struct ruleset *r)
{
    if (!r)
        return;
    proc_run_free(r->nft);
    loop_timer_free(r->retry);
    port_map_free(r->ports);
    nft_free(r->kernel);
    free(r->bridge);
    free(r->cidr);
    free(r->run_dir);
    free(r);
}

/* What the node sends to its own 127.0.0.1 may go to a pod. Never without the rule that keeps pods
 * from the node's loopback, which is part of the table. */
static void open_loopback(const struct ruleset *r)
{
    autofree char *path = xasprintf("/proc/sys/net/ipv4/conf/%s/route_localnet", r->bridge);
    FILE *f = port_map_is_empty(r->ports) ? NULL : fopen(path, "we");
    bool written = !f || fputs("1\n", f) >= 0;
    if ((f && fclose(f) != 0) || !written)
        log_warn("127.0.0.1 does not lead to pods: cannot write %s", path);
}

static void run_nft(struct ruleset *r);

static void nft_done(void *ctx, int status, const char *output, size_t len)
{
    struct ruleset *r = ctx;
    r->nft = NULL;
    if (status == 0) {
        if (!r->plain)
            open_loopback(r);
        if (r->stale)
            ruleset_load(r);
        return;
    }
    autofree char *text = xstrndup(output, len);
    log_error("nft refused the base ruleset, %s: status=%s output=%s",
              r->plain ? "pods cannot reach the outside" : "no port of the node leads to a pod",
              proc_status_text(status), log_quote(text));
    if (r->plain) {
        loop_timer_after(r->retry, NFT_RETRY_NS);
        return;
    }
    r->plain = true; /* a kernel may lack what ports need: fib, concatenations */
    run_nft(r);
}

static void run_nft(struct ruleset *r)
{
    struct err err = {0};
    autofree char *path = xasprintf("%s/base.nft", r->run_dir);
    autofree char *rules = nat_rules_text(r->bridge, r->cidr, r->plain ? NULL : r->ports);
    const char *argv[] = {"nft", "-f", path, NULL};
    const struct proc_spec spec = {
        .path = "nft", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1};
    int rc = r->disk->replace(r->disk, path, rules, strlen(rules), 0600, &err);
    if (rc == 0)
        rc = proc_run_new(r->loop, &spec, 4096, NFT_LIMIT_NS, nft_done, r, &r->nft, &err);
    if (rc < 0) {
        log_error("nft not run, pods cannot reach the outside: error=%s", log_quote(err.msg));
        loop_timer_after(r->retry, NFT_RETRY_NS);
    }
}

void ruleset_load(struct ruleset *r)
{
    r->stale = r->nft != NULL;
    if (r->nft)
        return;
    r->plain = false;
    run_nft(r);
}

struct nft_end {
    struct loop *loop;
    int status;
};

static void nft_ended(void *ctx, int status, const char *output, size_t len)
{
    struct nft_end *end = ctx;
    (void)output;
    (void)len;
    end->status = status;
    loop_stop(end->loop, 0);
}

/* A loop of its own, so that teardown waits for nft, but never for ever. A table that is not there
 * is nft's only complaint that is expected; without nft there is no table. */
void ruleset_close(struct ruleset *r)
{
    autofree char *table = nat_rules_table(r->bridge);
    const char *argv[] = {"nft", "delete", "table", "ip", table, NULL};
    const struct proc_spec spec = {
        .path = "nft", .argv = argv, .fd_in = -1, .fd_out = -1, .fd_err = -1};
    struct nft_end end = {0};
    struct proc_run *run = NULL;
    struct err err = {0};
    if (loop_new(loop_clock(r->loop), &end.loop, &err) < 0)
        return;
    if (proc_run_new(end.loop, &spec, 4096, NFT_LIMIT_NS, nft_ended, &end, &run, &err) == 0)
        (void)loop_run(end.loop);
    loop_free(end.loop);
    if (end.status == -1)
        log_warn("nft does not end: table %s may be left", table);
}

/* ---- Ports: a small file for each pod that has some ---- */

static char *port_file(const struct ruleset *r, const char *uid)
{
    return xasprintf("%s/ports/%s", r->run_dir, uid);
}

static void change(struct ruleset *r, const char *uid, uint32_t address,
                   const struct host_ports *ports)
{
    cleanup(port_rules_done) struct port_rules gone = {0}, come = {0};
    autofree char *table = nat_rules_table(r->bridge);
    struct err err = {0};
    port_map_set(r->ports, uid, address, ports, &gone, &come);
    if (gone.count + come.count == 0)
        return;
    if (r->nft) { /* what it loads is of before */
        r->stale = true;
    } else if (nft_change_ports(r->kernel, table, &gone, &come, &err) < 0) {
        log_info("the ruleset is loaded anew: pod=%s error=%s", uid, log_quote(err.msg));
        ruleset_load(r);
    } else {
        open_loopback(r);
    }
}

int ruleset_set_ports(struct ruleset *r, const char *uid, uint32_t address,
                      const struct host_ports *ports, struct err *err)
{
    if (ports->count == 0) {
        ruleset_drop_ports(r, uid);
        return 0;
    }
    autofree char *dir = xasprintf("%s/ports", r->run_dir);
    autofree char *path = port_file(r, uid);
    cleanup(buf_done) struct buf text;
    buf_init(&text, PORT_FILE_MAX);
    port_file_format(ports, &text);
    int rc = r->disk->mkdirs(r->disk, dir, 0700, err);
    if (rc == 0)
        rc = r->disk->replace(r->disk, path, text.data, text.len, 0600, err);
    if (rc == 0)
        change(r, uid, address, ports);
    return rc;
}

void ruleset_drop_ports(struct ruleset *r, const char *uid)
{
    autofree char *path = port_file(r, uid);
    struct err err = {0};
    struct disk_stat stat;
    if (r->disk->stat(r->disk, path, &stat, NULL) == 0 && r->disk->remove(r->disk, path, &err) < 0)
        log_warn("a pod's ports not removed: error=%s", log_quote(err.msg));
    change(r, uid, 0, NULL);
}

struct recall {
    struct ruleset *ruleset;
    ruleset_pod_fn *fn;
    void *ctx;
    struct map *lost;
};

static int see_file(void *ctx, const char *uid, enum disk_type type)
{
    struct recall *recall = ctx;
    struct ruleset *r = recall->ruleset;
    autofree char *path = port_file(r, uid);
    cleanup(host_ports_done) struct host_ports ports = {0};
    cleanup(port_rules_done) struct port_rules gone = {0}, come = {0};
    cleanup(buf_done) struct buf text;
    uint32_t address = 0;
    buf_init(&text, 0);
    if (type != DISK_FILE || !recall->fn(recall->ctx, uid, &address) ||
        r->disk->read(r->disk, path, PORT_FILE_MAX, &text, NULL) < 0 ||
        port_file_parse(buf_str(&text), &ports) < 0)
        (void)map_put(recall->lost, uid, recall);
    else
        port_map_set(r->ports, uid, address, &ports, &gone, &come);
    return 0;
}

int ruleset_recall(struct ruleset *r, ruleset_pod_fn *fn, void *ctx, struct err *err)
{
    autofree char *dir = xasprintf("%s/ports", r->run_dir);
    struct recall recall = {r, fn, ctx, map_new()};
    struct disk_stat stat;
    int rc = 0;
    if (r->disk->stat(r->disk, dir, &stat, NULL) == 0)
        rc = r->disk->list(r->disk, dir, see_file, &recall, err);
    const char *uid;
    for (size_t i = 0; map_next(recall.lost, &i, &uid, NULL);) {
        autofree char *path = port_file(r, uid);
        (void)r->disk->remove(r->disk, path, NULL);
    }
    map_free(recall.lost, NULL);
    return rc;
}
