#include "agent/pod/localhost_profile.h"

#include "agent/image/manifest.h"
#include "agent/runtime/caps.h"
#include "agent/runtime/seccomp_rules.h"
#include "common/base/map.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <sys/utsname.h>

#define MAX_ERRNO 4095

CLEANUP_DEFINE(struct seccomp_rules, seccomp_rules_free);

/* What rules may depend on. */
struct node {
    uint64_t caps;
    char arch[16];    /* as images have it: "amd64" */
    int major, minor; /* of the kernel */
};

struct reader {
    struct node node;
    struct seccomp_rules *rules;
    uint32_t default_action;
    size_t names, comparisons; /* so far */
    struct map *whole;         /* calls with a rule for all their arguments -> it */
};

/* ---- shapes ---- */

struct key {
    const char *name;
    enum value_type type;
};

/* A map that has these keys alone, each of its type or null. */
static int check_keys(const struct value *map, const struct key *keys, size_t count,
                      struct err *err)
{
    if (value_type(map) != VALUE_MAP)
        return err_set(err, -EINVAL, "is not a map");
    for (size_t i = 0; i < value_len(map); i++) {
        const char *name = value_key_at(map, i);
        enum value_type type = value_type(value_at(map, i));
        size_t k = 0;
        while (k < count && !str_eq(keys[k].name, name))
            k++;
        if (k == count && !WEAKENED(LOCALHOST_PROFILE_UNKNOWN))
            return err_set(err, -EINVAL, "\"%.40s\" is not known", name);
        if (k < count && type != keys[k].type && type != VALUE_NULL)
            return err_set(err, -EINVAL, "\"%s\" is not a %s", name, value_type_name(keys[k].type));
    }
    return 0;
}

static int check_texts(const struct value *list, const char *name, struct err *err)
{
    for (size_t i = 0; i < value_len(list); i++)
        if (!value_str(value_at(list, i)))
            return err_set(err, -EINVAL, "%s[%zu] is not a string", name, i);
    return 0;
}

/* ---- actions ---- */

static const struct {
    const char *name;
    uint32_t action;
    bool with_errno;
} actions[] = {
    {"SCMP_ACT_KILL", SECCOMP_RET_KILL_THREAD, false},
    {"SCMP_ACT_KILL_THREAD", SECCOMP_RET_KILL_THREAD, false},
    {"SCMP_ACT_KILL_PROCESS", SECCOMP_RET_KILL_PROCESS, false},
    {"SCMP_ACT_TRAP", SECCOMP_RET_TRAP, false},
    {"SCMP_ACT_ERRNO", SECCOMP_RET_ERRNO, true},
    {"SCMP_ACT_TRACE", SECCOMP_RET_TRACE, true},
    {"SCMP_ACT_LOG", SECCOMP_RET_LOG, false},
    {"SCMP_ACT_ALLOW", SECCOMP_RET_ALLOW, false},
};

/* SCMP_ACT_NOTIFY is none of them: nobody listens. */
static int read_action(const struct value *map, const char *field, const char *errno_field,
                       uint32_t *ret, struct err *err)
{
    const char *name = value_get_str(map, field);
    int64_t number = value_get_int(map, errno_field, EPERM);
    if (number < 0 || number > MAX_ERRNO)
        return err_set(err, -EINVAL, "%s is beyond %d", errno_field, MAX_ERRNO);
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq(actions[i].name, name)) {
            *ret = actions[i].action | (actions[i].with_errno ? (uint32_t)number : 0);
            return 0;
        }
    return name ? err_set(err, -EINVAL, "%s \"%.40s\" is not known", field, name)
                : err_set(err, -EINVAL, "%s is missing", field);
}

/* ---- architectures ---- */

static int read_arches(struct reader *reader, const struct value *list, struct err *err)
{
    int rc = check_texts(list, "architectures", err);
    for (size_t i = 0; rc == 0 && i < value_len(list); i++)
        rc = seccomp_rules_arch(reader->rules, value_str(value_at(list, i)), err);
    return rc;
}

