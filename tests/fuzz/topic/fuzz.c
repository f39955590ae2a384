/* A topic that parses is built again to the same bytes, and no filter matching runs out of its
 * strings. */

#include "common/base/mem.h"
#include "common/bus/topic.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = xstrndup((const char *)data, size), out[TOPIC_MAX + 1];
    struct err err = {0};
    struct topic topic, other;

    if (topic_parse(text, &topic, &err) == 0) {
        check(topic_build(&topic, out, NULL) == 0 && strcmp(out, text) == 0);
        check(!strpbrk(text, "+#") && topic_matches("#", text) && topic_matches(text, text));
        check(!topic.user[0] || !topic_node_valid(topic.user));
    } else {
        check(err.code < 0 && *err.msg);
    }
    if (topic_parse_mounted(TOPIC_ENROLL_MOUNT, text, &other, NULL) == 0)
        check(topic_build(&other, out, NULL) == 0);
    check(!topic_user_valid(text) || !topic_node_valid(text));
    (void)topic_path_valid(text);
    const char *half = strchr(text, '|');
    if (half) { /* filter|topic */
        char *filter = xstrndup(text, (size_t)(half - text));

        (void)topic_matches(filter, half + 1);
        free(filter);
    }
    free(text);
    return 0;
}
