#pragma once
/* A node, what is outside of it and a pod, each a network namespace of the test's own; the thread
 * is in the node's. */

#include "agent/net/net.h"

#include <stddef.h>

#define BRIDGE "lptest0"
#define POD_UID "11111111-1111-1111-1111-111111111111"
#define NODE "198.51.100.1"
#define OUTSIDE "198.51.100.2"
#define POD "10.99.7.2"

struct world {
    char dir[64];
    struct loop *loop;
    struct net *net;
    int node, outside, pod;
};

/* For cmocka. */
int stage_setup(void **state);
int stage_teardown(void **state);
void enter(int netns);
/* Its standard output; fails the test if the command does. The caller frees. */
char *sh(const char *command);
void run(const char *command);
size_t count(const char *text, const char *part);
/* The agent starts; the pod is attached. */
void start(struct world *world);
/* The programs that the agent runs come to their end. */
void settle(struct world *world);
