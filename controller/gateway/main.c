#include "controller/gateway/gateway.h"

#include "common/backup/box.h"
#include "common/program/args.h"
#include "common/program/notify.h"
#include "common/program/passphrase.h"
#include "common/program/program.h"
#include "controller/gateway/restore.h"
#include "controller/registry/worker.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static void help(FILE *to)
{
    fputs(
        "limpet-controller runs a gateway: API, store, scheduler and the broker of its nodes.\n\n"
        "Usage: limpet-controller [--config FILE] [--log-level LEVEL]\n"
        "       limpet-controller [--config FILE] restore FILE [--passphrase-file FILE] "
        "[--force]\n\n"
        "Options:\n"
        "  --config FILE      configuration (default " CONFIG_FILE ", which may be missing)\n"
        "  --log-level LEVEL  error, warn, info (default) or debug\n"
        "  -h, --help         this text\n"
        "  --version          the version\n\n"
        "restore makes a backup of 'limpet backup' the state of this gateway, which does not run; "
        "so does\n'limpet restore'. Otherwise it "
        "runs in the foreground until SIGTERM or SIGINT. See limpet-controller(8).\n",
        to);
}

struct running {
    struct loop *loop;
    struct gateway *gateway;
    struct notify *notify;
    bool stopping;
};

static void stopped(void *ctx)
{
    struct running *running = ctx;
    loop_stop(running->loop, 0);
}

static void stop_asked(void *ctx, int signo)
{
    (void)signo;
    struct running *running = ctx;
    notify_stopping(running->notify);
    if (running->stopping) /* asked twice: at once */
        stopped(running);
    else
        gateway_stop(running->gateway, stopped, running);
    running->stopping = true;
}

/* Each node and each watch is a descriptor: as many as the system allows. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(const struct config *config, const char *config_file, struct err *err)
{
    struct running r = {0};
    struct loop_signal *term = NULL, *interrupt = NULL;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    int rc = loop_new(clock_system(), &r.loop, err);
    if (rc == 0) {
        r.notify = notify_new(r.loop); /* before the broker is started */
        rc = gateway_new(r.loop, config, config_file, &r.gateway, err);
    }
    if (rc == 0)
        rc = loop_signal_new(r.loop, SIGTERM, stop_asked, &r, &term, err);
    if (rc == 0)
        rc = loop_signal_new(r.loop, SIGINT, stop_asked, &r, &interrupt, err);
    if (rc == 0) {
        notify_ready(r.notify); /* the API listens */
        rc = loop_run(r.loop);
    }
    gateway_free(r.gateway);
    notify_free(r.notify);
    loop_signal_free(term);
    loop_signal_free(interrupt);
    loop_free(r.loop);
    return rc;
}

struct restore_options {
    const char *passphrase_file;
    bool force;
};

static const struct arg_option restore_options[] = {
    {"passphrase-file", 0, ARG_STRING, offsetof(struct restore_options, passphrase_file), "FILE",
     "its first line is the passphrase", NULL},
    {"force", 0, ARG_FLAG, offsetof(struct restore_options, force), NULL,
     "move aside what is there", NULL},
    {0},
};

/* argv: what stands behind "restore". */
static int restore(const struct program_args *args, int argc, char **argv)
{
    struct restore_options o = {0};
    const struct arg_set sets[] = {{restore_options, &o}, {0}};
    struct err err = {0};
    int count = args_parse(sets, argc, argv, &err);
    if (count != 1) {
        fprintf(stderr, "limpet-controller: restore: %s\n",
                count < 0 ? err.msg : "say which one file");
        return 2;
    }
    struct buf passphrase;
    buf_init(&passphrase, 0);
    int rc = passphrase_get(o.passphrase_file, "Passphrase of the backup", false,
                            BOX_PASSPHRASE_MIN, &passphrase, &err);
    const struct restore_spec spec = {
        .file = argv[0],
        .config_file = args->config_file,
        .config_given = args->config_given,
        .passphrase = &passphrase,
        .force = o.force,
    };
    if (rc == 0)
        rc = restore_run(&spec, &err);
    passphrase_wipe(&passphrase);
    if (rc < 0)
        fprintf(stderr, "limpet-controller: not restored: %s\n", err.msg);
    return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    static const struct program program = {"limpet-controller", CONFIG_FILE, help};
    struct program_args args;
    int code = program_parse(&program, argc, argv, &args);
    if (code >= 0)
        return code;
    if (args.next < argc && strcmp(argv[args.next], "restore") == 0)
        return restore(&args, argc - args.next - 1, argv + args.next + 1);
    if (args.next < argc && strcmp(argv[args.next], "registry") == 0)
        return worker_main(argc - args.next - 1, argv + args.next + 1);
    if (args.next != argc) {
        fprintf(stderr, "limpet-controller: unexpected argument: %s\n", argv[args.next]);
        return 2;
    }
    struct err err = {0};
    struct config *config =
        program_config_load(&config_type, args.config_file, args.config_given, &err);
    bool good = config && run(config, args.config_file, &err) >= 0;
    if (!good)
        fprintf(stderr, "limpet-controller: %s\n", err.msg);
    program_config_free(&config_type, config);
    return good ? 0 : 1;
}
