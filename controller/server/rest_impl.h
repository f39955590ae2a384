#pragma once
/* What rest.c, rest_list.c, stream.c and podstream.c share. */

#include "common/base/list.h"
#include "controller/http/pieces.h"
#include "controller/server/rest.h"
#include "controller/server/view.h"

/* The last event that was written out, for the next watcher of the same. */
struct frame {
    const struct schema_kind *kind;
    char type[12];
    char revision[24];
    struct buf text;
};

struct rest {
    struct rest_spec spec;
    struct list calls;        /* struct call: waiting for the API */
    size_t values;            /* that they hold as trees */
    struct list streams;      /* struct stream_watch */
    struct list podstreams;   /* struct pod_sink */
    struct list scrapes;      /* struct scrape: waiting for a node */
    struct pieces_line lists; /* answers under way */
    struct frame frame;
};

/* The object (or List) as the client asked for it. Takes object. */
struct value *view_of(const struct rest *rest, const struct view *view,
                      const struct schema_kind *kind, struct value *object, bool columns);
/* Reads includeObject; false after answering 400. */
bool view_parse(const struct ask *ask, struct view *ret);

struct api_ref ask_ref(const struct ask *ask);

/* rest_list.c: answers the GET of a collection. */
void rest_list(const struct ask *ask);
/* stream.c: answers ?watch=true. podstream.c: answers /log and /why. connect.c: /exec,
 * /attach and /portforward. */
void stream_watch_start(const struct ask *ask);
void stream_watches_free(struct rest *rest);
void podstream_start(const struct ask *ask);
/* Likewise: answers nodes/NAME/pull. */
void node_pull(const struct ask *ask);
void podstreams_end(struct rest *rest);
/* node_proxy.c: no scrape is answered any more. */
void node_proxy_end(struct rest *rest);
/* token_request.c: answers the POST of serviceaccounts/NAME/token. */
void token_request(const struct ask *ask);
void connect_start(const struct ask *ask);
