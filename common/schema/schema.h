#pragma once
/* Schema tables: what Limpet knows of a kind of object, as data. A kind names its root type; a type
 * is a list of fields; a field says its shape, flags, default, rule, merge key and protobuf number.
 * Decoding, checking, defaulting, hashing, merging, discovery, explain and kubectl's columns read
 * the same tables (DESIGN.md section 4). Tables are written with the macros of
 * common/schema/table.h.
 *
 * The layout of these structs is the same in every build. What only the gateway needs (docs,
 * columns, categories, protobuf names) is left NULL where LIMPET_SCHEMA_FULL is not defined: the
 * library common_kinds (the agent's) leaves it out, common_kinds_full (the gateway's) holds it. */

#include "common/base/buf.h"
#include "common/data/diag.h"
#include "common/data/value.h"

#include <stdbool.h>
#include <stdint.h>

enum schema_shape {
    SCHEMA_STRING,
    SCHEMA_BOOL,
    SCHEMA_INT32,
    SCHEMA_INT64,
    SCHEMA_DOUBLE,
    SCHEMA_QUANTITY,      /* "250m", "64Mi" or a number; kept as a canonical string */
    SCHEMA_INT_OR_STRING, /* int32 or string */
    SCHEMA_TIME,          /* RFC 3339, whole seconds */
    SCHEMA_MICROTIME,     /* RFC 3339 with six digits of a second */
    SCHEMA_BYTES,         /* base64 */
    SCHEMA_ANY,           /* not looked into */
    SCHEMA_OBJECT,        /* of `object` */
    SCHEMA_LIST,          /* of `item`, and of `object` if that is SCHEMA_OBJECT */
    SCHEMA_MAP,           /* from strings to `item`, as for lists */
};

enum schema_flag {
    SCHEMA_REQUIRED = 1 << 0,     /* present, not null, and not "" or an empty list */
    SCHEMA_MAY_BE_EMPTY = 1 << 1, /* with REQUIRED: "" and [] will do */
    SCHEMA_IMMUTABLE = 1 << 2,    /* an update may not change it (schema_check_update) */
    SCHEMA_INLINE = 1 << 3,       /* protobuf nests it, JSON does not: its fields are the owner's */
    SCHEMA_UNIQUE = 1 << 4,       /* a list whose items differ in merge_key (scalars: in value) */
    SCHEMA_SET = 1 << 5,          /* a list of scalars that merges as a set; others are atomic */
    SCHEMA_RETAIN_KEYS = 1 << 6,  /* strategic merge honours $retainKeys */
    SCHEMA_SECRET = 1 << 7,       /* never shown to people nor logged */
    SCHEMA_WRITE_ONLY = 1 << 8,   /* folded into another field by the type's fill function */
    SCHEMA_INERT = 1 << 9,        /* kept, but nothing acts on it yet: writers of what is not its
                                     default are warned */
    SCHEMA_NULLABLE = 1 << 10,    /* null is a value, and stays; elsewhere it is absence */
    SCHEMA_ATOMIC = 1 << 11,      /* strategic merge replaces it: a list for all its merge_key, an
                                     object */
    SCHEMA_OMIT_ZERO = 1 << 12,   /* a number or bool that Go has no pointer for, so that Kubernetes
                                     cannot tell 0 and false from absence: defaulted, and let pass */
    SCHEMA_WHOLE = 1 << 13,       /* a map that server-side apply takes or leaves as a whole */
};

/* A walk over an object: where it is and what it found. Opaque but for schema_mistake(). */
struct schema_walk;

/* NULL if right, else what it must be ("must be at most 63 characters"): static text. */
typedef const char *schema_format_fn(const char *s);

/* What only the kinds that people define ask for: data of its own follows this struct, which its
 * functions know. */
struct schema_more {
    /* Of the whole value of a field, of the right shape or not (that is told already), or of a
     * whole object. May be NULL. */
    void (*check)(const struct schema_more *more, const struct value *value,
                  struct schema_walk *walk);
    const struct value *def; /* the default where it is a tree; NULL: there is none */
    bool null_items;         /* items of a list or map may be null; elsewhere such are dropped */
};

/* What a value must be beyond its shape. For a list or map it holds for each item. */
struct schema_rule {
    bool ranged; /* min and max count: of integers */
    int64_t min, max;
    const char *const *one_of;      /* ends with NULL */
    schema_format_fn *format;       /* of strings; "" is given to it only where it is present */
    const struct schema_more *more; /* NULL: no more */
};

struct schema_type;

struct schema_field {
    const char *name;    /* NULL ends a table; an inline field's is protobuf's */
    uint8_t shape, item; /* enum schema_shape */
    uint16_t flags;      /* enum schema_flag */
    uint16_t number;     /* protobuf's field number; 0 = not in protobuf */
    union {
        const struct schema_type *object;
        const struct schema_field *items; /* item is SCHEMA_LIST or SCHEMA_MAP: what each item is,
                                             a field of the name "" */
    };
    const struct schema_rule *rule;
    const char *def; /* default, as text of its shape ("30", "TCP", "true", "{}") */
    union {
        const char *merge_key;  /* lists: items are merged by it; NULL = atomic (or a set). By
                                   several: "port,protocol" (schema_key_next) */
        schema_format_fn *keys; /* maps: what each key must be */
    };
    const char *doc; /* gateway only */
};

