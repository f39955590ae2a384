#include "agent/pod/env.h"

#include "agent/downward/pod_field.h"
#include "agent/downward/resource_field.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"

#include <errno.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

void strings_add(struct strings *strings, char *item)
{
    strings->items = xreallocarray(strings->items, strings->count + 2, sizeof(char *));
    strings->items[strings->count++] = item;
    strings->bytes += strlen(item) + 1;
    strings->items[strings->count] = NULL;
}

void strings_done(struct strings *strings)
{
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){0};
}

static bool has_key(const char *entry, const char *key, size_t key_len)
{
    return strncmp(entry, key, key_len) == 0 && entry[key_len] == '=';
}

static const char *lookup(const struct strings *env, const char *key, size_t key_len)
{
    for (size_t i = 0; i < env->named; i++)
        if (has_key(env->items[i], key, key_len))
            return env->items[i] + key_len + 1;
    return NULL;
}

/* Takes entry ("K=V"); replaces an older definition in its place. */
static void put(struct strings *env, char *entry)
{
    size_t key_len = strcspn(entry, "=");
    for (size_t i = 0; i < env->count; i++) {
        if (has_key(env->items[i], entry, key_len)) {
            env->bytes += strlen(entry) - strlen(env->items[i]);
            free(env->items[i]);
            env->items[i] = entry;
            return;
        }
    }
    strings_add(env, entry);
}

/* put() within what the kernel takes and the launch plan holds: a few lines that double each other
 * would else be gigabytes. */
static int put_text(struct strings *env, char *entry, struct err *err)
{
    if (env->bytes + strlen(entry) > ENV_TOTAL_MAX && !WEAKENED(ENV_TOTAL)) {
        free(entry);
        return err_set(err, -EINVAL, "the environment is larger than %d bytes", ENV_TOTAL_MAX);
    }
    put(env, entry);
    return 0;
}

/* From now on $(NAME) means it. */
static int put_own(struct strings *env, char *entry, struct err *err)
{
    int rc = put_text(env, entry, err);
    env->named = env->count;
    return rc;
}

/* Unless the pod itself defines it. */
static int put_below(struct strings *env, char *entry, struct err *err)
{
    if (!lookup(env, entry, strcspn(entry, "=")))
        return put_text(env, entry, err);
    free(entry);
    return 0;
}

/* unknown: gets the first name that env has not (borrowed from text, up to its bracket). */
static char *expand(const struct strings *env, const char *text, const char **unknown)
{
    cleanup(buf_done) struct buf out;
    buf_init(&out, WEAKENED(ENV_EXPAND) ? 0 : ENV_TEXT_MAX);
    for (const char *p = text; *p;) {
        const char *end = p[0] == '$' && p[1] == '(' ? strchr(p, ')') : NULL;
        const char *value = end ? lookup(env, p + 2, (size_t)(end - p - 2)) : NULL;
        size_t len =
            end ? (size_t)(end + 1 - p) : 1; /* as written: an unknown name to its bracket */
        int rc = value ? buf_addstr(&out, value) : buf_add(&out, p, len);
        if (rc < 0)
            return NULL;
        if (end && !value && !*unknown)
            *unknown = p + 2;
        p += p[0] == '$' && p[1] == '$' ? 2 : len;
    }
    return buf_steal(&out, NULL);
}

char *env_expand(const struct strings *env, const char *text)
{
    const char *unknown = NULL;
    return expand(env, text, &unknown);
}

char *env_expand_known(const struct strings *env, const char *text, struct err *err)
{
    const char *unknown = NULL;
    autofree char *expanded = expand(env, text, &unknown);
    if (unknown)
        (void)err_set(err, -EINVAL, "missing value for \"%.*s\"", (int)strcspn(unknown, ")"),
                      unknown);
    else if (!expanded)
        (void)err_set(err, -EINVAL, "larger than %d bytes", ENV_TEXT_MAX);
    return unknown ? NULL : steal(expanded);
}

/* The text of one key of a ConfigMap or Secret. Caller frees; NULL: the key is not there. */
static char *source_text(const char *kind, const struct value *source, const char *key)
{
    const char *text = value_get_str(value_get(source, "data"), key);
    if (!text)
        return NULL;
    if (!str_eq(kind, "Secret"))
        return xstrdup(text);
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (base64_decode(text, strlen(text), &bytes, &len) < 0)
        return NULL;
    return (char *)bytes;
}

static int not_found(const char *kind, const char *name, struct err *err)
{
    return err_set(err, -ENOENT, "%s \"%s\" not found",
                   str_eq(kind, "Secret") ? "secret" : "configmap", name);
}

/* valueFrom.configMapKeyRef and secretKeyRef. *ret stays NULL for an optional one that is not
 * there. */
static int from_key_ref(const struct env_input *in, const char *kind, const struct value *ref,
                        char **ret, struct err *err)
{
    const char *ns = object_namespace(in->pod);
    const char *name = value_get_str(ref, "name"), *key = value_get_str(ref, "key");
    bool optional = value_get_bool(ref, "optional", false);
    const struct value *source = in->source->find(in->source->ctx, kind, ns, name);
    if (source)
        *ret = source_text(kind, source, key);
    if (*ret || optional)
        return 0;
    if (!source)
        return not_found(kind, name, err);
    return err_set(err, -ENOENT, "couldn't find key %s in %s %s/%s", key, kind, ns, name);
}

