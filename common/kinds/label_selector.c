#include "common/kinds/label_selector.h"

#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdlib.h>

bool label_selector_is_empty(const struct value *selector)
{
    return value_len(value_get(selector, "matchLabels")) == 0 &&
           value_len(value_get(selector, "matchExpressions")) == 0;
}

/* A label of null is "", as everywhere in maps of strings. */
static const char *text_at(const struct value *map, size_t i)
{
    const char *text = value_str(value_at(map, i));
    return text ? text : "";
}

static const char *label_of(const struct value *labels, const char *key)
{
    const struct value *label = key ? value_get(labels, key) : NULL;
    return label && !value_str(label) ? "" : value_str(label);
}

bool labels_have(const struct value *labels, const struct value *wanted)
{
    if (value_type(wanted) != VALUE_MAP)
        return true;
    for (size_t i = 0; i < value_len(wanted); i++)
        if (!str_eq(label_of(labels, value_key_at(wanted, i)), text_at(wanted, i)))
            return false;
    return true;
}

static bool is_one_of(const char *label, const struct value *values)
{
    for (size_t i = 0; i < value_len(values); i++)
        if (str_eq(label, text_at(values, i)))
            return true;
    return false;
}

static bool meets(const struct value *labels, const struct value *requirement)
{
    const char *label = label_of(labels, value_get_str(requirement, "key"));
    const char *op = value_get_str(requirement, "operator");
    const struct value *values = value_get(requirement, "values");
    if (str_eq(op, "Exists"))
        return label;
    if (str_eq(op, "DoesNotExist"))
        return !label;
    if (str_eq(op, "In"))
        return label && is_one_of(label, values);
    return str_eq(op, "NotIn") && !(label && is_one_of(label, values));
}

bool label_selector_matches(const struct value *selector, const struct value *labels)
{
    const struct value *expressions = value_get(selector, "matchExpressions");
    if (value_type(selector) != VALUE_MAP ||
        !labels_have(labels, value_get(selector, "matchLabels")))
        return false;
    for (size_t i = 0; i < value_len(expressions); i++)
        if (!meets(labels, value_at(expressions, i)))
            return false;
    return true;
}

/* ---- as text ---- */

/* A label that is wanted, or (with op) a requirement. */
struct want {
    const char *key, *text;
    const struct value *values;
    const char *op;
};

static int by_key(const void *a, const void *b)
{
    const struct want *x = a, *y = b;
    return strcmp(x->key, y->key);
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void print_values(const struct value *values, struct buf *ret)
{
    size_t count = value_len(values);
    autofree const char **texts = xcalloc(count + 1, sizeof(*texts));
    for (size_t i = 0; i < count; i++)
        texts[i] = text_at(values, i);
    qsort(texts, count, sizeof(*texts), by_text);
    for (size_t i = 0; i < count; i++)
        buf_addf(ret, "%s%s", i ? "," : "", texts[i]);
}

static void print_want(const struct want *want, struct buf *ret)
{
    if (!want->op)
        buf_addf(ret, "%s=%s", want->key, want->text);
    else if (str_eq(want->op, "Exists"))
        buf_addstr(ret, want->key);
    else if (str_eq(want->op, "DoesNotExist"))
        buf_addf(ret, "!%s", want->key);
    else {
        buf_addf(ret, "%s %s (", want->key, str_eq(want->op, "In") ? "in" : "notin");
        print_values(want->values, ret);
        buf_addc(ret, ')');
    }
}

static void print(const struct value *labels, const struct value *expressions, struct buf *ret)
{
    size_t count = 0, label_count = value_type(labels) == VALUE_MAP ? value_len(labels) : 0;
    autofree struct want *wants = xcalloc(label_count + value_len(expressions) + 1, sizeof(*wants));
    for (size_t i = 0; i < label_count; i++)
        wants[count++] = (struct want){.key = value_key_at(labels, i), .text = text_at(labels, i)};
    for (size_t i = 0; i < value_len(expressions); i++) {
        const struct value *at = value_at(expressions, i);
        const char *key = value_get_str(at, "key"), *op = value_get_str(at, "operator");
        if (key && op)
            wants[count++] = (struct want){.key = key, .op = op, .values = value_get(at, "values")};
    }
    qsort(wants, count, sizeof(*wants), by_key);
    for (size_t i = 0; i < count; i++) {
        buf_addstr(ret, i ? "," : "");
        print_want(&wants[i], ret);
    }
    if (count == 0)
        buf_addstr(ret, "<none>");
}

void label_selector_print(const struct value *selector, struct buf *ret)
{
    print(value_get(selector, "matchLabels"), value_get(selector, "matchExpressions"), ret);
}

void labels_print(const struct value *labels, struct buf *ret)
{
    print(labels, NULL, ret);
}
