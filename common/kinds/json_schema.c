/* apiextensions/v1 JSONSchemaProps: the schema of a custom kind, or of a part of it. */

#include "common/kinds/types.h"

static const struct schema_type type_external_documentation = {
    .name = "ExternalDocumentation",
    DOC("Where more is written."),
    FIELDS(F(1, "description", STRING, DOC("What is written there.")),
           F(2, "url", STRING, DOC("Where it is."))),
};

static const struct schema_type type_validation_rule = {
    .name = "ValidationRule",
    DOC("A rule in the Common Expression Language. Kept; nothing evaluates it yet."),
    FIELDS(F(1, "rule", STRING, REQUIRED, DOC("The expression: true of what is right.")),
           F(2, "message", STRING, DOC("What to say of what is wrong.")),
           F(3, "messageExpression", STRING, DOC("An expression that gives the message.")),
           F(4, "reason", STRING,
             ONE_OF("FieldValueInvalid", "FieldValueForbidden", "FieldValueRequired",
                    "FieldValueDuplicate"),
             DOC("The cause to tell with it.")),
           F(5, "fieldPath", STRING, DOC("The field to tell it of.")),
           F(6, "optionalOldSelf", BOOL, DOC("Evaluate it where there was no value before too."))),
};

/* Protobuf wraps what JSON does not. */
static const struct schema_type type_schema_or_array = {
    .name = "JSONSchemaPropsOrArray",
    DOC("A schema."),
    FIELDS(INLINE(1, "schema", type_json_schema_props)),
};

static const struct schema_type type_schema_or_bool = {
    .name = "JSONSchemaPropsOrBool",
    DOC("A schema; true: anything."),
    .or_bool = true,
    FIELDS(INLINE(2, "schema", type_json_schema_props)),
};

const struct schema_type type_json_schema_props = {
    .name = "JSONSchemaProps",
    DOC("What a value must be: JSON Schema as OpenAPI v3 has it, and what Kubernetes adds."),
    FIELDS(
        F(1, "id", STRING, DOC("Not to be used.")), F(2, "$schema", STRING, DOC("Not looked at.")),
        F(3, "$ref", STRING, DOC("Not to be used.")),
        F(4, "description", STRING, DOC("What it is for: explain prints it.")),
        F(5, "type", STRING, ONE_OF("object", "array", "string", "integer", "number", "boolean"),
          DOC("object, array, string, integer, number or boolean.")),
        F(6, "format", STRING, DOC("What its text or number is: date-time, int32, ipv4...")),
        F(7, "title", STRING, DOC("A name for people.")),
        F(8, "default", ANY, DOC("What it is where nothing is given.")),
        F(9, "maximum", DOUBLE, DOC("The largest number.")),
        F(10, "exclusiveMaximum", BOOL, OMIT_ZERO, DOC("Maximum itself is too large.")),
        F(11, "minimum", DOUBLE, DOC("The smallest number.")),
        F(12, "exclusiveMinimum", BOOL, OMIT_ZERO, DOC("Minimum itself is too small.")),
        F(13, "maxLength", INT64, RULE(not_negative), DOC("Of a string, in characters.")),
        F(14, "minLength", INT64, RULE(not_negative), DOC("Of a string, in characters.")),
        F(15, "pattern", STRING, DOC("A regular expression that is found in the string.")),
        F(16, "maxItems", INT64, RULE(not_negative), DOC("Of an array.")),
        F(17, "minItems", INT64, RULE(not_negative), DOC("Of an array.")),
        F(18, "uniqueItems", BOOL, OMIT_ZERO, DOC("Not to be used: see x-kubernetes-list-type.")),
        F(19, "multipleOf", DOUBLE, DOC("The number is a multiple of it.")),
        F(20, "enum", LIST(ANY), DOC("It is one of these.")),
        F(21, "maxProperties", INT64, RULE(not_negative), DOC("Of an object.")),
        F(22, "minProperties", INT64, RULE(not_negative), DOC("Of an object.")),
        F(23, "required", LIST(STRING), DOC("Fields that an object must have.")),
        F(24, "items", OBJECT(type_schema_or_array), DOC("What an array holds.")),
        F(25, "allOf", LIST(OBJECT(type_json_schema_props)), DOC("All of these hold too.")),
        F(26, "oneOf", LIST(OBJECT(type_json_schema_props)), DOC("One of these holds, not two.")),
        F(27, "anyOf", LIST(OBJECT(type_json_schema_props)), DOC("At least one of these holds.")),
        F(28, "not", OBJECT(type_json_schema_props), DOC("This does not hold.")),
        F(29, "properties", MAP(OBJECT(type_json_schema_props)), DOC("The fields of an object.")),
        F(30, "additionalProperties", OBJECT(type_schema_or_bool),
          DOC("What an object's values are whatever their keys: a map.")),
        F(31, "patternProperties", MAP(OBJECT(type_json_schema_props)), DOC("Not to be used.")),
        F(32, "dependencies", MAP(ANY), DOC("Not to be used.")),
        F(33, "additionalItems", OBJECT(type_schema_or_bool), DOC("Not to be used.")),
        F(34, "definitions", MAP(OBJECT(type_json_schema_props)), DOC("Not to be used.")),
        F(35, "externalDocs", OBJECT(type_external_documentation), DOC("Where more is written.")),
        F(36, "example", ANY, DOC("A value for people to look at.")),
        F(37, "nullable", BOOL, OMIT_ZERO, DOC("null is a value of it.")),
        F(38, "x-kubernetes-preserve-unknown-fields", BOOL,
          DOC("Fields that the schema does not name are kept.")),
        F(39, "x-kubernetes-embedded-resource", BOOL, OMIT_ZERO,
          DOC("It is an object of Kubernetes: with apiVersion, kind and metadata.")),
        F(40, "x-kubernetes-int-or-string", BOOL, OMIT_ZERO, DOC("It is an integer or a string.")),
        F(41, "x-kubernetes-list-map-keys", LIST(STRING),
          DOC("The fields that tell items of a list apart.")),
        F(42, "x-kubernetes-list-type", STRING, ONE_OF("atomic", "set", "map"),
          DOC("How an array merges: as a whole, as a set, or item by item by its keys.")),
        F(43, "x-kubernetes-map-type", STRING, ONE_OF("granular", "atomic"),
          DOC("How an object merges: field by field, or as a whole.")),
        F(44, "x-kubernetes-validations", LIST(OBJECT(type_validation_rule)), BY("rule"), INERT,
          DOC("Rules in CEL. Kept; nothing evaluates them yet."))),
};
