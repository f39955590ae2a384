#include "controller/gateway/gateway.h"

#include "common/base/log.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static void help(FILE *to)
{
    fputs("limpet-controller runs a gateway: API, store, scheduler and the broker of its nodes.\n\n"
          "Usage: limpet-controller [--config FILE] [--log-level LEVEL]\n\n"
          "Options:\n"
          "  --config FILE      configuration (default " CONFIG_FILE ", which may be missing)\n"
          "  --log-level LEVEL  error, warn, info (default) or debug\n"
          "  -h, --help         this text\n"
          "  --version          the version\n\n"
          "It runs in the foreground until SIGTERM or SIGINT. See limpet-controller(8).\n",
          to);
}

struct running {
    struct loop *loop;
    struct gateway *gateway;
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
    gateway_stop(running->gateway, stopped, running);
}

static int run(const struct config *config, struct err *err)
{
    struct running r = {0};
    struct loop_signal *term = NULL, *interrupt = NULL;
    signal(SIGPIPE, SIG_IGN);
    int rc = loop_new(clock_system(), &r.loop, err);
    if (rc == 0)
        rc = gateway_new(r.loop, config, &r.gateway, err);
    if (rc == 0)
        rc = loop_signal_new(r.loop, SIGTERM, stop_asked, &r, &term, err);
    if (rc == 0)
        rc = loop_signal_new(r.loop, SIGINT, stop_asked, &r, &interrupt, err);
    if (rc == 0)
        rc = loop_run(r.loop);
    gateway_free(r.gateway);
    loop_signal_free(term);
    loop_signal_free(interrupt);
    loop_free(r.loop);
    return rc;
}

int main(int argc, char **argv)
{
    enum { OPT_CONFIG = 256, OPT_LEVEL, OPT_VERSION };
    static const struct option options[] = {
        {"config", required_argument, NULL, OPT_CONFIG},
        {"log-level", required_argument, NULL, OPT_LEVEL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
    };
    const char *file = CONFIG_FILE;
    bool given = false;
    enum log_level level = LOG_LEVEL_INFO;
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        switch (c) {
        case OPT_CONFIG:
            file = optarg;
            given = true;
            break;
        case OPT_LEVEL:
            if (log_level_parse(optarg, &level) < 0) {
                fprintf(stderr, "limpet-controller: no such log level: %s\n", optarg);
                return 2;
            }
            break;
        case OPT_VERSION:
            puts("limpet-controller " LIMPET_VERSION);
            return 0;
        case 'h':
            help(stdout);
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc) {
        fprintf(stderr, "limpet-controller: unexpected argument: %s\n", argv[optind]);
        return 2;
    }
    log_set_level(level);
    struct config *config = NULL;
    struct err err = {0};
    int rc = config_load(file, given, &config, &err);
    if (rc == 0)
        rc = run(config, &err);
    if (rc < 0)
        fprintf(stderr, "limpet-controller: %s\n", err.msg);
    config_free(config);
    return rc < 0 ? 1 : 0;
}
