/* What Kubernetes once let a Node say of its kubelet's configuration. Kept, and read by no one. */

#include "common/kinds/types.h"

static const struct schema_type type_config_map_node_config_source = {
    .name = "ConfigMapNodeConfigSource",
    DOC("A key of a ConfigMap."),
    FIELDS(
        F(1, "namespace", STRING, REQUIRED, RULE(dns1123_label), DOC("The ConfigMap's namespace.")),
        F(2, "name", STRING, REQUIRED, RULE(dns1123_subdomain), DOC("The ConfigMap's name.")),
        F(3, "uid", STRING, RULE(uid), DOC("The ConfigMap's uid; of status alone.")),
        F(4, "resourceVersion", STRING, DOC("The ConfigMap's version; of status alone.")),
        F(5, "kubeletConfigKey", STRING, REQUIRED, RULE(config_key), DOC("The key."))),
};

const struct schema_type type_node_config_source = {
    .name = "NodeConfigSource",
    DOC("Where a kubelet's configuration stood."),
    FIELDS(F(2, "configMap", OBJECT(type_config_map_node_config_source),
             DOC("The ConfigMap that held it."))),
};

const struct schema_type type_node_config_status = {
    .name = "NodeConfigStatus",
    DOC("Which configurations a kubelet had."),
    FIELDS(F(1, "assigned", OBJECT(type_node_config_source), DOC("The one that it was to have.")),
           F(2, "active", OBJECT(type_node_config_source), DOC("The one that it had.")),
           F(3, "lastKnownGood", OBJECT(type_node_config_source),
             DOC("The one that it went back to.")),
           F(4, "error", STRING, DOC("Why it did not have the one that it was to have."))),
};
