#pragma once
/* How a client wants objects shown: as they are, as rows of a table, or their metadata alone. Pure,
 * but for reading the request. */

#include "controller/server/accept.h"
#include "controller/server/table.h"
#include "controller/http/url.h"

struct view {
    enum accept accept;
    enum table_include include; /* of tables */
};
/* NULL, or the Status for an includeObject that is none. */
struct value *view_parse_url(const struct url *url, enum accept accept, struct view *ret);
/* The object (or List) in that view; a Status stays what it is. Takes object. columns false: a
 * table without the definitions of its columns. */
struct value *view_make(const struct view *view, const struct schema_kind *kind,
                        struct value *object, bool columns, int64_t now_wall_ns);
/* What stands for one object in the view of a List: a row, its metadata, itself. Takes object. */
struct value *view_item(const struct view *view, const struct schema_kind *kind,
                        struct value *object, int64_t now_wall_ns);
/* What an object of that view says of itself: "Table", "meta.k8s.io/v1". The kind's own words for
 * plain objects. */
const char *view_kind(const struct view *view, const struct schema_kind *kind);
const char *view_api_version(const struct view *view, const struct schema_kind *kind,
                             char ret[static 128]);
