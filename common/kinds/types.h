#pragma once
/* The types that kinds share, and kinds of parts. Each stands in the file that its line names. */

#include "common/schema/table.h"

/* meta.c */
extern const struct schema_type type_object_meta, type_label_selector, type_local_object_reference,
    type_object_field_selector;
/* A LocalObjectReference whose name must be given. */
extern const struct schema_type type_named_reference;

/* reference.c */
extern const struct schema_type type_object_reference, type_secret_reference;
/* container.c */
extern const struct schema_type type_container, type_ephemeral_container,
    type_resource_requirements;
/* What an image's tag implies: "Always" for latest or none, else "IfNotPresent". */
const char *image_pull_policy(const char *image);
/* probe.c */
extern const struct schema_type type_probe, type_lifecycle;
/* env.c */
extern const struct schema_type type_env_var, type_env_from_source;
/* security.c */
extern const struct schema_type type_security_context, type_pod_security_context;
/* volume.c */
extern const struct schema_type type_volume, type_host_path, type_nfs_volume;
/* volume_source.c: of the gateway alone (GATEWAY_OBJECT) */
extern const struct schema_type type_gce_persistent_disk, type_aws_elastic_block_store,
    type_git_repo, type_iscsi_volume, type_glusterfs_volume, type_rbd_volume, type_flex_volume,
    type_cinder_volume, type_cephfs_volume, type_flocker_volume, type_fc_volume, type_azure_file,
    type_vsphere_volume, type_quobyte_volume, type_azure_disk, type_photon_persistent_disk,
    type_portworx_volume, type_scale_io_volume, type_storage_os_volume,
    type_persistent_volume_claim_template;
/* node_status.c, node_config.c: likewise */
extern const struct schema_type type_node_status, type_node_config_source, type_node_config_status;
/* affinity.c */
extern const struct schema_type type_affinity, type_toleration, type_topology_spread_constraint,
    type_node_selector;
/* pod_spec.c, pod_status.c, pod_template.c */
extern const struct schema_type type_pod_spec, type_pod_status, type_pod_template_spec;
/* What a pod template may not have beyond a pod: for the check of a type like it. */
void pod_template_check(const struct value *template, struct schema_walk *walk);
/* pod_mounts.c: a check of what has a pod's spec: that what its containers mount is one of its
 * volumes or of `claims` (PersistentVolumeClaims that its pods come with; may be NULL). at: where
 * it stands below the object that is checked ("", "template."). */
void pod_check_mounts(const struct value *pod, const char *at, const struct value *claims,
                      struct schema_walk *walk);
/* condition.c: meta/v1 Condition */
extern const struct schema_type type_condition;

/* dns.c */
extern const struct schema_type type_host_alias, type_pod_dns_config;

/* resource.c */
extern const struct schema_type type_resource_field_selector;
/* Names of resources (cpu, memory, example.com/gpu), as keys of resource lists. */
const char *format_resource_name(const char *s);
/* The shape RESOURCE_LIST: name -> quantity, not negative. */
#define SHAPE_RESOURCE_LIST SHAPE_MAP(QUANTITY), RULE(not_negative), KEYS(format_resource_name)

/* persistent_volume_claim.c */
extern const struct schema_type type_persistent_volume_claim, type_persistent_volume_claim_spec,
    type_persistent_volume_claim_status;
/* persistent_volume_source.c: one of the ways to a volume */
extern const struct schema_type type_persistent_volume_source;
/* storage.c */
extern const struct schema_rule rule_access_mode;
/* ReadWriteOncePod stands alone in a spec's accessModes. */
void check_access_modes(const struct value *modes, struct schema_walk *walk);
/* "RWO,ROX" of a list of access modes. */
void access_modes_cell(const struct value *list, struct buf *ret);
/* The class of a volume or claim, by annotation (the old way) or field; nothing if there is none.
 */
void storage_class_cell(const struct value *object, struct buf *ret);

/* json_schema.c */
extern const struct schema_type type_json_schema_props;

/* config_map.c: a check_update function for kinds with data that `immutable: true` fixes. */
void check_immutable_data(const struct value *old, const struct value *object,
                          struct schema_walk *walk);

/* domain_path.c: "example.com/name"; how long it may be is for others to say */
const char *format_domain_path(const char *s);
