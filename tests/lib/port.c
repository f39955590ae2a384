#include "port.h"

#include "common/base/cleanup.h"
#include "common/base/rng.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LOWEST 10000
#define FIRST_OUTGOING 32768 /* where the machine does not say, or leaves no room */

static unsigned first_outgoing(void)
{
    unsigned first = 0;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    if (file && fscanf(file, "%u", &first) != 1)
        first = 0;
    if (file)
        fclose(file);
    return first > LOWEST + 1000 && first <= UINT16_MAX ? first : FIRST_OUTGOING;
}

/* By a name that only one process can have; the kernel takes it away with its last descriptor. */
static int claim(unsigned port)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX}; /* the leading NUL: in no file system */
    int len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "limpet-test-port-%u", port);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, size) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* As a server would find it: connections that have just ended do not count. */
static bool is_free(unsigned port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int yes = 1;
    autoclose int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 &&
           bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 && listen(fd, 1) == 0;
}

/* Claims first: who looks whether a port is free is in its way for a moment. Those of a row that is
 * whole stay open. */
static bool take_row(unsigned first, unsigned count)
{
    int fds[PORT_ROW_MAX];
    unsigned claimed = 0, good = 0;
    while (claimed < count && (fds[claimed] = claim(first + claimed)) >= 0)
        claimed++;
    while (good < claimed && is_free(first + good))
        good++;
    for (unsigned i = 0; good < count && i < claimed; i++)
        close(fds[i]);
    return good == count;
}

uint16_t port_take(unsigned count)
{
    if (count < 1 || count > PORT_ROW_MAX)
        return 0;
    unsigned rows = first_outgoing() - LOWEST - count + 1;
    unsigned start = (unsigned)rng_below(rng_system(), rows);
    for (unsigned i = 0; i < rows; i++) {
        unsigned first = LOWEST + (start + i) % rows;
        if (take_row(first, count))
            return (uint16_t)first;
    }
    return 0;
}
