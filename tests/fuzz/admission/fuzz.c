/* What judges pods and requests, on any tree at all: first a byte that says what, then JSON or, for
 * audit policies, YAML. */

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/data/json.h"
#include "common/kinds/kinds.h"
#include "controller/admission/pod_standards.h"
#include "controller/admission/quota_book.h"
#include "controller/monitor/audit_policy.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void standards(const struct value *pod)
{
    static const int minors[] = {0, 18, 22, 25, 33, POD_STANDARDS_LATEST};
    for (size_t i = 0; i < sizeof(minors) / sizeof(*minors); i++)
        for (enum pod_level level = POD_PRIVILEGED; level <= POD_RESTRICTED; level++) {
            cleanup(buf_done) struct buf reasons, details;
            buf_init(&reasons, 0);
            buf_init(&details, 0);
            bool violated = pod_standards_violated(level, minors[i], value_get(pod, "metadata"),
                                                   value_get(pod, "spec"), &reasons, &details);
            check(violated == (details.len > 0) && violated == (reasons.len > 0));
            check(!violated || level > POD_PRIVILEGED);
        }
}

/* What is taken and given back leaves nothing. */
static void quotas(const struct value *object)
{
    static const struct schema_kind *const kinds[] = {&kind_pod, &kind_service,
                                                      &kind_persistent_volume_claim, &kind_secret};
    struct quota_book *book = quota_book_new();
    (void)quota_book_set(book, "q", value_get(object, "quota"));
    cleanup(value_free) struct value *before = quota_book_used(book, "q");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        cleanup(buf_done) struct buf text;
        struct quota_usage usage, again;
        buf_init(&text, 0);
        quota_usage_of(kinds[i], object, &usage);
        quota_usage_of(kinds[i], object, &again);
        (void)quota_is_said(value_path(object, "quota", "hard", NULL), object, &text);
        (void)quota_book_allows(book, "k", &usage, &text);
        quota_book_hold(book, "k", &usage);
        quota_book_cancel(book, "k");
        quota_book_put(book, "k", &again);
        quota_book_put(book, "k", NULL);
    }
    cleanup(value_free) struct value *after = quota_book_used(book, "q");
    for (size_t i = 0; i < value_len(after); i++)
        check(value_get(before, value_key_at(after, i)) != NULL);
    quota_book_free(book);
}

static void policy(const char *text, size_t len)
{
    static const char *const groups[] = {"staff", NULL};
    const struct audit_subject subject = {"ann", groups, "get", "/healthz", {&kind_pod, "a", "p"},
                                          "log", false};
    struct audit_policy *policy = NULL;
    struct err err = {0};
    int r = audit_policy_parse("p", text, len, &policy, &err);
    check((r == 0) == (policy != NULL) && (r == 0 || *err.msg));
    if (r == 0)
        check(audit_policy_decide(policy, &subject).level <= AUDIT_REQUEST_RESPONSE);
    audit_policy_free(policy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(value_free) struct value *object = NULL;
    struct err err = {0};
    if (size < 1)
        return 0;
    autofree char *text = xstrndup((const char *)data + 1, size - 1);
    if (*data == 'a') {
        policy(text, strlen(text));
        return 0;
    }
    if (json_parse(text, strlen(text), &object, &err) != 0)
        return 0;
    if (*data == 'q')
        quotas(object);
    else
        standards(object);
    return 0;
}
