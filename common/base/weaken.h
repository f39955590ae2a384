#pragma once
/* Named weakenings (tests/bite): a test build that sets LIMPET_WEAKEN=<name> breaks one check on
 * purpose and one test must then fail. Never set in a build that is installed. Used as
 * `if (digest_differs && !WEAKENED(IMAGE_DIGEST))`, where -DLIMPET_WEAKEN_IMAGE_DIGEST makes the
 * check vanish. */

#define WEAKEN_CAT_(a, b) a##b
#define WEAKEN_SECOND_(a, b, ...) b
#define WEAKEN_PROBE_1 ~, 1
#define WEAKEN_PROBE_ ~, 1
#define WEAKEN_TEST_(...) WEAKEN_SECOND_(__VA_ARGS__, 0, )
#define WEAKEN_EXPAND_(x) WEAKEN_TEST_(WEAKEN_CAT_(WEAKEN_PROBE_, x))
#define WEAKENED(name) WEAKEN_EXPAND_(LIMPET_WEAKEN_##name)
