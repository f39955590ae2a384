#include "controller/reconcile/accounts_plan.h"

#include "common/base/str.h"
#include "common/kinds/kinds.h"

static bool is_going(const struct value *object)
{
    return !object || value_get(value_get(object, "metadata"), "deletionTimestamp");
}

unsigned accounts_plan(const struct value *ns, const struct value *account,
                       const struct value *config_map, const char *ca_pem)
{
    unsigned actions = 0;
    if (is_going(ns))
        return 0;
    if (!account)
        actions |= ACCOUNTS_MAKE_ACCOUNT;
    if (!config_map)
        actions |= ACCOUNTS_MAKE_CA;
    else if (!is_going(config_map) &&
             !str_eq(value_get_str(value_get(config_map, "data"), ACCOUNTS_CA_KEY), ca_pem))
        actions |= ACCOUNTS_MEND_CA;
    return actions;
}

enum accounts_secret accounts_plan_secret(const struct value *secret, const struct value *account)
{
    static const char *const keys[] = {"ca.crt", "namespace", "token"};
    const char *uid = object_annotation(secret, ACCOUNTS_SECRET_UID);
    if (!str_eq(value_get_str(secret, "type"), ACCOUNTS_SECRET_TYPE) || is_going(secret))
        return ACCOUNTS_SECRET_KEEP;
    if (!account || (!str_empty(uid) && !str_eq(uid, object_uid(account))))
        return ACCOUNTS_SECRET_DELETE;
    if (str_empty(uid))
        return ACCOUNTS_SECRET_FILL;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (str_empty(value_get_str(value_get(secret, "data"), keys[i])))
            return ACCOUNTS_SECRET_FILL;
    return ACCOUNTS_SECRET_KEEP;
}
