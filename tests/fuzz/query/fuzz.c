/* Request targets: what url_parse lets through holds no trick, and every reader of it copes. The
 * first line is the target, a second one an Accept header. */

#include "common/base/cleanup.h"
#include "common/base/mem.h"
#include "common/base/str.h"
#include "controller/server/accept.h"
#include "controller/server/route.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void check_url(const struct url *url)
{
    for (size_t i = 0; i < url->segment_count; i++) {
        const char *segment = url->segments[i];
        check(*segment && !strchr(segment, '/') && !str_eq(segment, "..") && !str_eq(segment, "."));
        check(str_is_utf8(segment, strlen(segment)));
    }
    for (size_t i = 0; i < url->param_count; i++) {
        struct err err = {0};
        bool yes;
        int64_t number;
        check(url->params[i].name && url->params[i].value);
        (void)!url_param_bool(url, url->params[i].name, false, &yes, &err);
        if (url_param_int(url, url->params[i].name, 0, &number, &err) == 0)
            check(number >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct url url;
    struct route route;
    struct err err = {0};
    autofree char *text = xstrndup((const char *)data, size);
    char *accept = strchr(text, '\n');
    if (accept)
        *accept++ = '\0';
    accept_choose(accept);
    if (url_parse(text, &url, &err) != 0) {
        check(*err.msg && url.segment_count == 0 && url.param_count == 0);
        return 0;
    }
    check_url(&url);
    route_find(NULL, &url, &route);
    check(route.what != ROUTE_OBJECTS ||
          (route.kind && route.ns && route.name && route.subresource));
    autofree char *path = url_path(&url);
    check(path[0] == '/');
    url_done(&url);
    return 0;
}
