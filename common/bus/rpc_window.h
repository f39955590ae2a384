#pragma once
/* How much of all streams' bytes is on its way to the broker at once. What else is said (desired
 * state, statuses) comes after them in the same connection, so that is little: as much as the
 * broker acknowledges within a moment, found out as it goes. Streams that want to send take turns,
 * a piece each. Pure. */

#include "common/base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RPC_WINDOW_MIN ((size_t)4 * 1024)
#define RPC_WINDOW_FIRST ((size_t)32 * 1024)
#define RPC_WINDOW_MAX ((size_t)512 * 1024)
#define RPC_WINDOW_FLIGHTS 64

struct rpc_turn { /* of one stream */
    struct list link;
};

struct rpc_window {
    struct {
        uint32_t id;
        size_t len;
        int64_t at;
    } flights[RPC_WINDOW_FLIGHTS];
    size_t count, bytes, limit;
    struct list waiting;         /* struct rpc_turn */
    const struct rpc_turn *turn; /* whose it is; NULL: nobody waits for one */
};

void rpc_window_init(struct rpc_window *window);
/* How many bytes may be sent now, at most `want`; 0: the stream waits for its turn. */
size_t rpc_window_room(struct rpc_window *window, struct rpc_turn *turn, size_t want);
/* The bus took nothing: the stream waits for its turn. */
void rpc_window_wait(struct rpc_window *window, struct rpc_turn *turn);
/* They were sent, as message `id` of the bus. */
void rpc_window_sent(struct rpc_window *window, const struct rpc_turn *turn, uint32_t id,
                     size_t len, int64_t now);
/* False: it was none of ours. */
bool rpc_window_acked(struct rpc_window *window, uint32_t id, int64_t now);
/* Whose turn it is, taken off the list; NULL: nobody waits or there is no room. When it has sent
 * what it can, or has nothing: rpc_window_next again, or rpc_window_rest. */
struct rpc_turn *rpc_window_next(struct rpc_window *window);
void rpc_window_rest(struct rpc_window *window);
/* It waits no more: before it is freed. */
void rpc_window_leave(struct rpc_window *window, struct rpc_turn *turn);
/* The connection broke: nothing is on its way, nobody waits. */
void rpc_window_reset(struct rpc_window *window);
