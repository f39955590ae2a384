/* scheduling.k8s.io/v1 PriorityClass. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

/* Above what people may give stands what no pod of theirs may push aside. */
enum { HIGHEST = 1000000000, SYSTEM_LOWEST = 2 * HIGHEST };

static const struct {
    const char *name;
    int64_t value;
} system_classes[] = {
    {"system-cluster-critical", SYSTEM_LOWEST},
    {"system-node-critical", SYSTEM_LOWEST + 1000},
};

static void check_class(const struct value *object, struct schema_walk *walk)
{
    const struct value *value = value_get(object, "value");
    const char *name = object_name(object);
    if (name && str_has_prefix(name, "system-")) {
        for (size_t i = 0; i < ARRAY_LEN(system_classes); i++)
            if (str_eq(name, system_classes[i].name) &&
                value_int(value, 0) == system_classes[i].value)
                return;
        schema_mistake(walk, value_path(object, "metadata", "name", NULL), "metadata.name",
                       CAUSE_FORBIDDEN,
                       "priority class names with 'system-' prefix are reserved for system use "
                       "only");
    } else if (value_int(value, 0) > HIGHEST) {
        schema_mistake(walk, value, "value", CAUSE_FORBIDDEN,
                       "maximum allowed value of a user defined priority is %d", HIGHEST);
    }
}

static const struct schema_type type_priority_class = {
    .name = "PriorityClass",
    DOC("How much pods matter that name it."),
    .check = check_class,
    FIELDS(F(1, "metadata", OBJECT(type_object_meta), DOC("Its name, labels and history.")),
           F(2, "value", INT32, DEF("0"), IMMUTABLE, DOC("How much: more goes first.")),
           F(3, "globalDefault", BOOL, OMIT_ZERO, DOC("Whether it is of pods that name none.")),
           F(4, "description", STRING, DOC("When to use it, for people.")),
           F(5, "preemptionPolicy", STRING, DEF("PreemptLowerPriority"),
             ONE_OF("PreemptLowerPriority", "Never"), IMMUTABLE,
             DOC("Whether its pods push others aside: PreemptLowerPriority or Never."))),
};

const struct schema_kind kind_priority_class = {
    .group = "scheduling.k8s.io",
    .version = "v1",
    .kind = "PriorityClass",
    .plural = "priorityclasses",
    .singular = "priorityclass",
    .short_names = NAMES("pc"),
    .flags = SCHEMA_KIND_INERT,
    .type = &type_priority_class,
    .name = format_dns1123_subdomain,
    PROTO("k8s.io.api.scheduling.v1.PriorityClass"),
    COLUMNS({"Name", "string", .path = "metadata.name"},
            {"Value", "integer", .path = "value", .none = "0"},
            {"Global-Default", "boolean", .path = "globalDefault", .none = "false"},
            {"Age", "date", .path = "metadata.creationTimestamp"},
            {"PreemptionPolicy", "string", .path = "preemptionPolicy", .none = ""}),
};
