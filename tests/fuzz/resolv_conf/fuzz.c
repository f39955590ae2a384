/* A node's resolv.conf, which a DHCP server may have dictated: what a pod gets of it keeps the
 * limits of resolvers, names no server of the node's loopback, and says the same when it is read
 * again. */

#include "agent/net/resolv_conf.h"

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void compose(const char *node, const char *resolved, bool host_network, struct buf *ret)
{
    buf_init(ret, 0);
    resolv_conf_compose(&(struct resolv_conf){.node_text = node,
                                              .resolved_text = resolved,
                                              .host_network = host_network},
                        ret);
}

static void check_lines(const char *text)
{
    size_t servers = 0;
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        size_t len = strcspn(line, "\n");
        check(line[len] == '\n');
        servers += str_has_prefix(line, "nameserver ");
        check(!str_has_prefix(line, "nameserver 127.") &&
              !str_has_prefix(line, "nameserver ::1\n"));
        check(!str_has_prefix(line, "search ") ||
              len <= strlen("search ") + RESOLV_SEARCH_CHARS_MAX);
    }
    check(servers <= RESOLV_SERVERS_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    autofree char *text = xstrndup((const char *)data, size);
    const char *half = text + strlen(text) / 2;
    cleanup(buf_done) struct buf first, again, verbatim;
    compose(text, half, false, &first);
    check_lines(buf_str(&first));
    compose(buf_str(&first), NULL, false, &again);
    check(str_eq(buf_str(&first), buf_str(&again)));
    compose(text, half, true, &verbatim);
    check(str_eq(buf_str(&verbatim), text));
    return 0;
}
