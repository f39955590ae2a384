#pragma once
/* The running controller: every part made and wired, in one place. */

#include "common/loop/loop.h"
#include "controller/gateway/config.h"

struct gateway;

/* Makes everything and starts it; the broker is started or adopted in the background. Blocks while
 * the store is read. */
nodiscard int gateway_new(struct loop *loop, const struct config *config, const char *config_file,
                          struct gateway **ret, struct err *err);
/* Before the loop ends: done is called (maybe at once) when what shall end with the controller has
 * ended. */
void gateway_stop(struct gateway *gateway, void (*done)(void *ctx), void *ctx);
/* Ends in order: what was handed to the store is written. The broker is left running for the next
 * controller unless the configuration says otherwise. */
void gateway_free(struct gateway *gateway);
