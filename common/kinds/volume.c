/* Volumes of pods. */

#include "common/base/map.h"
#include "common/base/str.h"
#include "common/kinds/types.h"

#include <stdarg.h>
#include <stdio.h>

static const struct schema_type type_key_to_path = {
    .name = "KeyToPath",
    DOC("A key that becomes a file."),
    FIELDS(
        F(1, "key", STRING, REQUIRED, RULE(config_key), DOC("The key.")),
        F(2, "path", STRING, REQUIRED, RULE(path_relative), DOC("The file's path in the volume.")),
        F(3, "mode", INT32, RULE(file_mode),
          DOC("The file's permissions; the volume's defaultMode if not given."))),
};

const struct schema_type type_host_path = {
    .name = "HostPathVolumeSource",
    DOC("A path of the node."),
    FIELDS(F(1, "path", STRING, REQUIRED, RULE(host_path), DOC("The path.")),
           F(2, "type", STRING, DEF(""),
             ONE_OF("DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket",
                    "CharDevice", "BlockDevice"),
             DOC("What must stand there, or is made; nothing is looked at if \"\"."))),
};

static const struct schema_type type_empty_dir = {
    .name = "EmptyDirVolumeSource",
    DOC("A directory that lives as long as the pod."),
    FIELDS(F(1, "medium", STRING, DOC("Memory for a tmpfs; \"\" for the node's disk.")),
           F(2, "sizeLimit", QUANTITY, RULE(not_negative), DOC("How much it may hold."))),
};

static const struct schema_type type_secret_volume = {
    .name = "SecretVolumeSource",
    DOC("A Secret's keys as files."),
    FIELDS(
        F(1, "secretName", STRING, REQUIRED, DOC("The Secret.")),
        F(2, "items", LIST(OBJECT(type_key_to_path)),
          DOC("The keys to show, and where; all under their own names if not given.")),
        F(3, "defaultMode", INT32, DEF("420"), RULE(file_mode), DOC("Permissions of its files.")),
        F(4, "optional", BOOL, DOC("Whether the Secret or a key may be missing."))),
};

static const struct schema_type type_config_map_volume = {
    .name = "ConfigMapVolumeSource",
    DOC("A ConfigMap's keys as files."),
    FIELDS(
        INLINE(1, "localObjectReference", type_named_reference),
        F(2, "items", LIST(OBJECT(type_key_to_path)),
          DOC("The keys to show, and where; all under their own names if not given.")),
        F(3, "defaultMode", INT32, DEF("420"), RULE(file_mode), DOC("Permissions of its files.")),
        F(4, "optional", BOOL, DOC("Whether the ConfigMap or a key may be missing."))),
};

/* What a file can tell of the pod: less than a variable can, which is set when addresses are known.
 */
static const char *wrong_field_path(const char *path)
{
    static const char *const whole[] = {"metadata.name", "metadata.namespace", "metadata.uid",
                                        "metadata.labels", "metadata.annotations"};
    static const char *const keyed[] = {"metadata.labels['", "metadata.annotations['"};
    for (size_t i = 0; i < ARRAY_LEN(whole); i++)
        if (strcmp(path, whole[i]) == 0)
            return NULL;
    for (size_t i = 0; i < ARRAY_LEN(keyed); i++) {
        const char *key = path + strlen(keyed[i]), *end;
        if (!str_has_prefix(path, keyed[i]))
            continue;
        char name[320];
        end = strstr(key, "']");
        if (!end || end[2] || (size_t)(end - key) >= sizeof(name))
            return "must end with ']";
        memcpy(name, key, (size_t)(end - key));
        name[end - key] = '\0';
        return format_qualified_name(name);
    }
    return "not a field that a file can tell";
}

GATEWAY_CHECK(check_downward_file)
{
    const struct value *field = value_get(object, "fieldRef");
    const struct value *resource = value_get(object, "resourceFieldRef");
    const struct value *path = value_get(field, "fieldPath");
    bool has_field = value_type(field) != VALUE_NULL,
         has_resource = value_type(resource) != VALUE_NULL;
    const char *wrong = str_empty(value_str(path)) ? NULL : wrong_field_path(value_str(path));
    if (has_field == has_resource)
        schema_mistake(walk, object, NULL, has_field ? CAUSE_INVALID : CAUSE_REQUIRED,
                       "must have one of fieldRef and resourceFieldRef");
    if (wrong)
        schema_mistake(walk, path, "fieldRef.fieldPath", CAUSE_NOT_SUPPORTED, "\"%.64s\": %s",
                       value_str(path), wrong);
    if (has_resource && str_empty(value_get_str(resource, "containerName")))
        schema_mistake(walk, resource, "resourceFieldRef.containerName", CAUSE_REQUIRED,
                       "required");
}

