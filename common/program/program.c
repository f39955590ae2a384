#include "common/program/program.h"

#include "common/base/buf.h"
#include "common/base/cleanup.h"
#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/fs/disk.h"

#include <errno.h>
#include <getopt.h>

static int set_level(const struct program *program, const char *name)
{
    enum log_level level;
    if (log_level_parse(name, &level) < 0) {
        fprintf(stderr, "%s: no such log level: %s\n", program->name, name);
        return 2;
    }
    log_set_level(level);
    return -1;
}

int program_parse(const struct program *program, int argc, char **argv, struct program_args *ret)
{
    enum { OPT_CONFIG = 256, OPT_LEVEL, OPT_VERSION };
    static const struct option options[] = {
        {"config", required_argument, NULL, OPT_CONFIG},
        {"log-level", required_argument, NULL, OPT_LEVEL},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, OPT_VERSION},
        {NULL, 0, NULL, 0},
    };
    *ret = (struct program_args){.config_file = program->config_file};
    optind = 0; /* from the beginning, each time */
    int code = -1;
    for (int c; code < 0 && (c = getopt_long(argc, argv, "+h", options, NULL)) != -1;) {
        switch (c) {
        case OPT_CONFIG:
            ret->config_file = optarg;
            ret->config_given = true;
            break;
        case OPT_LEVEL:
            code = set_level(program, optarg);
            break;
        case OPT_VERSION:
            printf("%s %s\n", program->name, LIMPET_VERSION);
            code = 0;
            break;
        case 'h':
            program->help(stdout);
            code = 0;
            break;
        default:
            fprintf(stderr, "Try '%s --help'.\n", program->name);
            code = 2;
        }
    }
    ret->next = optind;
    return code;
}

void *program_config_load(const struct program_config *type, const char *file, bool required,
                          struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, SETTINGS_MAX);
    struct disk *disk = disk_posix();
    int rc = disk->read(disk, file, SETTINGS_MAX, &text, err);
    if (rc < 0 && (required || rc != -ENOENT))
        return NULL;
    autofree void *config = xcalloc(1, type->size);
    if (settings_read(type->settings, type->count, config, file, text.data, text.len, err) < 0)
        return NULL;
    type->complete(config);
    return steal(config);
}

void program_config_free(const struct program_config *type, void *config)
{
    if (!config)
        return;
    settings_done(type->settings, type->count, config);
    free(config);
}

void program_config_default(char **string, char *text)
{
    if (!str_empty(*string)) {
        free(text);
        return;
    }
    free(*string);
    *string = text;
}
