#pragma once
/* What the kinds that make pods of a template share: rules, conditions and columns. */

#include "common/schema/table.h"

/* A number or a percentage ("25%"), and one of at most 100 %. */
extern const struct schema_rule rule_share, rule_share_of_all;
/* 0 or "0%"; absent: def. */
bool workload_is_zero(const struct value *share, bool def);

/* What Kubernetes asks of a workload's spec: a selector (a LabelSelector) that is not empty and
 * fits the template's labels, and a template of pods that are always restarted. what: "deployment".
 * Rules for a check function of the spec's type. */
void workload_check(const struct value *spec, const char *what, struct schema_walk *walk);
/* The second half of it alone. */
void workload_check_template(const struct value *spec, const char *what, struct schema_walk *walk);

/* Counts of a status that may not be greater than another: pairs, ends with NULL. */
void workload_check_counts(const struct value *status, const char *const (*pairs)[2],
                           struct schema_walk *walk);

/* The fields of conditions as apps/v1 and ReplicationControllers have them. */
#define WORKLOAD_CONDITION                                                                         \
    FIELDS(F(1, "type", STRING, REQUIRED, DOC("What it is about, in one word.")),                  \
           F(2, "status", STRING, REQUIRED, ONE_OF("True", "False", "Unknown"),                    \
             DOC("True, False or Unknown.")),                                                      \
           F(3, "lastTransitionTime", TIME, DOC("When the status last became another.")),          \
           F(4, "reason", STRING, DOC("Why, in one word, for programs.")),                         \
           F(5, "message", STRING, DOC("Why, for people.")))

/* The columns Containers (key "name") and Images (key "image"): of the containers of a pod
 * template, with commas between. */
void workload_print_containers(const struct value *template, const char *key, struct buf *ret);

/* "2/3": how many are ready of how many. */
void workload_print_ready(const struct value *object, struct buf *ret);

/* cell_containers and cell_images, of the template at a path: TEMPLATE_CELLS("spec", "template") */
#define TEMPLATE_CELLS(...)                                                                        \
    CELL(cell_containers)                                                                          \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        workload_print_containers(value_path(object, __VA_ARGS__, NULL), "name", ret);             \
    }                                                                                              \
    CELL(cell_images)                                                                              \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        workload_print_containers(value_path(object, __VA_ARGS__, NULL), "image", ret);            \
    }
/* A LabelSelector: SELECTOR_CELL(cell_selector, "spec", "selector") */
#define SELECTOR_CELL(name_, ...)                                                                  \
    CELL(name_)                                                                                    \
    {                                                                                              \
        (void)now_wall_ns;                                                                         \
        label_selector_print(value_path(object, __VA_ARGS__, NULL), ret);                          \
    }
