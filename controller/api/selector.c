#include "controller/api/selector.h"

#include "common/base/buf.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum op { OP_EQUALS, OP_NOT_EQUALS, OP_IN, OP_NOT_IN, OP_EXISTS, OP_ABSENT, OP_GREATER, OP_LESS };

struct term {
    char *key;
    char *path, *other, *none; /* of fields: as in struct schema_selectable, but none is NULL */
    enum op op;
    char **values;
    size_t value_count;
};

struct selector {
    bool fields; /* keys are paths into the object, not labels */
    struct term *terms;
    size_t count;
};

void selector_free(struct selector *selector)
{
    if (!selector)
        return;
    for (size_t i = 0; i < selector->count; i++) {
        struct term *term = &selector->terms[i];
        for (size_t j = 0; j < term->value_count; j++)
            free(term->values[j]);
        free(term->values);
        free(term->key);
        free(term->path);
        free(term->other);
        free(term->none);
    }
    free(selector->terms);
    free(selector);
}

static struct selector *selector_new(bool fields)
{
    struct selector *selector = xcalloc(1, sizeof(*selector));
    selector->fields = fields;
    return selector;
}

static int add_term(struct selector *selector, const char *key, size_t len, enum op op,
                    struct err *err)
{
    if (selector->count == SELECTOR_MAX_TERMS)
        return err_set(err, -E2BIG, "more than %d requirements", SELECTOR_MAX_TERMS);
    selector->terms = xreallocarray(selector->terms, selector->count + 1, sizeof(*selector->terms));
    selector->terms[selector->count++] = (struct term){.key = xstrndup(key, len), .op = op};
    return 0;
}

static struct term *last_term(struct selector *selector)
{
    return &selector->terms[selector->count - 1];
}

static int add_value(struct term *term, char *value, struct err *err) /* takes value */
{
    if (term->value_count == SELECTOR_MAX_TERMS) {
        free(value);
        return err_set(err, -E2BIG, "%s: more than %d values", term->key, SELECTOR_MAX_TERMS);
    }
    term->values = xreallocarray(term->values, term->value_count + 1, sizeof(*term->values));
    term->values[term->value_count++] = value;
    return 0;
}

/* ---- labels ---- */

static bool is_name(const char *s, size_t len)
{
    if (len == 0 || len > 63)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)s[i];
        bool edge = i == 0 || i + 1 == len;
        if (!isalnum(c) && (edge || !strchr("-_.", c)))
            return false;
    }
    return true;
}

static bool is_dns(const char *s, size_t len)
{
    if (len == 0 || len > 253)
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = s[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return s[0] != '-' && s[0] != '.' && s[len - 1] != '-' && s[len - 1] != '.';
}

static bool is_label_key(const char *key)
{
    const char *slash = strchr(key, '/');
    if (!slash)
        return is_name(key, strlen(key));
    return is_dns(key, (size_t)(slash - key)) && is_name(slash + 1, strlen(slash + 1));
}

static int check_label_term(const struct term *term, struct err *err)
{
    if (!is_label_key(term->key))
        return err_set(err, -EINVAL, "\"%.80s\" is not a label key", term->key);
    for (size_t i = 0; i < term->value_count; i++) {
        const char *value = term->values[i];
        if (*value && !is_name(value, strlen(value)))
            return err_set(err, -EINVAL, "%.80s: \"%.80s\" is not a label value", term->key, value);
    }
    int64_t number;
    if ((term->op == OP_GREATER || term->op == OP_LESS) &&
        str_to_i64(term->values[0], &number) != 0)
        return err_set(err, -EINVAL, "%.80s: \"%.80s\" is not an integer", term->key,
                       term->values[0]);
    return 0;
}

static const char *skip_space(const char *p)
{
    while (*p == ' ' || *p == '\t')
        p++;
    return p;
}

static size_t word_len(const char *p)
{
    return strcspn(p, " \t,=!<>()");
}

static bool take_word(const char **p, const char *word)
{
    size_t len = strlen(word);
    if (word_len(*p) != len || strncmp(*p, word, len) != 0)
        return false;
    *p += len;
    return true;
}

/* "(a, b,)" after in and notin; an empty item is the empty value. */
static int parse_set(const char **p, struct term *term, struct err *err)
{
    *p = skip_space(*p);
    if (**p != '(')
        return err_set(err, -EINVAL, "%.80s: expected '(' at \"%.40s\"", term->key, *p);
    do {
        *p = skip_space(*p + 1);
        size_t len = word_len(*p);
        int r = add_value(term, xstrndup(*p, len), err);
        if (r)
            return r;
        *p = skip_space(*p + len);
    } while (**p == ',');
    if (**p != ')')
        return err_set(err, -EINVAL, "%.80s: expected ',' or ')' at \"%.40s\"", term->key, *p);
    (*p)++;
    return 0;
}

static const struct {
    const char *sign;
    enum op op;
} sign_table[] = {
    {"==", OP_EQUALS}, {"!=", OP_NOT_EQUALS}, {"=", OP_EQUALS}, {">", OP_GREATER}, {"<", OP_LESS},
};

static int parse_operator(const char **p, struct term *term, struct err *err)
{
    *p = skip_space(*p);
    if (**p == '\0' || **p == ',')
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(sign_table); i++) {
        if (!str_has_prefix(*p, sign_table[i].sign))
            continue;
        term->op = sign_table[i].op;
        *p = skip_space(*p + strlen(sign_table[i].sign));
        size_t len = word_len(*p);
        int r = add_value(term, xstrndup(*p, len), err);
        *p += len;
        return r;
    }
    if (take_word(p, "in"))
        term->op = OP_IN;
    else if (take_word(p, "notin"))
        term->op = OP_NOT_IN;
    else
        return err_set(err, -EINVAL, "%.80s: expected an operator at \"%.40s\"", term->key, *p);
    return parse_set(p, term, err);
}

