#include "controller/auth/bootstrap_tokens.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/crypto/crypto.h"
#include "common/kinds/kinds.h"

#include <errno.h>
#include <stdio.h>

#define ID_LEN 6
#define SECRET_LEN 16
#define GROUPS_MAX 64
#define EXTRA_PREFIX "system:bootstrappers:"

static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
static const struct api_user user = {.name = "system:limpet:authn"};

/* The text of a key; caller frees; NULL if absent or not base64. */
static char *text_of(const struct value *secret, const char *key)
{
    const char *coded = value_get_str(value_get(secret, "data"), key);
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (!coded || base64_decode(coded, strlen(coded), &bytes, &len) < 0)
        return NULL;
    if (strlen((char *)bytes) == len)
        return (char *)bytes;
    free(bytes);
    return NULL;
}

/* system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9], as Kubernetes wants them. */
static bool is_extra_group(const char *group)
{
    static const char more[] = "abcdefghijklmnopqrstuvwxyz0123456789:-";
    if (!str_has_prefix(group, EXTRA_PREFIX))
        return false;
    const char *rest = group + sizeof(EXTRA_PREFIX) - 1;
    size_t len = strlen(rest);
    return len >= 1 && len <= 256 && strspn(rest, more) == len && strchr(letters, rest[len - 1]);
}

static int add_group(void *ctx, const char *piece, size_t len)
{
    struct who *who = ctx;
    autofree char *group = xstrndup(piece, len);
    if ((!is_extra_group(group) && !WEAKENED(BOOTSTRAP_GROUPS)) || who->group_count >= GROUPS_MAX)
        return -EINVAL;
    who_add_group(who, group);
    return 0;
}

static bool is_valid(const struct value *secret, const char *id, const char *given,
                     int64_t now_wall_ns)
{
    autofree char *own_id = text_of(secret, "token-id");
    autofree char *own = text_of(secret, "token-secret");
    autofree char *usage = text_of(secret, "usage-bootstrap-authentication");
    autofree char *expires = text_of(secret, "expiration");
    bool has_end = value_get(value_get(secret, "data"), "expiration");
    int64_t end_ns = INT64_MAX;
    bool good = str_eq(value_get_str(secret, "type"), "bootstrap.kubernetes.io/token") &&
                str_eq(own_id, id) && own && strlen(own) == SECRET_LEN &&
                crypto_equal(own, given, SECRET_LEN) && str_eq(usage, "true") &&
                !value_get(value_get(secret, "metadata"), "deletionTimestamp");
    if (own)
        crypto_wipe(own, strlen(own));
    if (has_end && (!expires || clock_parse(expires, &end_ns) < 0))
        return false;
    return good && (now_wall_ns < end_ns || WEAKENED(BOOTSTRAP_EXPIRY));
}

struct who *bootstrap_tokens_judge(const struct value *secret, const char *id, const char *given,
                                   int64_t now_wall_ns)
{
    if (strlen(given) != SECRET_LEN || !is_valid(secret, id, given, now_wall_ns))
        return NULL;
    autofree char *name = xasprintf("system:bootstrap:%s", id);
    autofree char *groups = text_of(secret, "auth-extra-groups");
    struct who *who = who_new(name);
    who_add_group(who, "system:bootstrappers");
    if (!str_empty(groups) && str_split(groups, ',', add_group, who) != 0) {
        who_free(who);
        return NULL;
    }
    return who;
}

int bootstrap_tokens_check(void *ctx, const char *token, struct who **ret)
{
    struct api *api = ctx;
    if (strlen(token) != ID_LEN + 1 + SECRET_LEN || strspn(token, letters) != ID_LEN ||
        token[ID_LEN] != '.' || strspn(token + ID_LEN + 1, letters) != SECRET_LEN)
        return 0;
    char id[ID_LEN + 1], name[40];
    snprintf(id, sizeof(id), "%s", token);
    snprintf(name, sizeof(name), "bootstrap-token-%s", id);
    const struct api_ref ref = {&kind_secret, "kube-system", name};
    const struct value *secret = NULL;
    if (api_see(api, &user, &ref, &secret) != 0)
        return -EACCES;
    *ret = bootstrap_tokens_judge(secret, id, token + ID_LEN + 1, clock_wall(api_clock(api)));
    return *ret ? 1 : -EACCES;
}