/* Adds a mistake to the walk. `at` gives the line (NULL: the object's); `sub` is a path below the
 * object
 * ("ports[1].name"; "" or NULL: the object itself); cause as in diag.h. */
void schema_mistake(struct schema_walk *walk, const struct value *at, const char *sub,
                    const char *cause, const char *fmt, ...) printf_like(5, 6);

#define SCHEMA_SUB_LEN 320
/* Such a path to a key of a map, quoted where it is no word: "limits.cpu",
 * "limits[\"example.com/gpu\"]". Returns ret. */
const char *schema_sub_key(const char *map, const char *key, char ret[static SCHEMA_SUB_LEN]);

#define CAUSE_INVALID "FieldValueInvalid"
#define CAUSE_REQUIRED "FieldValueRequired"
#define CAUSE_NOT_SUPPORTED "FieldValueNotSupported"
#define CAUSE_TYPE "FieldValueTypeInvalid"
#define CAUSE_DUPLICATE "FieldValueDuplicate"
#define CAUSE_FORBIDDEN "FieldValueForbidden"
#define CAUSE_UNKNOWN "FieldUnknown"

struct schema_type {
    const char *name; /* "PodSpec" */
    const struct schema_field *fields;
    /* More than one, or (with union_required) none of the object's own fields is a mistake. */
    const char *union_of; /* what it is one of: "volume type"; NULL = not a union */
    bool union_required;
    bool open;    /* fields that it does not name are kept, and not looked into */
    bool or_bool; /* true or false will do in the place of an object */
    bool whole;   /* server-side apply takes or leaves it as a whole */
    /* What one field cannot say. Values may have any shape: read them with value.h's readers, and
     * be silent where a shape is wrong (that is told already). May be NULL. */
    void (*check)(const struct value *object, struct schema_walk *walk);
    /* Defaults that are not constant, after the constant ones. May be NULL. */
    void (*fill)(struct value *object);
    const char *doc; /* gateway only */
};

/* A printed column (kubectl's tables). One of path and cell. */
struct schema_column {
    const char *name; /* NULL ends a table */
    const char *type; /* "string", "integer", "boolean", "date" */
    int priority;     /* 0 always, 1 with -o wide */
    const char *path; /* "status.phase"; ".status.list[0].name": a JSONPath (jsonpath.h) */
    void (*cell)(const struct value *object, int64_t now_wall_ns, struct buf *ret);
    const char *doc;
    const char *none; /* of a path: shown where there is nothing; NULL: "<none>" */
};

enum schema_kind_flag {
    SCHEMA_KIND_STATUS = 1 << 0, /* has /status */
    SCHEMA_KIND_INERT = 1 << 1,  /* kept, but nothing acts on it yet: writers are warned */
    SCHEMA_KIND_CLOSED = 1 << 2, /* on its way out: no object of it is created any more */
    SCHEMA_KIND_CUSTOM = 1 << 3, /* people defined it: it may go (kinds_hold) */
    SCHEMA_KIND_FILLED = 1 << 4, /* its defaults may be younger than its objects, which get them as
                                    they are read */
};

/* /scale: where a kind has what autoscaling/v1 Scale shows. Paths ("spec.replicas"). */
struct schema_scale {
    const char *spec_replicas, *status_replicas;
    const char *selector; /* of a LabelSelector or a map of labels; NULL if there is none */
};

/* How objects of a volatile kind are kept: in memory alone, for a time, and not too many. */
struct schema_keep {
    int64_t ttl_s;      /* after the latest write of an object; 0 = no end */
    size_t max_objects; /* beyond either bound, what was written longest ago goes first; 0 = none */
    size_t max_bytes;
};

/* A field that fieldSelector knows, beyond metadata.name and metadata.namespace. */
struct schema_selectable {
    const char *name;  /* NULL ends a table */
    const char *path;  /* where its text, number or truth stands; NULL: at its name */
    const char *other; /* where it stands if not there; may be NULL */
    const char *none;  /* what it is where it stands nowhere; NULL: "" */
};

