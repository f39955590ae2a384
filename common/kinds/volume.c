/* Volumes of pods. */

#include "common/kinds/types.h"

static const struct schema_type type_key_to_path = {
    .name = "KeyToPath",
    FIELDS(F(1, "key", STRING, REQUIRED, RULE(config_key)),
           F(2, "path", STRING, REQUIRED, RULE(path_relative)),
           F(3, "mode", INT32, RULE(file_mode))),
};

static const struct schema_type type_host_path = {
    .name = "HostPathVolumeSource",
    DOC("A path of the node."),
    FIELDS(F(1, "path", STRING, REQUIRED, RULE(path_absolute)),
           F(2, "type", STRING, DEF(""),
             ONE_OF("DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket",
                    "CharDevice", "BlockDevice"))),
};

static const struct schema_type type_empty_dir = {
    .name = "EmptyDirVolumeSource",
    DOC("A directory that lives as long as the pod."),
    FIELDS(F(1, "medium", STRING, DOC("Memory for a tmpfs; \"\" for the node's disk.")),
           F(2, "sizeLimit", QUANTITY, RULE(not_negative))),
};

static const struct schema_type type_secret_volume = {
    .name = "SecretVolumeSource",
    FIELDS(F(1, "secretName", STRING, REQUIRED), F(2, "items", LIST(OBJECT(type_key_to_path))),
           F(3, "defaultMode", INT32, DEF("420"), RULE(file_mode)), F(4, "optional", BOOL)),
};

static const struct schema_type type_config_map_volume = {
    .name = "ConfigMapVolumeSource",
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "items", LIST(OBJECT(type_key_to_path))),
           F(3, "defaultMode", INT32, DEF("420"), RULE(file_mode)), F(4, "optional", BOOL)),
};

static const struct schema_type type_downward_file = {
    .name = "DownwardAPIVolumeFile",
    FIELDS(F(1, "path", STRING, REQUIRED, RULE(path_relative)),
           F(2, "fieldRef", OBJECT(type_object_field_selector)),
           F(3, "resourceFieldRef", OBJECT(type_resource_field_selector)),
           F(4, "mode", INT32, RULE(file_mode))),
};

static const struct schema_type type_downward_volume = {
    .name = "DownwardAPIVolumeSource",
    FIELDS(F(1, "items", LIST(OBJECT(type_downward_file))),
           F(2, "defaultMode", INT32, DEF("420"), RULE(file_mode))),
};

static const struct schema_type type_secret_projection = {
    .name = "SecretProjection",
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "items", LIST(OBJECT(type_key_to_path))), F(4, "optional", BOOL)),
};

static const struct schema_type type_config_map_projection = {
    .name = "ConfigMapProjection",
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "items", LIST(OBJECT(type_key_to_path))), F(4, "optional", BOOL)),
};

static const struct schema_type type_downward_projection = {
    .name = "DownwardAPIProjection",
    FIELDS(F(1, "items", LIST(OBJECT(type_downward_file)))),
};

static const struct schema_type type_token_projection = {
    .name = "ServiceAccountTokenProjection",
    FIELDS(F(1, "audience", STRING),
           F(2, "expirationSeconds", INT64, DEF("3600"), RANGE(600, INT64_C(1) << 32)),
           F(3, "path", STRING, REQUIRED, RULE(path_relative))),
};

static const struct schema_type type_trust_bundle_projection = {
    .name = "ClusterTrustBundleProjection",
    FIELDS(F(1, "name", STRING), F(2, "signerName", STRING),
           F(3, "labelSelector", OBJECT(type_label_selector)), F(5, "optional", BOOL),
           F(4, "path", STRING, REQUIRED, RULE(path_relative))),
};

static const struct schema_type type_volume_projection = {
    .name = "VolumeProjection",
    .union_of = "source",
    .union_required = true,
    FIELDS(F(1, "secret", OBJECT(type_secret_projection)),
           F(2, "downwardAPI", OBJECT(type_downward_projection)),
           F(3, "configMap", OBJECT(type_config_map_projection)),
           F(4, "serviceAccountToken", OBJECT(type_token_projection)),
           F(5, "clusterTrustBundle", OBJECT(type_trust_bundle_projection))),
};

static const struct schema_type type_projected_volume = {
    .name = "ProjectedVolumeSource",
    FIELDS(F(1, "sources", LIST(OBJECT(type_volume_projection))),
           F(2, "defaultMode", INT32, DEF("420"), RULE(file_mode))),
};