/* Those that run beside the machine's own. */
static int read_arch_map(struct reader *reader, const struct value *list, struct err *err)
{
    static const struct key keys[] = {{"architecture", VALUE_STRING},
                                      {"subArchitectures", VALUE_LIST}};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < value_len(list); i++) {
        rc = check_keys(value_at(list, i), keys, ARRAY_LEN(keys), err);
        if (rc == 0)
            rc = read_arches(reader, value_get(value_at(list, i), "subArchitectures"), err);
        if (rc < 0)
            (void)err_wrap(err, "archMap[%zu]", i);
    }
    return rc;
}

/* ---- whom a rule is for ---- */

struct matches {
    size_t all, hit;
};

static int match_caps(const struct node *node, const struct value *list, struct matches *ret,
                      struct err *err)
{
    for (size_t i = 0; i < value_len(list); i++) {
        uint64_t bit = 0;
        const char *name = value_str(value_at(list, i));
        if (!name || caps_parse(name, &bit) < 0)
            return err_set(err, -EINVAL, "capability \"%.40s\" is not known", name ? name : "");
        ret->all++;
        ret->hit += (node->caps & bit) != 0;
    }
    return 0;
}

static int match_kernel(const struct node *node, const char *text, struct matches *ret,
                        struct err *err)
{
    int major = 0, minor = 0, end = 0;
    if (!text)
        return 0;
    if (strlen(text) > 16 || sscanf(text, "%4d.%4d%n", &major, &minor, &end) != 2 || text[end])
        return err_set(err, -EINVAL, "minKernel \"%.40s\" is not a version", text);
    ret->all++;
    ret->hit += node->major > major || (node->major == major && node->minor >= minor);
    return 0;
}

/* How many conditions of `includes` or `excludes` there are, and how many hold. */
static int count_matches(const struct node *node, const struct value *filter, struct matches *ret,
                         struct err *err)
{
    static const struct key keys[] = {
        {"caps", VALUE_LIST}, {"arches", VALUE_LIST}, {"minKernel", VALUE_STRING}};
    const struct value *arches = value_get(filter, "arches");
    *ret = (struct matches){0, 0};
    if (value_type(filter) == VALUE_NULL)
        return 0;
    int rc = check_keys(filter, keys, ARRAY_LEN(keys), err);
    if (rc == 0)
        rc = check_texts(arches, "arches", err);
    if (rc == 0)
        rc = match_caps(node, value_get(filter, "caps"), ret, err);
    if (rc == 0)
        rc = match_kernel(node, value_get_str(filter, "minKernel"), ret, err);
    if (rc == 0 && value_len(arches) > 0) {
        ret->all++;
        ret->hit += value_has_str(arches, node->arch);
    }
    return rc;
}

/* 1: the rule holds for this container; 0: it does not. All of `includes` must fit, none of
 * `excludes`. */
static int applies(const struct node *node, const struct value *rule, struct err *err)
{
    struct matches in, out;
    int rc = count_matches(node, value_get(rule, "includes"), &in, err);
    if (rc < 0)
        return err_wrap(err, "includes"), rc;
    rc = count_matches(node, value_get(rule, "excludes"), &out, err);
    if (rc < 0)
        return err_wrap(err, "excludes"), rc;
    return in.hit == in.all && out.hit == 0;
}

/* ---- rules ---- */

static const struct {
    const char *name;
    enum seccomp_op op;
} ops[] = {
    {"SCMP_CMP_NE", SECCOMP_NE},
    {"SCMP_CMP_LT", SECCOMP_LT},
    {"SCMP_CMP_LE", SECCOMP_LE},
    {"SCMP_CMP_EQ", SECCOMP_EQ},
    {"SCMP_CMP_GE", SECCOMP_GE},
    {"SCMP_CMP_GT", SECCOMP_GT},
    {"SCMP_CMP_MASKED_EQ", SECCOMP_MASKED_EQ},
};

