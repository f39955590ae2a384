#pragma once
/* Regular expressions as Kubernetes has them (RE2's syntax, as Go's regexp package reads it),
 * matched in time that is linear in the text whatever the expression is: all ways through it are
 * followed at once, none is gone back to (decision record 0007). Pure.
 *
 * Has: literals, . [] [^] [[:alpha:]] \d \w \s \D \W \S, | () (?:) (?P<name>) (?<name>) (?ims)
 * (?i:), * + ? {n} {n,} {n,m} and lazy ones, ^ $ \A \z \b \B, \n \t \x41 \x{41} \Q..\E. Letters of
 * other scripts match themselves; (?i) folds ASCII. Has not: \p{...} (-ENOTSUP), and what RE2 has
 * not: back references, looking ahead (-EINVAL). */

#include "common/base/cleanup.h"
#include "common/base/err.h"

#include <stdint.h>

#define PATTERN_MAX_TEXT 4096   /* bytes of an expression */
#define PATTERN_MAX_STEPS 10000 /* of its program: {n,m} are written out */
#define PATTERN_MAX_REPEAT 1000 /* as RE2 */
#define PATTERN_MAX_DEPTH 100   /* of groups */

struct pattern;

/* -EINVAL with what is wrong, in the words of Go; -ENOTSUP: it is right, but not known here;
 * -E2BIG: beyond the limits above. */
nodiscard int pattern_new(const char *text, struct pattern **ret, struct err *err);
void pattern_free(struct pattern *pattern);
CLEANUP_DEFINE(struct pattern, pattern_free);

/* Whether it is found anywhere in the text (1, 0). Adds to *cost what that took: about one for each
 * step of the program that is looked at, and gives up with -E2BIG when *cost is beyond `limit`. */
nodiscard int pattern_match(const struct pattern *pattern, const char *text, uint64_t limit,
                            uint64_t *cost);
