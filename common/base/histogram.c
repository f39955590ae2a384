#include "common/base/histogram.h"

#include "common/base/clock.h"

static const double bounds[HISTOGRAM_CLASSES - 1] = {0.001, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                     0.25,  0.5,   1,    2.5,   10};

void histogram_add(struct histogram *histogram, int64_t ns)
{
    double seconds = (double)(ns < 0 ? 0 : ns) / (double)NS_PER_S;
    size_t class = 0;
    while (class < HISTOGRAM_CLASSES - 1 && seconds > bounds[class])
        class ++;
    histogram->counts[class]++;
    histogram->total++;
    histogram->sum += seconds;
}

double histogram_bound(size_t i)
{
    return bounds[i];
}
