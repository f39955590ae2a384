/* References to other objects. */

#include "common/kinds/types.h"

const struct schema_type type_object_reference = {
    .name = "ObjectReference",
    .whole = true,
    DOC("Another object, or a part of one."),
    FIELDS(F(1, "kind", STRING, DOC("Its kind.")), F(2, "namespace", STRING, DOC("Its namespace.")),
           F(3, "name", STRING, DOC("Its name.")),
           F(4, "uid", STRING, DOC("Its uid: the same name may be another object.")),
           F(5, "apiVersion", STRING, DOC("The group and version of its kind.")),
           F(6, "resourceVersion", STRING, DOC("The revision that is meant.")),
           F(7, "fieldPath", STRING, DOC("The part: \"spec.containers{app}\"."))),
};

const struct schema_type type_secret_reference = {
    .name = "SecretReference",
    .whole = true,
    DOC("A secret of any namespace."),
    FIELDS(F(1, "name", STRING, DOC("Its name.")),
           F(2, "namespace", STRING, DOC("Its namespace."))),
};
