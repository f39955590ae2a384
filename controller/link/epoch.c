#include "controller/link/epoch.h"

#include "common/base/cleanup.h"
#include "common/base/clock.h"
#include "common/bus/index.h"
#include "common/data/json.h"

#include <errno.h>

int epoch_parse(const void *text, size_t len, struct epoch *ret, struct err *err)
{
    cleanup(value_free) struct value *value = NULL;
    int rc = json_parse(text, len, &value, err);
    int64_t number = rc == 0 ? value_int(value_get(value, "epoch"), 0) : 0;
    if (number < 1 || number > INDEX_MAX_NUMBER || !value_get(value, "adopt"))
        return err_set(err, -EBADMSG, "the record of the epoch is not valid");
    *ret = (struct epoch){(uint64_t)number, value_bool(value_get(value, "adopt"), true)};
    return 0;
}

int epoch_read(struct store *store, struct epoch *ret, struct err *err)
{
    struct store_item item;
    *ret = (struct epoch){.number = 1};
    return store_get(store, EPOCH_KEY, &item) < 0 ? 0 : epoch_parse(item.value, item.len, ret, err);
}

void epoch_write(const struct epoch *epoch, struct buf *ret)
{
    (void)buf_addf(ret, "{\"epoch\":%llu,\"adopt\":%s}", (unsigned long long)epoch->number,
                   epoch->adopt ? "true" : "false");
}

struct epoch epoch_after(const struct epoch *last, int64_t wall_ns)
{
    uint64_t now = wall_ns > 0 ? (uint64_t)(wall_ns / NS_PER_S) : 0;
    return (struct epoch){now > last->number ? now : last->number + 1, true};
}
