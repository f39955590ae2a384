/* Events of a node that may say anything: what is taken has the form that the header promises. */

#include "common/base/str.h"
#include "common/base/utf8.h"
#include "common/bus/event_batch.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_event(const struct node_event *event)
{
    size_t reason = strlen(event->reason), message = strlen(event->message);
    check(strlen(event->ns) <= 63 && !strchr(event->ns, '/'));
    check(*event->name && strlen(event->name) <= 253 && !strchr(event->name, '/'));
    check(strlen(event->uid) <= 128);
    check(str_eq(event->type, "Normal") || str_eq(event->type, "Warning"));
    check(reason > 0 && reason <= EVENT_REASON_MAX && strcspn(event->reason, " \n\033") == reason);
    check(message <= EVENT_MESSAGE_MAX && str_is_utf8(event->message, message));
    check(event->age_ms >= 0 && event->age_ms <= EVENT_AGE_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(event_batch_done) struct event_batch batch = {0};
    struct err err = {0};
    int rc = event_batch_read(data, size, &batch, &err);
    if (rc < 0) {
        check((rc == -EBADMSG || rc == -ENOTSUP) && err.code == rc && *err.msg && !batch.events);
        return 0;
    }
    check(batch.dropped >= 0 && batch.count <= EVENT_BATCH_EVENTS);
    for (size_t i = 0; i < batch.count; i++) {
        struct node_event event = {0};
        struct err why = {0};
        rc = event_batch_at(&batch, i, &event, &why);
        if (rc < 0)
            check(rc == -EBADMSG && *why.msg && !event.name);
        else
            check_event(&event);
    }
    return 0;
}
