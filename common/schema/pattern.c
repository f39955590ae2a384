/* Reading patterns: a tree by recursive descent, then a program of it. */

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/schema/pattern_impl.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

enum node_type {
    NODE_EMPTY,
    NODE_CHAR,
    NODE_SET,
    NODE_ASSERT,
    NODE_CHAIN,
    NODE_EITHER,
    NODE_REPEAT
};

/* Of a tree in an array: children come before their parents. */
struct node {
    enum node_type type;
    uint32_t a, b; /* children; of a character: itself; of a set: its number; of an assertion: its
                      step */
    int min, max;  /* of a repetition; max -1: no end */
};

struct reader {
    const char *at, *text;
    bool fold, dot_all, lines; /* the flags i, s, m */
    int depth;
    size_t emitted; /* nodes: empty ones make no steps, and can be repeated many times over */
    struct node *nodes;
    size_t count;
    struct pattern *pattern;
    struct err *err;
    int code; /* 0, or why it ends */
};

#define MAX_RUNE 0x10ffff

/* Room for one more item in an array of `count`: twice as many at a time. */
static void *room(void *array, size_t count, size_t size)
{
    if (count & (count - 1))
        return array;
    return xreallocarray(array, count ? 2 * count : 1, size);
}

static int fail(struct reader *r, int code, const char *what, const char *from, size_t len)
{
    if (r->code == 0) {
        r->code = code;
        if (from)
            err_set(r->err, code, "error parsing regexp: %s: `%.*s`", what,
                    (int)(len < 64 ? len : 64), from);
        else
            err_set(r->err, code, "error parsing regexp: %s", what);
    }
    return code;
}

static uint32_t put(struct reader *r, struct node node)
{
    r->nodes = room(r->nodes, r->count, sizeof(*r->nodes));
    r->nodes[r->count] = node;
    return (uint32_t)r->count++;
}

/* ---- sets ---- */

static struct pattern_set *set_new(struct reader *r, uint32_t *ret)
{
    struct pattern *p = r->pattern;
    p->sets = room(p->sets, p->set_count, sizeof(*p->sets));
    p->sets[p->set_count] = (struct pattern_set){0};
    *ret = (uint32_t)p->set_count;
    return &p->sets[p->set_count++];
}

static void set_bit(struct pattern_set *set, uint32_t c)
{
    set->ascii[c >> 6] |= UINT64_C(1) << (c & 63);
}

static void set_add(struct pattern_set *set, uint32_t low, uint32_t high, bool fold)
{
    for (uint32_t c = low; c <= high && c < 128; c++) {
        set_bit(set, c);
        if (fold && isalpha((int)c))
            set_bit(set, c ^ 0x20);
    }
    if (high < 128)
        return;
    set->ranges = xreallocarray(set->ranges, set->count + 1, sizeof(*set->ranges));
    set->ranges[set->count++] = (struct pattern_range){low < 128 ? 128 : low, high};
}

static void set_negate(struct pattern_set *set)
{
    set->ascii[0] = ~set->ascii[0];
    set->ascii[1] = ~set->ascii[1];
    set->negated = true;
}

/* Named classes, by the letter behind '\' or within [: :]. All are ASCII's. */
static const struct {
    const char *name;
    const char *ranges; /* pairs */
} classes[] = {
    {"d", "09"},           {"w", "09AZ__az"},   {"s", "\t\n\f\r  "}, {"alnum", "09AZaz"},
    {"alpha", "AZaz"},     {"ascii", "\1\177"}, {"blank", "\t\t  "}, {"cntrl", "\1\37\177\177"},
    {"digit", "09"},       {"graph", "!~"},     {"lower", "az"},     {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "\t\r  "}, {"upper", "AZ"},     {"word", "09AZ__az"},
    {"xdigit", "09AFaf"},
};

/* The complement is of the whole of characters, so that what else is in the set stays. */
static bool add_class(struct pattern_set *set, const char *name, size_t len, bool negated)
{
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (strlen(classes[i].name) != len || strncmp(classes[i].name, name, len) != 0)
            continue;
        struct pattern_set one = {0};
        for (const char *range = classes[i].ranges; *range; range += 2)
            set_add(&one, (uint32_t)range[0], (uint32_t)range[1], false);
        set->ascii[0] |= negated ? ~one.ascii[0] : one.ascii[0];
        set->ascii[1] |= negated ? ~one.ascii[1] : one.ascii[1];
        if (negated)
            set_add(set, 128, MAX_RUNE, false);
        return true;
    }
    return false;
}