struct schema_kind {
    const char *group; /* "" = core */
    const char *version;
    const char *kind, *plural, *singular;
    const char *const *short_names; /* ends with NULL; may be NULL */
    bool namespaced;
    unsigned flags;                 /* enum schema_kind_flag */
    const struct schema_type *type; /* the root: metadata and what stands beside it */
    schema_format_fn *name;         /* what metadata.name must be */
    /* What an update may not do beyond changing immutable fields. May be NULL. */
    void (*check_update)(const struct value *old, const struct value *object,
                         struct schema_walk *walk);
    /* Gateway only: */
    /* A new object, checked and defaulted, with its uid and its first status: gives it what else
     * belongs to its kind. May be NULL. */
    void (*born)(struct value *object);
    const char *proto;             /* "k8s.io.api.core.v1.Pod" */
    const char *const *categories; /* ends with NULL; may be NULL */
    const struct schema_column *columns;
    const struct schema_keep *keep; /* NULL: on disk, for good */
    const struct schema_scale *scale;
    /* Another kind in whose form, and under whose group and plural, objects are stored: mostly
     * another version of this one, but Event is of two groups. NULL: this
     * one. The functions change an object's form in place (all but apiVersion, which the caller
     * sets); NULL: both versions have the same fields. Neither loses what the other has no word
     * for. */
    const struct schema_kind *stored;
    void (*to_stored)(struct value *object);
    void (*from_stored)(struct value *object);
    const struct schema_selectable *selectable; /* may be NULL */
    /* People want lists of it by time: paths, of which the first that is set is an object's. Ends
     * with NULL; may be NULL: by name. */
    const char *const *sorted_by;
    const struct schema_more *more; /* of the whole object; NULL: nothing */
    /* Never stored: what is asked of it is computed (controller/server/computed.h). The verbs that
     * it has, of create, get and list, in the order of the alphabet; ends with NULL. NULL: it is
     * stored, and has them all. */
    const char *const *computed;
    const char *deprecated; /* what who uses it is told; NULL: nothing */
};

/* The verbs of a kind as discovery names them; ends with NULL. */
const char *const *schema_verbs(const struct schema_kind *kind);
bool schema_has_verb(const struct schema_kind *kind, const char *verb);

/* "v1" or "apps/v1". ret holds 128 bytes; names of ours are shorter. */
const char *schema_api_version(const struct schema_kind *kind, char ret[static 128]);

/* Whether status is written by itself: not so of a kind that people defined without /status, where
 * it is a field like others. */
bool schema_status_apart(const struct schema_kind *kind);

/* The field of that JSON name, looked up through inline fields; NULL if there is none. */
const struct schema_field *schema_field_find(const struct schema_type *type, const char *name);
/* Walks all JSON fields in order, inline ones flattened: for (struct schema_fields it = {0};
 * (field = schema_fields_next(type, &it));) */
struct schema_fields {
    uint16_t at[4];
    uint8_t depth;
};
const struct schema_field *schema_fields_next(const struct schema_type *type,
                                              struct schema_fields *it);

#define SCHEMA_KEY_LEN 128
/* The names in a merge_key, one by one: for (const char *at = merge_key; schema_key_next(&at,
 * key);) False at the end. */
bool schema_key_next(const char **at, char ret[static SCHEMA_KEY_LEN]);
/* Whether two items of a list are one to that merge_key: they have all of it, and the same. */
bool schema_same_key(const char *merge_key, const struct value *a, const struct value *b);

enum schema_check_flag {
    SCHEMA_CHECK_STATUS = 1 << 0, /* look into status too; else it is skipped where it stands
                                     apart (users' is ignored) */
};
/* Every mistake of an object is added to diags: unknown fields (with the nearest name), shapes,
 * required fields, rules, unions, doubles, cross-field rules. apiVersion and kind must fit `kind`.
 * Returns 0 or -EINVAL (at least one mistake). The object may be hostile, within limits.h. */
nodiscard int schema_check(const struct schema_kind *kind, const struct value *object,
                           unsigned flags, struct diags *diags);
/* What an update may not do: changes of fields flagged immutable. Both objects are checked already.
 */
nodiscard int schema_check_update(const struct schema_kind *kind, const struct value *old,
                                  const struct value *object, struct diags *diags);
/* Adds Kubernetes' defaults, in place, to an object that schema_check passed: constants of the
 * tables, then fill functions; drops nulls of known fields, writes quantities in canonical form.
 * Status is left alone. Doing it twice changes nothing. */
void schema_default(const struct schema_kind *kind, struct value *object);
/* The same for a part of an object ("spec" of a template). */
void schema_default_type(const struct schema_type *type, struct value *value);

/* The canonical bytes of a value of that type: compact JSON, keys sorted, without nulls and without
 * fields that equal the table's default, so that a later version which learns a new default does
 * not see every object as changed. Equal bytes = the same meaning. Returns 0 or -E2BIG by the
 * buffer's cap. */
int schema_canonical(const struct schema_type *type, const struct value *value, struct buf *ret);
#define SCHEMA_HASH_LEN 64
/* SHA-256 of the canonical bytes, in hexadecimal, terminated. NULL hashes as an empty object. */
void schema_hash(const struct schema_type *type, const struct value *value,
                 char ret[static SCHEMA_HASH_LEN + 1]);

/* The line of what stands at a path as mistakes have it ("spec.containers[1].image",
 * "data[\"a.b\"]"), or of the nearest thing above that there is. 0 = unknown. */
int schema_line(const struct value *object, const char *path);

/* What a column shows of an object: "<none>" where there is nothing, an age ("5d3h") for dates. now
 * in nanoseconds since 1970. */
void schema_cell(const struct schema_column *column, const struct value *object,
                 int64_t now_wall_ns, struct buf *ret);
