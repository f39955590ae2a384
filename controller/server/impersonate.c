#include "controller/server/impersonate.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "controller/api/access.h"
#include "controller/api/status.h"
#include "controller/authz/authz.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

#define PREFIX "Impersonate-"
#define EXTRA PREFIX "Extra-"
#define ACCOUNT "system:serviceaccount:"

/* ---- what the headers say ---- */

static const char *find(const char *const *headers, const char *name)
{
    for (; headers[0]; headers += 2)
        if (strcasecmp(headers[0], name) == 0)
            return headers[1];
    return NULL;
}

/* "Impersonate-Extra-Example.com%2fScopes" -> "example.com/scopes". Caller frees. */
static char *extra_key(const char *header)
{
    const char *from = header + strlen(EXTRA);
    char *key = xstrdup(from), *to = key;
    for (; *from; from++) {
        uint8_t byte;
        if (*from == '%' && from[1] && hex_decode(from + 1, 2, &byte, 1) == 0 && byte) {
            *to++ = (char)tolower(byte);
            from += 2;
        } else {
            *to++ = (char)tolower((unsigned char)*from);
        }
    }
    *to = '\0';
    return key;
}

/* "system:serviceaccount:NS:NAME": true, with both, which are the caller's. */
static bool read_account(const char *user, char **ret_ns, char **ret_name)
{
    if (!str_has_prefix(user, ACCOUNT))
        return false;
    const char *ns = user + strlen(ACCOUNT), *colon = strchr(ns, ':');
    if (!colon || colon == ns || !colon[1] || strchr(colon + 1, ':'))
        return false;
    *ret_ns = xstrndup(ns, (size_t)(colon - ns));
    *ret_name = xstrdup(colon + 1);
    return true;
}

/* ---- whether he may ---- */

static struct value *check(const struct api *api, const struct api_user *user,
                           const struct rbac_ask *what)
{
    const struct authz_ask ask = {{user->name, user->groups}, *what};
    return WEAKENED(SERVER_IMPERSONATE) ? NULL : access_ask_refusal(api, &ask);
}

static struct value *check_user(const struct api *api, const struct api_user *user,
                                const char *name, struct who *who)
{
    autofree char *ns = NULL, *account = NULL;
    if (!read_account(name, &ns, &account)) {
        const struct rbac_ask what = {"impersonate", NULL, "", "users", "", "", name};
        return check(api, user, &what);
    }
    const struct rbac_ask what = {"impersonate", NULL, "", "serviceaccounts", "", ns, account};
    struct value *refusal = check(api, user, &what);
    autofree char *group = xasprintf("system:serviceaccounts:%s", ns);
    if (!refusal && !who->group_count) { /* as it has them, unless others were asked for */
        who_add_group(who, "system:serviceaccounts");
        who_add_group(who, group);
    }
    return refusal;
}

static struct value *take_header(const struct api *api, const struct api_user *user,
                                 const char *name, const char *value, struct who *who)
{
    if (strcasecmp(name, PREFIX "Group") == 0) {
        const struct rbac_ask what = {"impersonate", NULL, "", "groups", "", "", value};
        who_add_group(who, value);
        return check(api, user, &what);
    }
    if (strcasecmp(name, PREFIX "Uid") == 0) {
        const struct rbac_ask what = {"impersonate", NULL, "authentication.k8s.io", "uids", "", "",
                                      value};
        who_set_uid(who, value);
        return check(api, user, &what);
    }
    if (strncasecmp(name, EXTRA, strlen(EXTRA)) != 0)
        return NULL;
    autofree char *key = extra_key(name);
    const struct rbac_ask what = {
        "impersonate", NULL, "authentication.k8s.io", "userextras", key, "", value};
    who_add_extra(who, key, value);
    return check(api, user, &what);
}

/* Everybody is in one of these two. */
static void add_usual_group(struct who *who)
{
    bool nobody = str_eq(who->user.name, WHO_ANONYMOUS);
    if (!who_has_group(&who->user, WHO_AUTHENTICATED) &&
        !who_has_group(&who->user, WHO_UNAUTHENTICATED))
        who_add_group(who, nobody ? WHO_UNAUTHENTICATED : WHO_AUTHENTICATED);
}

struct value *impersonate_read(const struct api *api, const char *const *headers,
                               const struct api_user *user, struct who **ret)
{
    const char *name = find(headers, PREFIX "User");
    bool asked = false;
    for (const char *const *at = headers; at[0]; at += 2)
        asked |= strncasecmp(at[0], PREFIX, strlen(PREFIX)) == 0;
    if (!asked)
        return NULL;
    if (str_empty(name))
        return status_failure(400, "groups, uid or extra are impersonated without a user: "
                                   "Impersonate-User is required");
    cleanup(who_free) struct who *who = who_new(name);
    struct value *refusal = NULL;
    for (const char *const *at = headers; at[0] && !refusal; at += 2)
        refusal = take_header(api, user, at[0], at[1], who);
    if (!refusal)
        refusal = check_user(api, user, name, who);
    if (refusal)
        return refusal;
    add_usual_group(who);
    *ret = steal(who);
    return NULL;
}

/* ---- of a request ---- */

struct headers {
    const char **pairs;
    size_t count;
};

static void take_pair(void *ctx, const char *name, const char *value)
{
    struct headers *headers = ctx;
    if (strncasecmp(name, PREFIX, strlen(PREFIX)) != 0)
        return;
    headers->pairs = xreallocarray(headers->pairs, headers->count + 3, sizeof(*headers->pairs));
    headers->pairs[headers->count++] = name;
    headers->pairs[headers->count++] = value ? value : "";
    headers->pairs[headers->count] = NULL;
}

struct value *impersonate_find(const struct api *api, const struct http_request *request,
                               const struct api_user *user, struct who **ret)
{
    struct headers headers = {0};
    http_each_header(request, take_pair, &headers);
    struct value *refusal = headers.pairs ? impersonate_read(api, headers.pairs, user, ret) : NULL;
    free(headers.pairs);
    return refusal;
}
