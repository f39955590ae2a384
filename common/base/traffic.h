#pragma once
/* What a connection is for, said to whoever queues its packets: the kernel here, routers and radios
 * on the way. Where nobody reads it, nothing changes. */

enum traffic {
    TRAFFIC_BULK,    /* much, and it can wait: images */
    TRAFFIC_CONTROL, /* little, and somebody waits for it: the bus */
};

/* Marks what fd sends from now on. A socket that knows no such marks stays as it is; one of IPv6
 * that carries IPv4 gets both. Never blocks. */
void traffic_mark(int fd, enum traffic traffic);
