#pragma once
/* The words that schema tables are written in. A type is read like a protobuf message:
 *
 *     const struct schema_type type_container_port = {
 *         .name = "ContainerPort",
 *         DOC("A port that a container listens on."),
 *         FIELDS(F(1, "name", STRING, RULE(port_name)),
 *                F(3, "containerPort", INT32, REQUIRED, RULE(port)),
 *                F(4, "protocol", STRING, DEF("TCP"), ONE_OF("TCP", "UDP", "SCTP"))),
 *     };
 *
 * Shapes: STRING BOOL INT32 INT64 DOUBLE QUANTITY INT_OR_STRING TIME MICROTIME BYTES ANY
 * OBJECT(type) GATEWAY_OBJECT(type) LIST(shape) MAP(shape). After the shape come designated
 * initialisers of struct schema_field, or the words below. More than one flag: .flags =
 * SCHEMA_REQUIRED | SCHEMA_IMMUTABLE. */

#include "common/schema/format.h"
#include "common/schema/schema.h"

/* What only the gateway needs vanishes from the agent's tables. */
#ifdef LIMPET_SCHEMA_FULL
#define GATEWAY_ONLY(x) x
#else
#define GATEWAY_ONLY(x) NULL
#endif

#define F(number_, name_, shape_, ...)                                                             \
    {                                                                                              \
        .number = (number_), .name = (name_), SHAPE_##shape_, ##__VA_ARGS__                        \
    }
/* A part that protobuf nests and JSON does not. */
#define INLINE(number_, name_, type_)                                                              \
    {                                                                                              \
        .number = (number_), .name = (name_), SHAPE_OBJECT(type_), .flags = SCHEMA_INLINE          \
    }
#define FIELDS(...)                                                                                \
    .fields = (const struct schema_field[])                                                        \
    {                                                                                              \
        __VA_ARGS__,                                                                               \
        {                                                                                          \
            .name = NULL                                                                           \
        }                                                                                          \
    }

#define SHAPE_STRING .shape = SCHEMA_STRING
#define SHAPE_BOOL .shape = SCHEMA_BOOL
#define SHAPE_INT32 .shape = SCHEMA_INT32
#define SHAPE_INT64 .shape = SCHEMA_INT64
#define SHAPE_DOUBLE .shape = SCHEMA_DOUBLE
#define SHAPE_QUANTITY .shape = SCHEMA_QUANTITY
#define SHAPE_INT_OR_STRING .shape = SCHEMA_INT_OR_STRING
#define SHAPE_TIME .shape = SCHEMA_TIME
#define SHAPE_MICROTIME .shape = SCHEMA_MICROTIME
#define SHAPE_BYTES .shape = SCHEMA_BYTES
#define SHAPE_ANY .shape = SCHEMA_ANY
#define SHAPE_OBJECT(type_) .shape = SCHEMA_OBJECT, .object = &(type_)
/* An object that the gateway alone looks into: to a node it is anything, and weighs nothing. */
#ifdef LIMPET_SCHEMA_FULL
#define SHAPE_GATEWAY_OBJECT(type_) SHAPE_OBJECT(type_)
#else
#define SHAPE_GATEWAY_OBJECT(type_) SHAPE_ANY
#endif
#define SHAPE_LIST(item_) .shape = SCHEMA_LIST, ITEM_##item_
#define SHAPE_MAP(item_) .shape = SCHEMA_MAP, ITEM_##item_

#define ITEM_STRING .item = SCHEMA_STRING
#define ITEM_INT32 .item = SCHEMA_INT32
#define ITEM_INT64 .item = SCHEMA_INT64
#define ITEM_QUANTITY .item = SCHEMA_QUANTITY
#define ITEM_TIME .item = SCHEMA_TIME
#define ITEM_BYTES .item = SCHEMA_BYTES
#define ITEM_ANY .item = SCHEMA_ANY
#define ITEM_OBJECT(type_) .item = SCHEMA_OBJECT, .object = &(type_)

#define RULE(name_) .rule = &rule_##name_
#define DEF(text_) .def = text_
#define KEYS(format_) .keys = (format_)
#define BY(key_) .merge_key = key_ /* merged by that key; twice the same is allowed */
#define UNIQUE_BY(key_) .merge_key = key_, .flags = SCHEMA_UNIQUE
/* Strategic merge replaces the list; the key only tells doubles apart. */
#define DISTINCT_BY(key_) .merge_key = key_, .flags = SCHEMA_UNIQUE | SCHEMA_ATOMIC
#define REQUIRED .flags = SCHEMA_REQUIRED
#define IMMUTABLE .flags = SCHEMA_IMMUTABLE
#define SET .flags = SCHEMA_SET
#define OMIT_ZERO .flags = SCHEMA_OMIT_ZERO
#define ATOMIC .flags = SCHEMA_ATOMIC
#define WHOLE .flags = SCHEMA_WHOLE
#define INERT .flags = SCHEMA_INERT
#define DOC(text_) .doc = GATEWAY_ONLY(text_)
#define NAMES(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ONE_OF(...)                                                                                \
    .rule = &(const struct schema_rule)                                                            \
    {                                                                                              \
        .one_of = NAMES(__VA_ARGS__)                                                               \
    }
#define RANGE(min_, max_)                                                                          \
    .rule = &(const struct schema_rule)                                                            \
    {                                                                                              \
        .ranged = true, .min = (min_), .max = (max_)                                               \
    }
#define FORMAT(fn_)                                                                                \
    .rule = &(const struct schema_rule)                                                            \
    {                                                                                              \
        .format = (fn_)                                                                            \
    }

/* The columns of a kind: {"NAME", "string", .path = "metadata.name"}, ... */
#define COLUMNS(...)                                                                               \
    .columns = GATEWAY_ONLY(((const struct schema_column[]){__VA_ARGS__, {.name = NULL}}))
/* A column's function; gone with its column where that is. */
#define CELL(name_)                                                                                \
    static __attribute__((unused)) void name_(const struct value *object, int64_t now_wall_ns,     \
                                              struct buf *ret)
/* What of a file only the gateway needs: functions, and types that it looks into by GATEWAY_OBJECT.
 */
#define GATEWAY_STATIC static __attribute__((unused))
/* A type's check that the gateway alone makes, of what it is to refuse before a node is told:
 * .check = GATEWAY_ONLY(name). */
#define GATEWAY_CHECK(name_)                                                                       \
    static __attribute__((unused)) void name_(const struct value *object, struct schema_walk *walk)
#define KEEP(...) .keep = GATEWAY_ONLY((&(const struct schema_keep){__VA_ARGS__}))
#define SCALE(...) .scale = GATEWAY_ONLY((&(const struct schema_scale){__VA_ARGS__}))
/* SELECTABLE({"spec.nodeName"}, {"status.replicas", .none = "0"}) */
#define SELECTABLE(...)                                                                            \
    .selectable = GATEWAY_ONLY(((const struct schema_selectable[]){__VA_ARGS__, {.name = NULL}}))
#define SORTED_BY(...) .sorted_by = GATEWAY_ONLY(NAMES(__VA_ARGS__))
/* COMPUTED("create") */
#define COMPUTED(...) .computed = GATEWAY_ONLY(NAMES(__VA_ARGS__))
#define PROTO(name_) .proto = GATEWAY_ONLY(name_)
#define CATEGORIES(...) .categories = GATEWAY_ONLY(NAMES(__VA_ARGS__))
