#include "agent/image/manifest.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <stdio.h>

#define CONFIG_MAX_ITEMS 4096
#define RTMIN 34 /* SIGRTMIN as libc counts it */

/* The numbers of Linux on every processor we build for. */
static const struct {
    const char *name;
    int number;
} signals[] = {
    {"HUP", 1},     {"INT", 2},   {"QUIT", 3},   {"ILL", 4},   {"TRAP", 5},  {"ABRT", 6},
    {"BUS", 7},     {"FPE", 8},   {"KILL", 9},   {"USR1", 10}, {"SEGV", 11}, {"USR2", 12},
    {"PIPE", 13},   {"ALRM", 14}, {"TERM", 15},  {"CHLD", 17}, {"CONT", 18}, {"STOP", 19},
    {"TSTP", 20},   {"TTIN", 21}, {"TTOU", 22},  {"URG", 23},  {"XCPU", 24}, {"XFSZ", 25},
    {"VTALRM", 26}, {"PROF", 27}, {"WINCH", 28}, {"IO", 29},   {"PWR", 30},  {"SYS", 31},
};

int image_stop_signal(const char *text, int *ret, struct err *err)
{
    uint64_t number = 0;
    *ret = 0;
    if (str_empty(text))
        return 0;
    const char *name = str_has_prefix(text, "SIG") ? text + 3 : text;
    if (str_to_u64(text, &number) == 0 && number >= 1 && number <= 64) {
        *ret = (int)number;
        return 0;
    }
    if (str_has_prefix(name, "RTMIN+") && str_to_u64(name + 6, &number) == 0 && number <= 30) {
        *ret = RTMIN + (int)number;
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (str_eq(signals[i].name, name))
            *ret = signals[i].number;
    if (*ret == 0)
        return err_set(err, -EINVAL, "StopSignal \"%.40s\" is not a signal", text);
    return 0;
}

/* A missing list is an empty one. */
static int parse_strings(const struct value *list, const char *what, char ***ret, struct err *err)
{
    size_t count = value_len(list);
    if (list && value_type(list) != VALUE_LIST && value_type(list) != VALUE_NULL)
        return err_set(err, -EINVAL, "%s is not a list", what);
    if (count > CONFIG_MAX_ITEMS)
        return err_set(err, -EINVAL, "%s has %zu items, more than %d", what, count,
                       CONFIG_MAX_ITEMS);
    *ret = xcalloc(count + 1, sizeof(**ret));
    for (size_t i = 0; i < count; i++) {
        const char *s = value_str(value_at(list, i));
        if (!s)
            return err_set(err, -EINVAL, "%s[%zu] is not a string", what, i);
        (*ret)[i] = xstrdup(s);
    }
    return 0;
}

static int parent_step(void *ctx, const char *piece, size_t len)
{
    (void)ctx;
    return len == 2 && memcmp(piece, "..", 2) == 0;
}

/* The keys of a map; each an absolute path that stays where it says (CVE-2022-23648). */
static int parse_volumes(const struct value *map, char ***ret, struct err *err)
{
    size_t count = value_type(map) == VALUE_MAP ? value_len(map) : 0;
    if (count > CONFIG_MAX_ITEMS)
        return err_set(err, -EINVAL, "Volumes has %zu items, more than %d", count,
                       CONFIG_MAX_ITEMS);
    *ret = xcalloc(count + 1, sizeof(**ret));
    for (size_t i = 0; i < count; i++) {
        const char *path = value_key_at(map, i);
        bool bad = path[0] != '/' || str_split(path, '/', parent_step, NULL);
        if (bad && !WEAKENED(IMAGE_VOLUME_PATH))
            return err_set(err, -EINVAL, "volume \"%.100s\" is not an absolute path without \"..\"",
                           path);
        (*ret)[i] = xstrdup(path);
    }
    return 0;
}

static int parse_diff_ids(const struct value *doc, size_t layers, struct image_config *config,
                          struct err *err)
{
    const struct value *list = value_path(doc, "rootfs", "diff_ids", NULL);
    size_t count = value_len(list);
    if (value_type(list) != VALUE_LIST || count != layers)
        return err_set(err, -EINVAL, "rootfs.diff_ids has %zu items, the manifest %zu layers",
                       count, layers);
    config->diff_ids = xcalloc(count + 1, sizeof(*config->diff_ids));
    for (size_t i = 0; i < count; i++) {
        const char *id = value_str(value_at(list, i));
        if (!digest_valid(id))
            return err_set(err, -EINVAL, "rootfs.diff_ids[%zu] is not sha256: and 64 digits", i);
        snprintf(config->diff_ids[i], sizeof(config->diff_ids[i]), "%.71s", id);
    }
    config->diff_id_count = count;
    return 0;
}

static char *text_of(const struct value *map, const char *key)
{
    const char *s = value_get_str(map, key);
    return xstrdup(s ? s : "");
}

static int parse_run(const struct value *run, struct image_config *config, struct err *err)
{
    config->user = text_of(run, "User");
    config->workdir = text_of(run, "WorkingDir");
    int rc = parse_strings(value_get(run, "Env"), "Env", &config->env, err);
    if (rc == 0)
        rc = parse_strings(value_get(run, "Entrypoint"), "Entrypoint", &config->entrypoint, err);
    if (rc == 0)
        rc = parse_strings(value_get(run, "Cmd"), "Cmd", &config->cmd, err);
    if (rc == 0)
        rc = parse_volumes(value_get(run, "Volumes"), &config->volumes, err);
    if (rc == 0)
        rc = image_stop_signal(value_get_str(run, "StopSignal"), &config->stop_signal, err);
    return rc;
}

static void set_field(char *to, size_t size, const struct value *doc, const char *key)
{
    const char *s = value_get_str(doc, key);
    snprintf(to, size, "%s", s ? s : "");
}

int image_config_parse(const char *text, size_t len, size_t layers, struct image_config **ret,
                       struct err *err)
{
    if (len > MANIFEST_MAX_BYTES)
        return err_set(err, -EINVAL, "config of %zu bytes, more than %d", len, MANIFEST_MAX_BYTES);
    cleanup(value_free) struct value *doc = NULL;
    if (json_parse(text, len, &doc, err) < 0)
        return err_wrap(err, "config");
    if (value_type(doc) != VALUE_MAP)
        return err_set(err, -EINVAL, "config: not a map");
    cleanup(image_config_free) struct image_config *config = xcalloc(1, sizeof(*config));
    set_field(config->platform.os, sizeof(config->platform.os), doc, "os");
    set_field(config->platform.arch, sizeof(config->platform.arch), doc, "architecture");
    set_field(config->platform.variant, sizeof(config->platform.variant), doc, "variant");
    int rc = parse_diff_ids(doc, layers, config, err);
    if (rc == 0)
        rc = parse_run(value_get(doc, "config"), config, err);
    if (rc < 0)
        return err_wrap(err, "config");
    *ret = steal(config);
    return 0;
}

static void free_list(char **list)
{
    for (size_t i = 0; list && list[i]; i++)
        free(list[i]);
    free(list);
}

void image_config_free(struct image_config *config)
{
    if (!config)
        return;
    free(config->user);
    free(config->workdir);
    free_list(config->env);
    free_list(config->entrypoint);
    free_list(config->cmd);
    free_list(config->volumes);
    free(config->diff_ids);
    free(config);
}
