#include "controller/admission/classes.h"

#include "common/base/mem.h"
#include "common/base/str.h"
#include "common/kinds/kinds.h"

#include <stdlib.h>

/* Of several that are marked the youngest. */
struct found {
    const char *const *marks;
    char *name, *born;
};

static int find(void *ctx, const struct value *object)
{
    struct found *found = ctx;
    const char *born = value_get_str(value_get(object, "metadata"), "creationTimestamp");
    bool marked = false;
    for (size_t i = 0; found->marks[i]; i++)
        marked = marked || str_eq(object_annotation(object, found->marks[i]), "true");
    if (!marked || !born || (found->name && strcmp(born, found->born) <= 0))
        return 0;
    free(found->name);
    free(found->born);
    found->name = xstrdup(object_name(object));
    found->born = xstrdup(born);
    return 0;
}

/* Sets spec.<field> where neither it nor the annotation, its old form, is given. */
static struct value *complete(const struct gate_request *request, const char *field,
                              const char *annotation, const struct schema_kind *kind,
                              const char *const *marks)
{
    struct found found = {.marks = marks};
    const struct api_ref ref = {kind, "", ""};
    struct value *spec = value_make_map(request->object, "spec", NULL);
    if (!spec || value_get(spec, field) || object_annotation(request->object, annotation))
        return NULL;
    request->reader->each(request->reader->ctx, &ref, find, &found);
    if (found.name)
        value_set_str(spec, field, found.name);
    free(found.name);
    free(found.born);
    return NULL;
}

struct value *storage_class_complete(const struct admission_env *env,
                                     const struct gate_request *request)
{
    static const char *const marks[] = {"storageclass.kubernetes.io/is-default-class",
                                        "storageclass.beta.kubernetes.io/is-default-class", NULL};
    (void)env;
    return complete(request, "storageClassName", "volume.beta.kubernetes.io/storage-class",
                    &kind_storage_class, marks);
}

struct value *ingress_class_complete(const struct admission_env *env,
                                     const struct gate_request *request)
{
    static const char *const marks[] = {"ingressclass.kubernetes.io/is-default-class", NULL};
    (void)env;
    return complete(request, "ingressClassName", "kubernetes.io/ingress.class", &kind_ingress_class,
                    marks);
}
