#pragma once
/* A world (lib/world.h) whose API has admission in front of it. */

#include "controller/admission/admission.h"
#include "tests/unit/controller/lib/world.h"

struct gated {
    struct world *world;
    struct admission *admission;
};

int gated_setup(void **state); /* with the usual configuration */
int gated_teardown(void **state);
/* Another configuration from now on. */
void gated_configure(struct gated *gated, const struct admission_config *config);

/* Creates it in the namespace default: 201, or fails with what was said. *ret (may be NULL) is the
 * caller's. */
void admitted(struct gated *gated, const struct schema_kind *kind, const char *yaml,
              struct value **ret);
/* It is refused with 403 and exactly this message. */
void refused(struct gated *gated, const struct schema_kind *kind, const char *yaml,
             const char *message);
/* What stands at a path of an object, as compact JSON ("spec.tolerations"; keys with a dot cannot
 * be reached); "" if nothing. The caller frees. */
char *at(const struct value *object, const char *path);
/* A pod of that spec (without the braces) is admitted, and has this at the path. */
void pod_has(struct gated *gated, const char *spec, const char *path, const char *json);
#define TEST(name) cmocka_unit_test_setup_teardown(name, gated_setup, gated_teardown)
