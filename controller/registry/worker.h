#pragma once
/* The process in which images come and go: apart from the gateway, so that a slow medium and big
 * bodies never stop its loop; behind it in the scheduler's eyes; and not there while nobody asks
 * for it. The gateway takes TLS off and says who may (registry.h). */

/* argv: DIR MAX-BYTES CONNECTIONS-FD QUESTIONS-FD. Returns the exit code. */
int worker_main(int argc, char **argv);
