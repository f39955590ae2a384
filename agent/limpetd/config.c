#include "agent/limpetd/config.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/data/diag.h"
#include "common/data/yaml.h"
#include "common/fs/disk.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <unistd.h>

#define CONFIG_MAX (64 * 1024)

enum key_type { KEY_STRING, KEY_NUMBER, KEY_STRINGS };

static const struct config_key {
    const char *name;
    enum key_type type;
    size_t offset;
    const char *def; /* strings */
    int64_t number, min, max;
} keys[] = {
    {"node", KEY_STRING, offsetof(struct config, node), "", 0, 0, 0},
    {"gateway", KEY_STRING, offsetof(struct config, gateway), "", 0, 0, 0},
    {"busPort", KEY_NUMBER, offsetof(struct config, bus_port), NULL, 8883, 1, 65535},
    {"enrollPort", KEY_NUMBER, offsetof(struct config, enroll_port), NULL, 8884, 1, 65535},
    {"beatSeconds", KEY_NUMBER, offsetof(struct config, beat_s), NULL, 10, 1, 3600},
    {"manifestDir", KEY_STRING, offsetof(struct config, manifest_dir), "/etc/limpet/manifests", 0,
     0, 0},
    {"stateDir", KEY_STRING, offsetof(struct config, state_dir), "/var/lib/limpet", 0, 0, 0},
    {"runDir", KEY_STRING, offsetof(struct config, run_dir), "/run/limpet", 0, 0, 0},
    {"logDir", KEY_STRING, offsetof(struct config, log_dir), "/var/log/limpet", 0, 0, 0},
    {"cgroup", KEY_STRING, offsetof(struct config, cgroup), "limpet", 0, 0, 0},
    {"bridge", KEY_STRING, offsetof(struct config, bridge), "limpet0", 0, 0, 0},
    {"podCIDR", KEY_STRING, offsetof(struct config, pod_cidr), "10.42.0.0/24", 0, 0, 0},
    {"libexecDir", KEY_STRING, offsetof(struct config, libexec_dir), LIMPET_LIBEXEC, 0, 0, 0},
    {"bootIdFile", KEY_STRING, offsetof(struct config, boot_id_file),
     "/proc/sys/kernel/random/boot_id", 0, 0, 0},
    {"registryCADir", KEY_STRING, offsetof(struct config, registry_ca_dir), "", 0, 0, 0},
    {"insecureRegistries", KEY_STRINGS, offsetof(struct config, insecure_registries), NULL, 0, 0,
     0},
};

static void *field(struct config *config, const struct config_key *key)
{
    return (char *)config + key->offset;
}

static char *host_name(void)
{
    char name[256] = "localhost";
    (void)gethostname(name, sizeof(name) - 1);
    for (char *p = name; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    return xstrdup(name);
}

static struct config *config_default(void)
{
    struct config *config = xcalloc(1, sizeof(*config));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].type == KEY_STRING)
            *(char **)field(config, &keys[i]) = xstrdup(keys[i].def);
        else if (keys[i].type == KEY_NUMBER)
            *(int64_t *)field(config, &keys[i]) = keys[i].number;
        else
            *(char ***)field(config, &keys[i]) = xcalloc(1, sizeof(char *));
    }
    return config;
}

static void free_strings(char **strings)
{
    for (size_t i = 0; strings && strings[i]; i++)
        free(strings[i]);
    free(strings);
}

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (keys[i].type == KEY_STRING)
            free(*(char **)field(config, &keys[i]));
        else if (keys[i].type == KEY_STRINGS)
            free_strings(*(char ***)field(config, &keys[i]));
    }
    free(config);
}

static bool set_strings(char ***to, const struct value *list)
{
    if (value_type(list) != VALUE_LIST)
        return false;
    char **strings = xcalloc(value_len(list) + 1, sizeof(char *));
    for (size_t i = 0; i < value_len(list); i++) {
        const char *s = value_str(value_at(list, i));
        if (!s) {
            free_strings(strings);
            return false;
        }
        strings[i] = xstrdup(s);
    }
    free_strings(*to);
    *to = strings;
    return true;
}

static void set_key(struct config *config, const struct config_key *key, const struct value *value,
                    struct diags *diags)
{
    int line = value_line(value);
    if (key->type == KEY_STRING) {
        char **to = field(config, key);
        if (!value_str(value)) {
            diags_add(diags, line, key->name, "FieldValueTypeInvalid", "must be a string");
            return;
        }
        free(*to);
        *to = xstrdup(value_str(value));
    } else if (key->type == KEY_NUMBER) {
        int64_t n = value_int(value, key->min - 1);
        if (n < key->min || n > key->max)
            diags_add(diags, line, key->name, "FieldValueInvalid", "must be a number %lld-%lld",
                      (long long)key->min, (long long)key->max);
        else
            *(int64_t *)field(config, key) = n;
    } else if (!set_strings(field(config, key), value)) {
        diags_add(diags, line, key->name, "FieldValueTypeInvalid", "must be a list of strings");
    }
}

static void set_all(struct config *config, const struct value *doc, struct diags *diags)
{
    if (value_type(doc) != VALUE_MAP) {
        diags_add(diags, value_line(doc), "", "FieldValueTypeInvalid", "must be a map");
        return;
    }
    for (size_t i = 0; i < value_len(doc); i++) {
        const char *name = value_key_at(doc, i);
        size_t k = 0;
        while (k < ARRAY_LEN(keys) && !str_eq(keys[k].name, name))
            k++;
        if (k < ARRAY_LEN(keys))
            set_key(config, &keys[k], value_at(doc, i), diags);
        else
            diags_add(diags, value_key_line_at(doc, i), name, "FieldUnknown", "unknown key");
    }
}

int config_load(const char *file, int required, struct config **ret, struct err *err)
{
    cleanup(buf_done) struct buf text;
    buf_init(&text, CONFIG_MAX);
    struct disk *disk = disk_posix();
    int rc = disk->read(disk, file, CONFIG_MAX, &text, err);
    if (rc < 0 && (required || rc != -ENOENT))
        return rc;
    struct config *config = config_default();
    cleanup(diags_done) struct diags diags;
    diags_init(&diags);
    cleanup(value_free) struct value *doc = NULL;
    if (text.len > 0 && yaml_parse(text.data, text.len, &doc, &diags) == 0)
        set_all(config, doc, &diags);
    if (diags.count > 0) {
        cleanup(buf_done) struct buf lines;
        buf_init(&lines, 0);
        diags_print(&diags, file, &lines);
        config_free(config);
        return err_set(err, -EINVAL, "%.*s", (int)strcspn(buf_str(&lines), "\n"), buf_str(&lines));
    }
    if (str_empty(config->node)) {
        free(config->node);
        config->node = host_name();
    }
    *ret = config;
    return 0;
}
