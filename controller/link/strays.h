#pragma once
/* Pods that nodes report and the gateway does not know: after a restore, what nodes keep until it
 * is settled. As many as fit; those of static manifests, which are nobody's here, are left out. */

#include "common/bus/report.h"
#include "controller/api/api.h"

#define STRAYS_MAX 10000

struct strays;

struct strays *strays_new(struct api *api);
void strays_free(struct strays *strays); /* NULL is fine */
/* A report of the node of that name. */
void strays_report(struct strays *strays, const char *node, const struct report *report);
void strays_clear(struct strays *strays);
/* [{"node", "namespace", "name"}], the caller's. What is known by now is left out. */
struct value *strays_list(const struct strays *strays);
