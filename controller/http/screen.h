#pragma once
/* What a client says, read strictly before libmicrohttpd reads it. Where a request begins and ends
 * is decided here (RFC 9112), in one way only: good requests are passed on in the plainest form
 * there is (no folded lines, bodies in chunks without extensions or trailers, no cookies), and in
 * the place of a bad one stands a whole request that is known to be refused, so that it is answered
 * in its turn like any other. Pure; hostile input; holds at most SCREEN_MAX_HEAD bytes. */

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define SCREEN_MAX_HEAD (16 * 1024)   /* of a request's head; more is answered 431 */
#define SCREEN_MAX_TARGET (15 * 1024) /* of its target; more is answered 414 */
#define SCREEN_MAX_HEADERS 64
#define SCREEN_MAX_PARAMS 128 /* of a query: no reader of targets takes more */

struct screen;
struct screen *screen_new(void);
struct screen *screen_ref(struct screen *screen); /* NULL is fine */
void screen_unref(struct screen *screen);         /* NULL is fine */

/* A connection whose first request is for `path` ("/v2", borrowed) or below it is a guest's: it
 * goes to another server, may ask for nothing else, and its bodies may be of max_body bytes. What
 * the length of a body is said to be stands in the header SCREEN_LENGTH. Once, at first. */
#define SCREEN_LENGTH "Limpet-Body-Length"
void screen_guest(struct screen *screen, const char *path, uint64_t max_body);
enum screen_side { SCREEN_UNDECIDED, SCREEN_OWN, SCREEN_GUEST };
enum screen_side screen_side(const struct screen *screen);

/* Adds to ret what is to be read in the place of data: the next bytes that came. */
void screen_pass(struct screen *screen, const void *data, size_t len, struct buf *ret);
/* The last request was answered with 101: what comes from now on is not HTTP, and passed as it is.
 * A client waits for that answer; of one that did not, nothing more is passed. NULL is fine. */
void screen_upgrade(struct screen *screen);
/* No more will come: what is not whole is refused. */
void screen_end(struct screen *screen, struct buf *ret);
/* The code and message that the nth request (from 0) of those passed on is to be refused with; 0:
 * none, so far (of a body more may come). */
int screen_refusal(const struct screen *screen, uint64_t nth, const char **ret_message);
