#include "controller/server/computed.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "controller/api/change.h"
#include "controller/api/status.h"
#include "controller/server/access_review.h"
#include "controller/server/token_review.h"
#include "controller/server/usage_metrics.h"
#include "controller/server/whoami.h"

/* A line a kind, so that two who add one do not meet. */
/* clang-format off */
static const struct {
    const struct schema_kind *kind;
    computed_fn *fn;
} table[] = {
    {&kind_self_subject_review, whoami_answer},
    {&kind_token_review, token_review_answer},
    {&kind_subject_access_review, access_review_answer},
    {&kind_local_subject_access_review, access_review_answer},
    {&kind_self_subject_access_review, access_review_answer_self},
    {&kind_self_subject_rules_review, access_review_list_rules},
    {&kind_node_metrics, usage_metrics_answer},
    {&kind_pod_metrics, usage_metrics_answer},
};
/* clang-format on */

static computed_fn *find(const struct schema_kind *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(table); i++)
        if (table[i].kind == kind)
            return table[i].fn;
    return NULL;
}

/* Takes status. */
static void refuse(struct value *status, api_done_fn *done, void *ctx)
{
    const struct api_answer answer = {.code = status_code(status), .object = status};
    done(ctx, &answer);
    value_free(status);
}

/* What is handed back with the answer, too: warnings of unknown fields. */
struct created {
    api_done_fn *done;
    void *ctx;
    struct change change;
};

static void on_answer(void *ctx, const struct api_answer *answer)
{
    struct created *created = ctx;
    struct api_answer with = *answer;
    if (created->change.warnings.count > 0)
        with.warnings = &created->change.warnings;
    created->done(created->ctx, &with);
    change_done(&created->change);
    free(created);
}

static void create(const struct computed_ask *ask, computed_fn *fn, api_done_fn *done, void *ctx)
{
    const struct change_env env = {.ref = ask->ref, .flags = ask->flags};
    struct created *created = xcalloc(1, sizeof(*created));
    created->done = done;
    created->ctx = ctx;
    change_review(&env, ask->object, &created->change);
    if (created->change.action == CHANGE_REFUSE) {
        refuse(steal(created->change.object), on_answer, created);
        return;
    }
    struct computed_ask checked = *ask;
    checked.object = created->change.object;
    fn(&checked, on_answer, created);
}

void computed_answer(const struct computed_ask *ask, api_done_fn *done, void *ctx)
{
    computed_fn *fn = find(ask->ref.kind);
    if (!fn)
        refuse(status_failure(503, "this gateway does not answer that"), done, ctx);
    else if (ask->object)
        create(ask, fn, done, ctx);
    else
        fn(ask, done, ctx);
}