static const struct schema_type type_downward_file = {
    .name = "DownwardAPIVolumeFile",
    .check = GATEWAY_ONLY(check_downward_file),
    DOC("A file that tells something of the pod."),
    FIELDS(
        F(1, "path", STRING, REQUIRED, RULE(path_relative), DOC("The file's path in the volume.")),
        F(2, "fieldRef", OBJECT(type_object_field_selector), DOC("A field of the pod.")),
        F(3, "resourceFieldRef", OBJECT(type_resource_field_selector),
          DOC("A limit or request of a container.")),
        F(4, "mode", INT32, RULE(file_mode),
          DOC("The file's permissions; the volume's defaultMode if not given."))),
};

static const struct schema_type type_downward_volume = {
    .name = "DownwardAPIVolumeSource",
    DOC("What there is to tell of the pod, as files."),
    FIELDS(
        F(1, "items", LIST(OBJECT(type_downward_file)), DOC("The files.")),
        F(2, "defaultMode", INT32, DEF("420"), RULE(file_mode), DOC("Permissions of its files."))),
};

static const struct schema_type type_secret_projection = {
    .name = "SecretProjection",
    DOC("A Secret's keys as files."),
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "items", LIST(OBJECT(type_key_to_path)),
             DOC("The keys to show, and where; all under their own names if not given.")),
           F(4, "optional", BOOL, DOC("Whether the Secret or a key may be missing."))),
};

static const struct schema_type type_config_map_projection = {
    .name = "ConfigMapProjection",
    DOC("A ConfigMap's keys as files."),
    FIELDS(INLINE(1, "localObjectReference", type_named_reference),
           F(2, "items", LIST(OBJECT(type_key_to_path)),
             DOC("The keys to show, and where; all under their own names if not given.")),
           F(4, "optional", BOOL, DOC("Whether the ConfigMap or a key may be missing."))),
};

static const struct schema_type type_downward_projection = {
    .name = "DownwardAPIProjection",
    DOC("What there is to tell of the pod, as files."),
    FIELDS(F(1, "items", LIST(OBJECT(type_downward_file)), DOC("The files."))),
};

static const struct schema_type type_token_projection = {
    .name = "ServiceAccountTokenProjection",
    DOC("A token of the pod's service account, renewed before it expires."),
    FIELDS(
        F(1, "audience", STRING, DOC("Whom the token is for; the API server if not given.")),
        F(2, "expirationSeconds", INT64, DEF("3600"), RANGE(600, INT64_C(1) << 32),
          DOC("How long it is good.")),
        F(3, "path", STRING, REQUIRED, RULE(path_relative), DOC("The file's path in the volume."))),
};

GATEWAY_CHECK(check_trust_bundle)
{
    bool name = !str_empty(value_get_str(object, "name"));
    bool signer = !str_empty(value_get_str(object, "signerName"));
    if (name == signer)
        schema_mistake(walk, object, NULL, name ? CAUSE_INVALID : CAUSE_REQUIRED,
                       "must have one of name and signerName");
    if (name && value_type(value_get(object, "labelSelector")) != VALUE_NULL)
        schema_mistake(walk, value_get(object, "labelSelector"), "labelSelector", CAUSE_INVALID,
                       "not beside name");
}

static const struct schema_type type_trust_bundle_projection = {
    .name = "ClusterTrustBundleProjection",
    .check = GATEWAY_ONLY(check_trust_bundle),
    DOC("Certificates to trust, as one file."),
    FIELDS(
        F(1, "name", STRING, DOC("One bundle, by name.")),
        F(2, "signerName", STRING, DOC("All bundles of a signer that labelSelector picks.")),
        F(3, "labelSelector", OBJECT(type_label_selector),
          DOC("Which of the signer's; none if not given.")),
        F(5, "optional", BOOL, DOC("Whether bundles may be missing.")),
        F(4, "path", STRING, REQUIRED, RULE(path_relative), DOC("The file's path in the volume."))),
};

