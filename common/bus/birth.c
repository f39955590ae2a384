#include "common/bus/birth.h"

#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/schema/format.h"

#include <errno.h>

void birth_done(struct birth *birth)
{
    value_free(birth->status);
    value_free(birth->labels);
    value_free(birth->volumes_gone);
    birth->status = birth->labels = birth->volumes_gone = NULL;
}

int birth_write(const struct birth *birth, struct buf *ret)
{
    cleanup(value_free) struct value *v = value_new_map();
    value_set_int(v, "v", BIRTH_VERSION);
    value_set_str(v, "node", birth->node);
    value_set_str(v, "boot", birth->boot);
    value_set_str(v, "nonce", birth->nonce);
    value_set_bool(v, "online", birth->online);
    value_set_int(v, "beat", birth->beat_s);
    if (birth->status)
        value_set(v, "status", value_copy(birth->status));
    if (birth->labels)
        value_set(v, "labels", value_copy(birth->labels));
    if (*birth->pod_cidr)
        value_set_str(v, "podCIDR", birth->pod_cidr);
    if (value_len(birth->volumes_gone) > 0)
        value_set(v, "volumesGone", value_copy(birth->volumes_gone));
    return json_write(v, ret);
}

static bool is_word(const char *s, size_t max)
{
    size_t len =
        s ? strspn(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") : 0;
    return len > 0 && len <= max && s[len] == '\0';
}

static bool are_names(const struct value *list)
{
    if (list && (value_type(list) != VALUE_LIST || value_len(list) > BIRTH_VOLUMES_MAX))
        return false;
    for (size_t i = 0; i < value_len(list); i++) {
        const char *name = value_str(value_at(list, i));
        if (!name || format_dns1123_subdomain(name))
            return false;
    }
    return true;
}

/* What is wrong about it keeps nobody away: the rest of the birth is worth more. */
static void read_pod_cidr(const struct value *v, char ret[BIRTH_CIDR_MAX + 1])
{
    const char *cidr = value_get_str(v, "podCIDR");
    if (cidr && strlen(cidr) <= BIRTH_CIDR_MAX && (!format_cidr(cidr) || WEAKENED(BIRTH_CIDR)))
        strcpy(ret, cidr);
}

int birth_read(const void *payload, size_t len, const char *node, struct birth *ret,
               struct err *err)
{
    if (len > BIRTH_MAX)
        return err_set(err, -EBADMSG, "birth: larger than %d bytes", BIRTH_MAX);
    cleanup(value_free) struct value *v = NULL;
    struct err parse = {0};
    if (json_parse(payload, len, &v, &parse) < 0)
        return err_set(err, -EBADMSG, "birth: %s", parse.msg);
    if (value_get_int(v, "v", 0) != BIRTH_VERSION)
        return err_set(err, -ENOTSUP, "birth: of a version that is not known here");
    const char *boot = value_get_str(v, "boot"), *nonce = value_get_str(v, "nonce");
    if (!str_eq(value_get_str(v, "node"), node) || !is_word(boot, sizeof(ret->boot) - 1) ||
        !is_word(nonce, sizeof(ret->nonce) - 1))
        return err_set(err, -EBADMSG, "birth: node, boot or nonce malformed");
    if (!are_names(value_get(v, "volumesGone")))
        return err_set(err, -EBADMSG, "birth: volumesGone must be at most %d names",
                       BIRTH_VOLUMES_MAX);
    int64_t beat_s = value_get_int(v, "beat", 0);
    struct birth birth = {
        .online = value_get_bool(v, "online", false),
        .beat_s = beat_s < 1 || beat_s > 3600 ? 0 : (int)beat_s,
        .status = value_take(v, "status"),
        .labels = value_take(v, "labels"),
        .volumes_gone = value_take(v, "volumesGone"),
    };
    if (birth.online && birth.beat_s == 0) {
        birth_done(&birth);
        return err_set(err, -EBADMSG, "birth: beat must be 1-3600 seconds");
    }
    strcpy(birth.node, node);
    strcpy(birth.boot, boot);
    strcpy(birth.nonce, nonce);
    read_pod_cidr(v, birth.pod_cidr);
    *ret = birth;
    return 0;
}
