#include "agent/pod/bandwidth.h"

#include "common/schema/quantity.h"

#include <errno.h>

#define LEAST INT64_C(1000)
#define MOST INT64_C(1000000000000000)

static int read_one(const struct value *annotations, const char *name, uint64_t *ret,
                    struct err *err)
{
    const struct value *text = value_get(annotations, name);
    struct quantity quantity;
    *ret = 0;
    if (!text)
        return 0;
    if (quantity_of(text, &quantity) < 0)
        return err_set(err, -EINVAL, "annotation %s: not a quantity", name);
    int64_t rate = quantity_units(&quantity);
    if (rate < LEAST)
        return err_set(err, -EINVAL, "annotation %s: resource is unreasonably small (< 1kbit)",
                       name);
    if (rate > MOST)
        return err_set(err, -EINVAL, "annotation %s: resource is unreasonably large (> 1Pbit)",
                       name);
    *ret = (uint64_t)rate;
    return 0;
}

int bandwidth_read(const struct value *annotations, struct net_rates *ret, struct err *err)
{
    struct net_rates rates = {0};
    int rc = read_one(annotations, "kubernetes.io/ingress-bandwidth", &rates.ingress, err);
    if (rc == 0)
        rc = read_one(annotations, "kubernetes.io/egress-bandwidth", &rates.egress, err);
    if (rc == 0)
        *ret = rates;
    return rc;
}
