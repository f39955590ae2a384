#pragma once
/* The quotas of one namespace, and what each object of it takes of them: those that are stored, and
 * those whose writes are under way, which hold what they will take until they are through. In
 * memory, exact; no clock, no store. */

#include "controller/admission/quota_usage.h"

struct quota_book;
struct quota_book *quota_book_new(void);
void quota_book_free(struct quota_book *book);

/* A quota as it stands; spec is copied. Returns false if it is known with that spec already. */
bool quota_book_set(struct quota_book *book, const char *name, const struct value *spec);
void quota_book_drop(struct quota_book *book, const char *name);
size_t quota_book_count(const struct quota_book *book); /* of quotas */
/* Whether one of them counts objects of that kind. */
bool quota_book_concerns(const struct quota_book *book, const struct schema_kind *kind);

/* What an object takes now; usage NULL: it is gone. key names it ("<group>/<plural>/<name>"). usage
 * is taken over. Whatever its write held is free again. */
void quota_book_put(struct quota_book *book, const char *key, struct quota_usage *usage);
/* A write that failed: what it held is free again. */
void quota_book_cancel(struct quota_book *book, const char *key);
/* Whether an object may take that much, beyond what it takes already: if not, the reason is added
 * to ret ("exceeded quota: ..."). */
bool quota_book_allows(const struct quota_book *book, const char *key,
                       const struct quota_usage *usage, struct buf *ret);
/* Holds it until quota_book_put or quota_book_cancel. usage is taken over. */
void quota_book_hold(struct quota_book *book, const char *key, struct quota_usage *usage);

/* The spec of a quota, NULL if there is none; and what is used of it: of all that it limits. The
 * map is the caller's. */
const struct value *quota_book_spec(const struct quota_book *book, const char *name);
struct value *quota_book_used(const struct quota_book *book, const char *name);
/* for (size_t i = 0; quota_book_next(book, &i, &name, &spec);) */
bool quota_book_next(const struct quota_book *book, size_t *cursor, const char **ret_name,
                     const struct value **ret_spec);
/* Calls fn once for each quota of which more or less is used, or which is another, than when that
 * was asked last. */
void quota_book_changed(struct quota_book *book, void (*fn)(void *ctx, const char *name),
                        void *ctx);