static const struct schema_type type_claim_volume = {
    .name = "PersistentVolumeClaimVolumeSource",
    FIELDS(F(1, "claimName", STRING, REQUIRED), F(2, "readOnly", BOOL)),
};

static const struct schema_type type_nfs_volume = {
    .name = "NFSVolumeSource",
    FIELDS(F(1, "server", STRING, REQUIRED), F(2, "path", STRING, REQUIRED, RULE(path_absolute)),
           F(3, "readOnly", BOOL)),
};

static const struct schema_type type_csi_volume = {
    .name = "CSIVolumeSource",
    FIELDS(F(1, "driver", STRING, REQUIRED), F(2, "readOnly", BOOL), F(3, "fsType", STRING),
           F(4, "volumeAttributes", MAP(STRING)),
           F(5, "nodePublishSecretRef", OBJECT(type_local_object_reference))),
};

static const struct schema_type type_image_volume = {
    .name = "ImageVolumeSource",
    FIELDS(F(1, "reference", STRING, RULE(image)),
           F(2, "pullPolicy", STRING, ONE_OF("Always", "IfNotPresent", "Never"))),
};

static const struct schema_type type_ephemeral_volume = {
    .name = "EphemeralVolumeSource",
    FIELDS(F(1, "volumeClaimTemplate", GATEWAY_OBJECT(type_persistent_volume_claim_template))),
};

static const struct schema_type type_volume_source = {
    .name = "VolumeSource",
    .union_of = "volume type",
    FIELDS(F(1, "hostPath", OBJECT(type_host_path)), F(2, "emptyDir", OBJECT(type_empty_dir)),
           F(3, "gcePersistentDisk", GATEWAY_OBJECT(type_gce_persistent_disk)),
           F(4, "awsElasticBlockStore", GATEWAY_OBJECT(type_aws_elastic_block_store)),
           F(5, "gitRepo", GATEWAY_OBJECT(type_git_repo)),
           F(6, "secret", OBJECT(type_secret_volume)), F(7, "nfs", OBJECT(type_nfs_volume)),
           F(8, "iscsi", GATEWAY_OBJECT(type_iscsi_volume)),
           F(9, "glusterfs", GATEWAY_OBJECT(type_glusterfs_volume)),
           F(10, "persistentVolumeClaim", OBJECT(type_claim_volume)),
           F(11, "rbd", GATEWAY_OBJECT(type_rbd_volume)),
           F(12, "flexVolume", GATEWAY_OBJECT(type_flex_volume)),
           F(13, "cinder", GATEWAY_OBJECT(type_cinder_volume)),
           F(14, "cephfs", GATEWAY_OBJECT(type_cephfs_volume)),
           F(15, "flocker", GATEWAY_OBJECT(type_flocker_volume)),
           F(16, "downwardAPI", OBJECT(type_downward_volume)),
           F(17, "fc", GATEWAY_OBJECT(type_fc_volume)),
           F(18, "azureFile", GATEWAY_OBJECT(type_azure_file)),
           F(19, "configMap", OBJECT(type_config_map_volume)),
           F(20, "vsphereVolume", GATEWAY_OBJECT(type_vsphere_volume)),
           F(21, "quobyte", GATEWAY_OBJECT(type_quobyte_volume)),
           F(22, "azureDisk", GATEWAY_OBJECT(type_azure_disk)),
           F(23, "photonPersistentDisk", GATEWAY_OBJECT(type_photon_persistent_disk)),
           F(24, "portworxVolume", GATEWAY_OBJECT(type_portworx_volume)),
           F(25, "scaleIO", GATEWAY_OBJECT(type_scale_io_volume)),
           F(26, "projected", OBJECT(type_projected_volume)),
           F(27, "storageos", GATEWAY_OBJECT(type_storage_os_volume)),
           F(28, "csi", OBJECT(type_csi_volume)), F(29, "ephemeral", OBJECT(type_ephemeral_volume)),
           F(30, "image", OBJECT(type_image_volume))),
};

/* A volume that says nothing of its type is an empty directory. */
static void fill_volume(struct value *volume)
{
    for (const struct schema_field *field = type_volume_source.fields; field->name; field++)
        if (value_get(volume, field->name))
            return;
    value_set(volume, "emptyDir", value_new_map());
}

const struct schema_type type_volume = {
    .name = "Volume",
    DOC("Storage of a pod, by name."),
    .fill = fill_volume,
    FIELDS(F(1, "name", STRING, REQUIRED, RULE(dns1123_label)),
           INLINE(2, "volumeSource", type_volume_source)),
};