/* ---- characters ---- */

static uint32_t take(struct reader *r)
{
    unsigned char c = (unsigned char)*r->at++;
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    uint32_t whole = more == 0 ? c : c & (0x3fu >> more);
    for (; more > 0 && *r->at; more--)
        whole = whole << 6 | ((unsigned char)*r->at++ & 0x3f);
    return whole;
}

static int take_hex(struct reader *r, uint32_t *ret)
{
    const char *start = r->at - 2;
    bool braces = *r->at == '{';
    uint32_t c = 0;
    size_t digits = 0;
    r->at += braces;
    while (isxdigit((unsigned char)*r->at) && (braces ? digits < 8 : digits < 2)) {
        int digit = tolower((unsigned char)*r->at++);
        c = c << 4 | (uint32_t)(digit > '9' ? digit - 'a' + 10 : digit - '0');
        digits++;
    }
    bool closed = !braces || *r->at == '}';
    r->at += braces && closed;
    if (!closed || (braces ? digits == 0 : digits != 2) || c > MAX_RUNE || c == 0)
        return fail(r, -EINVAL, "invalid escape sequence", start, (size_t)(r->at - start));
    *ret = c;
    return 0;
}

/* Behind '\', where it stands for one character. */
static int take_escaped(struct reader *r, uint32_t *ret)
{
    static const char letters[] = "aftnrv", meant[] = "\a\f\t\n\r\v";
    const char *start = r->at - 1, *letter;
    char c = *r->at;
    if (!c)
        return fail(r, -EINVAL, "trailing backslash at end of expression", "", 0);
    if (c == 'p' || c == 'P')
        return fail(r, -ENOTSUP, "classes by Unicode's properties are not known here", start, 2);
    if (c == 'x') {
        r->at++;
        return take_hex(r, ret);
    }
    if ((letter = strchr(letters, c))) {
        r->at++;
        *ret = (uint32_t)meant[letter - letters];
        return 0;
    }
    if (isalnum((unsigned char)c))
        return fail(r, -EINVAL, "invalid escape sequence", start, 2);
    *ret = take(r);
    return 0;
}

/* ---- [...] ---- */

static int read_member(struct reader *r, uint32_t *ret)
{
    if (*r->at != '\\') {
        *ret = take(r);
        return 0;
    }
    r->at++;
    return take_escaped(r, ret);
}

/* [:name:] and \d within brackets. False: it is none. */
static bool read_class(struct reader *r, struct pattern_set *set)
{
    if (r->at[0] == '\\' && r->at[1]) {
        char lower = (char)tolower((unsigned char)r->at[1]);
        if (!add_class(set, &lower, 1, isupper((unsigned char)r->at[1])))
            return false;
        r->at += 2;
        return true;
    }
    const char *end = r->at[0] == '[' && r->at[1] == ':' ? strstr(r->at + 2, ":]") : NULL;
    if (!end)
        return false;
    const char *name = r->at + 2;
    bool negated = *name == '^';
    name += negated;
    if (!add_class(set, name, (size_t)(end - name), negated)) {
        fail(r, -EINVAL, "invalid character class range", r->at, (size_t)(end + 2 - r->at));
        return true;
    }
    r->at = end + 2;
    return true;
}

static int read_range(struct reader *r, struct pattern_set *set)
{
    const char *start = r->at;
    uint32_t low, high;
    if (read_member(r, &low) != 0)
        return r->code;
    high = low;
    if (r->at[0] == '-' && r->at[1] && r->at[1] != ']') {
        r->at++;
        if (read_member(r, &high) != 0)
            return r->code;
    }
    if (high < low)
        return fail(r, -EINVAL, "invalid character class range", start, (size_t)(r->at - start));
    set_add(set, low, high, r->fold);
    return 0;
}

static uint32_t read_brackets(struct reader *r)
{
    const char *start = r->at++;
    uint32_t number;
    struct pattern_set *set = set_new(r, &number);
    bool negated = *r->at == '^';
    r->at += negated;
    for (bool first = true; r->code == 0 && (*r->at != ']' || first); first = false) {
        if (!*r->at) {
            fail(r, -EINVAL, "missing closing ]", start, strlen(start));
            break;
        }
        if (!read_class(r, set))
            (void)read_range(r, set);
    }
    r->at += *r->at == ']';
    if (negated)
        set_negate(set);
    return put(r, (struct node){NODE_SET, number, 0, 0, 0});
}

