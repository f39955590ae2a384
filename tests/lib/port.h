#pragma once
/* TCP ports for programs that cannot be asked to choose one themselves. */

#include <stdint.h>

#define PORT_ROW_MAX 16

/* The first of `count` ports in a row, at most PORT_ROW_MAX, that nothing listens on and that no
 * other test on this machine is given while this process lives. They lie below the range from which
 * the kernel takes ports for outgoing connections. 0 if there are none. */
uint16_t port_take(unsigned count);
