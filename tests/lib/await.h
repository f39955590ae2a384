#pragma once
/* Waiting for what a process, a peer or a connection will do: the loop is turned until it is so,
 * and the test goes on at once. Time runs out only where something is wrong: no test on a busy
 * machine needs as long. What must not happen is not waited for: it is looked at behind something
 * that comes after it on the same way. */

#include <stdbool.h>
#include <stdint.h>

struct loop;

/* Runs the statement `step` until `condition` holds; the test fails with its text after 30 s.
 */
#define AWAIT(condition, step)                                                                     \
    for (int64_t await_end_ = await_begin(); !(condition);                                         \
         await_check(await_end_, #condition, __FILE__, __LINE__)) {                                \
        step;                                                                                      \
    }

/* One turn of the loop: what is there now, or comes within 10 ms. */
void await_turn(struct loop *loop);
/* Turns the loop until *flag. */
#define await_flag(loop, flag) AWAIT(*(flag), await_turn(loop))
/* Turns the loop, on which both ends of every connection are, until nothing is left to do. */
void await_quiet(struct loop *loop);

int64_t await_begin(void);
void await_check(int64_t end, const char *condition, const char *file, int line);
