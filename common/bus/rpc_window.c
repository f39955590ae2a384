#include "common/bus/rpc_window.h"

#include "common/base/clock.h"
#include "common/base/weaken.h"
#include "common/bus/rpc.h"

/* An acknowledgement within this means that there is room for more; one that takes longer than that
 * means that what else is to be said waits for our bytes. */
#define QUICK_NS (100 * NS_PER_MS)
#define SLOW_NS (400 * NS_PER_MS)

void rpc_window_init(struct rpc_window *window)
{
    *window = (struct rpc_window){.limit = RPC_WINDOW_FIRST};
    list_init(&window->waiting);
}

/* What one may send at once: whole pieces only, so that turns are worth the same. 0: no room. */
static size_t piece(const struct rpc_window *window)
{
    size_t most = window->limit < RPC_MAX_CHUNK ? window->limit : RPC_MAX_CHUNK;
    bool room = window->bytes == 0 || window->bytes + most <= window->limit;
    return room && window->count < RPC_WINDOW_FLIGHTS ? most : 0;
}

size_t rpc_window_room(struct rpc_window *window, struct rpc_turn *turn, size_t want)
{
    bool others = !list_empty(&window->waiting) && !WEAKENED(RPC_TURNS);
    size_t room = piece(window);
    if (room > 0 && (window->turn ? window->turn == turn : !others))
        return want < room ? want : room;
    rpc_window_wait(window, turn);
    return 0;
}

void rpc_window_wait(struct rpc_window *window, struct rpc_turn *turn)
{
    if (!turn->link.next)
        list_append(&window->waiting, &turn->link);
}

void rpc_window_sent(struct rpc_window *window, const struct rpc_turn *turn, uint32_t id,
                     size_t len, int64_t now)
{
    window->flights[window->count].id = id;
    window->flights[window->count].len = len;
    window->flights[window->count++].at = now;
    window->bytes += len;
    if (window->turn == turn && !list_empty(&window->waiting))
        window->turn = NULL; /* a piece a turn */
}

static void learn(struct rpc_window *window, size_t len, int64_t took)
{
    if (took > SLOW_NS)
        window->limit /= 2;
    else if (took < QUICK_NS)
        window->limit += len / 2;
    if (window->limit < RPC_WINDOW_MIN)
        window->limit = RPC_WINDOW_MIN;
    if (window->limit > RPC_WINDOW_MAX)
        window->limit = RPC_WINDOW_MAX;
}

bool rpc_window_acked(struct rpc_window *window, uint32_t id, int64_t now)
{
    for (size_t i = 0; i < window->count; i++) {
        if (window->flights[i].id != id)
            continue;
        window->bytes -= window->flights[i].len;
        learn(window, window->flights[i].len, now - window->flights[i].at);
        window->flights[i] = window->flights[--window->count];
        return true;
    }
    return false;
}

struct rpc_turn *rpc_window_next(struct rpc_window *window)
{
    window->turn = NULL;
    if (list_empty(&window->waiting) || piece(window) == 0)
        return NULL;
    struct rpc_turn *turn = container_of(window->waiting.next, struct rpc_turn, link);
    list_remove(&turn->link);
    window->turn = turn;
    return turn;
}

void rpc_window_rest(struct rpc_window *window)
{
    window->turn = NULL;
}

void rpc_window_leave(struct rpc_window *window, struct rpc_turn *turn)
{
    list_remove(&turn->link);
    if (window->turn == turn)
        window->turn = NULL;
}

void rpc_window_reset(struct rpc_window *window)
{
    struct list *it, *tmp;
    list_each(it, tmp, &window->waiting) list_remove(it);
    rpc_window_init(window);
}