static const struct schema_type type_volume_projection = {
    .name = "VolumeProjection",
    DOC("One of the sources of a projected volume."),
    .union_of = "source",
    .union_required = true,
    FIELDS(F(1, "secret", OBJECT(type_secret_projection), DOC("A Secret's keys.")),
           F(2, "downwardAPI", OBJECT(type_downward_projection),
             DOC("What there is to tell of the pod.")),
           F(3, "configMap", OBJECT(type_config_map_projection), DOC("A ConfigMap's keys.")),
           F(4, "serviceAccountToken", OBJECT(type_token_projection),
             DOC("A token of the pod's service account.")),
           F(5, "clusterTrustBundle", OBJECT(type_trust_bundle_projection),
             DOC("Certificates to trust."))),
};

__attribute__((unused, format(printf, 4, 5))) static void check_once(struct map *paths,
                                                                     const struct value *path,
                                                                     struct schema_walk *walk,
                                                                     const char *fmt, ...)
{
    const char *text = value_str(path);
    if (str_empty(text) || !map_put(paths, text, paths))
        return;
    char sub[96];
    va_list args;
    va_start(args, fmt);
    vsnprintf(sub, sizeof(sub), fmt, args);
    va_end(args);
    schema_mistake(walk, path, sub, CAUSE_INVALID, "\"%.64s\": conflicting duplicate paths", text);
}

/* A path that a person names may come but once in the volume. */
GATEWAY_CHECK(check_projected)
{
    static const char *const fields[] = {"secret", "downwardAPI", "configMap"};
    static const char *const plain[] = {"serviceAccountToken", "clusterTrustBundle"};
    const struct value *sources = value_get(object, "sources");
    struct map *paths = map_new();
    for (size_t i = 0; i < value_len(sources); i++) {
        const struct value *source = value_at(sources, i);
        for (size_t f = 0; f < ARRAY_LEN(fields); f++) {
            const struct value *items = value_get(value_get(source, fields[f]), "items");
            for (size_t n = 0; n < value_len(items); n++)
                check_once(paths, value_get(value_at(items, n), "path"), walk,
                           "sources[%zu].%s.items[%zu].path", i, fields[f], n);
        }
        for (size_t f = 0; f < ARRAY_LEN(plain); f++)
            check_once(paths, value_get(value_get(source, plain[f]), "path"), walk,
                       "sources[%zu].%s.path", i, plain[f]);
    }
    map_free(paths, NULL);
}

static const struct schema_type type_projected_volume = {
    .name = "ProjectedVolumeSource",
    .check = GATEWAY_ONLY(check_projected),
    DOC("Several sources in one directory."),
    FIELDS(
        F(1, "sources", LIST(OBJECT(type_volume_projection)), DOC("The sources.")),
        F(2, "defaultMode", INT32, DEF("420"), RULE(file_mode), DOC("Permissions of its files."))),
};

static const struct schema_type type_claim_volume = {
    .name = "PersistentVolumeClaimVolumeSource",
    DOC("A volume that a claim is bound to."),
    FIELDS(F(1, "claimName", STRING, REQUIRED, DOC("The claim.")),
           F(2, "readOnly", BOOL, OMIT_ZERO, DOC("Whether it is mounted for reading only."))),
};

