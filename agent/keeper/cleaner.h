#pragma once
/* Trees that are removed in the background, each by a process of its own: it ends by itself,
 * whatever becomes of the agent. */

#include "agent/keeper/entry.h"

/* Begins to remove <parent>/<name>. told: of its end the agent is told (removed()). */
nodiscard int cleaner_start(struct impl *impl, const char *parent, const char *name, bool told,
                            struct err *err);
/* Those that run, for keepers_free. */
void cleaners_free(struct list *cleaners);