static int parse_label_term(const char **p, struct selector *selector, struct err *err)
{
    *p = skip_space(*p);
    bool absent = **p == '!';
    if (absent)
        *p = skip_space(*p + 1);
    size_t len = word_len(*p);
    int r = add_term(selector, *p, len, absent ? OP_ABSENT : OP_EXISTS, err);
    *p += len;
    if (r == 0 && !absent)
        r = parse_operator(p, last_term(selector), err);
    if (r == 0)
        r = check_label_term(last_term(selector), err);
    return r;
}

int selector_parse_labels(const char *text, struct selector **ret, struct err *err)
{
    if (str_empty(text)) {
        *ret = NULL;
        return 0;
    }
    if (strlen(text) > SELECTOR_MAX_TEXT)
        return err_set(err, -E2BIG, "the selector is longer than %d bytes", SELECTOR_MAX_TEXT);
    cleanup(selector_free) struct selector *selector = selector_new(false);
    for (const char *p = text;;) {
        int r = parse_label_term(&p, selector, err);
        if (r)
            return r;
        p = skip_space(p);
        if (*p == '\0')
            break;
        if (*p != ',')
            return err_set(err, -EINVAL, "expected ',' at \"%.40s\"", p);
        p++;
    }
    *ret = steal(selector);
    return 0;
}

/* ---- fields ---- */

/* Where the term's field stands. A copy: the selector may outlive the kind. */
static int find_field(const struct schema_kind *kind, struct term *term, struct err *err)
{
    static const struct schema_selectable of_all[] = {
        {"metadata.name"}, {"metadata.namespace"}, {.name = NULL}};
    const struct schema_selectable *const tables[] = {of_all, kind->selectable};
    for (size_t i = 0; i < ARRAY_LEN(tables); i++)
        for (const struct schema_selectable *known = tables[i]; known && known->name; known++) {
            if (!str_eq(known->name, term->key))
                continue;
            term->path = xstrdup(known->path ? known->path : known->name);
            term->other = known->other ? xstrdup(known->other) : NULL;
            term->none = xstrdup(known->none ? known->none : "");
            return 0;
        }
    return err_set(err, -EINVAL, "field label not supported: %.80s", term->key);
}

/* A value up to an unescaped ',' or the end. */
static int parse_field_value(const char **p, struct term *term, struct err *err)
{
    cleanup(buf_done) struct buf value;
    buf_init(&value, SELECTOR_MAX_TEXT);
    for (; **p && **p != ','; (*p)++) {
        if (**p == '=')
            return err_set(err, -EINVAL, "%.80s: unescaped '='", term->key);
        if (**p == '\\') {
            (*p)++;
            if (**p == '\0' || !strchr("\\,=", **p))
                return err_set(err, -EINVAL, "%.80s: '\\' must be followed by '\\', ',' or '='",
                               term->key);
        }
        if (buf_addc(&value, **p))
            return err_set(err, -E2BIG, "%.80s: the value is too long", term->key);
    }
    return add_value(term, buf_steal(&value, NULL), err);
}

