#pragma once
/* A bus that keeps what is published, for tests that play the other side themselves. */

#include "common/bus/msg.h"

#define BUS_STUB_KEPT 64

struct bus_stub {
    struct bus bus;
    struct bus_msg *kept[BUS_STUB_KEPT]; /* oldest first */
    size_t count;
    size_t room; /* how many more it takes before -ENOBUFS */
    bool away;   /* not connected */
    int error;   /* what publish answers instead; 0: none */
};

void bus_stub_init(struct bus_stub *stub);
void bus_stub_drop(struct bus_stub *stub); /* forgets what was kept */
