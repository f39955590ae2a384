#include "controller/api/fit.h"

#include "common/base/buf.h"
#include "common/base/str.h"
#include "common/base/weaken.h"
#include "common/data/json.h"
#include "common/data/limits.h"
#include "controller/manifest/manifest.h"
#include "controller/api/meta.h"
#include "controller/api/status.h"
#include "controller/api/strategy.h"

#include <stdio.h>

/* No text grows by that on its way to a node: an object of less is not rendered to see. */
#define GROWTH 32
#define MARKS 128     /* deletionTimestamp, deletionGracePeriodSeconds */
#define NODE_NAME 288 /* spec.nodeName, of 253 bytes at most */

/* What the gateway may still add, in JSON and in YAML. */
static size_t to_come(const struct schema_kind *kind, const struct value *object)
{
    size_t bytes = meta_is_deleting(object) ? 0 : MARKS;
    bool bound = kind != &kind_pod || value_path(object, "spec", "nodeName", NULL);
    return bound ? bytes : bytes + NODE_NAME;
}

static size_t status_room(const struct schema_kind *kind, const struct value *object,
                          unsigned flags)
{
    const struct value *status = value_get(object, "status");
    cleanup(buf_done) struct buf text;
    buf_init(&text, 0);
    if (!(kind->flags & SCHEMA_KIND_STATUS) || (flags & API_STATUS))
        return 0;
    if (status)
        (void)json_write(status, &text);
    return text.len < FIT_STATUS ? FIT_STATUS - text.len : 0;
}

static struct value *refuse(const struct schema_kind *kind, const struct value *object,
                            const char *what)
{
    const char *name = object_name(object);
    struct value *status = status_of(413, kind, name, "%s \"%s\" is too large: %s", kind->kind,
                                     name ? name : "", what);
    struct value *cause = value_new_map();
    value_set_str(cause, "reason", "FieldValueTooLong");
    value_set_str(cause, "message", what);
    value_set_str(cause, "field", "");
    value_append(value_set(value_get(status, "details"), "causes", value_new_list()), cause);
    return status;
}

static struct value *check_values(const struct schema_kind *kind, const struct value *object,
                                  size_t json_len)
{
    int depth;
    char what[128];
    if (json_len < 2 * DATA_MAX_NODES || value_size(object, &depth) <= DATA_MAX_NODES)
        return NULL;
    snprintf(what, sizeof(what), "it has more than %d values", DATA_MAX_NODES);
    return refuse(kind, object, what);
}

static struct value *check_manifest(const struct schema_kind *kind, const struct value *object,
                                    unsigned flags, size_t json_len)
{
    char what[256];
    if ((flags & API_STATUS) || !strategy_travels(kind) || json_len < DATA_MAX_BYTES / GROWTH)
        return NULL;
    size_t len = manifest_size(object), room = to_come(kind, object);
    if (len <= DATA_MAX_BYTES - room || WEAKENED(FIT_MANIFEST))
        return NULL;
    snprintf(what, sizeof(what), "a node takes %zu bytes of YAML, %sit has %zu",
             DATA_MAX_BYTES - room, kind == &kind_secret ? "and sealed to one " : "and ", len);
    return refuse(kind, object, what);
}

struct value *fit_refusal(const struct schema_kind *kind, const struct value *object,
                          unsigned flags, size_t json_len)
{
    char what[256];
    size_t room = to_come(kind, object) + status_room(kind, object, flags);
    if (json_len > DATA_MAX_BYTES - room && !WEAKENED(FIT_ROOM)) {
        snprintf(what, sizeof(what),
                 "it may have %zu bytes of JSON, annotations included, and has %zu",
                 DATA_MAX_BYTES - room, json_len);
        return refuse(kind, object, what);
    }
    struct value *status = check_values(kind, object, json_len);
    return status ? status : check_manifest(kind, object, flags, json_len);
}