/* ---- the rest of the grammar ---- */

static uint32_t put_char(struct reader *r, uint32_t c)
{
    uint32_t number;
    if (!r->fold)
        return put(r, (struct node){NODE_CHAR, c, 0, 0, 0});
    set_add(set_new(r, &number), c, c, r->fold);
    return put(r, (struct node){NODE_SET, number, 0, 0, 0});
}

static uint32_t put_assert(struct reader *r, enum pattern_op op)
{
    return put(r, (struct node){NODE_ASSERT, op, 0, 0, 0});
}

static uint32_t put_dot(struct reader *r)
{
    uint32_t number;
    struct pattern_set *set = set_new(r, &number);
    if (!r->dot_all)
        set_bit(set, '\n');
    set_negate(set);
    return put(r, (struct node){NODE_SET, number, 0, 0, 0});
}

static uint32_t chain(struct reader *r, uint32_t a, uint32_t b)
{
    return put(r, (struct node){NODE_CHAIN, a, b, 0, 0});
}

/* \Q...\E */
static uint32_t read_quoted(struct reader *r)
{
    uint32_t all = put(r, (struct node){NODE_EMPTY, 0, 0, 0, 0});
    while (*r->at && strncmp(r->at, "\\E", 2) != 0)
        all = chain(r, all, put_char(r, take(r)));
    r->at += *r->at ? 2 : 0;
    return all;
}

static uint32_t read_escape(struct reader *r)
{
    static const struct {
        char letter;
        enum pattern_op op;
    } asserts[] = {{'A', OP_BEGIN}, {'z', OP_END}, {'b', OP_WORD_EDGE}, {'B', OP_NO_WORD_EDGE}};
    char c = r->at[1];
    for (size_t i = 0; i < ARRAY_LEN(asserts); i++)
        if (c == asserts[i].letter) {
            r->at += 2;
            return put_assert(r, asserts[i].op);
        }
    if (c == 'Q') {
        r->at += 2;
        return read_quoted(r);
    }
    uint32_t number;
    if (c && strchr("dwsDWS", c)) {
        (void)read_class(r, set_new(r, &number));
        return put(r, (struct node){NODE_SET, number, 0, 0, 0});
    }
    uint32_t escaped = ' ';
    r->at++;
    (void)take_escaped(r, &escaped);
    return put_char(r, escaped);
}

static uint32_t read_either(struct reader *r);

/* The flags of "(?i-s:" or "(?i)"; true: a group follows. */
static bool read_flags(struct reader *r, const char *start)
{
    bool on = true;
    for (; *r->at && *r->at != ')' && *r->at != ':'; r->at++) {
        if (*r->at == '-' && on)
            on = false;
        else if (*r->at == 'i')
            r->fold = on;
        else if (*r->at == 's')
            r->dot_all = on;
        else if (*r->at == 'm')
            r->lines = on;
        else if (*r->at != 'U') { /* which way is preferred makes no difference here */
            fail(r, -EINVAL, "invalid or unsupported Perl syntax", start,
                 (size_t)(r->at + 1 - start));
            return false;
        }
    }
    if (!*r->at) {
        fail(r, -EINVAL, "missing closing )", r->text, strlen(r->text));
        return false;
    }
    return *r->at++ == ':';
}

/* Behind "(?": true if a group follows, whose flags are set. */
static bool read_group_head(struct reader *r, const char *start)
{
    bool named = (r->at[0] == 'P' && r->at[1] == '<') ||
                 (r->at[0] == '<' && r->at[1] != '=' && r->at[1] != '!');
    if (!named)
        return read_flags(r, start);
    const char *end = strchr(r->at, '>');
    const char *name = strchr(r->at, '<') + 1;
    size_t len = end ? (size_t)(end - name) : 0;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)name[i]) && name[i] != '_')
            len = 0;
    if (len == 0) {
        fail(r, -EINVAL, "invalid named capture", start, strlen(start));
        return false;
    }
    r->at = end + 1;
    return true;
}

static uint32_t read_group(struct reader *r)
{
    const char *start = r->at++;
    bool fold = r->fold, dot_all = r->dot_all, lines = r->lines, group = true;
    uint32_t inner = put(r, (struct node){NODE_EMPTY, 0, 0, 0, 0});
    if (++r->depth > PATTERN_MAX_DEPTH)
        fail(r, -E2BIG, "expression nests too deeply", NULL, 0);
    if (r->code == 0 && *r->at == '?') {
        r->at++;
        group = read_group_head(r, start);
    }
    if (r->code == 0 && group) {
        inner = read_either(r);
        if (r->code == 0 && *r->at != ')')
            fail(r, -EINVAL, "missing closing )", r->text, strlen(r->text));
        r->at += r->code == 0;
        r->fold = fold;
        r->dot_all = dot_all;
        r->lines = lines;
    }
    r->depth--;
    return inner;
}

