/* Messages of a keeper and the reports in them; sizes that an agent asks for. */

#include "agent/keeper/proto.h"
#include "agent/keeper/report.h"
#include "agent/keeper/sizing.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void read_report(const void *data, size_t size)
{
    cleanup(buf_done) struct buf once, twice;
    struct keeper_report *report, *again;
    buf_init(&once, 0);
    buf_init(&twice, 0);
    if (keeper_report_decode(data, size, &report, NULL) < 0)
        return;
    check(keeper_report_encode(report, &once) == 0);
    check(keeper_report_decode(once.data, once.len, &again, NULL) == 0);
    check(keeper_report_encode(again, &twice) == 0);
    check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
    keeper_report_free(report);
    keeper_report_free(again);
}

static void read_sizing(const void *data, size_t size)
{
    cleanup(buf_done) struct buf once, twice;
    struct sizing sizing, again;
    buf_init(&once, 0);
    buf_init(&twice, 0);
    if (sizing_decode(data, size, &sizing) < 0)
        return;
    check(sizing_encode(&sizing, &once) == 0);
    check(sizing_decode(once.data, once.len, &again) == 0);
    check(sizing_encode(&again, &twice) == 0);
    check(once.len == twice.len && memcmp(once.data, twice.data, once.len) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proto message;
    read_sizing(data, size);
    read_report(data, size);
    if (proto_decode(data, size, &message) == 0 && message.type == PROTO_REPORT)
        read_report(message.report, message.report_len);
    return 0;
}
