/* What is sent to the API without being an object that is stored: options, and what is posted to
 * subresources. */

#include "common/base/str.h"
#include "common/kinds/kinds.h"
#include "common/kinds/types.h"

static const struct schema_type type_preconditions = {
    .name = "Preconditions",
    DOC("What must hold of the object, or nothing is done."),
    FIELDS(F(1, "uid", STRING), F(2, "resourceVersion", STRING)),
};

static const struct schema_type type_delete_options = {
    .name = "DeleteOptions",
    DOC("How an object is deleted."),
    FIELDS(F(1, "gracePeriodSeconds", INT64, DOC("Time to end by itself; 0 for none.")),
           F(2, "preconditions", OBJECT(type_preconditions)),
           F(3, "orphanDependents", BOOL, DOC("Older word for propagationPolicy: Orphan.")),
           F(4, "propagationPolicy", STRING,
             DOC("What becomes of the objects that this one owns: Background, Foreground or "
                 "Orphan.")),
           F(5, "dryRun", LIST(STRING)),
           F(6, "ignoreStoreReadErrorWithClusterBreakingPotential", BOOL)),
};

static const struct schema_type type_binding = {
    .name = "Binding",
    DOC("Gives a pod its node."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "target", OBJECT(type_object_reference), REQUIRED)),
};

static const struct schema_type type_eviction = {
    .name = "Eviction",
    DOC("Asks for a pod to leave its node, if what stands against it allows it."),
    FIELDS(F(1, "metadata", OBJECT(type_object_meta)),
           F(2, "deleteOptions", OBJECT(type_delete_options))),
};

static const struct schema_type *const messages[] = {&type_delete_options, &type_binding,
                                                     &type_eviction};
/* Those that are checked as objects are. */
static const struct schema_kind *const checked[] = {&kind_scale, &kind_token_request};

const struct schema_type *kinds_message(const char *kind)
{
    for (size_t i = 0; i < ARRAY_LEN(checked); i++)
        if (str_eq(checked[i]->kind, kind))
            return checked[i]->type;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        if (str_eq(messages[i]->name, kind))
            return messages[i];
    return NULL;
}
