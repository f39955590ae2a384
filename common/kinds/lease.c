/* coordination.k8s.io/v1 Lease. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static void check_spec(const struct value *spec, struct schema_walk *walk)
{
    const struct value *holder = value_get(spec, "preferredHolder");
    const struct value *own = value_get(spec, "holderIdentity");
    bool coordinated = !str_empty(value_get_str(spec, "strategy"));
    if (!str_empty(value_str(holder)) && !coordinated)
        schema_mistake(walk, holder, "preferredHolder", CAUSE_FORBIDDEN,
                       "may only be specified when `strategy` is defined");
    if (value_str(own) && !*value_str(own) && !coordinated)
        schema_mistake(walk, own, "holderIdentity", CAUSE_INVALID, "must not be empty");
}

static const struct schema_type type_lease_spec = {
    .name = "LeaseSpec",
    DOC("Who holds a lease, and until when."),
    .check = check_spec,
    FIELDS(
        F(1, "holderIdentity", STRING, DOC("Who holds it.")),
        F(2, "leaseDurationSeconds", INT32, RULE(positive),
          DOC("How long after renewTime another may take it.")),
        F(3, "acquireTime", MICROTIME, DOC("When its holder took it.")),
        F(4, "renewTime", MICROTIME, DOC("When its holder last said that it is there.")),
        F(5, "leaseTransitions", INT32, RULE(not_negative),
          DOC("How often it went from one to another.")),
        F(6, "strategy", STRING, RULE(qualified_name),
          DOC("How the holder is chosen, where that is coordinated.")),
        F(7, "preferredHolder", STRING, DOC("Who is to have it; the holder should give it up."))),
};

static const struct schema_type type_lease = {
    .name = "Lease",
    DOC("Says who does something, as long as it is renewed. Kept in memory alone."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "spec", OBJECT(type_lease_spec), DOC("Who holds it, and until when."))),
};

const struct schema_kind kind_lease = {
    .group = "coordination.k8s.io",
    .version = "v1",
    .kind = "Lease",
    .plural = "leases",
    .singular = "lease",
    .namespaced = true,
    .type = &type_lease,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.coordination.v1.Lease"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Holder", "string", .path = "spec.holderIdentity", .none = ""},
            {"Age", "date", .path = "metadata.creationTimestamp"}),
    /* Whoever needs one renews it, or makes it anew where it is gone. */
    KEEP(.max_objects = 4096, .max_bytes = 4 * 1024 * 1024),
};