const struct schema_type type_nfs_volume = {
    .name = "NFSVolumeSource",
    DOC("A directory of an NFS server."),
    FIELDS(F(1, "server", STRING, REQUIRED, DOC("The server.")),
           F(2, "path", STRING, REQUIRED, RULE(path_absolute), DOC("The directory.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, DOC("Whether it is mounted for reading only."))),
};

static const struct schema_type type_csi_volume = {
    .name = "CSIVolumeSource",
    DOC("A volume that a CSI driver makes for the pod."),
    FIELDS(
        F(1, "driver", STRING, REQUIRED, DOC("The driver's name.")),
        F(2, "readOnly", BOOL, DOC("Whether it is mounted for reading only.")),
        F(3, "fsType", STRING, DOC("The file system to mount; the driver's choice if not given.")),
        F(4, "volumeAttributes", MAP(STRING), DOC("What the driver is told.")),
        F(5, "nodePublishSecretRef", OBJECT(type_local_object_reference),
          DOC("A secret that the driver is given."))),
};

static void fill_image(struct value *image)
{
    if (str_empty(value_get_str(image, "pullPolicy")))
        value_set_str(image, "pullPolicy", image_pull_policy(value_get_str(image, "reference")));
}

static const struct schema_type type_image_volume = {
    .name = "ImageVolumeSource",
    .fill = fill_image,
    DOC("The files of an image."),
    FIELDS(F(1, "reference", STRING, REQUIRED, RULE(image),
             DOC("The image: [host[:port]/]path[:tag][@digest].")),
           F(2, "pullPolicy", STRING, ONE_OF("Always", "IfNotPresent", "Never"),
             DOC("When it is pulled, as a container's imagePullPolicy."))),
};

static const struct schema_type type_ephemeral_volume = {
    .name = "EphemeralVolumeSource",
    DOC("A volume of a claim of its own, which goes with the pod."),
    FIELDS(F(1, "volumeClaimTemplate", GATEWAY_OBJECT(type_persistent_volume_claim_template),
             DOC("The claim."))),
};

static const struct schema_type type_volume_source = {
    .name = "VolumeSource",
    DOC("What a volume is: one of the fields."),
    .union_of = "volume type",
    FIELDS(
        F(1, "hostPath", OBJECT(type_host_path), DOC("A path of the node.")),
        F(2, "emptyDir", OBJECT(type_empty_dir), DOC("A directory that lives as long as the pod.")),
        F(3, "gcePersistentDisk", GATEWAY_OBJECT(type_gce_persistent_disk),
          DOC("A disk of Google's cloud.")),
        F(4, "awsElasticBlockStore", GATEWAY_OBJECT(type_aws_elastic_block_store),
          DOC("A disk of Amazon's cloud.")),
        F(5, "gitRepo", GATEWAY_OBJECT(type_git_repo), DOC("A clone of a git repository.")),
        F(6, "secret", OBJECT(type_secret_volume), DOC("A Secret's keys as files.")),
        F(7, "nfs", OBJECT(type_nfs_volume), DOC("A directory of an NFS server.")),
        F(8, "iscsi", GATEWAY_OBJECT(type_iscsi_volume), DOC("A disk that is reached by iSCSI.")),
        F(9, "glusterfs", GATEWAY_OBJECT(type_glusterfs_volume), DOC("A volume of GlusterFS.")),
        F(10, "persistentVolumeClaim", OBJECT(type_claim_volume),
          DOC("A volume that a claim is bound to.")),
        F(11, "rbd", GATEWAY_OBJECT(type_rbd_volume), DOC("A block device of Ceph.")),
        F(12, "flexVolume", GATEWAY_OBJECT(type_flex_volume),
          DOC("A volume that a program on the node mounts.")),
        F(13, "cinder", GATEWAY_OBJECT(type_cinder_volume), DOC("A volume of OpenStack.")),
        F(14, "cephfs", GATEWAY_OBJECT(type_cephfs_volume), DOC("A file system of Ceph.")),
        F(15, "flocker", GATEWAY_OBJECT(type_flocker_volume), DOC("A volume of Flocker.")),
        F(16, "downwardAPI", OBJECT(type_downward_volume),
          DOC("What there is to tell of the pod, as files.")),
        F(17, "fc", GATEWAY_OBJECT(type_fc_volume),
          DOC("A disk that is reached by Fibre Channel.")),
        F(18, "azureFile", GATEWAY_OBJECT(type_azure_file),
          DOC("A file share of Microsoft's cloud.")),
        F(19, "configMap", OBJECT(type_config_map_volume), DOC("A ConfigMap's keys as files.")),
        F(20, "vsphereVolume", GATEWAY_OBJECT(type_vsphere_volume), DOC("A disk of vSphere.")),
        F(21, "quobyte", GATEWAY_OBJECT(type_quobyte_volume), DOC("A volume of Quobyte.")),
        F(22, "azureDisk", GATEWAY_OBJECT(type_azure_disk), DOC("A disk of Microsoft's cloud.")),
        F(23, "photonPersistentDisk", GATEWAY_OBJECT(type_photon_persistent_disk),
          DOC("A disk of Photon.")),
        F(24, "portworxVolume", GATEWAY_OBJECT(type_portworx_volume), DOC("A volume of Portworx.")),
        F(25, "scaleIO", GATEWAY_OBJECT(type_scale_io_volume), DOC("A volume of ScaleIO.")),
        F(26, "projected", OBJECT(type_projected_volume), DOC("Several sources in one directory.")),
        F(27, "storageos", GATEWAY_OBJECT(type_storage_os_volume), DOC("A volume of StorageOS.")),
        F(28, "csi", OBJECT(type_csi_volume), DOC("A volume that a CSI driver makes for the pod.")),
        F(29, "ephemeral", OBJECT(type_ephemeral_volume),
          DOC("A volume of a claim of its own, which goes with the pod.")),
        F(30, "image", OBJECT(type_image_volume), DOC("The files of an image."))),
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
    FIELDS(
        F(1, "name", STRING, REQUIRED, RULE(dns1123_label), DOC("By which containers mount it.")),
        INLINE(2, "volumeSource", type_volume_source)),
};
