#pragma once
/* How long things took, counted in a few classes. */

#include <stddef.h>
#include <stdint.h>

/* From a millisecond to ten seconds; what took longer is in the last class, which has none. */
#define HISTOGRAM_CLASSES 12

struct histogram {
    uint64_t counts[HISTOGRAM_CLASSES]; /* each class for itself */
    uint64_t total;
    double sum; /* seconds */
};

void histogram_add(struct histogram *histogram, int64_t ns);
/* The upper bound of class i < HISTOGRAM_CLASSES - 1. */
double histogram_bound(size_t i);
