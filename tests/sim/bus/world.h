#pragma once
/* A broker, fake or real, with clients that keep what they hear; time passes at once in the fake.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support.h"
#include "tests/sim/fake/bus_fake.h"
#include "tests/sim/fake/clock_fake.h"

struct world {
    struct bench *bench; /* the real one; NULL: fake */
    struct clock_fake clock;
    struct bus_fake *fake;
    struct loop *loop;
};
int world_setup_fake(void **state);
int world_setup_real(void **state);
int world_teardown(void **state);
void world_sleep(struct world *w, int64_t ns);
/* Waits until *counter reaches `want`; fails after a minute of its time. */
void world_until(struct world *w, const int *counter, int want);
void world_kill_broker(struct world *w); /* kill -9; it comes back by itself, with nothing kept */

#define SAID_MAX 2048
struct said { /* a message that came */
    char topic[128], text[64], response[64], correlation[16], prop[32];
    int qos;
    bool retain;
    uint32_t expiry_s;
};
struct peer {
    struct world *w;
    struct bus *bus;
    int connected, disconnected, left, present, heard, acks, good, denied, lost;
    int last_code;
    struct said said[SAID_MAX];
};
struct peer_spec {
    const char *id, *user; /* user NULL: the one who may do everything, on the unix socket */
    uint32_t session_expiry_s, will_delay_s;
    const struct bus_msg *will;
};
/* Started; not connected yet. Freed by peer_free, or peer_kill. */
struct peer *peer_new(struct world *w, const struct peer_spec *spec);
void peer_start(struct peer *p); /* again, after a stop */
void peer_stop(struct peer *p);  /* orderly, to its end */
void peer_free(struct peer *p);  /* without stop before: as if the process was killed */
void peer_say(struct peer *p, const char *topic, const char *text, int qos, bool retain);
/* With everything that a message can have; waits for the acknowledgement. */
int peer_say_msg(struct peer *p, const struct bus_msg *msg);
/* What the broker had for it before it answers now has come when this returns. */
void peer_settle(struct peer *p);
void peer_listen(struct peer *p, const char *filter, int qos); /* until it stands */
