#include "common/kinds/kinds.h"

const char *object_name(const struct value *object)
{
    return value_get_str(value_get(object, "metadata"), "name");
}

const char *object_namespace(const struct value *object)
{
    return value_get_str(value_get(object, "metadata"), "namespace");
}

const char *object_uid(const struct value *object)
{
    return value_get_str(value_get(object, "metadata"), "uid");
}

const char *object_label(const struct value *object, const char *key)
{
    return value_str(value_path(object, "metadata", "labels", key, NULL));
}

const char *object_annotation(const struct value *object, const char *key)
{
    return value_str(value_path(object, "metadata", "annotations", key, NULL));
}
