#include "controller/reconcile/signer.h"

#include "common/base/log.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/kinds/kinds.h"
#include "controller/reconcile/reconciler.h"
#include "controller/reconcile/signer_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct signer {
    struct loop *loop;
    struct api *api;
    const struct trust *trust;
    struct reconciler *frame; /* keys: names of requests */
};

static const struct api_user user = {.name = "system:limpet:signer"};

/* A verdict under way. */
struct settling {
    struct reconciler_write write;
    char *subject; /* of the certificate in it; NULL: there is none */
};

static void add_failure(struct signer *signer, struct value *csr, const char *why)
{
    char now[CLOCK_RFC3339_LEN];
    clock_format(clock_wall(loop_clock(signer->loop)), 0, now);
    struct value *status = value_make_map(csr, "status", NULL);
    struct value *conditions = value_get(status, "conditions");
    if (!conditions)
        conditions = value_set(status, "conditions", value_new_list());
    struct value *failed = value_new_map();
    value_set_str(failed, "type", "Failed");
    value_set_str(failed, "status", "True");
    value_set_str(failed, "reason", "SignerValidationFailure");
    value_set_str(failed, "message", why);
    value_set_str(failed, "lastUpdateTime", now);
    value_set_str(failed, "lastTransitionTime", now);
    value_append(conditions, failed);
}

static int issue(const struct signer *signer, const struct signer_order *order, struct buf *ret_pem,
                 struct err *err)
{
    const struct request_info *info = &order->info;
    const struct trust_serving serving = {
        .common_name = info->common_name,
        .organizations = (const char *const *)info->organizations,
        .dns = (const char *const *)info->dns,
        .ips = (const char *const *)info->ips,
    };
    const struct clock *clock = loop_clock(signer->loop);
    if (order->serving)
        return trust_issue_serving(signer->trust, clock, &serving, info->key, order->valid_s,
                                   ret_pem, err);
    return trust_issue_client(signer->trust, clock, serving.common_name, serving.organizations,
                              info->key, order->valid_s, ret_pem, err);
}

static int sign(struct signer *signer, const struct signer_order *order, struct value *csr,
                struct err *err)
{
    cleanup(buf_done) struct buf pem;
    buf_init(&pem, 0);
    int rc = issue(signer, order, &pem, err);
    if (rc < 0)
        return rc;
    autofree char *coded = base64_encode(pem.data, pem.len);
    value_set_str(value_make_map(csr, "status", NULL), "certificate", coded);
    return 0;
}

/* A join token's id says at the broker who asks to enrol: a person of that name could ask in its
 * place, without its secret. */
static int check_no_token(const struct signer *signer, const char *name, struct err *err)
{
    autofree char *secret = xasprintf("bootstrap-token-%s", name);
    const struct api_ref ref = {&kind_secret, "kube-system", secret};
    const struct value *token = NULL;
    if (strchr(name, '/') || api_see(signer->api, &user, &ref, &token) != 0 ||
        WEAKENED(SIGNER_TOKEN_NAME))
        return 0;
    return err_set(err, -EPERM, "%s is the id of a token", name);
}

static int settle_order(struct signer *signer, const struct signer_order *order, struct value *csr,
                        struct err *err)
{
    int rc = check_no_token(signer, order->info.common_name, err);
    return rc < 0 ? rc : sign(signer, order, csr, err);
}

/* Decided on the request as it stands now. */
static int settle(void *ctx, struct value *csr)
{
    struct settling *settling = ctx;
    struct signer *signer = reconciler_ctx(&settling->write);
    struct signer_order order = {0};
    struct err err = {0};
    enum signer_action action = signer_plan(csr, &order, &err);
    free(steal(settling->subject));
    if (action == SIGNER_WAIT)
        return 1;
    if (action == SIGNER_FAIL || settle_order(signer, &order, csr, &err) < 0)
        add_failure(signer, csr, err.msg);
    else
        settling->subject = xstrdup(order.info.common_name);
    request_info_done(&order.info);
    return 0;
}

/* Signed is what is stored: nobody else has the certificate. */
static enum work_end settled(struct reconciler_write *write, const struct api_answer *answer)
{
    const struct settling *settling = container_of(write, struct settling, write);
    if (answer->code < 300 && settling->subject)
        log_info("certificate signed user=%s request=%s", log_quote(settling->subject), write->key);
    return reconciler_verdict(answer);
}

static void settling_free(struct reconciler_write *write)
{
    free(container_of(write, struct settling, write)->subject);
}

static void look(void *ctx, const char *name)
{
    static const struct reconciler_ops ops = {
        .size = sizeof(struct settling), .done = settled, .free = settling_free};
    struct signer *signer = ctx;
    struct signer_order order = {0};
    struct err err = {0};
    const struct api_ref ref = {&kind_certificate_signing_request, "", name};
    cleanup(value_free) struct value *csr =
        reconciler_get(signer->frame, &kind_certificate_signing_request, name);
    enum signer_action action = csr ? signer_plan(csr, &order, &err) : SIGNER_WAIT;
    request_info_done(&order.info);
    if (action != SIGNER_WAIT)
        api_patch_with(signer->api, &user, &ref, API_STATUS, settle, reconciler_written,
                       reconciler_begin(signer->frame, name, &ops));
}

static void on_request(void *ctx, enum api_event_type type, const struct value *csr)
{
    struct signer *signer = ctx;
    if (type != API_DELETED)
        reconciler_put_object(signer->frame, csr);
}

int signer_new(struct loop *loop, struct api *api, const struct trust *trust, struct signer **ret,
               struct err *err)
{
    static const struct reconciler_watch watches[] = {
        {&kind_certificate_signing_request, on_request}};
    struct signer *signer = xcalloc(1, sizeof(*signer));
    const struct reconciler_spec spec = {.name = "signer",
                                         .loop = loop,
                                         .api = api,
                                         .user = &user,
                                         .watches = watches,
                                         .watch_count = ARRAY_LEN(watches),
                                         .look = look,
                                         .ctx = signer};
    signer->loop = loop;
    signer->api = api;
    signer->trust = trust;
    int r = reconciler_new(&spec, &signer->frame, err);
    if (r < 0) {
        signer_free(signer);
        return r;
    }
    *ret = signer;
    return 0;
}

void signer_free(struct signer *signer)
{
    if (!signer)
        return;
    reconciler_free(signer->frame);
    free(signer);
}
