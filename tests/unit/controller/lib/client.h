#pragma once
/* The other end of a connection, in the same loop. */

#include "common/base/buf.h"
#include "common/loop/loop.h"

struct client {
    struct loop *loop;
    int fd;
    struct buf in;
    bool closed; /* the other side has ended it */
};

/* Returns the end to serve. */
int client_connect(struct client *client, struct loop *loop);
void client_done(struct client *client);
void client_send(struct client *client, const char *text);
void client_send_n(struct client *client, const void *data, size_t len);
/* Runs the loop until the text has come, or the connection has ended; true if it has come. */
bool client_await(struct client *client, const char *text);
/* One turn of the loop, reading; for AWAIT. */
void client_turn(struct client *client);
/* Runs the loop, reading, until nothing is left to do. */
void client_quiet(struct client *client);
/* Forgets what has come. */
void client_forget(struct client *client);
/* Sends a request (with Content-Length if body is not NULL) and waits for the whole answer with a
 * Content-Length; returns the code, 0 if the connection ended. in holds the answer. */
int client_ask(struct client *client, const char *method, const char *target, const char *headers,
               const char *body);
/* The body of the whole answer that came first, its chunks put together. The caller's. */
char *client_body(const struct client *client);
