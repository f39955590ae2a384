#include "controller/server/token_review.h"

#include "common/base/str.h"
#include "controller/auth/authn.h"
#include "controller/auth/sa_tokens.h"
#include "controller/server/whoami.h"

#define MAX_AUDIENCES 64

/* Of tokens that name whom they are for: for whom of `asked`, added to ret. */
static struct who *of_account(const struct computed_ask *ask, const char *token,
                              const struct value *asked, struct value *ret)
{
    struct who *who = NULL;
    for (size_t i = 0; ask->tokens && i < value_len(asked) && i < MAX_AUDIENCES; i++) {
        const char *audiences[] = {value_str(value_at(asked, i)), NULL};
        struct who *found = NULL;
        if (!audiences[0] || sa_tokens_judge(ask->tokens, token, audiences, &found) != 1)
            continue;
        value_append(ret, value_new_str(audiences[0]));
        who_free(who);
        who = found;
    }
    if (who)
        who_add_group(who, WHO_AUTHENTICATED);
    return who;
}

static bool names_api(const struct value *asked)
{
    for (size_t i = 0; i < value_len(asked); i++)
        if (str_eq(value_str(value_at(asked, i)), SA_ISSUER))
            return true;
    return value_len(asked) == 0;
}

void token_review_answer(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    cleanup(value_free) struct value *review = value_copy(ask->object);
    const struct value *spec = value_get(review, "spec"), *asked = value_get(spec, "audiences");
    const char *token = value_get_str(spec, "token");
    struct value *status = value_make_map(review, "status", NULL);
    struct value *audiences = value_new_list();
    cleanup(who_free) struct who *who = NULL;
    if (!str_empty(token) && strlen(token) <= AUTHN_TOKEN_MAX)
        who = of_account(ask, token, asked, audiences);
    if (!who && !str_empty(token) && names_api(asked)) {
        who = authn_token(ask->authn, token);
        value_append(audiences, value_new_str(SA_ISSUER));
    }
    value_set_bool(status, "authenticated", who != NULL);
    if (who) {
        value_set(status, "user", whoami_info(&who->user));
        value_set(status, "audiences", audiences);
    } else {
        value_free(audiences);
        value_set_str(status, "error",
                      str_empty(token) ? "there is no token" : "the token is nobody's");
    }
    const struct api_answer answer = {.code = 201, .object = review};
    done(ctx, &answer);
}
