#pragma once
/* The kinds that Limpet knows: those built in (adding one is a file with its table and a line in
 * kinds.c) and, on the gateway, those that people define. */

#include "common/schema/schema.h"

/* The built-in kinds and others beside them. NULL wherever one is asked for: the built-in ones
 * alone. */
struct kinds;
struct kinds *kinds_new(void);
void kinds_free(struct kinds *kinds);
/* `kind` is borrowed until it is taken out again. -EEXIST: there is one of that group, version and
 * plural (or kind). */
nodiscard int kinds_add(struct kinds *kinds, const struct schema_kind *kind);
void kinds_remove(struct kinds *kinds, const struct schema_kind *kind);
/* As kinds_remove, and calls `unused` once, as soon as nobody holds it: now or later, at the latest
 * when `kinds` is freed. */
void kinds_retire(struct kinds *kinds, const struct schema_kind *kind, void (*unused)(void *ctx),
                  void *ctx);
/* Who keeps a kind over more than one turn of the loop holds it: it may be taken out meanwhile.
 * (Built-in ones never are: of these nothing is counted.) */
void kinds_hold(struct kinds *kinds, const struct schema_kind *kind);
void kinds_release(struct kinds *kinds, const struct schema_kind *kind);
/* What has come in the place of a kind that is held: itself if it is still in; NULL if nothing. */
const struct schema_kind *kinds_current(const struct kinds *kinds, const struct schema_kind *kind);
/* Who is told when a kind has been added, and when one is about to be taken out (added false): it
 * is not to be used afterwards. Not from inside such a call. */
typedef void kinds_change_fn(void *ctx, const struct schema_kind *kind, bool added);
void kinds_observe(struct kinds *kinds, kinds_change_fn *fn, void *ctx);
void kinds_unobserve(struct kinds *kinds, void *ctx);

/* By apiVersion ("v1", "apps/v1") and kind; NULL if unknown. */
const struct schema_kind *kinds_find(const struct kinds *kinds, const char *api_version,
                                     const char *kind);
/* By group ("" = core), version and plural, as in a URL; NULL if unknown. */
const struct schema_kind *kinds_find_resource(const struct kinds *kinds, const char *group,
                                              const char *version, const char *plural);
/* By what a person types: kind, plural, singular or short name, any case ("po", "Pods"), with or
 * without ".group"; NULL if unknown. */
const struct schema_kind *kinds_find_name(const struct kinds *kinds, const char *name);
/* i = 0, 1, 2... until NULL; the built-in ones first, in the order of kinds.c. */
const struct schema_kind *kinds_at(const struct kinds *kinds, size_t i);
/* The kind of an object by its apiVersion and kind. NULL after adding a mistake that names what is
 * near or known; diags may be NULL. */
const struct schema_kind *kinds_of(const struct kinds *kinds, const struct value *object,
                                   struct diags *diags);

/* The type of what is sent to subresources and with deletions but never stored (messages.c), by its
 * kind: DeleteOptions is of every group. NULL if unknown. */
const struct schema_type *kinds_message(const char *kind);

/* Shorthands on metadata; borrowed; NULL if absent. */
const char *object_name(const struct value *object);
const char *object_namespace(const struct value *object);
const char *object_uid(const struct value *object);
const char *object_label(const struct value *object, const char *key);
const char *object_annotation(const struct value *object, const char *key);

extern const struct schema_kind kind_pod;
extern const struct schema_kind kind_node;
extern const struct schema_kind kind_namespace;
extern const struct schema_kind kind_config_map;
extern const struct schema_kind kind_secret;
extern const struct schema_kind kind_event;
extern const struct schema_kind kind_pod_template;
extern const struct schema_kind kind_replication_controller;
extern const struct schema_kind kind_deployment;
extern const struct schema_kind kind_replica_set;
extern const struct schema_kind kind_daemon_set;
extern const struct schema_kind kind_stateful_set;
extern const struct schema_kind kind_controller_revision;
extern const struct schema_kind kind_job;
extern const struct schema_kind kind_cron_job;
extern const struct schema_kind kind_cron_job_v1beta1;
extern const struct schema_kind kind_horizontal_pod_autoscaler;
extern const struct schema_kind kind_horizontal_pod_autoscaler_v1;
extern const struct schema_kind kind_role;
extern const struct schema_kind kind_cluster_role;
extern const struct schema_kind kind_role_binding;
extern const struct schema_kind kind_cluster_role_binding;
extern const struct schema_kind kind_pod_disruption_budget;
extern const struct schema_kind kind_pod_disruption_budget_v1beta1;
extern const struct schema_kind kind_ingress;
extern const struct schema_kind kind_ingress_class;
extern const struct schema_kind kind_network_policy;
extern const struct schema_kind kind_persistent_volume_claim;
extern const struct schema_kind kind_service;
extern const struct schema_kind kind_endpoints;
extern const struct schema_kind kind_endpoint_slice;
extern const struct schema_kind kind_service_account;
extern const struct schema_kind kind_limit_range;
extern const struct schema_kind kind_resource_quota;
extern const struct schema_kind kind_storage_class;
extern const struct schema_kind kind_priority_class;
extern const struct schema_kind kind_runtime_class;
extern const struct schema_kind kind_lease;
extern const struct schema_kind kind_certificate_signing_request;
extern const struct schema_kind kind_persistent_volume;
extern const struct schema_kind kind_custom_resource_definition;
extern const struct schema_kind kind_user;
/* Computed ones. */
extern const struct schema_kind kind_self_subject_review;
extern const struct schema_kind kind_token_review;
extern const struct schema_kind kind_subject_access_review;
extern const struct schema_kind kind_local_subject_access_review;
extern const struct schema_kind kind_self_subject_access_review;
extern const struct schema_kind kind_self_subject_rules_review;
extern const struct schema_kind kind_node_metrics;
extern const struct schema_kind kind_pod_metrics;
/* Of subresources: none of kinds_at(). */
extern const struct schema_kind kind_scale;
extern const struct schema_kind kind_token_request;
extern const struct schema_kind kind_new_event;
