#pragma once
/* Text for a terminal. Pure but for text_colour's question to it. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdio.h>

/* Control characters (a manifest or a container may hold some) from byte `from` on become spaces or
 * '?'; line feeds stay. */
void text_clean(struct buf *text, size_t from);
/* Columns that a line takes: code points. */
size_t text_width(const char *s);

enum text_colour { TEXT_PLAIN, TEXT_GOOD, TEXT_WAITING, TEXT_BAD, TEXT_DIM };
/* Whether colours may be used there: a terminal, not dumb, no $NO_COLOR. */
bool text_colours(FILE *to);
/* The sequence that begins a colour; TEXT_PLAIN ends it. */
const char *text_colour(enum text_colour colour);
/* Of a word as status columns hold it ("Running", "CrashLoopBackOff"). */
enum text_colour text_colour_of(const char *status);
