/* What stands behind a PersistentVolume. Where it is as a pod's volume has it the type is the same;
 * where a secret is named, it may be of any namespace. */

#include "common/base/str.h"
#include "common/kinds/types.h"

#include <ctype.h>
#include <string.h>

#define FS_TYPE DOC("The file system to mount: ext4, xfs.")
#define READ_ONLY DOC("Whether it is mounted for reading only.")

static const struct schema_type type_full_secret_reference = {
    .name = "SecretReference",
    DOC("A secret of any namespace."),
    FIELDS(F(1, "name", STRING, REQUIRED, DOC("Its name.")),
           F(2, "namespace", STRING, REQUIRED, DOC("Its namespace."))),
};

static const struct schema_type type_azure_file_pv = {
    .name = "AzureFilePersistentVolumeSource",
    DOC("A file share of Microsoft's cloud."),
    FIELDS(
        F(1, "secretName", STRING, REQUIRED, DOC("The secret with the account and its key.")),
        F(2, "shareName", STRING, REQUIRED, DOC("The share's name.")),
        F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
        F(4, "secretNamespace", STRING, DOC("The secret's namespace; the claim's if not given."))),
};

static const struct schema_type type_cephfs_pv = {
    .name = "CephFSPersistentVolumeSource",
    DOC("A file system of Ceph."),
    FIELDS(F(1, "monitors", LIST(STRING), REQUIRED, DOC("Addresses of Ceph's monitors.")),
           F(2, "path", STRING, DOC("The directory to mount; / if not given.")),
           F(3, "user", STRING, DOC("The user of Ceph; admin if not given.")),
           F(4, "secretFile", STRING, DOC("A file on the node with the user's key.")),
           F(5, "secretRef", OBJECT(type_secret_reference),
             DOC("A secret with the user's key, in place of secretFile.")),
           F(6, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

static const struct schema_type type_cinder_pv = {
    .name = "CinderPersistentVolumeSource",
    DOC("A volume of OpenStack."),
    FIELDS(F(1, "volumeID", STRING, REQUIRED, DOC("The volume's id.")),
           F(2, "fsType", STRING, FS_TYPE), F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(4, "secretRef", OBJECT(type_full_secret_reference),
             DOC("The secret by which OpenStack is reached."))),
};

/* A name of DNS in any case, and short. */
static const char *format_driver(const char *s)
{
    char lower[64];
    size_t len = strlen(s);
    if (len >= sizeof(lower))
        return "must be at most 63 characters";
    for (size_t i = 0; i <= len; i++)
        lower[i] = (char)tolower((unsigned char)s[i]);
    return format_dns1123_subdomain(lower);
}

static const struct schema_type type_csi_pv = {
    .name = "CSIPersistentVolumeSource",
    DOC("A volume that a CSI driver has made."),
    FIELDS(F(1, "driver", STRING, REQUIRED, FORMAT(format_driver), DOC("The driver's name.")),
           F(2, "volumeHandle", STRING, REQUIRED, DOC("What the driver knows the volume by.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY), F(4, "fsType", STRING, FS_TYPE),
           F(5, "volumeAttributes", MAP(STRING), DOC("What the driver is told.")),
           F(6, "controllerPublishSecretRef", OBJECT(type_full_secret_reference),
             DOC("A secret for attaching and detaching.")),
           F(7, "nodeStageSecretRef", OBJECT(type_full_secret_reference),
             DOC("A secret for making it ready on a node.")),
           F(8, "nodePublishSecretRef", OBJECT(type_full_secret_reference),
             DOC("A secret for mounting it for a pod.")),
           F(9, "controllerExpandSecretRef", OBJECT(type_full_secret_reference),
             DOC("A secret for making it larger.")),
           F(10, "nodeExpandSecretRef", OBJECT(type_full_secret_reference),
             DOC("A secret for making its file system larger on a node."))),
};

static const struct schema_type type_flex_pv = {
    .name = "FlexPersistentVolumeSource",
    DOC("A volume that a program on the node mounts."),
    FIELDS(F(1, "driver", STRING, REQUIRED, DOC("The program's name.")),
           F(2, "fsType", STRING, FS_TYPE),
           F(3, "secretRef", OBJECT(type_secret_reference),
             DOC("A secret that the program is given.")),
           F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(5, "options", MAP(STRING), DOC("What else the program is told."))),
};

static const struct schema_type type_glusterfs_pv = {
    .name = "GlusterfsPersistentVolumeSource",
    DOC("A volume of GlusterFS."),
    FIELDS(F(1, "endpoints", STRING, REQUIRED, DOC("The Endpoints that name its servers.")),
           F(2, "path", STRING, REQUIRED, DOC("The volume's path.")),
           F(3, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(4, "endpointsNamespace", STRING,
             DOC("The namespace of endpoints; the claim's if not given."))),
};

static void check_iscsi(const struct value *iscsi, struct schema_walk *walk)
{
    bool chap = value_get_bool(iscsi, "chapAuthSession", false) ||
                value_get_bool(iscsi, "chapAuthDiscovery", false);
    const struct value *secret = value_get(iscsi, "secretRef");
    if (chap && value_type(secret) == VALUE_NULL)
        schema_mistake(walk, secret, "secretRef", CAUSE_REQUIRED, "required with CHAP");
}

static const struct schema_type type_iscsi_pv = {
    .name = "ISCSIPersistentVolumeSource",
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
           F(10, "secretRef", OBJECT(type_secret_reference),
             DOC("The secret with the names and words of CHAP.")),
           F(12, "initiatorName", STRING, DOC("The name that the node gives itself."))),
};

static const struct schema_type type_local = {
    .name = "LocalVolumeSource",
    DOC("A disk or directory of one node, which nodeAffinity names."),
    FIELDS(F(1, "path", STRING, REQUIRED, RULE(host_path), DOC("Where it is on the node.")),
           F(2, "fsType", STRING, FS_TYPE)),
};

static const struct schema_type type_rbd_pv = {
    .name = "RBDPersistentVolumeSource",
    DOC("A block device of Ceph."),
    FIELDS(F(1, "monitors", LIST(STRING), REQUIRED, DOC("Addresses of Ceph's monitors.")),
           F(2, "image", STRING, REQUIRED, DOC("The device's name.")),
           F(3, "fsType", STRING, FS_TYPE),
           F(4, "pool", STRING, DEF("rbd"), DOC("The pool that it is in.")),
           F(5, "user", STRING, DEF("admin"), DOC("The user of Ceph.")),
           F(6, "keyring", STRING, DEF("/etc/ceph/keyring"), DOC("The user's keys, on the node.")),
           F(7, "secretRef", OBJECT(type_secret_reference),
             DOC("A secret with the user's key, in place of keyring.")),
           F(8, "readOnly", BOOL, OMIT_ZERO, READ_ONLY)),
};

static const struct schema_type type_scale_io_pv = {
    .name = "ScaleIOPersistentVolumeSource",
    DOC("A volume of ScaleIO."),
    FIELDS(F(1, "gateway", STRING, REQUIRED, DOC("The address of its API.")),
           F(2, "system", STRING, REQUIRED, DOC("The system's name.")),
           F(3, "secretRef", OBJECT(type_secret_reference), REQUIRED,
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

static const struct schema_type type_storage_os_pv = {
    .name = "StorageOSPersistentVolumeSource",
    DOC("A volume of StorageOS."),
    FIELDS(F(1, "volumeName", STRING, REQUIRED, DOC("The volume's name.")),
           F(2, "volumeNamespace", STRING, RULE(dns1123_label),
             DOC("Its namespace; the pod's if not given.")),
           F(3, "fsType", STRING, FS_TYPE), F(4, "readOnly", BOOL, OMIT_ZERO, READ_ONLY),
           F(5, "secretRef", OBJECT(type_object_reference),
             DOC("The secret by which its API is reached."))),
};

const struct schema_type type_persistent_volume_source = {
    .name = "PersistentVolumeSource",
    DOC("What stands behind a volume."),
    .union_of = "volume type",
    .union_required = true,
    FIELDS(
        F(1, "gcePersistentDisk", OBJECT(type_gce_persistent_disk),
          DOC("A disk of Google's cloud.")),
        F(2, "awsElasticBlockStore", OBJECT(type_aws_elastic_block_store),
          DOC("A disk of Amazon's cloud.")),
        F(3, "hostPath", OBJECT(type_host_path),
          DOC("A path of whatever node a pod is on: for trying things out.")),
        F(4, "glusterfs", OBJECT(type_glusterfs_pv), DOC("A volume of GlusterFS.")),
        F(5, "nfs", OBJECT(type_nfs_volume), DOC("A directory of an NFS server.")),
        F(6, "rbd", OBJECT(type_rbd_pv), DOC("A block device of Ceph.")),
        F(7, "iscsi", OBJECT(type_iscsi_pv), DOC("A disk that is reached by iSCSI.")),
        F(8, "cinder", OBJECT(type_cinder_pv), DOC("A volume of OpenStack.")),
        F(9, "cephfs", OBJECT(type_cephfs_pv), DOC("A file system of Ceph.")),
        F(10, "fc", OBJECT(type_fc_volume), DOC("A disk that is reached by Fibre Channel.")),
        F(11, "flocker", OBJECT(type_flocker_volume), DOC("A volume of Flocker.")),
        F(12, "flexVolume", OBJECT(type_flex_pv),
          DOC("A volume that a program on the node mounts.")),
        F(13, "azureFile", OBJECT(type_azure_file_pv), DOC("A file share of Microsoft's cloud.")),
        F(14, "vsphereVolume", OBJECT(type_vsphere_volume), DOC("A disk of vSphere.")),
        F(15, "quobyte", OBJECT(type_quobyte_volume), DOC("A volume of Quobyte.")),
        F(16, "azureDisk", OBJECT(type_azure_disk), DOC("A disk of Microsoft's cloud.")),
        F(17, "photonPersistentDisk", OBJECT(type_photon_persistent_disk),
          DOC("A disk of Photon.")),
        F(18, "portworxVolume", OBJECT(type_portworx_volume), DOC("A volume of Portworx.")),
        F(19, "scaleIO", OBJECT(type_scale_io_pv), DOC("A volume of ScaleIO.")),
        F(20, "local", OBJECT(type_local), DOC("A disk or directory of one node.")),
        F(21, "storageos", OBJECT(type_storage_os_pv), DOC("A volume of StorageOS.")),
        F(22, "csi", OBJECT(type_csi_pv), DOC("A volume that a CSI driver has made."))),
};