static int parse_field_term(const char **p, const struct schema_kind *kind,
                            struct selector *selector, struct err *err)
{
    size_t len = strcspn(*p, ",=!");
    const char *sign = *p + len;
    bool differs = str_has_prefix(sign, "!=");
    if (*sign != '=' && !differs)
        return err_set(err, -EINVAL, "invalid field selector \"%.80s\": expected FIELD=VALUE", *p);
    int r = add_term(selector, *p, len, differs ? OP_NOT_EQUALS : OP_EQUALS, err);
    if (r)
        return r;
    r = find_field(kind, last_term(selector), err);
    if (r)
        return r;
    *p = sign + (differs || str_has_prefix(sign, "==") ? 2 : 1);
    return parse_field_value(p, last_term(selector), err);
}

int selector_parse_fields(const char *text, const struct schema_kind *kind, struct selector **ret,
                          struct err *err)
{
    if (str_empty(text)) {
        *ret = NULL;
        return 0;
    }
    if (strlen(text) > SELECTOR_MAX_TEXT)
        return err_set(err, -E2BIG, "the selector is longer than %d bytes", SELECTOR_MAX_TEXT);
    cleanup(selector_free) struct selector *selector = selector_new(true);
    for (const char *p = text; *p;) {
        int r = parse_field_term(&p, kind, selector, err);
        if (r)
            return r;
        if (*p == ',')
            p++;
    }
    *ret = steal(selector);
    return 0;
}

/* ---- matching ---- */

static bool term_has(const struct term *term, const char *value)
{
    for (size_t i = 0; i < term->value_count; i++)
        if (str_eq(term->values[i], value))
            return true;
    return false;
}

static bool compare_numbers(const struct term *term, const char *value)
{
    int64_t have, want;
    if (str_to_i64(value, &have) != 0 || str_to_i64(term->values[0], &want) != 0)
        return false;
    return term->op == OP_GREATER ? have > want : have < want;
}

static bool match_term(const struct term *term, const char *value) /* NULL: absent */
{
    switch (term->op) {
    case OP_EQUALS:
    case OP_IN:
        return value && term_has(term, value);
    case OP_NOT_EQUALS:
    case OP_NOT_IN:
        return !value || !term_has(term, value);
    case OP_EXISTS:
        return value;
    case OP_ABSENT:
        return !value;
    case OP_GREATER:
    case OP_LESS:
        return value && compare_numbers(term, value);
    }
    return false;
}

struct field_walk {
    const struct value *at;
};

static int field_step(void *ctx, const char *piece, size_t len)
{
    struct field_walk *walk = ctx;
    char name[128];
    if (len >= sizeof(name))
        return -EINVAL;
    memcpy(name, piece, len);
    name[len] = '\0';
    walk->at = value_get(walk->at, name);
    return 0;
}

/* The text at a path; "" where there is none. */
static const char *path_text(const struct value *object, const char *path, char number[24])
{
    struct field_walk walk = {.at = object};
    if (str_split(path, '.', field_step, &walk) != 0)
        return "";
    switch (value_type(walk.at)) {
    case VALUE_STRING:
        return value_str(walk.at);
    case VALUE_BOOL:
        return value_bool(walk.at, false) ? "true" : "false";
    case VALUE_INT:
        snprintf(number, 24, "%" PRId64, value_int(walk.at, 0));
        return number;
    default:
        return "";
    }
}

static const char *field_text(const struct value *object, const struct term *term, char number[24])
{
    const char *text = path_text(object, term->path, number);
    if (!*text && term->other)
        text = path_text(object, term->other, number);
    return *text ? text : term->none;
}

bool selector_match(const struct selector *selector, const struct value *object)
{
    if (!selector)
        return true;
    const struct value *labels = value_path(object, "metadata", "labels", NULL);
    for (size_t i = 0; i < selector->count; i++) {
        const struct term *term = &selector->terms[i];
        char number[24];
        const char *value =
            selector->fields ? field_text(object, term, number) : value_get_str(labels, term->key);
        if (!match_term(term, value))
            return false;
    }
    return true;
}

const char *selector_required(const struct selector *selector, const char *field)
{
    for (size_t i = 0; selector && i < selector->count; i++)
        if (selector->terms[i].op == OP_EQUALS && str_eq(selector->terms[i].key, field))
            return selector->terms[i].values[0];
    return NULL;
}