static uint32_t read_atom(struct reader *r)
{
    switch (*r->at) {
    case '(':
        return read_group(r);
    case '[':
        return read_brackets(r);
    case '\\':
        return read_escape(r);
    case '.':
        r->at++;
        return put_dot(r);
    case '^':
        r->at++;
        return put_assert(r, r->lines ? OP_LINE_BEGIN : OP_BEGIN);
    case '$':
        r->at++;
        return put_assert(r, r->lines ? OP_LINE_END : OP_END);
    case '*':
    case '+':
    case '?':
        fail(r, -EINVAL, "missing argument to repetition operator", r->at, 1);
        return 0;
    default:
        return put_char(r, take(r));
    }
}

/* "{n}", "{n,}", "{n,m}". False: the brace is a character like others. */
static bool read_counts(struct reader *r, int *ret_min, int *ret_max)
{
    const char *s = r->at + 1;
    long counts[2] = {-1, -1};
    size_t i = 0;
    for (; i < 2; i++) {
        if (isdigit((unsigned char)*s))
            counts[i] = 0;
        for (; isdigit((unsigned char)*s); s++)
            counts[i] = counts[i] > PATTERN_MAX_REPEAT ? counts[i] : counts[i] * 10 + (*s - '0');
        if (i == 0 && counts[0] < 0)
            return false;
        if (*s != ',' || i == 1)
            break;
        s++;
    }
    if (*s != '}')
        return false;
    if (i == 0)
        counts[1] = counts[0];
    if (counts[0] > PATTERN_MAX_REPEAT || counts[1] > PATTERN_MAX_REPEAT ||
        (counts[1] >= 0 && counts[1] < counts[0]))
        fail(r, -EINVAL, "invalid repeat count", r->at, (size_t)(s + 1 - r->at));
    *ret_min = (int)counts[0];
    *ret_max = (int)counts[1];
    r->at = s + 1;
    return true;
}

static bool read_repeat(struct reader *r, int *ret_min, int *ret_max)
{
    static const char ops[] = "*+?";
    static const int mins[] = {0, 1, 0}, maxs[] = {-1, -1, 1};
    const char *op = *r->at ? strchr(ops, *r->at) : NULL;
    if (op) {
        *ret_min = mins[op - ops];
        *ret_max = maxs[op - ops];
        r->at++;
    } else if (*r->at != '{' || !read_counts(r, ret_min, ret_max)) {
        return false;
    }
    r->at += *r->at == '?';
    return true;
}

static uint32_t read_repeated(struct reader *r)
{
    uint32_t atom = read_atom(r);
    int min, max;
    const char *start = r->at;
    for (bool again = false; r->code == 0 && read_repeat(r, &min, &max); again = true) {
        if (again)
            fail(r, -EINVAL, "invalid nested repetition operator", start, (size_t)(r->at - start));
        else
            atom = put(r, (struct node){NODE_REPEAT, atom, 0, min, max});
    }
    return atom;
}

static uint32_t read_chain(struct reader *r)
{
    uint32_t all = put(r, (struct node){NODE_EMPTY, 0, 0, 0, 0});
    while (r->code == 0 && *r->at && *r->at != '|' && *r->at != ')')
        all = chain(r, all, read_repeated(r));
    return all;
}

static uint32_t read_either(struct reader *r)
{
    uint32_t all = read_chain(r);
    while (r->code == 0 && *r->at == '|') {
        r->at++;
        uint32_t other = read_chain(r);
        all = put(r, (struct node){NODE_EITHER, all, other, 0, 0});
    }
    return all;
}

/* ---- the program ---- */

static uint32_t step(struct reader *r, enum pattern_op op, uint32_t x, uint32_t y)
{
    struct pattern *p = r->pattern;
    if (p->step_count >= PATTERN_MAX_STEPS) {
        fail(r, -E2BIG, "expression is too large", NULL, 0);
        return 0;
    }
    p->steps = room(p->steps, p->step_count, sizeof(*p->steps));
    p->steps[p->step_count] = (struct pattern_step){(uint8_t)op, x, y};
    return (uint32_t)p->step_count++;
}

