/* Running patterns: the set of steps that the text so far can have led to, character by character.
 */

#include "common/base/mem.h"
#include "common/schema/pattern_impl.h"

#include <errno.h>
#include <string.h>

/* Steps without doubles, in order of arrival. */
struct crowd {
    uint32_t *steps;
    size_t count;
    uint32_t *seen; /* by step: the round it was last added in */
    uint32_t round;
};

struct run {
    const struct pattern *pattern;
    struct crowd now, next;
    uint32_t *stack;
    uint64_t cost;
    bool matched;
    /* Where it is: what stands before and after. */
    bool first, last;
    uint32_t before, after;
};

bool pattern_set_has(const struct pattern_set *set, uint32_t c)
{
    if (c < 128)
        return set->ascii[c >> 6] >> (c & 63) & 1;
    for (size_t i = 0; i < set->count; i++)
        if (c >= set->ranges[i].low && c <= set->ranges[i].high)
            return !set->negated;
    return set->negated;
}

static bool is_word(uint32_t c)
{
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool holds(const struct run *run, enum pattern_op op)
{
    bool edge = (!run->first && is_word(run->before)) != (!run->last && is_word(run->after));
    switch (op) {
    case OP_BEGIN:
        return run->first;
    case OP_END:
        return run->last;
    case OP_LINE_BEGIN:
        return run->first || run->before == '\n';
    case OP_LINE_END:
        return run->last || run->after == '\n';
    case OP_WORD_EDGE:
        return edge;
    default:
        return !edge;
    }
}

/* The step and all that follow it without a character. Each is pushed once a round at most twice
 * (a split), so that the stack holds twice the program. */
static void add(struct run *run, struct crowd *to, uint32_t step)
{
    size_t depth = 0;
    run->stack[depth++] = step;
    while (depth > 0) {
        step = run->stack[--depth];
        if (to->seen[step] == to->round)
            continue;
        to->seen[step] = to->round;
        run->cost++;
        const struct pattern_step *at = &run->pattern->steps[step];
        if (at->op == OP_SET || at->op == OP_CHAR) {
            to->steps[to->count++] = step;
        } else if (at->op == OP_MATCH) {
            run->matched = true;
        } else if (at->op == OP_SPLIT) {
            run->stack[depth++] = at->y;
            run->stack[depth++] = at->x;
        } else if (at->op == OP_JUMP) {
            run->stack[depth++] = at->x;
        } else if (holds(run, at->op)) {
            run->stack[depth++] = step + 1;
        }
    }
}

/* The character at *s, which is UTF-8, and steps beyond it. */
static uint32_t take(const char **s)
{
    unsigned char c = (unsigned char)*(*s)++;
    size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
    uint32_t whole = more == 0 ? c : c & (0x3fu >> more);
    for (; more > 0 && (**s & 0xc0) == 0x80; more--)
        whole = whole << 6 | ((unsigned char)*(*s)++ & 0x3f);
    return whole;
}

static void crowd_init(struct crowd *crowd, size_t steps)
{
    crowd->steps = xcalloc(steps, sizeof(*crowd->steps));
    crowd->seen = xcalloc(steps, sizeof(*crowd->seen));
    crowd->round = 1;
    crowd->count = 0;
}

static void crowd_clear(struct crowd *crowd)
{
    crowd->count = 0;
    crowd->round++;
}

static void run_done(struct run *run)
{
    free(run->now.steps);
    free(run->now.seen);
    free(run->next.steps);
    free(run->next.seen);
    free(run->stack);
}

static void advance(struct run *run, uint32_t c)
{
    crowd_clear(&run->next);
    for (size_t i = 0; i < run->now.count && !run->matched; i++) {
        const struct pattern_step *step = &run->pattern->steps[run->now.steps[i]];
        run->cost++;
        if (step->op == OP_CHAR ? step->x == c : pattern_set_has(&run->pattern->sets[step->x], c))
            add(run, &run->next, run->now.steps[i] + 1);
    }
    struct crowd swapped = run->now;
    run->now = run->next;
    run->next = swapped;
}

/* Reads what comes next without going there. */
static void look_ahead(struct run *run, const char *s)
{
    run->last = !*s;
    run->after = run->last ? 0 : take(&s);
}

int pattern_match(const struct pattern *pattern, const char *text, uint64_t limit, uint64_t *cost)
{
    struct run run = {.pattern = pattern, .cost = *cost + 1, .first = true};
    crowd_init(&run.now, pattern->step_count);
    crowd_init(&run.next, pattern->step_count);
    run.stack = xcalloc(2 * pattern->step_count + 2, sizeof(*run.stack));
    look_ahead(&run, text);
    add(&run, &run.now, 0);
    while (*text && !run.matched && run.cost <= limit) {
        uint32_t c = take(&text);
        run.first = false;
        run.before = c;
        look_ahead(&run, text);
        advance(&run, c);
        if (!run.matched)
            add(&run, &run.now, 0); /* it may begin anywhere */
    }
    run_done(&run);
    *cost = run.cost;
    return run.cost > limit ? -E2BIG : run.matched;
}
