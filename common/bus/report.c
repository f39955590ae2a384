#include "common/bus/report.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/crypto/crypto.h"
#include "common/data/json.h"

#include <errno.h>

#define REPORT_VERSION 1

void report_done(struct report *report)
{
    value_free(report->pod);
    report->pod = NULL;
}

int report_write(const struct report *report, struct buf *ret)
{
    cleanup(value_free) struct value *v = value_new_map();
    value_set_int(v, "v", REPORT_VERSION);
    value_set_str(v, "boot", report->boot);
    value_set_int(v, "seq", (int64_t)report->seq);
    value_set_bool(v, "gone", report->gone);
    value_set(v, "pod", value_copy(report->pod));
    return json_write(v, ret);
}

int report_read(const void *payload, size_t len, const char *uid, struct report *ret,
                struct err *err)
{
    if (len > REPORT_MAX)
        return err_set(err, -EBADMSG, "pod status: larger than %d bytes", REPORT_MAX);
    cleanup(value_free) struct value *v = NULL;
    struct err parse = {0};
    if (json_parse(payload, len, &v, &parse) < 0)
        return err_set(err, -EBADMSG, "pod status: %s", parse.msg);
    if (value_get_int(v, "v", 0) != REPORT_VERSION)
        return err_set(err, -ENOTSUP, "pod status: of a version that is not known here");
    const char *boot = value_get_str(v, "boot");
    const struct value *pod = value_get(v, "pod"), *meta = value_get(pod, "metadata");
    int64_t seq = value_get_int(v, "seq", 0);
    bool whole = boot && strlen(boot) < sizeof(ret->boot) && seq > 0 &&
                 str_eq(value_get_str(meta, "uid"), uid) && value_get_str(meta, "name") &&
                 value_get_str(meta, "namespace") &&
                 value_type(value_get(pod, "status")) == VALUE_MAP;
    if (!whole)
        return err_set(err, -EBADMSG,
                       "pod status: boot, seq, pod.metadata or pod.status malformed");
    struct report report = {.seq = (uint64_t)seq, .gone = value_get_bool(v, "gone", false)};
    strcpy(report.boot, boot);
    report.pod = value_take(v, "pod");
    *ret = report;
    return 0;
}

void report_hash_add(uint8_t hash[8], const char *uid, uint64_t seq, bool gone)
{
    autofree char *text = xasprintf("%s/%llu/%d", uid, (unsigned long long)seq, gone);
    uint8_t digest[SHA256_LEN];
    sha256(text, strlen(text), digest);
    for (int i = 0; i < 8; i++)
        hash[i] ^= digest[i];
}