static uint32_t here(const struct reader *r)
{
    return (uint32_t)r->pattern->step_count;
}

static void emit(struct reader *r, uint32_t at);

static void emit_repeat(struct reader *r, const struct node *node)
{
    for (int i = 0; i < node->min && r->code == 0; i++)
        emit(r, node->a);
    if (node->max < 0) {
        uint32_t split = step(r, OP_SPLIT, here(r) + 1, 0);
        emit(r, node->a);
        step(r, OP_JUMP, split, 0);
        if (r->code == 0)
            r->pattern->steps[split].y = here(r);
        return;
    }
    /* Each may be the last: all leave for the same place. */
    uint32_t first = here(r), last = first;
    bool any = node->max > node->min;
    for (int i = node->min; i < node->max && r->code == 0; i++) {
        last = step(r, OP_SPLIT, here(r) + 1, UINT32_MAX);
        emit(r, node->a);
    }
    for (uint32_t i = first; any && i <= last && r->code == 0; i++)
        if (r->pattern->steps[i].op == OP_SPLIT && r->pattern->steps[i].y == UINT32_MAX)
            r->pattern->steps[i].y = here(r);
}

static void emit_either(struct reader *r, const struct node *node)
{
    uint32_t split = step(r, OP_SPLIT, here(r) + 1, 0);
    emit(r, node->a);
    uint32_t jump = step(r, OP_JUMP, 0, 0);
    if (r->code == 0)
        r->pattern->steps[split].y = here(r);
    emit(r, node->b);
    if (r->code == 0)
        r->pattern->steps[jump].x = here(r);
}

/* As deep as groups nest, and the length of chains, which lean to the left: these are walked. */
static void emit_chain(struct reader *r, uint32_t at)
{
    size_t count = 0;
    for (uint32_t n = at; r->nodes[n].type == NODE_CHAIN; n = r->nodes[n].a)
        count++;
    autofree uint32_t *parts = xcalloc(count + 1, sizeof(*parts));
    for (size_t i = count; i > 0; at = r->nodes[at].a)
        parts[i--] = r->nodes[at].b;
    parts[0] = at;
    for (size_t i = 0; i <= count && r->code == 0; i++)
        emit(r, parts[i]);
}

static void emit(struct reader *r, uint32_t at)
{
    const struct node *node = &r->nodes[at];
    if (++r->emitted > 10 * PATTERN_MAX_STEPS)
        fail(r, -E2BIG, "expression is too large", NULL, 0);
    if (r->code != 0)
        return;
    switch (node->type) {
    case NODE_EMPTY:
        break;
    case NODE_CHAR:
        step(r, OP_CHAR, node->a, 0);
        break;
    case NODE_SET:
        step(r, OP_SET, node->a, 0);
        break;
    case NODE_ASSERT:
        step(r, (enum pattern_op)node->a, 0, 0);
        break;
    case NODE_CHAIN:
        emit_chain(r, at);
        break;
    case NODE_EITHER:
        emit_either(r, node);
        break;
    case NODE_REPEAT:
        emit_repeat(r, node);
        break;
    }
}

int pattern_new(const char *text, struct pattern **ret, struct err *err)
{
    cleanup(pattern_free) struct pattern *pattern = xcalloc(1, sizeof(*pattern));
    struct reader r = {.at = text, .text = text, .pattern = pattern, .err = err};
    if (strlen(text) > PATTERN_MAX_TEXT)
        return fail(&r, -E2BIG, "expression is too large", NULL, 0);
    if (!str_is_utf8(text, strlen(text)))
        return fail(&r, -EINVAL, "invalid UTF-8", NULL, 0);
    uint32_t root = read_either(&r);
    if (r.code == 0 && *r.at)
        fail(&r, -EINVAL, "unexpected )", text, strlen(text));
    if (r.code == 0)
        emit(&r, root);
    if (r.code == 0)
        step(&r, OP_MATCH, 0, 0);
    free(r.nodes);
    if (r.code == 0) {
        pattern->steps =
            xreallocarray(pattern->steps, pattern->step_count, sizeof(*pattern->steps));
        *ret = steal(pattern);
    }
    return r.code;
}

void pattern_free(struct pattern *pattern)
{
    if (!pattern)
        return;
    for (size_t i = 0; i < pattern->set_count; i++)
        free(pattern->sets[i].ranges);
    free(pattern->sets);
    free(pattern->steps);
    free(pattern);
}
