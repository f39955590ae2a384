#include "common/schema/near.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

enum { NEAR_MAX = 64 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

size_t near_distance(const char *a, const char *b, size_t max)
{
    size_t rows[3][NEAR_MAX + 1];
    size_t a_len = strnlen(a, NEAR_MAX), b_len = strnlen(b, NEAR_MAX);
    for (size_t j = 0; j <= b_len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            row[j] =
                least(above[j - 1] + !same(a[i - 1], b[j - 1]), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) && same(a[i - 2], b[j - 1]))
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return least(rows[a_len % 3][b_len], max + 1);
}

void near_try(struct near *near, const char *candidate)
{
    size_t max = strlen(near->wanted) / 3;
    max = max > 3 ? 3 : max;
    size_t distance = near_distance(near->wanted, candidate, max);
    if (distance > max || (near->best && distance >= near->distance))
        return;
    near->best = candidate;
    near->distance = distance;
}