static int from_field_ref(const struct env_input *in, const struct value *ref, char **ret,
                          struct err *err)
{
    const char *path = value_get_str(ref, "fieldPath");
    const struct {
        const char *path, *text;
    } fields[] = {
        {"spec.nodeName", in->node_name},
        {"spec.serviceAccountName",
         value_str(value_path(in->pod, "spec", "serviceAccountName", NULL))},
        /* One address family: each list has one. */
        {"status.hostIP", in->host_ip},
        {"status.hostIPs", in->host_ip},
        {"status.podIP", in->pod_ip},
        {"status.podIPs", in->pod_ip},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (str_eq(path, fields[i].path)) {
            *ret = xstrdup(fields[i].text ? fields[i].text : "");
            return 0;
        }
    }
    *ret = pod_field_text(in->pod, path ? path : "");
    if (*ret)
        return 0;
    return err_set(err, -EINVAL, "fieldRef %s: not known on this node", path ? path : "");
}

static int from_source(const struct env_input *in, const struct value *from, char **ret,
                       struct err *err)
{
    const struct value *ref;
    if ((ref = value_get(from, "configMapKeyRef")))
        return from_key_ref(in, "ConfigMap", ref, ret, err);
    if ((ref = value_get(from, "secretKeyRef")))
        return from_key_ref(in, "Secret", ref, ret, err);
    if ((ref = value_get(from, "fieldRef")))
        return from_field_ref(in, ref, ret, err);
    if ((ref = value_get(from, "resourceFieldRef")))
        return resource_field_text(in->pod, in->container, ref, in->allocatable, ret, err);
    return err_set(err, -EINVAL, "valueFrom: a source this node does not know");
}

static int add_one(const struct env_input *in, struct strings *env, const struct value *item,
                   struct err *err)
{
    const char *name = value_get_str(item, "name");
    const struct value *from = value_get(item, "valueFrom");
    autofree char *text = NULL;
    if (from) {
        int rc = from_source(in, from, &text, err);
        if (rc < 0) {
            (void)err_wrap(err, "env %s", name);
            return rc;
        }
        if (!text) /* optional and absent */
            return 0;
    } else {
        const char *raw = value_get_str(item, "value");
        text = env_expand(env, raw ? raw : "");
    }
    if (!text || (from && strlen(text) > ENV_TEXT_MAX))
        return err_set(err, -EINVAL, "env %s: larger than %d bytes", name, ENV_TEXT_MAX);
    return put_own(env, xasprintf("%s=%s", name, text), err);
}

/* envFrom: every key of a ConfigMap or Secret, with a prefix. */
static int add_all(const struct env_input *in, struct strings *env, const struct value *item,
                   struct err *err)
{
    static const struct {
        const char *field, *kind;
    } types[] = {{"configMapRef", "ConfigMap"}, {"secretRef", "Secret"}};
    const char *ns = object_namespace(in->pod);
    const char *prefix = value_get_str(item, "prefix");
    for (size_t t = 0; t < ARRAY_LEN(types); t++) {
        const struct value *ref = value_get(item, types[t].field);
        if (!ref)
            continue;
        const char *name = value_get_str(ref, "name");
        const struct value *source = in->source->find(in->source->ctx, types[t].kind, ns, name);
        if (!source && !value_get_bool(ref, "optional", false))
            return not_found(types[t].kind, name, err);
        const struct value *data = value_get(source, "data");
        for (size_t i = 0; i < value_len(data); i++) {
            const char *key = value_key_at(data, i);
            autofree char *text = source_text(types[t].kind, source, key);
            int rc =
                text ? put_own(env, xasprintf("%s%s=%s", prefix ? prefix : "", key, text), err) : 0;
            if (rc < 0)
                return rc;
        }
    }
    return 0;
}

int env_build(const struct env_input *in, struct strings *ret, struct err *err)
{
    cleanup(strings_done) struct strings env = {0};
    const struct value *from = value_get(in->container, "envFrom");
    for (size_t i = 0; i < value_len(from); i++) {
        int rc = add_all(in, &env, value_at(from, i), err);
        if (rc < 0)
            return rc;
    }
    const struct value *list = value_get(in->container, "env");
    for (size_t i = 0; i < value_len(list); i++) {
        int rc = add_one(in, &env, value_at(list, i), err);
        if (rc < 0)
            return rc;
    }
    int rc = put_below(&env, xstrdup(DEFAULT_PATH), err);
    if (rc == 0)
        rc = put_below(&env, xasprintf("HOSTNAME=%s", in->hostname), err);
    for (size_t i = 0; rc == 0 && in->image_env && in->image_env[i]; i++)
        if (strchr(in->image_env[i], '='))
            rc = put_below(&env, xstrdup(in->image_env[i]), err);
    if (rc < 0)
        return rc;
    strings_done(ret);
    *ret = env;
    env = (struct strings){0};
    return 0;
}
