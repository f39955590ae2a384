#pragma once

#include "test.h"

enum { EVENTS = 10, ECHO_LEN = 200000 };

/* In a process of its own: `watches` clients (every second one with a certificate) that must each
 * see all EVENTS and the end of the stream, and one that upgrades and gets ECHO_LEN bytes back. 0,
 * or 1 with messages on stderr. */
int http_clients(struct pki *pki, uint16_t port, int watches);