static int read_arg(const struct value *item, struct seccomp_arg *ret, struct err *err)
{
    static const struct key keys[] = {
        {"index", VALUE_INT}, {"value", VALUE_INT}, {"valueTwo", VALUE_INT}, {"op", VALUE_STRING}};
    int rc = check_keys(item, keys, ARRAY_LEN(keys), err);
    int64_t index = value_get_int(item, "index", -1), value = value_get_int(item, "value", 0);
    int64_t two = value_get_int(item, "valueTwo", 0);
    const char *op = value_get_str(item, "op");
    if (rc < 0)
        return rc;
    if (index < 0 || index >= SECCOMP_RULES_ARGS || value < 0 || two < 0)
        return err_set(err, -EINVAL, "index or value is beyond its range");
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        if (str_eq(ops[i].name, op)) {
            *ret = (struct seccomp_arg){(unsigned)index, ops[i].op, (uint64_t)value, (uint64_t)two};
            return 0;
        }
    return err_set(err, -EINVAL, "op \"%.40s\" is not known", op ? op : "");
}

static int read_args(const struct value *list, struct seccomp_arg *ret, bool *ret_any,
                     struct err *err)
{
    unsigned seen = 0;
    if (value_len(list) > SECCOMP_RULES_ARGS)
        return err_set(err, -E2BIG, "args: more than %d", SECCOMP_RULES_ARGS);
    *ret_any = false;
    for (size_t i = 0; i < value_len(list); i++) {
        int rc = read_arg(value_at(list, i), &ret[i], err);
        if (rc < 0)
            return err_wrap(err, "args[%zu]", i), rc;
        *ret_any |= (seen & 1U << ret[i].index) != 0;
        seen |= 1U << ret[i].index;
    }
    return 0;
}

/* libseccomp copies all that it has for each rule: one that is there already is not given again. */
static int add_whole(struct reader *reader, const char *name, uint32_t action, struct err *err)
{
    const void *is = (const void *)(uintptr_t)(action + UINT64_C(1));
    if (map_get(reader->whole, name) == is)
        return 0;
    (void)map_put(reader->whole, name, (void *)(uintptr_t)is);
    return seccomp_rules_add(reader->rules, name, action, NULL, 0, err);
}

/* Comparisons of one argument twice stand for themselves, each enough; others must all fit. */
static int add_call(struct reader *reader, const char *name, uint32_t action,
                    const struct seccomp_arg *args, size_t count, bool any, struct err *err)
{
    reader->names++;
    reader->comparisons += count;
    if (reader->names > LOCALHOST_PROFILE_NAMES ||
        (reader->comparisons > LOCALHOST_PROFILE_COMPARISONS && !WEAKENED(LOCALHOST_PROFILE_BOUND)))
        return err_set(err, -E2BIG, "more than %d calls, or %d arguments of calls",
                       LOCALHOST_PROFILE_NAMES, LOCALHOST_PROFILE_COMPARISONS);
    if (count == 0)
        return add_whole(reader, name, action, err);
    if (!any)
        return seccomp_rules_add(reader->rules, name, action, args, count, err);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = seccomp_rules_add(reader->rules, name, action, &args[i], 1, err);
    return rc;
}

