#include "common/base/traffic.h"

#include "common/base/weaken.h"

#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>

/* The differentiated services field (RFC 2474): its upper six bits are the code point. */
#define LOWER_EFFORT (1 << 2) /* RFC 8622: what is left over by all others */
#define SIGNALLING (40 << 2)  /* RFC 4594: CS5; radios take its top three bits: "video" */
/* The kernel's own queues go by this (tc-prio(8)): the last and the first of three bands. */
#define PRIO_FILLER 1
#define PRIO_INTERACTIVE 6

void traffic_mark(int fd, enum traffic traffic)
{
    static const struct {
        int field, priority;
    } marks[] = {[TRAFFIC_BULK] = {LOWER_EFFORT, PRIO_FILLER},
                 [TRAFFIC_CONTROL] = {SIGNALLING, PRIO_INTERACTIVE}};
    if (WEAKENED(TRAFFIC_MARK))
        return;
    (void)setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &marks[traffic].field, sizeof(int));
    (void)setsockopt(fd, IPPROTO_IP, IP_TOS, &marks[traffic].field, sizeof(int));
    /* After the field, which sets a priority of its own. */
    (void)setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &marks[traffic].priority, sizeof(int));
}
