#pragma once
/* A value tree: what JSON and YAML both become. Every value has one owner; maps keep the order of
 * their keys and refuse doubles; each value remembers the line it came from. Absent (NULL), null
 * and zero are three things. */

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum value_type {
    VALUE_NULL,
    VALUE_BOOL,
    VALUE_INT,    /* int64 */
    VALUE_FLOAT,  /* a finite double; numbers beyond int64 end here */
    VALUE_STRING, /* UTF-8 without NUL */
    VALUE_LIST,
    VALUE_MAP,
};

struct value;

struct value *value_new_null(void);
struct value *value_new_bool(bool b);
struct value *value_new_int(int64_t i);
struct value *value_new_float(double f);
struct value *value_new_str(const char *s);
struct value *value_new_strn(const char *s, size_t len);
struct value *value_adopt_str(char *s); /* takes s, which is on the heap */
struct value *value_new_list(void);
struct value *value_new_map(void);
void value_free(
    struct value *value); /* the whole tree; NULL is fine; not recursive beyond the depth cap */
struct value *value_copy(const struct value *value);
bool value_equal(const struct value *a,
                 const struct value *b); /* order of keys does not count; 1 != 1.0 */

enum value_type value_type(const struct value *value); /* VALUE_NULL for NULL */
const char *value_type_name(enum value_type type);     /* "string", "list", "map", ... */
int value_line(const struct value *value);             /* 1-based; 0 = unknown */
void value_set_line(struct value *value, int line);

/* Values of a tree, itself among them, and how deep its lists and maps are nested (a scalar: 0).
 * For comparison with limits.h: it stops counting soon beyond DATA_MAX_NODES. */
size_t value_size(const struct value *value, int *ret_depth);

/* Readers: NULL or a wrong type gives the default, so that lookups chain. */
bool value_bool(const struct value *value, bool def);
int64_t value_int(const struct value *value, int64_t def);
double value_float(const struct value *value, double def); /* an int is converted */
const char *value_str(const struct value *value);          /* NULL if not a string; borrowed */

/* Lists. Borrowed results. */
size_t value_len(const struct value *value); /* of a list or map; 0 for the rest */
struct value *value_at(const struct value *list,
                       size_t i); /* list item or map value; NULL if out */
bool value_has_str(const struct value *list, const char *s);         /* one of its items is it */
void value_append(struct value *list, struct value *item);           /* takes item */
void value_insert(struct value *list, size_t i, struct value *item); /* takes item */
void value_set_at(struct value *list, size_t i, struct value *item); /* takes item, frees the old */
void value_remove_at(struct value *list, size_t i);

/* Maps. Lookups are linear up to 16 keys and hashed beyond. Borrowed results. */
struct value *value_get(const struct value *map, const char *key); /* NULL if absent or not a map */
const char *value_key_at(const struct value *map, size_t i);
int value_key_line_at(const struct value *map, size_t i);
void value_set_key_line(struct value *map, const char *key, int line); /* absent: does nothing */
/* Takes item; replaces and frees an old one in its place. Returns item. */
struct value *value_set(struct value *map, const char *key, struct value *item);
void value_del(struct value *map, const char *key);
struct value *value_take(struct value *map,
                         const char *key); /* removes and gives away; NULL if absent */

/* Removes the items of a list or map whose keep[i] is false, in one pass. */
void value_retain(struct value *value, const bool *keep);

/* value_path(pod, "spec", "nodeName", NULL): through maps only. */
struct value *value_path(const struct value *value, ...) __attribute__((sentinel));
/* The map at that path, created (or put in place of a null) where missing. NULL if something on the
 * way is neither map nor null. */
struct value *value_make_map(struct value *map, ...) __attribute__((sentinel));
/* Shorthands for maps. */
const char *value_get_str(const struct value *map,
                          const char *key); /* NULL if absent or no string */
int64_t value_get_int(const struct value *map, const char *key, int64_t def);
bool value_get_bool(const struct value *map, const char *key, bool def);
void value_set_str(struct value *map, const char *key, const char *s); /* s NULL: deletes the key */
void value_set_int(struct value *map, const char *key, int64_t i);
void value_set_bool(struct value *map, const char *key, bool b);

#include "common/base/cleanup.h"
CLEANUP_DEFINE(struct value, value_free);
