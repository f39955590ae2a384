/* Volumes of clouds and storage systems that no node of ours can mount: kept as people write them,
 * and looked into by the gateway alone. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#define FS_TYPE DOC("The file system to mount: ext4, xfs.")
#define READ_ONLY DOC("Whether it is mounted for reading only.")
#define PARTITION RANGE(0, 255), DOC("The partition to mount; 0 for the whole disk.")

const struct schema_type type_gce_persistent_disk = {
    .name = "GCEPersistentDiskVolumeSource",
    DOC("A disk of Google's cloud."),
    FIELDS(F(1, "pdName", STRING, REQUIRED, DOC("The disk's name.")),
           F(2, "fsType", STRING, FS_TYPE), F(3, "partition", INT32, OMIT_ZERO, PARTITION),
           F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_aws_elastic_block_store = {
    .name = "AWSElasticBlockStoreVolumeSource",
    DOC("A disk of Amazon's cloud."),
    FIELDS(F(1, "volumeID", STRING, REQUIRED, DOC("The disk's id.")),
           F(2, "fsType", STRING, FS_TYPE), F(3, "partition", INT32, OMIT_ZERO, PARTITION),
           F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_git_repo = {
    .name = "GitRepoVolumeSource",
    DOC("A clone of a git repository, made when the pod starts."),
    FIELDS(F(1, "repository", STRING, REQUIRED, DOC("Its URL.")),
           F(2, "revision", STRING, DOC("The commit to check out.")),
           F(3, "directory", STRING, RULE(path_relative),
             DOC("Where in the volume; \".\" for the volume itself."))),
};

static void check_iscsi(const struct value *iscsi, struct schema_walk *walk)
{
    bool chap = value_get_bool(iscsi, "chapAuthSession", false) ||
                value_get_bool(iscsi, "chapAuthDiscovery", false);
    const struct value *secret = value_get(iscsi, "secretRef");
    if (chap && value_type(secret) == VALUE_NULL)
        schema_mistake(walk, secret, "secretRef", CAUSE_REQUIRED, "required with CHAP");
}

const struct schema_type type_iscsi_volume = {
    .name = "ISCSIVolumeSource",
    DOC("A disk that is reached by iSCSI."),
    .check = check_iscsi,
    FIELDS(F(1, "targetPortal", STRING, REQUIRED, DOC("The target's address: ip[:port].")),
           F(2, "iqn", STRING, REQUIRED, DOC("The target's qualified name.")),
           F(3, "lun", INT32, RANGE(0, 255), DOC("Which of the target's units.")),
           F(4, "iscsiInterface", STRING, DEF("default"), DOC("The transport: default for TCP.")),
           F(5, "fsType", STRING, FS_TYPE), F(6, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(7, "portals", LIST(STRING), DOC("Further addresses of the target.")),
           F(8, "chapAuthDiscovery", BOOL, OMIT_ZERO, DOC("Whether discovery wants CHAP.")),
           F(11, "chapAuthSession", BOOL, OMIT_ZERO, DOC("Whether a session wants CHAP.")),
           F(10, "secretRef", OBJECT(type_local_object_reference),
             DOC("The secret with the names and words of CHAP.")),
           F(12, "initiatorName", STRING, DOC("The name that the node gives itself."))),
};

const struct schema_type type_glusterfs_volume = {
    .name = "GlusterfsVolumeSource",
    DOC("A volume of GlusterFS."),
    FIELDS(F(1, "endpoints", STRING, REQUIRED, DOC("The Endpoints that name its servers.")),
           F(2, "path", STRING, REQUIRED, DOC("The volume's path.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_rbd_volume = {
    .name = "RBDVolumeSource",
    DOC("A block device of Ceph."),
    FIELDS(F(1, "monitors", LIST(STRING), REQUIRED, DOC("Addresses of Ceph's monitors.")),
           F(2, "image", STRING, REQUIRED, DOC("The device's name.")),
           F(3, "fsType", STRING, FS_TYPE),
           F(4, "pool", STRING, DEF("rbd"), DOC("The pool that it is in.")),
           F(5, "user", STRING, DEF("admin"), DOC("The user of Ceph.")),
           F(6, "keyring", STRING, DEF("/etc/ceph/keyring"), DOC("The user's keys, on the node.")),
           F(7, "secretRef", OBJECT(type_local_object_reference),
             DOC("A secret with the user's key, in place of keyring.")),
           F(8, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_flex_volume = {
    .name = "FlexVolumeSource",
    DOC("A volume that a program on the node mounts."),
    FIELDS(F(1, "driver", STRING, REQUIRED, DOC("The program's name.")),
           F(2, "fsType", STRING, FS_TYPE),
           F(3, "secretRef", OBJECT(type_local_object_reference),
             DOC("A secret that the program is given.")),
           F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(5, "options", MAP(STRING), DOC("What else the program is told."))),
};

const struct schema_type type_cinder_volume = {
    .name = "CinderVolumeSource",
    DOC("A volume of OpenStack."),
    FIELDS(F(1, "volumeID", STRING, REQUIRED, DOC("The volume's id.")),
           F(2, "fsType", STRING, FS_TYPE), F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(4, "secretRef", OBJECT(type_local_object_reference),
             DOC("The secret by which OpenStack is reached."))),
};

const struct schema_type type_cephfs_volume = {
    .name = "CephFSVolumeSource",
    DOC("A file system of Ceph."),
    FIELDS(F(1, "monitors", LIST(STRING), REQUIRED, DOC("Addresses of Ceph's monitors.")),
           F(2, "path", STRING, DOC("The directory to mount; / if not given.")),
           F(3, "user", STRING, DOC("The user of Ceph; admin if not given.")),
           F(4, "secretFile", STRING, DOC("A file on the node with the user's key.")),
           F(5, "secretRef", OBJECT(type_local_object_reference),
             DOC("A secret with the user's key, in place of secretFile.")),
           F(6, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_flocker_volume = {
    .name = "FlockerVolumeSource",
    DOC("A volume of Flocker."),
    .union_of = "dataset",
    .union_required = true,
    FIELDS(F(1, "datasetName", STRING, DOC("The dataset, by name.")),
           F(2, "datasetUUID", STRING, DOC("The dataset, by id."))),
};

static void check_fc(const struct value *fc, struct schema_walk *walk)
{
    bool wwns = value_len(value_get(fc, "targetWWNs")) > 0;
    bool wwids = value_len(value_get(fc, "wwids")) > 0;
    if (wwns == wwids)
        schema_mistake(walk, fc, "targetWWNs", wwns ? CAUSE_INVALID : CAUSE_REQUIRED,
                       "must have one of targetWWNs and wwids");
    if (wwns && value_type(value_get(fc, "lun")) == VALUE_NULL)
        schema_mistake(walk, fc, "lun", CAUSE_REQUIRED, "required with targetWWNs");
}

const struct schema_type type_fc_volume = {
    .name = "FCVolumeSource",
    DOC("A disk that is reached by Fibre Channel."),
    .check = check_fc,
    FIELDS(F(1, "targetWWNs", LIST(STRING), DOC("World wide names of the target.")),
           F(2, "lun", INT32, RANGE(0, 255), DOC("Which of the target's units.")),
           F(3, "fsType", STRING, FS_TYPE), F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(5, "wwids", LIST(STRING), DOC("World wide ids of the disk itself."))),
};

const struct schema_type type_azure_file = {
    .name = "AzureFileVolumeSource",
    DOC("A file share of Microsoft's cloud."),
    FIELDS(F(1, "secretName", STRING, REQUIRED, DOC("The secret with the account and its key.")),
           F(2, "shareName", STRING, REQUIRED, DOC("The share's name.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_vsphere_volume = {
    .name = "VsphereVirtualDiskVolumeSource",
    DOC("A disk of vSphere."),
    FIELDS(F(1, "volumePath", STRING, REQUIRED, DOC("The disk's path.")),
           F(2, "fsType", STRING, FS_TYPE),
           F(3, "storagePolicyName", STRING, DOC("Its storage policy, by name.")),
           F(4, "storagePolicyID", STRING, DOC("Its storage policy, by id."))),
};

const struct schema_type type_quobyte_volume = {
    .name = "QuobyteVolumeSource",
    DOC("A volume of Quobyte."),
    FIELDS(F(1, "registry", STRING, REQUIRED, DOC("Its registries: host:port, with commas.")),
           F(2, "volume", STRING, REQUIRED, DOC("The volume's name.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(4, "user", STRING, DOC("The user that it is mounted as.")),
           F(5, "group", STRING, DOC("The group that it is mounted as.")),
           F(6, "tenant", STRING, DOC("The tenant whose volume it is."))),
};

const struct schema_type type_azure_disk = {
    .name = "AzureDiskVolumeSource",
    DOC("A disk of Microsoft's cloud."),
    FIELDS(F(1, "diskName", STRING, REQUIRED, DOC("The disk's name.")),
           F(2, "diskURI", STRING, REQUIRED, DOC("The disk's URI.")),
           F(3, "cachingMode", STRING, DEF("ReadWrite"), ONE_OF("None", "ReadOnly", "ReadWrite"),
             DOC("What the host caches: None, ReadOnly or ReadWrite.")),
           F(4, "fsType", STRING, DEF("ext4"), FS_TYPE),
           F(5, "readOnly", BOOL, DEF("false"), READ_ONLY),
           F(6, "kind", STRING, DEF("Shared"), ONE_OF("Shared", "Dedicated", "Managed"),
             DOC("Shared, Dedicated or Managed."))),
};

const struct schema_type type_photon_persistent_disk = {
    .name = "PhotonPersistentDiskVolumeSource",
    DOC("A disk of Photon."),
    FIELDS(F(1, "pdID", STRING, REQUIRED, DOC("The disk's id.")), F(2, "fsType", STRING, FS_TYPE)),
};

const struct schema_type type_portworx_volume = {
    .name = "PortworxVolumeSource",
    DOC("A volume of Portworx."),
    FIELDS(F(1, "volumeID", STRING, REQUIRED, DOC("The volume's id.")),
           F(2, "fsType", STRING, FS_TYPE), F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_scale_io_volume = {
    .name = "ScaleIOVolumeSource",
    DOC("A volume of ScaleIO."),
    FIELDS(F(1, "gateway", STRING, REQUIRED, DOC("The address of its API.")),
           F(2, "system", STRING, REQUIRED, DOC("The system's name.")),
           F(3, "secretRef", OBJECT(type_local_object_reference), REQUIRED,
             DOC("The secret with user and password.")),
           F(4, "sslEnabled", BOOL, DOC("Whether the API is reached by TLS.")),
           F(5, "protectionDomain", STRING, DOC("The protection domain.")),
           F(6, "storagePool", STRING, DOC("The storage pool in it.")),
           F(7, "storageMode", STRING, DEF("ThinProvisioned"),
             DOC("ThinProvisioned or ThickProvisioned.")),
           F(8, "volumeName", STRING, REQUIRED, DOC("The volume's name.")),
           F(9, "fsType", STRING, DEF("xfs"), FS_TYPE),
           F(10, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

const struct schema_type type_storage_os_volume = {
    .name = "StorageOSVolumeSource",
    DOC("A volume of StorageOS."),
    FIELDS(F(1, "volumeName", STRING, REQUIRED, DOC("The volume's name.")),
           F(2, "volumeNamespace", STRING, RULE(dns1123_label),
             DOC("Its namespace; the pod's if not given.")),
           F(3, "fsType", STRING, FS_TYPE), F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(5, "secretRef", OBJECT(type_local_object_reference),
             DOC("The secret by which its API is reached."))),
};

const struct schema_type type_persistent_volume_claim_template = {
    .name = "PersistentVolumeClaimTemplate",
    DOC("The claim that is made for the volume, and goes with the pod."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta),
             DOC("The labels and annotations that the claim gets.")),
           F(2, "spec", OBJECT(type_persistent_volume_claim_spec), REQUIRED,
             DOC("What the claim asks for."))),
};
