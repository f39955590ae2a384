/* test-ports COUNT: the first of so many ports in a row (port.h), for tests in shell. They are the
 * caller's until nobody can read its output any more:
 *   exec {fd}< <(test-ports 2); read -r first <&"$fd" */

#include "port.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int count = argc == 2 ? atoi(argv[1]) : 0;
    if (count < 1 || count > PORT_ROW_MAX)
        return 2;
    unsigned port = port_take((unsigned)count);
    if (port == 0) {
        fputs("test-ports: no ports are free\n", stderr);
        return 1;
    }
    if (printf("%u\n", port) < 0 || fflush(stdout) != 0)
        return 1;
    struct pollfd reader = {.fd = STDOUT_FILENO}; /* POLLERR: the last one has closed it */
    while (poll(&reader, 1, -1) < 0)
        ;
    return 0;
}
