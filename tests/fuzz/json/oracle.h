#pragma once
/* What cJSON makes of a text, held against what json_parse made of it. Where json_parse is meant to
 * be stricter (common/data/decisions/0001), the reason is looked for in the text or in cJSON's
 * tree, by other code than json_parse's. */

#include "common/data/value.h"

/* ours: json_parse's tree, NULL if it refused the text. False with what is wrong in `why`:
 * - both take the text, and the trees differ (numbers as doubles),
 * - json_parse takes what cJSON refuses,
 * - json_parse refuses what cJSON takes, for none of the documented reasons,
 * - json_parse takes a text in spite of one of these reasons. */
bool oracle_agrees(const char *text, size_t len, const struct value *ours, char *why, size_t size);