static int read_rule(struct reader *reader, const struct value *rule, struct err *err)
{
    static const struct key keys[] = {
        {"names", VALUE_LIST},   {"name", VALUE_STRING},  {"action", VALUE_STRING},
        {"errnoRet", VALUE_INT}, {"args", VALUE_LIST},    {"comment", VALUE_STRING},
        {"includes", VALUE_MAP}, {"excludes", VALUE_MAP},
    };
    struct seccomp_arg args[SECCOMP_RULES_ARGS];
    uint32_t action = 0;
    bool any = false;
    int rc = check_keys(rule, keys, ARRAY_LEN(keys), err);
    const struct value *names = value_get(rule, "names"), *list = value_get(rule, "args");
    const char *name = value_get_str(rule, "name");
    if (rc == 0)
        rc = check_texts(names, "names", err);
    if (rc == 0 && !name == (value_len(names) == 0))
        rc = err_set(err, -EINVAL, "either names or name is wanted");
    if (rc == 0)
        rc = read_action(rule, "action", "errnoRet", &action, err);
    if (rc == 0)
        rc = read_args(list, args, &any, err);
    if (rc == 0)
        rc = applies(&reader->node, rule, err);
    if (rc <= 0)
        return rc;
    rc = name ? add_call(reader, name, action, args, value_len(list), any, err) : 0;
    for (size_t i = 0; rc == 0 && i < value_len(names); i++)
        rc = add_call(reader, value_str(value_at(names, i)), action, args, value_len(list), any,
                      err);
    return rc;
}

/* Of flags that have nothing to do with what is let through: what is logged, and a mitigation that
 * stays on. */
static int check_flags(const struct value *list, struct err *err)
{
    static const char *const known[] = {"SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG",
                                        "SECCOMP_FILTER_FLAG_SPEC_ALLOW"};
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_str(value_at(list, i));
        size_t k = 0;
        while (k < ARRAY_LEN(known) && !str_eq(known[k], name))
            k++;
        if (k == ARRAY_LEN(known))
            return err_set(err, -EINVAL, "flags[%zu] is not known", i);
    }
    return 0;
}

static int read_profile(struct reader *reader, const struct value *profile, struct err *err)
{
    static const struct key keys[] = {
        {"defaultAction", VALUE_STRING}, {"defaultErrnoRet", VALUE_INT},
        {"architectures", VALUE_LIST},   {"archMap", VALUE_LIST},
        {"flags", VALUE_LIST},           {"syscalls", VALUE_LIST},
    };
    int rc = check_keys(profile, keys, ARRAY_LEN(keys), err);
    if (rc == 0)
        rc = check_flags(value_get(profile, "flags"), err);
    if (rc == 0)
        rc = read_action(profile, "defaultAction", "defaultErrnoRet", &reader->default_action, err);
    if (rc == 0)
        rc = seccomp_rules_new(reader->default_action, &reader->rules, err);
    if (rc == 0)
        rc = read_arches(reader, value_get(profile, "architectures"), err);
    if (rc == 0)
        rc = read_arch_map(reader, value_get(profile, "archMap"), err);
    const struct value *rules = value_get(profile, "syscalls");
    for (size_t i = 0; rc == 0 && i < value_len(rules); i++) {
        rc = read_rule(reader, value_at(rules, i), err);
        if (rc < 0)
            (void)err_wrap(err, "syscalls[%zu]", i);
    }
    return rc;
}

static void look_at_node(struct node *ret)
{
    struct utsname host;
    struct platform platforms[PLATFORMS_MAX];
    bool known = uname(&host) == 0;
    if (platforms_host(known ? host.machine : "", platforms) > 0)
        snprintf(ret->arch, sizeof(ret->arch), "%s", platforms[0].arch);
    if (!known || sscanf(host.release, "%4d.%4d", &ret->major, &ret->minor) != 2)
        ret->major = ret->minor = 0;
}

int localhost_profile_compile(const char *text, size_t len, uint64_t caps, void **ret,
                              size_t *ret_len, struct err *err)
{
    cleanup(value_free) struct value *profile = NULL;
    struct reader reader = {.node = {.caps = caps}};
    int rc = json_parse(text, len, &profile, err);
    if (rc < 0)
        return rc;
    look_at_node(&reader.node);
    reader.whole = map_new();
    rc = read_profile(&reader, profile, err);
    map_free(reader.whole, NULL);
    cleanup(seccomp_rules_free) struct seccomp_rules *rules = reader.rules;
    return rc < 0 ? rc : seccomp_rules_compile(rules, ret, ret_len, err);
}
