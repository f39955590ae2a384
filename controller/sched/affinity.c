#include "controller/sched/affinity.h"

#include "common/base/str.h"
#include "common/base/weaken.h"

static bool in(const char *label, const struct value *values)
{
    return value_has_str(values, label);
}

/* A node without the label is not in the list either. */
static bool not_in(const char *label, const struct value *values)
{
    return !value_has_str(values, label);
}

static bool exists(const char *label, const struct value *values)
{
    (void)values;
    return label != NULL;
}

static bool does_not_exist(const char *label, const struct value *values)
{
    (void)values;
    return !label;
}

/* Both are integers, the values are one. */
static int compare(const char *label, const struct value *values)
{
    int64_t have, want;
    const char *text = value_str(value_at(values, 0));
    if (!label || !text || value_len(values) != 1 || str_to_i64(label, &have) < 0 ||
        str_to_i64(text, &want) < 0)
        return 0;
    return (have > want) - (have < want);
}

static bool gt(const char *label, const struct value *values)
{
    return compare(label, values) > 0;
}

static bool lt(const char *label, const struct value *values)
{
    return compare(label, values) < 0;
}

static const struct {
    const char *name;
    bool (*holds)(const char *label, const struct value *values);
} operators[] = {
    {"In", in}, {"NotIn", not_in}, {"Exists", exists}, {"DoesNotExist", does_not_exist},
    {"Gt", gt}, {"Lt", lt},
};

static bool holds(const struct value *requirement, const char *label)
{
    const char *name = value_get_str(requirement, "operator");
    for (size_t i = 0; i < ARRAY_LEN(operators); i++) {
        if (str_eq(operators[i].name, name))
            return operators[i].holds(label, value_get(requirement, "values"));
    }
    return false;
}

static bool term_matches(const struct value *term, const struct sched_node *node)
{
    const struct value *labels = value_get(term, "matchExpressions");
    const struct value *fields = value_get(term, "matchFields");
    if (value_len(labels) + value_len(fields) == 0)
        return false;
    for (size_t i = 0; i < value_len(labels); i++) {
        const struct value *one = value_at(labels, i);
        const char *key = value_get_str(one, "key");
        if (!key || !holds(one, sched_labels_get(&node->labels, key)))
            return false;
    }
    for (size_t i = 0; i < value_len(fields); i++) {
        const struct value *one = value_at(fields, i);
        bool name = str_eq(value_get_str(one, "key"), "metadata.name");
        if (!name || !holds(one, node->name))
            return false;
    }
    return true;
}

bool affinity_matches(const struct value *selector, const struct sched_node *node)
{
    if (!selector || WEAKENED(SCHED_AFFINITY))
        return true;
    const struct value *terms = value_get(selector, "nodeSelectorTerms");
    for (size_t i = 0; i < value_len(terms); i++) {
        if (term_matches(value_at(terms, i), node))
            return true;
    }
    return false;
}
