#include "agent/pod/selinux_ask.h"

#include "agent/pod/containers.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PROCESS "system_u:system_r:container_t:s0"
#define FILES "system_u:object_r:container_file_t:s0"
#define UNCONFINED "spc_t" /* super-privileged containers */
#define CATEGORIES 1024

enum part { PART_USER, PART_ROLE, PART_TYPE, PART_LEVEL, PARTS };
static const char *const options[PARTS] = {"user", "role", "type", "level"};

char *selinux_setting(const char *text, const char *key, const char *otherwise)
{
    for (const char *line = text; line && *line; line += *line == '\n') {
        size_t len = strcspn(line, "\n");
        const char *end = line + len, *p = line + strspn(line, " \t");
        size_t name = strlen(key);
        if (strncmp(p, key, name) == 0) {
            p += name;
            p += strspn(p, " \t");
            if (*p == '=' && (p += 1 + strspn(p + 1, " \t\""), p < end))
                return xstrndup(p, strcspn(p, "\" \t\r\n"));
        }
        line = end;
    }
    return xstrdup(otherwise);
}

struct selinux_defaults selinux_defaults(const char *lxc_contexts, bool levels)
{
    return (struct selinux_defaults){.process = selinux_setting(lxc_contexts, "process", PROCESS),
                                     .files = selinux_setting(lxc_contexts, "file", FILES),
                                     .levels = levels};
}

void selinux_defaults_done(struct selinux_defaults *defaults)
{
    free(defaults->process);
    free(defaults->files);
}

void selinux_labels_done(struct selinux_labels *labels)
{
    free(labels->process);
    free(labels->files);
}

/* A label is taken to pieces in place; all after the third colon is the level. */
struct label {
    char *text;
    const char *parts[PARTS];
};

static struct label label_read(const char *text)
{
    struct label label = {.text = xstrdup(text)};
    char *at = label.text;
    for (size_t i = 0; i < PARTS; i++) {
        label.parts[i] = at;
        char *colon = i < PART_LEVEL ? strchr(at, ':') : NULL;
        at = colon ? colon + 1 : at + strlen(at);
        if (colon)
            *colon = '\0';
    }
    return label;
}

static char *label_print(struct label *label, bool levels)
{
    const char *const *p = label->parts;
    bool level = levels && !str_empty(p[PART_LEVEL]);
    char *text = xasprintf("%s:%s:%s%s%s", p[PART_USER], p[PART_ROLE], p[PART_TYPE],
                           level ? ":" : "", level ? p[PART_LEVEL] : "");
    free(label->text);
    return text;
}

/* Two categories that hardly another pod of the node has: one of 523,776 pairs, the same for as
 * long as the pod is there. */
static char *own_level(const char *sensitivity, const char *pod_uid)
{
    uint8_t digest[SHA256_LEN];
    sha256(pod_uid, WEAKENED(SELINUX_LEVEL) ? 0 : strlen(pod_uid), digest);
    unsigned a = (digest[0] | (unsigned)digest[1] << 8) % CATEGORIES;
    unsigned b = (digest[2] | (unsigned)digest[3] << 8) % (CATEGORIES - 1);
    b += b >= a;
    return xasprintf("%.*s:c%u,c%u", (int)strcspn(sensitivity, ":-"), sensitivity, a < b ? a : b,
                     a < b ? b : a);
}

static const struct value *options_of(const struct value *object)
{
    return value_path(object, "securityContext", "seLinuxOptions", NULL);
}

static bool has(const struct value *said, enum part part)
{
    return !str_empty(value_get_str(said, options[part]));
}

bool selinux_is_asked(const struct value *spec)
{
    bool asked = value_len(options_of(spec)) > 0;
    for (size_t i = 0; i < containers_count_all(spec); i++)
        asked |= value_len(options_of(containers_at(spec, i, NULL))) > 0;
    return asked;
}

/* The level of what the containers share: the pod's, else that of the first container that says
 * one. */
static const char *shared_level(const struct value *spec)
{
    const char *level = value_get_str(options_of(spec), options[PART_LEVEL]);
    for (size_t i = 0; str_empty(level) && i < containers_count(spec); i++)
        level = value_get_str(options_of(containers_at(spec, i, NULL)), options[PART_LEVEL]);
    return level;
}

static bool is_unconfined(const struct value *spec, const struct value *container)
{
    return value_bool(value_path(container, "securityContext", "privileged", NULL), false) ||
           value_get_bool(spec, "hostPID", false) || value_get_bool(spec, "hostIPC", false);
}

/* What is said of the process. */
static void put_options(const struct value *said, struct label *process)
{
    for (size_t i = 0; i < PART_LEVEL; i++)
        if (has(said, (enum part)i))
            process->parts[i] = value_get_str(said, options[i]);
}

struct selinux_labels selinux_asked(const struct selinux_defaults *defaults,
                                    const struct value *pod, const char *pod_uid,
                                    const struct value *container)
{
    const struct value *spec = value_get(pod, "spec");
    const struct value *own = options_of(container);
    const struct value *said = own ? own : options_of(spec);
    struct label process = label_read(defaults->process), files = label_read(defaults->files);
    autofree char *made = own_level(process.parts[PART_LEVEL], pod_uid);
    const char *level =
        has(own, PART_LEVEL) ? value_get_str(own, options[PART_LEVEL]) : shared_level(spec);
    bool unconfined = is_unconfined(spec, container);
    files.parts[PART_LEVEL] = str_empty(level) ? made : level;
    if (has(said, PART_USER))
        files.parts[PART_USER] = value_get_str(said, options[PART_USER]);
    if (unconfined)
        process.parts[PART_TYPE] = UNCONFINED;
    else {
        put_options(said, &process);
        process.parts[PART_LEVEL] = files.parts[PART_LEVEL];
    }
    struct selinux_labels labels = {.asked = value_len(said) > 0 && !unconfined,
                                    .process = label_print(&process, defaults->levels),
                                    .files = label_print(&files, defaults->levels)};
    /* Its message queues are the host's. */
    if (value_get_bool(spec, "hostIPC", false)) {
        free(labels.files);
        labels.files = NULL;
    }
    return labels;
}
