#include "tools/cli/aim.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/base/weaken.h"

#include <stdlib.h>

void aim_init(struct aim *aim, const char *node, const char *path)
{
    *aim = (struct aim){.node = xstrdup(node), .path = xstrdup(path), .wait_ns = AIM_LOOK_FIRST_NS};
}

void aim_done(struct aim *aim)
{
    free(aim->node);
    free(aim->path);
    free(aim->error);
    value_free(aim->answer);
}

/* Whether all has ended; what its agent does not know any more is to be ordered again. */
static void judge(struct aim *aim)
{
    const struct value *images = value_get(aim->answer, "images");
    aim->settled = value_len(images) > 0;
    aim->failed = false;
    aim->ordered = true;
    for (size_t i = 0; i < value_len(images); i++) {
        const char *state = value_get_str(value_at(images, i), "state");
        bool failed = str_eq(state, "Failed");
        aim->failed |= failed;
        aim->settled &= failed || str_eq(state, "Pulled");
        aim->ordered &= !str_eq(state, "Unknown");
    }
}

/* 501: that node never will; 507: it has no room. */
static bool may_pass(int code, bool first, bool reached)
{
    if (code < 0)
        return reached;
    return code == 429 || (code >= 500 && code != 501 && code != 507 && !(first && code == 503));
}

void aim_hear(struct aim *aim, int code, struct value *answer, const char *message, bool reached,
              int64_t now_ns)
{
    bool first = !aim->answer && !aim->error, asked = aim->ordered;
    free(steal(aim->error));
    if (code >= 0 && code < 300) {
        value_free(aim->answer);
        aim->answer = answer;
        judge(aim);
    } else {
        const char *why = code < 0 ? message : value_get_str(answer, "message");
        aim->error = xstrdup(why ? why : "the gateway refuses");
        aim->failed = aim->settled = !may_pass(code, first, reached) || WEAKENED(PULL_PASSES);
        value_free(answer);
    }
    bool forgotten = asked && !aim->ordered; /* its agent was started anew */
    aim->wait_ns = forgotten ? AIM_LOOK_FIRST_NS : aim->wait_ns;
    aim->look_ns = now_ns + (forgotten ? 0 : aim->wait_ns);
    if (!forgotten)
        aim->wait_ns = 2 * aim->wait_ns < AIM_LOOK_MAX_NS ? 2 * aim->wait_ns : AIM_LOOK_MAX_NS;
}

int aim_percent(int64_t done, int64_t total)
{
    if (done <= 0 || total <= 0)
        return 0;
    return done >= total ? 100 : (int)((double)done * 100 / (double)total);
}
