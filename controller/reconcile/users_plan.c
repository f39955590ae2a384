#include "controller/reconcile/users_plan.h"

#include "common/base/clock.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/cert.h"
#include "common/kinds/kinds.h"

#include <stdlib.h>

static bool has_serial(const struct value *list, const char *serial)
{
    for (size_t i = 0; i < value_len(list); i++)
        if (str_eq(value_get_str(value_at(list, i), "serial"), serial))
            return true;
    return false;
}

/* Takes item: into the list if it may still hold, and is not there yet. */
static void add(struct value *list, struct value *item, int64_t now_ns, int64_t *next)
{
    const char *end = value_get_str(item, "notAfter");
    int64_t end_ns = INT64_MAX;
    bool over = end && clock_parse(end, &end_ns) == 0 && end_ns <= now_ns;
    if (over || has_serial(list, value_get_str(item, "serial"))) {
        value_free(item);
        return;
    }
    *next = end_ns < *next ? end_ns : *next;
    value_append(list, item);
}

/* NULL if the request was not answered, or with a certificate in another name. */
static struct value *certificate_of(const struct value *csr, const char *name)
{
    const char *coded = value_get_str(value_get(csr, "status"), "certificate");
    autofree uint8_t *pem = NULL;
    size_t len;
    struct err err = {0};
    struct cert_info info;
    if (str_empty(coded) || base64_decode(coded, strlen(coded), &pem, &len) < 0 ||
        cert_parse((char *)pem, len, &info, &err) < 0)
        return NULL;
    struct value *item = NULL;
    if (str_eq(info.common_name, name)) {
        char end[CLOCK_RFC3339_LEN];
        clock_format(info.not_after_s * NS_PER_S, 0, end);
        item = value_new_map();
        value_set_str(item, "serial", info.serial);
        value_set_str(item, "notAfter", end);
        value_set_str(item, "request", object_name(csr));
    }
    cert_info_done(&info);
    return item;
}

struct value *users_plan(const struct value *user, const struct value *requests, int64_t now_ns,
                         int64_t *ret_next)
{
    const struct value *known = value_path(user, "status", "certificates", NULL);
    struct value *list = value_new_list();
    *ret_next = INT64_MAX;
    for (size_t i = 0; i < value_len(known); i++)
        add(list, value_copy(value_at(known, i)), now_ns, ret_next);
    for (size_t i = 0; i < value_len(requests); i++) {
        struct value *item = certificate_of(value_at(requests, i), object_name(user));
        if (item)
            add(list, item, now_ns, ret_next);
    }
    return list;
}

bool users_plan_release(const struct value *user, const struct value *certificates)
{
    return value_get(value_get(user, "metadata"), "deletionTimestamp") &&
           value_len(certificates) == 0;
}
