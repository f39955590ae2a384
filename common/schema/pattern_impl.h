#pragma once
/* What the reading and the running half of patterns share: the program. */

#include "common/schema/pattern.h"

#include <stdbool.h>
#include <stddef.h>

enum pattern_op {
    OP_CHAR,  /* the character x, then the next step */
    OP_SET,   /* a character of sets[x], then the next step */
    OP_SPLIT, /* x and y */
    OP_JUMP,  /* x */
    OP_BEGIN, /* of the text */
    OP_END,
    OP_LINE_BEGIN,
    OP_LINE_END,
    OP_WORD_EDGE,
    OP_NO_WORD_EDGE,
    OP_MATCH,
};

struct pattern_step {
    uint8_t op;
    uint32_t x, y;
};

struct pattern_range {
    uint32_t low, high;
};

/* Characters: those below 128 by bits, the others by ranges. */
struct pattern_set {
    uint64_t ascii[2];
    bool negated; /* of the ranges; the bits are final */
    size_t count;
    struct pattern_range *ranges;
};

struct pattern {
    struct pattern_step *steps;
    size_t step_count;
    struct pattern_set *sets;
    size_t set_count;
};

bool pattern_set_has(const struct pattern_set *set, uint32_t c);
