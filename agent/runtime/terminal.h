#pragma once
/* A terminal of a container's own devpts. */

struct terminal {
    int ptmx, tty; /* the master, and the end that the program has */
};
/* In the container's /dev, of which dev is a descriptor. Both ends are the caller's. -ENXIO: what
 * is there is no devpts. */
__attribute__((warn_unused_result)) int terminal_open(int dev, struct terminal *ret);
