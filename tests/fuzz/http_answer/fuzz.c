/* What a server answers to an httpGet: the same however it is cut, and no more than its bounds. Its
 * Location leads where a request can be written to. */

#include "agent/probe/http_answer.h"
#include "agent/probe/http_ask.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void follow(const char *location)
{
    struct http_target target, next;
    cleanup(buf_done) struct buf request;
    buf_init(&request, HTTP_REQUEST_MAX);
    http_target_init(&target, false, "10.0.0.1", 80, "/a/b?c");
    if (http_target_follow(&target, location, &next) == 0) {
        check(strcasecmp(next.host, target.host) == 0 && next.port >= 1 && next.port <= 65535);
        check(http_request(&next, NULL, &request, NULL) == 0);
        const char *end = strstr(request.data, "\r\n");
        check(next.path[0] == '/' && end && strncmp(end - 9, " HTTP/1.1", 9) == 0);
        check(memchr(next.path, ' ', strlen(next.path)) == NULL);
        http_target_done(&next);
    }
    http_target_done(&target);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_answer whole, parts;
    http_answer_init(&whole);
    http_answer_init(&parts);
    http_answer_take(&whole, (const char *)data, size);
    for (size_t i = 0; i < size; i++)
        http_answer_take(&parts, (const char *)data + i, 1);
    check(whole.head <= HTTP_HEAD_MAX + 1);
    http_answer_end(&whole);
    http_answer_end(&parts);
    check(whole.state == parts.state && whole.status == parts.status);
    check(strcmp(whole.location, parts.location) == 0);
    check(http_answer_is_over(&whole) && (whole.state == HTTP_DONE || whole.problem));
    follow(whole.location);
    return 0;
}
